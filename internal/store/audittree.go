package store

import (
	"context"
	"database/sql"
	"errors"

	"faceproof"
	"faceproof/internal/audit"

	"golang.org/x/mod/sumdb/tlog"
)

// adoptBatch is how many old rows come into the tree in one transaction.
const adoptBatch = 1000

// adoptAudit brings the audit rows of before the tree into it, in small
// transactions, so that a crash costs one of them. It is linear, and nothing to
// do when it is done. A number that is missing is not made up: a row of its own
// says so.
func (s *Store) adoptAudit(ctx context.Context) error {
	for {
		done := false
		err := s.write(ctx, func(tx *sql.Tx) (err error) {
			done, err = adoptSome(ctx, tx)
			return noAudit(err)
		})
		if err != nil || done {
			return err
		}
	}
}

func adoptSome(ctx context.Context, tx *sql.Tx) (done bool, err error) {
	var size, old int64
	// The UPDATE takes the lock before the row is read.
	if err := tx.QueryRowContext(ctx, `UPDATE audit_head SET size = size WHERE id = 1 RETURNING size, old`).Scan(&size, &old); err != nil || size >= old {
		return true, err
	}
	to := min(size+adoptBatch, old)
	rows, err := auditRecords(ctx, tx, `seq > $1 AND seq <= $2 ORDER BY seq`, size, to)
	if err != nil {
		return false, err
	}
	for seq := size + 1; seq <= to; seq++ {
		r := audit.Record{Seq: seq, AuditEntry: faceproof.AuditEntry{Actor: "migration", Action: "audit.gap"}}
		gap := len(rows) == 0 || rows[0].Seq != seq
		if !gap {
			r, rows = rows[0], rows[1:]
		}
		if err := putRow(ctx, tx, r, gap); err != nil {
			return false, err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE audit_head SET size = $1 WHERE id = 1`, to)
	return to == old, err
}

// AuditSize is the number of rows in the tree.
func (s *Store) AuditSize(ctx context.Context) (size int64, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT size FROM audit_head WHERE id = 1`).Scan(&size)
	return size, noAudit(err)
}

// AuditRoot is the head of the tree of the first size rows, by its stored hashes.
func (s *Store) AuditRoot(ctx context.Context, size int64) (tlog.Hash, error) {
	root, err := tlog.TreeHash(size, s.AuditHashes(ctx))
	return root, noAudit(err)
}

// AuditHashes reads the stored hashes of the tree.
func (s *Store) AuditHashes(ctx context.Context) tlog.HashReader { return hashReader{ctx, s.reader} }

// AuditHead is the newest signed head; its Note is "" when there is none, and
// its Root is not filled in: whoever needs it opens the note.
func (s *Store) AuditHead(ctx context.Context) (c audit.Checkpoint, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT size, at, note FROM audit_checkpoints WHERE size > 0 ORDER BY size DESC LIMIT 1`).Scan(&c.Size, &c.At, &c.Note)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return c, noAudit(err)
}

// PutAuditHead keeps a signed head. Two processes may sign the same size; the
// first stays.
func (s *Store) PutAuditHead(ctx context.Context, c audit.Checkpoint) error {
	return s.commit(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO audit_checkpoints (size, at, note) VALUES ($1, $2, $3) ON CONFLICT (size) DO NOTHING`, c.Size, c.At, c.Note)
		return noAudit(err)
	})
}

// HoldAudit makes every change fail with err, until it is called with nil.
func (s *Store) HoldAudit(err error) { s.held.Store(&err) }

// OnAudit sets what is called after each transaction with audit rows; it must
// not wait. It is set once, before the store is used.
func (s *Store) OnAudit(f func()) { s.onAudit = f }
