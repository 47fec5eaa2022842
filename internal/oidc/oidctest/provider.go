// Package oidctest is an identity provider for tests, over TLS on this machine,
// that says what a test wants it to say.
package oidctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"faceproof/internal/egress"
)

// How every test's provider knows the server.
const (
	ClientID = "faceproof-console"
	Secret   = "client-secret-of-a-test"
)

// Provider answers discovery, keys and tokens. Its fields may be changed between
// requests.
type Provider struct {
	URL string
	Now func() time.Time

	// Document, Claims and Sign spoil what the provider says; nil: nothing is.
	Document func(map[string]any)
	Claims   func(map[string]any)
	Sign     func(payload []byte) string
	// Down makes a path answer 503.
	Down map[string]bool
	// Asked counts requests by path.
	Asked map[string]int

	mu    sync.Mutex
	srv   *httptest.Server
	key   *ecdsa.PrivateKey
	codes map[string]*grant
}

// grant is a code that was given out.
type grant struct {
	claims    map[string]any
	challenge string
	redirect  string
	used      bool
}

// New starts a provider; Close ends it.
func New(now func() time.Time) *Provider {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p := &Provider{Now: now, key: key, codes: map[string]*grant{}, Down: map[string]bool{}, Asked: map[string]int{}}
	p.srv = httptest.NewTLSServer(p)
	p.URL = p.srv.URL
	return p
}

// Close stops it.
func (p *Provider) Close() { p.srv.Close() }

// Client is the client of internal/egress that reaches it: as the product's, but
// that this machine is allowed and its certificate known.
func (p *Provider) Client(allow ...string) *http.Client {
	c := egress.Config{Timeout: 5 * time.Second}
	for _, a := range allow {
		c.Allow = append(c.Allow, netip.MustParsePrefix(a))
	}
	roots := x509.NewCertPool()
	roots.AddCert(p.srv.Certificate())
	c.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	return egress.New(c)
}

// LogIn is the person at the provider's page: it gives the query that the browser
// brings back for the address that the server sent it to.
func (p *Provider) LogIn(address, subject string, more map[string]any) url.Values {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	code := rand.Text()
	claims := map[string]any{"iss": p.URL, "sub": subject, "aud": q.Get("client_id"), "nonce": q.Get("nonce"), "iat": p.Now().Unix(), "exp": p.Now().Add(time.Minute).Unix()}
	if q.Get("max_age") != "" {
		claims["auth_time"] = p.Now().Unix() // somebody who was asked just now
	}
	for k, v := range more {
		claims[k] = v
	}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || len(q.Get("nonce")) < 22 || len(q.Get("state")) < 22 || q.Get("scope") != "openid" || u.Path != "/authorize" {
		panic("a bad request at the provider: " + u.Path + " " + u.RawQuery)
	}
	p.codes[code] = &grant{claims: claims, challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
	return url.Values{"state": q["state"], "code": {code}}
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Asked[r.URL.Path]++
	if p.Down[r.URL.Path] {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		doc := map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
			"response_types_supported": []string{"code"}, "id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"}}
		if p.Document != nil {
			p.Document(doc)
		}
		answer(w, http.StatusOK, doc)
	case "/keys":
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	case "/token":
		p.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		id, secret = r.FormValue("client_id"), r.FormValue("client_secret")
	}
	if id != ClientID || secret != Secret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	g := p.codes[r.FormValue("code")]
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if g == nil || g.used || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) || g.redirect != r.FormValue("redirect_uri") || r.FormValue("grant_type") != "authorization_code" {
		answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	g.used = true
	if p.Claims != nil {
		p.Claims(g.claims)
	}
	payload, err := json.Marshal(g.claims)
	if err != nil {
		panic(err)
	}
	out := map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60}
	if p.Sign == nil {
		out["id_token"] = Signed(payload, jose.ES256, p.key, "k1")
	} else if token := p.Sign(payload); token != "" {
		out["id_token"] = token
	}
	answer(w, http.StatusOK, out)
}

// Key is the provider's own.
func (p *Provider) Key() *ecdsa.PrivateKey { return p.key }

// Signed makes a JWT.
func Signed(payload []byte, alg jose.SignatureAlgorithm, key any, kid string) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", kid))
	if err != nil {
		panic(err)
	}
	j, err := s.Sign(payload)
	if err != nil {
		panic(err)
	}
	token, err := j.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

// Unsigned makes a JWT of the algorithm "none".
func Unsigned(payload []byte) string {
	b := base64.RawURLEncoding
	return fmt.Sprintf("%s.%s.", b.EncodeToString([]byte(`{"alg":"none","kid":"k1"}`)), b.EncodeToString(payload))
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
