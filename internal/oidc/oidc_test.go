package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/oidc"
	"faceproof/internal/oidc/oidctest"
)

var t0 = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

const local = "127.0.0.0/8"

// world is a provider and a server that trusts it.
type world struct {
	*oidctest.Provider
	t   *testing.T
	now time.Time
	cfg oidc.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: t0}
	w.Provider = oidctest.New(func() time.Time { return w.now })
	t.Cleanup(w.Close)
	w.cfg = oidc.Config{Issuer: w.URL, ClientID: oidctest.ClientID, Secret: func() (faceproof.Token, error) { return faceproof.NewToken(oidctest.Secret), nil },
		Redirect: "https://id.example.org/v1/admin/oidc/callback", Claim: "groups", Client: w.Client(local), Now: func() time.Time { return w.now },
		Roles: map[string][]faceproof.Role{"ops": {faceproof.RoleOperator, faceproof.RoleCustodian}, "audit": {faceproof.RoleAuditor}}}
	return w
}

func (w *world) site() *oidc.Site {
	w.t.Helper()
	s, err := oidc.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// logIn is a whole log-in; change spoils what the browser brings back.
func (w *world) logIn(s *oidc.Site, change func(url.Values)) (oidc.Person, error) {
	w.t.Helper()
	address, state, err := s.Begin(w.t.Context())
	if err != nil {
		return oidc.Person{}, err
	}
	q := w.LogIn(address, "u-1", map[string]any{"groups": []string{"ops", "staff"}, "email": "a@example.org", "email_verified": true})
	if change != nil {
		change(q)
	}
	return s.Finish(w.t.Context(), state, answerOf(q))
}

func answerOf(q url.Values) oidc.Answer {
	return oidc.Answer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

func TestLogIn(t *testing.T) {
	w := newWorld(t)
	s := w.site()
	a, err := w.logIn(s, nil)
	if err != nil || !slices.Equal(a.Roles, []faceproof.Role{faceproof.RoleOperator, faceproof.RoleCustodian}) {
		t.Fatal(a, err)
	}
	// The same subject is the same person, whatever its address is; another is another.
	w.Provider.Claims = func(c map[string]any) { c["email"], c["email_verified"] = "b@example.org", false }
	if b, err := w.logIn(s, nil); err != nil || string(a.Hash) != string(b.Hash) {
		t.Error("another address made another person", err)
	}
	w.Provider.Claims = func(c map[string]any) { c["sub"] = "u-2" }
	if b, err := w.logIn(s, nil); err != nil || string(a.Hash) == string(b.Hash) {
		t.Error("two subjects with one address are one person", err)
	}
	w.Provider.Claims = nil
	if n := w.Asked["/.well-known/openid-configuration"]; n != 1 || w.Asked["/keys"] != 1 {
		t.Errorf("the document was read %d times, the keys %d", n, w.Asked["/keys"])
	}
	w.now = w.now.Add(61 * time.Minute)
	if _, err := w.logIn(s, nil); err != nil || w.Asked["/.well-known/openid-configuration"] != 2 {
		t.Error("the document is not read again after an hour", err)
	}
	// A provider that takes the secret in the body alone, and says its name.
	w.Document = func(d map[string]any) {
		d["token_endpoint_auth_methods_supported"], d["authorization_response_iss_parameter_supported"] = []string{"client_secret_post"}, true
	}
	s = w.site()
	if _, err := w.logIn(s, func(q url.Values) { q.Set("iss", w.URL) }); err != nil {
		t.Error(err)
	}
	if _, err := w.logIn(s, nil); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
		t.Errorf("a provider that says its name did not: %v", err)
	}
}

// What does not check is refused, each for its own reason; all but the one thing
// is right each time, as TestLogIn shows.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(w.Key().Public())
	if err != nil {
		t.Fatal(err)
	}
	claim := func(k string, v any) func() {
		return func() {
			w.Provider.Claims = func(c map[string]any) {
				if c[k] = v; v == nil {
					delete(c, k)
				}
			}
		}
	}
	back := map[string]func(url.Values){
		"another state": func(q url.Values) { q.Set("state", rand.Text()) }, "no state": func(q url.Values) { q.Del("state") },
		"another code": func(q url.Values) { q.Set("code", rand.Text()) }, "no code": func(q url.Values) { q.Del("code") },
		"another issuer answers": func(q url.Values) { q.Set("iss", "https://evil.example") }, "denied": func(q url.Values) { q.Set("error", "access_denied") },
	}
	says := map[string]func(){
		"another nonce": claim("nonce", rand.Text()), "no nonce": claim("nonce", nil), "another issuer": claim("iss", "https://evil.example"), "no issuer": claim("iss", nil),
		"another audience": claim("aud", "somebody-else"), "no audience": claim("aud", nil), "two audiences and no azp": claim("aud", []string{oidctest.ClientID, "somebody-else"}),
		"for another party": claim("azp", "somebody-else"), "expired": claim("exp", t0.Add(-time.Second).Unix()), "no expiry": claim("exp", nil),
		"not yet": claim("nbf", t0.Add(time.Hour).Unix()), "issued in the future": claim("iat", t0.Add(time.Hour).Unix()),
		"no subject": claim("sub", nil), "an endless subject": claim("sub", strings.Repeat("x", 300)), "a subject that is no text": claim("sub", 7),
		"unsigned":    func() { w.Sign = oidctest.Unsigned },
		"HS256":       func() { w.Sign = signer(jose.HS256, []byte(oidctest.Secret+strings.Repeat("x", 32)), "k1") },
		"HS256, key":  func() { w.Sign = signer(jose.HS256, public, "k1") },
		"another key": func() { w.Sign = signer(jose.ES256, other, "k1") },
		"unknown key": func() { w.Sign = signer(jose.ES256, other, "k2") },
		"no id_token": func() { w.Sign = func([]byte) string { return "" } },
		"no JWT":      func() { w.Sign = func([]byte) string { return "a.b.c" } },
		"a changed byte": func() {
			w.Sign = func(b []byte) string { return oidctest.Signed(b, jose.ES256, w.Key(), "k1") + "A" }
		},
		"other claims under the signature": func() {
			w.Sign = func(b []byte) string {
				parts := strings.Split(oidctest.Signed(b, jose.ES256, w.Key(), "k1"), ".")
				return parts[0] + "." + strings.Split(oidctest.Unsigned([]byte(strings.Replace(string(b), "u-1", "u-2", 1))), ".")[1] + "." + parts[2]
			}
		},
	}
	let, asked := 0, 0
	try := func(name string, s *oidc.Site, change func(url.Values)) {
		t.Helper()
		asked++
		if p, err := w.logIn(s, change); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated || p.Hash != nil {
			let++
			t.Errorf("%s: %v", name, err)
		}
	}
	s := w.site()
	for name, change := range back {
		try(name, s, change)
	}
	for name, spoil := range says {
		spoil()
		try(name, s, nil)
		w.Provider.Claims, w.Sign = nil, nil
	}
	// A code that was used, under another attempt and under the same.
	address, state, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q := w.LogIn(address, "u-1", nil)
	if _, err := s.Finish(t.Context(), state, answerOf(q)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Finish(t.Context(), state, answerOf(q)); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
		let++
		t.Errorf("a used code: %v", err)
	}
	try("a used code under another attempt", s, func(x url.Values) { x.Set("code", q.Get("code")) })
	address, _, _ = s.Begin(t.Context())
	stolen := w.LogIn(address, "u-1", nil)
	try("a code of another attempt (PKCE)", s, func(x url.Values) { x.Set("code", stolen.Get("code")) })
	for _, bad := range []string{"", "null", "{}", `{"state":""}`, "x"} {
		asked++
		if _, err := s.Finish(t.Context(), []byte(bad), oidc.Answer{Code: "x"}); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
			let++
			t.Errorf("state %q: %v", bad, err)
		}
	}
	asked++
	acceptance.Record(t, acceptance.Row{Area: "Admin brute force", N: asked, Failures: let, Result: fmt.Sprintf("%d spoiled log-ins by an identity provider (state, nonce, issuer, audience, expiry, none, HS256, other keys, used codes): %d let in", asked, let)})
}

func signer(alg jose.SignatureAlgorithm, key any, kid string) func([]byte) string {
	return func(b []byte) string { return oidctest.Signed(b, alg, key, kid) }
}

// A provider that cannot be asked is told from one that refuses, with words that
// lead an operator on, and is tried again.
func TestUnavailable(t *testing.T) {
	w := newWorld(t)
	want := func(name, text string, s *oidc.Site, change func(url.Values)) {
		t.Helper()
		if _, err := w.logIn(s, change); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := w.site()
	w.Down["/.well-known/openid-configuration"] = true
	want("the document is down", "document cannot be read", s, nil)
	w.Down["/.well-known/openid-configuration"] = false
	asked := w.Asked["/.well-known/openid-configuration"]
	want("at once again", "document cannot be read", s, nil)
	if w.Asked["/.well-known/openid-configuration"] != asked {
		t.Error("a failed look-up is repeated at once")
	}
	w.now = w.now.Add(6 * time.Second)
	w.Down["/keys"] = true
	want("the keys are down", "does not answer", s, nil)
	w.Down["/keys"], w.Down["/token"] = false, true
	want("tokens are down", "out of order", s, nil)
	w.Down["/token"] = false
	want("it says so", "out of order", s, func(q url.Values) { q.Del("code"); q.Set("error", "temporarily_unavailable") })
	if _, err := w.logIn(s, nil); err != nil {
		t.Errorf("after the outage: %v", err)
	}
	w.cfg.Secret = func() (faceproof.Token, error) { return faceproof.NewToken("wrong"), nil }
	want("another secret", "--oidc-secret-file", w.site(), nil)
	w.cfg.Secret = func() (faceproof.Token, error) { return faceproof.Token{}, io.EOF }
	want("no secret", "cannot be read", w.site(), nil)
	for text, spoil := range map[string]func(map[string]any){
		"calls itself otherwise": func(d map[string]any) { d["issuer"] = "https://evil.example" },
		"not https":              func(d map[string]any) { d["token_endpoint"] = "http://127.0.0.1/token" },
		"is not https":           func(d map[string]any) { d["authorization_endpoint"] = "javascript:alert(1)" },
		"that is not https":      func(d map[string]any) { delete(d, "jwks_uri") },
		"document cannot be":     func(d map[string]any) { d["x"] = strings.Repeat("x", 300<<10) },
	} {
		w.Document = spoil
		want(text, text, w.site(), nil)
	}
}

// The provider is reached through the guard of what leaves the server: an address
// that is not public is refused unless the operator allows it, for the document
// and for every address that the document names.
func TestEgress(t *testing.T) {
	w := newWorld(t)
	w.cfg.Client = w.Client()
	if _, _, err := w.site().Begin(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || !strings.Contains(err.Error(), "--allow-outgoing") {
		t.Errorf("%v", err)
	}
	if len(w.Asked) != 0 {
		t.Errorf("it was asked: %v", w.Asked)
	}
	inside := newWorld(t)
	for path, name := range map[string]string{"/token": "token_endpoint", "/keys": "jwks_uri"} {
		w.Document = func(d map[string]any) { d[name] = strings.Replace(inside.URL, "127.0.0.1", "[::1]", 1) + path }
		w.cfg.Client = w.Client(local) // ::1 is not in it
		if _, err := w.logIn(w.site(), nil); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || !strings.Contains(err.Error(), "--allow-outgoing") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(inside.Asked) != 0 {
		t.Errorf("inside was asked: %v", inside.Asked)
	}
	// A redirect is not followed.
	w.Document = nil
	w.cfg.Client = w.Client(local)
	w.cfg.Client.Transport = redirected{w.cfg.Client.Transport, inside.URL}
	if _, _, err := w.site().Begin(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || len(inside.Asked) != 0 {
		t.Errorf("redirected: %v, %v", err, inside.Asked)
	}
}

// redirected answers everything with a redirect.
type redirected struct {
	next http.RoundTripper
	to   string
}

func (r redirected) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := r.next.RoundTrip(q)
	if err == nil {
		a.StatusCode = http.StatusFound
		a.Header.Set("Location", r.to)
	}
	return a, err
}

func TestMap(t *testing.T) {
	roles := map[string][]faceproof.Role{"ops": {faceproof.RoleOperator}, "audit": {faceproof.RoleAuditor, faceproof.RoleReviewer}}
	for _, c := range []struct {
		claims, name string
		want         []faceproof.Role
	}{
		{`{"groups":["ops","x"]}`, "groups", []faceproof.Role{faceproof.RoleOperator}},
		{`{"groups":"audit"}`, "groups", []faceproof.Role{faceproof.RoleReviewer, faceproof.RoleAuditor}},
		{`{"groups":["audit","ops","ops"]}`, "groups", []faceproof.Role{faceproof.RoleOperator, faceproof.RoleReviewer, faceproof.RoleAuditor}},
		{`{"realm_access":{"roles":["ops"]}}`, "/realm_access/roles", []faceproof.Role{faceproof.RoleOperator}},
		{`{"https://x.example/groups":["ops"]}`, "https://x.example/groups", []faceproof.Role{faceproof.RoleOperator}},
		{`{"groups":["OPS","ops "]}`, "groups", nil},
		{`{"groups":[["ops"],{"ops":1},7,null,true]}`, "groups", nil},
		{`{"groups":{"ops":true}}`, "groups", nil},
		{`{"groups":"ops audit"}`, "groups", nil},
		{`{}`, "groups", nil},
		{`{"a":"ops"}`, "/a/b", nil},
	} {
		var claims map[string]any
		if err := json.Unmarshal([]byte(c.claims), &claims); err != nil {
			t.Fatal(err)
		}
		if got := oidc.Map(claims, c.name, roles); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s: %v", c.claims, c.name, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	w := newWorld(t)
	for field, change := range map[string]func(*oidc.Config){
		"--oidc-issuer":    func(c *oidc.Config) { c.Issuer = "http://idp.example" },
		"--oidc-client-id": func(c *oidc.Config) { c.ClientID = "" },
		"--oidc-claim":     func(c *oidc.Config) { c.Claim = "" },
		"--oidc-role":      func(c *oidc.Config) { c.Roles = map[string][]faceproof.Role{"x": {"root"}} },
	} {
		c := w.cfg
		change(&c)
		if _, err := oidc.New(c); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, bad := range []string{"https://IDP.example", "https://idp.example?x=1", "https://u@idp.example", "https://0x7f.1/", ""} {
		c := w.cfg
		c.Issuer = bad
		if _, err := oidc.New(c); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Whatever a provider signs, a person has a subject and roles of the mapping, or
// there is none.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"groups":["ops"]}`), "groups")
	f.Add([]byte(`{"a":{"b":"ops"}}`), "/a/b")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		var claims map[string]any
		if json.Unmarshal(data, &claims) != nil {
			return
		}
		for _, r := range oidc.Map(claims, name, map[string][]faceproof.Role{"ops": {faceproof.RoleOperator}}) {
			if r != faceproof.RoleOperator || !strings.Contains(string(data), "o") && !strings.Contains(string(data), `\u`) {
				t.Errorf("%s gives %s", data, r)
			}
		}
	})
}
