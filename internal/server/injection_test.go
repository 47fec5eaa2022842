package server

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
)

// hostile makes n texts that mean something to a database, a page or a log.
func hostile(n int, seed uint64) []string {
	parts := []string{"'", "\"", ";", "--", "/*", "*/", " OR 1=1", " UNION SELECT secret_hash FROM apps", "'; DROP TABLE apps;--", "\\", "%27", "\x00", "\r\n", "\n", "\r", "\u2028", "\u0085", "\x1b[2J", "\x1b]0;x\a",
		"level=ERROR msg=forged", "{\"level\":\"ERROR\",\"msg\":\"forged\"}", "<script>forged()</script>", "<img src=x onerror=forged()>", "javascript:forged()", "${jndi:ldap://x}", "%s%n", "=cmd|'/c calc'!A1", "wx00000000000000aa", "\xff\xfe", "古丽", "\u202e"}
	r := rand.New(rand.NewPCG(seed, 48))
	out := make([]string, n)
	for i := range out {
		var b strings.Builder
		for range 1 + r.IntN(5) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		out[i] = b.String()
	}
	return out
}

// A thousand hostile texts in every part of a request that a client chooses: each
// line of the log is still one entry, in both forms, and none says what the client says.
func TestLogInjection(t *testing.T) {
	const n, seed = 1000, 48
	wrong := 0
	for name, handler := range map[string]func(io.Writer) slog.Handler{
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) }, "text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }} {
		var log lockedBuffer
		p := newFixture(t, func(c *Config) { c.Log = slog.New(handler(&log)) })
		before := strings.Count(log.String(), "\n")
		for i, text := range hostile(n, seed) {
			r := httptest.NewRequest("GET", "/healthz", nil)
			r.Method = []string{"GET", text}[i%2]
			r.URL.Path, r.URL.RawQuery = "/"+text, text
			r.Header = http.Header{"User-Agent": {text}, "Origin": {text}, "Referer": {text}, "X-Forwarded-For": {text}, "Authorization": {"Bearer " + text}, "Cookie": {sessionCookie + "=" + text}}
			r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", i%250)
			p.server.ServeHTTP(httptest.NewRecorder(), r)
		}
		lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
		if len(lines) != before+n {
			wrong++
			t.Errorf("%s: %d lines of %d requests", name, len(lines)-before, n)
		}
		for _, line := range lines {
			var m map[string]any
			if strings.Contains(line, "forged") || strings.ContainsAny(line, "\x1b\r\u2028") || name == "json" && json.Unmarshal([]byte(line), &m) != nil || name == "text" && !strings.HasPrefix(line, "time=") {
				wrong++
				t.Errorf("%s: %q", name, line)
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "SQLi / XSS / CSV", Seed: seed, N: 2 * n, Failures: wrong, Result: fmt.Sprintf("log: %d hostile texts as method, path, query and headers, in both forms of the log: %d forged or broken lines", n, wrong)})
}

// Ten thousand hostile texts where the database is asked by what a client says:
// nothing is found, and nothing is changed.
func TestSQLInjection(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	const n, seed = 10_000, 28
	p := newPeople(t)
	ctx := t.Context()
	x := p.invited("甲", []faceproof.Role{faceproof.RoleOperator})
	p.newObjects(demoID, x)
	wrong := 0
	for i, text := range hostile(n, seed) {
		if text == string(demoID) {
			text += "'" // alone it is an app's id
		}
		var err error
		switch i % 6 {
		case 0:
			_, _, err = p.db.App(ctx, faceproof.AppID(text))
		case 1:
			_, err = p.db.Verification(ctx, faceproof.VerificationKey{ID: text})
		case 2:
			_, err = p.db.Verification(ctx, faceproof.VerificationKey{AppID: demoID, OutSeqNo: text})
		case 3:
			_, err = p.db.WebhookEvent(ctx, text)
		case 4:
			_, err = p.db.Proposal(ctx, text)
		case 5:
			var list []faceproof.WebhookEvent
			if list, err = p.db.WebhookEvents(ctx, faceproof.AppID(text), faceproof.WebhookState(text), 10); err == nil && len(list) == 0 {
				err = faceproof.Errorf(faceproof.CodeNotFound, "", "none")
			}
		}
		if faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			wrong++
			t.Errorf("%q: %v", text, err)
		}
		if i%100 == 0 {
			p.now.Add(10_000)
			q, _ := json.Marshal(map[string]string{"appid": text, "secret": text, "grant_type": "client_credential"})
			if w := p.ask("POST", "/cgi-bin/stable_token", string(q)); w.Code != 200 || !strings.Contains(w.Body.String(), `"errcode":4`) {
				wrong++
				t.Errorf("%q: %d %s", text, w.Code, w.Body)
			}
		}
	}
	apps, err := p.db.ListApps(ctx)
	check(t, err)
	if len(apps) != 2 {
		t.Errorf("%d apps are left", len(apps))
	}
	acceptance.Record(t, acceptance.Row{Area: "SQLi / XSS / CSV", Seed: seed, N: n, Failures: wrong, Result: fmt.Sprintf("SQL: %d hostile texts in six look-ups and the token interface: %d found or changed anything", n, wrong)})
}
