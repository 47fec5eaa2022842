package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"faceproof"
)

const (
	batch      = 200 // rows a transaction, so that no caller waits long for the writer
	maxBatches = 50  // of one kind a sweep; the rest waits for the next
	// portraitAgain is the time between the two orders to delete a portrait.
	portraitAgain = time.Hour
)

// Sweep ends verifications that are overdue, deletes what has expired and what
// an app's retention no longer allows, in small transactions with their audit
// rows. now is unix milliseconds.
//
// It gives the ids of verifications whose portrait must be deleted. An id is
// given twice, at least an hour apart, so that a crash or a failure between the
// sweep and the deletion leaves no portrait behind; deleting twice must be no
// error. From the first time on, HasPortrait is false. With an error, the ids
// given are still to be deleted.
func (s *Store) Sweep(ctx context.Context, now int64) ([]string, error) {
	// No step keeps a later one back: what is due goes although something else
	// cannot.
	failed := []error{repeat(ctx, now, s.endOverdue)}
	for _, d := range s.dated() {
		failed = append(failed, repeat(ctx, now, s.deleteDated(d)))
	}
	failed = append(failed, s.forget(ctx, now))
	due, err := s.portraits(ctx, now)
	failed = append(failed, err, s.emptyKeyLog(ctx), repeat(ctx, now, s.pruneAudit))
	return due, errors.Join(failed...)
}

// repeat runs a step until a batch is not full.
func repeat(ctx context.Context, now int64, step func(context.Context, int64) (int, error)) error {
	for range maxBatches {
		if n, err := step(ctx, now); err != nil || n < batch {
			return err
		}
	}
	return nil
}

// endOverdue ends what was not started in time and what was left in the middle.
func (s *Store) endOverdue(ctx context.Context, now int64) (int, error) {
	n := 0
	err := s.write(ctx, func(tx *sql.Tx) error {
		late, err := ids(ctx, tx, `UPDATE verifications SET state = 'ended', end_reason = $2, finished_at = $1 WHERE id IN
			(SELECT id FROM verifications WHERE state = 'created' AND expires_at <= $1 LIMIT $3) RETURNING id`,
			now, string(faceproof.ReasonTimeout), batch)
		if err != nil {
			return err
		}
		left, err := ids(ctx, tx, `UPDATE verifications SET state = 'ended', end_reason = $2, finished_at = $1 WHERE id IN
			(SELECT id FROM verifications WHERE state IN ('capturing', 'captured') AND started_at <= $4 LIMIT $3) RETURNING id`,
			now, string(faceproof.ReasonTimeout), batch, now-s.c.CaptureLimit.Milliseconds())
		if err != nil {
			return err
		}
		n = max(len(late), len(left))
		for _, id := range left {
			if err := addEvent(ctx, tx, id, faceproof.EventEnded, now); err != nil {
				return err
			}
		}
		for _, id := range append(late, left...) {
			if err := addAudit(ctx, tx, retention(now, "verification.end", id, string(faceproof.ReasonTimeout))); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// portraits marks what is due and gives it, and gives a second time what was
// marked an hour ago.
func (s *Store) portraits(ctx context.Context, now int64) ([]string, error) {
	var all []string
	step := func(audit, query string, args ...any) func(context.Context, int64) (int, error) {
		return func(ctx context.Context, now int64) (int, error) {
			var found []string
			err := s.write(ctx, func(tx *sql.Tx) (err error) {
				found, err = ids(ctx, tx, query, args...)
				for _, id := range found {
					if err == nil {
						err = addAudit(ctx, tx, retention(now, audit, id, ""))
					}
				}
				return err
			})
			if err == nil {
				all = append(all, found...)
			}
			return len(found), err
		}
	}
	err := repeat(ctx, now, step("portrait.delete", `UPDATE verifications SET portrait = 2, portrait_due = $1 WHERE id IN
		(SELECT id FROM verifications WHERE portrait = 1 AND finished_at <= $2 LIMIT $3) RETURNING id`, now, now-s.c.PortraitLimit.Milliseconds(), batch))
	if err != nil {
		return all, err
	}
	err = repeat(ctx, now, step("portrait.forget", `UPDATE verifications SET portrait = 0 WHERE id IN
		(SELECT id FROM verifications WHERE portrait = 2 AND portrait_due <= $1 LIMIT $2) RETURNING id`, now-portraitAgain.Milliseconds(), batch))
	return all, err
}

func retention(at int64, action, object, detail string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: at, Actor: "retention", Action: action, Object: object, Detail: detail}
}

// ids runs a statement that gives ids.
func ids(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]string, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}
