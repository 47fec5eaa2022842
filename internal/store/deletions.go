package store

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"faceproof"
)

// maxDeletionLine bounds one line of the list of deletions, bytes; ours have
// under 500.
const maxDeletionLine = 4096

// appliedDeletions is the row of meta that counts the lines of the list that a
// database has seen.
const appliedDeletions = "deletions"

// DeletePerson deletes a person for good: their rows, the name and number in
// their finished verifications, and the keys that open what backups still hold.
// d goes into the list of deletions, by which a restore deletes them again. A
// deletion that was interrupted is finished when the store is opened. Errors:
// CodeNotFound.
func (s *Store) DeletePerson(ctx context.Context, d faceproof.Deletion, a faceproof.AuditEntry) error {
	if d.PersonID == decoyID {
		return notFound("person")
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if gone, err := s.remove(ctx, tx, d); err != nil {
			return err
		} else if !gone {
			return notFound("person")
		}
		if err := addAudit(ctx, tx, a); err != nil {
			return err
		}
		// From here on the deletion happens, whatever fails.
		if err := s.bury(d); err != nil {
			return &faceproof.Error{Code: faceproof.CodeUnavailable, Message: "the list of deletions cannot be written, so nothing was deleted: " + err.Error(), Err: err}
		}
		return s.shred(ctx, d.PersonID)
	})
}

// remove deletes what the database has of a person; false: nothing.
func (s *Store) remove(ctx context.Context, tx *sql.Tx, d faceproof.Deletion) (bool, error) {
	if _, err := tx.ExecContext(ctx, `DELETE FROM templates WHERE person_id = $1`, d.PersonID); err != nil {
		return false, err
	}
	r, err := tx.ExecContext(ctx, `DELETE FROM persons WHERE id = $1`, d.PersonID)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	if err != nil {
		return false, err
	}
	if n > 0 {
		if err := s.countPeople(ctx, tx, -1); err != nil {
			return false, err
		}
	}
	if subject, err := hex.DecodeString(d.Subject); err == nil && len(subject) > 0 {
		// Who comes again after being deleted is somebody new.
		r, err := tx.ExecContext(ctx, `UPDATE verifications SET subject_sealed = $2 WHERE subject_index = $1 AND finished_at > 0 AND created_at <= $3 AND subject_sealed <> $2`,
			subject, []byte{}, d.DeletedAt)
		if err != nil {
			return false, err
		}
		more, err := r.RowsAffected()
		if err != nil {
			return false, err
		}
		n += more
	}
	return n > 0, nil
}

// bury adds a line to the list of deletions and makes it last. The write
// transaction around it keeps other processes out.
func (s *Store) bury(d faceproof.Deletion) error {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	path := DeletionsPath(s.c.Path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := wholeLines(f)
	if err != nil {
		return err
	}
	if err := f.Truncate(size); err != nil { // a line cut short by a crash deleted nobody
		return err
	}
	if _, err = f.WriteAt(append(line, '\n'), size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(size))
	}
	if size > 0 {
		return nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// wholeLines is the length of a file up to its last line's end.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	tail := make([]byte, min(info.Size(), maxDeletionLine))
	if _, err := f.ReadAt(tail, info.Size()-int64(len(tail))); err != nil && err != io.EOF {
		return 0, err
	}
	end := bytes.LastIndexByte(tail, '\n') + 1
	if end == 0 && info.Size() > maxDeletionLine {
		return 0, errors.New("it is no list of deletions")
	}
	return info.Size() - int64(len(tail)-end), nil
}

// Deletions reads the list of deletions, oldest first, and checks each line.
// Errors: CodeConflict: it was changed.
func (s *Store) Deletions() ([]faceproof.Deletion, error) {
	path := DeletionsPath(s.c.Path)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "data", Message: "the list of deletions cannot be read: " + err.Error(), Err: err}
	}
	defer f.Close()
	return readDeletions(f, s.c.CheckDeletion)
}

func readDeletions(in io.Reader, check func(faceproof.Deletion) error) ([]faceproof.Deletion, error) {
	var out []faceproof.Deletion
	r := bufio.NewReaderSize(in, maxDeletionLine)
	for {
		line, err := r.ReadSlice('\n')
		if err == io.EOF { // a last line without an end was cut short
			return out, nil
		}
		damaged := faceproof.Errorf(faceproof.CodeConflict, "data", "line %d of the list of deletions was changed; put its newest copy back", len(out)+1)
		var d faceproof.Deletion
		if err != nil || json.Unmarshal(line, &d) != nil || check != nil && check(d) != nil {
			return nil, damaged
		}
		out = append(out, d)
	}
}

// replayDeletions deletes again whom a restore of an older database has brought
// back. It is done before anybody is served.
func (s *Store) replayDeletions(ctx context.Context) error {
	all, err := s.Deletions()
	if err != nil {
		return err
	}
	from, most := len(all), 0
	for _, db := range []*sql.DB{s.writer, s.keys} {
		n, err := applied(ctx, db)
		if err != nil {
			return err
		}
		from, most = min(from, n), max(most, n)
	}
	if len(all) < most && !s.c.DeletionsLost {
		return faceproof.Errorf(faceproof.CodeConflict, "data",
			"the list of deletions %s has %d lines, but this database has seen %d: people who were deleted could come back. Put its newest copy back; if it is lost, say so: faceproof keys deletions --lost",
			DeletionsPath(s.c.Path), len(all), most)
	}
	for at := from; at < len(all); at += batch {
		if err := s.replay(ctx, all[at:min(at+batch, len(all))]); err != nil {
			return err
		}
	}
	if from == len(all) && most == len(all) {
		return nil
	}
	// The keys' count first: whatever is cut off here is done again.
	for _, db := range []*sql.DB{s.keys, s.writer} {
		err := s.writeTo(ctx, db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
				appliedDeletions, strconv.Itoa(len(all)))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) replay(ctx context.Context, some []faceproof.Deletion) error {
	var ids []string
	for _, d := range some {
		if d.PersonID != decoyID {
			ids = append(ids, d.PersonID)
		}
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, d := range some {
			gone, err := s.remove(ctx, tx, d)
			if err != nil {
				return err
			}
			if !gone {
				continue
			}
			s.c.Log.Warn("a person who was deleted before is deleted again: the database is older than the list of deletions", "receipt", d.Receipt)
			if err := addAudit(ctx, tx, s.entry("", "person.remove", d.Receipt, "again")); err != nil {
				return err
			}
		}
		return s.shred(ctx, ids...)
	})
}

// applied is how many lines of the list a database has seen.
func applied(ctx context.Context, db *sql.DB) (int, error) {
	var text string
	err := db.QueryRowContext(ctx, `SELECT value FROM meta WHERE name = $1`, appliedDeletions).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fail(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, faceproof.Errorf(faceproof.CodeInternal, "data", "the count of deletions is damaged")
	}
	return n, nil
}
