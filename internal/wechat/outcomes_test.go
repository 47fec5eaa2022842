package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"faceproof"
)

// dice are the values that differ at every run. Of these a golden file shows
// the type and the length: `"ticket":"(43)"`.
var dice = regexp.MustCompile(`"(access_token|ticket|page_token|code|visitor|openid|session_key|user_id_key|notice_hash)":"([^"]*)"`)

// shown is an answer as a golden file keeps it.
func shown(w *httptest.ResponseRecorder) string {
	kind := w.Header().Get("Content-Type")
	if d := w.Header().Get("Content-Disposition"); d != "" {
		return fmt.Sprintf("%d %s %s %q", w.Code, kind, d, w.Body.String())
	}
	body := dice.ReplaceAllStringFunc(withoutRID(w.Body.String()), func(s string) string {
		m := dice.FindStringSubmatch(s)
		if m[1] == "code" && strings.Contains(w.Body.String(), `"errCode"`) {
			return s // our own API's code, a word
		}
		return fmt.Sprintf("%q:\"(%d)\"", m[1], len(m[2]))
	})
	return fmt.Sprintf("%d %s %s", w.Code, kind, body)
}

// album collects answers for one golden file.
type album struct {
	t    *testing.T
	text strings.Builder
	seen map[string]bool
}

func (a *album) add(w *httptest.ResponseRecorder, name string, args ...any) {
	a.t.Helper()
	name = fmt.Sprintf(name, args...)
	if a.seen[name] {
		a.t.Errorf("%s comes twice", name)
	}
	a.seen[name] = true
	fmt.Fprintf(&a.text, "%s\n  %s\n", name, shown(w))
}

const testOrder = `"out_seq_no":"order-1","openid":"u"`

var (
	testHash   = strings.Repeat("0", 64)
	queryBody  = `{"verify_id":"the-verify-id",` + testOrder + `,"cert_hash":"` + testHash + `"}`
	personBody = `{"name":"` + testName + `","id_card_number":"` + testNumber + `"}`
	certBody   = `{` + testOrder + `,"cert_info":{"cert_type":"IDENTITY_CARD","cert_name":"` + testName + `","cert_no":"` + testNumber + `"}}`
)

// decided puts a decision behind the credential "cred" and the verify_id.
func (f *fixture) decided(s faceproof.State, d faceproof.Decision) {
	f.passed("cred")
	for _, key := range []string{"cred", "the-verify-id"} {
		info := f.verify.infos[string(appA)+key]
		info.Verification.State, info.Decision = s, d
		f.verify.infos[string(appA)+key] = info
	}
	f.verify.used = map[string]string{}
}

// Every server interface, every outcome but bad input (errors.golden and
// badinput.golden have that): each success, each Reason, each refusal that
// depends on a state of the server.
func TestOutcomes(t *testing.T) {
	a := album{t: t, seen: map[string]bool{}}
	f := newFixture(t)
	a.add(f.do("GET", "/cgi-bin/token?grant_type=client_credential&secret="+secret+"&appid="+string(appA), ""), "token: ok")
	a.add(f.do("POST", "/cgi-bin/stable_token", goodBodies()["/cgi-bin/stable_token"]), "stable_token: ok")
	a.add(f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+f.token(appA), ""), "getticket: ok")
	code := f.jsCode(appA, "").Code
	a.add(f.do("GET", session(appA, code), ""), "jscode2session: ok")
	a.add(f.do("GET", session(appA, code), ""), "jscode2session: the code again")
	a.add(f.face(appA, "getuseridkey", personBody), "getuseridkey: ok")
	a.add(f.face(appA, "getverifyid", certBody), "getverifyid: ok")
	f.passed("cred")
	for _, iface := range []string{"getimage", "getvideo"} {
		a.add(f.face(appA, iface, `{"verify_result":"cred"}`), "%s: ok by verify_result", iface)
		a.add(f.face(appA, iface, queryBody), "%s: ok by verify_id", iface)
		a.add(f.face(appB, iface, queryBody), "%s: another app's", iface)
	}
	both := func(name string) {
		a.add(f.face(appA, "getinfo", `{"verify_result":"cred"}`), "getinfo: %s", name)
		a.add(f.face(appA, "queryverifyinfo", queryBody), "queryverifyinfo: %s", name)
	}
	for _, row := range codeTable {
		d := faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{row.Reason}}
		if row.Reason == faceproof.ReasonPass {
			d.Outcome = faceproof.OutcomePass
		}
		f.decided(faceproof.StateDecided, d)
		if row.Ret2 == retUnfinished {
			f.decided(faceproof.StateEnded, d)
		}
		both(string(row.Reason))
	}
	f.decided(faceproof.StateDecided, faceproof.Decision{Outcome: faceproof.OutcomeInconclusive, Reasons: []faceproof.Reason{faceproof.ReasonLatency}})
	both("latency, not measurable")
	passed := faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}}
	byFlash, byDigits := passed, passed
	byFlash.Method, byFlash.Level = faceproof.MethodFlash, faceproof.LevelStandard
	byDigits.Method, byDigits.Level, byDigits.Digits = faceproof.MethodDigits, faceproof.LevelLow, "407193"
	f.decided(faceproof.StateDecided, byFlash)
	both("by the flash")
	for _, key := range []string{"cred", "the-verify-id"} {
		info := f.verify.infos[string(appA)+key]
		info.MatchScore = 87
		f.verify.infos[string(appA)+key] = info
	}
	f.verify.used = map[string]string{}
	both("with a score")
	f.decided(faceproof.StateDecided, byDigits)
	both("by digits")
	f.decided(faceproof.StateDecided, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonMisread}, Method: faceproof.MethodDigits})
	both("by other digits")
	both("again")
	a.add(f.face(appB, "getinfo", `{"verify_result":"cred"}`), "getinfo: another app's")
	f.decided(faceproof.StateDecided, faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}})
	for _, name := range []string{"under an out_seq_no", "under it again"} {
		a.add(f.face(appA, "getinfo", `{"verify_result":"cred","out_seq_no":"order-1"}`), "getinfo: %s", name)
	}
	a.add(f.face(appA, "getinfo", `{"verify_result":"cred","out_seq_no":"order-2"}`), "getinfo: under another")
	a.add(f.face(appA, "getinfo", `{"verify_result":"cred"}`), "getinfo: under none")
	a.add(f.face(appA, "getinfo", `{"verify_result":"cred","out_seq_no":"1234"}`), "getinfo: under a short one")
	a.add(f.face(appB, "queryverifyinfo", queryBody), "queryverifyinfo: another app's")
	for _, c := range [][3]string{{"another order", "order-1", "order-2"}, {"another user", `"openid":"u"`, `"openid":"v"`}, {"another person", testHash, strings.Repeat("1", 64)}} {
		a.add(f.face(appA, "queryverifyinfo", strings.Replace(queryBody, c[1], c[2], 1)), "queryverifyinfo: %s", c[0])
	}
	for _, s := range []faceproof.State{faceproof.StateCreated, faceproof.StateCapturing, faceproof.StateCaptured} {
		f.decided(s, faceproof.Decision{})
		a.add(f.face(appA, "queryverifyinfo", queryBody), "queryverifyinfo: %s", s)
	}
	a.faceStates()
	a.tokenStates()
	golden(t, "testdata/outcomes.golden", a.text.String())
}

// faceStates adds what every face interface answers for a state of the server.
func (a *album) faceStates() {
	for _, b := range []struct{ iface, body string }{{"getuseridkey", personBody}, {"getinfo", `{"verify_result":"cred"}`}, {"getimage", `{"verify_result":"cred"}`},
		{"getvideo", `{"verify_result":"cred"}`}, {"getverifyid", certBody}, {"queryverifyinfo", queryBody}} {
		f := newFixture(a.t)
		token := f.token(appA)
		ask := func(name string) {
			a.add(f.do("POST", facePath+b.iface+"?access_token="+token, b.body), "%s: %s", b.iface, name)
		}
		f.verify.err = errors.New("broken")
		ask("a failure of ours")
		f.verify.err = faceproof.Errorf(faceproof.CodeRateLimited, "ip", "too many")
		ask("too often")
		f.verify.err = nil
		f.api.cfg.DailyCalls, f.api.cfg.Calls = 1, dayCalls{string(appA) + facePath + b.iface: 1}
		ask("the day's calls are made")
		f.api.cfg.DailyCalls = 0
		app := f.store.apps[appA]
		app.Permissions = nil
		f.store.apps[appA] = app
		ask("no permission")
		app.Revoked = true
		f.store.apps[appA] = app
		ask("the app is revoked")
		f.wait(tokenTTL)
		ask("the access token has expired")
	}
}

// tokenStates does so for the interfaces that take a secret, and getticket.
func (a *album) tokenStates() {
	f := newFixture(a.t)
	token, code := f.token(appA), f.jsCode(appA, "").Code
	ticket := "/cgi-bin/ticket/getticket?type=jsapi&access_token=" + token
	ask := func(name string) {
		a.add(f.do("GET", "/cgi-bin/token?grant_type=client_credential&secret="+secret+"&appid="+string(appA), ""), "token: %s", name)
		a.add(f.do("POST", "/cgi-bin/stable_token", goodBodies()["/cgi-bin/stable_token"]), "stable_token: %s", name)
		a.add(f.do("GET", ticket, ""), "getticket: %s", name)
		a.add(f.do("GET", session(appA, code), ""), "jscode2session: %s", name)
	}
	app := f.store.apps[appA]
	app.Revoked = true
	f.store.apps[appA] = app
	ask("the app is revoked")
	f.store.broken = errors.New("broken")
	ask("a failure of ours")
	f.store.broken = nil
	app.Revoked = false
	f.store.apps[appA] = app
	f.wait(tokenTTL)
	a.add(f.do("GET", ticket, ""), "getticket: the access token has expired")
	a.add(f.do("GET", session(appA, code), ""), "jscode2session: the code has expired")
}

// Every call of the SDK, every outcome.
func TestSDKOutcomes(t *testing.T) {
	a := album{t: t, seen: map[string]bool{}}
	const page = "https://shop.example/a"
	f := newFixture(t)
	ticket, _ := f.ticket(appA)
	a.add(f.config(appA, ticket, page), "config: ok")
	a.add(f.config(appA, "another", page), "config: wrong signature")
	a.add(f.config(appA, ticket, "https://evil.example/a"), "config: foreign page")
	a.add(f.config("wxffffffffffffffff", ticket, page), "config: unknown app")
	a.add(f.do("GET", "/v1/sdk/config", ""), "config: GET")
	token := f.page(appA, page)
	for i, name := range []string{"digits", "flash", "either", "no such type"} {
		a.add(f.sdk("support", token, fmt.Sprintf(`{"check_alive_type":%d}`, i)), "support: %s", name)
	}
	f.withDigits()
	for i, name := range []string{"digits", "flash", "either"} {
		a.add(f.sdk("support", token, fmt.Sprintf(`{"check_alive_type":%d}`, i)), "support: %s, with a recogniser", name)
		a.add(f.sdk("sessions", token, fmt.Sprintf(`{"api":"`+apiStart+`",%s,"check_alive_type":%d}`, personBody[1:len(personBody)-1], i)), "sessions: %s, with a recogniser", name)
	}
	f.api.cfg.Digits, f.verify.digits = false, false
	path := filepath.Join(t.TempDir(), "compat.toml")
	if err := os.WriteFile(path, []byte("[[blocked]]\nmodel = \"SM-G991B\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.api.cfg.Compat, err = OpenCompat(path, nil); err != nil {
		t.Fatal(err)
	}
	a.add(f.sdk("support", token, `{}`, "User-Agent", agentWX), "support: a blocked device")
	a.add(f.sdk("support", token, `{}`, "User-Agent", agentCD), "support: an old browser")
	for _, c := range [][2]string{{apiStart, personBody[1:]}, {apiRequest, `"verify_id":"the-verify-id"}`}} {
		api, body := c[0], `{"api":"`+c[0]+`",`+c[1]
		a.add(f.sdk("sessions", token, body, "User-Agent", agentWX), "sessions: a blocked device, %s", api)
		a.add(f.sdk("sessions", token, body[:len(body)-1]+`,"device":{"model":"SM-G991B"}}`), "sessions: a blocked device by its claim, %s", api)
		a.add(f.sdk("sessions", token, body, "User-Agent", agentCD), "sessions: an old browser, %s", api)
	}
	person := personBody[1 : len(personBody)-1]
	forms := []struct{ api, rest string }{{apiStart, person}, {apiStart + withVideo, person}, {apiRequest, `"verify_id":"the-verify-id"`}, {apiRequest + withVideo, `"verify_id":"the-verify-id"`}}
	open := func(api, rest string) *httptest.ResponseRecorder {
		return f.sdk("sessions", token, `{"api":"`+api+`",`+rest+`}`)
	}
	for _, form := range forms {
		a.add(open(form.api, form.rest), "sessions: %s", form.api)
	}
	f.verify.subjects[string(appA)+strings.Repeat("1", 32)] = f.subject()
	a.add(open(apiStart, `"user_id_key":"`+strings.Repeat("1", 32)+`"`), "sessions: by userIdKey")
	a.add(open(apiStart, `"user_id_key":"`+strings.Repeat("2", 32)+`"`), "sessions: unknown userIdKey")
	a.add(open(apiRequest, `"verify_id":"x"`), "sessions: unknown verifyId")
	f.verify.bound = f.api.visitorID(appA, strings.Repeat("v", 43))
	a.add(open(apiRequest, `"verify_id":"the-verify-id"`), "sessions: another browser's verifyId, no visitor")
	a.add(open(apiRequest, `"verify_id":"the-verify-id","visitor":"`+strings.Repeat("w", 43)+`"`), "sessions: another browser's verifyId")
	a.add(open(apiRequest, `"verify_id":"the-verify-id","visitor":"`+strings.Repeat("v", 43)+`"`), "sessions: its own browser's verifyId")
	a.add(open(apiStart, person+`,"check_alive_type":0`), "sessions: digits")
	a.add(open(apiStart, strings.Replace(person, testNumber, badNumber, 1)), "sessions: check character")
	for _, field := range []string{"subject", "device", "ip", "app"} {
		f.verify.err = faceproof.Errorf(faceproof.CodeRateLimited, field, "too many")
		a.add(open(apiStart, person), "sessions: limit of the %s", field)
	}
	f.verify.err = faceproof.Errorf(faceproof.CodeUnavailable, "", "down")
	a.add(open(apiStart, person), "sessions: not ready")
	f.verify.err = errors.New("broken")
	a.add(open(apiStart, person), "sessions: a failure of ours")
	f.verify.err = nil
	first := f.sdk("code", token, `{}`)
	var c codeAnswer
	f.decode(first, &c)
	a.add(first, "code: ok")
	a.add(f.sdk("code", token, toJSON(map[string]string{"visitor": c.Visitor})), "code: the same browser")
	a.add(f.sdk("code", token, `{"visitor":"x"}`), "code: no visitor of ours")
	app := f.store.apps[appA]
	app.Notice.Contact = ""
	f.store.apps[appA] = app
	a.add(open(apiStart, person), "sessions: blank notice")
	app.Permissions = nil
	f.store.apps[appA] = app
	for _, form := range forms {
		a.add(open(form.api, form.rest), "sessions: no permission for %s", form.api)
	}
	a.add(f.sdk("support", token, `{}`), "support: no permission")
	for _, name := range []string{"support", "sessions", "code"} {
		body := goodBodies()[SDKPrefix+name]
		a.add(f.do("POST", SDKPrefix+name, body), "%s: no page token", name)
		a.add(f.sdk(name, "x", body), "%s: unknown page token", name)
		a.add(f.sdk(name, token, body, "Origin", "https://evil.example"), "%s: another origin", name)
		a.add(f.sdk(name, token, "{"), "%s: no JSON", name)
		a.add(f.sdk(name, token, strings.Repeat(" ", maxBody+1)), "%s: too large", name)
	}
	golden(t, "testdata/sdk.golden", a.text.String())
}

// The golden files show each errcode, each code of a page, each interface's
// success and failure, and each Reason.
func TestGoldensAreComplete(t *testing.T) {
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return "\n" + string(b)
	}
	server, sdk := read("testdata/errors.golden")+read("testdata/outcomes.golden"), read("testdata/sdk.golden")
	for code := range texts {
		if !strings.Contains(server, `"errcode":`+strconv.Itoa(code)+",") {
			t.Errorf("errcode %d is in no golden file", code)
		}
	}
	for _, code := range []int{0, clientArgs, clientNoModel, clientBlocked, clientNoRight, clientIdentifyID, clientUserIDKey, clientTooFast, clientSystem, clientLimit, clientUnavailable, clientNotice, codeDailyQuota} {
		if !regexp.MustCompile(`"errCode":` + strconv.Itoa(code) + `[,}]`).MatchString(sdk) {
			t.Errorf("errCode %d is in no golden file", code)
		}
	}
	for _, e := range endpoints() {
		name := e.path[strings.LastIndexByte(e.path, '/')+1:]
		ok := name + ": ok"
		if name == "getinfo" || name == "queryverifyinfo" {
			ok = name + ": pass"
		}
		for _, outcome := range []string{ok, name + ": a failure of ours", name + ": the app is revoked"} {
			if !strings.Contains(server, "\n"+outcome) {
				t.Errorf("%q is in no golden file", outcome)
			}
		}
	}
	for _, r := range codeTable {
		for _, name := range []string{"getinfo", "queryverifyinfo"} {
			if !strings.Contains(server, fmt.Sprintf("\n%s: %s\n", name, r.Reason)) {
				t.Errorf("%s: %s is in no golden file", name, r.Reason)
			}
		}
	}
}

// Every member of every answer is a number or a string as strict clients
// decode it, and no times are milliseconds.
func TestAnswerTypes(t *testing.T) {
	b, err := os.ReadFile("testdata/outcomes.golden")
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]bool{"errcode": true, "expires_in": true, "identify_ret": true, "identify_time": true, "finish_time": true, "check_alive_type": true, "verify_ret": true, "match_score": true}
	n := 0
	for line := range strings.Lines(string(b)) {
		_, body, ok := strings.Cut(line, "utf-8 ")
		if !ok {
			continue
		}
		var o map[string]any
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		for name, v := range o {
			n++
			if x, number := v.(float64); number != numbers[name] || x >= 1<<32 {
				t.Errorf("%s is %v, a %[2]T", name, v)
			}
		}
	}
	if n < 300 {
		t.Errorf("%d members", n)
	}
}
