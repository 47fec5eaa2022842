package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"strings"

	"faceproof"
)

// TouchRow is one audit row with whom it is about, as far as is known.
type TouchRow struct {
	faceproof.AuditEntry
	Person          string // what the row calls the person that it is about
	Subject         string // keyed index of the verification's number, hex
	PersonOfSubject string // who is registered under that number
	Everyone        bool
}

// EachTouch gives f the audit rows of a stretch of time, oldest first, with
// whom each is about: three look-ups by primary key a row, and nothing is kept
// in memory. to is not included.
func (s *Store) EachTouch(ctx context.Context, from, to int64, f func(TouchRow)) error {
	rows, err := s.reader.QueryContext(ctx, `SELECT a.at, a.actor, a.action, a.object, a.detail, COALESCE(v.subject_index, c.subject_index), p.id
		FROM audit a
		LEFT JOIN verifications v ON v.id = a.object
		LEFT JOIN consents c ON c.verification_id = a.object
		LEFT JOIN persons p ON p.subject_index = COALESCE(c.person_index, (SELECT k.person_index FROM consents k WHERE k.subject_index = v.subject_index LIMIT 1))
		WHERE a.at >= $1 AND a.at < $2 ORDER BY a.seq`, from, to)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var t TouchRow
		var subject []byte
		var person sql.NullString
		if err := rows.Scan(&t.At, &t.Actor, &t.Action, &t.Object, &t.Detail, &subject, &person); err != nil {
			return fail(err)
		}
		t.Subject, t.PersonOfSubject = hex.EncodeToString(subject), person.String
		switch {
		case t.Action == "registry.duplicates" || t.Action == "person.search": // every template was opened
			t.Everyone = true
		case strings.HasPrefix(t.Action, "person."):
			t.Person = t.Object
		}
		f(t)
	}
	return fail(rows.Err())
}

// PrivacyCounts are the numbers of the impact assessment's annex.
type PrivacyCounts struct {
	People        int `json:"people"` // holding face data
	Verifications int `json:"verifications"`
	Captures      int `json:"pictures_kept"` // verifications with a portrait kept
	Consents      int `json:"consents"`
	Withdrawn     int `json:"consents_withdrawn"`
	Guardians     int `json:"consents_by_guardians"`
	Withdrawals   int `json:"withdrawals_in_force"`
	Audit         int `json:"audit_rows"`
}

// Counts counts, once.
func (s *Store) Counts(ctx context.Context) (c PrivacyCounts, err error) {
	if c.People, _, err = s.People(ctx); err != nil {
		return c, err
	}
	for _, q := range []struct {
		into  *int
		query string
	}{
		{&c.Verifications, `SELECT COUNT(*) FROM verifications`}, {&c.Captures, `SELECT COUNT(*) FROM verifications WHERE portrait = 1`},
		{&c.Consents, `SELECT COUNT(*) FROM consents`}, {&c.Withdrawn, `SELECT COUNT(*) FROM consents WHERE withdrawn_at > 0`},
		{&c.Guardians, `SELECT COUNT(*) FROM consents WHERE guardian <> ''`}, {&c.Withdrawals, `SELECT COUNT(*) FROM withdrawals`},
		{&c.Audit, `SELECT COUNT(*) FROM audit`},
	} {
		if err := s.reader.QueryRowContext(ctx, q.query).Scan(q.into); err != nil {
			return c, fail(err)
		}
	}
	return c, nil
}
