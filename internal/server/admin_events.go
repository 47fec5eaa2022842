package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"

	"faceproof"
)

// Webhooks is what the admin API asks of the outbox; *webhook.Desk is one.
type Webhooks interface {
	// Set says where an app is told of events and gives the new secret; "" ends it.
	Set(ctx context.Context, app faceproof.AppID, url, actor string) (faceproof.Webhook, faceproof.Token, error)
	List(ctx context.Context, app faceproof.AppID, state faceproof.WebhookState, limit int) ([]faceproof.WebhookEvent, error)
	Event(ctx context.Context, id string) (faceproof.WebhookEvent, error)
	Replay(ctx context.Context, id, actor string) (faceproof.WebhookEvent, error)
}

// AuditLog gives rows from a number on, and which number the first has: older
// ones may be pruned; *store.Store is one.
type AuditLog interface {
	AuditPage(ctx context.Context, from int64, limit int) (first int64, list []faceproof.AuditEntry, err error)
	Audit(ctx context.Context, e faceproof.AuditEntry) error
}

// maxList bounds the rows of one answer.
const maxList = 500

// EventJSON is an event of the outbox as an operator sees it.
type EventJSON struct {
	ID             string                 `json:"id"`
	AppID          faceproof.AppID        `json:"app_id"`
	VerificationID string                 `json:"verification_id"`
	Type           string                 `json:"type"`
	State          faceproof.WebhookState `json:"state"`
	Tries          int                    `json:"tries"`
	Status         int                    `json:"status"`     // HTTP status of the last try; 0: no answer
	CreatedAt      int64                  `json:"created_at"` // unix milliseconds
	DueAt          int64                  `json:"due_at,omitempty"`
	DoneAt         int64                  `json:"done_at,omitempty"`
}

// Event gives the JSON form of an event.
func Event(e faceproof.WebhookEvent) EventJSON {
	return EventJSON{e.ID, e.AppID, e.VerificationID, e.Kind, e.State, e.Tries, e.Status, e.CreatedAt, e.DueAt, e.DoneAt}
}

func (a *admin) webhooks(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	q := r.URL.Query()
	app, state := faceproof.AppID(q.Get("app")), faceproof.WebhookState(q.Get("state"))
	if app != "" && !app.Valid() {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "app", "must be wx and 16 hex digits")
	}
	if err := faceproof.CheckWebhookState(state, "state"); err != nil {
		return 0, nil, err
	}
	if app != "" && !caller(r).may(app) {
		return 0, nil, faceproof.Errorf(faceproof.CodeForbidden, "app", "this log-in may not do that")
	}
	of := []faceproof.AppID{app}
	if own := caller(r).Apps; app == "" && len(own) > 0 {
		of = slices.Compact(slices.Sorted(slices.Values(own))) // each by itself: the newest of all may be others'
	}
	out := []EventJSON{}
	for _, app := range of {
		list, err := a.cfg.Webhooks.List(r.Context(), app, state, maxList)
		if err != nil {
			return 0, nil, err
		}
		for _, e := range list {
			out = append(out, Event(e))
		}
	}
	slices.SortStableFunc(out, func(a, b EventJSON) int { return cmp.Compare(b.CreatedAt, a.CreatedAt) })
	return http.StatusOK, map[string]any{"events": out[:min(len(out), maxList)]}, nil
}

func (a *admin) replay(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var none struct{}
	if err := readStrict(w, r, maxForm, &none); err != nil {
		return 0, nil, err
	}
	e, err := a.cfg.Webhooks.Event(r.Context(), r.PathValue("event"))
	if err == nil && !caller(r).may(e.AppID) {
		err = faceproof.Errorf(faceproof.CodeForbidden, "", "this log-in may not do that")
	}
	if err != nil {
		return 0, nil, err
	}
	e, err = a.cfg.Webhooks.Replay(r.Context(), e.ID, caller(r).actor())
	return http.StatusAccepted, Event(e), err
}

func (a *admin) setWebhook(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		URL *string `json:"url"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if q.URL == nil {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "url", "must be an https URL, or empty for none")
	}
	hook, secret, err := a.cfg.Webhooks.Set(r.Context(), faceproof.AppID(r.PathValue("app")), *q.URL, caller(r).actor())
	answer := map[string]any{"app_id": hook.AppID, "url": hook.URL}
	if hook.URL != "" {
		answer["secret"] = secret.Reveal()
	}
	return http.StatusOK, answer, err
}

// audit gives rows of the audit log; the reading is one itself.
func (a *admin) audit(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if r.URL.Query().Get("from") == "" {
		from, err = 1, nil
	}
	if err != nil || from < 1 {
		return 0, nil, faceproof.Errorf(faceproof.CodeInvalid, "from", "must be the number of a row, 1 or more")
	}
	if err := a.cfg.Audit.Audit(r.Context(), faceproof.AuditEntry{At: a.s.cfg.Now().UnixMilli(), Actor: caller(r).actor(), Action: "audit.read"}); err != nil {
		return 0, nil, err
	}
	first, list, err := a.cfg.Audit.AuditPage(r.Context(), from, maxList)
	type row struct {
		Number int64  `json:"number"`
		At     int64  `json:"at"` // unix milliseconds
		Actor  string `json:"actor"`
		Action string `json:"action"`
		Object string `json:"object"`
		Detail string `json:"detail"`
	}
	rows := []row{}
	for i, e := range list {
		rows = append(rows, row{first + int64(i), e.At, e.Actor, e.Action, e.Object, e.Detail})
	}
	return http.StatusOK, map[string]any{"entries": rows}, err
}
