package store

import (
	"context"
	"database/sql"

	"faceproof"
)

// addAudit adds a row in the transaction that it describes. The number is the
// next one: the one writer makes that safe, and a gap would show a loss.
func addAudit(ctx context.Context, tx *sql.Tx, a faceproof.AuditEntry) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, actor, action, object, detail)
		VALUES ((SELECT COALESCE(MAX(seq), 0) + 1 FROM audit), $1, $2, $3, $4, $5)`,
		a.At, a.Actor, a.Action, a.Object, a.Detail)
	return err
}

// Audit records an access that changes nothing else, such as the reading of a
// portrait.
func (s *Store) Audit(ctx context.Context, a faceproof.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error { return addAudit(ctx, tx, a) })
}

// AuditLog gives up to limit rows from number from on, oldest first.
func (s *Store) AuditLog(ctx context.Context, from int64, limit int) ([]faceproof.AuditEntry, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT at, actor, action, object, detail FROM audit WHERE seq >= $1 ORDER BY seq LIMIT $2`, from, limit)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.AuditEntry
	for rows.Next() {
		var a faceproof.AuditEntry
		if err := rows.Scan(&a.At, &a.Actor, &a.Action, &a.Object, &a.Detail); err != nil {
			return nil, fail(err)
		}
		out = append(out, a)
	}
	return out, fail(rows.Err())
}

// entry is the audit row of a call that brings none.
func (s *Store) entry(actor, action, object, detail string) faceproof.AuditEntry {
	if actor == "" {
		actor = s.c.Actor
	}
	return faceproof.AuditEntry{At: s.c.Now().UnixMilli(), Actor: actor, Action: action, Object: object, Detail: detail}
}
