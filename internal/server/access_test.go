package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
)

// rights says once more who may do what, by hand: o operator, r reviewer, a
// auditor, k key custodian, m the machine's token, and after a slash who may of
// those that belong to one app, for that app's things. A route of the admin API
// that is not here may be used by nobody.
var rights = map[string]string{
	"GET /v1/admin/session": "orak/orak", "POST /v1/admin/logout": "orak/orak",
	"GET /v1/admin/admins": "oa/", "POST /v1/admin/admins/{admin}/disable": "o/", "POST /v1/admin/invites": "o/", "POST /v1/admin/imports": "o/", "POST /v1/admin/admins/{admin}/recover": "k/",
	"GET /v1/admin/proposals": "oak/oak", "POST /v1/admin/proposals/{proposal}/decide": "ok/ok",
	"GET /v1/admin/audit": "a/", "GET /v1/admin/webhooks": "oam/oa", "POST /v1/admin/webhooks/{event}/replay": "om/o",
	"GET /v1/admin/categories": "oram/ora", "GET /v1/admin/applications": "oram/", "POST /v1/admin/applications": "om/",
	"GET /v1/admin/applications/{id}": "oram/", "PUT /v1/admin/applications/{id}": "om/", "POST /v1/admin/applications/{id}/licences/{kind}": "om/",
	"GET /v1/admin/applications/{id}/licences/{licence}": "rm/", "POST /v1/admin/applications/{id}/submit": "om/", "POST /v1/admin/applications/{id}/review": "rm/",
	"POST /v1/admin/apps/{app}/switch": "om/o", "POST /v1/admin/apps/{app}/quota": "om/o", "POST /v1/admin/apps/{app}/origins": "om/o",
	"POST /v1/admin/apps/{app}/secret": "om/o", "POST /v1/admin/apps/{app}/webhook": "om/o", "POST /v1/admin/apps/{app}/reading": "o/o",
}

// objects are what the paths of the matrix name, of one app.
type objects struct{ app, event, proposal string }

// newObjects makes an event and a proposal of an app.
func (p *people) newObjects(app faceproof.AppID, by *person) (o objects) {
	p.t.Helper()
	ctx := p.t.Context()
	o.app = string(app)
	_, _, err := p.hooks.Set(ctx, app, "https://hooks.example/in", "cli")
	check(p.t, err)
	v := faceproof.Verification{ID: "v-" + o.app, AppID: app, Generation: faceproof.Gen1, State: faceproof.StateCreated, Alive: faceproof.AliveFlash, SubjectSealed: []byte("s"), SubjectIndex: []byte("i"), TokenHash: []byte("token-" + o.app),
		CreatedAt: p.now.Load(), ExpiresAt: p.now.Load() + 180_000}
	e := faceproof.AuditEntry{At: p.now.Load(), Actor: "test", Action: "x", Object: v.ID}
	check(p.t, p.db.CreateVerification(ctx, v, e))
	_, err = p.db.BeginCapture(ctx, v.ID, []byte("token-"+o.app), faceproof.Consent{VerificationID: v.ID, AppID: app, ReceiptHash: []byte(o.app), SubjectIndex: []byte("i"), PersonIndex: []byte("p"),
		Notice: "c", GivenAt: p.now.Load()}, p.now.Load(), e)
	check(p.t, err)
	check(p.t, p.db.Advance(ctx, v.ID, faceproof.StateCapturing, faceproof.StateEnded, nil, faceproof.ReasonTimeout, p.now.Load(), e))
	list, err := p.hooks.List(ctx, app, "", 10)
	check(p.t, err)
	if len(list) != 1 {
		p.t.Fatalf("%d events", len(list))
	}
	o.event = list[0].ID
	pr, err := p.gate.Propose(ctx, faceproof.Admin{ID: by.id}, actionReading, app, []byte("{}"), "x")
	check(p.t, err)
	o.proposal = pr.ID
	return o
}

func (o objects) path(pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	return strings.NewReplacer("{app}", o.app, "{event}", o.event, "{proposal}", o.proposal, "{admin}", "ad_0000000000000000", "{id}", "ap_0123456789abcdef",
		"{kind}", "financial", "{licence}", "0123456789abcdef", "{$}", "").Replace(path)
}

// business are the WeChat-compatible interfaces under the prefixes of the table.
var business = []string{"GET /cgi-bin/ticket/getticket?type=jsapi", "POST /cityservice/face/identify/getuseridkey", "POST /cityservice/face/identify/getinfo", "POST /cityservice/face/identify/getimage",
	"POST /cityservice/face/identify/getvideo", "POST /cityservice/face/identify/getverifyid", "POST /cityservice/face/identify/queryverifyinfo",
	"POST /v1/sdk/config", "POST /v1/sdk/support", "POST /v1/sdk/sessions", "POST /v1/sdk/code"}

// Every route of the table, asked by everybody about things of an app of theirs
// and of another's: who is let through is who the table above says, and nobody else.
func TestMatrix(t *testing.T) {
	asked, let, wrong, what := newPeople(t).matrix("", t.Errorf)
	acceptance.Record(t, acceptance.Row{Area: "AuthZ matrix", N: asked, Failures: wrong, Result: fmt.Sprintf("%s: %d asked, %d let through as they should be, %d unexpected answers", what, asked, let, wrong)})
	t.Logf("%s: %d asked, %d let through, %d wrong", what, asked, let, wrong)
}

// The control: a role too many on one route, a check of the app that is left
// out, and a route that is open are noticed.
func TestMatrixControl(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	for pattern, change := range map[string]func(*access){
		"GET /v1/admin/audit":               func(a *access) { a.roles = overseers },
		"POST /v1/admin/apps/{app}/quota":   func(a *access) { a.app, a.own = false, true },
		"GET /v1/admin/admins":              func(a *access) { a.roles, a.own = nil, true },
		"POST /v1/admin/apps/{app}/reading": func(a *access) { a.machine = true },
	} {
		right := accesses[pattern]
		broken := right
		change(&broken)
		accesses[pattern] = broken
		p := newPeople(t)
		_, _, wrong, _ := p.matrix(pattern, func(string, ...any) {})
		accesses[pattern] = right
		if wrong == 0 {
			t.Errorf("%s is broken and nobody notices", pattern)
		}
	}
}

// matrix asks every route, or only one.
func (p *people) matrix(only string, report func(string, ...any)) (asked, let, wrong int, what string) {
	t := p.t
	roles := map[byte]faceproof.Role{'o': faceproof.RoleOperator, 'r': faceproof.RoleReviewer, 'a': faceproof.RoleAuditor, 'k': faceproof.RoleCustodian}
	type asker struct {
		name   string
		letter byte
		one    bool // belongs to demoID alone
		header []string
		person *person
	}
	proposer := p.invited("提", []faceproof.Role{faceproof.RoleOperator})
	askers := []asker{{name: "nobody"}, {name: "a wrong token", header: []string{"Authorization", "Bearer " + adminToken + "x"}}, {name: "the machine", letter: 'm', header: []string{"Authorization", "Bearer " + adminToken}},
		{name: "a page of an app", header: []string{"Authorization", "Bearer " + p.pageToken()}}, {name: "a wrong cookie", header: []string{"Cookie", sessionCookie + "=x"}}}
	for l, r := range roles {
		askers = append(askers, asker{name: string(r), letter: l, person: p.invited(string(r), []faceproof.Role{r})},
			asker{name: string(r) + " of one app", letter: l, one: true, person: p.invited(string(r)+"1", []faceproof.Role{r}, demoID)})
	}
	gone := p.invited("gone", []faceproof.Role{faceproof.RoleOperator, faceproof.RoleReviewer, faceproof.RoleAuditor, faceproof.RoleCustodian})
	check(t, p.db.DisableAdmin(t.Context(), gone.id, "cli"))
	askers = append(askers, asker{name: "a disabled admin", person: gone})
	own, foreign := p.newObjects(demoID, proposer), p.newObjects(otherID, proposer)

	routes, since := map[string]bool{}, p.now.Load()
	fails := func(format string, args ...any) { wrong++; report(format, args...) }
	send := func(a asker, method, path string) (int, string) {
		asked++
		p.now.Add(4000) // a wrong credential may be shown every three seconds
		if a.person != nil && a.person != gone {
			if p.now.Load()-since > 200_000 { // sessions end, and get too old for some routes
				since = p.now.Load()
				for i := range askers {
					if x := askers[i].person; x != nil && x != gone && x.login() != 200 {
						t.Fatal("cannot log in")
					}
				}
			}
		}
		header := a.header
		if a.person != nil {
			header = []string{"Cookie", a.person.cookie}
		}
		body := `{"none":1}` // nothing is changed by it
		switch {             // but where the object is looked at after the body
		case strings.HasSuffix(path, "/replay"):
			body = "{}"
		case strings.HasSuffix(path, "/decide"):
			body = `{"agree":true}`
		}
		w := p.ask(method, path, body, header...)
		return w.Code, w.Body.String()
	}
	table, err := p.server.routes()
	check(t, err)
	for _, r := range table {
		routes[r.pattern] = true
		if only != "" && r.pattern != only {
			continue
		}
		x, err := p.server.access(r.pattern)
		check(t, err)
		method, _, ok := strings.Cut(r.pattern, " ")
		if !ok {
			method = "POST"
		}
		everyone, scoped, known := strings.Cut(rights[r.pattern], "/")
		if isAdmin := strings.HasPrefix(own.path(r.pattern), "/v1/admin/") && x.who != forGuest; isAdmin != known {
			fails("%s: is it the admin API's?", r.pattern)
		}
		if x.who != forAdmin {
			continue // below, and in the tests of the capture and the demo
		}
		for _, a := range askers {
			for tenant, o := range map[string]objects{"own": own, "foreign": foreign} {
				may := a.letter != 0 && strings.IndexByte(everyone, a.letter) >= 0
				if a.one {
					may = strings.IndexByte(scoped, a.letter) >= 0 && (tenant == "own" || !strings.Contains(r.pattern, "{app}") && !strings.Contains(r.pattern, "{event}") && !strings.Contains(r.pattern, "{proposal}"))
				}
				code, body := send(a, method, o.path(r.pattern))
				denied := code == http.StatusUnauthorized || code == http.StatusForbidden
				if code == http.StatusTooManyRequests || code >= 500 || denied == may {
					fails("%s %s, %s app's: %d %s", a.name, r.pattern, tenant, code, body)
				}
				if !denied {
					let++
				}
			}
		}
	}
	for _, pattern := range business {
		if only != "" {
			break
		}
		method, path, _ := strings.Cut(pattern, " ")
		for _, a := range askers {
			if a.name == "a page of an app" && strings.HasPrefix(path, "/v1/sdk/") {
				continue // its own
			}
			code, body := send(a, method, path)
			var m struct {
				Code int `json:"errcode"`
				SDK  int `json:"errCode"`
			}
			if json.Unmarshal([]byte(body), &m) != nil || m.Code == 0 && m.SDK == 0 && code == 200 {
				fails("%s %s: %d %s", a.name, pattern, code, body)
			}
		}
	}
	for pattern := range rights {
		if !routes[pattern] {
			fails("%s has rights and is not served", pattern)
		}
	}
	return asked, let, wrong, fmt.Sprintf("%d routes and %d interfaces × %d callers × own and foreign", len(routes), len(business), len(askers))
}

// The things of another app: told apart from one's own by the object, not by the path.
func TestForeignObjects(t *testing.T) {
	p := newPeople(t)
	proposer := p.invited("提", []faceproof.Role{faceproof.RoleOperator})
	x := p.invited("甲", []faceproof.Role{faceproof.RoleOperator, faceproof.RoleAuditor, faceproof.RoleCustodian}, demoID)
	own, foreign := p.newObjects(demoID, proposer), p.newObjects(otherID, proposer)
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/admin/webhooks/{event}/replay", "{}"}, {"POST", "/v1/admin/proposals/{proposal}/decide", `{"agree":true}`}, {"GET", "/v1/admin/webhooks?app={app}", ""},
	} {
		if code, m := x.ask(c.method, foreign.path("x "+c.path), c.body); code != 403 {
			t.Errorf("foreign %s: %d %v", c.path, code, m)
		}
		if code, m := x.ask(c.method, own.path("x "+c.path), c.body); code > 202 {
			t.Errorf("own %s: %d %v", c.path, code, m)
		}
	}
	for path, list := range map[string]string{"webhooks": "events", "proposals": "proposals"} {
		_, m := x.ask("GET", "/v1/admin/"+path, "")
		rows := m[list].([]any)
		for _, row := range rows {
			if row.(map[string]any)["app_id"] != string(demoID) {
				t.Errorf("%s shows %v", path, row)
			}
		}
		if len(rows) != 1 {
			t.Errorf("%s: %d rows", path, len(rows))
		}
	}
}

// A route that nobody thought about is not served.
func TestRoutesNeedAccess(t *testing.T) {
	p := newPeople(t)
	if _, err := p.server.access("POST /v1/admin/new"); err == nil {
		t.Error("a route without a row is served")
	}
	if _, err := New(Config{Captures: p.server.cfg.Captures, WeChat: p.server.cfg.WeChat, WeChatPaths: []string{"/a/"}}); err != nil {
		t.Error(err)
	}
	for pattern, x := range accesses {
		if x.who == forAdmin && !x.own && !x.app && len(x.roles) == 0 {
			t.Errorf("%s: any log-in may", pattern)
		}
		if x.machine && slices.Contains([]string{"POST /v1/admin/apps/{app}/reading", "POST /v1/admin/invites", "POST /v1/admin/imports", "POST /v1/admin/admins/{admin}/recover", "POST /v1/admin/proposals/{proposal}/decide"}, pattern) {
			t.Errorf("%s: the machine is no person", pattern)
		}
	}
}

// Every route that changes something refuses a page of another site, in each of
// the ways in which a browser says so; the SDK's, which such pages call, hold the
// origin to an app's themselves.
func TestCrossSite(t *testing.T) {
	p := newPeople(t)
	x := p.invited("甲", []faceproof.Role{faceproof.RoleOperator, faceproof.RoleReviewer})
	o := p.newObjects(demoID, x)
	table, err := p.server.routes()
	check(t, err)
	asked, wrong := 0, 0
	for _, r := range table {
		method, _, ok := strings.Cut(r.pattern, " ")
		who, err := p.server.access(r.pattern)
		check(t, err)
		if ok && method == "GET" || who.cross {
			continue
		}
		if !ok {
			method = "POST"
		}
		for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}} {
			for _, m := range []string{method, "DELETE"} {
				p.now.Add(1000)
				asked++
				w := p.ask(m, o.path("x "+strings.TrimPrefix(r.pattern, method+" ")), "{}", append([]string{"Cookie", x.cookie}, h...)...)
				if m == method && w.Code != 403 || m != method && w.Code < 400 {
					wrong++
					t.Errorf("%s %s with %v: %d %s", m, r.pattern, h, w.Code, w.Body)
				}
			}
		}
	}
	// Of one's own site the same is let through: the test refuses for the right reason.
	if w := p.ask("POST", "/v1/admin/webhooks/"+o.event+"/replay", "{}", "Cookie", x.cookie, "Sec-Fetch-Site", "same-origin"); w.Code != 202 {
		t.Errorf("of the own site: %d %s", w.Code, w.Body)
	}
	// What pages of apps and business servers call: a browser's cookie opens
	// nothing there, and a page's token is bound to its own origin.
	for _, pattern := range business {
		method, path, _ := strings.Cut(pattern, " ")
		for _, header := range [][]string{{"Cookie", x.cookie}, {"Authorization", "Bearer " + p.pageToken()}} {
			p.now.Add(1000)
			asked++
			w := p.ask(method, path, `{"appId":"`+string(demoID)+`"}`, append(header, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")...)
			var m struct {
				Code int `json:"errcode"`
			}
			if json.Unmarshal(w.Body.Bytes(), &m) != nil || w.Code == 200 && m.Code == 0 || w.Header().Get("Access-Control-Allow-Credentials") != "" {
				wrong++
				t.Errorf("%s of another site: %d %s", path, w.Code, w.Body)
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "CSRF", N: asked, Failures: wrong, Result: fmt.Sprintf("%d requests of other sites to every route that changes something: %d let through", asked, wrong)})
	t.Logf("%d asked, %d wrong", asked, wrong)
}

// Every answer of every route carries the headers that bind a browser, and no
// policy lets anything inline run.
func TestHeadersEverywhere(t *testing.T) {
	p := newPeople(t)
	o := objects{app: string(demoID), event: "evt_", proposal: "pr_"}
	table, err := p.server.routes()
	check(t, err)
	for _, r := range table {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			p.now.Add(1000)
			w := p.ask(method, o.path("x "+r.pattern[strings.IndexByte(r.pattern, '/'):]), "{}")
			h := w.Header()
			csp := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
				t.Errorf("%s %s: CSP %q", method, r.pattern, csp)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
				if h.Get(name) != want {
					t.Errorf("%s %s: %s %q", method, r.pattern, name, h.Get(name))
				}
			}
			if !strings.Contains(h.Get("Permissions-Policy"), "geolocation=()") || h.Get("Cross-Origin-Resource-Policy") == "" {
				t.Errorf("%s %s: %v", method, r.pattern, h)
			}
		}
	}
}

// Guesses from a thousand networks open nothing, and whoever has a right
// credential is let in meanwhile: from elsewhere, and from a guesser's own network.
// A small number of guesses in the ordinary tests; all with FACEPROOF_MEASURE.
func TestGuesses(t *testing.T) {
	n := 3000
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 100_000
	}
	p := newPeople(t)
	owner := p.invited("甲", []faceproof.Role{faceproof.RoleOperator})
	home := p.from
	let, slowed := 0, 0
	for i := range n {
		p.from = fmt.Sprintf("198.51.%d.%d:1000", i%1000/250, i%250)
		if i%20 == 0 {
			p.from = home // somebody guesses beside the owner
		}
		var code int
		switch i % 4 {
		case 0:
			code = p.ask("GET", "/v1/admin/session", "", "Cookie", fmt.Sprintf("%s=%043d", sessionCookie, i)).Code
		case 1:
			code = p.ask("GET", "/v1/admin/applications", "", "Authorization", fmt.Sprintf("Bearer %043d", i)).Code
		case 2:
			code = p.ask("POST", "/v1/admin/enrol/begin", fmt.Sprintf(`{"invite":"%043d"}`, i)).Code
		case 3:
			code = p.ask("POST", "/v1/admin/login/finish", fmt.Sprintf(`{"ceremony":"%0200d","credential":{}}`, i)).Code
		}
		switch {
		case code == http.StatusTooManyRequests:
			slowed++
		case code != http.StatusUnauthorized:
			let++
			t.Errorf("guess %d: %d", i, code)
		}
		if i%100 == 99 {
			p.now.Add(1000)
			p.from = home
			if code, m := owner.ask("GET", "/v1/admin/session", ""); code != 200 {
				let++
				t.Errorf("the owner, after %d guesses: %d %v", i+1, code, m)
			}
		}
	}
	p.from = "192.0.2.99:1000"
	if code := owner.login(); code != 200 {
		t.Errorf("the owner cannot log in: %d", code)
	}
	p.from = home
	p.now.Add(2 * guessEvery.Milliseconds())
	if code := owner.login(); code != 200 {
		t.Errorf("the owner cannot log in from a guesser's network, seconds after: %d", code)
	}
	if slowed == 0 {
		t.Error("nobody was slowed down")
	}
	acceptance.Record(t, acceptance.Row{Area: "Admin brute force", N: n, Failures: let, Result: fmt.Sprintf("%d guesses at sessions, tokens, invitations and log-ins from 1,000 networks and the owner's own: %d let in, %d slowed down; the owner worked all the time and could log in", n, let, slowed)})
	t.Logf("%d guesses, %d slowed, %d let in", n, slowed, let)
}
