package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"faceproof"
)

//go:embed keymigrations/*.sql
var keyMigrations embed.FS

// KeysPath and DeletionsPath name the two files beside a database: the keys of
// persons, and the list of deletions that outlives a restore of either.
func KeysPath(database string) string { return strings.TrimSuffix(database, ".db") + "-keys.db" }

// DeletionsPath: see KeysPath.
func DeletionsPath(database string) string {
	return strings.TrimSuffix(database, ".db") + "-deleted.jsonl"
}

// openKeys opens the database of person keys. It makes one only where nobody's
// data needs the one that is missing. Errors: CodeConflict.
func (s *Store) openKeys(ctx context.Context) error {
	path := KeysPath(s.c.Path)
	var needed int
	if err := s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM persons WHERE sealing = 1 AND id <> $1 LIMIT 1)`, decoyID).Scan(&needed); err != nil {
		return fail(err)
	}
	lost := faceproof.Errorf(faceproof.CodeConflict, "data", "the keys of the persons in this database are not in %s; put the copy that belongs to it back", path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && needed > 0 {
		return lost
	}
	// SQLite would make the file with the umask's mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the database of keys cannot be opened: " + err.Error(), Err: err}
	}
	f.Close()
	if s.keys, err = openSQLite(dsn(path, "_txlock", "immediate")); err != nil {
		return fail(err)
	}
	s.keys.SetMaxOpenConns(1)
	if s.keyReader, err = openSQLite(dsn(path, "_pragma", "query_only(1)")); err != nil {
		return fail(err)
	}
	s.keyReader.SetMaxOpenConns(readers)
	s.keyReader.SetMaxIdleConns(readers)
	if err := s.migrateTo(ctx, s.keys, keyMigrations, "keymigrations"); err != nil {
		return err
	}
	if err := s.emptyKeyLog(ctx); err != nil {
		return err
	}
	return s.bindKeys(ctx, needed > 0, lost)
}

// bindKeys lets the two databases know each other, and the keys their ring.
func (s *Store) bindKeys(ctx context.Context, needed bool, lost error) error {
	fresh := make([]byte, 16)
	_, _ = rand.Read(fresh) // never fails
	facts := map[string]string{"id": hex.EncodeToString(fresh)}
	if s.c.KeyID != "" {
		facts["key_id"] = s.c.KeyID
	}
	for name := range facts {
		err := s.writeTo(ctx, s.keys, func(tx *sql.Tx) (err error) {
			facts[name], err = fact(ctx, tx, name, facts[name])
			return err
		})
		if err != nil {
			return err
		}
	}
	if facts["key_id"] != s.c.KeyID {
		return faceproof.Errorf(faceproof.CodeConflict, "data", "the keys of persons in %s were made with another key file", KeysPath(s.c.Path))
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		id, err := fact(ctx, tx, "key_store", facts["id"])
		if err != nil || id == facts["id"] {
			return err
		}
		if needed {
			return lost
		}
		_, err = tx.ExecContext(ctx, `UPDATE meta SET value = $1 WHERE name = 'key_store'`, facts["id"])
		return err
	})
}

// fact gives a row of meta, value when there was none.
func fact(ctx context.Context, tx *sql.Tx, name, value string) (string, error) {
	if _, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, value); err != nil {
		return "", err
	}
	err := tx.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	return value, err
}

// putKeys stores fresh keys of a person. Errors: CodeConflict when there are
// keys already.
func (s *Store) putKeys(ctx context.Context, id string, k faceproof.PersonKeys) error {
	return s.writeTo(ctx, s.keys, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `INSERT INTO person_keys (person_id, identity, biometric, kek) VALUES (`+list(4)+`) ON CONFLICT (person_id) DO NOTHING`,
			id, k.Identity, k.Biometric, k.KEK)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return faceproof.Errorf(faceproof.CodeConflict, "person_id", "this person is being changed by somebody else; try again")
	})
}

// shred destroys the keys of persons, in the file and in its log. secure_delete
// overwrites what is deleted.
func (s *Store) shred(ctx context.Context, ids ...string) error {
	err := s.writeTo(ctx, s.keys, func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `DELETE FROM person_keys WHERE person_id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.emptyKeyLog(ctx)
}

// emptyKeyLog takes what was overwritten out of the log of the file of keys. Who
// reads the file for longer, as a backup does, keeps it there: then the next
// sweep or start does it.
func (s *Store) emptyKeyLog(ctx context.Context) error {
	if info, err := os.Stat(KeysPath(s.c.Path) + "-wal"); err != nil || info.Size() == 0 {
		return nil // there is none
	}
	var busy, pages, moved int
	if err := s.keys.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return fail(err)
	}
	if busy != 0 {
		s.c.Log.Warn("destroyed keys stay in the log of the file of keys until whoever reads it has ended")
	}
	return nil
}

// withKeys fills in the keys of persons that are sorted by id. One who has none
// any more is being deleted.
func (s *Store) withKeys(ctx context.Context, persons ...faceproof.Person) ([]faceproof.Person, error) {
	if len(persons) == 0 {
		return persons, nil
	}
	rows, err := s.keyReader.QueryContext(ctx, `SELECT person_id, identity, biometric, kek FROM person_keys WHERE person_id >= $1 AND person_id <= $2 ORDER BY person_id`,
		persons[0].ID, persons[len(persons)-1].ID)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	at := 0
	for rows.Next() {
		var id string
		var k faceproof.PersonKeys
		if err := rows.Scan(&id, &k.Identity, &k.Biometric, &k.KEK); err != nil {
			return nil, fail(err)
		}
		for at < len(persons) && persons[at].ID < id {
			at++
		}
		if at < len(persons) && persons[at].ID == id {
			persons[at].Keys = k
		}
	}
	return persons, fail(rows.Err())
}

// KeysNotUnder gives up to limit persons, by place after the given one, whose
// keys another key-encryption key wraps. Places are the order of the file: ids
// are random, and in their order each batch would touch a page for each person.
func (s *Store) KeysNotUnder(ctx context.Context, kek string, after int64, limit int) ([]faceproof.KeyedPerson, error) {
	rows, err := s.keyReader.QueryContext(ctx, `SELECT rowid, person_id, identity, biometric, kek FROM person_keys
		WHERE rowid > $1 AND kek <> $2 AND person_id <> $3 ORDER BY rowid LIMIT $4`, after, kek, decoyID, limit)
	if err != nil {
		return nil, fail(err)
	}
	defer rows.Close()
	var out []faceproof.KeyedPerson
	for rows.Next() {
		var k faceproof.KeyedPerson
		if err := rows.Scan(&k.Place, &k.ID, &k.Keys.Identity, &k.Keys.Biometric, &k.Keys.KEK); err != nil {
			return nil, fail(err)
		}
		out = append(out, k)
	}
	return out, fail(rows.Err())
}

// PutRewrapped stores keys that were wrapped anew, in one transaction: now[i] in the
// place of old[i]. Keys that were changed or destroyed meanwhile stay as they
// are.
func (s *Store) PutRewrapped(ctx context.Context, old, now []faceproof.KeyedPerson) error {
	err := s.writeTo(ctx, s.keys, func(tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, `UPDATE person_keys SET identity = $4, biometric = $5, kek = $6 WHERE rowid = $1 AND person_id = $2 AND identity = $3`)
		if err != nil {
			return err
		}
		defer put.Close()
		for i, k := range now {
			if _, err := put.ExecContext(ctx, old[i].Place, k.ID, old[i].Keys.Identity, k.Keys.Identity, k.Keys.Biometric, k.Keys.KEK); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Readers that never pause keep SQLite from beginning its log anew, and each
	// read of theirs searches all of it.
	if log, err := os.Stat(KeysPath(s.c.Path) + "-wal"); err != nil || log.Size() < maxKeyLog {
		return nil
	}
	_, err = s.keys.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return fail(err)
}

// maxKeyLog is how long the log of the keys' database gets in a rotation before
// it waits for readers to begin it anew, bytes: about 100,000 people.
const maxKeyLog = 32 << 20

// KeyUse counts persons by the key-encryption key of their keys, and those who
// are still sealed under the ring itself.
func (s *Store) KeyUse(ctx context.Context) (byKEK map[string]int, byRing int, err error) {
	rows, err := s.keyReader.QueryContext(ctx, `SELECT kek, COUNT(*) FROM person_keys WHERE person_id <> $1 GROUP BY kek`, decoyID)
	if err != nil {
		return nil, 0, fail(err)
	}
	defer rows.Close()
	byKEK = map[string]int{}
	for rows.Next() {
		var kek string
		var n int
		if err := rows.Scan(&kek, &n); err != nil {
			return nil, 0, fail(err)
		}
		byKEK[kek] = n
	}
	if err := rows.Err(); err != nil {
		return nil, 0, fail(err)
	}
	err = s.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM persons WHERE sealing = 0 AND id <> $1`, decoyID).Scan(&byRing)
	return byKEK, byRing, fail(err)
}

// SealedByRing gives up to limit persons who have no keys of their own yet, by
// id after the given one.
func (s *Store) SealedByRing(ctx context.Context, after string, limit int) ([]faceproof.Person, error) {
	return s.persons(ctx, `p.sealing = 0 AND p.id > $1`, after, limit)
}

// Reseal puts the values of one person that were sealed anew in the place of the
// old ones; when the person has changed meanwhile it does nothing.
func (s *Store) Reseal(ctx context.Context, old, p faceproof.Person, a faceproof.AuditEntry) error {
	if p.Keys.Fresh {
		if err := s.putKeys(ctx, p.ID, p.Keys); err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE persons SET name_sealed = $3, number_sealed = $4, sealing = $5 WHERE id = $1 AND name_sealed = $2 AND sealing = 0
			AND EXISTS (SELECT 1 FROM templates WHERE person_id = $1 AND sealed = $6)`,
			p.ID, old.NameSealed, p.NameSealed, p.NumberSealed, int(p.Sealing), old.TemplateSealed)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE templates SET sealed = $2 WHERE person_id = $1`, p.ID, p.TemplateSealed); err != nil {
			return err
		}
		return addAudit(ctx, tx, a)
	})
}

// ChangeKeys runs f while no other process changes keys, and records it.
func (s *Store) ChangeKeys(ctx context.Context, a faceproof.AuditEntry, f func() error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if err := addAudit(ctx, tx, a); err != nil {
			return err
		}
		return f()
	})
}
