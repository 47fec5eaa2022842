package wechat

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

// passed puts a verification that passed behind a credential and a verify_id of app A.
func (f *fixture) passed(credential string) {
	info := verify.Info{
		Verification: faceproof.Verification{
			State: faceproof.StateRedeemed, Alive: faceproof.AliveFlash, OpenID: "o" + strings.Repeat("x", 27),
			StartedAt: f.now.Add(-20 * time.Second).UnixMilli(), FinishedAt: f.now.UnixMilli(),
		},
		Assurance: faceproof.AssuranceWebUnattested,
		Decision:  faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}},
		Subject:   f.subject(),
	}
	f.verify.infos[string(appA)+credential] = info
	f.verify.portrait = []byte("\xff\xd8\xffjpeg")
	info.Verification.OutSeqNo, info.Verification.OpenID, info.Verification.CertHash = "order-1", "u", strings.Repeat("0", 64)
	f.verify.infos[string(appA)+"the-verify-id"] = info
}

// getinfo's members have exactly the contract's names and types, and one is ours.
func TestGetInfo(t *testing.T) {
	f := newFixture(t)
	f.passed("cred")
	w := f.face(appA, "getinfo", `{"verify_result":"cred","appid":"a real client sends extras"}`)
	dec := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	dec.DisallowUnknownFields()
	var a struct { // as medivhzhan/weapp decodes it
		Code         int    `json:"errcode"`
		Message      string `json:"errmsg"`
		IdentifyRet  int    `json:"identify_ret"`
		IdentifyTime uint32 `json:"identify_time"`
		ValidateData string `json:"validate_data"`
		OpenID       string `json:"openid"`
		UserIDKey    string `json:"user_id_key"`
		FinishTime   uint32 `json:"finish_time"`
		IDCardMD5    string `json:"id_card_number_md5"`
		NameMD5      string `json:"name_utf8_md5"`
		AliveType    int    `json:"check_alive_type"`
		Assurance    string `json:"capture_assurance"` // ours
	}
	if err := dec.Decode(&a); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	md := func(s string) string { x := md5.Sum([]byte(s)); return hex.EncodeToString(x[:]) }
	if a.Code != 0 || a.Message != "ok" || a.IdentifyRet != 0 || a.ValidateData != "" || len(a.OpenID) != 28 || a.AliveType != 1 || a.Assurance != "web_unattested" ||
		int64(a.FinishTime) != f.now.Unix() || int64(a.IdentifyTime) != f.now.Unix()-20 ||
		a.IDCardMD5 != md(testNumber) || a.NameMD5 != md(testName) || !strings.HasSuffix(testNumber, "X") {
		t.Errorf("%s", w.Body)
	}
	// The new user_id_key stands for the same person.
	s, ok := f.verify.subjects[string(appA)+a.UserIDKey]
	if len(a.UserIDKey) != 32 || !ok || s.IDNumber.Reveal() != testNumber {
		t.Errorf("user_id_key %q", a.UserIDKey)
	}
	for _, field := range []string{`"errcode":0`, `"validate_data":""`, `"identify_ret":0`} {
		if !strings.Contains(w.Body.String(), field) {
			t.Errorf("%s is missing in %s", field, w.Body)
		}
	}
}

// Nobody learns why a verify_result is refused: unknown, foreign and used are
// one answer, byte for byte.
func TestVerifyResultRefusalsAreOne(t *testing.T) {
	f := newFixture(t)
	f.passed("cred")
	unknown := withoutRID(f.face(appA, "getinfo", `{"verify_result":"nothing"}`).Body.String())
	foreign := withoutRID(f.face(appB, "getinfo", `{"verify_result":"cred"}`).Body.String())
	if got := f.errcode(f.face(appA, "getinfo", `{"verify_result":"cred"}`)); got != 0 {
		t.Fatalf("a foreign try burnt the credential: %d", got)
	}
	used := withoutRID(f.face(appA, "getinfo", `{"verify_result":"cred"}`).Body.String())
	if unknown != foreign || unknown != used || !strings.Contains(unknown, `"errcode":84001,"errmsg":"invalid identify id`) {
		t.Errorf("unknown %s\nforeign %s\nused    %s", unknown, foreign, used)
	}
}

func TestGetImage(t *testing.T) {
	f := newFixture(t)
	f.passed("cred")
	for _, body := range []string{`{"verify_result":"cred"}`,
		toJSON(map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)})} {
		w := f.face(appA, "getimage", body)
		if w.Code != 200 || w.Header().Get("Content-Type") != "image/jpeg" || w.Header().Get("Content-Disposition") == "" ||
			!bytes.Equal(w.Body.Bytes(), f.verify.portrait) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v %q", body, w.Code, w.Header(), w.Body)
		}
	}
	if got := f.errcode(f.face(appB, "getimage", `{"verify_result":"cred"}`)); got != 84001 {
		t.Errorf("another app's image: %d", got)
	}
}

func TestVerifyIDAndQuery(t *testing.T) {
	f := newFixture(t)
	w := f.face(appA, "getverifyid", toJSON(map[string]any{"out_seq_no": "order-1", "openid": "u",
		"cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": testName, "cert_no": testNumber}}))
	if w.Body.String() != `{"errcode":0,"errmsg":"ok","verify_id":"the-verify-id","expires_in":3600}` {
		t.Errorf("%s", w.Body)
	}
	c := f.verify.created[0]
	if c.Generation != faceproof.Gen2 || c.OutSeqNo != "order-1" || c.OpenID != "u" || len(c.CertHash) != 64 || c.App.ID != appA {
		t.Errorf("%+v", c)
	}
	f.passed("cred")
	told := ""
	query := func(app faceproof.AppID, change ...string) int {
		q := map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)}
		for i := 0; i+1 < len(change); i += 2 {
			q[change[i]] = change[i+1]
		}
		w := f.face(app, "queryverifyinfo", toJSON(q))
		if f.errcode(w) == 0 && w.Body.String() != `{"errcode":0,"errmsg":"ok","verify_ret":10000,"capture_assurance":"web_unattested"`+told+`}` {
			t.Errorf("%s", w.Body)
		}
		told = `,"replayed":true`
		return f.errcode(w)
	}
	if first, again := query(appA), query(appA); first != 0 || again != 0 {
		t.Error("2.0 may be asked again")
	}
	for name, got := range map[string]int{
		"app": query(appB), "order": query(appA, "out_seq_no", "order-2"), "user": query(appA, "openid", "v"),
		"person": query(appA, "cert_hash", strings.Repeat("1", 64)), "id": query(appA, "verify_id", "x"),
	} {
		if got != 84001 {
			t.Errorf("another %s: %d", name, got)
		}
	}
}

// No log line and no error holds a name, an ID number, a token or a secret, in
// any spelling (security.md T33).
func TestNoPersonInLogsOrErrors(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	token := f.token(appA)
	var out strings.Builder
	body := func(name, number string) string {
		return toJSON(map[string]any{"name": name, "id_card_number": number, "api": apiStart, "out_seq_no": "order-1", "openid": "u",
			"cert_info": map[string]string{"cert_type": "IDENTITY_CARD", "cert_name": name, "cert_no": number}})
	}
	long := strings.Repeat(testName, 20)
	for _, broken := range []error{nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "broken", Err: errors.New("a row that holds " + testName)},
		faceproof.Errorf(faceproof.CodeUnavailable, "", "down"), errors.New("near " + testNumber)} {
		f.verify.err = broken
		for _, b := range []string{body(testName, badNumber), body(long, testNumber), body(testName, testNumber), body(testName+"\u0000", testNumber),
			`{"name":"` + testName + `","id_card_number":` + testNumber[:17] + `}`, `{"` + testName + `":"` + testNumber + `"`, testName + testNumber} {
			for _, name := range []string{"getuseridkey", "getinfo", "getimage", "getverifyid", "queryverifyinfo"} {
				w := f.do("POST", "/cityservice/face/identify/"+name+"?access_token="+token, b)
				if f.errcode(w) != 0 {
					out.WriteString(w.Body.String())
				}
			}
			for _, name := range []string{"config", "support", "sessions"} {
				if w := f.sdk(name, page, b); w.Code != 200 {
					out.WriteString(w.Body.String())
				}
			}
			f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(appA)+"&secret="+secret+"&x="+url.QueryEscape(testName), b)
		}
	}
	out.Write(f.log.Bytes())
	if f.log.Len() == 0 {
		t.Fatal("nothing was logged, so nothing was tested")
	}
	all := strings.ToLower(out.String())
	for _, canary := range []string{testName, testNumber, badNumber, token, page, secret} {
		for form, s := range map[string]string{
			"plain": canary, "url": url.QueryEscape(canary), "hex": hex.EncodeToString([]byte(canary)),
			"base64": base64.StdEncoding.EncodeToString([]byte(canary))[:len(canary)], "base64url": base64.RawURLEncoding.EncodeToString([]byte(canary)),
			"json": strings.Trim(fmt.Sprintf("%+q", canary), `"`), "reversed": reverse(canary),
		} {
			if strings.Contains(all, strings.ToLower(s)) {
				t.Errorf("%s of a secret shows in logs or errors", form)
			}
		}
	}
}

func reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// Whatever comes, every answer of a WeChat-compatible path is status 200 with
// JSON that has an errcode, and nothing panics.
func FuzzBodies(f *testing.F) {
	fx := newFixture(f)
	token := fx.token(appA)
	page := fx.page(appA, "https://shop.example/a")
	for _, s := range []string{`{}`, `{"verify_result":"x"}`, `{"cert_info":{"cert_type":"IDENTITY_CARD"},"out_seq_no":"abcde","openid":"u"}`,
		`{"name":"张","id_card_number":"1"}`, "\xef\xbb\xbf{}", `[[[[`, `{"a":1e999}`, `{"verify_result":"\ud800"}`, "null", `{"verify_id":{},"out_seq_no":[]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, e := range endpoints() {
			target := e.path + "?access_token=" + token
			w := fx.do("POST", target, body)
			var a map[string]json.RawMessage
			if err := json.Unmarshal(w.Body.Bytes(), &a); w.Code != 200 || err != nil {
				t.Fatalf("%s: %d %q", e.path, w.Code, w.Body)
			}
			if strings.Contains(string(a["errmsg"]), "system error") {
				t.Fatalf("%s: the input made us fail: %s", e.path, w.Body)
			}
		}
		for _, name := range []string{"config", "support", "sessions"} {
			w := fx.sdk(name, page, body)
			if w.Code >= 500 || !json.Valid(w.Body.Bytes()) {
				t.Fatalf("%s: %d %q", name, w.Code, w.Body)
			}
		}
	})
}
