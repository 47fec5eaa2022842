package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

func deletion(i int) faceproof.Deletion {
	return faceproof.Deletion{Receipt: fmt.Sprintf("del_%032x", i), PersonID: fmt.Sprintf("%032x", i), DeletedAt: t0, MAC: "00"}
}

// The list of deletions is whole lines, whatever a crash left at its end.
func TestListOfDeletions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, false)
	list := DeletionsPath(path)
	put := func(b string) { must(t, os.WriteFile(list, []byte(b), 0o600)) }
	for i := range 3 {
		must(t, s.PutPerson(ctx, person(fmt.Sprintf("%032x", i), byte(i+1)), false, entry("add")))
	}
	must(t, s.DeletePerson(ctx, deletion(0), entry("remove")))
	whole, err := os.ReadFile(list)
	must(t, err)
	for _, torn := range []string{"{", `{"receipt":"del_`, strings.TrimSuffix(string(whole), "\n")} {
		put(string(whole) + torn)
		if all, err := s.Deletions(); err != nil || len(all) != 1 {
			t.Fatalf("%q: %d, %v", torn, len(all), err)
		}
	}
	must(t, s.DeletePerson(ctx, deletion(1), entry("remove")))
	all, err := s.Deletions()
	must(t, err)
	if len(all) != 2 || all[0] != deletion(0) || all[1] != deletion(1) {
		t.Errorf("%+v", all)
	}
	if info, err := os.Stat(list); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	// A line in the middle that says something else: nobody is served.
	good, err := os.ReadFile(list)
	must(t, err)
	for name, bad := range map[string]string{"no JSON": "x\n", "empty": "\n", "long": strings.Repeat("x", 2*maxDeletionLine) + "\n"} {
		put(bad + string(good))
		want(t, second(s.Deletions()), faceproof.CodeConflict)
		_, err := Open(ctx, Config{Path: path, KeyID: "k"})
		if faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	put(string(good))
	// So it is with one that was not made with the key file.
	_, err = Open(ctx, Config{Path: path, KeyID: "k", CheckDeletion: func(d faceproof.Deletion) error {
		if d == deletion(1) {
			return errors.New("changed")
		}
		return nil
	}})
	if faceproof.ErrorCode(err) != faceproof.CodeConflict || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
	// And with one that has lost lines, unless that is said.
	must(t, openAt(t, path, false).Close())
	put(string(whole))
	_, err = Open(ctx, Config{Path: path, KeyID: "k"})
	want(t, err, faceproof.CodeConflict)
	for _, lost := range []bool{true, false} { // once
		again, err := Open(ctx, Config{Path: path, KeyID: "k", DeletionsLost: lost})
		must(t, err)
		must(t, again.Close())
	}
}

// When the list cannot be written, nothing is deleted.
func TestDeletionNeedsItsLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, false)
	p := person(fmt.Sprintf("%032x", 1), 1)
	p.Keys = faceproof.PersonKeys{KEK: "k", Identity: []byte("i"), Biometric: []byte("b"), Fresh: true}
	must(t, s.PutPerson(ctx, p, false, entry("add")))
	must(t, os.Mkdir(DeletionsPath(path), 0o700))
	rows := count(t, s, `SELECT COUNT(*) FROM audit`)
	want(t, s.DeletePerson(ctx, deletion(1), entry("remove")), faceproof.CodeUnavailable)
	if got, err := s.PersonByID(ctx, p.ID); err != nil || got.Keys.Absent() {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, os.Remove(DeletionsPath(path)))
	// Nor when it cannot be recorded.
	_, err := s.writer.Exec(`ALTER TABLE audit RENAME TO gone`)
	must(t, err)
	if err := s.DeletePerson(ctx, deletion(1), entry("remove")); err == nil {
		t.Error("deleted without an audit row")
	}
	_, err = s.writer.Exec(`ALTER TABLE gone RENAME TO audit`)
	must(t, err)
	if got, err := s.PersonByID(ctx, p.ID); err != nil || got.Keys.Absent() {
		t.Errorf("%+v, %v", got, err)
	}
	if all, err := s.Deletions(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit`); n != rows {
		t.Errorf("%d audit rows more", n-rows)
	}
}

// A deletion cut off after its line is finished when the store is opened, with
// an audit row, once.
func TestInterruptedDeletion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, false)
	p := person(fmt.Sprintf("%032x", 1), 1)
	p.Keys = faceproof.PersonKeys{KEK: "k", Identity: []byte("i"), Biometric: []byte("b"), Fresh: true}
	must(t, s.PutPerson(ctx, p, false, entry("add")))
	must(t, s.bury(deletion(1)))
	for range 2 {
		s = openAt(t, path, false)
		want(t, second(s.PersonByID(ctx, p.ID)), faceproof.CodeNotFound)
		if use, _, err := s.KeyUse(ctx); err != nil || len(use) != 0 {
			t.Errorf("%v, %v", use, err)
		}
		if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'person.remove'`); n != 1 {
			t.Errorf("%d audit rows", n)
		}
	}
}

// Of two who give a person keys at once one wins, and the other is told.
func TestKeysAreMadeOnce(t *testing.T) {
	s := open(t)
	must(t, s.PutPerson(ctx, person("p", 1), false, entry("add")))
	won := race(t, 10, func(i int) error {
		p := person("p", 1)
		p.Sealing, p.Keys = faceproof.SealedByKeys, faceproof.PersonKeys{KEK: "k", Identity: []byte{byte(i)}, Biometric: []byte{1}, Fresh: true}
		p.NameSealed = []byte{byte(i)}
		return s.PutPerson(ctx, p, true, entry("replace"))
	}, faceproof.CodeConflict)
	p, err := s.PersonByID(ctx, "p")
	must(t, err)
	if won != 1 || !bytes.Equal(p.Keys.Identity, p.NameSealed) {
		t.Errorf("%d won; keys %x, sealed with %x", won, p.Keys.Identity, p.NameSealed)
	}
	// Keys of somebody who is not enrolled after all do not stay.
	q := person("q", 1)
	q.Keys = faceproof.PersonKeys{KEK: "k", Identity: []byte("i"), Biometric: []byte("b"), Fresh: true}
	want(t, s.PutPerson(ctx, q, false, entry("add")), faceproof.CodeConflict)
	if use, _, err := s.KeyUse(ctx); err != nil || use["k"] != 1 {
		t.Errorf("%v, %v", use, err)
	}
}

func FuzzDeletions(f *testing.F) {
	f.Add([]byte("{\"receipt\":\"del_00\"}\n{"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := readDeletions(bytes.NewReader(b), nil)
		if err == nil && len(all) != bytes.Count(b, []byte("\n")) {
			t.Fatalf("%d of %d lines", len(all), bytes.Count(b, []byte("\n")))
		}
	})
}
