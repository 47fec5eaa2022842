package registry

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/keys"
	"faceproof/internal/store"
)

// drill is a deployment that is backed up, loses people and is restored.
type drill struct {
	t    testing.TB
	dir  string
	ring *keys.Ring
	who  []faceproof.Subject
	ids  []string
}

const (
	database  = "faceproof.db"
	keyStore  = "faceproof-keys.db"
	deletions = "faceproof-deleted.jsonl"
)

// enrolled makes a deployment with n people.
func enrolled(t testing.TB, n int) *drill {
	t.Helper()
	d := &drill{t: t, dir: t.TempDir()}
	var err error
	d.ring, err = keys.Open(filepath.Join(d.dir, "keys.json"))
	must(t, err)
	l, done := d.open()
	defer done()
	for i := range n {
		s := subject(t, fmt.Sprintf("金丝雀%d", i), i)
		id, err := l.Add(ctx, s, photos(fmt.Sprintf("canary-template-%04d", i)), "cli")
		must(t, err)
		d.who, d.ids = append(d.who, s), append(d.ids, id)
	}
	return d
}

func (d *drill) config() store.Config {
	return store.Config{Path: filepath.Join(d.dir, database), KeyID: d.ring.ID(), CheckDeletion: d.ring.CheckDeletion}
}

func (d *drill) open() (*Local, func()) {
	d.t.Helper()
	s, err := store.Open(ctx, d.config())
	must(d.t, err)
	l, err := New(Config{Store: s, Keys: d.ring, Enroller: &enroller{model: "model-1"}, Now: func() time.Time { return now }})
	must(d.t, err)
	return l, func() { must(d.t, s.Close()) }
}

// backup copies the files of a closed deployment; restore puts some of them back.
func (d *drill) backup() map[string][]byte {
	d.t.Helper()
	out := map[string][]byte{}
	for _, name := range []string{database, keyStore, deletions} {
		if b, err := os.ReadFile(filepath.Join(d.dir, name)); err == nil {
			out[name] = b
		}
	}
	return out
}

func (d *drill) restore(b map[string][]byte, names ...string) {
	d.t.Helper()
	for _, name := range names {
		must(d.t, os.WriteFile(filepath.Join(d.dir, name), b[name], 0o600))
	}
}

// remove deletes everybody before the last keep, and gives the receipts.
func (d *drill) remove(keep int) (out []faceproof.Deletion) {
	d.t.Helper()
	l, done := d.open()
	defer done()
	for _, id := range d.ids[:len(d.ids)-keep] {
		r, err := l.Delete(ctx, id, "cli")
		must(d.t, err)
		out = append(out, r)
	}
	return out
}

// readable counts those of the first gone people of whom the registry still
// knows anything, and checks that all others are there.
func (d *drill) readable(gone int) int {
	d.t.Helper()
	l, done := d.open()
	defer done()
	n := 0
	listed := map[string]bool{}
	must(d.t, l.List(ctx, func(i Info) error { listed[i.ID] = true; return nil }))
	for i, s := range d.who {
		r, err := l.Reference(ctx, s)
		must(d.t, err)
		switch found := r.State != faceproof.ReferenceAbsent || listed[d.ids[i]]; {
		case i < gone && found:
			n++
		case i >= gone && !found:
			d.t.Errorf("person %d is gone too", i)
		}
	}
	return n
}

// openRows counts the values in the files of a backup that open with the keys
// of today, whatever the list of deletions says: an attacker has the backup, the
// key file and today's disk.
func (d *drill) openRows(backup map[string][]byte, keyFile []byte) (rows, open int) {
	d.t.Helper()
	dir := d.t.TempDir()
	must(d.t, os.WriteFile(filepath.Join(dir, database), backup[database], 0o600))
	must(d.t, os.WriteFile(filepath.Join(dir, keyStore), keyFile, 0o600))
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, database), DeletionsLost: true})
	must(d.t, err)
	defer s.Close()
	for _, id := range d.ids {
		p, err := s.PersonByID(ctx, id)
		must(d.t, err)
		c := d.ring.Person(ctx, id, p.Keys)
		for purpose, v := range map[string][]byte{purposeName: p.NameSealed, purposeNumber: p.NumberSealed, purposeTemplate: p.TemplateSealed} {
			model := ""
			if purpose == purposeTemplate {
				model = p.ModelID
			}
			rows++
			if _, err := c.Open(purpose, model, v); err == nil {
				open++
			}
		}
	}
	return rows, open
}

// T41: a person who was deleted stays deleted when an older database is put
// back: their rows go again before the store is open, and without that list
// nothing of them opens.
func TestDeletionDrill(t *testing.T) {
	n := 40
	if os.Getenv(acceptance.Folder) != "" || os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 1000
	}
	const keep = 5
	d := enrolled(t, n+keep)
	old := d.backup()
	wrapped := d.wrapped()
	begin := time.Now()
	receipts := d.remove(keep)
	each := time.Since(begin) / time.Duration(n)
	back := 0
	check := func(what string) {
		t.Helper()
		if got := d.readable(n); got > 0 {
			t.Errorf("%s: %d of %d are back", what, got, n)
			back += got
		}
	}
	check("deleted")
	now := d.backup()

	// The keys are gone from the disk, and what a backup holds opens no more.
	for _, name := range []string{keyStore, keyStore + "-wal"} {
		b, _ := os.ReadFile(filepath.Join(d.dir, name))
		for i, w := range wrapped[:n] {
			if bytes.Contains(b, w) {
				t.Fatalf("the wrapped key of person %d is still in %s", i, name)
			}
		}
	}
	if rows, open := d.openRows(old, now[keyStore]); rows != 3*(n+keep) || open != 3*keep {
		t.Errorf("with the keys of today %d of %d values of the backup open, want %d", open, rows, 3*keep)
	}
	// The control: with the keys of then all of it does. The backup is a real one.
	if rows, open := d.openRows(old, old[keyStore]); open != rows {
		t.Errorf("control: %d of %d values open with the keys of then", open, rows)
	}

	d.restore(old, database)
	check("the database restored")
	d.restore(old, database, keyStore)
	check("database and keys restored")
	d.restore(old, keyStore)
	check("the keys restored")
	for _, r := range receipts {
		must(t, d.ring.CheckDeletion(r))
	}
	// Without the list nobody is served.
	must(t, os.Remove(filepath.Join(d.dir, deletions)))
	_, err := store.Open(ctx, d.config())
	want(t, err, faceproof.CodeConflict, "data")
	d.restore(now, deletions)
	check("the list put back")
	acceptance.Record(t, acceptance.Row{Area: "Deletion", Number: "delete 1,000; restore an older database, the keys, both: 0 recoverable; receipts verify", N: n, Failures: back,
		Result: fmt.Sprintf("%d deleted (%s each), 4 restores, %d back; 0 of %d values of the older backup open with today's keys, all of them with the keys of then (control); %d receipts verify",
			n, each.Round(100*time.Microsecond), back, 3*n, len(receipts))})
}

// wrapped gives everybody's wrapped identity key.
func (d *drill) wrapped() (out [][]byte) {
	d.t.Helper()
	s, err := store.Open(ctx, d.config())
	must(d.t, err)
	defer s.Close()
	for _, id := range d.ids {
		p, err := s.PersonByID(ctx, id)
		must(d.t, err)
		out = append(out, p.Keys.Identity)
	}
	return out
}

// A database without the keys that belong to it is refused, and no keys are made
// in their place.
func TestMissingKeysAreRefused(t *testing.T) {
	d := enrolled(t, 2)
	old := d.backup()
	must(t, os.Remove(filepath.Join(d.dir, keyStore)))
	_, err := store.Open(ctx, d.config())
	want(t, err, faceproof.CodeConflict, "data")
	if _, err := os.Stat(filepath.Join(d.dir, keyStore)); err == nil {
		t.Error("keys were made")
	}
	other := enrolled(t, 1)
	d.restore(other.backup(), keyStore)
	_, err = store.Open(ctx, d.config())
	want(t, err, faceproof.CodeConflict, "data")
	d.restore(old, keyStore)
	if d.readable(0) != 0 {
		t.Error("not as before")
	}
}

// T17: after a deletion no file holds a name, a number or a template of anybody,
// deleted or not, in 4 encodings; nor a wrapped key of who was deleted.
func TestDumpScan(t *testing.T) {
	d := enrolled(t, 60)
	wrapped := d.wrapped()
	d.remove(20)
	var all []byte
	files, _ := filepath.Glob(filepath.Join(d.dir, "*"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		all = append(all, b...)
	}
	hits := 0
	look := func(c []byte) bool {
		utf16 := []byte{}
		for _, r := range string(c) {
			utf16 = append(utf16, byte(r), byte(r>>8))
		}
		for _, form := range [][]byte{c, []byte(hex.EncodeToString(c)), bytes.ToUpper([]byte(hex.EncodeToString(c))), utf16} {
			if bytes.Contains(all, form) {
				return true
			}
		}
		return false
	}
	hide := func(what string, c []byte) {
		if look(c) {
			hits++
			t.Errorf("%s is readable", what)
		}
	}
	for i, s := range d.who {
		hide("a name", []byte(s.Name.Reveal()))
		hide("a number", []byte(s.IDNumber.Reveal()))
		e := &enroller{model: "model-1"}
		x, err := e.Enrol(ctx, photos(fmt.Sprintf("canary-template-%04d", i)))
		must(t, err)
		plain, err := encodeTemplate(x)
		must(t, err)
		hide("a template", plain[20:60])
		if i < 40 {
			hide("a destroyed key", wrapped[i])
		} else if !look(wrapped[i]) { // the control: what is there is found
			t.Errorf("the wrapped key of person %d is not found", i)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "At rest", Number: "0 canaries in the files of the data folder", N: 3*len(d.who) + 40, Failures: hits,
		Result: fmt.Sprintf("%d names, numbers and templates and 40 destroyed keys looked for in 4 encodings in %d files, %d bytes: %d hits", 3*len(d.who), len(files), len(all), hits)})
}

// People of before there were keys of one's own are read, replaced and deleted,
// and get keys, once.
func TestPeopleOfBefore(t *testing.T) {
	f := fresh(t)
	who := []faceproof.Subject{subject(t, "张三", 1), subject(t, "李四", 2), subject(t, "王五", 3), subject(t, "赵六", 4)}
	for i, s := range who {
		old := faceproof.Person{ID: fmt.Sprintf("%032x", i+1), SubjectIndex: f.index(s), ModelID: "model-1", Frames: 1, CreatedAt: 1, UpdatedAt: 1}
		seal := func(purpose string, plain []byte) []byte {
			b, err := f.ring.Seal(plain, keys.AAD(purpose, old.ID))
			must(t, err)
			return b[1:] // as it was: without a suite id
		}
		plain, err := encodeTemplate(faceproof.Template{ModelID: "model-1", Frames: 1, Vector: []float32{float32(i)}})
		must(t, err)
		old.NameSealed, old.NumberSealed, old.TemplateSealed = seal(purposeName, []byte(s.Name.Reveal())), seal(purposeNumber, []byte(s.IDNumber.Reveal())), seal(purposeTemplate, plain)
		must(t, f.store.PutPerson(ctx, old, false, faceproof.AuditEntry{}))
	}
	found := func(when string, s faceproof.Subject, first float32) {
		t.Helper()
		if r := f.state(t, s); r.State != faceproof.ReferenceFound || r.Template.Vector[0] != first {
			t.Errorf("%s: %s %v", when, r.State, r.Template.Vector[:1])
		}
	}
	for i, s := range who {
		found("before", s, float32(i))
	}
	must(t, second(f.Replace(ctx, who[2], photos("a"), "cli")))
	found("replaced", who[2], 'a')
	d, err := f.Delete(ctx, fmt.Sprintf("%032x", 4), "cli")
	must(t, err)
	if d.Keys != "" || d.Subject == "" {
		t.Errorf("%+v", d)
	}
	use, byRing, err := f.store.KeyUse(ctx)
	must(t, err)
	if byRing != 2 || len(use) != 1 {
		t.Errorf("%v, %d", use, byRing)
	}
	none := func(int) error { return nil }
	for range 2 {
		done, failed, err := f.Reseal(ctx, "cli", none)
		must(t, err)
		if failed != 0 || done != byRing {
			t.Errorf("%d given keys, %d failed", done, failed)
		}
		byRing = 0
	}
	found("after", who[0], 0)
	found("after", who[1], 1)
	found("after", who[2], 'a')
	p, err := f.store.PersonByID(ctx, fmt.Sprintf("%032x", 1))
	must(t, err)
	if p.Sealing != faceproof.SealedByKeys || p.Keys.Absent() || p.UpdatedAt != 1 {
		t.Errorf("%+v", p)
	}
}

// A deletion takes the name and number out of the person's finished
// verifications, and out of nobody else's.
func TestDeletionForgetsVerifications(t *testing.T) {
	f := fresh(t)
	who, other := subject(t, "张三", 1), subject(t, "李四", 2)
	id, err := f.Add(ctx, who, photos("a"), "cli")
	must(t, err)
	for name, s := range map[string]faceproof.Subject{"own": who, "other": other} {
		for _, ended := range []bool{true, false} {
			v := faceproof.Verification{ID: fmt.Sprint(name, ended), AppID: "wx00000000000000a1", Generation: faceproof.Gen1, State: faceproof.StateCreated, Alive: faceproof.AliveFlash,
				SubjectSealed: []byte("sealed"), SubjectIndex: f.ring.Index("subject", []byte(s.IDNumber.Reveal())), CreatedAt: now.UnixMilli(), ExpiresAt: now.UnixMilli() + 1000, TokenHash: []byte(fmt.Sprint(name, ended))}
			must(t, f.store.CreateVerification(ctx, v, faceproof.AuditEntry{}))
			if ended {
				must(t, f.store.Advance(ctx, v.ID, faceproof.StateCreated, faceproof.StateEnded, nil, faceproof.ReasonCancelled, now.UnixMilli(), faceproof.AuditEntry{}))
			}
		}
	}
	must(t, second(f.Delete(ctx, id, "cli")))
	for name, left := range map[string]string{"owntrue": "", "ownfalse": "sealed", "othertrue": "sealed", "otherfalse": "sealed"} {
		v, err := f.store.Verification(ctx, faceproof.VerificationKey{ID: name})
		must(t, err)
		if string(v.SubjectSealed) != left {
			t.Errorf("%s: %q", name, v.SubjectSealed)
		}
	}
}

// T43: the audit log knows a person by a random id. After a deletion no file but
// the list of deletions leads from a number to that id, even with the keys.
func TestDeletionLeavesNoLink(t *testing.T) {
	d := enrolled(t, 30)
	links := func(file string) (n int) {
		b, err := os.ReadFile(filepath.Join(d.dir, file))
		must(t, err)
		for _, s := range d.who[:20] {
			for _, purpose := range []string{purposeIndex, purposeSubject} {
				x := d.ring.Index(purpose, []byte(s.IDNumber.Reveal()))
				if bytes.Contains(b, x) || bytes.Contains(b, []byte(hex.EncodeToString(x))) {
					n++
				}
			}
		}
		return n
	}
	if n := links(database); n != 20 { // the control: the index by which they are found
		t.Errorf("%d links before", n)
	}
	d.remove(10)
	for file, want := range map[string]int{database: 0, keyStore: 0, deletions: 20} {
		if n := links(file); n != want {
			t.Errorf("%s: %d links, want %d", file, n, want)
		}
	}
}
