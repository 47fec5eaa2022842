package wechat

import (
	"crypto/hmac"
	"encoding/base64"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"faceproof"
)

// A web page has no WeChat log-in. These two calls stand in for wx.login and
// its server half, so that code written for a Mini Program finds an openid: it
// names a browser to one app, and is proven by a secret that the browser keeps.

const (
	apiLogin = "login"
	// codeTTL is the life of a js_code: five minutes, one use, as WeChat's.
	codeTTL = 5 * time.Minute
)

// visitorForm is the secret that a browser keeps: 256 bits, base64url.
var visitorForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// codeRequest is the body of /v1/sdk/code.
type codeRequest struct {
	Visitor string `json:"visitor"` // from an earlier answer; empty: a new browser
}

type codeAnswer struct {
	Code      string `json:"code"`       // wx.login's
	Visitor   string `json:"visitor"`    // to be kept and sent again
	ExpiresIn int    `json:"expires_in"` // seconds
}

// sdkCode gives a page a js_code for its backend.
func (a *API) sdkCode(c *sdkCall) (any, error) {
	c.api = apiLogin
	var q codeRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	app, err := a.page(c)
	if err != nil {
		return nil, err
	}
	if q.Visitor == "" {
		if q.Visitor, err = a.newToken(); err != nil {
			return nil, err
		}
	}
	if !visitorForm.MatchString(q.Visitor) {
		return nil, c.invalid("visitor", "must be one that this server gave")
	}
	code, err := a.newToken()
	if err != nil {
		return nil, err
	}
	openID := a.visitorID(app.ID, q.Visitor)
	sealed, err := a.cfg.Keys.Seal([]byte(openID), tokenAAD(kindJSCode, app.ID))
	if err != nil {
		return nil, err
	}
	err = a.cfg.Store.PutToken(c.ctx, faceproof.TokenRecord{Hash: hashToken(code), AppID: app.ID, Kind: kindJSCode, Sealed: sealed,
		IssuedAt: a.stamp(), ExpiresAt: a.cfg.Now().Add(codeTTL).UnixMilli()})
	if err != nil {
		return nil, err
	}
	return codeAnswer{code, q.Visitor, int(codeTTL / time.Second)}, nil
}

// Bytes of an openid that names a browser: the name, and the proof that it is
// ours. Both are whole characters of base64.
const visitorName, visitorProof = 12, 8

// visitorID names a browser to one app in the form of an openid. It proves
// itself, so that isVisitor needs no table, and never is the openid of a person
// (openID): the indexes have other purposes.
func (a *API) visitorID(app faceproof.AppID, visitor string) string {
	name := a.cfg.Keys.Index("visitor", []byte(string(app)+"\x00"+visitor))[:visitorName]
	return "o" + base64.RawURLEncoding.EncodeToString(append(name, a.visitorSeal(app, name)...))
}

func (a *API) visitorSeal(app faceproof.AppID, name []byte) []byte {
	return a.cfg.Keys.Index("visitor.openid", append([]byte(string(app)+"\x00"), name...))[:visitorProof]
}

// isVisitor says whether an openid is one that jscode2session gave this app.
func (a *API) isVisitor(app faceproof.AppID, openID string) bool {
	text, ok := strings.CutPrefix(openID, "o")
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return ok && err == nil && len(b) == visitorName+visitorProof && hmac.Equal(b[visitorName:], a.visitorSeal(app, b[:visitorName]))
}

// mayStart says whether the browser that keeps a visitor may open the
// verification of an openid: one that names a browser is opened by that browser
// alone, so that nobody can hand theirs to another person. Any other openid is
// the business's own, of which no page can prove anything.
func (a *API) mayStart(app faceproof.AppID, visitor string) func(openID string) bool {
	return func(openID string) bool {
		return !a.isVisitor(app, openID) || visitorForm.MatchString(visitor) && hmac.Equal([]byte(a.visitorID(app, visitor)), []byte(openID))
	}
}

// loginAnswer has no errcode: WeChat's has none either.
type loginAnswer struct {
	OpenID     string `json:"openid"`
	SessionKey string `json:"session_key"` // 16 random bytes, base64
}

// jsCode2Session turns a js_code into an openid, once.
func (a *API) jsCode2Session(c *call) (any, error) {
	ctx := c.r.Context()
	q, _ := url.ParseQuery(c.r.URL.RawQuery)
	app, err := a.login(ctx, "authorization_code", q.Get("grant_type"), q.Get("appid"), q.Get("secret"))
	if err != nil {
		return nil, err
	}
	code := q.Get("js_code")
	if code == "" {
		return nil, fail(codeCodeMissing, "js_code")
	}
	rec, err := a.cfg.Store.UseToken(ctx, hashToken(code), app.ID, kindJSCode, a.cfg.Now().UnixMilli())
	switch faceproof.ErrorCode(err) {
	case "":
	case faceproof.CodeConflict:
		return nil, fail(codeCodeUsed, "")
	case faceproof.CodeNotFound:
		return nil, fail(codeCode, "js_code is unknown, expired or not this app's")
	default:
		return nil, err
	}
	openID, err := a.cfg.Keys.Open(rec.Sealed, tokenAAD(kindJSCode, app.ID))
	if err != nil {
		return nil, err
	}
	// Nothing here is encrypted for the page, so the key opens nothing; clients
	// that want one get one.
	key := make([]byte, 16)
	if _, err := io.ReadFull(a.cfg.Rand, key); err != nil {
		return nil, err
	}
	return loginAnswer{string(openID), base64.StdEncoding.EncodeToString(key)}, nil
}
