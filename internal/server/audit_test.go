package server

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/audit"
	"faceproof/internal/keys"
)

// Audit completeness of the admin API: each step that changes something leaves
// exactly its rows, and each refusal one. The routes without a log-in are those
// of the table of who may do what.
func TestEveryAdminOutcomeIsRecorded(t *testing.T) {
	desk, s := newDesk(t)
	f := newFixture(t, func(c *Config) {
		c.Admin = &Admin{TokenHash: keys.HashToken(adminToken), Desk: desk}
		c.Denied = audit.NewDenials(s).Record
	})
	size := func() int64 {
		n, err := s.AuditSize(t.Context())
		check(t, err)
		return n
	}
	tried, bad := 0, 0
	expect := func(name string, from int64, want ...string) {
		t.Helper()
		log, err := s.AuditLog(t.Context(), from+1, 100)
		check(t, err)
		var got []string
		for _, e := range log {
			row := e.Action
			if row == "denied" {
				row = fmt.Sprintf("denied %s %s", e.Actor, e.Detail)
			}
			got = append(got, row)
		}
		if tried++; !slices.Equal(got, want) {
			bad++
			t.Errorf("%s: rows %q, want %q", name, got, want)
		}
	}
	// Nobody in particular, at every route that wants a log-in.
	holes := regexp.MustCompile(`\{\w+\}`)
	strangers := 0
	for pattern, x := range accesses {
		if x.who != forAdmin || !x.machine || strings.Contains(pattern, "webhook") { // the others are there only with passkeys, or webhooks
			continue
		}
		method, path, _ := strings.Cut(holes.ReplaceAllString(pattern, "x"), " ")
		from := size()
		if resp, text := f.do(method, path, ""); resp.StatusCode != 401 {
			t.Errorf("%s without a log-in: %d %s", pattern, resp.StatusCode, text)
		}
		expect(pattern, from, "denied anyone unauthenticated")
		strangers++
	}
	if strangers < 10 {
		t.Errorf("only %d routes", strangers)
	}
	// The machine's token, step by step.
	step := func(name string, status int, method, path, body string, want ...string) map[string]any {
		t.Helper()
		from := size()
		code, m := f.admin(method, path, body)
		if code != status {
			t.Errorf("%s: %d %v", name, code, m)
		}
		expect(name, from, want...)
		return m
	}
	step("a bad form", 400, "POST", "applications", `{}`, "denied admin invalid")
	id, _ := step("draft", 201, "POST", "applications", formBody(nil), "application.draft")["id"].(string)
	step("revise", 200, "PUT", "applications/"+id, formBody(map[string]any{"peak": 6}), "application.revise")
	step("no such application", 404, "POST", "applications/ap_0123456789abcdef/submit", `{}`, "denied admin not_found")
	step("a bad review", 400, "POST", "applications/"+id+"/review", `{"decision":"perhaps"}`, "denied admin invalid")
	check(t, s.CreateApp(t.Context(), faceproof.App{ID: "wx00000000000000c1", Name: "shop", Notice: faceproof.Notice{Handler: "h", RetentionDays: 30}}, []byte("h")))
	step("quota", 200, "POST", "apps/wx00000000000000c1/quota", `{"daily_calls":5}`, "app.quota")
	step("a bad quota", 400, "POST", "apps/wx00000000000000c1/quota", `{"daily_calls":-5}`, "denied admin invalid")
	step("origins", 200, "POST", "apps/wx00000000000000c1/origins", `{"origins":["https://a.example"]}`, "app.origins")
	step("secret", 200, "POST", "apps/wx00000000000000c1/secret", `{}`, "app.secret")
	step("no such app", 404, "POST", "apps/wx00000000000000c9/secret", `{}`, "denied admin not_found")
	acceptance.Record(t, acceptance.Row{Area: "Audit completeness", N: tried, Failures: bad,
		Result: fmt.Sprintf("%d outcomes of the admin API, %d of them routes without a log-in, each with exactly its rows", tried, strangers)})
}
