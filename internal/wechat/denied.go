package wechat

import (
	"net/http"
	"strconv"
	"strings"

	"faceproof"
	"faceproof/internal/verify"
)

// withRecorded lets verify say which refusals have their audit row already.
func withRecorded(r *http.Request) (*http.Request, *bool) {
	ctx, recorded := verify.WithRecorded(r.Context())
	return r.WithContext(ctx), recorded
}

// deny records a refusal before it is answered: of which app, or of anyone; of
// what, by the end of its path; and the code. A failure of ours is no refusal.
// It gives the log's own failure, which is then the answer.
func (a *API) deny(r *http.Request, app faceproof.AppID, code string) error {
	if a.cfg.Denied == nil {
		return nil
	}
	e := faceproof.AuditEntry{At: a.cfg.Now().UnixMilli(), Actor: "anyone", Object: r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], Detail: code}
	if app != "" {
		e.Actor = "app:" + string(app)
	}
	return a.cfg.Denied(r.Context(), e, app != "")
}

// refused is deny for an interface of business servers.
func (a *API) refused(r *http.Request, app faceproof.AppID, f *failure, recorded bool) *failure {
	if f.Err != nil || f.Code == codeSystem || recorded {
		return f
	}
	if err := a.deny(r, app, strconv.Itoa(f.Code)); err != nil {
		return translate(err, "verify_result")
	}
	return f
}
