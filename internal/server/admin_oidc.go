package server

import (
	"net/http"
	"net/url"

	"faceproof"
	"faceproof/internal/oidc"
)

// attemptCookie binds a log-in by the identity provider to the browser that began
// it, sealed and for a few minutes. Lax, since the way back is a navigation that
// another site begins; that site can neither read nor choose it.
const attemptCookie = "__Host-faceproof-oidc"

// OIDCCallback is the path that the identity provider sends browsers back to.
const OIDCCallback = "/v1/admin/oidc/callback"

// attemptSeconds is how long the cookie lives; what is sealed in it ends then too.
const attemptSeconds = 300

// maxCode bounds what a provider sends back through a browser, bytes a parameter.
const maxCode = 4 << 10

// methods tells the page which buttons to show.
func (a *admin) methods(http.ResponseWriter, *http.Request) (any, error) {
	passkeys, provider := a.cfg.Gate.Methods()
	return map[string]bool{"passkeys": passkeys, "oidc": provider}, nil
}

func (a *admin) oidcBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	var q struct {
		Invite string `json:"invite"` // none: of somebody who is an admin
	}
	if err := readStrict(w, r, maxAnswer, &q); err != nil {
		return nil, err
	}
	address, sealed, err := a.cfg.Gate.BeginProvided(r.Context(), q.Invite)
	if err != nil {
		a.outOfOrder(r, err)
		return nil, err
	}
	setAttempt(w, sealed, attemptSeconds)
	return map[string]string{"address": address}, nil
}

func setAttempt(w http.ResponseWriter, sealed string, seconds int) {
	http.SetCookie(w, &http.Cookie{Name: attemptCookie, Value: sealed, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: seconds})
}

// outOfOrder tells the operator why nobody can log in by the provider.
func (a *admin) outOfOrder(r *http.Request, err error) {
	if faceproof.ErrorCode(err) == faceproof.CodeUnavailable {
		a.s.cfg.Log.WarnContext(r.Context(), "log-in by the identity provider", "error", faceproof.LogText(err))
	}
}

// oidcCallback is where a browser comes back. It is shown no answer of its own: it
// goes on to the page, which says how it went by a word of the closed set.
func (a *admin) oidcCallback(w http.ResponseWriter, r *http.Request) {
	found, token, err := a.oidcFinish(r)
	setAttempt(w, "", -1)
	w.Header().Set("Cache-Control", "no-store")
	if err == nil {
		_, err = a.welcome(w, found, token, nil)
	}
	if err == nil {
		redirect(w, "/admin/")
		return
	}
	switch faceproof.ErrorCode(err) {
	case faceproof.CodeUnauthenticated, faceproof.CodeForbidden, faceproof.CodeConflict:
		a.guesses.wrong(a.s.clientIP(r))
	case faceproof.CodeInternal:
		a.s.cfg.Log.ErrorContext(r.Context(), "admin failed", "route", r.Pattern, "error", faceproof.LogText(err))
	}
	a.outOfOrder(r, err)
	actor := ""
	if found.ID != "" {
		actor = adminActor + ":" + found.ID
	}
	err = a.s.denied(r.Context(), actor, r.Pattern, err)
	redirect(w, "/admin/#login="+string(faceproof.ErrorCode(err)))
}

func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// oidcFinish opens the session. An error may come with who was refused.
func (a *admin) oidcFinish(r *http.Request) (found faceproof.Admin, token faceproof.Token, err error) {
	if !a.guesses.mayTry(a.s.clientIP(r), "") {
		return found, token, tooMany()
	}
	cookie, err := r.Cookie(attemptCookie)
	if err != nil {
		return found, token, faceproof.Errorf(faceproof.CodeUnauthenticated, "ceremony", "this browser has begun no log-in")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return found, token, faceproof.Errorf(faceproof.CodeInvalid, "query", "cannot be read")
	}
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 || len(q.Get(name)) > maxCode {
			return found, token, faceproof.Errorf(faceproof.CodeInvalid, name, "must be there once, with %d bytes at most", maxCode)
		}
	}
	return a.cfg.Gate.FinishProvided(r.Context(), cookie.Value, oidc.Answer{State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Error: q.Get("error")})
}
