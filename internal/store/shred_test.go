package store

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"faceproof"
)

// A key that is destroyed while somebody reads the file of keys, as a backup
// does, is overwritten when they have ended: by the next sweep, or start.
func TestShredBesideAReader(t *testing.T) {
	for _, how := range []string{"sweep", "start"} {
		path := filepath.Join(t.TempDir(), "faceproof.db")
		s := openAt(t, path, false)
		must(t, second(s.keys.Exec(`PRAGMA busy_timeout = 20`))) // the test does not wait ten seconds for the reader
		p := person("0123456789abcdef0123456789abcdef", 1)
		secret := bytes.Repeat([]byte("wrapped key of somebody "), 4)
		p.Keys = faceproof.PersonKeys{KEK: "k", Identity: secret, Biometric: secret, Fresh: true}
		must(t, s.PutPerson(ctx, p, false, entry("add")))
		left := func() bool {
			t.Helper()
			for _, f := range []string{KeysPath(path), KeysPath(path) + "-wal"} {
				b, err := os.ReadFile(f)
				if err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
				if bytes.Contains(b, secret) {
					return true
				}
			}
			return false
		}
		reader, err := s.keyReader.BeginTx(ctx, nil)
		must(t, err)
		var n int
		must(t, reader.QueryRow(`SELECT COUNT(*) FROM person_keys`).Scan(&n))
		must(t, s.DeletePerson(ctx, faceproof.Deletion{Receipt: "del_1", PersonID: p.ID, DeletedAt: t0}, entry("remove")))
		if !left() {
			t.Fatal("nothing is left although somebody reads: the test shows nothing")
		}
		must(t, reader.Rollback())
		switch how {
		case "sweep":
			must(t, second(s.Sweep(ctx, t0)))
		case "start":
			openAt(t, path, false)
		}
		if left() {
			t.Errorf("after the %s the key is still in the file", how)
		}
	}
}
