package wechat

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

// The JS interfaces that the SDK offers, and the older names that web pages
// inside WeChat use for the same.
const (
	apiConfig  = "config"
	apiCheck   = "checkIsSupportFacialRecognition"
	apiStart   = "startFacialRecognitionVerify"
	apiRequest = "requestFacialVerify"
	withVideo  = "AndUploadVideo" // of the latter two: the same, and the capture is kept
)

// jsAPIs says which permission each name in a jsApiList needs.
var jsAPIs = map[string]faceproof.Permission{
	apiCheck:                     faceproof.PermCheckSupport,
	"checkIsSupportFaceDetect":   faceproof.PermCheckSupport,
	apiStart:                     faceproof.PermStartVerify,
	"requestWxFacePictureVerify": faceproof.PermStartVerify,
	apiRequest:                   faceproof.PermRequest,
	apiStart + withVideo:         faceproof.PermStartVideo,
	apiRequest + withVideo:       faceproof.PermRequestVideo,

	"requestWxFacePictureVerifyUnionVideo": faceproof.PermStartVideo,
}

// Client error codes (errCode), from the merged table of the contract.
const (
	clientArgs        = 10001 // 参数错误
	clientNoModel     = 10002 // this method is not offered, or not to this version
	clientBlocked     = 10003 // the device is on the black-list
	clientNoRight     = 10006 // appid没有权限
	clientIdentifyID  = 10017 // 非法identify_id
	clientUserIDKey   = 10041 // 非法user_id_key
	clientTooFast     = 10042 // 请求过于频繁
	clientSystem      = 10045 // 系统失败
	clientLimit       = 10052 // 请求数超限制
	clientUnavailable = 10069 // 活体检测暂时不可用
	clientNotice      = 90105 // 获取确认页信息失败
	errnoDenied       = 102   // the platform's own number for a missing permission
)

// The texts of "is supported", and of a start that did not wait for it.
const (
	saysNoModel = "No necessary model found"
	saysBlocked = "Device is blacklisted"
)

// libVersionCode is what WeChat's clients answer.
const libVersionCode = 1

// configRequest is the body of /v1/sdk/config, wx.config's argument and the
// page's address without its fragment.
type configRequest struct {
	AppID     string      `json:"appId"`
	Timestamp numeralText `json:"timestamp"`
	NonceStr  string      `json:"nonceStr"`
	Signature string      `json:"signature"`
	URL       string      `json:"url"`
	JSAPIList []string    `json:"jsApiList"`
}

// appAnswer is what a page may know about the app.
type appAnswer struct {
	ID   faceproof.AppID `json:"id"`
	Name string          `json:"name"`
}

type configAnswer struct {
	PageToken string          `json:"page_token"`
	ExpiresIn int             `json:"expires_in"` // seconds
	App       appAnswer       `json:"app"`
	APIs      map[string]bool `json:"apis"`
}

// sdkConfig checks wx.config's signature and gives the page a token for the
// other two calls.
func (a *API) sdkConfig(c *sdkCall) (any, error) {
	var q configRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	for _, f := range []struct{ name, value string }{
		{"appId", q.AppID}, {"timestamp", string(q.Timestamp)}, {"nonceStr", q.NonceStr}, {"signature", q.Signature}, {"url", q.URL},
	} {
		if f.value == "" {
			return nil, c.invalid(f.name, "must not be empty")
		}
	}
	if len(q.JSAPIList) > 64 {
		return nil, c.invalid("jsApiList", "must be at most 64 names")
	}
	badApp := c.denied(faceproof.CodeUnauthenticated, "appId", "invalid appId")
	if !faceproof.AppID(q.AppID).Valid() {
		return nil, badApp
	}
	app, _, err := a.cfg.Store.App(c.ctx, faceproof.AppID(q.AppID))
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || (err == nil && app.Revoked) {
		return nil, badApp
	}
	if err != nil {
		return nil, err
	}
	origin, ok := originOf(q.URL)
	if !ok || !a.originAllowed(c.r, app, origin) || !sameOrigin(c.r, origin) {
		return nil, c.denied(faceproof.CodeForbidden, "url", "invalid url domain")
	}
	tickets, err := a.tickets(c.ctx, app.ID)
	if err != nil {
		return nil, err
	}
	if !signatureMatches(tickets, q.Signature, q.NonceStr, string(q.Timestamp), q.URL) {
		return nil, c.denied(faceproof.CodeUnauthenticated, "signature", "invalid signature")
	}
	token, err := a.newToken()
	if err != nil {
		return nil, err
	}
	if err := a.put(c.ctx, app.ID, kindPage, token, origin); err != nil {
		return nil, err
	}
	answer := configAnswer{token, int(tokenTTL / time.Second), appAnswer{app.ID, app.Name}, map[string]bool{}}
	for _, name := range q.JSAPIList {
		if len(name) <= 64 {
			p, known := jsAPIs[name]
			answer.APIs[name] = known && app.Has(p)
		}
	}
	return answer, nil
}

// supportRequest is the body of /v1/sdk/support.
type supportRequest struct {
	CheckAliveType *aliveNumber `json:"check_alive_type"`
	Device         *deviceClaim `json:"device"` // what the page knows of it
}

type supportAnswer struct {
	ErrCode        int    `json:"errCode"`
	ErrMsg         string `json:"errMsg"`
	LibVersionCode int    `json:"libVersionCode"`
}

// sdkSupport answers checkIsSupportFacialRecognition.
func (a *API) sdkSupport(c *sdkCall) (any, error) {
	c.api = apiCheck
	var q supportRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	app, err := a.page(c)
	if err != nil {
		return nil, err
	}
	if !app.Has(faceproof.PermCheckSupport) {
		return nil, c.accessDenied()
	}
	alive, err := c.alive(q.CheckAliveType)
	if err != nil {
		return nil, err
	}
	fit, err := a.fit(c, q.Device)
	if err != nil {
		return nil, err
	}
	if fit.blocked {
		return supportAnswer{clientBlocked, apiCheck + ":fail " + saysBlocked, libVersionCode}, nil
	}
	methods, err := a.methods(app, alive)
	if err != nil || !fit.serves(methods) {
		return supportAnswer{clientNoModel, apiCheck + ":fail " + saysNoModel, libVersionCode}, nil
	}
	return supportAnswer{0, apiCheck + ":ok", libVersionCode}, nil
}

// methods are those that serve what the page asks for. A page never widens the
// app's policy (security.md T06).
func (a *API) methods(app faceproof.App, alive faceproof.AliveType) (faceproof.Methods, error) {
	return faceproof.MethodsOf(app.Alive, alive, a.cfg.Digits)
}

// sessionRequest is the body of /v1/sdk/sessions.
type sessionRequest struct {
	API            string       `json:"api"`
	Name           string       `json:"name"`
	IDCardNumber   string       `json:"id_card_number"`
	UserIDKey      string       `json:"user_id_key"`
	CheckAliveType *aliveNumber `json:"check_alive_type"`
	VerifyID       string       `json:"verify_id"`
	Visitor        string       `json:"visitor"` // with verify_id: of /v1/sdk/code, if the page has one
	Device         *deviceClaim `json:"device"`
}

type sessionAnswer struct {
	SessionID      string              `json:"session_id"`
	CaptureToken   string              `json:"capture_token"`
	ExpiresIn      int                 `json:"expires_in"` // seconds
	Method         string              `json:"method"`     // that the capture begins with: "flash" or "digits"
	CheckAliveType faceproof.AliveType `json:"check_alive_type"`
	App            appAnswer           `json:"app"`
	MaskedName     string              `json:"masked_name"`
	Notice         faceproof.Notice    `json:"notice"`
	NoticeHash     string              `json:"notice_hash"`
	UploadVideo    bool                `json:"upload_video"` // the person must be told
	// Minor: the person is under 14: "guardian", one must consent; "refused", there
	// is no session, and the page shows the other method.
	Minor faceproof.MinorGate `json:"minor,omitempty"`
}

// sdkSessions opens a capture for startFacialRecognitionVerify or
// requestFacialVerify, with or without AndUploadVideo. Its answer never depends on the registry.
func (a *API) sdkSessions(c *sdkCall) (any, error) {
	var q sessionRequest
	if err := c.decode(&q); err != nil {
		return nil, err
	}
	base, video := strings.CutSuffix(q.API, withVideo)
	if base != apiStart && base != apiRequest {
		return nil, c.invalid("api", "must be %s or %s, or one of them with %s", apiStart, apiRequest, withVideo)
	}
	c.api = q.API
	app, err := a.page(c)
	if err != nil {
		return nil, err
	}
	if !app.Has(jsAPIs[q.API]) {
		return nil, c.accessDenied()
	}
	if f := app.Notice.Missing(); f != "" {
		return nil, &sdkFailure{Status: http.StatusServiceUnavailable, Code: faceproof.CodeUnavailable, Field: "notice." + f,
			ErrCode: clientNotice, Message: "the app's notice lacks " + f + "; the operator must fill it in"}
	}
	alive := faceproof.AliveAuto
	if base == apiStart {
		if alive, err = c.alive(q.CheckAliveType); err != nil {
			return nil, err
		}
	}
	if err := a.suits(c, app, q.Device, alive); err != nil {
		return nil, err
	}
	if err := a.within(c.ctx, app, q.API); err != nil {
		return nil, err
	}
	var started verify.Started
	if base == apiStart {
		started, err = a.start1(c, app, q, alive, video)
	} else {
		started, err = a.start2(c, app, q, video)
	}
	if err != nil {
		return nil, err
	}
	methods, notice := started.Methods, app.Shown(started.Methods.Digits)
	return sessionAnswer{
		SessionID: started.SessionID, CaptureToken: started.CaptureToken.Reveal(),
		ExpiresIn: int(started.ExpiresIn / time.Second), Method: methodWord(methods.First), CheckAliveType: methods.First,
		App: appAnswer{app.ID, app.Name}, MaskedName: started.MaskedName,
		Notice: notice, NoticeHash: notice.Hash(), UploadVideo: started.Video, Minor: started.Minor,
	}, nil
}

func methodWord(m faceproof.AliveType) string {
	if m == faceproof.AliveDigits {
		return faceproof.MethodDigits
	}
	return faceproof.MethodFlash
}

// suits refuses a capture that the device, its version or the app's policy rules
// out, as "is supported" would have said: not every page asks that first.
func (a *API) suits(c *sdkCall, app faceproof.App, claim *deviceClaim, alive faceproof.AliveType) error {
	fit, err := a.fit(c, claim)
	switch {
	case err != nil:
		return err
	case fit.blocked:
		return c.unsuited(clientBlocked, saysBlocked)
	}
	methods, err := a.methods(app, alive)
	switch {
	case err != nil:
		return c.notOffered()
	case !fit.serves(methods):
		return c.unsuited(clientNoModel, saysNoModel)
	}
	return nil
}

// fit asks the table about the caller.
func (a *API) fit(c *sdkCall, claim *deviceClaim) (fit, error) {
	if claim != nil {
		if err := claim.check(c); err != nil {
			return fit{}, err
		}
	}
	return a.cfg.Compat.current().fitOf(c.r.UserAgent(), claim), nil
}

func (a *API) start1(c *sdkCall, app faceproof.App, q sessionRequest, alive faceproof.AliveType, video bool) (verify.Started, error) {
	var err error
	var s faceproof.Subject
	if q.UserIDKey != "" {
		if q.Name != "" || q.IDCardNumber != "" {
			return verify.Started{}, c.invalid("userIdKey", "must not come with name and idCardNumber")
		}
		s, err = a.cfg.Verify.SubjectOf(c.ctx, app.ID, q.UserIDKey)
		if code := faceproof.ErrorCode(err); code == faceproof.CodeNotFound || code == faceproof.CodeExpired || code == faceproof.CodeInvalid {
			return verify.Started{}, &sdkFailure{Status: http.StatusNotFound, Code: faceproof.CodeNotFound, Field: "userIdKey",
				ErrCode: clientUserIDKey, Message: "is unknown, expired or not this app's"}
		}
	} else {
		if s.Name, err = faceproof.ParseName(q.Name, "name"); err == nil {
			s.IDNumber, err = faceproof.ParseIDNumber(q.IDCardNumber, "idCardNumber", a.cfg.Now())
		}
	}
	if err != nil {
		return verify.Started{}, err
	}
	return a.cfg.Verify.Start1(c.ctx, app, s, alive, a.openID(app.ID, s.IDNumber), video)
}

func (a *API) start2(c *sdkCall, app faceproof.App, q sessionRequest, video bool) (verify.Started, error) {
	if q.VerifyID == "" || len(q.VerifyID) > 256 {
		return verify.Started{}, c.invalid("verifyId", "must be 1 to 256 characters")
	}
	// A page that keeps no secret of a browser is a browser of its own: its token
	// is the secret.
	browser := "page " + strings.TrimPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if visitorForm.MatchString(q.Visitor) {
		browser = "visitor " + q.Visitor
	}
	started, err := a.cfg.Verify.Start2(verify.WithBrowser(c.ctx, browser), app, q.VerifyID, a.mayStart(app.ID, q.Visitor), video)
	switch faceproof.ErrorCode(err) {
	case faceproof.CodeNotFound, faceproof.CodeExpired, faceproof.CodeConflict:
		// One answer, whether it is unknown, another app's or browser's, over or in use.
		err = &sdkFailure{Status: http.StatusNotFound, Code: faceproof.CodeNotFound, Field: "verifyId",
			ErrCode: clientIdentifyID, Message: "is unknown, expired, used or not this app's"}
	}
	return started, err
}

// page finds the app of a page token, and checks that it is used from the page
// that got it.
func (a *API) page(c *sdkCall) (faceproof.App, error) {
	expired := c.denied(faceproof.CodeUnauthenticated, "page_token", "page token unknown or expired, call wx.config again")
	token, ok := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return faceproof.App{}, c.denied(faceproof.CodeUnauthenticated, "page_token", "call wx.config first")
	}
	rec, err := a.lookup(c.ctx, token, kindPage)
	if f, ok := err.(*failure); ok && f.Err == nil {
		return faceproof.App{}, expired
	}
	if err != nil {
		return faceproof.App{}, err
	}
	origin, err := a.cfg.Keys.Open(rec.Sealed, tokenAAD(kindPage, rec.AppID))
	if err != nil {
		return faceproof.App{}, expired
	}
	if !sameOrigin(c.r, string(origin)) {
		return faceproof.App{}, c.denied(faceproof.CodeForbidden, "page_token", "page token of another origin")
	}
	app, _, err := a.cfg.Store.App(c.ctx, rec.AppID)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || (err == nil && app.Revoked) {
		return faceproof.App{}, expired
	}
	return app, err
}

// sdkCall is one call of the SDK.
type sdkCall struct {
	ctx  context.Context
	r    *http.Request
	body []byte
	api  string // what errMsg begins with
}

// decode reads the body into a struct. Only our own SDK calls these paths, so
// unknown members are mistakes.
func (c *sdkCall) decode(into any) error {
	if _, twice, err := members(c.body); err != nil {
		return c.invalid("body", "must be one JSON object")
	} else if twice {
		return c.invalid("body", "must not name a member twice")
	}
	dec := json.NewDecoder(strings.NewReader(string(c.body)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return c.invalid(jsonField(err), "must be as documented")
	}
	if dec.More() {
		return c.invalid("body", "must be one JSON object")
	}
	return nil
}

// alive checks checkAliveType; absent means 2, the method that fits.
func (c *sdkCall) alive(n *aliveNumber) (faceproof.AliveType, error) {
	if n == nil {
		return faceproof.AliveAuto, nil
	}
	t := faceproof.AliveType(*n)
	if !slices.Contains([]faceproof.AliveType{faceproof.AliveDigits, faceproof.AliveFlash, faceproof.AliveAuto}, t) {
		return 0, c.invalid("checkAliveType", "must be 0, 1 or 2")
	}
	return t, nil
}
