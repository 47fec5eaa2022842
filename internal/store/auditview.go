package store

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"faceproof"
	"faceproof/internal/audit"
)

// AuditView is the audit log of a database at one moment, to be read only: it
// changes no byte of the file, needs no keys, and works on a copy.
type AuditView struct {
	db *sql.DB
	tx *sql.Tx
}

// OpenAuditView opens a view of a database file. Errors: CodeNotFound when it
// is not there, CodeUnavailable when it cannot be read or has no audit tree.
func OpenAuditView(ctx context.Context, path string) (*AuditView, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeNotFound, Field: "database", Message: "there is no such database", Err: err}
	}
	db, err := sql.Open("sqlite", dsn(path, "mode", "ro", "_pragma", "query_only(1)"))
	if err != nil {
		return nil, unread(err)
	}
	v := &AuditView{db: db}
	if v.tx, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err == nil {
		_, err = v.Size(ctx)
	}
	if err != nil {
		return nil, errors.Join(unread(err), v.Close())
	}
	return v, nil
}

func unread(err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "database", Message: "the audit log cannot be read: " + reason(err), Err: err}
}

// Close ends the view.
func (v *AuditView) Close() error {
	if v.tx != nil {
		_ = v.tx.Rollback() // nothing was written
	}
	return v.db.Close()
}

// Size is how many rows the log says it has.
func (v *AuditView) Size(ctx context.Context) (size int64, err error) {
	return size, v.tx.QueryRowContext(ctx, `SELECT size FROM audit_head WHERE id = 1`).Scan(&size)
}

// Heads gives the signed heads in the database, by size.
func (v *AuditView) Heads(ctx context.Context) ([]audit.Checkpoint, error) {
	rows, err := v.tx.QueryContext(ctx, `SELECT size, at, note FROM audit_checkpoints ORDER BY size`)
	if err != nil {
		return nil, unread(err)
	}
	defer rows.Close()
	var out []audit.Checkpoint
	for rows.Next() {
		var c audit.Checkpoint
		if err := rows.Scan(&c.Size, &c.At, &c.Note); err != nil {
			return nil, unread(err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, unread(err)
	}
	return out, nil
}

// Each calls f with every row, in order, until it fails: first those of which
// only the hashes are left, at the beginning.
func (v *AuditView) Each(ctx context.Context, f func(audit.Row) error) error {
	err := v.each(ctx, `SELECT seq, 0, '', '', '', '', hashes FROM audit_tree WHERE seq < (SELECT MIN(seq) FROM audit) ORDER BY seq`,
		func(r audit.Row) error { r.Pruned = true; return f(r) })
	if err != nil {
		return err
	}
	return v.each(ctx, `SELECT a.seq, a.at, a.actor, a.action, a.object, a.detail, t.hashes
		FROM audit a LEFT JOIN audit_tree t ON t.seq = a.seq ORDER BY a.seq`, f)
}

func (v *AuditView) each(ctx context.Context, query string, f func(audit.Row) error) error {
	rows, err := v.tx.QueryContext(ctx, query)
	if err != nil {
		return unread(err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanAuditRow(rows)
		if err != nil {
			return unread(err)
		}
		if err := f(r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return unread(err)
	}
	return nil
}

// CheckAudit reads a database's whole log into c.
func (v *AuditView) CheckAudit(ctx context.Context, c *audit.Checker) (audit.Report, error) {
	size, err := v.Size(ctx)
	if err != nil {
		return audit.Report{}, unread(err)
	}
	if err := v.Each(ctx, func(r audit.Row) error { c.Add(r); return nil }); err != nil {
		return audit.Report{}, err
	}
	return c.Finish(size), nil
}
