package wechat

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// Facts of WeChat's interfaces that no other test is about; coverage.tsv says
// which. What differs is tested as what we do instead.

// The words of real answers, which clients and people look for; each errmsg is
// text, hint and request id, and the hint has no bracket inside.
func TestErrmsgForm(t *testing.T) {
	for code, words := range map[int]string{
		-1: "system error", 40001: "invalid credential, access_token is invalid or not latest", 40013: "invalid appid", 40029: "invalid code",
		41002: "appid missing", 41004: "appsecret missing", 41008: "missing code", 42001: "access_token expired", 45009: "reach max api daily quota limit",
		48001: "api unauthorized", 84001: "invalid identify id", 84006: "name or id_card_number empty",
	} {
		if texts[code] != words {
			t.Errorf("%d says %q", code, texts[code])
		}
	}
	form := regexp.MustCompile(`^\{"errcode":(-?\d+),"errmsg":"([^"\[\]]+?)( hint: \[[^"\[\]]+\])? rid: RID"\}$`)
	n := 0
	for _, g := range goldens(t, serverGoldens...) {
		_, body, ok := strings.Cut(g.answer, "{")
		if !ok || !strings.HasPrefix(body, `"errcode":`) || strings.HasPrefix(body, `"errcode":0,`) {
			continue
		}
		n++
		m := form.FindStringSubmatch("{" + body)
		if m == nil {
			t.Errorf("%s: %s: %s", g.iface, g.outcome, g.answer)
			continue
		}
		if code, _ := strconv.Atoi(m[1]); texts[code] != m[2] {
			t.Errorf("%d says %q", code, m[2])
		}
	}
	if n < 150 {
		t.Errorf("%d errors", n)
	}
	f := newFixture(t)
	at := f.now.Unix()
	var e wechatError
	f.decode(f.do("POST", "/cgi-bin/stable_token", "{"), &e)
	_, rid, _ := strings.Cut(e.Message, " rid: ")
	if sec, err := strconv.ParseInt(rid[:8], 16, 64); err != nil || sec != at || !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{8}){2}$`).MatchString(rid) {
		t.Errorf("rid %q at %x", rid, at)
	}
}

// What real clients send, beyond what the document shows.
func TestRequestsOfOtherClients(t *testing.T) {
	f := newFixture(t)
	// PowerWeChat adds an empty parameter; orders differ.
	w := f.do("GET", "/cgi-bin/token?neededText=&secret="+secret+"&appid="+string(appA)+"&grant_type=client_credential", "")
	var a tokenAnswer
	f.decode(w, &a)
	if len(a.AccessToken) == 0 || len(a.AccessToken) > 512 || a.ExpiresIn != 7200 { // 512 characters are kept; silenceper takes 1500 s off
		t.Fatalf("%s", w.Body)
	}
	for name, body := range map[string]string{
		"a line end": personBody + "\n", "a byte-order mark": "\xef\xbb\xbf" + personBody, "spaces": " \r\n\t" + personBody + " ",
		"extra members": `{"appid":"wx","component_appid":null,"extra":{"a":[1]},` + personBody[1:], "escapes": asciiJSON(personBody),
	} {
		for _, kind := range []string{"", "application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"} {
			var header []string
			if kind != "" {
				header = []string{"Content-Type", kind}
			}
			if w := f.do("POST", facePath+"getuseridkey?debug=&access_token="+a.AccessToken, body, header...); f.errcode(w) != 0 {
				t.Errorf("%s as %q: %s", name, kind, w.Body)
			}
		}
	}
	for key, s := range f.verify.subjects {
		if s != f.subject() {
			t.Errorf("%s stands for somebody else", key)
		}
	}
	for form, want := range map[string]int{"%20": 40001, "null": 40001, strings.Repeat("x", 600): 40001, "%E4%B8%AD": 40001, "": 41001} {
		if got := f.errcode(f.do("POST", facePath+"getinfo?access_token="+form, "{}")); got != want {
			t.Errorf("access_token %.10q: %d, want %d and never 40014", form, got, want)
		}
	}
}

// A form in place of JSON is 84001, however its type is spelled, where WeChat's
// is; and 47001 elsewhere.
func TestForms(t *testing.T) {
	f := newFixture(t)
	for _, kind := range []string{"application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded; charset=UTF-8", "multipart/form-data; boundary=x", "MULTIPART/FORM-DATA; boundary=x"} {
		for iface, want := range map[string]int{"getinfo": 84001, "getimage": 84001, "getvideo": 84001, "getuseridkey": 47001, "getverifyid": 47001, "queryverifyinfo": 47001} {
			w := f.do("POST", facePath+iface+"?access_token="+f.token(appA), "verify_result=x", "Content-Type", kind)
			if f.errcode(w) != want {
				t.Errorf("%s as %s: %s", iface, kind, w.Body)
			}
		}
	}
}

// asciiJSON is a body as PHP and .NET write it: every other character escaped.
func asciiJSON(body string) string {
	var b strings.Builder
	for _, r := range body {
		if r < 128 {
			b.WriteRune(r)
			continue
		}
		b.WriteString(`\u` + strconv.FormatInt(int64(0x10000+r), 16)[1:])
	}
	return b.String()
}

// Text that is not UTF-8 is errcode 47001 for a server and 10001 in a page,
// where WeChat has 10040.
func TestNotUTF8(t *testing.T) {
	f := newFixture(t)
	const gbk = "{\"name\":\"\xd5\xc5\xc8\xfd\"}"
	page := f.page(appA, "https://shop.example/a")
	for _, e := range endpoints() {
		if w := f.do("POST", e.path+"?access_token="+f.token(appA), gbk); e.post && f.errcode(w) != 47001 {
			t.Errorf("%s: %s", e.path, w.Body)
		}
	}
	for name := range sdkCodes {
		var e sdkError
		if f.decode(f.sdk(name, page, gbk), &e); e.ErrCode != 10001 {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// out_seq_no: 5 to 32 of digits, letters, _ and -.
func TestOutSeqNoForm(t *testing.T) {
	f := newFixture(t)
	for n, want := range map[string]int{
		"abcd": 40097, "aB3_-": 0, strings.Repeat("9", 32): 0, strings.Repeat("9", 33): 40097,
		"order 1": 40097, "order.1": 40097, "order/1": 40097, "订单12345": 40097, "order-1\n": 40097, "ｏrder1": 40097, "": 40097,
	} {
		body := toJSON(map[string]any{"out_seq_no": n, "openid": "u", "cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": testNumber}})
		if w := f.face(appA, "getverifyid", body); f.errcode(w) != want {
			t.Errorf("%q: %s", n, w.Body)
		}
	}
}

// A verify_id of 256 characters may be right, one of 257 may not.
func TestVerifyIDLength(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	for n, want := range map[int]int{1: 10017, 256: 10017, 257: 10001} {
		var e sdkError
		if f.decode(f.sdk("sessions", page, toJSON(map[string]string{"api": apiRequest, "verify_id": strings.Repeat("x", n)})), &e); e.ErrCode != want {
			t.Errorf("%d characters: %+v", n, e)
		}
		w := f.face(appA, "queryverifyinfo", strings.Replace(queryBody, "the-verify-id", strings.Repeat("x", n), 1))
		if says := strings.Contains(w.Body.String(), "verify_id must be 1 to 256 characters"); f.errcode(w) != 84001 || says != (n > 256) {
			t.Errorf("%d characters: %s", n, w.Body)
		}
	}
}

// The two generations share nothing: what one gives opens nothing of the
// other's, and each has its own success.
func TestGenerationsAreApart(t *testing.T) {
	s := newShop(t, 1, itself)
	one := s.passed1(0, 0)
	two, _ := s.passed2(0, 0)
	var a, b map[string]string
	if json.Unmarshal([]byte(one), &a) != nil || json.Unmarshal([]byte(two), &b) != nil {
		t.Fatal(one, two)
	}
	for name, answer := range map[string]string{
		"a verify_id as verify_result": s.ask(0, "getinfo", toJSON(map[string]string{"verify_result": b["verify_id"]})),
		"a verify_result as verify_id": s.ask(0, "queryverifyinfo", strings.Replace(two, b["verify_id"], a["verify_result"], 1)),
	} {
		if !strings.HasPrefix(answer, `{"errcode":84001,`) {
			t.Errorf("%s: %s", name, answer)
		}
	}
	if got := s.ask(0, "getinfo", one); !strings.Contains(got, `"identify_ret":0,`) || strings.Contains(got, "verify_ret") {
		t.Errorf("1.0: %s", got)
	}
	if got := s.ask(0, "queryverifyinfo", two); got != `{"errcode":0,"errmsg":"ok","verify_ret":10000}` {
		t.Errorf("2.0: %s", got)
	}
}

// getinfo on the real service: the times are seconds of now, and the
// user_id_key is another one than any before.
func TestInfoOfTheService(t *testing.T) {
	s := newShop(t, 1, itself)
	var key userIDKeyAnswer
	if err := json.Unmarshal([]byte(s.ask(0, "getuseridkey", personBody)), &key); err != nil || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(key.UserIDKey) || key.ExpiresIn != 3600 {
		t.Fatalf("%+v, %v", key, err)
	}
	before := time.Now().Unix()
	body := s.passed1(0, 0)
	var a infoAnswer
	answer := s.ask(0, "getinfo", body)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Code != 0 {
		t.Fatal(answer)
	}
	after := uint32(time.Now().Unix())
	if a.IdentifyTime < uint32(before) || a.FinishTime < a.IdentifyTime || a.FinishTime > after {
		t.Errorf("from %d to %d: %s", before, after, answer)
	}
	if a.UserIDKey == key.UserIDKey || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(a.UserIDKey) {
		t.Errorf("user_id_key %q", a.UserIDKey)
	}
	// Its lower-case x is the same number, and so is the MD5.
	var small infoAnswer
	sub, err := faceproof.ParseIDNumber(strings.ToLower(testNumber), "n", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.sub.IDNumber = sub
	if err := json.Unmarshal([]byte(s.ask(0, "getinfo", s.passed1(0, 1))), &small); err != nil || small.IDCardMD5 != a.IDCardMD5 || a.IDCardMD5 != md5Hex(testNumber) {
		t.Errorf("md5 %q, %q", small.IDCardMD5, a.IDCardMD5)
	}
}

// A page of the JS-SDK lists its names, and hears of each whether the app may.
func TestJSAPIList(t *testing.T) {
	f := newFixture(t)
	ticket, _ := f.ticket(appA)
	ask := func(names ...string) map[string]bool {
		t.Helper()
		var a configAnswer
		w := f.do("POST", "/v1/sdk/config", toJSON(map[string]any{"appId": appA, "timestamp": "1", "nonceStr": "n", "url": "https://shop.example/a",
			"signature": Signature(ticket, "n", "1", "https://shop.example/a"), "jsApiList": names}))
		if f.decode(w, &a); w.Code != 200 || len(a.APIs) != len(names) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return a.APIs
	}
	second := []string{"checkIsSupportFaceDetect", "requestFacialVerify", "requestWxFacePictureVerify"}
	for _, names := range [][]string{second, {"checkIsSupportFaceDetect", "requestWxFacePictureVerify", "requestWxFacePictureVerifyUnionVideo"},
		{"checkIsSupportFacialRecognition", "startFacialRecognitionVerify", "startFacialRecognitionVerifyAndUploadVideo", "requestFacialVerifyAndUploadVideo"}} {
		for name, may := range ask(names...) {
			if !may {
				t.Errorf("%s is denied", name)
			}
		}
	}
	a := f.store.apps[appA]
	a.Permissions = []faceproof.Permission{faceproof.PermCheckSupport, faceproof.PermRequest}
	f.store.apps[appA] = a
	if got := ask(append(second, "chooseImage")...); !got["checkIsSupportFaceDetect"] || !got["requestFacialVerify"] || got["requestWxFacePictureVerify"] || got["chooseImage"] {
		t.Errorf("%v", got)
	}
}

// A client repeats a call after -1: nothing was used up by the one that failed.
func TestRepeatAfterSystemError(t *testing.T) {
	f := newFixture(t)
	f.passed("cred")
	for iface, body := range map[string]string{"getuseridkey": personBody, "getverifyid": certBody, "getinfo": `{"verify_result":"cred"}`, "getimage": `{"verify_result":"cred"}`, "queryverifyinfo": queryBody} {
		f.verify.err = faceproof.Errorf(faceproof.CodeUnavailable, "", "down")
		if w := f.face(appA, iface, body); f.errcode(w) != -1 {
			t.Errorf("%s: %s", iface, w.Body)
		}
		f.verify.err = nil
		if w := f.face(appA, iface, body); w.Header().Get("Content-Disposition") == "" && f.errcode(w) != 0 {
			t.Errorf("%s again: %s", iface, w.Body)
		}
	}
}

// ours are the members that WeChat's answers do not have; docs/wechat.md tells
// of each.
var ours = []string{"capture_assurance", "check_alive_reason", "liveness_level", "match_score", "replayed"}

// oursOf2 are in 1.0's getinfo, and here in queryverifyinfo too.
var oursOf2 = []string{"check_alive_type", "validate_data"}

// WeChat's numbers for forced refreshes: none within 30 s of the last issue, 20
// a day.
func TestForcedRefreshNumbers(t *testing.T) {
	f := newFixture(t)
	f.api.cfg.Calls = dayCalls{}
	last, _ := f.stable(appA, false)
	for i := range 20 {
		f.wait(30*time.Second - time.Millisecond)
		if same, _ := f.stable(appA, true); same != last {
			t.Fatalf("refresh %d came before its 30 s", i)
		}
		f.wait(time.Millisecond)
		next, left := f.stable(appA, true)
		if next == last || left != 7200 {
			t.Fatalf("refresh %d did not come after 30 s", i)
		}
		last = next
	}
	f.wait(time.Minute)
	w := f.do("POST", "/cgi-bin/stable_token", toJSON(map[string]any{"grant_type": "client_credential", "appid": appA, "secret": secret, "force_refresh": true}))
	if f.errcode(w) != 45009 {
		t.Errorf("the 21st of a day: %s", w.Body)
	}
}

// The answers have these members and no other, so no unionid; and none is null.
func TestAnswerMembers(t *testing.T) {
	want := map[string]string{
		"token": "access_token expires_in", "stable_token": "access_token expires_in", "getticket": "errcode errmsg expires_in ticket", "jscode2session": "openid session_key",
		"getuseridkey": "errcode errmsg expires_in user_id_key", "getverifyid": "errcode errmsg expires_in verify_id", "queryverifyinfo": "errcode errmsg verify_ret",
		"getinfo": "check_alive_type errcode errmsg finish_time id_card_number_md5 identify_ret identify_time name_utf8_md5 openid user_id_key validate_data",
	}
	seen := map[string]bool{}
	for _, g := range goldens(t, "outcomes.golden") {
		_, body, ok := strings.Cut(g.answer, "utf-8 ")
		var o map[string]any
		if !ok || json.Unmarshal([]byte(body), &o) != nil || o["errcode"] != nil && o["errcode"] != 0. {
			continue
		}
		seen[g.iface] = true
		foreign := ours
		if g.iface == "queryverifyinfo" {
			foreign = append(slices.Clone(ours), oursOf2...)
		}
		for _, name := range foreign {
			if _, ok := o[name]; ok && !strings.Contains(section(t, "## Server interfaces"), "`"+name+"`") {
				t.Errorf("docs/wechat.md does not tell of %s", name)
			}
			delete(o, name)
		}
		if got := strings.Join(slices.Sorted(maps.Keys(o)), " "); got != want[g.iface] {
			t.Errorf("%s: %s: %s", g.iface, g.outcome, got)
		}
		for name, v := range o {
			if v == nil {
				t.Errorf("%s: %s is null", g.iface, name)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("only %v", seen)
	}
}

// What a reader must know before moving is in the document.
func TestDocumentedRules(t *testing.T) {
	b, err := os.ReadFile("../../docs/wechat.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := strings.Join(strings.Fields(string(b)), " ")
	for _, words := range []string{
		"`errcode == 0` **and `identify_ret == 0`**", "`errcode == 0` **and `verify_ret == 10000`**",
		"a Mini Program whose face recognition collects or stores biometric features (a photo or video of the face, an ID card) must use WeChat's own interface",
		"SHA-1, hex, of `jsapi_ticket=T&noncestr=N&timestamp=S&url=U`", "`cert_type=B64&cert_name=B64&cert_no=B64`",
		"`WxMaConfig.setApiHostUrl(…)`", "`WechatApiClientOptions.Endpoint`", "`http.base_uri`", "`util.SetURIModifier(…)`", "`UserConfig.Http.BaseURI`", "`WithHttpClient(…)`",
	} {
		if !strings.Contains(doc, words) {
			t.Errorf("docs/wechat.md does not say %q", words)
		}
	}
}
