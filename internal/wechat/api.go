// Package wechat speaks WeChat's facial verification interfaces: the token and
// ticket endpoints, generations 1.0 and 2.0 of the server interface, and the
// calls of the browser SDK that stand in for the WeChat client. A foreign API
// is a translation; its oddities stay in this package. docs/wechat.md lists
// what is served, and where it differs.
package wechat

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

// Store keeps apps and the tokens given to them.
type Store interface {
	// App gives an app and the SHA-256 of its secret; CodeNotFound.
	App(ctx context.Context, id faceproof.AppID) (faceproof.App, []byte, error)
	// EarlierSecret gives the hash of the secret that was replaced, while it is
	// valid; nil when there is none.
	EarlierSecret(ctx context.Context, id faceproof.AppID, at int64) ([]byte, error)
	// PutToken inserts, or replaces the record with the same hash.
	PutToken(ctx context.Context, t faceproof.TokenRecord) error
	// Token finds a record by hash, expired or not; CodeNotFound.
	Token(ctx context.Context, hash []byte) (faceproof.TokenRecord, error)
	// CurrentToken gives the app's latest record of a kind; CodeNotFound.
	CurrentToken(ctx context.Context, app faceproof.AppID, kind string) (faceproof.TokenRecord, error)
	// EndTokens ends every token of a kind of an app at a time.
	EndTokens(ctx context.Context, app faceproof.AppID, kind string, at int64) error
	// UseToken uses a token of a kind that may be used once, before its expiry:
	// CodeConflict when it was used before; CodeNotFound when it is unknown,
	// expired, another app's or of another kind.
	UseToken(ctx context.Context, hash []byte, app faceproof.AppID, kind string, at int64) (faceproof.TokenRecord, error)
}

// Keys seals what must be given out again, and names a person to one app.
type Keys interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
	Index(purpose string, value []byte) []byte
}

// Verifier is what this package asks of verify.Service.
type Verifier interface {
	Create(ctx context.Context, r verify.CreateRequest) (verify.Created, error)
	UserIDKey(ctx context.Context, app faceproof.App, s faceproof.Subject) (faceproof.Token, time.Duration, error)
	SubjectOf(ctx context.Context, app faceproof.AppID, key string) (faceproof.Subject, error)
	Start1(ctx context.Context, app faceproof.App, s faceproof.Subject, alive faceproof.AliveType, openID string, video bool) (verify.Started, error)
	Start2(ctx context.Context, app faceproof.App, verifyID string, mayStart func(openID string) bool, video bool) (verify.Started, error)
	Redeem(ctx context.Context, app faceproof.App, credential, outSeqNo string) (verify.Info, error)
	Query(ctx context.Context, app faceproof.App, verifyID, outSeqNo, certHash, openID string) (verify.Info, error)
	Portrait(ctx context.Context, app faceproof.App, by verify.PortraitKey) ([]byte, error)
	Video(ctx context.Context, app faceproof.App, by verify.PortraitKey) ([]byte, error)
}

// Config of an API.
type Config struct {
	Store  Store
	Verify Verifier
	Keys   Keys
	// PublicOrigin is how browsers reach this server, "https://host[:port]".
	// Empty: the Host header of each request says.
	PublicOrigin string
	Now          func() time.Time // nil: time.Now
	Rand         io.Reader        // nil: crypto/rand
	Log          *slog.Logger     // nil: nothing is logged
	// DailyCalls bounds the calls of each interface by one app on one day of
	// China's time, unless the app has a number of its own; 0: not limited.
	// Needs Calls.
	DailyCalls int
	Calls      Calls // nil: nothing is limited, nor are forced refreshes of a token
	// Limited is told when a quota turned a call away; nil: nobody is.
	Limited func(limit string)
	// Digits says that the server reads digits aloud, as verify.Config.Digits
	// does; false: checkAliveType 0 is not offered.
	Digits bool
	// Compat says which devices and versions may verify; nil: the embedded table.
	Compat *Compat
	// Denied records a refusal in the audit log before it is answered, and known
	// says that its actor is; its error is answered instead. nil: none is.
	Denied func(ctx context.Context, e faceproof.AuditEntry, known bool) error
}

// Calls counts calls by the day.
type Calls interface {
	// Call counts one call, and says whether it is within the limit of its day.
	Call(ctx context.Context, app faceproof.AppID, iface string, at int64, limit int) (bool, error)
}

// API answers the WeChat-compatible paths and /v1/sdk/*. It is safe for
// concurrent use.
type API struct {
	cfg    Config
	mux    *http.ServeMux
	issue  sync.Mutex   // one token is issued at a time, so that two callers get the same stable one
	issued atomic.Int64 // time of the last token, unix milliseconds
}

// New makes an API. Store, Verify and Keys are needed.
func New(c Config) (*API, error) {
	if c.Store == nil || c.Verify == nil || c.Keys == nil {
		return nil, errors.New("wechat: Store, Verify and Keys are needed")
	}
	if c.DailyCalls > 0 && c.Calls == nil {
		return nil, errors.New("wechat: a limit of calls needs Calls")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{cfg: c, mux: http.NewServeMux()}
	for _, e := range endpoints() {
		a.mux.HandleFunc(e.path, a.serve(e))
	}
	for _, prefix := range []string{"/cgi-bin/", "/cityservice/", "/sns/"} {
		a.mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) {
			a.answer(w, r, nil, fail(codeInvalidURL, ""))
		})
	}
	for path, f := range map[string]sdkFunc{
		"/v1/sdk/config":   a.sdkConfig,
		"/v1/sdk/support":  a.sdkSupport,
		"/v1/sdk/sessions": a.sdkSessions,
		"/v1/sdk/code":     a.sdkCode,
	} {
		a.mux.HandleFunc(path, a.serveSDK(f))
	}
	a.mux.HandleFunc("GET /v1/sdk/compat", a.compat)
	return a, nil
}

// SDKPrefix is the path under which browsers call; the others are for business
// servers.
const SDKPrefix = "/v1/sdk/"

// Prefixes are the paths under which a server mounts the API.
func Prefixes() []string { return []string{"/cgi-bin/", "/cityservice/", "/sns/", SDKPrefix} }

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// call is one authenticated call of a business server.
type call struct {
	app  faceproof.App
	body object // POST only
	r    *http.Request
}

// file is an answer that is no JSON.
type file struct {
	kind, name string
	data       []byte
}

// endpoint is one row of the table of WeChat-compatible interfaces.
type endpoint struct {
	path string
	post bool                 // POST with a JSON body; otherwise parameters in the query
	open bool                 // needs no access_token: it is how one gets one
	perm faceproof.Permission // "" when every app may
	form int                  // the errcode for a form in place of JSON; 0: 47001
	do   func(*API, *call) (any, error)
}

// endpoints is the whole table.
func endpoints() []endpoint {
	const face = "/cityservice/face/identify/"
	return []endpoint{
		{path: "/cgi-bin/token", open: true, do: (*API).token},
		{path: "/cgi-bin/stable_token", post: true, open: true, do: (*API).stableToken},
		{path: "/cgi-bin/ticket/getticket", do: (*API).getTicket},
		{path: "/sns/jscode2session", open: true, do: (*API).jsCode2Session},
		{path: face + "getuseridkey", post: true, perm: faceproof.PermGetUserIDKey, do: (*API).getUserIDKey},
		{path: face + "getinfo", post: true, perm: faceproof.PermGetInfo, form: codeIdentifyID, do: (*API).getInfo},
		{path: face + "getimage", post: true, perm: faceproof.PermGetImage, form: codeIdentifyID, do: (*API).getImage},
		{path: face + "getvideo", post: true, perm: faceproof.PermGetVideo, form: codeIdentifyID, do: (*API).getVideo},
		{path: face + "getverifyid", post: true, perm: faceproof.PermGetVerifyID, do: (*API).getVerifyID},
		{path: face + "queryverifyinfo", post: true, perm: faceproof.PermQueryInfo, do: (*API).queryVerifyInfo},
	}
}

// serve turns a row of the table into a handler: method, token, permission,
// body, then the interface itself.
func (a *API) serve(e endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r, recorded := withRecorded(r)
		c := &call{r: r}
		result, err := a.perform(e, w, c)
		if err != nil {
			a.answer(w, r, nil, a.refused(r, c.app.ID, translate(err, "verify_result"), *recorded))
			return
		}
		a.answer(w, r, result, nil)
	}
}

func (a *API) perform(e endpoint, w http.ResponseWriter, c *call) (result any, err error) {
	defer caught(&err)
	r := c.r
	switch {
	case e.post && r.Method != http.MethodPost:
		return nil, fail(codeNeedPOST, "")
	case !e.post && r.Method != http.MethodGet && r.Method != http.MethodPost:
		// WeChat's GET interfaces read the query of a POST too.
		return nil, fail(codeNeedGET, "")
	}
	if !e.open {
		app, err := a.authenticate(r)
		if err != nil {
			return nil, err
		}
		c.app = app
		if e.perm != "" && !app.Has(e.perm) {
			return nil, fail(codeUnauthorized, "the app lacks the permission %s", e.perm)
		}
		if err := a.within(r.Context(), app, e.path); err != nil {
			return nil, err
		}
	}
	if e.post {
		body, f := readObject(w, r)
		if f != nil {
			if f.Code == codeData && e.form != 0 && isForm(r) {
				f.Code = e.form
			}
			return nil, f
		}
		c.body = body
	}
	return e.do(a, c)
}

// caught turns a panic into a failure of this server, so that a client gets an
// errcode and not an HTTP status. The log gets the place, never the value.
func caught(err *error) {
	if p := recover(); p == http.ErrAbortHandler {
		panic(p)
	} else if p != nil {
		*err = faceproof.Errorf(faceproof.CodeInternal, "", "panic at %s", faceproof.StackText(debug.Stack()))
	}
}

// within counts a call against the app's day. Errors: CodeRateLimited with
// field "app".
func (a *API) within(ctx context.Context, app faceproof.App, iface string) error {
	limit := app.DailyCalls
	if limit == 0 {
		limit = a.cfg.DailyCalls
	}
	if limit <= 0 || a.cfg.Calls == nil {
		return nil
	}
	ok, err := a.cfg.Calls.Call(ctx, app.ID, iface, a.cfg.Now().UnixMilli(), limit)
	if err == nil && !ok {
		if a.cfg.Limited != nil {
			a.cfg.Limited("app_calls")
		}
		err = faceproof.Errorf(faceproof.CodeRateLimited, "app", "has made its calls of today")
	}
	return err
}

// isForm says whether the caller declared an HTML form.
func isForm(r *http.Request) bool {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t == "application/x-www-form-urlencoded" || t == "multipart/form-data"
}

// answer writes the result or the failure, always with status 200: WeChat's
// clients take any other for a network error.
func (a *API) answer(w http.ResponseWriter, r *http.Request, result any, f *failure) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if out, ok := result.(file); ok && f == nil {
		// SKIT counts an image as one only with a Content-Disposition.
		h.Set("Content-Type", out.kind)
		h.Set("Content-Disposition", `attachment; filename="`+out.name+`"`)
		h.Set("Content-Length", strconv.Itoa(len(out.data)))
		_, _ = w.Write(out.data)
		return
	}
	if f != nil {
		rid := a.requestID()
		if f.Err != nil {
			a.cfg.Log.ErrorContext(r.Context(), "wechat interface failed", "route", r.Pattern, "rid", rid, "error", faceproof.LogText(f.Err))
		}
		result = struct {
			Code    int    `json:"errcode"`
			Message string `json:"errmsg"`
		}{f.Code, f.message(rid)}
	}
	h.Set("Content-Type", "application/json; encoding=utf-8") // as WeChat spells it
	writeJSON(w, result)
}

// writeJSON writes v without escaping <, > and &.
func writeJSON(w io.Writer, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // every answer is a struct of strings and numbers
	}
	_, _ = w.Write(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// requestID makes WeChat's rid: hex of the unix second, and 64 random bits.
func (a *API) requestID() string {
	var b [8]byte
	_, _ = io.ReadFull(a.cfg.Rand, b[:]) // a request id is no secret
	x := hex.EncodeToString(b[:])
	return fmt.Sprintf("%08x-%s-%s", uint32(a.cfg.Now().Unix()), x[:8], x[8:])
}
