package wechat

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// classic asks /cgi-bin/token.
func (f *fixture) classic(app faceproof.AppID) string {
	f.t.Helper()
	w := f.do("GET", fmt.Sprintf("/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s", app, secret), "")
	var a struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
		Code      *int   `json:"errcode"`
	}
	f.decode(w, &a)
	if a.Token == "" || a.ExpiresIn != 7200 || a.Code != nil {
		f.t.Fatalf("token: %s (a success has no errcode)", w.Body)
	}
	return a.Token
}

// stable asks /cgi-bin/stable_token.
func (f *fixture) stable(app faceproof.AppID, force bool) (string, int) {
	f.t.Helper()
	w := f.do("POST", "/cgi-bin/stable_token", toJSON(map[string]any{"grant_type": "client_credential", "appid": app, "secret": secret, "force_refresh": force}))
	var a struct {
		Token     string `json:"access_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	f.decode(w, &a)
	if a.Token == "" {
		f.t.Fatalf("stable_token: %s", w.Body)
	}
	return a.Token, a.ExpiresIn
}

// check uses a token and gives the errcode: 0 when it was taken.
func (f *fixture) check(token string) int {
	f.t.Helper()
	return f.errcode(f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+token, ""))
}

func (f *fixture) wait(d time.Duration) { f.now = f.now.Add(d) }

func TestAccessTokenLifetimes(t *testing.T) {
	f := newFixture(t)
	first := f.classic(appA)
	if f.check(first) != 0 {
		t.Fatal("a new token is refused")
	}
	second := f.classic(appA)
	if first == second {
		t.Fatal("token gave the same twice")
	}
	f.wait(5*time.Minute - time.Millisecond)
	if f.check(first) != 0 || f.check(second) != 0 {
		t.Error("within five minutes both must be valid")
	}
	f.wait(time.Millisecond)
	if got := f.check(first); got != 42001 {
		t.Errorf("the earlier token after five minutes: %d, want 42001", got)
	}
	f.wait(7200*time.Second - 5*time.Minute - time.Millisecond)
	if f.check(second) != 0 {
		t.Error("the token ended before its time")
	}
	f.wait(time.Millisecond)
	if got := f.check(second); got != 42001 {
		t.Errorf("after 7200 s: %d, want 42001", got)
	}
	if got := f.check("never-issued"); got != 40001 {
		t.Errorf("unknown: %d, want 40001", got)
	}
}

// Asking often does not lengthen the life of an earlier token.
func TestAccessTokenOverlapIsNotExtended(t *testing.T) {
	f := newFixture(t)
	first := f.classic(appA)
	for range 10 {
		f.wait(time.Minute)
		f.classic(appA)
	}
	if got := f.check(first); got != 42001 {
		t.Errorf("ten minutes after it was replaced: %d", got)
	}
}

func TestStableToken(t *testing.T) {
	f := newFixture(t)
	first, left := f.stable(appA, false)
	if left != 7200 {
		t.Errorf("expires_in %d", left)
	}
	classic := f.classic(appA)
	f.wait(10 * time.Second)
	same, left := f.stable(appA, false)
	if same != first || left != 7190 {
		t.Errorf("not the same token, or %d s left", left)
	}
	if forced, _ := f.stable(appA, true); forced != first {
		t.Error("forced within 30 s of the issue")
	}
	f.wait(20 * time.Second)
	forced, _ := f.stable(appA, true)
	if forced == first {
		t.Error("not forced after 30 s")
	}
	if got := f.check(first); got != 42001 {
		t.Errorf("a token that was replaced by force: %d", got)
	}
	if f.check(classic) != 0 || f.check(forced) != 0 {
		t.Error("the two kinds are not isolated")
	}
	// In the last five minutes it is renewed, and both are valid.
	f.wait(7200*time.Second - 5*time.Minute)
	renewed, left := f.stable(appA, false)
	if renewed == forced || left != 7200 || f.check(forced) != 0 || f.check(renewed) != 0 {
		t.Errorf("renewal: %v, %d s, %d, %d", renewed == forced, left, f.check(forced), f.check(renewed))
	}
	if _, left := f.stable(appA, false); left < 300 {
		t.Errorf("expires_in %d: a client that subtracts 300 would ask for ever", left)
	}
}

// A forced refresh right after a renewal ends the token of before the renewal
// too: it is what one does when a token has leaked.
func TestForceEndsTheOverlap(t *testing.T) {
	f := newFixture(t)
	old, _ := f.stable(appA, false)
	other, _ := f.stable(appB, false)
	f.wait(7200*time.Second - 5*time.Minute)
	renewed, _ := f.stable(appA, false)
	f.wait(forceSpacing)
	if f.check(old) != 0 || f.check(renewed) != 0 {
		t.Fatal("no overlap")
	}
	forced, _ := f.stable(appA, true)
	if forced == renewed || f.check(old) != 42001 || f.check(renewed) != 42001 || f.check(forced) != 0 || f.check(other) != 0 {
		t.Errorf("after a forced refresh: earlier %d, renewed %d, new %d, another app's %d", f.check(old), f.check(renewed), f.check(forced), f.check(other))
	}
}

// The secret that was replaced is as good as the new one for its last minute,
// at every interface that asks for one.
func TestEarlierSecret(t *testing.T) {
	f := newFixture(t)
	f.store.earlier = f.now.Add(faceproof.SecretOverlap).UnixMilli()
	ask := func(secret string) (codes [3]int) {
		for i, w := range []*httptest.ResponseRecorder{
			f.do("GET", fmt.Sprintf("/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s", appA, secret), ""),
			f.do("POST", "/cgi-bin/stable_token", toJSON(map[string]any{"grant_type": "client_credential", "appid": appA, "secret": secret})),
			f.do("GET", fmt.Sprintf("/sns/jscode2session?grant_type=authorization_code&appid=%s&secret=%s&js_code=x", appA, secret), ""),
		} {
			codes[i] = f.errcode(w)
		}
		return codes
	}
	taken, refused := [3]int{0, 0, codeCode}, [3]int{codeAppSecret, codeAppSecret, codeAppSecret}
	f.wait(faceproof.SecretOverlap - time.Millisecond)
	for s, want := range map[string][3]int{secret: taken, earlierSecret: taken, earlierSecret[1:]: refused} {
		if got := ask(s); got != want {
			t.Errorf("in the overlap: %v, want %v", got, want)
		}
	}
	token := f.classic(appA)
	f.wait(time.Millisecond)
	if got := ask(earlierSecret); got != refused {
		t.Errorf("after it: %v", got)
	}
	if got := ask(secret); got != taken || f.check(token) != 0 {
		t.Errorf("after it the new secret: %v, a token: %d", got, f.check(token))
	}
}

// A token that was on its way when its secret was taken back does not outlive it.
func TestSecretTakenBackMeanwhile(t *testing.T) {
	for _, kind := range []string{kindAccess, kindStable} {
		f := newFixture(t)
		f.store.earlier = f.now.Add(time.Minute).UnixMilli()
		f.store.stored = func() { f.store.earlier = 0 }
		method, path, body := "GET", fmt.Sprintf("/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s", appA, earlierSecret), ""
		if kind == kindStable {
			method, path = "POST", "/cgi-bin/stable_token"
			body = toJSON(map[string]any{"grant_type": "client_credential", "appid": appA, "secret": earlierSecret})
		}
		if got := f.errcode(f.do(method, path, body)); got != codeAppSecret {
			t.Errorf("%s: errcode %d", kind, got)
		}
		if cur, err := f.store.CurrentToken(t.Context(), appA, kind); err != nil || cur.ExpiresAt > f.now.UnixMilli() {
			t.Errorf("%s: a token until %d, %v", kind, cur.ExpiresAt, err)
		}
	}
}

// A panic is a system error in WeChat's form, and the log names the place only.
func TestPanicIsASystemError(t *testing.T) {
	f := newFixture(t)
	token, page := f.token(appA), f.page(appA, "https://shop.example/a")
	f.api.cfg.Verify = nil // any call of it panics
	w := f.face(appA, "getinfo", `{"verify_result":"x"}`)
	if f.errcode(w) != -1 || w.Code != 200 || !strings.Contains(w.Body.String(), " rid: ") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = f.sdk("sessions", page, toJSON(map[string]any{"api": apiStart, "name": testName, "id_card_number": testNumber}))
	var e sdkErrorAnswer
	f.decode(w, &e)
	if w.Code != 500 || e.ErrCode != clientSystem {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	f.api.cfg.Store = panicStore{f.store}
	if w := f.do("GET", "/cgi-bin/ticket/getticket?type=jsapi&access_token="+token, ""); f.errcode(w) != -1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	log := f.log.String()
	if strings.Count(log, "panic at ") != 3 || strings.Contains(log, testName) || !strings.Contains(log, "token_test.go") {
		t.Error(log)
	}
}

// panicStore panics with a person's name.
type panicStore struct{ Store }

func (panicStore) Token(context.Context, []byte) (faceproof.TokenRecord, error) {
	panic("token of " + testName)
}

func TestTokensAreStoredHashed(t *testing.T) {
	f := newFixture(t)
	stable, _ := f.stable(appA, false)
	token := f.classic(appA)
	dump := fmt.Sprint(f.store.tokens)
	for _, s := range []string{stable, token} {
		if strings.Contains(dump, s) {
			t.Error("a token lies readable in the store")
		}
		if len(s) < 43 {
			t.Errorf("%d characters are fewer than 256 bits", len(s))
		}
	}
}

func TestOtherTokensAreNoAccessTokens(t *testing.T) {
	f := newFixture(t)
	page := f.page(appA, "https://shop.example/a")
	if got := f.check(page); got != 40001 {
		t.Errorf("a page token as access_token: %d", got)
	}
	ticket, _ := f.ticket(appA)
	if got := f.check(ticket); got != 40001 {
		t.Errorf("a ticket as access_token: %d", got)
	}
	access := f.classic(appA)
	w := f.sdk("support", access, `{}`)
	if w.Code != 401 {
		t.Errorf("an access token as page token: %d %s", w.Code, w.Body)
	}
}

func TestRevokedApp(t *testing.T) {
	f := newFixture(t)
	token := f.classic(appA)
	page := f.page(appA, "https://shop.example/a")
	a := f.store.apps[appA]
	a.Revoked = true
	f.store.apps[appA] = a
	if got := f.check(token); got != 40001 {
		t.Errorf("token of a revoked app: %d", got)
	}
	w := f.do("GET", fmt.Sprintf("/cgi-bin/token?grant_type=client_credential&appid=%s&secret=%s", appA, secret), "")
	if got := f.errcode(w); got != 50002 {
		t.Errorf("new token of a revoked app: %d", got)
	}
	if w := f.sdk("support", page, `{}`); w.Code != 401 {
		t.Errorf("page of a revoked app: %d", w.Code)
	}
}

func TestTicket(t *testing.T) {
	f := newFixture(t)
	first, left := f.ticket(appA)
	if left != 7200 {
		t.Errorf("expires_in %d", left)
	}
	f.wait(time.Hour)
	if same, left := f.ticket(appA); same != first || left != 3600 {
		t.Errorf("another ticket, or %d s", left)
	}
	if other, _ := f.ticket(appB); other == first {
		t.Error("two apps share a ticket")
	}
	f.wait(56 * time.Minute)
	second, _ := f.ticket(appA)
	if second == first {
		t.Error("not renewed in its last five minutes")
	}
	url := "https://shop.example/a"
	if w := f.config(appA, first, url); w.Code != 200 {
		t.Errorf("signed with the earlier ticket: %d %s", w.Code, w.Body)
	}
	f.wait(5 * time.Minute)
	if w := f.config(appA, first, url); w.Code != 401 {
		t.Errorf("signed with a ticket that has ended: %d", w.Code)
	}
	if w := f.config(appA, second, url); w.Code != 200 {
		t.Errorf("signed with the new ticket: %d %s", w.Code, w.Body)
	}
}
