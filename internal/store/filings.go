package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"faceproof"
)

// filingsRow is the row of meta with what was filed with the authority, oldest
// first: a few in the life of an installation.
const filingsRow = "filings"

// maxFilings bounds that row.
const maxFilings = 200

// RecordFiling keeps that a filing was made; check sees the latest kind, "" for
// none, in the transaction that writes, and may still trim f. Errors: check's, CodeConflict when there
// are maxFilings.
func (s *Store) RecordFiling(ctx context.Context, f *faceproof.FilingRecord, actor string, check func(last faceproof.FilingKind) error) error {
	return s.change(ctx, s.entry(actor, "privacy.filed", f.Date, string(f.Kind)), func(tx *sql.Tx) error {
		list, err := filings(ctx, tx)
		if err != nil {
			return err
		}
		last := faceproof.FilingKind("")
		if len(list) > 0 {
			last = list[len(list)-1].Kind
		}
		if err := check(last); err != nil {
			return err
		}
		if len(list) >= maxFilings {
			return faceproof.Errorf(faceproof.CodeConflict, "kind", "there are %d records already", maxFilings)
		}
		b, err := json.Marshal(append(list, *f))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, filingsRow, string(b))
		return err
	})
}

// Filings gives what was filed, oldest first.
func (s *Store) Filings(ctx context.Context) ([]faceproof.FilingRecord, error) {
	list, err := filings(ctx, s.reader)
	return list, fail(err)
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func filings(ctx context.Context, db queryer) (list []faceproof.FilingRecord, err error) {
	var text string
	err = db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, filingsRow).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil && json.Unmarshal([]byte(text), &list) != nil {
		err = &faceproof.Error{Code: faceproof.CodeInternal, Message: "the record of filings is damaged"}
	}
	return list, err
}

// AppChanged gives when an app was first changed after a moment, by the audit
// log: its notice, what it does under 14, whether it may be used. 0: never.
func (s *Store) AppChanged(ctx context.Context, id faceproof.AppID, after int64) (at int64, err error) {
	err = s.reader.QueryRowContext(ctx, `SELECT COALESCE(MIN(at), 0) FROM audit WHERE object = $1 AND at >= $2 AND action IN ('app.create', 'app.update', 'app.minors')`, string(id), after).Scan(&at)
	return at, fail(err)
}
