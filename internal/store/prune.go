package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"faceproof"
	"faceproof/internal/audit"
)

const (
	// auditSlot is how finely the audit log is pruned, so that what is left of a
	// quiet day is one record and not one for each sweep.
	auditSlot = 30 * time.Minute
	// pruneBatch is how many records go in one transaction: they need two
	// statements, however many they are.
	pruneBatch = 1000
)

// pruneAudit takes the content of a batch of the oldest audit records away when
// their time is over, and says so in a record of its own. Their hashes stay. A
// record whose content is not what was hashed is evidence, and stays with all
// behind it until somebody has looked: CodeConflict with field "audit".
func (s *Store) pruneAudit(ctx context.Context, now int64) (int, error) {
	slot := auditSlot.Milliseconds()
	before := now - s.c.Retention.Limit(faceproof.RetainAudit).Milliseconds()
	before -= before % slot
	var oldest int64
	err := s.reader.QueryRowContext(ctx, `SELECT at FROM audit WHERE seq > 0 ORDER BY seq LIMIT 1`).Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) || err == nil && oldest > before {
		return 0, nil
	}
	if err != nil {
		return 0, fail(err)
	}
	n := 0
	err = s.write(ctx, func(tx *sql.Tx) error {
		from, to, err := prunable(ctx, tx, before)
		if n = int(to - from + 1); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM audit WHERE seq >= $1 AND seq <= $2`, from, to); err != nil {
			return noAudit(err)
		}
		return addAudit(ctx, tx, audit.Pruning{To: to, Before: before}.Entry(now))
	})
	return n, err
}

// prunable gives the first and the last record of the next batch: all from the
// first one on that were written before a time, each as it was hashed.
func prunable(ctx context.Context, tx *sql.Tx, before int64) (from, to int64, err error) {
	pruned, err := auditPruned(ctx, tx)
	if err != nil {
		return 0, 0, err
	}
	rows, err := hashedRows(ctx, tx, `WHERE a.seq > $1 ORDER BY a.seq LIMIT $2`, pruned.To, pruneBatch)
	if err != nil {
		return 0, 0, err
	}
	from, to = pruned.To+1, pruned.To
	for _, r := range rows {
		if r.At > before {
			break
		}
		if r.Seq != to+1 || len(r.Stored) == 0 || r.Stored[0] != r.Hash() {
			return 0, 0, faceproof.Errorf(faceproof.CodeConflict, "audit", "record %d of the audit log is missing or not what it was, so nothing behind it is deleted; run faceproof audit verify", to+1)
		}
		to = r.Seq
	}
	return from, to, nil
}

// AuditPruned says whose content the audit log does not have any more; To is 0
// when it has all.
func (s *Store) AuditPruned(ctx context.Context) (audit.Pruning, error) {
	return auditPruned(ctx, s.reader)
}

func auditPruned(ctx context.Context, q querier) (audit.Pruning, error) {
	last, err := auditRecords(ctx, q, `object = $1 AND action = $2 ORDER BY seq DESC LIMIT 1`, audit.PruneObject, audit.PruneAction)
	if err != nil || len(last) == 0 {
		return audit.Pruning{}, err
	}
	return audit.ParsePruning(last[0].Detail)
}
