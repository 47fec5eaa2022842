package store

import (
	"context"
	"database/sql"
	"time"

	"faceproof"
)

const (
	batch      = 200 // rows a transaction, so that no caller waits long for the writer
	maxBatches = 50  // of one kind a sweep; the rest waits for the next
	// graceTokens lets an expired token be told from an unknown one for a day.
	graceTokens = 24 * time.Hour
)

// Sweep ends verifications that are overdue, deletes what has expired and what
// an app's retention no longer allows, in small transactions with their audit
// rows. now is unix milliseconds.
//
// It gives the ids of verifications whose portrait must be deleted. An id is
// given again by every sweep until PortraitDeleted is called for it, so that a
// crash between the two loses nothing. From the first time on, HasPortrait is
// false.
func (s *Store) Sweep(ctx context.Context, now int64) ([]string, error) {
	steps := []func(context.Context, int64) (int, error){s.endOverdue, s.deleteExpired("credentials", 0), s.deleteExpired("user_id_keys", graceTokens),
		s.deleteExpired("tokens", graceTokens)}
	for _, step := range steps {
		if err := repeat(ctx, now, step); err != nil {
			return nil, err
		}
	}
	if err := s.forget(ctx, now); err != nil {
		return nil, err
	}
	return s.portraits(ctx, now)
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
		for _, id := range append(late, left...) {
			if err := addAudit(ctx, tx, retention(now, "verification.end", id, string(faceproof.ReasonTimeout))); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// deleteExpired deletes rows of a table some time after their expiry. They are
// hashes that open nothing any more, so one audit row counts for a batch.
func (s *Store) deleteExpired(table string, grace time.Duration) func(context.Context, int64) (int, error) {
	return func(ctx context.Context, now int64) (int, error) {
		var n int64
		err := s.write(ctx, func(tx *sql.Tx) error {
			r, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE hash IN (SELECT hash FROM `+table+` WHERE expires_at <= $1 LIMIT $2)`,
				now-grace.Milliseconds(), batch)
			if err != nil {
				return err
			}
			if n, err = r.RowsAffected(); err != nil || n == 0 {
				return err
			}
			return addAudit(ctx, tx, retention(now, "expired.delete", table, ""))
		})
		return int(n), err
	}
}

// forget deletes finished verifications when their app's retention is over.
// One with a portrait waits until that is gone.
func (s *Store) forget(ctx context.Context, now int64) error {
	apps, err := s.ListApps(ctx)
	if err != nil {
		return err
	}
	for _, a := range apps {
		if a.Notice.RetentionDays <= 0 {
			continue
		}
		before := now - int64(a.Notice.RetentionDays)*(24*time.Hour).Milliseconds()
		err := repeat(ctx, now, func(ctx context.Context, now int64) (int, error) {
			n := 0
			err := s.write(ctx, func(tx *sql.Tx) error {
				gone, err := ids(ctx, tx, `DELETE FROM verifications WHERE id IN (SELECT id FROM verifications
					WHERE app_id = $1 AND finished_at > 0 AND finished_at <= $2 AND portrait = 0 LIMIT $3) RETURNING id`, string(a.ID), before, batch)
				n = len(gone)
				for _, id := range gone {
					if err == nil {
						err = addAudit(ctx, tx, retention(now, "verification.delete", id, ""))
					}
				}
				return err
			})
			return n, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// portraits marks what is due and gives everything marked, oldest first, in one
// batch: the caller deletes, acknowledges and comes again.
func (s *Store) portraits(ctx context.Context, now int64) (found []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE verifications SET portrait = 2 WHERE id IN (SELECT id FROM verifications
			WHERE portrait <> 0 AND portrait = 1 AND finished_at <= $1 LIMIT $2)`, now-s.c.PortraitLimit.Milliseconds(), batch); err != nil {
			return err
		}
		found, err = ids(ctx, tx, `SELECT id FROM verifications WHERE portrait <> 0 AND portrait = 2 ORDER BY finished_at LIMIT $1`, 5*batch)
		return err
	})
	return found, err
}

// PortraitDeleted says that the portrait's blob is gone. Errors: CodeNotFound
// when no sweep has given the id, or it was said before.
func (s *Store) PortraitDeleted(ctx context.Context, id string, at int64) error {
	return s.change(ctx, retention(at, "portrait.delete", id, ""), func(tx *sql.Tx) error {
		return one(tx.ExecContext(ctx, `UPDATE verifications SET portrait = 0 WHERE id = $1 AND portrait = 2`, id))("portrait")
	})
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
