package webhook

import (
	"context"
	"errors"
	"regexp"
	"time"

	"faceproof"
	"faceproof/internal/egress"
	"faceproof/internal/keys"
)

// Outbox is what a Desk asks of the store; *store.Store is one.
type Outbox interface {
	SetWebhook(ctx context.Context, w faceproof.Webhook, actor string) error
	WebhookEvents(ctx context.Context, app faceproof.AppID, state faceproof.WebhookState, limit int) ([]faceproof.WebhookEvent, error)
	WebhookEvent(ctx context.Context, id string) (faceproof.WebhookEvent, error)
	ReplayWebhook(ctx context.Context, id string, at int64, actor string) (faceproof.WebhookEvent, error)
}

// Desk is where an operator sets webhooks and sends events again; the command
// line and the admin API share it.
type Desk struct {
	outbox Outbox
	keys   Keys
	now    func() time.Time
}

// NewDesk makes a Desk. A nil now is time.Now.
func NewDesk(o Outbox, k Keys, now func() time.Time) (*Desk, error) {
	if o == nil || k == nil {
		return nil, errors.New("webhook: an outbox and keys are needed")
	}
	if now == nil {
		now = time.Now
	}
	return &Desk{o, k, now}, nil
}

// Set says where an app is told of events. Each setting makes another secret,
// shown this once and valid from now on; an empty URL ends the messages. Errors:
// CodeInvalid, CodeNotFound.
func (d *Desk) Set(ctx context.Context, app faceproof.AppID, url, actor string) (faceproof.Webhook, faceproof.Token, error) {
	none := faceproof.Token{}
	if !app.Valid() {
		return faceproof.Webhook{}, none, faceproof.Errorf(faceproof.CodeInvalid, "app_id", "must be wx and 16 hex digits")
	}
	w := faceproof.Webhook{AppID: app, Nonce: keys.NewHex(nil, 16).Reveal(), ChangedAt: d.now().UnixMilli()}
	if url != "" {
		var err error
		if w.URL, err = egress.CheckURL(url, "url"); err != nil {
			return faceproof.Webhook{}, none, err
		}
	}
	if err := d.outbox.SetWebhook(ctx, w, actor); err != nil {
		return faceproof.Webhook{}, none, err
	}
	return w, Secret(d.keys, w), nil
}

// List gives up to limit events, newest first.
func (d *Desk) List(ctx context.Context, app faceproof.AppID, state faceproof.WebhookState, limit int) ([]faceproof.WebhookEvent, error) {
	if err := faceproof.CheckWebhookState(state, "state"); err != nil {
		return nil, err
	}
	return d.outbox.WebhookEvents(ctx, app, state, limit)
}

var eventForm = regexp.MustCompile(`^evt_[0-9a-f]{32}$`)

// Event finds one. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) Event(ctx context.Context, id string) (faceproof.WebhookEvent, error) {
	if !eventForm.MatchString(id) {
		return faceproof.WebhookEvent{}, faceproof.Errorf(faceproof.CodeInvalid, "event", "must be evt_ and 32 hex digits")
	}
	return d.outbox.WebhookEvent(ctx, id)
}

// Replay sends an event again with the same id. Errors: CodeInvalid,
// CodeNotFound, CodeConflict when its app has no webhook any more.
func (d *Desk) Replay(ctx context.Context, id, actor string) (faceproof.WebhookEvent, error) {
	if _, err := d.Event(ctx, id); err != nil {
		return faceproof.WebhookEvent{}, err
	}
	return d.outbox.ReplayWebhook(ctx, id, d.now().UnixMilli(), actor)
}
