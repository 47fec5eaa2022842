package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"

	"faceproof"
)

const personColumns = `p.id, p.subject_index, p.name_sealed, p.number_sealed, t.sealed, t.model_id, t.frames, p.created_at, p.updated_at, p.sealing`

// decoyID is the row that stands behind the last person, so that a look-up
// always finds one. It is never listed and opens nothing.
const decoyID = "decoy"

// addDecoy makes sure that the decoy is there: its index is the largest, its
// sealed values are noise as long as those of a person with 128 dimensions.
func (s *Store) addDecoy(ctx context.Context) error {
	noise := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails
		return b
	}
	now := s.c.Now().UnixMilli()
	err := s.writeTo(ctx, s.keys, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO person_keys (person_id, identity, biometric, kek) VALUES ($1, $2, $3, 'decoy') ON CONFLICT DO NOTHING`,
			decoyID, noise(62), noise(62))
		return err
	})
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO persons (id, subject_index, name_sealed, number_sealed, created_at, updated_at, sealing)
			VALUES ($1, $2, $3, $4, $5, $5, 1) ON CONFLICT DO NOTHING`,
			decoyID, bytes.Repeat([]byte{0xff}, 32), noise(38), noise(47), now); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO templates (person_id, sealed, model_id, frames, updated_at)
			VALUES ($1, $2, 'decoy', 1, $3) ON CONFLICT DO NOTHING`, decoyID, noise(587), now)
		if err != nil {
			return err
		}
		return s.countPeople(ctx, tx, 0) // levels reached before there were any
	})
}

// PersonNear gives the first person whose index is not below the given one: the
// person themself when enrolled, else somebody else, or a row that is nobody.
// The caller compares SubjectIndex. Either way one index look-up and one row
// are read, so that the time does not tell who is enrolled.
func (s *Store) PersonNear(ctx context.Context, index []byte) (faceproof.Person, error) {
	return s.keyed(ctx)(scanPerson(s.reader.QueryRowContext(ctx, `SELECT `+personColumns+` FROM persons p JOIN templates t ON t.person_id = p.id
		WHERE p.subject_index >= $1 ORDER BY p.subject_index LIMIT 1`, index)))
}

// PersonByID gives one person. Errors: CodeNotFound.
func (s *Store) PersonByID(ctx context.Context, id string) (faceproof.Person, error) {
	if id == decoyID {
		return faceproof.Person{}, notFound("person")
	}
	return s.keyed(ctx)(scanPerson(s.reader.QueryRowContext(ctx, `SELECT `+personColumns+` FROM persons p JOIN templates t ON t.person_id = p.id WHERE p.id = $1`, id)))
}

// keyed adds the person's keys.
func (s *Store) keyed(ctx context.Context) func(faceproof.Person, error) (faceproof.Person, error) {
	return func(p faceproof.Person, err error) (faceproof.Person, error) {
		if err != nil {
			return p, err
		}
		all, err := s.withKeys(ctx, p)
		if err != nil {
			return p, err
		}
		return all[0], nil
	}
}

// PutPerson adds a person or, with replace, takes the place of the one with the
// same id and index. Fresh keys are stored before the values that they open.
// Errors: CodeConflict when the index is enrolled already;
// CodeNotFound when there is nothing to replace.
func (s *Store) PutPerson(ctx context.Context, p faceproof.Person, replace bool, a faceproof.AuditEntry) error {
	if p.Keys.Fresh {
		if err := s.putKeys(ctx, p.ID, p.Keys); err != nil {
			return err
		}
	}
	err := s.putPerson(ctx, p, replace, a)
	if err != nil && p.Keys.Fresh && !replace {
		// Keys that open nothing; left behind by a crash they do no harm.
		if e := s.shred(context.WithoutCancel(ctx), p.ID); e != nil {
			s.c.Log.Warn("keys of a person who was not enrolled stay behind", "error", faceproof.LogText(e))
		}
	}
	return err
}

func (s *Store) putPerson(ctx context.Context, p faceproof.Person, replace bool, a faceproof.AuditEntry) error {
	return s.change(ctx, a, func(tx *sql.Tx) error {
		if replace {
			return replacePerson(ctx, tx, p)
		}
		r, err := tx.ExecContext(ctx, `INSERT INTO persons (id, subject_index, name_sealed, number_sealed, created_at, updated_at, sealing)
			VALUES (`+list(7)+`) ON CONFLICT (subject_index) DO NOTHING`, p.ID, p.SubjectIndex, p.NameSealed, p.NumberSealed, p.CreatedAt, p.UpdatedAt, int(p.Sealing))
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return faceproof.Errorf(faceproof.CodeConflict, "id_number", "this person is enrolled already; replacing must be asked for")
		}
		if _, err = tx.ExecContext(ctx, `INSERT INTO templates (person_id, sealed, model_id, frames, updated_at) VALUES (`+list(5)+`)`,
			p.ID, p.TemplateSealed, p.ModelID, p.Frames, p.UpdatedAt); err != nil {
			return err
		}
		if err := s.countPeople(ctx, tx, 1); err != nil {
			return err
		}
		return liftWithdrawal(ctx, tx, p, a)
	})
}

func replacePerson(ctx context.Context, tx *sql.Tx, p faceproof.Person) error {
	err := one(tx.ExecContext(ctx, `UPDATE persons SET name_sealed = $3, number_sealed = $4, updated_at = $5, sealing = $6 WHERE id = $1 AND subject_index = $2`,
		p.ID, p.SubjectIndex, p.NameSealed, p.NumberSealed, p.UpdatedAt, int(p.Sealing)))("person")
	if err != nil {
		return err
	}
	return one(tx.ExecContext(ctx, `UPDATE templates SET sealed = $2, model_id = $3, frames = $4, updated_at = $5 WHERE person_id = $1`,
		p.ID, p.TemplateSealed, p.ModelID, p.Frames, p.UpdatedAt))("template")
}

// Persons gives up to limit persons with ids after the given one, by id; "" to
// begin.
func (s *Store) Persons(ctx context.Context, after string, limit int) ([]faceproof.Person, error) {
	return s.persons(ctx, `p.id > $1`, after, limit)
}

func (s *Store) persons(ctx context.Context, where, after string, limit int) ([]faceproof.Person, error) {
	rows, err := s.reader.QueryContext(ctx, `SELECT `+personColumns+` FROM persons p JOIN templates t ON t.person_id = p.id
		WHERE `+where+` AND p.id <> $2 ORDER BY p.id LIMIT $3`, after, decoyID, limit)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.Person
	for rows.Next() {
		p, err := scanPerson(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fail(err)
	}
	return s.withKeys(ctx, out...)
}

func scanPerson(row scanner) (p faceproof.Person, err error) {
	err = row.Scan(&p.ID, &p.SubjectIndex, &p.NameSealed, &p.NumberSealed, &p.TemplateSealed, &p.ModelID, &p.Frames, &p.CreatedAt, &p.UpdatedAt, &p.Sealing)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound("person")
	}
	return p, fail(err)
}
