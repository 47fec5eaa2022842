package wechat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"faceproof"
)

// check_alive_reason is there only when type 2 was asked and something was
// measured; check_alive_type is the method that was used.
func TestAliveReason(t *testing.T) {
	for _, c := range []struct {
		asked faceproof.AliveType
		light faceproof.Light
		want  string
	}{
		{faceproof.AliveAuto, faceproof.LightEnough, "light_enough"},
		{faceproof.AliveAuto, faceproof.LightWeak, "light_weak"},
		{faceproof.AliveAuto, faceproof.LightUnknown, "light_unknown"},
		{faceproof.AliveAuto, "", ""},
		{faceproof.AliveFlash, faceproof.LightEnough, ""},
	} {
		f := newFixture(t)
		f.passed("cred")
		for key, info := range f.verify.infos {
			info.Verification.Alive, info.Decision.Light = c.asked, c.light
			f.verify.infos[key] = info
		}
		query := toJSON(map[string]string{"verify_id": "the-verify-id", "out_seq_no": "order-1", "openid": "u", "cert_hash": strings.Repeat("0", 64)})
		for name, body := range map[string]string{"queryverifyinfo": query, "getinfo": `{"verify_result":"cred"}`} {
			var a map[string]any
			if err := json.Unmarshal(f.face(appA, name, body).Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
			reason, there := a["check_alive_reason"]
			if there != (c.want != "") || there && reason != c.want {
				t.Errorf("%s, asked for %d, light %q: %v", name, c.asked, c.light, a)
			}
			if name == "getinfo" && a["check_alive_type"] != float64(faceproof.AliveFlash) {
				t.Errorf("asked for %d: %v", c.asked, a)
			}
		}
	}
}

// Three requests against three policies, on a server with a recogniser and one
// without: what a page asks for never widens what the app allows; "is supported"
// says beforehand what a start would; and the notice speaks of sound exactly where
// sound may be recorded.
func TestAliveTypeNeverWidens(t *testing.T) {
	for _, digits := range []bool{false, true} {
		for _, policy := range []faceproof.AliveType{faceproof.AliveDigits, faceproof.AliveFlash, faceproof.AliveAuto} {
			f := newFixture(t)
			if digits {
				f.withDigits()
			}
			a := f.store.apps[appA]
			a.Alive = policy
			f.store.apps[appA] = a
			page := f.page(appA, "https://shop.example/a")
			for alive := range 3 {
				want, refused := faceproof.MethodsOf(policy, faceproof.AliveType(alive), digits)
				if support := f.sdk("support", page, fmt.Sprintf(`{"check_alive_type":%d}`, alive)).Body.String(); strings.Contains(support, `"errCode":0,`) != (refused == nil) {
					t.Errorf("policy %d, asked %d, %v: %s", policy, alive, digits, support)
				}
				w := f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber, "check_alive_type": alive}))
				if refused != nil {
					var e sdkError
					if f.decode(w, &e); w.Code == 200 || e.ErrCode != 10069 {
						t.Errorf("policy %d, asked %d, %v: %d %s", policy, alive, digits, w.Code, w.Body)
					}
					continue
				}
				var s sessionAnswer
				f.decode(w, &s)
				if w.Code != 200 || s.CheckAliveType != want.First || s.Method != map[faceproof.AliveType]string{0: "digits", 1: "flash"}[want.First] ||
					s.Notice.Sound != want.Digits || s.NoticeHash != a.Shown(want.Digits).Hash() {
					t.Errorf("policy %d, asked %d, %v: %d %s", policy, alive, digits, w.Code, w.Body)
				}
			}
		}
	}
}

// A device that is too old for one method may be new enough for the other: what
// the capture begins with counts.
func TestDeviceServesTheFirstMethod(t *testing.T) {
	old := fit{digits: true}
	for m, want := range map[faceproof.Methods]bool{
		{First: faceproof.AliveDigits, Digits: true}: true, {First: faceproof.AliveFlash, Digits: true}: false, {First: faceproof.AliveFlash}: false,
	} {
		if old.serves(m) != want {
			t.Errorf("%+v", m)
		}
	}
	if (fit{flash: true}).serves(faceproof.Methods{First: faceproof.AliveDigits, Digits: true}) {
		t.Error("a device that cannot read digits begins with them")
	}
}

// The policy of an app may change after getverifyid: the page hears 10069, not
// that it lacks a permission.
func TestPolicyChangedMeanwhile(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	for _, code := range []faceproof.Code{faceproof.CodeForbidden, faceproof.CodeUnavailable} {
		f.verify.err = faceproof.Errorf(code, "check_alive_type", "not any more")
		var e sdkError
		if w := f.sdk("sessions", page, `{"api":"`+apiRequest+`","verify_id":"the-verify-id"}`); w.Code == 200 {
			t.Fatalf("%s", w.Body)
		} else if f.decode(w, &e); e.ErrCode != 10069 || e.Field != "checkAliveType" {
			t.Errorf("%s: %+v", code, e)
		}
	}
}

// Both generations state the method, what was read, and what the pass is worth.
func TestDigitsAnswers(t *testing.T) {
	f := newFixture(t)
	pass := faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}, Method: faceproof.MethodDigits, Level: faceproof.LevelLow, Digits: "407193"}
	ask := func(d faceproof.Decision) (one infoAnswer, two verifyInfoAnswer) {
		t.Helper()
		f.decided(faceproof.StateDecided, d)
		f.decode(f.face(appA, "getinfo", `{"verify_result":"cred"}`), &one)
		f.decode(f.face(appA, "queryverifyinfo", queryBody), &two)
		return one, two
	}
	one, two := ask(pass)
	if one.IdentifyRet != 0 || one.AliveType != 0 || one.ValidateData != "407193" || one.Level != "low" ||
		two.VerifyRet != 10000 || two.AliveType == nil || *two.AliveType != 0 || two.ValidateData != "407193" || two.Level != "low" {
		t.Errorf("%+v, %+v", one, two)
	}
	pass.Method, pass.Level, pass.Digits = faceproof.MethodFlash, faceproof.LevelStandard, ""
	one, two = ask(pass)
	if one.AliveType != 1 || one.ValidateData != "" || one.Level != "standard" || two.AliveType == nil || *two.AliveType != 1 || two.ValidateData != "" || two.Level != "standard" {
		t.Errorf("%+v, %+v", one, two)
	}
	for reason, want := range map[faceproof.Reason]int{faceproof.ReasonNoSound: 10027, faceproof.ReasonNoise: 10027, faceproof.ReasonMisread: 10027, faceproof.ReasonOffTime: 10027, faceproof.ReasonLips: 10028} {
		for _, o := range []faceproof.Outcome{faceproof.OutcomeReject, faceproof.OutcomeInconclusive} {
			one, two = ask(faceproof.Decision{Outcome: o, Reasons: []faceproof.Reason{reason}, Method: faceproof.MethodDigits})
			if one.IdentifyRet != want || two.VerifyRet != want || one.Level != "" || two.Level != "" || one.AliveType != 0 || *two.AliveType != 0 {
				t.Errorf("%s, %s: %+v, %+v", reason, o, one, two)
			}
		}
	}
}
