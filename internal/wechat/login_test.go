package wechat

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// jsCode asks for a code as a page does.
func (f *fixture) jsCode(app faceproof.AppID, visitor string) codeAnswer {
	f.t.Helper()
	var a codeAnswer
	w := f.sdk("code", f.page(app, "https://shop.example/a"), toJSON(map[string]string{"visitor": visitor}))
	f.decode(w, &a)
	if w.Code != 200 || a.Code == "" || a.ExpiresIn != 300 {
		f.t.Fatalf("%d %s", w.Code, w.Body)
	}
	return a
}

func session(app faceproof.AppID, code string) string {
	return fmt.Sprintf("/sns/jscode2session?appid=%s&secret=%s&js_code=%s&grant_type=authorization_code", app, secret, url.QueryEscape(code))
}

// A code is good once, for its app, for five minutes, and names the browser the
// same each time.
func TestLogin(t *testing.T) {
	f := newFixture(t)
	first := f.jsCode(appA, "")
	var a loginAnswer
	w := f.do("GET", session(appA, first.Code), "")
	f.decode(w, &a)
	if key, err := base64.StdEncoding.DecodeString(a.SessionKey); err != nil || len(key) != 16 {
		t.Errorf("session_key in %s", w.Body)
	}
	if len(a.OpenID) != 28 || a.OpenID[0] != 'o' || strings.Contains(w.Body.String(), "errcode") {
		t.Errorf("%s", w.Body)
	}
	if code := f.errcode(f.do("GET", session(appA, first.Code), "")); code != 40163 {
		t.Errorf("twice: %d", code)
	}
	open := func(app faceproof.AppID, visitor string) string {
		var a loginAnswer
		f.decode(f.do("GET", session(app, f.jsCode(app, visitor).Code), ""), &a)
		return a.OpenID
	}
	if open(appA, first.Visitor) != a.OpenID {
		t.Error("the browser has another openid")
	}
	if open(appB, first.Visitor) == a.OpenID || open(appA, "") == a.OpenID {
		t.Error("an openid of two apps or of two browsers")
	}
	if a.OpenID == f.api.openID(appA, f.subject().IDNumber) {
		t.Error("a browser has a person's openid")
	}

	other := f.jsCode(appA, "").Code
	foreign := f.do("GET", session(appB, other), "")
	unknown := f.do("GET", session(appB, "nothing"), "")
	if withoutRID(foreign.Body.String()) != withoutRID(unknown.Body.String()) || f.errcode(foreign) != 40029 {
		t.Errorf("another app's: %s, unknown: %s", foreign.Body, unknown.Body)
	}
	f.now = f.now.Add(codeTTL - time.Millisecond)
	if f.errcode(f.do("GET", session(appA, other), "")) != 0 {
		t.Error("refused in time")
	}
	late := f.jsCode(appA, "").Code
	f.now = f.now.Add(codeTTL)
	if code := f.errcode(f.do("GET", session(appA, late), "")); code != 40029 {
		t.Errorf("late: %d", code)
	}
	if w := f.sdk("code", f.page(appA, "https://shop.example/a"), `{"visitor":"x"}`); w.Code != 400 || !strings.Contains(w.Body.String(), `login:fail visitor`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := f.sdk("code", "nothing", `{}`); w.Code != 401 {
		t.Errorf("no page: %d", w.Code)
	}
}
