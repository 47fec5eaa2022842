// Package oidc is the log-in by an identity provider of the operator's own
// (OpenID Connect: authorization code with PKCE), and the only package that knows
// the libraries behind it. A provider says who somebody is, by issuer and subject
// and by nothing else, and which of its groups they are in; whether that person
// may come in, and as what, is decided in internal/admin.
package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"faceproof"
	"faceproof/internal/egress"
)

// Limits.
const (
	maxBody     = 256 << 10        // of one answer of the provider, bytes
	maxSubject  = 255              // characters of ASCII, OpenID Connect Core §2
	discovered  = time.Hour        // how long the provider's document is believed
	failedFor   = 5 * time.Second  // how long a failed look-up is not repeated
	lookupTime  = 10 * time.Second // one look-up of the document
	aheadAtMost = 5 * time.Minute  // a provider's clock before ours
)

// algorithms are the signatures that are believed: of a key that only the
// provider has. "none", and HS256 under a secret that this server has too, are not.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// Config of a Site; all but Now are needed.
type Config struct {
	Issuer   string                          // https://…, as the provider itself writes it
	ClientID string                          // as the provider knows this server
	Secret   func() (faceproof.Token, error) // asked at each log-in, so that it may be replaced
	Redirect string                          // where the provider sends browsers back to
	Claim    string                          // name of the claim, or /a/b for one inside another
	Roles    map[string][]faceproof.Role     // what a value of the claim stands for
	Client   *http.Client                    // of internal/egress
	Now      func() time.Time                // nil: time.Now
}

// Site is this server as its provider knows it. It is safe for concurrent use.
type Site struct {
	c      Config
	client *http.Client

	mu     sync.Mutex
	known  *provider
	until  time.Time // of known
	failed error
	again  time.Time // not before, after failed
}

// provider is what the discovery document says.
type provider struct {
	oauth      oauth2.Config
	keys       oidc.KeySet
	says       bool // it puts its name into its answers (RFC 9207)
	algorithms []string
}

// New makes a Site; nothing is asked of the provider yet. Errors: CodeInvalid with
// the flag as field.
func New(c Config) (*Site, error) {
	switch issuer, err := egress.CheckURL(c.Issuer, "--oidc-issuer"); {
	case err != nil:
		return nil, err
	case issuer != c.Issuer || strings.Contains(issuer, "?"):
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-issuer", "must be the issuer as the provider's own document writes it, in lower case and without a query")
	case c.ClientID == "" || len(c.ClientID) > 512:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-client-id", "must be what the provider calls this server, 1 to 512 characters")
	case c.Claim == "" || len(c.Claim) > 256 || strings.HasSuffix(c.Claim, "/"):
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-claim", "must name a claim, or /a/b for one inside another")
	case len(c.Roles) == 0:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-role", "must map a value of the claim to a role, once at least")
	case c.Secret == nil || c.Client == nil || c.Redirect == "":
		return nil, errors.New("oidc: Secret, Client and Redirect are needed")
	}
	for _, roles := range c.Roles {
		if err := faceproof.CheckRoles(roles, "--oidc-role"); err != nil {
			return nil, err
		}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	client := *c.Client
	client.Transport = bounded{client.Transport}
	return &Site{c: c, client: &client}, nil
}

// bounded ends answers that are too long.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := b.next.RoundTrip(r)
	if err == nil {
		a.Body = http.MaxBytesReader(nil, a.Body, maxBody)
	}
	return a, err
}

// Issuer is whose log-ins these are.
func (s *Site) Issuer() string { return s.c.Issuer }

// Check asks the provider for its document. Errors: CodeUnavailable.
func (s *Site) Check(ctx context.Context) error {
	_, err := s.provider(ctx)
	return err
}

// unavailable is what a log-in is told when the provider is at fault, or its
// settings are.
func unavailable(message string, err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "oidc", Message: message, Err: err}
}

// unreachable says why a request did not come through.
func unreachable(err error) error {
	if egress.Refused(err) {
		return unavailable("the identity provider's address is not public; see serve --allow-outgoing", err)
	}
	return unavailable("the identity provider does not answer", err)
}

// refused is the one answer to everything that does not check.
func refused(err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnauthenticated, Field: "oidc", Message: "the log-in by the identity provider does not check; begin again", Err: err}
}

// provider gives what the configured issuer says of itself, looked up once an
// hour; whoever asks meanwhile waits for the one look-up.
func (s *Site) provider(ctx context.Context) (*provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.c.Now()
	switch {
	case s.known != nil && now.Before(s.until):
		return s.known, nil
	case s.failed != nil && now.Before(s.again):
		return nil, s.failed
	}
	// The first who asks may leave; the answer is for all.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTime)
	defer cancel()
	p, err := s.discover(ctx)
	if err != nil {
		s.failed, s.again = err, now.Add(failedFor)
		return nil, err
	}
	s.known, s.until, s.failed = p, now.Add(discovered), nil
	return p, nil
}

// discover reads the issuer's document. Its endpoints may be of other hosts, as
// large providers have it; they are reached through the same client.
func (s *Site) discover(ctx context.Context) (*provider, error) {
	ctx = oidc.ClientContext(ctx, s.client)
	found, err := oidc.NewProvider(ctx, s.c.Issuer)
	var other *oidc.IssuerMismatchError
	var failed *url.Error
	switch {
	case errors.As(err, &other):
		return nil, unavailable("the identity provider calls itself otherwise than serve --oidc-issuer", err)
	case errors.As(err, &failed):
		return nil, unreachable(err)
	case err != nil:
		return nil, unavailable("the identity provider's document cannot be read", err)
	}
	var more struct {
		Keys string   `json:"jwks_uri"`
		Auth []string `json:"token_endpoint_auth_methods_supported"`
		Says bool     `json:"authorization_response_iss_parameter_supported"`
		Algs []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, unavailable("the identity provider's document cannot be read", err)
	}
	end := found.Endpoint()
	for _, u := range []string{end.AuthURL, end.TokenURL, more.Keys} {
		if _, err := egress.CheckURL(u, "oidc"); err != nil {
			return nil, unavailable("the identity provider's document names an address that is not https", err)
		}
	}
	end.AuthStyle = oauth2.AuthStyleInHeader // what a provider that says nothing must take
	if len(more.Auth) > 0 && !slices.Contains(more.Auth, "client_secret_basic") {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	p := &provider{says: more.Says, keys: oidc.NewRemoteKeySet(ctx, more.Keys),
		oauth: oauth2.Config{ClientID: s.c.ClientID, Endpoint: end, RedirectURL: s.c.Redirect, Scopes: []string{oidc.ScopeOpenID}}}
	for _, a := range more.Algs {
		if slices.Contains(algorithms, a) {
			p.algorithms = append(p.algorithms, a)
		}
	}
	if len(p.algorithms) == 0 {
		p.algorithms = []string{oidc.RS256} // what every provider must have
	}
	return p, nil
}

// attempt is the state of one log-in, which nobody but this server may read or change.
type attempt struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// maxAge asks the provider to ask a person again who logged in there longer ago
// than faceproof.FreshTime, and to say when that was (OpenID Connect Core §3.1.2.1).
var maxAge = oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(faceproof.FreshTime.Seconds())))

// Begin gives where a browser goes to log in, and the state that Finish needs; the
// state must be kept from others and come back with the same browser. Errors:
// CodeUnavailable.
func (s *Site) Begin(ctx context.Context) (address string, state []byte, err error) {
	p, err := s.provider(ctx)
	if err != nil {
		return "", nil, err
	}
	a := attempt{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier()}
	state, err = json.Marshal(a)
	return p.oauth.AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier), oidc.Nonce(a.Nonce), maxAge), state, err
}

// Answer is what a browser brings back from the provider.
type Answer struct{ State, Code, Issuer, Error string }

// Person is who the provider says it is.
type Person struct {
	Hash  []byte           // of issuer and subject
	Roles []faceproof.Role // that the claim stands for; none: no value of it is mapped
	At    int64            // when they logged in there, unix milliseconds; 0: it does not say
}

// Belongs says whether an answer is one to the attempt that a state is of.
func (s *Site) Belongs(state []byte, answer Answer) bool {
	var a attempt
	return json.Unmarshal(state, &a) == nil && a.State != "" && subtle.ConstantTimeCompare([]byte(a.State), []byte(answer.State)) == 1
}

// Finish checks an answer and fetches who it is. Errors: CodeUnauthenticated for
// what does not check, CodeUnavailable for a provider that cannot be asked.
func (s *Site) Finish(ctx context.Context, state []byte, answer Answer) (Person, error) {
	var a attempt
	if err := json.Unmarshal(state, &a); err != nil || !s.Belongs(state, answer) {
		return Person{}, refused(errors.New("another state"))
	}
	p, err := s.provider(ctx)
	if err != nil {
		return Person{}, err
	}
	switch {
	case answer.Issuer != s.c.Issuer && (answer.Issuer != "" || p.says):
		return Person{}, refused(errors.New("another issuer answers"))
	case answer.Error == "server_error" || answer.Error == "temporarily_unavailable":
		return Person{}, unavailable("the identity provider is out of order", nil)
	case answer.Error != "" || answer.Code == "":
		return Person{}, refused(errors.New("the provider refuses"))
	}
	raw, err := s.exchange(ctx, p, answer.Code, a.Verifier)
	if err != nil {
		return Person{}, err
	}
	return s.person(ctx, p, raw, a.Nonce)
}

// exchange trades a code for the signed statement of who it is.
func (s *Site) exchange(ctx context.Context, p *provider, code, verifier string) (string, error) {
	secret, err := s.c.Secret()
	if err != nil {
		return "", unavailable("the secret of serve --oidc-secret-file cannot be read", err)
	}
	oauth := p.oauth
	oauth.ClientSecret = secret.Reveal()
	token, err := oauth.Exchange(oidc.ClientContext(ctx, s.client), code, oauth2.VerifierOption(verifier))
	var answered *oauth2.RetrieveError
	var failed *url.Error
	switch {
	case errors.As(err, &failed):
		return "", unreachable(err)
	case errors.As(err, &answered) && (answered.ErrorCode == "invalid_client" || answered.ErrorCode == "unauthorized_client"):
		return "", unavailable("the identity provider does not know this server: see --oidc-client-id and --oidc-secret-file", nil)
	case errors.As(err, &answered) && answered.Response != nil && answered.Response.StatusCode >= 500:
		return "", unavailable("the identity provider is out of order", nil)
	case err != nil:
		return "", refused(err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return "", refused(errors.New("no id_token"))
	}
	return raw, nil
}

// fetching notes why keys could not be had, which the library's verifier would
// tell apart from a false signature by its text alone.
type fetching struct {
	oidc.KeySet
	err error
}

func (f *fetching) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	b, err := f.KeySet.VerifySignature(ctx, jwt)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		f.err = err
	}
	return b, err
}

// person reads a signed statement: of this issuer, for this server, for this
// attempt, and not over.
func (s *Site) person(ctx context.Context, p *provider, raw, nonce string) (Person, error) {
	keys := &fetching{KeySet: p.keys}
	token, err := oidc.NewVerifier(s.c.Issuer, keys, &oidc.Config{ClientID: s.c.ClientID, SupportedSigningAlgs: p.algorithms, Now: s.c.Now}).Verify(ctx, raw)
	switch {
	case keys.err != nil:
		return Person{}, unreachable(keys.err)
	case err != nil:
		return Person{}, refused(err)
	case token.Issuer != s.c.Issuer: // the library lets one provider's other spelling pass
		return Person{}, refused(errors.New("another issuer"))
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(nonce)) != 1:
		return Person{}, refused(errors.New("another nonce"))
	case token.IssuedAt.After(s.c.Now().Add(aheadAtMost)):
		return Person{}, refused(errors.New("issued in the future"))
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		return Person{}, refused(err)
	}
	if azp, ok := claims["azp"]; ok && azp != s.c.ClientID || !ok && len(token.Audience) > 1 {
		return Person{}, refused(errors.New("for another server"))
	}
	if n := len(token.Subject); n == 0 || n > maxSubject {
		return Person{}, refused(errors.New("no subject"))
	}
	sum := sha256.Sum256([]byte("oidc\x00" + token.Issuer + "\x00" + token.Subject))
	at, now := int64(0), s.c.Now()
	if seconds, ok := claims["auth_time"].(float64); ok && seconds > 0 && seconds <= float64(now.Add(aheadAtMost).Unix()) {
		at = min(int64(seconds)*1000, now.UnixMilli())
	}
	return Person{sum[:], Map(claims, s.c.Claim, s.c.Roles), at}, nil
}

// Map gives the roles, in the order of faceproof.Roles, that a claim's values
// stand for: a text, or a list of texts. Whatever else it is stands for none.
func Map(claims map[string]any, claim string, roles map[string][]faceproof.Role) (out []faceproof.Role) {
	value, ok := claims[claim]
	if !ok && strings.HasPrefix(claim, "/") {
		value = claims
		for part := range strings.SplitSeq(claim[1:], "/") {
			m, _ := value.(map[string]any)
			value = m[part]
		}
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, r := range faceproof.Roles() {
		if slices.ContainsFunc(list, func(v any) bool {
			text, ok := v.(string)
			return ok && slices.Contains(roles[text], r)
		}) {
			out = append(out, r)
		}
	}
	return out
}
