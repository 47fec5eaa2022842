package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"faceproof"
)

// Counters have no audit rows: the decision that they count has one.

const (
	// keepAttempts is longer than any budget's window.
	keepAttempts = 48 * time.Hour
	maxTimes     = 256 // of a key, the newest; no budget is that large
)

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

// Forgive forgets the attempts of a kind at a key in an app.
func (s *Store) Forgive(ctx context.Context, kind faceproof.AttemptKind, key []byte, app faceproof.AppID) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM attempts WHERE kind = $1 AND key = $2 AND app_id = $3`, string(kind), key, string(app))
		return err
	})
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

// forgetAttempts deletes counters that no budget looks at any more.
func (s *Store) forgetAttempts(ctx context.Context, now int64) (int, error) {
	var n int64
	err := s.write(ctx, func(tx *sql.Tx) error {
		before := now - keepAttempts.Milliseconds()
		r, err := tx.ExecContext(ctx, `DELETE FROM attempts WHERE ref IN (SELECT ref FROM attempts WHERE at <= $1 LIMIT $2) AND at <= $1`, before, batch)
		if err != nil {
			return err
		}
		if n, err = r.RowsAffected(); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM calls WHERE day < $1`, before/(24*time.Hour).Milliseconds())
		return err
	})
	return int(n), err
}
