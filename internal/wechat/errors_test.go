package wechat

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Every bad input of the WeChat-compatible paths, and its answer byte for byte
// but for the request id. The golden file is what docs/wechat.md promises.
func TestErrorAnswers(t *testing.T) {
	f := newFixture(t)
	good := f.token(appA)
	f.store.apps[appB] = faceproof.App{ID: appB, Name: "no rights"}
	bare := f.token(appB)
	const face = "/cityservice/face/identify/"
	seq := `"out_seq_no":"order-1","openid":"user-1"`
	cert := `{"cert_type":"IDENTITY_CARD","cert_name":"` + testName + `","cert_no":"` + testNumber + `"}`
	if w := f.do("POST", face+"getverifyid?access_token="+good, `{`+seq+`,"cert_info":`+cert+`}`); f.errcode(w) != 0 {
		t.Fatalf("getverifyid: %s", w.Body)
	}
	cases := []struct{ name, method, target, body, header string }{
		{"token: no grant_type", "GET", "/cgi-bin/token", "", ""},
		{"token: no appid", "GET", "/cgi-bin/token?grant_type=client_credential", "", ""},
		{"token: POST of a form", "POST", "/cgi-bin/token?grant_type=client_credential", "appid=" + string(appA), ""},
		{"token: no secret", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + string(appA), "", ""},
		{"token: malformed appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=wx1&secret=x", "", ""},
		{"token: unknown appid", "GET", "/cgi-bin/token?grant_type=client_credential&appid=wxffffffffffffffff&secret=x", "", ""},
		{"token: wrong secret", "GET", "/cgi-bin/token?grant_type=client_credential&appid=" + string(appA) + "&secret=x", "", ""},
		{"token: DELETE", "DELETE", "/cgi-bin/token", "", ""},
		{"stable_token: GET", "GET", "/cgi-bin/stable_token", "", ""},
		{"stable_token: empty", "POST", "/cgi-bin/stable_token", "", ""},
		{"stable_token: secret is a number", "POST", "/cgi-bin/stable_token", `{"grant_type":"client_credential","secret":5}`, ""},
		{"stable_token: force_refresh is a string", "POST", "/cgi-bin/stable_token", `{"grant_type":"client_credential","force_refresh":"true"}`, ""},
		{"getticket: no token", "GET", "/cgi-bin/ticket/getticket?type=jsapi", "", ""},
		{"getticket: wrong type", "GET", "/cgi-bin/ticket/getticket?type=wx_card&access_token=" + good, "", ""},
		{"jscode2session: wrong grant_type", "GET", "/sns/jscode2session?grant_type=client_credential", "", ""},
		{"jscode2session: no appid", "GET", "/sns/jscode2session?grant_type=authorization_code", "", ""},
		{"jscode2session: unknown appid", "GET", "/sns/jscode2session?grant_type=authorization_code&appid=wxffffffffffffffff&secret=x&js_code=y", "", ""},
		{"jscode2session: no secret", "GET", "/sns/jscode2session?grant_type=authorization_code&appid=" + string(appA), "", ""},
		{"jscode2session: wrong secret", "GET", "/sns/jscode2session?grant_type=authorization_code&secret=x&js_code=y&appid=" + string(appA), "", ""},
		{"jscode2session: no js_code", "GET", "/sns/jscode2session?grant_type=authorization_code&secret=" + secret + "&appid=" + string(appA), "", ""},
		{"jscode2session: unknown js_code", "GET", session(appA, "nothing"), "", ""},
		{"jscode2session: an access token", "GET", session(appA, good), "", ""},
		{"unknown path", "POST", "/cgi-bin/nothing", "{}", ""},
		{"unknown face path", "POST", face + "getphoto", "{}", ""},
		{"getinfo: GET", "GET", face + "getinfo?access_token=" + good, "", ""},
		{"getinfo: no token", "POST", face + "getinfo", `{"verify_result":"x"}`, ""},
		{"getinfo: token in the body", "POST", face + "getinfo", `{"verify_result":"x","access_token":"` + good + `"}`, ""},
		{"getinfo: unknown token", "POST", face + "getinfo?access_token=nope", `{"verify_result":"x"}`, ""},
		{"getinfo: no permission", "POST", face + "getinfo?access_token=" + bare, `{"verify_result":"x"}`, ""},
		{"getinfo: empty body", "POST", face + "getinfo?access_token=" + good, "", ""},
		{"getinfo: no JSON", "POST", face + "getinfo?access_token=" + good, "{", ""},
		{"getinfo: an array", "POST", face + "getinfo?access_token=" + good, "[]", ""},
		{"getinfo: null", "POST", face + "getinfo?access_token=" + good, "null", ""},
		{"getinfo: two objects", "POST", face + "getinfo?access_token=" + good, "{}{}", ""},
		{"getinfo: a form", "POST", face + "getinfo?access_token=" + good, "verify_result=x", "application/x-www-form-urlencoded"},
		{"getinfo: another key", "POST", face + "getinfo?access_token=" + good, `{"verifyResult":"x"}`, ""},
		{"getinfo: a number", "POST", face + "getinfo?access_token=" + good, `{"verify_result":12}`, ""},
		{"getinfo: GBK", "POST", face + "getinfo?access_token=" + good, "{\"verify_result\":\"\xd5\xc5\"}", ""},
		{"getinfo: lone surrogate", "POST", face + "getinfo?access_token=" + good, `{"verify_result":"\ud800"}`, ""},
		{"getinfo: unknown", "POST", face + "getinfo?access_token=" + good, `{"verify_result":"x"}`, ""},
		{"getinfo: over 64 KiB", "POST", face + "getinfo?access_token=" + good, `{"verify_result":"` + strings.Repeat("x", maxBody) + `"}`, ""},
		{"getimage: unknown", "POST", face + "getimage?access_token=" + good, `{"verify_result":"x"}`, ""},
		{"getimage: no permission", "POST", face + "getimage?access_token=" + bare, `{"verify_result":"x"}`, ""},
		{"getvideo: unknown", "POST", face + "getvideo?access_token=" + good, `{"verify_result":"x"}`, ""},
		{"getvideo: no permission", "POST", face + "getvideo?access_token=" + bare, `{"verify_result":"x"}`, ""},
		{"getvideo: nothing", "POST", face + "getvideo?access_token=" + good, `{}`, ""},
		{"getuseridkey: no name", "POST", face + "getuseridkey?access_token=" + good, `{"id_card_number":"` + testNumber + `"}`, ""},
		{"getuseridkey: no number", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + testName + `"}`, ""},
		{"getuseridkey: blank name", "POST", face + "getuseridkey?access_token=" + good, `{"name":"  ","id_card_number":"` + testNumber + `"}`, ""},
		{"getuseridkey: long name", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + strings.Repeat("长", 65) + `","id_card_number":"` + testNumber + `"}`, ""},
		{"getuseridkey: bidi name", "POST", face + "getuseridkey?access_token=" + good, `{"name":"a\u202eb","id_card_number":"` + testNumber + `"}`, ""},
		{"getuseridkey: length", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + testName + `","id_card_number":"1234"}`, ""},
		{"getuseridkey: date", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + testName + `","id_card_number":"990000199013070030"}`, ""},
		{"getuseridkey: check character", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + testName + `","id_card_number":"` + badNumber + `"}`, ""},
		{"getuseridkey: number is a number", "POST", face + "getuseridkey?access_token=" + good, `{"name":"` + testName + `","id_card_number":110}`, ""},
		{"getverifyid: no cert_info", "POST", face + "getverifyid?access_token=" + good, `{` + seq + `}`, ""},
		{"getverifyid: cert_info is a string", "POST", face + "getverifyid?access_token=" + good, `{` + seq + `,"cert_info":"x"}`, ""},
		{"getverifyid: cert_name is a number", "POST", face + "getverifyid?access_token=" + good, `{` + seq + `,"cert_info":{"cert_type":"IDENTITY_CARD","cert_name":1}}`, ""},
		{"getverifyid: short out_seq_no", "POST", face + "getverifyid?access_token=" + good, `{"out_seq_no":"abcd","openid":"u","cert_info":` + cert + `}`, ""},
		{"getverifyid: odd out_seq_no", "POST", face + "getverifyid?access_token=" + good, `{"out_seq_no":"ab cd!","openid":"u","cert_info":` + cert + `}`, ""},
		{"getverifyid: passport", "POST", face + "getverifyid?access_token=" + good, `{` + seq + `,"cert_info":{"cert_type":"PASSPORT","cert_name":"a","cert_no":"b"}}`, ""},
		{"getverifyid: no openid", "POST", face + "getverifyid?access_token=" + good, `{"out_seq_no":"order-2","cert_info":` + cert + `}`, ""},
		{"getverifyid: no name", "POST", face + "getverifyid?access_token=" + good, `{"out_seq_no":"order-2","openid":"u","cert_info":{"cert_type":"IDENTITY_CARD","cert_no":"` + testNumber + `"}}`, ""},
		{"getverifyid: check character", "POST", face + "getverifyid?access_token=" + good, `{"out_seq_no":"order-2","openid":"u","cert_info":{"cert_type":"IDENTITY_CARD","cert_name":"a","cert_no":"` + badNumber + `"}}`, ""},
		{"getverifyid: out_seq_no again", "POST", face + "getverifyid?access_token=" + good, `{` + seq + `,"cert_info":` + cert + `}`, ""},
		{"queryverifyinfo: no verify_id", "POST", face + "queryverifyinfo?access_token=" + good, `{"out_seq_no":"order-1"}`, ""},
		{"queryverifyinfo: cert_hash", "POST", face + "queryverifyinfo?access_token=" + good, `{"verify_id":"v","out_seq_no":"order-1","cert_hash":"ABC","openid":"u"}`, ""},
		{"queryverifyinfo: unknown", "POST", face + "queryverifyinfo?access_token=" + good, `{"verify_id":"v","out_seq_no":"order-1","cert_hash":"` + strings.Repeat("0", 64) + `","openid":"u"}`, ""},
	}
	var got strings.Builder
	seen := map[string]bool{}
	for _, c := range cases {
		var header []string
		if c.header != "" {
			header = []string{"Content-Type", c.header}
		}
		w := f.do(c.method, c.target, c.body, header...)
		if code := f.errcode(w); code == 0 {
			t.Errorf("%s: accepted: %s", c.name, w.Body)
		}
		if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
			t.Errorf("%s: content type %q", c.name, ct)
		}
		line := withoutRID(w.Body.String())
		if !strings.Contains(line, " rid: RID") {
			t.Errorf("%s: no rid in %s", c.name, line)
		}
		if seen[c.name] {
			t.Errorf("%s comes twice", c.name)
		}
		seen[c.name] = true
		fmt.Fprintf(&got, "%s\n  %s\n", c.name, line)
	}
	if len(f.verify.created) != 1 || len(f.verify.subjects) != 0 {
		t.Errorf("bad input changed something: %d created, %d keys", len(f.verify.created), len(f.verify.subjects))
	}
	golden(t, "testdata/errors.golden", got.String())
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (-update writes it); got:\n%s", path, got)
	}
}

// The request id begins with the second, as WeChat's does, and differs each time.
func TestRequestID(t *testing.T) {
	f := newFixture(t)
	a, b := f.api.requestID(), f.api.requestID()
	if a == b {
		t.Error("two requests with one id")
	}
	sec, err := strconv.ParseInt(a[:8], 16, 64)
	if err != nil || time.Unix(sec, 0).UTC() != f.now {
		t.Errorf("rid %s is not of %v", a, f.now)
	}
}

// Each errcode has a text, and EasyWeChat finds the two words it looks for.
func TestTexts(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		v, ok := node.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 || !strings.HasPrefix(v.Names[0].Name, "code") {
			return true
		}
		text := v.Values[0]
		sign := 1
		if u, ok := text.(*ast.UnaryExpr); ok {
			sign, text = -1, u.X
		}
		if lit, ok := text.(*ast.BasicLit); ok {
			code, _ := strconv.Atoi(lit.Value)
			n++
			if texts[sign*code] == "" {
				t.Errorf("%s has no text", v.Names[0].Name)
			}
		}
		return true
	})
	if n != len(texts) {
		t.Errorf("%d codes, %d texts", n, len(texts))
	}
	if got := fail(codeTokenExpired, "").message("r"); !strings.Contains(got, "access_token expired") {
		t.Error(got)
	}
}

// Every Reason has a result, and only a pass gives a passing one.
func TestEveryReasonIsMapped(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "../../decision.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		v, ok := node.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Reason" {
			return true
		}
		text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		r := faceproof.Reason(text)
		n++
		row, ok := rowOf(r)
		if !ok || row.Zh == "" || row.En == "" {
			t.Errorf("reason %q has no row, or a row without words", r)
		}
		pass := r == faceproof.ReasonPass
		if (row.Ret1 == retPass1) != pass || (row.Ret2 == retPass2) != pass || (row.Client == capture.ErrCodePass) != pass {
			t.Errorf("reason %q gives %d, %d and %d", r, row.Ret1, row.Ret2, row.Client)
		}
		for _, o := range []faceproof.Outcome{faceproof.OutcomeReject, faceproof.OutcomeInconclusive, ""} {
			d := faceproof.Decision{Outcome: o, Reasons: []faceproof.Reason{r}}
			if identifyRet(d) == retPass1 {
				t.Errorf("outcome %q with reason %q passes in 1.0", o, r)
			}
			for _, s := range []faceproof.State{faceproof.StateCreated, faceproof.StateCapturing, faceproof.StateCaptured, faceproof.StateDecided, faceproof.StateRedeemed, faceproof.StateEnded} {
				if got := verifyRet(faceproof.Verification{State: s}, d); got == retPass2 || got == retPass1 {
					t.Errorf("state %q, outcome %q, reason %q passes in 2.0: %d", s, o, r, got)
				}
			}
		}
		return true
	})
	if n < 19 || n != len(codeTable) {
		t.Errorf("%d reasons, %d rows", n, len(codeTable))
	}
}

// What the page is told about a face is one code, whatever the registry or the
// liveness test said: it is no oracle.
func TestPageLearnsNothing(t *testing.T) {
	own := map[faceproof.Reason]bool{faceproof.ReasonPass: true, faceproof.ReasonInvalidCapture: true, faceproof.ReasonDisconnected: true,
		faceproof.ReasonTimeout: true, faceproof.ReasonCancelled: true, faceproof.ReasonAlternative: true, faceproof.ReasonInternal: true}
	for _, row := range codeTable {
		if !own[row.Reason] && row.Client != capture.ErrCodeFail {
			t.Errorf("%s shows the page %d", row.Reason, row.Client)
		}
	}
}

// The documented results, one by one.
func TestResults(t *testing.T) {
	reject := func(r faceproof.Reason) faceproof.Decision {
		return faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{r}}
	}
	pass := faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}}
	for r, want := range map[faceproof.Reason]int{
		faceproof.ReasonAbsent: 10026, faceproof.ReasonNameMismatch: 10003, faceproof.ReasonFaceMismatch: 10004,
		faceproof.ReasonOtherModel: 10011, faceproof.ReasonSubjectChanged: 10057, faceproof.ReasonManyFaces: 10057,
		faceproof.ReasonNotFresh: 10002, faceproof.ReasonBackground: 10002, faceproof.ReasonLatency: 10002, faceproof.ReasonNoFace: 10002,
		faceproof.ReasonWeakLight: 10010, faceproof.ReasonQuality: 10010, faceproof.ReasonFreshUnsure: 10010,
		faceproof.ReasonTooFewFrames: 90011, faceproof.ReasonTimeout: 10020,
	} {
		if got := identifyRet(reject(r)); got != want {
			t.Errorf("%s: %d, want %d", r, got, want)
		}
	}
	if identifyRet(pass) != 0 || identifyRet(faceproof.Decision{}) == 0 {
		t.Error("0 means passed, and nothing else does")
	}
	for s, want := range map[faceproof.State]int{
		faceproof.StateCreated: 10300, faceproof.StateEnded: 10300, faceproof.StateCapturing: 10005, faceproof.StateCaptured: 10005,
		faceproof.StateDecided: 10000, faceproof.StateRedeemed: 10000,
	} {
		d := faceproof.Decision{}
		if s == faceproof.StateDecided || s == faceproof.StateRedeemed {
			d = pass
		}
		if got := verifyRet(faceproof.Verification{State: s}, d); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
	if got := verifyRet(faceproof.Verification{State: faceproof.StateDecided}, reject(faceproof.ReasonFaceMismatch)); got != 10004 {
		t.Errorf("rejected: %d", got)
	}
}
