package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"faceproof"
	"faceproof/internal/verify"
)

// sdkFailure is an error of /v1/sdk/*: what our own API says (code, field,
// message) and what the SDK hands to the page (errCode, errno, errMsg).
type sdkFailure struct {
	Status  int
	Code    faceproof.Code
	Field   string // in the page's spelling: idCardNumber, not id_card_number
	Message string
	ErrCode int
	Errno   int    // 0: none
	Says    string // errMsg's text after "<api>:fail "; empty: field and message
	Retry   int    // seconds after which the same call may work; 0: unknown
}

func (f *sdkFailure) Error() string { return f.Field + " " + f.Message }

// sdkErrorAnswer is the JSON of an sdkFailure.
type sdkErrorAnswer struct {
	Code    faceproof.Code `json:"code"`
	Field   string         `json:"field"`
	Message string         `json:"message"`
	ErrCode int            `json:"errCode"`
	Errno   int            `json:"errno,omitempty"`
	ErrMsg  string         `json:"errMsg"`
	// RetryAfter says in seconds when to ask again; the SDK does so by itself.
	RetryAfter int `json:"retry_after,omitempty"`
}

func (f *sdkFailure) answer(api string) sdkErrorAnswer {
	says := f.Says
	if says == "" {
		says = strings.TrimSpace(f.Field + " " + f.Message)
	}
	sep := " "
	if f.Errno == errnoDenied {
		sep = ":" // so WeChat writes it, and apps match it
	}
	return sdkErrorAnswer{f.Code, f.Field, f.Message, f.ErrCode, f.Errno, api + ":fail" + sep + says, f.Retry}
}

func (c *sdkCall) invalid(field, format string, args ...any) *sdkFailure {
	return &sdkFailure{Status: http.StatusBadRequest, Code: faceproof.CodeInvalid, Field: field,
		Message: fmt.Sprintf(format, args...), ErrCode: clientArgs}
}

// denied refuses a page, with wx.config's wording.
func (c *sdkCall) denied(code faceproof.Code, field, says string) *sdkFailure {
	status := http.StatusForbidden
	if code == faceproof.CodeUnauthenticated {
		status = http.StatusUnauthorized
	}
	return &sdkFailure{Status: status, Code: code, Field: field, Message: says, ErrCode: clientNoRight, Says: says}
}

// accessDenied is WeChat's answer to a page whose app lacks the permission.
func (c *sdkCall) accessDenied() *sdkFailure {
	return &sdkFailure{Status: http.StatusForbidden, Code: faceproof.CodeForbidden, Field: c.api,
		Message: "the app lacks the permission " + c.api, ErrCode: clientNoRight, Errno: errnoDenied, Says: "access denied"}
}

// notOffered is the answer to a method of liveness that is not there.
func (c *sdkCall) notOffered() *sdkFailure {
	return &sdkFailure{Status: http.StatusBadRequest, Code: faceproof.CodeInvalid, Field: "checkAliveType", ErrCode: clientUnavailable,
		Message: "asks for a method that this server or the app's policy does not offer; use 2"}
}

// unsuited refuses a device, in the words of "is supported".
func (c *sdkCall) unsuited(errCode int, says string) *sdkFailure {
	return &sdkFailure{Status: http.StatusForbidden, Code: faceproof.CodeForbidden, Field: "device", Message: says, ErrCode: errCode, Says: says}
}

// sdkFunc is one interface of the SDK.
type sdkFunc func(*sdkCall) (any, error)

// serveSDK turns an sdkFunc into a handler: cross-origin headers, method, body.
func (a *API) serveSDK(do sdkFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		// Any page may ask and read the refusal, so that its developer learns
		// why. No cookie takes part (credentials stay off): what lets a page in
		// is the signature, the origin check behind it, and then its token.
		if origin := r.Header.Get("Origin"); origin != "" {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Add("Vary", "Origin")
		}
		if r.Method == http.MethodOptions {
			h.Set("Access-Control-Allow-Methods", "POST")
			h.Set("Access-Control-Allow-Headers", "authorization, content-type")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		r, recorded := withRecorded(r)
		c := &sdkCall{ctx: r.Context(), r: r, api: apiConfig}
		result, err := a.performSDK(c, w, do)
		h.Set("Content-Type", "application/json; charset=utf-8")
		if err == nil {
			writeJSON(w, result)
			return
		}
		f := a.sdkTranslate(c, err)
		if f.Status < 500 && !*recorded {
			if err := a.deny(r, "", string(f.Code)); err != nil {
				f = a.sdkTranslate(c, err)
			}
		}
		if f.Retry > 0 {
			h.Set("Retry-After", strconv.Itoa(f.Retry))
		}
		w.WriteHeader(f.Status)
		writeJSON(w, f.answer(c.api))
	}
}

func (a *API) performSDK(c *sdkCall, w http.ResponseWriter, do sdkFunc) (result any, err error) {
	defer caught(&err)
	if c.r.Method != http.MethodPost {
		f := c.invalid("method", "must be POST")
		f.Status = http.StatusMethodNotAllowed
		w.Header().Set("Allow", "POST, OPTIONS")
		return nil, f
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, c.r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		f := c.invalid("body", "must be at most %d bytes", maxBody)
		f.Status = http.StatusRequestEntityTooLarge
		return nil, f
	case err != nil:
		return nil, c.invalid("body", "did not arrive whole")
	case !utf8.Valid(body):
		return nil, c.invalid("body", "must be UTF-8")
	}
	c.body = body
	return do(c)
}

// sdkTranslate turns an error of the product into one of the SDK.
func (a *API) sdkTranslate(c *sdkCall, err error) *sdkFailure {
	var f *sdkFailure
	if errors.As(err, &f) {
		return f
	}
	system := &sdkFailure{Status: http.StatusInternalServerError, Code: faceproof.CodeInternal,
		Message: "system error", ErrCode: clientSystem}
	var e *faceproof.Error
	if errors.As(err, &e) {
		switch e.Code {
		case faceproof.CodeInvalid:
			return c.invalid(e.Field, "%s", e.Message)
		case faceproof.CodeForbidden:
			if e.Field == "check_alive_type" { // the policy has changed since the verification was created
				return c.notOffered()
			}
			return c.accessDenied()
		case faceproof.CodeRateLimited:
			f := &sdkFailure{Status: http.StatusTooManyRequests, Code: e.Code, Field: e.Field, Message: e.Message, ErrCode: clientTooFast}
			switch e.Field {
			case "subject":
				f.ErrCode = clientLimit
			case "app":
				f.ErrCode = codeDailyQuota
			}
			return f
		case faceproof.CodeUnavailable:
			switch e.Field {
			case "check_alive_type":
				return c.notOffered()
			case "busy": // no failure of ours, and not worth a line in the log for each
				return &sdkFailure{Status: http.StatusServiceUnavailable, Code: e.Code, Field: e.Field, Message: e.Message, ErrCode: codeSystem,
					Says: "system busy", Retry: int(verify.RetryAfter / time.Second)}
			}
			system.Status, system.Code, system.Message = http.StatusServiceUnavailable, e.Code, "try again later"
		}
	}
	a.cfg.Log.ErrorContext(c.ctx, "sdk interface failed", "route", c.r.Pattern, "api", c.api, "error", faceproof.LogText(err))
	return system
}

// numeralText is a number that may come as a number or as a string: samples of
// wx.config do both, and the signature is over its digits.
type numeralText string

// UnmarshalJSON accepts up to 20 digits.
func (n *numeralText) UnmarshalJSON(data []byte) error {
	s := strings.Trim(string(data), `"`)
	if len(s) == 0 || len(s) > 20 || strings.Trim(s, "0123456789") != "" {
		return &json.UnmarshalTypeError{Field: "timestamp", Value: "other"}
	}
	*n = numeralText(s)
	return nil
}

// aliveNumber is a checkAliveType; pages inside WeChat send it as a string too.
type aliveNumber int

// UnmarshalJSON accepts one digit, bare or quoted.
func (n *aliveNumber) UnmarshalJSON(data []byte) error {
	s := strings.Trim(string(data), `"`)
	if len(s) != 1 || s[0] < '0' || s[0] > '9' {
		return &json.UnmarshalTypeError{Field: "check_alive_type", Value: "other"}
	}
	*n = aliveNumber(s[0] - '0')
	return nil
}

// jsonField names the member that a decoder stumbled over, in the page's
// spelling. It never repeats what the client sent as a name.
func jsonField(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) && t.Field != "" {
		field := t.Field[strings.LastIndexByte(t.Field, '.')+1:]
		if f, ok := pageSpelling[field]; ok {
			return f
		}
		return field // a field of our own struct
	}
	return "body"
}

// pageSpelling maps the members of our bodies to what the page's code says.
var pageSpelling = map[string]string{
	"id_card_number": "idCardNumber", "user_id_key": "userIdKey",
	"check_alive_type": "checkAliveType", "verify_id": "verifyId",
}
