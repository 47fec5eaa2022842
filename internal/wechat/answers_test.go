package wechat

import (
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"faceproof"
)

// random are the members that differ from run to run, with what they must look
// like.
var random = []struct {
	member string
	form   *regexp.Regexp
}{
	{"access_token", regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)}, {"ticket", regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)},
	{"page_token", regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)}, {"visitor", regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)},
	{"code", regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)}, {"session_key", regexp.MustCompile(`^[A-Za-z0-9+/]{22}==$`)},
	{"user_id_key", regexp.MustCompile(`^[0-9a-f]{32}$`)}, {"openid", regexp.MustCompile(`^o[A-Za-z0-9_-]{27}$`)},
}

// masked writes an answer down without them.
func masked(t *testing.T, name string, w *httptest.ResponseRecorder) string {
	t.Helper()
	out := fmt.Sprintf("%s\n  %d %s\n", name, w.Code, w.Header().Get("Content-Type"))
	if cd := w.Header().Get("Content-Disposition"); cd != "" {
		return out + fmt.Sprintf("  %s, %d bytes\n", cd, w.Body.Len())
	}
	body := withoutRID(w.Body.String())
	for _, r := range random {
		find := regexp.MustCompile(`"` + r.member + `":"([^"]*)"`)
		body = find.ReplaceAllStringFunc(body, func(s string) string {
			switch v := find.FindStringSubmatch(s)[1]; {
			case r.member == "code" && w.Code != 200:
				return s // of an error
			case !r.form.MatchString(v):
				t.Errorf("%s: %s is %q", name, r.member, v)
			}
			return `"` + r.member + `":"…"`
		})
	}
	return out + "  " + body + "\n"
}

// Every interface with every outcome, byte for byte but for what is random.
func TestAnswers(t *testing.T) {
	f := newFixture(t)
	var got strings.Builder
	put := func(name string, w *httptest.ResponseRecorder) { got.WriteString(masked(t, name, w)) }
	put("token", f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(appA)+"&secret="+secret, ""))
	put("stable_token", f.do("POST", "/cgi-bin/stable_token", goodBodies()["/cgi-bin/stable_token"]))
	put("getticket", f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+f.token(appA), ""))
	put("jscode2session", f.do("GET", session(appA, f.jsCode(appA, "").Code), ""))
	put("getuseridkey", f.face(appA, "getuseridkey", goodBodies()[facePath+"getuseridkey"]))
	put("getverifyid", f.face(appA, "getverifyid", goodBodies()[facePath+"getverifyid"]))
	f.passed("cred")
	put("getimage", f.face(appA, "getimage", `{"verify_result":"cred"}`))
	put("getvideo", f.face(appA, "getvideo", `{"verify_result":"cred"}`))
	order := toJSON(map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)})
	pass := f.verify.infos[string(appA)+"the-verify-id"]
	set := func(key string, s faceproof.State, d faceproof.Decision) {
		info := f.verify.infos[string(appA)+key]
		info.Verification.State, info.Decision = s, d
		f.verify.infos[string(appA)+key] = info
	}
	for _, row := range codeTable {
		d := faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{row.Reason}}
		if row.Reason == faceproof.ReasonPass {
			d.Outcome = faceproof.OutcomePass
		}
		f.verify.used = map[string]bool{}
		set("cred", faceproof.StateRedeemed, d)
		set("the-verify-id", faceproof.StateRedeemed, d)
		put("getinfo: "+string(row.Reason), f.face(appA, "getinfo", `{"verify_result":"cred"}`))
		put("queryverifyinfo: "+string(row.Reason), f.face(appA, "queryverifyinfo", order))
	}
	put("getinfo: again", f.face(appA, "getinfo", `{"verify_result":"cred"}`))
	for _, s := range []faceproof.State{faceproof.StateCreated, faceproof.StateCapturing, faceproof.StateCaptured, faceproof.StateEnded} {
		set("the-verify-id", s, faceproof.Decision{})
		put("queryverifyinfo: "+string(s), f.face(appA, "queryverifyinfo", order))
	}
	f.verify.infos[string(appA)+"the-verify-id"] = pass

	ticket, _ := f.ticket(appA)
	put("sdk config", f.config(appA, ticket, "https://shop.example/a"))
	page := f.page(appA, "https://shop.example/a")
	for alive := range 3 {
		put(fmt.Sprintf("sdk support: checkAliveType %d", alive), f.sdk("support", page, fmt.Sprintf(`{"check_alive_type":%d}`, alive)))
		put(fmt.Sprintf("sdk sessions: checkAliveType %d", alive), f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber, "check_alive_type": alive})))
	}
	put("sdk sessions: 1.0 with video", f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart + withVideo, "name": testName, "id_card_number": testNumber})))
	put("sdk sessions: 2.0", f.sdk("sessions", page, `{"api":"requestFacialVerify","verify_id":"the-verify-id"}`))
	put("sdk sessions: 2.0 with video", f.sdk("sessions", page, `{"api":"requestFacialVerifyAndUploadVideo","verify_id":"the-verify-id"}`))
	put("sdk sessions: an unknown verifyId", f.sdk("sessions", page, `{"api":"requestFacialVerify","verify_id":"x"}`))
	put("sdk sessions: an unknown userIdKey", f.sdk("sessions", page, `{"api":"startFacialRecognitionVerify","user_id_key":"x"}`))
	put("sdk code", f.sdk("code", page, `{}`))
	for _, field := range []string{"subject", "device", "app"} {
		f.verify.err = faceproof.Errorf(faceproof.CodeRateLimited, field, "too many")
		put("sdk sessions: limit of "+field, f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber})))
	}
	f.verify.err = nil
	a := f.store.apps[appA]
	a.Permissions = nil
	f.store.apps[appA] = a
	put("sdk support: no permission", f.sdk("support", page, `{}`))
	put("sdk sessions: no permission", f.sdk("sessions", page, goodBodies()["/v1/sdk/sessions"]))
	a.Permissions, a.Notice.Purpose = faceproof.Permissions(), ""
	f.store.apps[appA] = a
	put("sdk sessions: a blank notice", f.sdk("sessions", page, goodBodies()["/v1/sdk/sessions"]))
	golden(t, "testdata/answers.golden", got.String())
}
