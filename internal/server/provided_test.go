package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
	gate "faceproof/internal/admin"
	"faceproof/internal/audit"
	"faceproof/internal/oidc"
	"faceproof/internal/oidc/oidctest"
)

// provided is a server whose admins may log in by an identity provider.
type provided struct {
	*people
	idp *oidctest.Provider
	cfg gate.Config
}

func newProvided(t *testing.T) *provided {
	t.Helper()
	x := &provided{}
	x.people = newPeople(t, func(c *gate.Config) {
		x.idp = oidctest.New(c.Now)
		t.Cleanup(x.idp.Close)
		site, err := oidc.New(oidc.Config{Issuer: x.idp.URL, ClientID: oidctest.ClientID, Secret: func() (faceproof.Token, error) { return faceproof.NewToken(oidctest.Secret), nil },
			Redirect: adminOrigin + OIDCCallback, Claim: "groups", Client: x.idp.Client("127.0.0.0/8"), Now: c.Now,
			Roles: map[string][]faceproof.Role{"ops": {faceproof.RoleOperator}, "keys": {faceproof.RoleCustodian}, "audit": {faceproof.RoleAuditor}}})
		check(t, err)
		c.Provider = site
		x.cfg = *c
	})
	x.server.cfg.Denied = audit.NewDenials(x.db).Record
	return x
}

// browser is one of somebody's: what it holds between begin and callback.
type browser struct {
	x       *provided
	attempt string // cookie
	session string // cookie
	query   url.Values
}

// begin goes to the provider and logs in there.
func (x *provided) begin(invite, subject string, groups ...string) *browser {
	x.t.Helper()
	return x.beginWith(invite, subject, map[string]any{"groups": groups, "email": "same@example.org"})
}

// beginWith is begin with claims of its own.
func (x *provided) beginWith(invite, subject string, claims map[string]any) *browser {
	x.t.Helper()
	x.now.Add(4000)
	body, err := json.Marshal(map[string]string{"invite": invite})
	check(x.t, err)
	w := x.ask("POST", "/v1/admin/oidc/begin", string(body), "Sec-Fetch-Site", "same-origin")
	var m map[string]string
	if w.Code != 200 || json.Unmarshal(w.Body.Bytes(), &m) != nil {
		x.t.Fatalf("begin: %d %s", w.Code, w.Body)
	}
	c := w.Result().Cookies()
	if len(c) != 1 || !strings.HasPrefix(c[0].Name, "__Host-") || !c[0].Secure || !c[0].HttpOnly || c[0].SameSite != http.SameSiteLaxMode || c[0].Path != "/" || c[0].Domain != "" || c[0].MaxAge != 300 {
		x.t.Fatalf("cookie %v", c)
	}
	return &browser{x: x, attempt: c[0].Name + "=" + c[0].Value, query: x.idp.LogIn(m["address"], subject, claims)}
}

// back comes back from the provider, as its page sends a browser, and gives the
// word that the page is told: "" when somebody is in.
func (b *browser) back() string {
	b.x.t.Helper()
	b.x.now.Add(4000)
	w := b.x.ask("GET", OIDCCallback+"?"+b.query.Encode(), "", "Cookie", b.attempt, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	return b.came(w)
}

func (b *browser) came(w *httptest.ResponseRecorder) string {
	b.x.t.Helper()
	to := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/admin/") || strings.Contains(to, "?") || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() > 0 {
		b.x.t.Fatalf("%d %q %v", w.Code, w.Body, w.Header())
	}
	b.session = ""
	for _, c := range w.Result().Cookies() {
		switch {
		case c.Name == attemptCookie && c.MaxAge < 0:
		case c.Name == sessionCookie && c.HttpOnly && c.Secure && c.SameSite == http.SameSiteStrictMode:
			b.session = c.Name + "=" + c.Value
		default:
			b.x.t.Errorf("cookie %v", c)
		}
	}
	_, word, failed := strings.Cut(to, "#login=")
	if failed == (b.session != "") {
		b.x.t.Errorf("%s with session %q", to, b.session)
	}
	return word
}

// ask asks as whoever is logged in.
func (b *browser) ask(method, path, body string) (int, map[string]any) {
	b.x.t.Helper()
	return (&person{p: b.x.people, cookie: b.session}).ask(method, path, body)
}

func (x *provided) invite(name string, roles ...faceproof.Role) string {
	x.t.Helper()
	token, err := x.gate.Invite(x.t.Context(), name, roles, nil, "cli")
	check(x.t, err)
	return token.Reveal()
}

// rows gives the audit log from a number on, a word for each row.
func (x *provided) rows(from int64) (out []string) {
	x.t.Helper()
	log, err := x.db.AuditLog(x.t.Context(), from+1, 100)
	check(x.t, err)
	for _, e := range log {
		out = append(out, strings.TrimSpace(strings.Join([]string{e.Actor, e.Action, e.Detail}, " ")))
	}
	return out
}

func (x *provided) size() int64 {
	n, err := x.db.AuditSize(x.t.Context())
	check(x.t, err)
	return n
}

// An invitation and the provider's word make an admin; the word alone makes none,
// and never gives a role that the invitation does not.
func TestProvidedAdmins(t *testing.T) {
	x := newProvided(t)
	if w := x.ask("GET", "/v1/admin/login", ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"oidc":true,"passkeys":true}` {
		t.Error(w.Code, w.Body)
	}
	from := x.size()
	if word := x.begin("", "u-1", "ops", "keys").back(); word != "forbidden" {
		t.Errorf("nobody invited: %q", word)
	}
	if got := x.rows(from); !slices.Equal(got, []string{"anyone denied forbidden"}) {
		t.Errorf("%q", got)
	}
	// Without a role the invitation stays good.
	invite := x.invite("甲", faceproof.RoleOperator, faceproof.RoleCustodian)
	for _, groups := range [][]string{nil, {"staff"}, {"audit"}} {
		if word := x.begin(invite, "u-1", groups...).back(); word != "forbidden" {
			t.Errorf("%v: %q", groups, word)
		}
	}
	from = x.size()
	a := x.begin(invite, "u-1", "ops", "keys", "audit")
	if word := a.back(); word != "" {
		t.Fatal(word)
	}
	_, me := a.ask("GET", "/v1/admin/session", "")
	id, _ := me["id"].(string)
	if me["issuer"] != x.idp.URL || len(me["roles"].([]any)) != 2 || me["name"] != "甲" {
		t.Errorf("%v", me)
	}
	if got, want := x.rows(from), []string{`admin:` + id + ` admin.enrol ["operator","key-custodian"]`, "admin:" + id + " admin.login oidc"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if code, _ := a.ask("GET", "/v1/admin/audit", ""); code != 403 {
		t.Errorf("the provider gave a role that nobody here did: %d", code)
	}
	if w := x.ask("POST", "/v1/admin/oidc/begin", `{"invite":"`+invite+`"}`); w.Code != 401 {
		t.Errorf("an invitation twice: %d", w.Code)
	}
	// Again, with fewer groups: at once for the session of before too.
	b := x.begin("", "u-1", "keys")
	if word := b.back(); word != "" {
		t.Fatal(word)
	}
	for _, s := range []*browser{a, b} {
		if code, m := s.ask("POST", "/v1/admin/apps/"+string(demoID)+"/quota", `{"daily_calls":1}`); code != 403 {
			t.Errorf("a role that the provider took away: %d %v", code, m)
		}
		if code, _ := s.ask("GET", "/v1/admin/proposals", ""); code != 200 {
			t.Error(code)
		}
	}
	from = x.size()
	if word := x.begin("", "u-1", "staff").back(); word != "forbidden" {
		t.Errorf("no group left: %q", word)
	}
	if got := x.rows(from); !slices.Equal(got, []string{"admin:" + id + " denied forbidden"}) {
		t.Errorf("%q", got)
	}
	from = x.size()
	if code, _ := b.ask("POST", "/v1/admin/logout", "{}"); code != 200 {
		t.Error(code)
	}
	if got := x.rows(from); !slices.Equal(got, []string{"admin:" + id + " admin.logout"}) {
		t.Errorf("%q", got)
	}
	if code, _ := b.ask("GET", "/v1/admin/session", ""); code != 401 {
		t.Error("still in")
	}
	// Disabled, and for good.
	check(t, x.db.DisableAdmin(t.Context(), id, "cli"))
	if word := x.begin("", "u-1", "ops").back(); word != "forbidden" {
		t.Errorf("a disabled admin: %q", word)
	}
	if word := x.begin(x.invite("甲", faceproof.RoleOperator), "u-1", "ops").back(); word != "conflict" {
		t.Errorf("another admin of the same person: %q", word)
	}
}

// Two people are two subjects: one subject is one admin, whatever the browser.
func TestProvidedTwoPeople(t *testing.T) {
	x := newProvided(t)
	both := []faceproof.Role{faceproof.RoleOperator, faceproof.RoleCustodian}
	first, second := x.begin(x.invite("甲", both...), "u-1", "ops", "keys"), x.begin(x.invite("乙", both...), "u-2", "ops", "keys")
	if a, b := first.back(), second.back(); a+b != "" {
		t.Fatal(a, b)
	}
	if word := x.begin(x.invite("甲二", both...), "u-1", "ops", "keys").back(); word != "conflict" {
		t.Errorf("one subject, two admins: %q", word)
	}
	again := x.begin("", "u-1", "ops", "keys")
	if word := again.back(); word != "" {
		t.Fatal(word)
	}
	code, m := first.ask("POST", "/v1/admin/apps/"+string(demoID)+"/reading", `{"reading":{"min_level":"low"},"reason":"试点"}`)
	if code != 202 {
		t.Fatal(code, m)
	}
	one := "/v1/admin/proposals/" + m["id"].(string) + "/decide"
	for _, same := range []*browser{first, again} {
		if code, _ := same.ask("POST", one, `{"agree":true}`); code != 403 {
			t.Errorf("the same subject agrees: %d", code)
		}
	}
	if code, m := second.ask("POST", one, `{"agree":true}`); code != 200 || m["state"] != "done" {
		t.Error(code, m)
	}
	// A server that believes another provider, or none, ends these sessions.
	token := strings.TrimPrefix(second.session, sessionCookie+"=")
	if _, err := x.gate.Who(t.Context(), token); err != nil {
		t.Error(err)
	}
	c := x.cfg
	c.Provider = nil
	without, err := gate.New(c)
	check(t, err)
	if _, err := without.Who(t.Context(), token); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
		t.Errorf("without the provider: %v", err)
	}
}

// What comes back is held to the browser that began, to its attempt, to one use
// and to five minutes.
func TestProvidedBinding(t *testing.T) {
	x := newProvided(t)
	mine := x.begin(x.invite("甲", faceproof.RoleOperator), "u-1", "ops")
	if word := mine.back(); word != "" {
		t.Fatal(word)
	}
	session := mine.session
	if word := mine.back(); word != "unauthenticated" {
		t.Errorf("the same answer twice: %q", word)
	}
	victim, attacker := x.begin("", "u-1", "ops"), x.begin("", "evil", "ops")
	for name, b := range map[string]*browser{
		"another browser's cookie": {x: x, attempt: attacker.attempt, query: victim.query},
		"another's answer":         {x: x, attempt: victim.attempt, query: attacker.query}, // log-in CSRF
		"no cookie":                {x: x, query: victim.query},
		"a forged cookie":          {x: x, attempt: attemptCookie + "=AAAA", query: victim.query},
		"an empty cookie":          {x: x, attempt: attemptCookie + "=", query: victim.query},
		"nothing":                  {x: x, attempt: victim.attempt},
		"the passkeys' ceremony":   {x: x, attempt: attemptCookie + "=" + x.passkeyCeremony(), query: victim.query},
	} {
		if word := b.back(); word != "unauthenticated" {
			t.Errorf("%s: %q", name, word)
		}
	}
	for _, bad := range []string{"state=" + victim.query.Get("state") + "&" + victim.query.Encode(), "%zz", "code=" + strings.Repeat("x", 5000)} {
		x.now.Add(4000)
		if word := victim.came(x.ask("GET", OIDCCallback+"?"+bad, "", "Cookie", victim.attempt)); word != "invalid" {
			t.Errorf("%.20s: %q", bad, word)
		}
	}
	// What others sent has ended nothing.
	if word := victim.back(); word != "" {
		t.Errorf("the victim's own: %q", word)
	}
	late := x.begin("", "u-1", "ops")
	x.now.Add(5*time.Minute.Milliseconds() + 1)
	if word := late.back(); word != "unauthenticated" {
		t.Errorf("late: %q", word)
	}
	for _, secret := range []string{oidctest.Secret, victim.query.Get("code"), victim.query.Get("state"), strings.TrimPrefix(victim.attempt, attemptCookie+"="), strings.TrimPrefix(session, sessionCookie+"=")} {
		if secret == "" || strings.Contains(x.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func (x *provided) passkeyCeremony() string {
	x.t.Helper()
	_, sealed, err := x.gate.BeginLogin()
	check(x.t, err)
	return sealed
}

// Wrong answers are counted as wrong passkeys are, and stop no session.
func TestProvidedGuesses(t *testing.T) {
	x := newProvided(t)
	mine := x.begin(x.invite("甲", faceproof.RoleOperator), "u-1", "ops")
	if word := mine.back(); word != "" {
		t.Fatal(word)
	}
	b := x.begin("", "u-1", "ops")
	words := map[string]int{}
	for range 200 {
		x.now.Add(100)
		words[b.came(x.ask("GET", OIDCCallback+"?state=x&code=x", "", "Cookie", b.attempt))]++
	}
	if words["unauthenticated"] == 0 || words["rate_limited"] < 100 || len(words) != 2 {
		t.Errorf("%v", words)
	}
	if code, _ := mine.ask("GET", "/v1/admin/session", ""); code != 200 {
		t.Errorf("the owner: %d", code)
	}
	if x.idp.Asked["/token"] != 1 {
		t.Errorf("the provider was asked %d times", x.idp.Asked["/token"])
	}
	x.now.Add(10_000)
	if word := b.back(); word != "" {
		t.Errorf("after waiting: %q", word)
	}
}

// A provider that is down is told as that, to the person and in the log, refuses
// nobody, and lets passkeys be.
func TestProviderDown(t *testing.T) {
	x := newProvided(t)
	key := x.invited("乙", []faceproof.Role{faceproof.RoleOperator})
	b := x.begin(x.invite("甲", faceproof.RoleOperator), "u-1", "ops")
	x.idp.Down["/token"] = true
	from := x.size()
	if word := b.back(); word != "unavailable" {
		t.Errorf("%q", word)
	}
	if rows := x.rows(from); len(rows) != 0 {
		t.Errorf("a failure is no refusal: %q", rows)
	}
	if !strings.Contains(x.log.String(), "the identity provider is out of order") {
		t.Error("the log does not say why")
	}
	x.now.Add(2 * time.Hour.Milliseconds())
	x.idp.Close()
	w := x.ask("POST", "/v1/admin/oidc/begin", "{}")
	if w.Code != 503 || !strings.Contains(w.Body.String(), "the identity provider does not answer") || len(w.Result().Cookies()) != 0 {
		t.Error(w.Code, w.Body)
	}
	if code := key.login(); code != 200 {
		t.Errorf("a passkey: %d", code)
	}
	// Off by default.
	p := newPeople(t)
	if w := p.ask("POST", "/v1/admin/oidc/begin", "{}"); w.Code != 404 {
		t.Error(w.Code, w.Body)
	}
	if w := p.ask("GET", "/v1/admin/login", ""); !strings.Contains(w.Body.String(), `"oidc":false`) {
		t.Error(w.Body)
	}
}
