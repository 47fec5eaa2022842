package wechat

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// ticket asks getticket with a stable token.
func (f *fixture) ticket(app faceproof.AppID) (string, int) {
	f.t.Helper()
	w := f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+f.token(app), "")
	var a struct {
		Code      *int   `json:"errcode"`
		Message   string `json:"errmsg"`
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expires_in"`
	}
	f.decode(w, &a)
	if a.Ticket == "" || a.Code == nil || *a.Code != 0 || a.Message != "ok" {
		f.t.Fatalf("getticket: %s", w.Body)
	}
	return a.Ticket, a.ExpiresIn
}

// config calls /v1/sdk/config as the SDK does.
func (f *fixture) config(app faceproof.AppID, ticket, page string, header ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.do("POST", "/v1/sdk/config", toJSON(map[string]any{
		"appId": app, "timestamp": 1790000000, "nonceStr": "n0nce", "url": page,
		"signature": Signature(ticket, "n0nce", "1790000000", page),
		"jsApiList": []string{"checkIsSupportFacialRecognition", "startFacialRecognitionVerify", "chooseImage"},
	}), header...)
}

// page gives a page token.
func (f *fixture) page(app faceproof.AppID, page string) string {
	f.t.Helper()
	ticket, _ := f.ticket(app)
	var a struct {
		PageToken string `json:"page_token"`
	}
	w := f.config(app, ticket, page)
	f.decode(w, &a)
	if a.PageToken == "" {
		f.t.Fatalf("config: %d %s", w.Code, w.Body)
	}
	return a.PageToken
}

func (f *fixture) sdk(name, page, body string, header ...string) *httptest.ResponseRecorder {
	return f.do("POST", "/v1/sdk/"+name, body, append(header, "Authorization", "Bearer "+page)...)
}

type sdkError struct {
	Code    string `json:"code"`
	Field   string `json:"field"`
	Message string `json:"message"`
	ErrCode int    `json:"errCode"`
	Errno   int    `json:"errno"`
	ErrMsg  string `json:"errMsg"`
}

// The example of WeChat's JS-SDK documentation: the order and the joining of
// the four values.
func TestSignature(t *testing.T) {
	got := Signature("sM4AOVdWfPE4DxkXGEs8VMCPGGVi4C3VM0P37wVUCFvkVAy_90u5h9nbSlYy3-Sl-HhTdfl2fzFy1AOcHKP7qg",
		"Wm3WZYTPz0wzccnW", "1414587457", "http://mp.weixin.qq.com?params=value")
	if got != "0f9de62fce790f9a083d5c99e95740ceb90c27ed" {
		t.Error(got)
	}
}

func TestConfig(t *testing.T) {
	f := newFixture(t)
	ticket, _ := f.ticket(appA)
	w := f.config(appA, ticket, "https://shop.example/pay?x=1", "Origin", "https://shop.example")
	var a struct {
		PageToken string `json:"page_token"`
		ExpiresIn int    `json:"expires_in"`
		App       struct{ Name string }
		APIs      map[string]bool `json:"apis"`
	}
	f.decode(w, &a)
	if w.Code != 200 || len(a.PageToken) != 43 || a.ExpiresIn != 7200 || a.App.Name != "示例 aa" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !a.APIs["startFacialRecognitionVerify"] || !a.APIs["checkIsSupportFacialRecognition"] || a.APIs["chooseImage"] {
		t.Errorf("apis: %v", a.APIs)
	}
	if got := w.Header().Get("Access-Control-Allow-Origin"); got != "https://shop.example" {
		t.Errorf("the page may not read the answer: %q", got)
	}
	if w.Header().Get("Access-Control-Allow-Credentials") != "" {
		t.Error("cookies must take no part")
	}
}

func TestConfigRefusals(t *testing.T) {
	f := newFixture(t)
	ticket, _ := f.ticket(appA)
	ticketB, _ := f.ticket(appB)
	ok := "https://shop.example/pay"
	body := func(change map[string]any) string {
		m := map[string]any{"appId": appA, "timestamp": "1790000000", "nonceStr": "n", "url": ok, "jsApiList": []string{}}
		for k, v := range change {
			m[k] = v
		}
		if _, set := m["signature"]; !set {
			m["signature"] = Signature(ticket, "n", "1790000000", fmt.Sprint(m["url"]))
		}
		return toJSON(m)
	}
	cases := []struct {
		name, body, origin string
		status             int
		field, says        string
	}{
		{"good", body(nil), "", 200, "", ""},
		{"own page", body(map[string]any{"url": "https://face.example/demo/"}), "", 200, "", ""},
		{"own page behind a proxy", body(map[string]any{"url": "http://FACE.example:80/demo/"}), "", 200, "", ""},
		{"unknown app", body(map[string]any{"appId": "wxffffffffffffffff"}), "", 401, "appId", "invalid appId"},
		{"malformed app", body(map[string]any{"appId": "x"}), "", 401, "appId", "invalid appId"},
		{"no app", body(map[string]any{"appId": ""}), "", 400, "appId", "empty"},
		{"other ticket", body(map[string]any{"signature": Signature(ticketB, "n", "1790000000", ok)}), "", 401, "signature", "invalid signature"},
		{"other url", body(map[string]any{"signature": Signature(ticket, "n", "1790000000", ok+"?x")}), "", 401, "signature", "invalid signature"},
		{"other nonce", body(map[string]any{"nonceStr": "m"}), "", 401, "signature", "invalid signature"},
		{"other time", body(map[string]any{"timestamp": 1790000001}), "", 401, "signature", "invalid signature"},
		{"foreign page", body(map[string]any{"url": "https://evil.example/pay"}), "", 403, "url", "invalid url domain"},
		{"look-alike", body(map[string]any{"url": "https://shop.example.evil.example/"}), "", 403, "url", "invalid url domain"},
		{"user part", body(map[string]any{"url": "https://shop.example@evil.example/"}), "", 403, "url", "invalid url domain"},
		{"http for https", body(map[string]any{"url": "http://shop.example/pay"}), "", 403, "url", "invalid url domain"},
		{"other port", body(map[string]any{"url": "https://shop.example:8443/pay"}), "", 403, "url", "invalid url domain"},
		{"javascript", body(map[string]any{"url": "javascript:alert(1)"}), "", 403, "url", "invalid url domain"},
		{"browser says otherwise", body(nil), "https://evil.example", 403, "url", "invalid url domain"},
		{"opaque origin", body(nil), "null", 403, "url", "invalid url domain"},
		{"timestamp is text", body(map[string]any{"timestamp": "now"}), "", 400, "timestamp", "documented"},
		{"unknown member", body(map[string]any{"debug": true}), "", 400, "body", "documented"},
		{"no JSON", "{", "", 400, "body", "one JSON object"},
		{"two objects", body(nil) + "{}", "", 400, "body", "one JSON object"},
		{"GBK", "\xd5\xc5", "", 400, "body", "UTF-8"},
		{"too large", `{"url":"` + strings.Repeat("x", maxBody) + `"}`, "", 413, "body", "bytes"},
	}
	for _, c := range cases {
		var header []string
		if c.origin != "" {
			header = []string{"Origin", c.origin}
		}
		w := f.do("POST", "/v1/sdk/config", c.body, header...)
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.name, w.Code, c.status, w.Body)
			continue
		}
		if c.status == 200 {
			continue
		}
		var e sdkError
		f.decode(w, &e)
		if e.Field != c.field || !strings.Contains(e.ErrMsg, c.says) || !strings.HasPrefix(e.ErrMsg, "config:fail ") || e.ErrCode == 0 || e.Code == "" {
			t.Errorf("%s: %s", c.name, w.Body)
		}
	}
}

func TestPreflight(t *testing.T) {
	f := newFixture(t)
	w := f.do("OPTIONS", "/v1/sdk/sessions", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != "https://shop.example" ||
		!strings.Contains(w.Header().Get("Access-Control-Allow-Headers"), "authorization") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := f.do("GET", "/v1/sdk/sessions", ""); w.Code != 405 {
		t.Errorf("GET: %d", w.Code)
	}
}

func TestSupport(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	for body, want := range map[string]string{
		`{}`:                        `{"errCode":0,"errMsg":"checkIsSupportFacialRecognition:ok","libVersionCode":1}`,
		`{"check_alive_type":null}`: `{"errCode":0,"errMsg":"checkIsSupportFacialRecognition:ok","libVersionCode":1}`,
		`{"check_alive_type":1}`:    `{"errCode":0,"errMsg":"checkIsSupportFacialRecognition:ok","libVersionCode":1}`,
		`{"check_alive_type":"2"}`:  `{"errCode":0,"errMsg":"checkIsSupportFacialRecognition:ok","libVersionCode":1}`,
		`{"check_alive_type":2}`:    `{"errCode":0,"errMsg":"checkIsSupportFacialRecognition:ok","libVersionCode":1}`,
		`{"check_alive_type":0}`:    `{"errCode":10002,"errMsg":"checkIsSupportFacialRecognition:fail No necessary model found","libVersionCode":1}`,
	} {
		if w := f.sdk("support", page, body); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	for _, body := range []string{`{"check_alive_type":3}`, `{"check_alive_type":"two"}`, `{"check_alive_type":1.5}`, `{"check_alive_type":[]}`, `{"check_alive_type":""}`} {
		w := f.sdk("support", page, body)
		var e sdkError
		f.decode(w, &e)
		if w.Code != 400 || e.Field != "checkAliveType" || e.ErrCode != 10001 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestSessions(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	w := f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": strings.ToLower(testNumber), "check_alive_type": 2}))
	var a struct {
		SessionID    string `json:"session_id"`
		CaptureToken string `json:"capture_token"`
		ExpiresIn    int    `json:"expires_in"`
		Method       string
		AliveType    int `json:"check_alive_type"`
		App          struct{ Name string }
		MaskedName   string           `json:"masked_name"`
		Notice       faceproof.Notice `json:"notice"`
		Hash         string           `json:"notice_hash"`
	}
	f.decode(w, &a)
	shown := testNotice()
	shown.KeepsImage = true // appA holds getimage
	if w.Code != 200 || a.SessionID == "" || a.CaptureToken != "cap" || a.ExpiresIn != 180 || a.Method != "flash" || a.AliveType != 1 ||
		a.App.Name == "" || a.Notice != shown || a.Hash != shown.Hash() || strings.Contains(w.Body.String(), testName) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	id := f.verify.openIDs[0]
	if len(id) != 28 || id[0] != 'o' {
		t.Errorf("openid %q is not of WeChat's form", id)
	}
	// The same person gets the same name from one app, another from another.
	pageB := f.page(appB, "https://shop.example/a")
	for _, p := range []string{page, pageB} {
		f.sdk("sessions", p, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}))
	}
	if f.verify.openIDs[1] != id || f.verify.openIDs[2] == id {
		t.Errorf("openids %v", f.verify.openIDs)
	}

	key := f.userIDKey(appA)
	w = f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "user_id_key": key}))
	if w.Code != 200 || f.verify.started[3].IDNumber.Reveal() != testNumber {
		t.Errorf("with userIdKey: %d %s", w.Code, w.Body)
	}
	w = f.sdk("sessions", page, toJSON(map[string]any{"api": apiRequest, "verify_id": "the-verify-id"}))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"capture_token":"cap2"`) {
		t.Errorf("2.0: %d %s", w.Code, w.Body)
	}
}

func (f *fixture) userIDKey(app faceproof.AppID) string {
	f.t.Helper()
	var a struct {
		Key       string `json:"user_id_key"`
		ExpiresIn int    `json:"expires_in"`
	}
	w := f.face(app, "getuseridkey", toJSON(map[string]string{"name": testName, "id_card_number": testNumber}))
	f.decode(w, &a)
	if len(a.Key) != 32 || a.ExpiresIn != 3600 {
		f.t.Fatalf("getuseridkey: %s", w.Body)
	}
	return a.Key
}

func TestSessionRefusals(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	foreign := f.userIDKey(appB)
	person := func(name, number string) string {
		return toJSON(map[string]any{"api": apiStart, "name": name, "id_card_number": number})
	}
	cases := []struct {
		name, body, field string
		status, errCode   int
	}{
		{"no api", `{}`, "api", 400, 10001},
		{"other api", `{"api":"chooseImage"}`, "api", 400, 10001},
		{"empty name", person("", testNumber), "name", 400, 10001},
		{"long name", person(strings.Repeat("长", 65), testNumber), "name", 400, 10001},
		{"control in name", person("a\u0000b", testNumber), "name", 400, 10001},
		{"empty number", person(testName, ""), "idCardNumber", 400, 10001},
		{"check character", person(testName, badNumber), "idCardNumber", 400, 10001},
		{"date", person(testName, "990000199013070030"), "idCardNumber", 400, 10001},
		{"length", person(testName, testNumber[:17]), "idCardNumber", 400, 10001},
		{"number is a number", `{"api":"startFacialRecognitionVerify","name":"a","id_card_number":1}`, "idCardNumber", 400, 10001},
		{"both", toJSON(map[string]any{"api": apiStart, "name": testName, "user_id_key": "x"}), "userIdKey", 400, 10001},
		{"unknown key", toJSON(map[string]any{"api": apiStart, "user_id_key": strings.Repeat("0", 32)}), "userIdKey", 404, 10041},
		{"foreign key", toJSON(map[string]any{"api": apiStart, "user_id_key": foreign}), "userIdKey", 404, 10041},
		{"no verifyId", `{"api":"requestFacialVerify"}`, "verifyId", 400, 10001},
		{"unknown verifyId", `{"api":"requestFacialVerify","verify_id":"x"}`, "verifyId", 404, 10017},
		{"long verifyId", `{"api":"requestFacialVerify","verify_id":"` + strings.Repeat("x", 257) + `"}`, "verifyId", 400, 10001},
		{"digits", toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber, "check_alive_type": 0}), "checkAliveType", 400, 10069},
		{"unknown member", `{"api":"requestFacialVerify","verifyId":"x"}`, "body", 400, 10001},
	}
	for _, c := range cases {
		w := f.sdk("sessions", page, c.body)
		var e sdkError
		f.decode(w, &e)
		if w.Code != c.status || e.Field != c.field || e.ErrCode != c.errCode || !strings.Contains(e.ErrMsg, ":fail ") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if strings.HasPrefix(c.body, `{"api":"startF`) && !strings.HasPrefix(e.ErrMsg, apiStart+":fail ") && c.field != "idCardNumber" {
			t.Errorf("%s: errMsg %q does not begin with the interface", c.name, e.ErrMsg)
		}
	}
	if len(f.verify.started) != 0 {
		t.Error("bad input started something")
	}
	if len(f.verify.subjects) != 1 {
		t.Error("bad input kept something")
	}
}

func TestPageToken(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	refused := func(what string, w *httptest.ResponseRecorder, status int) {
		t.Helper()
		var e sdkError
		f.decode(w, &e)
		if w.Code != status || e.Field != "page_token" || e.Errno != 0 {
			t.Errorf("%s: %d %s", what, w.Code, w.Body)
		}
	}
	refused("none", f.do("POST", "/v1/sdk/support", `{}`), 401)
	refused("basic", f.do("POST", "/v1/sdk/support", `{}`, "Authorization", "Basic x"), 401)
	refused("unknown", f.sdk("support", "x", `{}`), 401)
	refused("other origin", f.sdk("support", page, `{}`, "Origin", "https://evil.example"), 403)
	if w := f.sdk("support", page, `{}`, "Origin", "https://shop.example"); w.Code != 200 {
		t.Errorf("its own origin: %d", w.Code)
	}
	f.wait(7200 * time.Second)
	refused("expired", f.sdk("support", page, `{}`), 401)
}

// A notice with a blank field never reaches a person.
func TestBlankNotice(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	a := f.store.apps[appA]
	a.Notice.Contact = " "
	f.store.apps[appA] = a
	w := f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}))
	var e sdkError
	f.decode(w, &e)
	if w.Code != 503 || e.Field != "notice.contact" || e.ErrCode != 90105 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Every interface × every missing permission.
func TestPermissionMatrix(t *testing.T) {
	cert := map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": testNumber}
	calls := []struct {
		perm faceproof.Permission
		page bool
		do   func(f *fixture, page string) *httptest.ResponseRecorder
	}{
		{faceproof.PermCheckSupport, true, func(f *fixture, p string) *httptest.ResponseRecorder { return f.sdk("support", p, `{}`) }},
		{faceproof.PermStartVerify, true, func(f *fixture, p string) *httptest.ResponseRecorder {
			return f.sdk("sessions", p, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}))
		}},
		{faceproof.PermRequest, true, func(f *fixture, p string) *httptest.ResponseRecorder {
			return f.sdk("sessions", p, `{"api":"requestFacialVerify","verify_id":"the-verify-id"}`)
		}},
		{faceproof.PermStartVideo, true, func(f *fixture, p string) *httptest.ResponseRecorder {
			return f.sdk("sessions", p, toJSON(map[string]any{"api": apiStart + withVideo, "name": testName, "id_card_number": testNumber}))
		}},
		{faceproof.PermRequestVideo, true, func(f *fixture, p string) *httptest.ResponseRecorder {
			return f.sdk("sessions", p, `{"api":"requestFacialVerifyAndUploadVideo","verify_id":"the-verify-id"}`)
		}},
		{faceproof.PermGetVideo, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "getvideo", `{"verify_result":"cred"}`)
		}},
		{faceproof.PermGetUserIDKey, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "getuseridkey", toJSON(map[string]string{"name": testName, "id_card_number": testNumber}))
		}},
		{faceproof.PermGetInfo, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "getinfo", `{"verify_result":"cred"}`)
		}},
		{faceproof.PermGetImage, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "getimage", `{"verify_result":"cred"}`)
		}},
		{faceproof.PermGetVerifyID, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "getverifyid", toJSON(map[string]any{"out_seq_no": "order-1", "openid": "u", "cert_info": cert}))
		}},
		{faceproof.PermQueryInfo, false, func(f *fixture, _ string) *httptest.ResponseRecorder {
			return f.face(appA, "queryverifyinfo", toJSON(map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)}))
		}},
	}
	if len(calls) != len(faceproof.Permissions()) {
		t.Fatalf("%d calls for %d permissions", len(calls), len(faceproof.Permissions()))
	}
	for _, call := range calls {
		for _, missing := range faceproof.Permissions() {
			f := newFixture(t)
			f.passed("cred")
			page := f.page(appA, "https://shop.example/a")
			a := f.store.apps[appA]
			a.Permissions = nil
			for _, p := range faceproof.Permissions() {
				if p != missing {
					a.Permissions = append(a.Permissions, p)
				}
			}
			f.store.apps[appA] = a
			w := call.do(f, page)
			denied := call.perm == missing
			if call.page {
				var e sdkError
				f.decode(w, &e)
				want := fmt.Sprintf("%s:fail:access denied", call.perm)
				if got := w.Code == 403 && e.Errno == 102 && e.ErrMsg == want; got != denied {
					t.Errorf("%s without %s: %d %s", call.perm, missing, w.Code, w.Body)
				}
			} else if ct := w.Header().Get("Content-Type"); ct == "image/jpeg" || ct == "application/zip" {
				if denied {
					t.Errorf("%s without %s gave an image", call.perm, missing)
				}
			} else if code := f.errcode(w); (code == 48001) != denied || (!denied && code != 0) {
				t.Errorf("%s without %s: %s", call.perm, missing, w.Body)
			}
		}
	}
}

// Failures of ours say nothing but that they are ours.
func TestInternalFailuresAreSilent(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	token := f.token(appA)
	f.verify.err = errors.New("disk on fire near " + testName)
	w := f.do("POST", "/cityservice/face/identify/getinfo?access_token="+token, `{"verify_result":"x"}`)
	if got := withoutRID(w.Body.String()); got != `{"errcode":-1,"errmsg":"system error rid: RID"}` {
		t.Error(got)
	}
	w = f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}))
	if w.Code != 500 || strings.Contains(w.Body.String(), "fire") || !strings.Contains(w.Body.String(), "10045") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The normal form of an origin is one: it holds no path and no user, and is its
// own normal form.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://shop.example/a?b#c", "http://[::1]:80/", "https://a@b/", "https://é.example", "https://A:443", "//x", "https://x\\@y", "https://a:443:443", "http://:80", "https://[]:443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		o, ok := originOf(address)
		if !ok {
			return
		}
		rest, found := strings.CutPrefix(o, "https://")
		if !found {
			rest, found = strings.CutPrefix(o, "http://")
		}
		if !found || rest == "" || strings.ContainsAny(rest, "/?#@") {
			t.Fatalf("%q has the origin %q", address, o)
		}
		if again, ok := originOf(o); !ok || again != o {
			t.Fatalf("%q: %q, then %q", address, o, again)
		}
	})
}
