//go:build failpoint

package store

import (
	"context"
	"database/sql"
	"time"

	"faceproof"
)

// writeEarly is write as it must not be: it answers before it commits.
func writeEarly(db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return fail(err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback()
		return fail(err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_ = tx.Commit()
	}()
	return nil
}

// redeemNaively is Redeem as it must not be: it looks, and then it writes, with
// a pause between, since one writer at a time hides some of the races, and on a
// slow machine callers do not come at the same moment.
func (s *Store) redeemNaively(ctx context.Context, hash []byte, app faceproof.AppID, at int64, a faceproof.AuditEntry) (faceproof.Verification, error) {
	var used int64
	var id string
	if err := s.reader.QueryRowContext(ctx, `SELECT verification_id, used_at FROM credentials WHERE hash = $1`, hash).Scan(&id, &used); err != nil || used != 0 {
		return faceproof.Verification{}, notFound("credential")
	}
	time.Sleep(50 * time.Millisecond)
	a.Object = id
	if err := s.change(ctx, a, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE credentials SET used_at = $2 WHERE hash = $1`, hash, at)
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE verifications SET state = 'redeemed', redeemed_at = $2 WHERE id = $1`, id, at)
		}
		return err
	}); err != nil {
		return faceproof.Verification{}, err
	}
	return s.Verification(ctx, faceproof.VerificationKey{ID: id})
}
