package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"faceproof"
	gate "faceproof/internal/admin"
	"faceproof/internal/onboarding"
)

// Admin is the operator's API, /v1/admin/: applications, reviews, switches, and
// the people who may use it.
type Admin struct {
	// TokenHash is the SHA-256 of the machine's bearer token, for scripts beside
	// the server; accesses says what it opens. Nil: there is none.
	TokenHash []byte
	Desk      *onboarding.Desk // needed
	Gate      *gate.Gate       // log-ins; nil: none
	Webhooks  Webhooks         // nil: those routes answer 404
	Audit     AuditLog         // nil: that route answers 404
}

// adminActor is who the audit log names: alone the machine's token, with a
// colon and an id a person.
const adminActor = "admin"

// maxForm bounds an application's JSON; its longest texts are under 32 KiB.
const maxForm = 64 << 10

type admin struct {
	s       *Server
	cfg     Admin
	guesses *guesses
}

func newAdmin(s *Server, cfg *Admin) (*admin, error) {
	if cfg.TokenHash != nil && len(cfg.TokenHash) != sha256.Size || cfg.Desk == nil {
		return nil, errors.New("server: the admin API needs Desk, and a TokenHash is a SHA-256")
	}
	return &admin{s, *cfg, newGuesses(s.cfg.Now)}, nil
}

func (a *admin) routes() []route {
	row := func(pattern string, do func(http.ResponseWriter, *http.Request) (int, any, error)) route {
		return route{pattern, a.s.limited(a.guard(accesses[pattern], do))}
	}
	const applications, one = "/v1/admin/applications", "/v1/admin/applications/{id}"
	table := []route{
		row("GET /v1/admin/categories", a.categories),
		row("GET "+applications, a.list),
		row("POST "+applications, a.draft),
		row("GET "+one, a.show),
		row("PUT "+one, a.revise),
		row("POST "+one+"/licences/{kind}", a.attach),
		row("GET "+one+"/licences/{licence}", a.licence),
		row("POST "+one+"/submit", a.submit),
		row("POST "+one+"/review", a.review),
		row("POST /v1/admin/apps/{app}/switch", a.switchApp),
		row("POST /v1/admin/apps/{app}/quota", a.quota),
		row("POST /v1/admin/apps/{app}/origins", a.origins),
		row("POST /v1/admin/apps/{app}/secret", a.secret),
	}
	if a.cfg.Webhooks != nil {
		table = append(table, row("GET /v1/admin/webhooks", a.webhooks), row("POST /v1/admin/webhooks/{event}/replay", a.replay),
			row("POST /v1/admin/apps/{app}/webhook", a.setWebhook))
	}
	if a.cfg.Audit != nil {
		table = append(table, row("GET /v1/admin/audit", a.audit))
	}
	if a.cfg.Gate != nil {
		table = append(table, a.doors()...)
		table = append(table, row("GET /v1/admin/session", a.session), row("POST /v1/admin/logout", a.logout),
			row("GET /v1/admin/admins", a.admins), row("POST /v1/admin/admins/{admin}/disable", a.disable), row("POST /v1/admin/admins/{admin}/recover", a.recoverAdmin), row("POST /v1/admin/invites", a.invite), row("POST /v1/admin/imports", a.proposeImport),
			row("GET /v1/admin/proposals", a.proposals), row("POST /v1/admin/proposals/{proposal}/decide", a.decide),
			row("POST /v1/admin/apps/{app}/reading", a.reading))
	}
	return table
}

// guard asks who it is, and whether he may, before anything of the request is
// read. There is one answer to no credential and to a wrong one.
func (a *admin) guard(x access, do func(http.ResponseWriter, *http.Request) (int, any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := a.identify(r)
		if faceproof.ErrorCode(err) == faceproof.CodeUnauthenticated {
			w.Header().Set("WWW-Authenticate", `Bearer realm="faceproof admin"`)
		}
		if err == nil && !x.allowed(found, r) {
			err = faceproof.Errorf(faceproof.CodeForbidden, "", "this log-in may not do that")
		}
		if err == nil && x.fresh && !found.machine && !found.Fresh(a.s.cfg.Now().UnixMilli()) {
			err = stepUp()
		}
		actor := "" // who has not shown who they are is anyone
		if faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated && (found.machine || found.ID != "") {
			actor = found.actor()
		}
		if err != nil {
			writeError(w, a.s.denied(r.Context(), actor, r.Pattern, err))
			return
		}
		r = with(r, found)
		status, answer, err := do(w, r)
		if err != nil {
			if faceproof.ErrorCode(err) == faceproof.CodeInternal {
				a.s.cfg.Log.ErrorContext(r.Context(), "admin failed", "route", r.Pattern, "error", faceproof.LogText(err))
			}
			writeError(w, a.s.denied(r.Context(), actor, r.Pattern, err))
			return
		}
		if status != 0 { // else the handler has answered
			writeJSON(w, status, answer)
		}
	})
}

func (a *admin) categories(http.ResponseWriter, *http.Request) (int, any, error) {
	return http.StatusOK, map[string]any{"categories": faceproof.Categories()}, nil
}

func (a *admin) list(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	list, err := a.cfg.Desk.Applications(r.Context(), faceproof.ApplicationState(r.URL.Query().Get("state")))
	out := make([]onboarding.ApplicationJSON, len(list))
	for i, x := range list {
		out[i] = onboarding.Answer(x)
	}
	return http.StatusOK, map[string]any{"applications": out}, err
}

func (a *admin) show(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	x, err := a.cfg.Desk.Application(r.Context(), r.PathValue("id"))
	return http.StatusOK, onboarding.Answer(x), err
}

func readForm(w http.ResponseWriter, r *http.Request) (faceproof.Application, error) {
	var form onboarding.FormJSON
	if err := readStrict(w, r, maxForm, &form); err != nil {
		return faceproof.Application{}, err
	}
	return form.Application()
}

func (a *admin) draft(w http.ResponseWriter, r *http.Request) (int, any, error) {
	form, err := readForm(w, r)
	if err != nil {
		return 0, nil, err
	}
	x, err := a.cfg.Desk.Draft(r.Context(), form, caller(r).actor())
	return http.StatusCreated, onboarding.Answer(x), err
}

func (a *admin) revise(w http.ResponseWriter, r *http.Request) (int, any, error) {
	form, err := readForm(w, r)
	if err != nil {
		return 0, nil, err
	}
	x, err := a.cfg.Desk.Revise(r.Context(), r.PathValue("id"), form, caller(r).actor())
	return http.StatusOK, onboarding.Answer(x), err
}

// attach takes one licence file as the whole body.
func (a *admin) attach(w http.ResponseWriter, r *http.Request) (int, any, error) {
	data, err := readBytes(w, r, faceproof.MaxLicenceBytes)
	if err != nil {
		return 0, nil, err
	}
	x, err := a.cfg.Desk.Attach(r.Context(), r.PathValue("id"), faceproof.LicenceKind(r.PathValue("kind")), data, caller(r).actor())
	return http.StatusCreated, onboarding.Answer(x), err
}

// licence gives a licence file to be saved: the bytes are the applicant's, so
// no browser may show them as a page of ours.
func (a *admin) licence(w http.ResponseWriter, r *http.Request) (int, any, error) {
	l, data, err := a.cfg.Desk.Licence(r.Context(), r.PathValue("id"), r.PathValue("licence"), caller(r).actor())
	if err != nil {
		return 0, nil, err
	}
	h := w.Header()
	h.Set("Content-Type", l.Type)
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", string(l.Kind)+"."+l.Type[strings.IndexByte(l.Type, '/')+1:]))
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(data)
	return 0, nil, nil
}

func (a *admin) submit(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var none struct{}
	if err := readStrict(w, r, maxForm, &none); err != nil {
		return 0, nil, err
	}
	x, err := a.cfg.Desk.Submit(r.Context(), r.PathValue("id"), caller(r).actor())
	return http.StatusOK, onboarding.Answer(x), err
}

func (a *admin) review(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Decision string `json:"decision"` // approve, reject
		Reason   string `json:"reason"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	switch {
	case q.Decision == "reject":
		x, err := a.cfg.Desk.Reject(r.Context(), r.PathValue("id"), q.Reason, caller(r).actor())
		return http.StatusOK, onboarding.Answer(x), err
	case q.Decision != "approve":
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "decision", "must be approve or reject")
	case q.Reason != "":
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "reason", "comes with a rejection only")
	}
	x, secret, err := a.cfg.Desk.Approve(r.Context(), r.PathValue("id"), caller(r).actor())
	answer := onboarding.Answer(x)
	answer.AppSecret = secret.Reveal()
	return http.StatusOK, answer, err
}

func (a *admin) switchApp(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Permissions []faceproof.Permission `json:"permissions"`
		On          *bool                  `json:"on"`
		Reason      string                 `json:"reason"` // where a second person is needed
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if q.On == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "on", "must be true or false")
	}
	if err := onboarding.CheckSwitch(q.Permissions); err != nil {
		return 0, nil, err
	}
	if *q.On && slices.ContainsFunc(q.Permissions, keepsImages) && !caller(r).machine {
		return a.propose(r, actionSwitch, q.Reason, switchBody{q.Permissions})
	}
	app, err := a.cfg.Desk.Switch(r.Context(), faceproof.AppID(r.PathValue("app")), q.Permissions, *q.On, caller(r).actor())
	return http.StatusOK, map[string]any{"app_id": app.ID, "permissions": append([]faceproof.Permission{}, app.Permissions...)}, err
}

func (a *admin) quota(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		DailyCalls *int `json:"daily_calls"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if q.DailyCalls == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "daily_calls", "must be a number")
	}
	app, err := a.cfg.Desk.SetDailyCalls(r.Context(), faceproof.AppID(r.PathValue("app")), *q.DailyCalls, caller(r).actor())
	return http.StatusOK, map[string]any{"app_id": app.ID, "daily_calls": app.DailyCalls}, err
}

func (a *admin) origins(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Origins []string `json:"origins"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if q.Origins == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "origins", "must be a list")
	}
	app, err := a.cfg.Desk.SetOrigins(r.Context(), faceproof.AppID(r.PathValue("app")), q.Origins, caller(r).actor())
	return http.StatusOK, map[string]any{"app_id": app.ID, "origins": append([]string{}, app.Origins...)}, err
}

func (a *admin) secret(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		RevokeTokens bool `json:"revoke_tokens"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	id := faceproof.AppID(r.PathValue("app"))
	secret, err := a.cfg.Desk.ReplaceSecret(r.Context(), id, q.RevokeTokens, caller(r).actor())
	return http.StatusOK, map[string]any{"app_id": id, "app_secret": secret.Reveal()}, err
}

func readBytes(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "body", "is over %d bytes", limit)
	case err != nil:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "body", "did not arrive whole")
	}
	return data, nil
}

// readStrict reads one JSON object in UTF-8 with known members, each once and
// spelled as documented.
func readStrict(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	data, err := readBytes(w, r, limit)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return faceproof.Errorf(faceproof.CodeInvalid, "body", "must be UTF-8")
	}
	if err := oneObject(data); err != nil {
		return faceproof.Errorf(faceproof.CodeInvalid, "body", "must be one JSON object whose members are there once, in lower case")
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return readJSON(w, r, limit, into)
}

// oneObject refuses what encoding/json lets pass: null, members twice, and
// members in another case.
func oneObject(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("no object")
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		key, ok := t.(string)
		if err != nil || !ok || seen[key] || key != strings.ToLower(key) {
			return errors.New("a bad member")
		}
		seen[key] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}
