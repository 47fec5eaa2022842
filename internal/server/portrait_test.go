package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/keys"
)

// portraits is all that is stored of who is enrolled, and every audit row that
// speaks of it.
func (f *fixture) portraits() string {
	f.t.Helper()
	people, err := f.store.Persons(f.t.Context(), "", 100)
	check(f.t, err)
	var rows []faceproof.AuditEntry
	log, err := f.store.AuditLog(f.t.Context(), 1, 1_000_000)
	check(f.t, err)
	for _, e := range log {
		if strings.HasPrefix(e.Action, "person.") {
			rows = append(rows, e)
		}
	}
	return fmt.Sprintf("%+v %+v", people, rows)
}

// appCredentials are all that an app, its page or its person ever holds.
func (f *fixture) appCredentials() map[string]string {
	f.t.Helper()
	var token, stable, key, order, ticket struct {
		Token    string `json:"access_token"`
		Key      string `json:"user_id_key"`
		VerifyID string `json:"verify_id"`
		Ticket   string `json:"ticket"`
	}
	_, body := f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(demoID)+"&secret="+testSecret, "")
	check(f.t, json.Unmarshal([]byte(body), &token))
	f.post("/cgi-bin/stable_token", map[string]string{"grant_type": "client_credential", "appid": string(demoID), "secret": testSecret}, &stable)
	with := "?access_token=" + stable.Token
	f.post("/cityservice/face/identify/getuseridkey"+with, map[string]any{"name": testName, "id_card_number": testNumber}, &key)
	f.post("/cityservice/face/identify/getverifyid"+with, map[string]any{"out_seq_no": "order-1", "openid": "o",
		"cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": testNumber}}, &order)
	_, body = f.do("GET", "/cgi-bin/ticket/getticket"+with+"&type=jsapi", "")
	check(f.t, json.Unmarshal([]byte(body), &ticket))
	st := f.start1(testNumber)
	all := map[string]string{"access token": token.Token, "stable token": stable.Token, "user_id_key": key.Key, "verify_id": order.VerifyID, "ticket": ticket.Ticket,
		"page token": f.pageToken(), "session": st.ID, "capture token": st.Token, "secret": testSecret}
	for name, value := range all {
		if value == "" {
			f.t.Fatal("no ", name)
		}
	}
	return all
}

// enrolmentPaths are what somebody would try who wants a route to enrol by.
var enrolmentPaths = []string{"/v1/registry", "/v1/registry/people", "/v1/people", "/v1/persons", "/v1/persons/{id}/portrait", "/v1/admin/registry", "/v1/admin/people", "/v1/admin/imports",
	"/v1/sdk/register", "/v1/sdk/portrait", "/demo/api/register", "/cityservice/face/identify/register", "/cityservice/face/identify/setimage", "/cityservice/face/identify/getimage"}

// security.md T35: with whatever an app holds, shown in whatever way, nobody is
// enrolled, replaced or deleted by any route of the server, or by one that is not
// there; a verification that passes changes no template either. Replacing by the
// registry itself is what the comparison sees.
func TestNoAppChangesAPortrait(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Admin = &Admin{TokenHash: keys.HashToken(adminToken)} })
	f.enrol(testNumber)
	credentials := f.appCredentials()
	c := f.connect(f.start1(testNumber))
	before := f.portraits()
	if r := c.run(); r["outcome"] != "pass" {
		t.Fatal(r)
	}
	cfg := f.server.cfg
	cfg.Demo = nil // which anybody may enrol in, and says so
	production, err := New(cfg)
	check(t, err)
	table, err := production.routes()
	check(t, err)
	paths := slices.Clone(enrolmentPaths)
	for _, r := range table {
		pattern := r.pattern
		if _, path, ok := strings.Cut(pattern, " "); ok {
			pattern = path
		}
		paths = append(paths, pattern)
	}
	for _, b := range business {
		_, path, _ := strings.Cut(b, " ")
		paths = append(paths, path)
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	methods := []string{"POST", "PUT", "DELETE", "PATCH", "GET"}
	measure, wanted := os.Getenv("FACEPROOF_MEASURE") != "", 1000
	if !measure { // each refusal is a synced row of the audit log
		methods, wanted = methods[:2], 200
		credentials = map[string]string{"access token": credentials["access token"], "page token": credentials["page token"], "capture token": credentials["capture token"]}
	}
	photo := strings.Repeat("/9j/Z29vZA==", 4)
	person := objects{app: string(demoID), event: "x", proposal: "pr_0123456789abcdef"}
	asked := 0
	for _, path := range paths {
		for _, method := range methods {
			for name, secret := range credentials {
				body := fmt.Sprintf(`{"name":%q,"id_card_number":%q,"idCardNumber":%q,"id_number":%q,"frames":[%q,%q,%q,%q,%q],"photo":%q,"photos":[%q],"replace":true,"receipt":%q}`,
					testName, testNumber, testNumber, testNumber, photo, photo, photo, photo, photo, photo, photo, secret)
				at := person.path(" " + strings.TrimSuffix(path, "{$}"))
				sep := "?"
				if strings.Contains(at, "?") {
					sep = "&"
				}
				r := httptest.NewRequest(method, "https://"+adminHost+at+sep+"access_token="+secret, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+secret)
				r.Header.Set("Cookie", sessionCookie+"="+secret)
				r.Header.Set("Content-Type", "application/json")
				f.now.Add(4000) // so that no limit of rate answers in place of the route
				w := httptest.NewRecorder()
				production.ServeHTTP(w, r)
				if strings.HasPrefix(at, "/v1/admin/") && w.Code < 400 {
					t.Errorf("%s %s with a %s: %d", method, path, name, w.Code)
				}
				asked++
			}
		}
	}
	bad := 0
	if f.portraits() != before {
		bad = asked
		t.Error("who is enrolled has changed")
	}
	if asked < wanted {
		t.Errorf("only %d requests", asked)
	}
	row := acceptance.Row{Area: "Poisoned enrolment", Number: "an app's credentials enrol, replace or delete 0 portraits in 1,000 tries; a verification changes no template", N: asked, Failures: bad, Gate: "C/N",
		Result: fmt.Sprintf("%d requests: %d paths × %d methods × %d credentials, each in query, header, cookie and body: registry and its audit rows as before, and after a passed verification", asked, len(paths), len(methods), len(credentials))}
	t.Log(row.Result)
	acceptance.Record(t, row)

	// The control: a replacement is seen.
	if code := f.post("/demo/api/register", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": []string{photo[:12], photo[:12], photo[:12], photo[:12], photo[:12]}}, nil); code != http.StatusOK {
		t.Fatal("the demo does not enrol: ", code)
	}
	if f.portraits() == before {
		t.Error("a replacement is not noticed")
	}
}
