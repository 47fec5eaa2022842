package wechat

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/audit"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
)

// outcome is a call of an interface and the audit rows that it must leave:
// action and, of a refusal, what is refused.
type outcome struct {
	name string
	call func(s *shop) string // gives the answer
	says string               // that must be in it
	rows []string
}

// Audit completeness: each route that changes something or gives what was
// measured of a person, with each outcome, leaves exactly its rows: one for each
// change of state, one for an access, one for a refusal. The routes are those of
// the router: one that has no outcomes here fails.
func TestEveryOutcomeIsRecorded(t *testing.T) {
	q := func(path string) func(*shop) string {
		return func(s *shop) string { return s.do("GET", path, "").Body.String() }
	}
	ask := func(app int, iface string, body func(*shop) string) func(*shop) string {
		return func(s *shop) string { return s.ask(app, iface, body(s)) }
	}
	text := func(b string) func(*shop) string { return func(*shop) string { return b } }
	n := 0 // each pass is another
	passed1 := func(s *shop) string { n++; return s.passed1(0, n) }
	passed2 := func(s *shop) string { n++; b, _ := s.passed2(0, n); return b }
	unknown := text(`{"verify_result":"` + strings.Repeat("A", 128) + `"}`)
	used := func(s *shop) string {
		b := passed1(s)
		s.ask(0, "getinfo", b)
		return b
	}
	told := func(s *shop) string {
		b := passed2(s)
		s.ask(0, "queryverifyinfo", b)
		return b
	}
	person := fmt.Sprintf(`{"name":"%s","id_card_number":"%s"}`, testName, testNumber)
	cert := fmt.Sprintf(`{"out_seq_no":"number-1","openid":"u","cert_info":{"cert_type":"IDENTITY_CARD","cert_name":"%s","cert_no":"%s"}}`, testName, testNumber)
	denied := func(of, code string) []string { return []string{"denied " + of + " " + code} }
	const a, token = "appid=wx0000000000000001&", "grant_type=client_credential&"
	outcomes := map[string][]outcome{
		"/cgi-bin/token": {
			{"issued", q("/cgi-bin/token?" + token + a + "secret=" + secret), "access_token", []string{"token.put", "token.put"}}, // the new one, and the end of the old one
			{"wrong secret", q("/cgi-bin/token?" + token + a + "secret=x"), "40125", denied("token", "40125")},
			{"no such app", q("/cgi-bin/token?" + token + "appid=wx00000000000000ff&secret=" + secret), "40013", denied("token", "40013")},
		},
		"/cgi-bin/stable_token": {
			{"issued", func(s *shop) string {
				return s.do("POST", "/cgi-bin/stable_token", `{"grant_type":"client_credential","appid":"wx0000000000000001","secret":"`+secret+`"}`).Body.String()
			}, "access_token", []string{"token.put"}},
			{"no JSON", func(s *shop) string { return s.do("POST", "/cgi-bin/stable_token", "x").Body.String() }, "47001", denied("stable_token", "47001")},
		},
		"/cgi-bin/ticket/getticket": {
			{"issued", func(s *shop) string {
				return s.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+s.tokens[0], "").Body.String()
			}, "ticket", []string{"token.put"}},
			{"no token", q("/cgi-bin/ticket/getticket?type=jsapi"), "41001", denied("getticket", "41001")},
		},
		"/sns/jscode2session": {
			{"unknown code", q("/sns/jscode2session?grant_type=authorization_code&" + a + "secret=" + secret + "&js_code=" + strings.Repeat("A", 32)), "40029", denied("jscode2session", "40029")},
		},
		facePath + "getuseridkey": {
			{"made", ask(0, "getuseridkey", text(person)), `"errcode":0`, []string{"user_id_key.create"}},
			{"nobody", ask(0, "getuseridkey", text(`{}`)), "errcode", denied("getuseridkey", "84006")},
		},
		facePath + "getinfo": {
			{"redeemed", ask(0, "getinfo", passed1), `"identify_ret":0`, []string{"credential.redeem", "user_id_key.create"}},
			{"another app's", ask(1, "getinfo", passed1), "84001", denied("getinfo", "84001")},
			{"unknown", ask(0, "getinfo", unknown), "84001", denied("getinfo", "84001")},
			{"used", ask(0, "getinfo", used), "84001", denied("getinfo", "84001")},
			{"again under its number", ask(0, "getinfo", func(s *shop) string {
				b := under(passed1(s), "order")
				s.ask(0, "getinfo", b)
				return b
			}), `"identify_ret":0`, []string{"credential.replay", "user_id_key.create"}},
			{"no permission", ask(2, "getinfo", unknown), "48001", denied("getinfo", "48001")},
		},
		facePath + "getimage": {
			{"none kept", ask(0, "getimage", passed1), "84001", denied("getimage", "84001")},
			{"no permission", ask(2, "getimage", unknown), "48001", denied("getimage", "48001")},
			{"read", ask(0, "getimage", func(s *shop) string { n++; return s.withPictures(n) }), "JPEG", []string{"portrait.read"}},
		},
		facePath + "getvideo": {
			{"none kept", ask(0, "getvideo", passed1), "84001", denied("getvideo", "84001")},
			{"no permission", ask(2, "getvideo", unknown), "48001", denied("getvideo", "48001")},
			{"read", ask(0, "getvideo", func(s *shop) string { n++; return s.withPictures(n) }), "ZIP", []string{"video.read"}},
		},
		facePath + "getverifyid": {
			{"made", ask(0, "getverifyid", text(cert)), `"errcode":0`, []string{"verification.create"}},
			{"asked again", ask(0, "getverifyid", text(cert)), `"errcode":0`, nil}, // the same verification
			{"used number", ask(0, "getverifyid", text(strings.Replace(cert, `"u"`, `"w"`, 1))), "40097", denied("getverifyid", "40097")},
		},
		facePath + "queryverifyinfo": {
			{"told", ask(0, "queryverifyinfo", passed2), `"verify_ret":10000`, []string{"verification.query"}},
			{"told again", ask(0, "queryverifyinfo", told), `"verify_ret":10000`, nil}, // nothing changes; see docs/security.md
			{"another app's", ask(1, "queryverifyinfo", passed2), "84001", []string{"verification.mismatch"}},
		},
		"/v1/sdk/sessions": {{"no body", func(s *shop) string { return s.do("POST", "/v1/sdk/sessions", "x").Body.String() }, "errCode", denied("sessions", "invalid")}},
		"/v1/sdk/code":     {{"no body", func(s *shop) string { return s.do("POST", "/v1/sdk/code", "x").Body.String() }, "errCode", denied("code", "invalid")}},
	}
	var routes []string
	for _, e := range endpoints() {
		routes = append(routes, e.path)
	}
	for _, path := range append(routes, "/v1/sdk/sessions", "/v1/sdk/code") { // config and support read only
		if len(outcomes[path]) == 0 {
			t.Errorf("%s has no outcomes here", path)
		}
	}
	tried, bad, s := 0, 0, newAuditShop(t)
	for path, list := range outcomes {
		for _, o := range list {
			answer, rows := s.rowsOf(o.call)
			tried++
			if !strings.Contains(answer, o.says) {
				t.Errorf("%s, %s: %s", path, o.name, answer)
			}
			if !slices.Equal(rows, o.rows) {
				bad++
				t.Errorf("%s, %s: rows %q, want %q", path, o.name, rows, o.rows)
			}
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Audit completeness", N: tried, Failures: bad,
		Result: fmt.Sprintf("%d outcomes of %d routes of the WeChat-compatible API and the SDK, each with exactly its rows", tried, len(outcomes))})
}

// newAuditShop is a shop whose refusals are recorded; app 2 may do nothing.
func newAuditShop(t *testing.T) *shop {
	s := newShop(t, 3, itself)
	s.api.cfg.Denied = audit.NewDenials(s.store).Record
	if _, err := s.store.SwitchPermissions(t.Context(), s.apps[2].ID, faceproof.Permissions(), false, "test"); err != nil {
		t.Fatal(err)
	}
	return s
}

// rowsOf gives what the last call that f makes leaves in the log.
func (s *shop) rowsOf(f func(*shop) string) (answer string, rows []string) {
	s.t.Helper()
	answer = f(s)
	log, err := s.store.AuditLog(context.Background(), s.mark.Load()+1, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range log {
		row := e.Action
		if row == "denied" {
			row += " " + e.Object + " " + e.Detail
		}
		rows = append(rows, row)
	}
	return answer, rows
}

// withPictures gives a body of a pass with a portrait and a video.
func (s *shop) withPictures(n int) string {
	s.t.Helper()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, now := context.Background(), s.api.cfg.Now().UnixMilli()
	st, err := s.verify.Start1(ctx, s.apps[0], s.sub, faceproof.AliveAuto, "o", true)
	must(err)
	id, a := st.SessionID, faceproof.AuditEntry{At: now, Actor: "test"}
	_, err = s.store.BeginCapture(ctx, id, hashToken(st.CaptureToken.Reveal()), faceproof.Consent{Notice: "notice"}, now, a)
	must(err)
	must(s.store.Advance(ctx, id, faceproof.StateCapturing, faceproof.StateCaptured, nil, "", now, a))
	credential := fmt.Sprintf("%0128d", 900_000+n)
	must(s.store.Decide(ctx, id, []byte(`{"outcome":"pass","reasons":["pass"],"policy_id":"x"}`), []byte(`{}`), true,
		faceproof.Credential{Hash: hashToken(credential), VerificationID: id, AppID: s.apps[0].ID, ExpiresAt: now + 300_000}, now, a))
	ring, err := keys.Open(filepath.Join(s.dir, "keys.json"))
	must(err)
	blobs, err := blob.OpenDir(filepath.Join(s.dir, "blobs"), ring)
	must(err)
	defer blobs.Close()
	must(blobs.Put(ctx, "portrait/"+id, []byte("JPEG")))
	must(blobs.Put(ctx, "video/"+id, []byte("ZIP")))
	return `{"verify_result":"` + credential + `"}`
}

// Where a refusal cannot be recorded, it is not told either: the answer is that
// of a server that cannot work now.
func TestRefusalWithoutAudit(t *testing.T) {
	s := newAuditShop(t)
	held := faceproof.Errorf(faceproof.CodeUnavailable, "audit", "held")
	s.store.HoldAudit(held)
	if got := s.ask(0, "getinfo", `{"verify_result":"`+strings.Repeat("A", 128)+`"}`); !strings.Contains(got, `"errcode":-1`) {
		t.Error(got)
	}
	w := s.do("POST", "/v1/sdk/sessions", "x")
	if w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	s.store.HoldAudit(nil)
	if got := s.ask(0, "getinfo", `{"verify_result":"`+strings.Repeat("A", 128)+`"}`); !strings.Contains(got, "84001") {
		t.Error(got)
	}
}

// Whoever is refused all the time does not fill the disk: what is over is
// counted in a later row.
func TestDenialsAreBounded(t *testing.T) {
	var rows []faceproof.AuditEntry
	d := audit.NewDenials(auditFunc(func(e faceproof.AuditEntry) error { rows = append(rows, e); return nil }))
	for range 1000 {
		if err := d.Record(t.Context(), faceproof.AuditEntry{At: 1_800_000_000_000, Actor: "anyone", Object: "token", Detail: "40125"}, false); err != nil {
			t.Fatal(err)
		}
	}
	first := len(rows)
	if err := d.Record(t.Context(), faceproof.AuditEntry{At: 1_800_000_002_000, Actor: "anyone", Object: "token", Detail: "40125"}, false); err != nil {
		t.Fatal(err)
	}
	if last := rows[len(rows)-1]; first != 120 || last.Detail != "40125, 880 more before" || last.Action != "denied" {
		t.Errorf("%d rows, then %+v", first, last)
	}
	broken := audit.NewDenials(auditFunc(func(faceproof.AuditEntry) error { return errors.New("full") }))
	if err := broken.Record(t.Context(), faceproof.AuditEntry{}, true); err == nil {
		t.Error("a refusal that was not recorded")
	}
}

type auditFunc func(faceproof.AuditEntry) error

func (f auditFunc) Audit(_ context.Context, e faceproof.AuditEntry) error { return f(e) }
