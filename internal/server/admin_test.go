package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/onboarding"
	"faceproof/internal/store"
)

const adminToken = "an-admin-token-of-a-test"

// newDesk makes a desk on a database of its own.
func newDesk(t *testing.T) (*onboarding.Desk, *store.Store) {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	check(t, err)
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "db")})
	check(t, err)
	t.Cleanup(func() { _ = s.Close() })
	b, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	check(t, err)
	t.Cleanup(func() { _ = b.Close() })
	d, err := onboarding.New(onboarding.Config{Store: s, Blobs: b})
	check(t, err)
	return d, s
}

func adminFixture(t *testing.T) (*fixture, *store.Store) {
	desk, s := newDesk(t)
	return newFixture(t, func(c *Config) { c.Admin = &Admin{TokenHash: keys.HashToken(adminToken), Desk: desk} }), s
}

// admin sends a request with the token and decodes the answer.
func (f *fixture) admin(method, path, body string) (int, map[string]any) {
	f.t.Helper()
	resp, text := f.do(method, "/v1/admin/"+path, body, "Authorization", "Bearer "+adminToken)
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		f.t.Fatalf("%s %s: %v in %q", method, path, err, text)
	}
	return resp.StatusCode, m
}

func formBody(change map[string]any) string {
	m := map[string]any{"name": "示例银行", "handler": "示例银行", "contact": "privacy@bank.example", "purpose": "开户", "necessity": "法律要求核验身份",
		"retention_days": 30, "alternative": "到网点办理", "category": "bank", "daily_volume": 100, "peak": 5,
		"interfaces": []string{"getuseridkey", "getinfo"}, "origins": []string{"https://bank.example"}}
	for k, v := range change {
		m[k] = v
		if v == nil {
			delete(m, k)
		}
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func TestAdminAuth(t *testing.T) {
	f, _ := adminFixture(t)
	id := "ap_0123456789abcdef"
	paths := map[string][]string{"GET": {"categories", "applications", "applications/" + id, "applications/" + id + "/licences/x"},
		"POST": {"applications", "applications/" + id + "/submit", "applications/" + id + "/review", "applications/" + id + "/licences/financial", "apps/" + string(demoID) + "/switch",
			"apps/" + string(demoID) + "/quota", "apps/" + string(demoID) + "/origins", "apps/" + string(demoID) + "/secret"},
		"PUT": {"applications/" + id}}
	answers := map[string]bool{}
	for method, list := range paths {
		for _, p := range list {
			for _, auth := range []string{"", "Bearer", "Bearer ", "Bearer " + adminToken + "x", "Bearer " + adminToken[1:], "Basic " + adminToken, adminToken, "bearer " + adminToken} {
				resp, body := f.do(method, "/v1/admin/"+p, "{", "Authorization", auth)
				if resp.StatusCode != 401 || resp.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s with %q: %d %s", method, p, auth, resp.StatusCode, body)
				}
				answers[body] = true
			}
			if resp, _ := f.do(method, "/v1/admin/"+p, "{", "Authorization", "Bearer "+adminToken); resp.StatusCode == 401 {
				t.Errorf("%s %s refuses the token", method, p)
			}
			f.now.Add(60_000) // the limits are tested apart
		}
	}
	if len(answers) != 1 {
		t.Errorf("refusals differ: %v", answers)
	}
	// An app's own tokens open nothing here, and the token is in no log.
	if resp, _ := f.do("GET", "/v1/admin/applications", "", "Authorization", "Bearer "+f.pageToken()); resp.StatusCode != 401 {
		t.Errorf("a page token: %d", resp.StatusCode)
	}
	if strings.Contains(f.log.String(), adminToken) {
		t.Error("the log holds the token")
	}
	none := newFixture(t)
	if resp, _ := none.do("GET", "/v1/admin/applications", "", "Authorization", "Bearer "); resp.StatusCode != 404 {
		t.Errorf("without an admin API: %d", resp.StatusCode)
	}
}

func TestAdminWholeWay(t *testing.T) {
	f, s := adminFixture(t)
	must := func(want int, method, path, body string) map[string]any {
		t.Helper()
		code, m := f.admin(method, path, body)
		if code != want {
			t.Fatalf("%s %s: %d %v", method, path, code, m)
		}
		return m
	}
	a := must(201, "POST", "applications", formBody(nil))
	one := "applications/" + a["id"].(string)
	if a["state"] != "draft" || a["alive"] != "flash" {
		t.Fatal(a)
	}
	must(400, "POST", one+"/submit", "{}") // no licence yet
	a = must(201, "POST", one+"/licences/financial", "%PDF-1.7 licence")
	licence := a["licences"].([]any)[0].(map[string]any)["id"].(string)
	must(200, "POST", one+"/submit", "{}")
	a = must(200, "POST", one+"/review", `{"decision":"reject","reason":"用途过宽"}`)
	if a["state"] != "rejected" || a["reason"] != "用途过宽" {
		t.Error(a)
	}
	must(200, "PUT", one, formBody(map[string]any{"purpose": "个人网上开户"}))
	must(200, "POST", one+"/submit", "{}")
	a = must(200, "POST", one+"/review", `{"decision":"approve"}`)
	id, secret := a["app_id"].(string), a["app_secret"].(string)
	if !faceproof.AppID(id).Valid() || len(secret) != 64 {
		t.Fatal(a)
	}
	if a = must(200, "GET", one, ""); a["app_secret"] != nil || a["state"] != "approved" || a["notice"].(map[string]any)["purpose"] != "个人网上开户" {
		t.Error(a)
	}
	must(409, "POST", one+"/review", `{"decision":"approve"}`)
	a = must(200, "POST", "apps/"+id+"/switch", `{"permissions":["getinfo"],"on":true}`)
	if fmt.Sprint(a["permissions"]) != "[getinfo]" {
		t.Error(a)
	}
	must(409, "POST", "apps/"+id+"/switch", `{"permissions":["getimage"],"on":true}`)
	a = must(200, "POST", "apps/"+id+"/switch", `{"permissions":["getinfo"],"on":false}`)
	if fmt.Sprint(a["permissions"]) != "[]" {
		t.Error(a)
	}
	if list := must(200, "GET", "applications?state=approved", "")["applications"].([]any); len(list) != 1 {
		t.Error(list)
	}
	if n := len(must(200, "GET", "categories", "")["categories"].([]any)); n != len(faceproof.Categories()) {
		t.Error(n)
	}
	resp, body := f.do("GET", "/v1/admin/"+one+"/licences/"+licence, "", "Authorization", "Bearer "+adminToken)
	if resp.StatusCode != 200 || body != "%PDF-1.7 licence" || resp.Header.Get("Content-Type") != "application/pdf" || resp.Header.Get("Content-Disposition") != `attachment; filename="financial.pdf"` {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	log, err := s.AuditLog(t.Context(), 1, 100)
	check(t, err)
	var rows []string
	for _, e := range log {
		if e.Actor != "admin" {
			t.Errorf("actor %s", e.Actor)
		}
		rows = append(rows, e.Action)
	}
	if !slices.Equal(rows, []string{"application.draft", "application.licence", "application.submit", "application.reject", "application.revise", "application.submit",
		"app.create", "application.approve", "app.enable", "app.disable", "application.licence.read"}) {
		t.Errorf("audit: %q", rows)
	}
}

// A secret is replaced while the business goes on: the old one for 60 s more,
// tokens to their ends; and at once when it has leaked.
func TestAdminReplacesSecret(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Admin = &Admin{TokenHash: keys.HashToken(adminToken)} })
	path := "apps/" + string(demoID) + "/"
	token := func(secret string) (string, float64) {
		t.Helper()
		var a map[string]any
		_, body := f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(demoID)+"&secret="+secret, "")
		check(t, json.Unmarshal([]byte(body), &a))
		code, _ := a["errcode"].(float64)
		text, _ := a["access_token"].(string)
		return text, code
	}
	refused := func(secret string) float64 { _, code := token(secret); return code }
	use := func(token string) float64 {
		t.Helper()
		var a map[string]any
		_, body := f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+token, "")
		check(t, json.Unmarshal([]byte(body), &a))
		return a["errcode"].(float64)
	}
	replace := func(body string) string {
		t.Helper()
		code, a := f.admin("POST", path+"secret", body)
		secret, _ := a["app_secret"].(string)
		if code != 200 || len(secret) != 64 || a["app_id"] != string(demoID) {
			t.Fatal(code, a)
		}
		return secret
	}
	before, _ := token(testSecret)
	second := replace("{}")
	f.now.Add(59_999)
	if a, b := refused(testSecret), refused(second); a != 0 || b != 0 {
		t.Errorf("in the first minute: old %v, new %v", a, b)
	}
	f.now.Add(1)
	if a, b := refused(testSecret), refused(second); a != 40125 || b != 0 {
		t.Errorf("after it: old %v, new %v", a, b)
	}
	if got := use(before); got != 0 {
		t.Errorf("a token of before: %v", got)
	}
	third := replace(`{"revoke_tokens":true}`)
	if a, b, c := refused(second), use(before), refused(third); a != 40125 || b != 42001 || c != 0 {
		t.Errorf("leaked: old secret %v, old token %v, new secret %v", a, b, c)
	}
	code, a := f.admin("POST", path+"quota", `{"daily_calls":7}`)
	if code != 200 || a["daily_calls"] != 7.0 || a["app_id"] != string(demoID) {
		t.Error(code, a)
	}
	if code, a = f.admin("POST", path+"origins", `{"origins":["https://New.example:443"]}`); code != 200 || fmt.Sprint(a["origins"]) != "[https://new.example]" {
		t.Error(code, a)
	}
	for p, body := range map[string]string{"quota": `{"daily_calls":7}`, "origins": `{"origins":[]}`, "secret": "{}"} {
		if code, a := f.admin("POST", "apps/wx0123456789abcdef/"+p, body); code != 404 {
			t.Errorf("%s of an unknown app: %d %v", p, code, a)
		}
	}
	log, err := f.store.AuditLog(t.Context(), 1, 100)
	check(t, err)
	var rows []string
	for _, e := range log {
		if e.Actor == "admin" {
			rows = append(rows, e.Action+" "+e.Detail)
		}
	}
	if !slices.Equal(rows, []string{"app.secret ", "app.secret tokens ended", "app.quota 7", "app.origins 1"}) {
		t.Errorf("audit: %q", rows)
	}
	for _, secret := range []string{second, third} {
		if strings.Contains(f.log.String(), secret) {
			t.Error("the log holds a secret")
		}
	}
}

func TestAdminBadInput(t *testing.T) {
	f, _ := adminFixture(t)
	_, a := f.admin("POST", "applications", formBody(nil))
	one := "applications/" + a["id"].(string)
	review, toggle := one+"/review", "apps/"+string(demoID)+"/switch"
	cases := []struct{ name, method, path, body, field string }{
		{"empty", "POST", "applications", "", "body"},
		{"null", "POST", "applications", "null", "body"},
		{"array", "POST", "applications", "[]", "body"},
		{"two values", "POST", "applications", formBody(nil) + "{}", "body"},
		{"unknown member", "POST", "applications", formBody(map[string]any{"state": "approved"}), "body"},
		{"another case", "POST", "applications", strings.Replace(formBody(nil), `"name"`, `"Name"`, 1), "body"},
		{"a member twice", "POST", "applications", `{"name":"a",` + formBody(nil)[1:], "body"},
		{"not UTF-8", "POST", "applications", "{\"name\":\"\xff\"}", "body"},
		{"wrong type", "POST", "applications", formBody(map[string]any{"peak": "many"}), "peak"},
		{"a fraction", "POST", "applications", formBody(map[string]any{"peak": 1.5}), "peak"},
		{"too large", "POST", "applications", formBody(map[string]any{"purpose": strings.Repeat("x", maxForm)}), "body"},
		{"too long", "POST", "applications", formBody(map[string]any{"purpose": strings.Repeat("x", 1001)}), "purpose"},
		{"no alternative", "POST", "applications", formBody(map[string]any{"alternative": nil}), "alternative"},
		{"no retention", "POST", "applications", formBody(map[string]any{"retention_days": nil}), "retention_days"},
		{"no purpose", "POST", "applications", formBody(map[string]any{"purpose": nil}), "purpose"},
		{"alive", "POST", "applications", formBody(map[string]any{"alive": "blink"}), "alive"},
		{"state", "GET", "applications?state=open", "", "state"},
		{"id", "GET", "applications/ap_1", "", "application"},
		{"licence kind", "POST", one + "/licences/diploma", "%PDF-", "kind"},
		{"licence", "POST", one + "/licences/financial", "<html>", "licence"},
		{"empty licence", "POST", one + "/licences/financial", "", "licence"},
		{"large licence", "POST", one + "/licences/financial", "%PDF-" + strings.Repeat("x", faceproof.MaxLicenceBytes), "body"},
		{"decision", "POST", review, `{"decision":"maybe"}`, "decision"},
		{"reason", "POST", review, `{"decision":"approve","reason":"x"}`, "reason"},
		{"switch", "POST", toggle, `{"permissions":["getinfo"]}`, "on"},
		{"switch null", "POST", toggle, `{"permissions":["getinfo"],"on":null}`, "on"},
		{"no permissions", "POST", toggle, `{"permissions":[],"on":true}`, "permissions"},
		{"unknown permission", "POST", toggle, `{"permissions":["all"],"on":true}`, "permissions"},
		{"quota", "POST", "apps/" + string(demoID) + "/quota", `{}`, "daily_calls"},
		{"quota null", "POST", "apps/" + string(demoID) + "/quota", `{"daily_calls":null}`, "daily_calls"},
		{"quota text", "POST", "apps/" + string(demoID) + "/quota", `{"daily_calls":"7"}`, "daily_calls"},
		{"quota below 0", "POST", "apps/" + string(demoID) + "/quota", `{"daily_calls":-1}`, "daily_calls"},
		{"quota above", "POST", "apps/" + string(demoID) + "/quota", `{"daily_calls":1000000001}`, "daily_calls"},
		{"quota of no app", "POST", "apps/wx1/quota", `{"daily_calls":1}`, "app_id"},
		{"origins", "POST", "apps/" + string(demoID) + "/origins", `{}`, "origins"},
		{"origins of http", "POST", "apps/" + string(demoID) + "/origins", `{"origins":["http://shop.example"]}`, "origins"},
		{"origins of no app", "POST", "apps/wx1/origins", `{"origins":[]}`, "app_id"},
		{"secret", "POST", "apps/" + string(demoID) + "/secret", `{"app_secret":"mine"}`, "body"},
		{"revoke_tokens", "POST", "apps/" + string(demoID) + "/secret", `{"revoke_tokens":1}`, "revoke_tokens"},
		{"secret of no app", "POST", "apps/wx1/secret", `{}`, "app_id"},
		{"app", "POST", "apps/wx1/switch", `{"permissions":["getinfo"],"on":true}`, "app_id"},
	}
	for _, c := range cases {
		f.now.Add(1000)
		code, m := f.admin(c.method, c.path, c.body)
		if code != http.StatusBadRequest || m["code"] != "invalid" || m["field"] != c.field {
			t.Errorf("%s: %d %v, want field %s", c.name, code, m, c.field)
		}
	}
	for path, want := range map[string]int{"applications/ap_0123456789abcdef": 404, one + "/licences/0123": 404, "nothing": 404} {
		if code, m := f.admin("GET", path, ""); code != want {
			t.Errorf("%s: %d %v", path, code, m)
		}
	}
}

func TestAdminRate(t *testing.T) {
	f, _ := adminFixture(t)
	limited := false
	for range callsAtOnce + 1 {
		resp, _ := f.do("GET", "/v1/admin/applications", "", "Authorization", "Bearer guess")
		limited = limited || resp.StatusCode == http.StatusTooManyRequests
	}
	if !limited {
		t.Errorf("%d guesses at once are answered", callsAtOnce+1)
	}
}

func FuzzOneObject(f *testing.F) {
	for _, s := range []string{"{}", `{"a":1,"a":2}`, `{"a":{"b":[1,{}]}}`, "null", `{"a"`, "{}{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m map[string]json.RawMessage
		if oneObject(data) == nil && (json.Unmarshal(data, &m) != nil || m == nil) {
			t.Errorf("%q is taken", data)
		}
	})
}
