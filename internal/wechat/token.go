package wechat

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"faceproof"
)

// The kinds of TokenRecord that this package keeps.
const (
	kindAccess     = "access"               // of /cgi-bin/token
	kindStable     = "stable"               // of /cgi-bin/stable_token; the two are isolated
	kindTicket     = "jsapi_ticket"         // of getticket
	kindLastTicket = "jsapi_ticket_earlier" // the ticket before it, still valid
	kindPage       = "page"                 // of a page that passed wx.config
	kindJSCode     = "js_code"              // of /v1/sdk/code, for one jscode2session
)

const (
	// tokenTTL is the lifetime of access tokens, tickets and page tokens.
	tokenTTL = 7200 * time.Second
	// tokenOverlap is how long an earlier token stays valid beside a new one,
	// and how early a stable one is renewed.
	tokenOverlap = 5 * time.Minute
	// forceSpacing is the least time between two forced refreshes of a stable
	// token; a refresh that comes earlier gives the same token.
	forceSpacing = 30 * time.Second
	// forceDaily is how many forced refreshes an app has a day, as WeChat's.
	forceDaily = 20
	// tokenBytes of randomness in each token: 256 bits.
	tokenBytes = 32
)

// tokenAnswer has no errcode: WeChat's has none either.
type tokenAnswer struct {
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
}

// token issues a new access token on every call and leaves the earlier one
// valid for five minutes.
func (a *API) token(c *call) (any, error) {
	q := c.r.URL.Query()
	app, err := a.login(c.r.Context(), clientCredential, q.Get("grant_type"), q.Get("appid"), q.Get("secret"))
	if err != nil {
		return nil, err
	}
	a.issue.Lock()
	defer a.issue.Unlock()
	if err := a.retire(c.r.Context(), app.ID, kindAccess, tokenOverlap); err != nil {
		return nil, err
	}
	return a.issueTo(c.r.Context(), app.ID, kindAccess, q.Get("secret"))
}

// stableToken gives the same token while it is valid, and renews it in its
// last five minutes. A forced refresh ends the earlier token at once: it is
// what one does when a token has leaked.
func (a *API) stableToken(c *call) (any, error) {
	s, f := c.body.texts("grant_type", "appid", "secret")
	if f != nil {
		return nil, f
	}
	force, f := c.body.flag("force_refresh")
	if f != nil {
		return nil, f
	}
	ctx := c.r.Context()
	app, err := a.login(ctx, clientCredential, s[0], s[1], s[2])
	if err != nil {
		return nil, err
	}
	a.issue.Lock()
	defer a.issue.Unlock()
	cur, err := a.cfg.Store.CurrentToken(ctx, app.ID, kindStable)
	if err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		return nil, err
	}
	if err == nil {
		now := a.cfg.Now()
		left := time.UnixMilli(cur.ExpiresAt).Sub(now)
		if force && now.Sub(time.UnixMilli(cur.IssuedAt)) < forceSpacing {
			force = false
		}
		if left > tokenOverlap && !force {
			if plain, err := a.cfg.Keys.Open(cur.Sealed, tokenAAD(kindStable, app.ID)); err == nil {
				return tokenAnswer{string(plain), int(left / time.Second)}, nil
			}
			// Sealed under a key that is gone: issue another.
		}
		if force {
			if err := a.mayForce(ctx, app.ID); err != nil {
				return nil, err
			}
			// All of them: a renewal may have left an earlier one its last minutes.
			if err := a.cfg.Store.EndTokens(ctx, app.ID, kindStable, now.UnixMilli()); err != nil {
				return nil, err
			}
		}
	}
	return a.issueTo(ctx, app.ID, kindStable, s[2])
}

// issueTo issues an access token to whoever knew the secret, and looks at the
// secret once more: if it was taken back meanwhile, with all its tokens, this
// one must not outlive them. Then a new secret's token of the same instant goes
// too; its owner logs in again.
func (a *API) issueTo(ctx context.Context, app faceproof.AppID, kind, secret string) (any, error) {
	answer, err := a.issueAccess(ctx, app, kind)
	if err != nil {
		return nil, err
	}
	if _, err := a.login(ctx, clientCredential, clientCredential, string(app), secret); err != nil {
		return nil, errors.Join(err, a.cfg.Store.EndTokens(ctx, app, kind, a.cfg.Now().UnixMilli()))
	}
	return answer, nil
}

// mayForce counts a forced refresh. Errors: CodeRateLimited with field "app".
func (a *API) mayForce(ctx context.Context, app faceproof.AppID) error {
	if a.cfg.Calls == nil {
		return nil
	}
	ok, err := a.cfg.Calls.Call(ctx, app, "stable_token force_refresh", a.cfg.Now().UnixMilli(), forceDaily)
	if err == nil && !ok {
		err = faceproof.Errorf(faceproof.CodeRateLimited, "app", "has forced its refreshes of today")
	}
	return err
}

// clientCredential is the grant_type of access tokens.
const clientCredential = "client_credential"

// login checks the app that asks, and its grant_type. App ids are public (every page shows
// one), so an unknown one may be told from a wrong secret.
func (a *API) login(ctx context.Context, want, grant, appID, secret string) (faceproof.App, error) {
	switch {
	case grant != want:
		return faceproof.App{}, fail(codeGrantType, "grant_type must be %s", want)
	case appID == "":
		return faceproof.App{}, fail(codeAppIDMissing, "appid")
	case secret == "":
		return faceproof.App{}, fail(codeSecretMissing, "secret")
	case !faceproof.AppID(appID).Valid():
		return faceproof.App{}, fail(codeAppID, "appid")
	}
	app, hash, err := a.cfg.Store.App(ctx, faceproof.AppID(appID))
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return faceproof.App{}, fail(codeAppID, "appid")
	}
	if err != nil {
		return faceproof.App{}, err
	}
	got := hashToken(secret)
	if subtle.ConstantTimeCompare(got, hash) != 1 {
		hash, err := a.cfg.Store.EarlierSecret(ctx, app.ID, a.cfg.Now().UnixMilli())
		if err != nil {
			return faceproof.App{}, err
		}
		if subtle.ConstantTimeCompare(got, hash) != 1 {
			return faceproof.App{}, fail(codeAppSecret, "secret")
		}
	}
	if app.Revoked {
		return faceproof.App{}, fail(codeUserLimited, "the app is revoked")
	}
	return app, nil
}

// authenticate finds the app of the access_token in the query.
func (a *API) authenticate(r *http.Request) (faceproof.App, error) {
	// ParseQuery's error (a stray semicolon or escape) leaves the token out.
	q, _ := url.ParseQuery(r.URL.RawQuery)
	token := q.Get("access_token")
	if token == "" {
		return faceproof.App{}, fail(codeTokenMissing, "access_token belongs in the query string")
	}
	rec, err := a.lookup(r.Context(), token, kindAccess, kindStable)
	if err != nil {
		return faceproof.App{}, err
	}
	app, _, err := a.cfg.Store.App(r.Context(), rec.AppID)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || (err == nil && app.Revoked) {
		return faceproof.App{}, fail(codeCredential, "")
	}
	return app, err
}

// lookup finds a token's record. It is found by its hash, so that no
// comparison of secrets takes a time that depends on them.
func (a *API) lookup(ctx context.Context, token string, kinds ...string) (faceproof.TokenRecord, error) {
	rec, err := a.cfg.Store.Token(ctx, hashToken(token))
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return faceproof.TokenRecord{}, fail(codeCredential, "")
	}
	if err != nil {
		return faceproof.TokenRecord{}, err
	}
	known := false
	for _, k := range kinds {
		known = known || rec.Kind == k
	}
	if !known {
		return faceproof.TokenRecord{}, fail(codeCredential, "")
	}
	if a.cfg.Now().UnixMilli() >= rec.ExpiresAt {
		return faceproof.TokenRecord{}, fail(codeTokenExpired, "")
	}
	return rec, nil
}

// retire shortens the life of the app's current token of a kind to left.
func (a *API) retire(ctx context.Context, app faceproof.AppID, kind string, left time.Duration) error {
	cur, err := a.cfg.Store.CurrentToken(ctx, app, kind)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if end := a.cfg.Now().Add(left).UnixMilli(); cur.ExpiresAt > end {
		cur.ExpiresAt = end
		return a.cfg.Store.PutToken(ctx, cur)
	}
	return nil
}

// issueAccess makes and stores an access token.
func (a *API) issueAccess(ctx context.Context, app faceproof.AppID, kind string) (any, error) {
	var keep string
	token, err := a.newToken()
	if err != nil {
		return nil, err
	}
	if kind == kindStable {
		keep = token
	}
	if err := a.put(ctx, app, kind, token, keep); err != nil {
		return nil, err
	}
	return tokenAnswer{token, int(tokenTTL / time.Second)}, nil
}

// put stores a new token; keep, when not empty, is sealed beside its hash.
func (a *API) put(ctx context.Context, app faceproof.AppID, kind, token, keep string) error {
	rec := faceproof.TokenRecord{
		Hash: hashToken(token), AppID: app, Kind: kind,
		IssuedAt: a.stamp(), ExpiresAt: a.cfg.Now().Add(tokenTTL).UnixMilli(),
	}
	if keep != "" {
		sealed, err := a.cfg.Keys.Seal([]byte(keep), tokenAAD(kind, app))
		if err != nil {
			return err
		}
		rec.Sealed = sealed
	}
	return a.cfg.Store.PutToken(ctx, rec)
}

// stamp gives the time of issue, unix milliseconds, never the same twice: the
// latest token is the current one.
func (a *API) stamp() int64 {
	for {
		last := a.issued.Load()
		now := max(a.cfg.Now().UnixMilli(), last+1)
		if a.issued.CompareAndSwap(last, now) {
			return now
		}
	}
}

// newToken gives 256 random bits, base64url.
func (a *API) newToken() (string, error) {
	b := make([]byte, tokenBytes)
	if _, err := io.ReadFull(a.cfg.Rand, b); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// tokenAAD binds a sealed token to its kind and app.
func tokenAAD(kind string, app faceproof.AppID) []byte {
	return []byte("token\x00" + kind + "\x00" + string(app))
}
