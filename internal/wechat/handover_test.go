package wechat

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"faceproof"
)

// page gives a page token of an app.
func (s *shop) page(app int) string {
	s.t.Helper()
	token, err := s.api.newToken()
	if err == nil {
		err = s.api.put(context.Background(), s.apps[app].ID, kindPage, token, "https://shop.example")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func (s *shop) sdk(name, page, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", SDKPrefix+name, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+page)
	s.api.ServeHTTP(w, r)
	return w
}

// visitor is a browser that has called wx.login: its secret and its openid.
func (s *shop) visitor(app int, page string) (visitor, openID string) {
	s.t.Helper()
	var c codeAnswer
	var a loginAnswer
	err := json.Unmarshal(s.sdk("code", page, `{}`).Body.Bytes(), &c)
	if err == nil {
		err = json.Unmarshal(s.do("GET", session(s.apps[app].ID, c.Code), "").Body.Bytes(), &a)
	}
	if err != nil || a.OpenID == "" {
		s.t.Fatal(err, a)
	}
	return c.Visitor, a.OpenID
}

// certOf is a body of getverifyid.
func certOf(order, openID string) string {
	return `{"out_seq_no":"` + order + `","openid":"` + openID + `","cert_info":{"cert_type":"IDENTITY_CARD","cert_name":"` + testName + `","cert_no":"` + testNumber + `"}}`
}

func (s *shop) verifyID(app int, order, openID string) string {
	s.t.Helper()
	var a verifyIDAnswer
	got := s.ask(app, "getverifyid", certOf(order, openID))
	if err := json.Unmarshal([]byte(got), &a); err != nil || a.VerifyID == "" {
		s.t.Fatal(got)
	}
	return a.VerifyID
}

// open asks for a capture as the SDK does; no visitor: the member is absent.
func (s *shop) open(page, verifyID, visitor string) *httptest.ResponseRecorder {
	body := map[string]string{"api": apiRequest, "verify_id": verifyID}
	if visitor != "" {
		body["visitor"] = visitor
	}
	return s.sdk("sessions", page, toJSON(body))
}

// security.md T07: a verification that was made for one browser is handed to
// others as a link, 500 times. None of them opens it, and they learn nothing;
// the browser that it was made for does, and its capture is not disturbed.
func TestHandOver(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	s := newShop(t, 2, itself)
	page, foreign := s.page(0), s.page(1)
	unknown := s.open(page, "x", "")
	if unknown.Code != 404 || !strings.Contains(unknown.Body.String(), `"errCode":10017`) {
		t.Fatal(unknown.Body)
	}
	thief, _ := s.visitor(0, page)
	const links = 500
	refused, opened := 0, 0
	for i := range links {
		own, openID := s.visitor(0, page)
		id := s.verifyID(0, fmt.Sprintf("order-%d", i), openID)
		if i%2 == 0 { // begun by its owner before
			if w := s.open(page, id, own); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
		before := s.token(id)
		other := []string{"", thief, strings.Repeat("A", 43), openID, own + "A", "\x00"}[i%6]
		asked := page
		if i%7 == 6 { // another app's page, even with the right secret
			asked, other = foreign, own
		}
		w := s.open(asked, id, other)
		if w.Code == unknown.Code && w.Body.String() == unknown.Body.String() {
			refused++
		} else {
			t.Errorf("link %d: %d %s", i, w.Code, w.Body)
		}
		if s.token(id) != before {
			t.Errorf("link %d: the owner's capture token was replaced", i)
		}
		if w := s.open(page, id, own); w.Code == 200 && strings.Contains(w.Body.String(), `"capture_token":"`) {
			opened++
		} else {
			t.Errorf("link %d in its own browser: %d %s", i, w.Code, w.Body)
		}
	}
	if refused != links || opened != links {
		t.Errorf("refused %d, opened %d of %d", refused, opened, links)
	}
}

// token is the stored hash of a capture token.
func (s *shop) token(verifyID string) string {
	s.t.Helper()
	v, err := s.store.Verification(context.Background(), faceproof.VerificationKey{VerifyIDHash: hashToken(verifyID)})
	if err != nil {
		s.t.Fatal(err)
	}
	return string(v.TokenHash)
}

// What only looks like an openid of ours is the business's own, and any browser
// opens it; ours is known to be ours by its app alone.
func TestForeignOpenIDs(t *testing.T) {
	s := newShop(t, 2, itself)
	page := s.page(0)
	_, ours := s.visitor(0, page)
	if !s.api.isVisitor(s.apps[0].ID, ours) || s.api.isVisitor(s.apps[1].ID, ours) {
		t.Error("an openid of ours is not known, or known to another app")
	}
	last := "A"
	if strings.HasSuffix(ours, "A") {
		last = "E"
	}
	for i, openID := range []string{"u", "o", "o6_bmjrPTlm6_2sgVt7hMZOPfL2M", ours[1:], ours + "A", ours[:27], "p" + ours[1:], ours[:27] + last,
		"o" + strings.Repeat("A", 27), s.api.openID(s.apps[0].ID, s.sub.IDNumber)} {
		if s.api.isVisitor(s.apps[0].ID, openID) {
			t.Errorf("%s is taken for ours", openID)
		}
		if w := s.open(page, s.verifyID(0, fmt.Sprintf("order-%d", i), openID), ""); w.Code != 200 {
			t.Errorf("%s: %d %s", openID, w.Code, w.Body)
		}
	}
}
