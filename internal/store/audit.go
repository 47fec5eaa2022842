package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"faceproof"
	"faceproof/internal/audit"

	"golang.org/x/mod/sumdb/tlog"
)

// addAudit adds a row and its hashes in the transaction that it describes. The
// lock on the head puts writers in order; it is taken last in a transaction, so
// that nobody waits for a row while holding it.
func addAudit(ctx context.Context, tx *sql.Tx, a faceproof.AuditEntry) error {
	var seq int64
	err := tx.QueryRowContext(ctx, `UPDATE audit_head SET size = size + 1 WHERE id = 1 AND size >= old RETURNING size`).Scan(&seq)
	if err != nil {
		return noAudit(err)
	}
	return putRow(ctx, tx, audit.Record{Seq: seq, AuditEntry: audit.Clean(a)}, true)
}

// putRow adds the hashes of a record, which is the next one of the tree, and
// with row the record itself.
func putRow(ctx context.Context, tx *sql.Tx, r audit.Record, row bool) error {
	hashes, err := audit.Append(r, hashReader{ctx, tx})
	if err != nil {
		return noAudit(err)
	}
	if row {
		if _, err := tx.ExecContext(ctx, `INSERT INTO audit (seq, at, actor, action, object, detail) VALUES (`+list(6)+`)`,
			r.Seq, r.At, r.Actor, r.Action, r.Object, r.Detail); err != nil {
			return noAudit(err)
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO audit_tree (seq, hashes) VALUES ($1, $2)`, r.Seq, audit.EncodeHashes(hashes))
	return noAudit(err)
}

// noAudit is an error of the audit log itself: whatever the engine says, the
// caller may try again and nothing was done.
func noAudit(err error) error {
	var own *faceproof.Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = errors.New("the head of the audit log is missing, or behind the rows before it")
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "audit", Message: "the audit log cannot be written, so nothing may be: " + reason(err), Err: err}
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// hashReader reads the stored hashes of the tree.
type hashReader struct {
	ctx context.Context
	q   querier
}

// ReadHashes reads all with one statement; a tree of 2^62 rows needs 62 at most.
func (h hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	rows := map[int64][]tlog.Hash{}
	var args []any
	for _, i := range indexes {
		seq, _ := audit.Place(i)
		if _, ok := rows[seq]; !ok {
			rows[seq] = nil
			args = append(args, seq)
		}
	}
	found, err := h.q.QueryContext(h.ctx, `SELECT seq, hashes FROM audit_tree WHERE seq IN (`+list(len(args))+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	for found.Next() {
		var seq int64
		var b []byte
		if err := found.Scan(&seq, &b); err != nil {
			return nil, err
		}
		rows[seq] = audit.DecodeHashes(b)
	}
	out := make([]tlog.Hash, len(indexes))
	for n, i := range indexes {
		seq, offset := audit.Place(i)
		if offset >= len(rows[seq]) {
			return nil, fmt.Errorf("the audit log's tree has no hash %d of row %d", offset, seq)
		}
		out[n] = rows[seq][offset]
	}
	return out, found.Err()
}

// Audit records an access that changes nothing else, such as the reading of a
// portrait.
func (s *Store) Audit(ctx context.Context, a faceproof.AuditEntry) error {
	return s.write(ctx, func(tx *sql.Tx) error { return addAudit(ctx, tx, a) })
}

// AuditPage gives up to limit rows from number from on, oldest first, and the
// number of the first: it is higher than from where the rows before are pruned.
func (s *Store) AuditPage(ctx context.Context, from int64, limit int) (first int64, list []faceproof.AuditEntry, err error) {
	rows, err := auditRecords(ctx, s.reader, `seq >= $1 ORDER BY seq LIMIT $2`, from, limit)
	list = make([]faceproof.AuditEntry, len(rows))
	for i, r := range rows {
		list[i] = r.AuditEntry
	}
	if len(rows) > 0 {
		from = rows[0].Seq
	}
	return from, list, err
}

// AuditLog is AuditPage without the number.
func (s *Store) AuditLog(ctx context.Context, from int64, limit int) ([]faceproof.AuditEntry, error) {
	_, list, err := s.AuditPage(ctx, from, limit)
	return list, err
}

// AuditOf gives up to limit records of an object, oldest first.
func (s *Store) AuditOf(ctx context.Context, object string, limit int) ([]audit.Record, error) {
	return auditRecords(ctx, s.reader, `object = $1 ORDER BY seq LIMIT $2`, object, limit)
}

// hashedRows gives records with their hashes; what follows FROM … is tail.
func hashedRows(ctx context.Context, q querier, tail string, args ...any) ([]audit.Row, error) {
	rows, err := q.QueryContext(ctx, `SELECT a.seq, a.at, a.actor, a.action, a.object, a.detail, t.hashes FROM audit a LEFT JOIN audit_tree t ON t.seq = a.seq `+tail, args...)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []audit.Row
	for rows.Next() {
		r, err := scanAuditRow(rows)
		if err != nil {
			return nil, fail(err)
		}
		out = append(out, r)
	}
	return out, fail(rows.Err())
}

func scanAuditRow(rows *sql.Rows) (r audit.Row, err error) {
	var hashes []byte
	err = rows.Scan(&r.Seq, &r.At, &r.Actor, &r.Action, &r.Object, &r.Detail, &hashes)
	r.Stored = audit.DecodeHashes(hashes)
	return r, err
}

func auditRecords(ctx context.Context, q querier, where string, args ...any) ([]audit.Record, error) {
	rows, err := q.QueryContext(ctx, `SELECT seq, at, actor, action, object, detail FROM audit WHERE `+where, args...)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []audit.Record
	for rows.Next() {
		var r audit.Record
		if err := rows.Scan(&r.Seq, &r.At, &r.Actor, &r.Action, &r.Object, &r.Detail); err != nil {
			return nil, fail(err)
		}
		out = append(out, r)
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

// AuditRecord gives the record of a number, or none.
func (s *Store) AuditRecord(ctx context.Context, seq int64) ([]audit.Record, error) {
	return auditRecords(ctx, s.reader, `seq = $1`, seq)
}
