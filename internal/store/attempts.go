package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"faceproof"
)

// Counters have no audit rows: the decision that they count has one.

const maxTimes = 256 // of a key, the newest; no budget is that large

// Spend adds an attempt, unless inApp are there since a time at its key in its
// app, or overall in all apps; 0: not limited. It says whether it was added.
// The writer's transaction makes the count exact for any number of callers.
func (s *Store) Spend(ctx context.Context, a faceproof.Attempt, since int64, inApp, overall int) (added bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		var own, all int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN app_id = $4 THEN 1 ELSE 0 END), 0) FROM attempts
			WHERE kind = $1 AND key = $2 AND at > $3`, string(a.Kind), a.Key, since, string(a.AppID)).Scan(&all, &own)
		if err != nil || inApp > 0 && own >= inApp || overall > 0 && all >= overall {
			return err
		}
		added = true
		_, err = tx.ExecContext(ctx, `INSERT INTO attempts (kind, key, app_id, ref, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (kind, ref) DO NOTHING`, string(a.Kind), a.Key, string(a.AppID), a.Ref, a.At)
		return err
	})
	return added && err == nil, err
}

// Forgive forgets the attempts of a kind at a key in an app, and, of a subject,
// its failures in a row in all apps.
func (s *Store) Forgive(ctx context.Context, kind faceproof.AttemptKind, key []byte, app faceproof.AppID) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM attempts WHERE kind = $1 AND key = $2 AND app_id = $3`, string(kind), key, string(app))
		if err == nil && kind == faceproof.AttemptSubject {
			_, err = tx.ExecContext(ctx, `DELETE FROM failures WHERE key = $1`, key)
		}
		return err
	})
}

// Fail counts one more failure in a row at a subject's key, unless there are
// total of them, or free and the last one was less than delay ago. 0: not
// limited. It says whether it was counted: one statement, so that the count is
// exact for any number of callers.
func (s *Store) Fail(ctx context.Context, key []byte, at int64, free, total int, delay time.Duration) (bool, error) {
	unlimited := func(n int) int {
		if n == 0 {
			return math.MaxInt32
		}
		return n
	}
	var n int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO failures (key, n, at) VALUES ($1, 1, $2)
			ON CONFLICT (key) DO UPDATE SET n = failures.n + 1, at = $2 WHERE failures.n < $3 AND (failures.n < $4 OR failures.at <= $5) RETURNING n`,
			key, at, unlimited(total), unlimited(free), at-delay.Milliseconds()).Scan(&n)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Failures gives the failures in a row at a subject's key, and the time of the
// last one; 0 and 0: none.
func (s *Store) Failures(ctx context.Context, key []byte) (n int, at int64, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT n, at FROM failures WHERE key = $1`, key).Scan(&n, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return n, at, fail(err)
}

// Unlock forgets everything that counts against a person, in all apps: the
// operator has seen by other means who they are. It says whether there was
// anything.
func (s *Store) Unlock(ctx context.Context, key []byte, a faceproof.AuditEntry) (found bool, err error) {
	err = s.change(ctx, a, func(tx *sql.Tx) error {
		for _, q := range []string{`DELETE FROM failures WHERE key = $1`, `DELETE FROM attempts WHERE kind = 'subject' AND key = $1`} {
			r, err := tx.ExecContext(ctx, q, key)
			if err != nil {
				return err
			}
			n, err := r.RowsAffected()
			if err != nil {
				return err
			}
			found = found || n > 0
		}
		return nil
	})
	return found && err == nil, err
}

// Attempts lists the attempts of a kind at a key since a time, oldest first;
// the newest 256 of them.
func (s *Store) Attempts(ctx context.Context, kind faceproof.AttemptKind, key []byte, since int64) ([]faceproof.Attempt, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT app_id, ref, at FROM attempts WHERE kind = $1 AND key = $2 AND at > $3 ORDER BY at DESC LIMIT $4`,
		string(kind), key, since, maxTimes)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.Attempt
	for rows.Next() {
		a := faceproof.Attempt{Kind: kind, Key: key}
		if err := rows.Scan(&a.AppID, &a.Ref, &a.At); err != nil {
			return nil, fail(err)
		}
		out = append(out, a)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out, fail(rows.Err())
}

// chinaTime is when a day begins: quotas are counted as WeChat's are.
const chinaTime = 8 * time.Hour

// Call counts one call of an interface by an app at a time, unless limit calls
// were made on that day. It says whether the call may go on.
func (s *Store) Call(ctx context.Context, app faceproof.AppID, iface string, at int64, limit int) (bool, error) {
	day := (at + chinaTime.Milliseconds()) / (24 * time.Hour).Milliseconds()
	var n int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `INSERT INTO calls (app_id, interface, day, n) VALUES ($1, $2, $3, 1)
			ON CONFLICT (app_id, interface, day) DO UPDATE SET n = calls.n + 1 WHERE calls.n < $4 RETURNING n`, string(app), iface, day, limit).Scan(&n)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}
