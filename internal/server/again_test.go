package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// dangerous are the routes that need a fresh log-in, said once more by hand.
var dangerous = []string{
	"POST /v1/admin/admins/{admin}/disable", "POST /v1/admin/admins/{admin}/recover", "POST /v1/admin/invites", "POST /v1/admin/imports", "POST /v1/admin/proposals/{proposal}/decide", "GET /v1/admin/audit",
	"GET /v1/admin/applications/{id}/licences/{licence}", "POST /v1/admin/applications/{id}/review", "POST /v1/admin/apps/{app}/switch", "POST /v1/admin/apps/{app}/origins",
	"POST /v1/admin/apps/{app}/secret", "POST /v1/admin/apps/{app}/webhook", "POST /v1/admin/apps/{app}/reading",
}

// A session that is five minutes old may do what is harmless, and nothing of the
// list, until the passkey is shown again; the old session ends by that.
func TestStepUp(t *testing.T) {
	p := newPeople(t)
	all := []faceproof.Role{faceproof.RoleOperator, faceproof.RoleReviewer, faceproof.RoleAuditor, faceproof.RoleCustodian}
	proposer, x := p.invited("提", all), p.invited("甲", all)
	o := p.newObjects(demoID, proposer)
	refused := func(pattern string) bool {
		method, _, _ := strings.Cut(pattern, " ")
		w := p.ask(method, o.path(pattern), `{"none":1}`, "Cookie", x.cookie)
		if w.Code == http.StatusUnauthorized {
			t.Fatalf("%s: the session is over", pattern)
		}
		return w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), `"step_up"`)
	}
	p.now.Add(faceproof.FreshTime.Milliseconds())
	for _, d := range dangerous {
		if refused(d) {
			t.Errorf("%s is refused after five minutes", d)
		}
	}
	p.now.Add(1)
	want := map[string]bool{}
	for _, d := range dangerous {
		want[d] = true
	}
	for pattern, a := range accesses {
		if a.who == forAdmin && pattern != "POST /v1/admin/logout" && refused(pattern) != want[pattern] {
			t.Errorf("%s: refused is not %t", pattern, want[pattern])
		}
	}
	// The machine's token is a file on the machine, and not a session.
	if w := p.ask("POST", o.path("POST /v1/admin/apps/{app}/secret"), `{"none":1}`, "Authorization", "Bearer "+adminToken); w.Code == http.StatusForbidden {
		t.Errorf("the machine: %d %s", w.Code, w.Body)
	}
	old := x.cookie
	if code := x.again(); code != 200 || x.cookie == old {
		t.Fatalf("again: %d", code)
	}
	if w := p.ask("GET", "/v1/admin/session", "", "Cookie", old); w.Code != http.StatusUnauthorized {
		t.Errorf("the old session is good for %d", w.Code)
	}
	for _, d := range dangerous {
		if refused(d) {
			t.Errorf("%s is refused after the passkey was shown again", d)
		}
	}
	// Work alone makes no session fresh.
	for range 5 {
		p.now.Add(2 * time.Minute.Milliseconds())
		x.ask("GET", "/v1/admin/session", "")
	}
	if !refused("GET /v1/admin/audit") {
		t.Error("a busy session is fresh")
	}
}

// again logs in with the session's cookie still in the browser.
func (x *person) again() int {
	x.p.with = x.cookie
	defer func() { x.p.with = "" }()
	return x.login()
}

// By a provider a log-in is fresh for as long as the person's own log-in there is,
// and never where the provider does not say when that was.
func TestStepUpByProvider(t *testing.T) {
	x := newProvided(t)
	invite, err := x.gate.Invite(t.Context(), "审计", []faceproof.Role{faceproof.RoleAuditor}, nil, "cli")
	check(t, err)
	now := func() int64 { return x.now.Load() / 1000 }
	for i, c := range []struct {
		auth any // auth_time
		want int
	}{{now(), 200}, {now() - 240, 200}, {now() - 400, 403}, {nil, 403}, {"now", 403}, {now() + 3600, 403}, {-1, 403}} {
		token := ""
		if i == 0 {
			token = invite.Reveal()
		}
		b := x.beginWith(token, "a", map[string]any{"groups": []string{"audit"}, "auth_time": c.auth})
		if word := b.back(); word != "" {
			t.Fatalf("%v: %q", c.auth, word)
		}
		w := x.ask("GET", "/v1/admin/audit", "", "Cookie", b.session)
		if w.Code != c.want || c.want == 403 && !strings.Contains(w.Body.String(), `"step_up"`) {
			t.Errorf("logged in there at %v: %d %s", c.auth, w.Code, w.Body)
		}
	}
}

// Whoever has lost their passkey is let in again by two key custodians, with what
// they had and no more; not by one, not by another role, not by themselves.
func TestRecover(t *testing.T) {
	p := newPeople(t)
	operator, custodian := []faceproof.Role{faceproof.RoleOperator}, []faceproof.Role{faceproof.RoleCustodian}
	lost, one := p.invited("主", operator), p.invited("钥一", custodian)
	path := "/v1/admin/admins/" + lost.id + "/recover"
	if code, m := one.ask("POST", path, `{"reason":"passkey lost"}`); code != 503 || !strings.Contains(m["message"].(string), "machine itself") {
		t.Errorf("one custodian: %d %v", code, m)
	}
	two, bound, other := p.invited("钥二", custodian), p.invited("钥三", custodian, demoID), p.invited("管", operator)
	for who, want := range map[*person]int{other: 403, bound: 403, lost: 403} {
		if code, m := who.ask("POST", path, `{"reason":"x"}`); code != want {
			t.Errorf("%s asks: %d %v", who.id, code, m)
		}
	}
	for _, c := range []struct {
		path, body string
		want       int
	}{{path, `{}`, 400}, {path, `{"reason":"x","roles":["operator"]}`, 400}, {"/v1/admin/admins/" + one.id + "/recover", `{"reason":"x"}`, 409}, {"/v1/admin/admins/ad_0123456789abcdef/recover", `{"reason":"x"}`, 404},
		{"/v1/admin/admins/" + two.id + "/recover", `{"reason":"x"}`, 503}} {
		if code, m := one.ask("POST", c.path, c.body); code != c.want {
			t.Errorf("%s %s: %d %v", c.path, c.body, code, m)
		}
	}
	propose := func() string {
		t.Helper()
		code, m := one.ask("POST", path, `{"reason":"passkey lost"}`)
		if code != 202 {
			t.Fatalf("%d %v", code, m)
		}
		return "/v1/admin/proposals/" + m["id"].(string) + "/decide"
	}
	decide := propose()
	for who, want := range map[*person]int{one: 403, other: 403, lost: 403, bound: 403} {
		if code, m := who.ask("POST", decide, `{"agree":true}`); code != want {
			t.Errorf("%s agrees: %d %v", who.id, code, m)
		}
	}
	// Who is said to be lost and is there may refuse.
	if code, m := lost.ask("POST", decide, `{"agree":false}`); code != 200 || m["state"] != "refused" {
		t.Errorf("refused by the one it is about: %d %v", code, m)
	}
	if code, _ := two.ask("POST", decide, `{"agree":true}`); code != 409 {
		t.Errorf("agreed after that: %d", code)
	}
	code, m := two.ask("POST", propose(), `{"agree":true}`)
	invite, _ := m["invite"].(string)
	if code != 200 || m["state"] != "done" || invite == "" {
		t.Fatalf("two custodians: %d %v", code, m)
	}
	if w := p.ask("GET", "/v1/admin/session", "", "Cookie", lost.cookie); w.Code != 401 {
		t.Errorf("the old session: %d", w.Code)
	}
	if code := lost.login(); code != 401 {
		t.Errorf("the old passkey: %d", code)
	}
	back := &person{p: p, key: lost.key}
	if code := back.finish("enrol", `{"invite":"`+invite+`"}`, back.key.Create); code != 200 {
		t.Fatal(code)
	}
	if code, m := back.ask("GET", "/v1/admin/session", ""); code != 200 || m["name"] != "主" || len(m["roles"].([]any)) != 1 || m["roles"].([]any)[0] != "operator" {
		t.Errorf("%d %v", code, m)
	}
	rows, err := p.db.AuditLog(t.Context(), 1, 1000)
	check(t, err)
	said := map[string]string{}
	for _, r := range rows {
		said[r.Action] = r.Actor
	}
	if said["admin.disable"] != "admin:"+two.id || said["admin.invite"] != "admin:"+two.id || said["proposal.approved"] != "admin:"+two.id {
		t.Errorf("the audit log says %v", said)
	}
}
