package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"faceproof"
)

// SetWebhook says where an app is told of events; an empty URL ends it, and
// what still waits is forgotten. Errors: CodeNotFound.
func (s *Store) SetWebhook(ctx context.Context, w faceproof.Webhook, actor string) error {
	detail := "set"
	if w.URL == "" {
		detail = "removed"
	}
	return s.change(ctx, s.entry(actor, "app.webhook", string(w.AppID), detail), func(tx *sql.Tx) error {
		var id string
		err := tx.QueryRowContext(ctx, `SELECT id FROM apps WHERE id = $1`, string(w.AppID)).Scan(&id)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return notFound("app")
		case err != nil:
			return err
		case w.URL != "":
			_, err = tx.ExecContext(ctx, `INSERT INTO webhooks (app_id, url, nonce, changed_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (app_id) DO UPDATE SET url = $2, nonce = $3, changed_at = $4`, string(w.AppID), w.URL, w.Nonce, w.ChangedAt)
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM webhooks WHERE app_id = $1`, string(w.AppID)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM webhook_events WHERE app_id = $1 AND state = 'waiting'`, string(w.AppID))
		return err
	})
}

// Webhook gives an app's. Errors: CodeNotFound.
func (s *Store) Webhook(ctx context.Context, id faceproof.AppID) (w faceproof.Webhook, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT w.app_id, w.url, w.nonce, w.changed_at FROM webhooks w JOIN apps a ON a.id = w.app_id
		WHERE w.app_id = $1 AND NOT a.revoked`, string(id)).Scan(&w.AppID, &w.URL, &w.Nonce, &w.ChangedAt)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("webhook")
	}
	return w, fail(err)
}

// addEvent puts an event of a verification into the outbox, in the transaction
// of what it tells. An app without a webhook has none, nor has a verification
// that nobody began.
func addEvent(ctx context.Context, tx *sql.Tx, verification, kind string, at int64) error {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	_, err := tx.ExecContext(ctx, `INSERT INTO webhook_events (id, app_id, verification_id, out_seq_no, kind, state, created_at, due_at)
		SELECT $1, v.app_id, v.id, v.out_seq_no, $2, 'waiting', $3, $3 FROM verifications v JOIN webhooks w ON w.app_id = v.app_id WHERE v.id = $4 AND v.started_at > 0`,
		"evt_"+hex.EncodeToString(b[:]), kind, at, verification)
	return err
}

const eventColumns = `id, app_id, verification_id, out_seq_no, kind, state, tries, status, created_at, due_at, done_at`

// ClaimWebhooks takes up to limit events that are due, oldest first, for as long
// as the lease: another process, or this one after a crash, takes them after.
// The try is counted when it is taken.
func (s *Store) ClaimWebhooks(ctx context.Context, at int64, lease time.Duration, limit int) (out []faceproof.WebhookEvent, err error) {
	var due bool
	// Nothing is due mostly, and a look costs no write.
	err = s.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM webhook_events WHERE state = 'waiting' AND due_at <= $1)`, at).Scan(&due)
	if err != nil || !due {
		return nil, fail(err)
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `UPDATE webhook_events SET due_at = $2, tries = tries + 1 WHERE id IN
			(SELECT id FROM webhook_events WHERE state = 'waiting' AND due_at <= $1 ORDER BY due_at LIMIT $3) RETURNING `+eventColumns,
			at, at+lease.Milliseconds(), limit)
		if err != nil {
			return err
		}
		out, err = scanEvents(rows)
		return err
	})
	return out, err
}

// WebhookTried records how a try ended: the HTTP status (0: no answer), and when
// the next one is due; 0 gives up, unless the status is one of success. A row
// that was replayed or taken by another meanwhile is left alone: tries says which.
func (s *Store) WebhookTried(ctx context.Context, e faceproof.WebhookEvent, status int, next, at int64) error {
	state, done := faceproof.WebhookWaiting, int64(0)
	switch {
	case status >= 200 && status < 300:
		state, done = faceproof.WebhookDelivered, at
	case next == 0:
		state, done = faceproof.WebhookFailed, at
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE webhook_events SET state = $3, status = $4, due_at = $5, done_at = $6 WHERE id = $1 AND tries = $2 AND state = 'waiting'`,
			e.ID, e.Tries, string(state), status, next, done)
		if err != nil || state != faceproof.WebhookFailed {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return addAudit(ctx, tx, s.entry("webhook", "webhook.failed", e.ID, ""))
	})
}

// ReplayWebhook sends an event again, with the same id, whatever became of it.
// Errors: CodeNotFound; CodeConflict when the app has no webhook any more.
func (s *Store) ReplayWebhook(ctx context.Context, id string, at int64, actor string) (e faceproof.WebhookEvent, err error) {
	err = s.change(ctx, s.entry(actor, "webhook.replay", id, ""), func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `UPDATE webhook_events SET state = 'waiting', due_at = $2, done_at = 0, tries = 0
			WHERE id = $1 RETURNING `+eventColumns, id, at)
		if err != nil {
			return err
		}
		list, err := scanEvents(rows)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return notFound("event")
		}
		e = list[0]
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM webhooks WHERE app_id = $1`, string(e.AppID)).Scan(&n); err != nil || n == 1 {
			return err
		}
		return faceproof.Errorf(faceproof.CodeConflict, "webhook", "the app has none any more")
	})
	return e, err
}

// WebhookEvent finds one. Errors: CodeNotFound.
func (s *Store) WebhookEvent(ctx context.Context, id string) (faceproof.WebhookEvent, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+eventColumns+` FROM webhook_events WHERE id = $1`, id)
	if err != nil {
		return faceproof.WebhookEvent{}, fail(err)
	}
	list, err := scanEvents(rows)
	if err == nil && len(list) == 0 {
		err = notFound("event")
	}
	if err != nil {
		return faceproof.WebhookEvent{}, fail(err)
	}
	return list[0], nil
}

// WebhookEvents lists up to limit events, newest first; an empty app or state
// means all.
func (s *Store) WebhookEvents(ctx context.Context, app faceproof.AppID, state faceproof.WebhookState, limit int) ([]faceproof.WebhookEvent, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+eventColumns+` FROM webhook_events WHERE ($1 = '' OR app_id = $1) AND ($2 = '' OR state = $2)
		ORDER BY created_at DESC, id LIMIT $3`, string(app), string(state), limit)
	if err != nil {
		return nil, fail(err)
	}
	out, err := scanEvents(rows)
	return out, fail(err)
}

func scanEvents(rows *sql.Rows) (out []faceproof.WebhookEvent, err error) {
	defer rows.Close()
	for rows.Next() {
		var e faceproof.WebhookEvent
		if err := rows.Scan(&e.ID, &e.AppID, &e.VerificationID, &e.OutSeqNo, &e.Kind, &e.State, &e.Tries, &e.Status, &e.CreatedAt, &e.DueAt, &e.DoneAt); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
