package server

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"slices"

	"faceproof"
	gate "faceproof/internal/admin"
)

// maxAnswer bounds what a browser says of a passkey.
const maxAnswer = 32 << 10

// The actions that need two people.
const (
	actionReading = "app.reading"
	actionSwitch  = "app.switch"
	actionInvite  = "admin.invite"
)

// The bodies of those actions.
type (
	switchBody struct {
		Permissions []faceproof.Permission `json:"permissions"`
	}
	inviteBody struct {
		Name  string            `json:"name"`
		Roles []faceproof.Role  `json:"roles"`
		Apps  []faceproof.AppID `json:"apps"`
	}
)

// keepsImages says whether a permission lets a business see faces.
func keepsImages(p faceproof.Permission) bool {
	return slices.Contains([]faceproof.Permission{faceproof.PermGetImage, faceproof.PermGetVideo, faceproof.PermStartVideo, faceproof.PermRequestVideo}, p)
}

//go:embed adminpage
var adminPage embed.FS

// page serves the admin page: small, and part of the binary, so that it is there
// without the browser SDK's build.
func page() (http.Handler, error) {
	files, err := fs.Sub(adminPage, "adminpage")
	if err != nil {
		return nil, err
	}
	all, err := newAssets(files)
	if err != nil {
		return nil, err
	}
	pages := all.pages("admin")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pages.ServeHTTP(policyOf{w, noFeatures + ", publickey-credentials-get=(self), publickey-credentials-create=(self)"}, r)
	}), nil
}

// policyOf gives a page another Permissions-Policy than those with a camera.
type policyOf struct {
	http.ResponseWriter
	policy string
}

func (w policyOf) WriteHeader(status int) {
	w.Header().Set("Permissions-Policy", w.policy)
	w.ResponseWriter.WriteHeader(status)
}

// doors are the routes for whoever has no log-in yet.
func (a *admin) doors() []route {
	page, err := page()
	if err != nil {
		panic("server: the admin page is part of the binary: " + err.Error())
	}
	door := func(pattern string, do func(http.ResponseWriter, *http.Request) (any, error)) route {
		return route{pattern, a.s.limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ip := a.s.clientIP(r)
			if !a.guesses.mayTry(ip, "") {
				writeError(w, a.s.denied(r.Context(), "", r.Pattern, tooMany()))
				return
			}
			answer, err := do(w, r)
			switch faceproof.ErrorCode(err) {
			case "":
				writeJSON(w, http.StatusOK, answer)
				return
			case faceproof.CodeUnauthenticated:
				a.guesses.wrong(ip)
			case faceproof.CodeInternal:
				a.s.cfg.Log.ErrorContext(r.Context(), "admin failed", "route", r.Pattern, "error", faceproof.LogText(err))
			}
			writeError(w, a.s.denied(r.Context(), "", r.Pattern, err))
		}))}
	}
	return []route{
		{"GET /admin/", page},
		door("POST /v1/admin/enrol/begin", a.enrolBegin), door("POST /v1/admin/enrol/finish", a.enrolFinish),
		door("POST /v1/admin/login/begin", a.loginBegin), door("POST /v1/admin/login/finish", a.loginFinish),
		door("GET /v1/admin/login", a.methods), door("POST /v1/admin/oidc/begin", a.oidcBegin),
		{"GET " + OIDCCallback, a.s.limited(http.HandlerFunc(a.oidcCallback))},
	}
}

// ceremonyJSON is what a browser is given, and gives back with its answer.
type ceremonyJSON struct {
	Ceremony string          `json:"ceremony"`
	Options  json.RawMessage `json:"options,omitempty"`
}

type finishJSON struct {
	Ceremony   string          `json:"ceremony"`
	Credential json.RawMessage `json:"credential"`
}

func (a *admin) enrolBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	var q struct {
		Invite string `json:"invite"`
	}
	if err := readStrict(w, r, maxAnswer, &q); err != nil {
		return nil, err
	}
	options, ceremony, err := a.cfg.Gate.BeginEnrol(r.Context(), q.Invite)
	return ceremonyJSON{ceremony, options}, err
}

func (a *admin) enrolFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	var q finishJSON
	if err := readStrict(w, r, maxAnswer, &q); err != nil {
		return nil, err
	}
	found, token, err := a.cfg.Gate.FinishEnrol(r.Context(), q.Ceremony, q.Credential)
	return a.welcome(w, found, token, err)
}

func (a *admin) loginBegin(w http.ResponseWriter, r *http.Request) (any, error) {
	var none struct{}
	if err := readStrict(w, r, maxAnswer, &none); err != nil {
		return nil, err
	}
	options, ceremony, err := a.cfg.Gate.BeginLogin()
	return ceremonyJSON{ceremony, options}, err
}

func (a *admin) loginFinish(w http.ResponseWriter, r *http.Request) (any, error) {
	var q finishJSON
	if err := readStrict(w, r, maxAnswer, &q); err != nil {
		return nil, err
	}
	found, token, err := a.cfg.Gate.FinishLogin(r.Context(), q.Ceremony, q.Credential)
	if err == nil {
		a.endOld(r)
	}
	return a.welcome(w, found, token, err)
}

// welcome sets the cookie of a new session.
func (a *admin) welcome(w http.ResponseWriter, found faceproof.Admin, token faceproof.Token, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	a.guesses.good(token.Reveal())
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token.Reveal(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int(gate.Longest.Seconds())})
	return adminJSON(found), nil
}

// adminAnswer is an admin as other admins see him.
type adminAnswer struct {
	ID        string            `json:"id"`
	Name      string            `json:"name"`
	Roles     []faceproof.Role  `json:"roles"`
	Apps      []faceproof.AppID `json:"apps"` // empty: all
	Disabled  bool              `json:"disabled"`
	CreatedAt int64             `json:"created_at"`       // unix milliseconds
	Issuer    string            `json:"issuer,omitempty"` // of the identity provider; none: a passkey
}

func adminJSON(a faceproof.Admin) adminAnswer {
	out := adminAnswer{ID: a.ID, Name: a.Name, Roles: append([]faceproof.Role{}, a.Provided.May(a.Roles)...), Apps: append([]faceproof.AppID{}, a.Apps...), Disabled: a.Disabled, CreatedAt: a.CreatedAt}
	if a.Provided != nil {
		out.Issuer = a.Provided.Issuer
	}
	return out
}

func (a *admin) session(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	return http.StatusOK, adminJSON(caller(r).Admin), nil
}

func (a *admin) logout(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var none struct{}
	if err := readStrict(w, r, maxForm, &none); err != nil {
		return 0, nil, err
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: -1})
	return http.StatusOK, struct{}{}, a.cfg.Gate.LogOut(r.Context(), caller(r).token, caller(r).Admin)
}

func (a *admin) admins(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	list, err := a.cfg.Gate.Admins(r.Context())
	out := make([]adminAnswer, len(list))
	for i, x := range list {
		out[i] = adminJSON(x)
	}
	return http.StatusOK, map[string]any{"admins": out}, err
}

func (a *admin) disable(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var none struct{}
	if err := readStrict(w, r, maxForm, &none); err != nil {
		return 0, nil, err
	}
	return http.StatusOK, struct{}{}, a.cfg.Gate.Disable(r.Context(), r.PathValue("admin"), caller(r).Admin)
}

// invite asks for another admin. One person could be two by it, so a second one
// must agree; the first two are invited on the server's own command line.
func (a *admin) invite(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		inviteBody
		Reason string `json:"reason"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if err := gate.CheckInvite(q.Name, q.Roles, q.Apps); err != nil {
		return 0, nil, err
	}
	return a.propose(r, actionInvite, q.Reason, q.inviteBody)
}

// reading asks for another policy of an app: what a pass must be worth.
func (a *admin) reading(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Reading faceproof.Reading `json:"reading"`
		Reason  string            `json:"reason"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if err := q.Reading.Check(); err != nil {
		return 0, nil, err
	}
	return a.propose(r, actionReading, q.Reason, q.Reading)
}

// propose answers 202: nothing is done until another person agrees.
func (a *admin) propose(r *http.Request, action, reason string, body any) (int, any, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	if a.cfg.Gate == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeForbidden, "", "this needs two people who log in")
	}
	app := faceproof.AppID(r.PathValue("app"))
	if app != "" && !app.Valid() {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "app_id", "must be wx and 16 hex digits")
	}
	p, err := a.cfg.Gate.Propose(r.Context(), caller(r).Admin, action, app, b, reason)
	return http.StatusAccepted, p, err
}

func (a *admin) proposals(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	list, err := a.cfg.Gate.Proposals(r.Context())
	list = slices.DeleteFunc(list, func(p faceproof.Proposal) bool { return !caller(r).may(p.AppID) })
	return http.StatusOK, map[string]any{"proposals": append([]faceproof.Proposal{}, list...)}, err
}

// decide lets a second person agree or refuse.
func (a *admin) decide(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Agree *bool `json:"agree"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if q.Agree == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "agree", "must be true or false")
	}
	by := caller(r)
	p, err := a.cfg.Gate.Proposal(r.Context(), r.PathValue("proposal"))
	if err != nil {
		return 0, nil, err
	}
	if !by.may(p.AppID) {
		return 0, nil, faceproof.Errorf(faceproof.CodeForbidden, "", "this log-in may not do that")
	}
	if *q.Agree {
		if err := mayAgree(by, p); err != nil {
			return 0, nil, err
		}
	}
	var invite faceproof.Token
	p, err = a.cfg.Gate.Decide(r.Context(), p.ID, by.Admin, *q.Agree, func(ctx context.Context, p faceproof.Proposal) (err error) {
		invite, err = a.do(ctx, p, by)
		return err
	})
	answer := struct {
		faceproof.Proposal
		Invite string `json:"invite,omitempty"` // shown this once
	}{p, invite.Reveal()}
	return http.StatusOK, answer, err
}

// do does what two people have agreed to.
func (a *admin) do(ctx context.Context, p faceproof.Proposal, by who) (invite faceproof.Token, err error) {
	actor := by.actor()
	switch p.Action {
	case actionReading:
		var to faceproof.Reading
		if err = json.Unmarshal(p.Body, &to); err == nil {
			_, err = a.cfg.Desk.SetReading(ctx, p.AppID, to, actor)
		}
	case actionSwitch:
		var to switchBody
		if err = json.Unmarshal(p.Body, &to); err == nil {
			_, err = a.cfg.Desk.Switch(ctx, p.AppID, to.Permissions, true, actor)
		}
	case actionInvite:
		var to inviteBody
		if err = json.Unmarshal(p.Body, &to); err == nil {
			invite, err = a.cfg.Gate.Invite(ctx, to.Name, to.Roles, to.Apps, actor)
		}
	case actionRecover:
		var to recoverBody
		if err = json.Unmarshal(p.Body, &to); err == nil {
			invite, err = a.cfg.Gate.Recover(ctx, to.Admin, by.Admin)
		}
	case faceproof.ActionImport: // done by the command line, beside the pictures
	default:
		err = faceproof.Errorf(faceproof.CodeInternal, "", "an action that nobody knows")
	}
	return invite, err
}
