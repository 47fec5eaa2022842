package wechat

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faceproof"
)

// interfaceName is the last element of a path: "getinfo".
func interfaceName(e endpoint) string { return path.Base(e.path) }

// refusals gives the errcodes that an interface answers, computed from the
// table of interfaces, and from what each does beyond that.
func refusals(e endpoint) []int {
	codes := []int{codeSystem}
	add := func(c ...int) { codes = append(codes, c...) }
	if e.post {
		add(codeNeedPOST, codeEmptyBody, codeBodyTooLarge, codeData)
	} else {
		add(codeNeedGET)
	}
	if e.open {
		add(codeGrantType, codeAppIDMissing, codeSecretMissing, codeAppID, codeAppSecret, codeUserLimited)
	} else {
		add(codeTokenMissing, codeCredential, codeTokenExpired, codeDailyQuota)
	}
	if e.perm != "" {
		add(codeUnauthorized, codeTooFast)
	}
	add(map[string][]int{
		"stable_token": {codeDailyQuota}, "getticket": {codeInvalidArgs}, "jscode2session": {codeCodeMissing, codeCode, codeCodeUsed},
		"getuseridkey": {codeEmptyPerson, codeInvalidArgs}, "getverifyid": {codeEmptyPerson, codeInvalidArgs}, "getinfo": {codeIdentifyID, codeInvalidArgs},
		"getimage": {codeIdentifyID, codeInvalidArgs}, "getvideo": {codeIdentifyID, codeInvalidArgs}, "queryverifyinfo": {codeIdentifyID, codeInvalidArgs},
	}[interfaceName(e)]...)
	slices.Sort(codes)
	return codes
}

// with gives a query string.
func with(pairs ...string) string { return "?" + strings.Join(pairs, "&") }

// Every interface refuses in every way in which all of its kind do: method,
// body, secret, token, permission, quota. What each refuses beyond that is in
// errors.golden and outcomes.golden.
func TestRefusals(t *testing.T) {
	a := album{t: t, seen: map[string]bool{}}
	for _, e := range endpoints() {
		name, good := interfaceName(e), goodBodies()[e.path]
		f := newFixture(t)
		f.passed("cred")
		token := "access_token=" + f.token(appA)
		ask := func(what, method, target, body string) {
			t.Helper()
			w := f.do(method, target, body)
			if f.errcode(w) == 0 {
				t.Errorf("%s: %s: %s", name, what, w.Body)
			}
			a.add(w, "%s: %s", name, what)
		}
		method, query := http.MethodGet, token
		if name == "getticket" {
			query += "&type=jsapi"
		}
		if e.post {
			method = http.MethodPost
			ask("GET", http.MethodGet, e.path+with(query), "")
			ask("PUT", http.MethodPut, e.path+with(query), good)
			ask("an empty body", method, e.path+with(query), "")
			ask("no JSON", method, e.path+with(query), "{")
			ask("GBK", method, e.path+with(query), "{\"name\":\"\xd5\xc5\xc8\xfd\"}")
			ask("over 64 KiB", method, e.path+with(query), strings.Repeat(" ", maxBody+1))
		} else {
			ask("PUT", http.MethodPut, e.path+with(query), "")
		}
		if e.open {
			a.secrets(f, e, good)
			continue
		}
		ask("no access token", method, e.path, good)
		ask("an unknown access token", method, e.path+with("access_token=x", "type=jsapi"), good)
		f.api.cfg.DailyCalls, f.api.cfg.Calls = 1, dayCalls{string(appA) + e.path: 1}
		ask("no calls left", method, e.path+with(query), good)
	}
	a.orders()
	short := newFixture(t)
	short.passed("cred")
	a.add(short.face(appA, "getinfo", `{"verify_result":"cred","out_seq_no":"four"}`), "getinfo: a short out_seq_no")
	a.add(newFixture(t).do("POST", "/cgi-bin/nothing", "{}"), "no such interface")
	a.forced()
	a.sdkFailures()
	golden(t, "testdata/refusals.golden", a.text.String())
}

// secrets adds what an interface that takes a secret answers to wrong ones.
func (a *album) secrets(f *fixture, e endpoint, good string) {
	a.t.Helper()
	name, grant := interfaceName(e), clientCredential
	if name == "jscode2session" {
		grant = "authorization_code"
	}
	for _, c := range []struct{ what, grant, app, secret string }{
		{"another grant_type", "password", string(appA), secret}, {"no appid", grant, "", secret}, {"no secret", grant, string(appA), ""},
		{"an unknown appid", grant, "wxffffffffffffffff", secret}, {"a wrong secret", grant, string(appA), "x"},
	} {
		var w *httptest.ResponseRecorder
		if e.post {
			w = f.do("POST", e.path, toJSON(map[string]string{"grant_type": c.grant, "appid": c.app, "secret": c.secret}))
		} else {
			w = f.do("GET", e.path+with("grant_type="+c.grant, "appid="+c.app, "secret="+c.secret, "js_code=x"), "")
		}
		if f.errcode(w) == 0 {
			a.t.Errorf("%s: %s: %s", name, c.what, w.Body)
		}
		a.add(w, "%s: %s", name, c.what)
	}
}

// orders adds what the interfaces that take an order answer to a part of one.
func (a *album) orders() {
	f := newFixture(a.t)
	f.passed("cred")
	for _, name := range []string{"getimage", "getvideo", "queryverifyinfo"} {
		for _, member := range paths(a.t, queryBody) {
			a.add(f.face(appA, name, replaced(a.t, queryBody, member, "")), "%s: an order without %s", name, member)
		}
		a.add(f.face(appA, name, strings.Replace(queryBody, "the-verify-id", "unknown", 1)), "%s: an unknown verify_id", name)
	}
}

// forced adds the refresh that is one too many.
func (a *album) forced() {
	f := newFixture(a.t)
	f.token(appA)
	f.wait(forceSpacing)
	f.api.cfg.Calls = dayCalls{string(appA) + "stable_token force_refresh": forceDaily}
	a.add(f.do("POST", "/cgi-bin/stable_token", strings.Replace(goodBodies()["/cgi-bin/stable_token"], "false", "true", 1)), "stable_token: one refresh too many")
}

// sdkFailures adds a failure of ours at each call of the SDK, and the table
// that needs no token.
func (a *album) sdkFailures() {
	f := newFixture(a.t)
	page := f.page(appA, "https://shop.example/a")
	f.store.broken = errors.New("broken")
	for _, name := range []string{"config", "support", "sessions", "code"} {
		a.add(f.sdk(name, page, goodBodies()[SDKPrefix+name]), "sdk %s: a failure of ours", name)
	}
	f.store.broken = nil
	a.add(f.do("GET", SDKPrefix+"compat", ""), "sdk compat: ok")
}

// shownIn is one answer of a golden file.
type shownIn struct{ iface, outcome, answer string }

// goldens reads the files that show answers by "interface: outcome".
func goldens(t *testing.T, files ...string) (out []shownIn) {
	t.Helper()
	for _, name := range files {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		if len(lines)%2 != 0 {
			t.Fatalf("%s has %d lines", name, len(lines))
		}
		for i := 0; i < len(lines); i += 2 {
			iface, outcome, _ := strings.Cut(strings.TrimPrefix(lines[i], "sdk "), ": ")
			out = append(out, shownIn{iface, outcome, lines[i+1]})
		}
	}
	return out
}

var (
	errcodeForm   = regexp.MustCompile(`"errcode":(-?\d+),`)
	errCodeForm   = regexp.MustCompile(`"errCode":(-?\d+)[,}]`)
	serverGoldens = []string{"errors.golden", "outcomes.golden", "refusals.golden"}
)

// codesShown gives, for each interface, the codes that the goldens show.
func codesShown(t *testing.T, form *regexp.Regexp, files ...string) map[string]map[int]bool {
	t.Helper()
	shown := map[string]map[int]bool{}
	for _, g := range goldens(t, files...) {
		if shown[g.iface] == nil {
			shown[g.iface] = map[int]bool{}
		}
		if m := form.FindStringSubmatch(g.answer); m != nil {
			n, _ := strconv.Atoi(m[1])
			shown[g.iface][n] = true
		}
	}
	return shown
}

// Each interface × each errcode that it answers is in a golden file, and none
// shows a code that the table does not know of.
func TestEveryErrcodeIsShown(t *testing.T) {
	shown, all := codesShown(t, errcodeForm, serverGoldens...), map[int]bool{codeInvalidURL: true}
	for _, e := range endpoints() {
		name := interfaceName(e)
		want := refusals(e)
		for _, c := range want {
			all[c] = true
			if !shown[name][c] {
				t.Errorf("%s: no golden file shows %d", name, c)
			}
		}
		for c := range shown[name] {
			if c != 0 && !slices.Contains(want, c) {
				t.Errorf("%s: %d is shown, and refusals() has it not", name, c)
			}
		}
	}
	if !shown["no such interface"][codeInvalidURL] {
		t.Errorf("no golden file shows %d", codeInvalidURL)
	}
	for c := range texts {
		if !all[c] {
			t.Errorf("no interface answers %d", c)
		}
	}
}

// sdkCodes are the errCodes that each call of the SDK answers.
var sdkCodes = map[string][]int{
	"config":   {clientArgs, clientNoRight, clientSystem},
	"support":  {0, clientArgs, clientNoModel, clientBlocked, clientNoRight, clientSystem},
	"sessions": {clientArgs, clientNoModel, clientBlocked, clientNoRight, clientIdentifyID, clientUserIDKey, clientTooFast, clientSystem, clientLimit, clientUnavailable, codeDailyQuota, clientNotice},
	"code":     {clientArgs, clientNoRight, clientSystem},
}

// The same for the calls of the SDK: their success, and each errCode.
func TestEverySDKCodeIsShown(t *testing.T) {
	shown := codesShown(t, errCodeForm, "sdk.golden", "refusals.golden")
	ok := map[string]bool{}
	for _, g := range goldens(t, "sdk.golden", "refusals.golden") {
		if strings.HasPrefix(g.answer, "  200 ") && !strings.Contains(g.answer, `"errcode"`) {
			ok[g.iface] = true
		}
	}
	for _, name := range append(slices.Sorted(maps.Keys(sdkCodes)), "compat") {
		if !ok[name] {
			t.Errorf("%s: no success is shown", name)
		}
		for _, c := range sdkCodes[name] {
			if !shown[name][c] {
				t.Errorf("%s: no golden file shows %d", name, c)
			}
		}
		for c := range shown[name] {
			if !slices.Contains(sdkCodes[name], c) {
				t.Errorf("%s: %d is shown, and sdkCodes has it not", name, c)
			}
		}
	}
}

// Each Reason gives getinfo and queryverifyinfo the numbers of the one table,
// and each state before a decision gives queryverifyinfo its own.
func TestEveryResultIsShown(t *testing.T) {
	answers := map[string]string{}
	for _, g := range goldens(t, "outcomes.golden") {
		answers[g.iface+": "+g.outcome] = g.answer
	}
	check := func(name, member string, want int) {
		t.Helper()
		if !regexp.MustCompile(fmt.Sprintf(`"errcode":0,"errmsg":"ok",.*"%s":%d[,}]|"errcode":0,"errmsg":"ok","%[1]s":%[2]d[,}]`, member, want)).MatchString(answers[name]) {
			t.Errorf("%s: want %s %d: %s", name, member, want, answers[name])
		}
	}
	for _, row := range codeTable {
		check("getinfo: "+string(row.Reason), "identify_ret", row.Ret1)
		check("queryverifyinfo: "+string(row.Reason), "verify_ret", row.Ret2)
	}
	for state, want := range map[faceproof.State]int{faceproof.StateCreated: retUnfinished, faceproof.StateCapturing: retInProgress, faceproof.StateCaptured: retInProgress} {
		check("queryverifyinfo: "+string(state), "verify_ret", want)
	}
}
