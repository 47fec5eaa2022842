package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	gate "faceproof/internal/admin"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/onboarding"
	"faceproof/internal/passkey"
	"faceproof/internal/passkey/passkeytest"
	"faceproof/internal/store"
	"faceproof/internal/webhook"
)

const (
	adminHost   = "id.example.org"
	adminOrigin = "https://id.example.org"
)

// people is a server with admins who log in, on a database of its own.
type people struct {
	*fixture
	db    *store.Store
	gate  *gate.Gate
	hooks *webhook.Desk
	from  string // the caller's address
	with  string // a cookie that it has already
}

func newPeople(t *testing.T, change ...func(*gate.Config)) *people {
	t.Helper()
	p := &people{from: "203.0.113.7:1000"}
	now := func() time.Time {
		if p.fixture == nil {
			return time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		}
		return time.UnixMilli(p.now.Load())
	}
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	check(t, err)
	p.db, err = store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "db"), Now: now})
	check(t, err)
	t.Cleanup(func() { _ = p.db.Close() })
	b, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	check(t, err)
	t.Cleanup(func() { _ = b.Close() })
	desk, err := onboarding.New(onboarding.Config{Store: p.db, Blobs: b, Now: now})
	check(t, err)
	site, err := passkey.New(adminHost, []string{adminOrigin})
	check(t, err)
	c := gate.Config{Store: p.db, Passkeys: site, Keys: ring, Now: now}
	for _, f := range change {
		f(&c)
	}
	p.gate, err = gate.New(c)
	check(t, err)
	p.hooks, err = webhook.NewDesk(p.db, ring, now)
	check(t, err)
	for _, id := range []faceproof.AppID{demoID, otherID} {
		check(t, p.db.CreateApp(t.Context(), faceproof.App{ID: id, Name: "示例", Notice: testNotice(), Permissions: faceproof.DefaultPermissions(), Alive: faceproof.AliveAuto}, keys.HashToken(testSecret)))
	}
	p.fixture = newFixture(t, func(c *Config) {
		c.Admin = &Admin{TokenHash: keys.HashToken(adminToken), Desk: desk, Gate: p.gate, Webhooks: p.hooks, Audit: p.db}
	})
	return p
}

// ask sends a request without a network in between.
func (p *people) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = p.from
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.server.ServeHTTP(w, r)
	return w
}

// person is somebody with a passkey.
type person struct {
	p      *people
	key    *passkeytest.Authenticator
	id     string
	cookie string
}

// invited enrols somebody with roles over HTTP.
func (p *people) invited(name string, roles []faceproof.Role, apps ...faceproof.AppID) *person {
	p.t.Helper()
	token, err := p.gate.Invite(p.t.Context(), name, roles, apps, "cli")
	check(p.t, err)
	x := &person{p: p, key: &passkeytest.Authenticator{Origin: adminOrigin, Host: adminHost}}
	x.finish("enrol", `{"invite":"`+token.Reveal()+`"}`, x.key.Create)
	return x
}

// login logs in.
func (x *person) login() int { return x.finish("login", "{}", x.key.Get) }

func (x *person) finish(kind, begin string, use func([]byte) ([]byte, error)) int {
	x.p.t.Helper()
	w := x.p.ask("POST", "/v1/admin/"+kind+"/begin", begin)
	var c ceremonyJSON
	if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &c) != nil {
		return w.Code
	}
	answer, err := use(c.Options)
	check(x.p.t, err)
	q, err := json.Marshal(finishJSON{c.Ceremony, answer})
	check(x.p.t, err)
	header := []string{}
	if x.p.with != "" {
		header = []string{"Cookie", x.p.with}
	}
	w = x.p.ask("POST", "/v1/admin/"+kind+"/finish", string(q), header...)
	if w.Code != 200 {
		return w.Code
	}
	var a adminAnswer
	check(x.p.t, json.Unmarshal(w.Body.Bytes(), &a))
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || !cookies[0].Secure || cookies[0].SameSite != http.SameSiteStrictMode || !strings.HasPrefix(cookies[0].Name, "__Host-") {
		x.p.t.Fatalf("cookies %v", cookies)
	}
	x.id, x.cookie = a.ID, cookies[0].Name+"="+cookies[0].Value
	return 200
}

// ask sends a request of a session.
func (x *person) ask(method, path, body string) (int, map[string]any) {
	x.p.t.Helper()
	w := x.p.ask(method, path, body, "Cookie", x.cookie)
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		x.p.t.Fatalf("%s %s: %d %q", method, path, w.Code, w.Body)
	}
	return w.Code, m
}

func TestSessions(t *testing.T) {
	p := newPeople(t)
	x := p.invited("甲", []faceproof.Role{faceproof.RoleOperator})
	if code, m := x.ask("GET", "/v1/admin/session", ""); code != 200 || m["name"] != "甲" || m["id"] != x.id {
		t.Fatal(code, m)
	}
	want := func(code int, why string) {
		t.Helper()
		if got, m := x.ask("GET", "/v1/admin/session", ""); got != code {
			t.Errorf("%s: %d %v", why, got, m)
		}
	}
	minute := time.Minute.Milliseconds()
	p.now.Add(14 * minute)
	want(200, "after 14 minutes")
	p.now.Add(15*minute + 1)
	want(401, "idle for 15 minutes")
	if code := x.login(); code != 200 {
		t.Fatal(code)
	}
	for range 47 { // busy all the time
		p.now.Add(10 * minute)
		want(200, "busy")
	}
	p.now.Add(10 * minute)
	want(401, "after 8 hours")
	if code := x.login(); code != 200 {
		t.Fatal(code)
	}
	old := x.cookie
	if code, _ := x.ask("POST", "/v1/admin/logout", "{}"); code != 200 {
		t.Error(code)
	}
	want(401, "logged out")
	x.cookie = "__Host-faceproof-admin=" + adminToken
	want(401, "the machine's token as a cookie")
	if x.login() != 200 || x.cookie == old {
		t.Error("a session's token was used twice")
	}
	// Somebody else ends him, and nobody ends himself.
	y := p.invited("乙", []faceproof.Role{faceproof.RoleOperator})
	if code, _ := y.ask("POST", "/v1/admin/admins/"+y.id+"/disable", "{}"); code != 409 {
		t.Errorf("himself: %d", code)
	}
	if code, _ := y.ask("POST", "/v1/admin/admins/"+x.id+"/disable", "{}"); code != 200 {
		t.Error(code)
	}
	want(401, "disabled")
	if code := x.login(); code != 401 {
		t.Errorf("a disabled admin logs in: %d", code)
	}
	if strings.Contains(p.log.String(), strings.TrimPrefix(y.cookie, sessionCookie+"=")) {
		t.Error("the log holds a session")
	}
}

// An invitation makes one admin; a ceremony is used once.
func TestInvitations(t *testing.T) {
	p := newPeople(t)
	token, err := p.gate.Invite(t.Context(), "甲", []faceproof.Role{faceproof.RoleOperator}, nil, "cli")
	check(t, err)
	begin := `{"invite":"` + token.Reveal() + `"}`
	x := &person{p: p, key: &passkeytest.Authenticator{Origin: adminOrigin, Host: adminHost}}
	if code := x.finish("enrol", begin, x.key.Create); code != 200 {
		t.Fatal(code)
	}
	if w := p.ask("POST", "/v1/admin/enrol/begin", begin); w.Code != 401 {
		t.Errorf("twice: %d %s", w.Code, w.Body)
	}
	late, err := p.gate.Invite(t.Context(), "乙", []faceproof.Role{faceproof.RoleOperator}, nil, "cli")
	check(t, err)
	p.now.Add(gate.InviteTime.Milliseconds() + 1)
	if w := p.ask("POST", "/v1/admin/enrol/begin", `{"invite":"`+late.Reveal()+`"}`); w.Code != 401 {
		t.Errorf("late: %d", w.Code)
	}
	var c ceremonyJSON
	w := p.ask("POST", "/v1/admin/login/begin", "{}")
	check(t, json.Unmarshal(w.Body.Bytes(), &c))
	answer, err := x.key.Get(c.Options)
	check(t, err)
	q, err := json.Marshal(finishJSON{c.Ceremony, answer})
	check(t, err)
	for i, want := range []int{200, 401} {
		if w := p.ask("POST", "/v1/admin/login/finish", string(q)); w.Code != want {
			t.Errorf("use %d: %d %s", i, w.Code, w.Body)
		}
	}
	for _, bad := range []string{"", "x", c.Ceremony + "A", c.Ceremony[1:]} {
		q, err := json.Marshal(finishJSON{bad, answer})
		check(t, err)
		if w := p.ask("POST", "/v1/admin/login/finish", string(q)); w.Code != 401 {
			t.Errorf("ceremony %q: %d", bad, w.Code)
		}
	}
	for _, bad := range []struct {
		name  string
		roles []faceproof.Role
	}{{"", []faceproof.Role{faceproof.RoleAuditor}}, {"a\nb", []faceproof.Role{faceproof.RoleAuditor}}, {"a", nil}, {"a", []faceproof.Role{"root"}}, {"a", []faceproof.Role{faceproof.RoleAuditor, faceproof.RoleAuditor}}} {
		if _, err := p.gate.Invite(t.Context(), bad.name, bad.roles, nil, "cli"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// One admin changes no policy, opens no images and makes no second admin.
func TestTwoPeople(t *testing.T) {
	p := newPeople(t)
	both := []faceproof.Role{faceproof.RoleOperator, faceproof.RoleCustodian}
	x, y := p.invited("甲", both), p.invited("乙", []faceproof.Role{faceproof.RoleCustodian})
	z := p.invited("丙", both, otherID) // of another app
	app := "/v1/admin/apps/" + string(demoID)
	has := func() (loose bool, images bool) {
		a, _, err := p.db.App(t.Context(), demoID)
		check(t, err)
		return a.Reading.MinLevel == faceproof.LevelLow, a.Has(faceproof.PermGetImage)
	}
	for _, c := range []struct{ path, body, action string }{
		{app + "/reading", `{"reading":{"min_level":"low"},"reason":"试点"}`, actionReading},
		{app + "/switch", `{"permissions":["getimage"],"on":true,"reason":"取证"}`, actionSwitch},
		{"/v1/admin/invites", `{"name":"丁","roles":["operator"],"reason":"轮班"}`, actionInvite},
		{"/v1/admin/imports", `{"digest":"` + strings.Repeat("0f", 32) + `","people":3,"replace":true,"reason":"补录"}`, faceproof.ActionImport},
	} {
		code, m := x.ask("POST", c.path, c.body)
		if code != 202 || m["state"] != "open" || m["action"] != c.action {
			t.Fatal(c.path, code, m)
		}
		one := "/v1/admin/proposals/" + m["id"].(string) + "/decide"
		if code, m := x.ask("POST", one, `{"agree":true}`); code != 403 {
			t.Errorf("%s: the same person agrees: %d %v", c.action, code, m)
		}
		if code, _ := z.ask("POST", one, `{"agree":true}`); code != 403 {
			t.Errorf("%s: somebody of another app agrees: %d", c.action, code)
		}
		if w := p.ask("POST", one, `{"agree":true}`, "Authorization", "Bearer "+adminToken); w.Code != 403 {
			t.Errorf("%s: the machine agrees: %d", c.action, w.Code)
		}
		if loose, images := has(); c.action == actionReading && loose || c.action == actionSwitch && images {
			t.Errorf("%s is done by one person", c.action)
		}
		code, m = y.ask("POST", one, `{"agree":true}`)
		if code != 200 || m["state"] != "done" || (c.action == actionInvite) != (m["invite"] != nil) {
			t.Errorf("%s: %d %v", c.action, code, m)
		}
		if code, _ := y.ask("POST", one, `{"agree":true}`); code != 409 {
			t.Errorf("%s: twice: %d", c.action, code)
		}
	}
	if loose, images := has(); !loose || !images {
		t.Error("what two people agreed to is not done")
	}
	// Refused, and too late.
	_, m := x.ask("POST", app+"/reading", `{"reading":{},"reason":"还原"}`)
	one := "/v1/admin/proposals/" + m["id"].(string) + "/decide"
	if code, m := y.ask("POST", one, `{"agree":false}`); code != 200 || m["state"] != "refused" {
		t.Error(code, m)
	}
	_, m = x.ask("POST", app+"/reading", `{"reading":{},"reason":"还原"}`)
	one = "/v1/admin/proposals/" + m["id"].(string) + "/decide"
	p.now.Add(gate.ProposalTime.Milliseconds() + 1)
	if y.login() != 200 {
		t.Fatal("log in")
	}
	if code, m := y.ask("POST", one, `{"agree":true}`); code != 409 {
		t.Error(code, m)
	}
	for _, body := range []string{`{"reading":{},"reason":""}`, `{"reading":{"min_level":"none"},"reason":"x"}`, `{"reading":{},"reason":"a\nb"}`, `{}`} {
		if x.login() != 200 {
			t.Fatal("log in")
		}
		if code, m := x.ask("POST", app+"/reading", body); code != 400 {
			t.Errorf("%s: %d %v", body, code, m)
		}
	}
}
