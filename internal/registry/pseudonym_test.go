package registry

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/audit"
	"faceproof/internal/keys"
	"faceproof/internal/store"
)

// alias is what the log calls a person.
func alias(t testing.TB, f *fixture, id string) string {
	t.Helper()
	a, err := f.PseudonymOf(ctx, id)
	must(t, err)
	return a
}

// named lists what a log calls persons, by the number of the first record.
func named(t testing.TB, s *store.Store) map[string]int64 {
	t.Helper()
	log, err := s.AuditLog(ctx, 1, 10_000)
	must(t, err)
	out := map[string]int64{}
	for i, e := range log {
		if _, seen := out[e.Object]; !seen && strings.HasPrefix(e.Action, "person.") {
			out[e.Object] = int64(i + 1)
		}
	}
	return out
}

// derived makes the names of people from files: those of them that are in names.
func (d *drill) derived(files map[string][]byte, keyFile []byte, ids []string, names map[string]int64) (n int) {
	d.t.Helper()
	dir := d.t.TempDir()
	must(d.t, os.WriteFile(filepath.Join(dir, database), files[database], 0o600))
	must(d.t, os.WriteFile(filepath.Join(dir, keyStore), keyFile, 0o600))
	s, err := store.Open(ctx, store.Config{Path: filepath.Join(dir, database), DeletionsLost: true})
	must(d.t, err)
	defer s.Close()
	for _, id := range ids {
		p, err := s.PersonByID(ctx, id)
		must(d.t, err)
		name, err := d.ring.Person(ctx, id, p.Keys).Pseudonym()
		must(d.t, err)
		for _, guess := range []string{name, id} { // and those that need no key of the person's
			if _, ok := names[guess]; ok {
				n++
			}
		}
	}
	return n
}

// prove gives a proof of records to a new head, checked.
func (d *drill) prove(seqs ...int64) audit.Proof {
	d.t.Helper()
	s, err := store.Open(ctx, d.config())
	must(d.t, err)
	defer s.Close()
	signer, err := audit.NewSigner(d.ring.AuditSeed())
	must(d.t, err)
	n, err := audit.NewNotary(audit.NotaryConfig{Log: s, Signer: signer})
	must(d.t, err)
	must(d.t, n.Step(ctx, true))
	head, err := s.AuditHead(ctx)
	must(d.t, err)
	p := audit.Proof{Checkpoint: head.Note}
	for _, seq := range seqs {
		r, err := s.AuditRecord(ctx, seq)
		must(d.t, err)
		one, err := audit.Prove(r[0], head.Size, s.AuditHashes(ctx))
		must(d.t, err)
		p.Records = append(p.Records, one)
	}
	d.check(p)
	return p
}

func (d *drill) check(p audit.Proof) {
	d.t.Helper()
	signer, err := audit.NewSigner(d.ring.AuditSeed())
	must(d.t, err)
	trusted, err := audit.ParseKeys(signer.Key())
	must(d.t, err)
	if _, _, err := p.Check(trusted); err != nil {
		d.t.Errorf("a proof: %v", err)
	}
}

// T43: the audit log calls a person by HMAC(the person's key, id). After the
// key is destroyed nothing makes that name again, an older copy of the database
// and the list of deletions included, and the log proves what it proved.
func TestPseudonymsAfterShred(t *testing.T) {
	const n, keep = 40, 10
	d := enrolled(t, n)
	s, err := store.Open(ctx, d.config())
	must(t, err)
	names := named(t, s)
	must(t, s.Close())
	old, gone := d.backup(), d.ids[:n-keep]
	if len(names) != n {
		t.Fatalf("%d names of %d people", len(names), n)
	}
	form := regexp.MustCompile(`^[0-9a-f]{32}$`)
	var seqs []int64
	for name, seq := range names {
		seqs = append(seqs, seq)
		if !form.MatchString(name) {
			t.Errorf("%q is no name", name)
		}
	}
	proof := d.prove(seqs...)
	d.remove(keep)
	d.check(proof)
	d.prove(seqs...)

	now := d.backup()
	wrong := d.derived(old, now[keyStore], gone, names)
	for name := range names { // no file but the log itself has a name
		for _, file := range []string{keyStore, keyStore + "-wal", deletions} {
			if b, _ := os.ReadFile(filepath.Join(d.dir, file)); bytes.Contains(b, []byte(name)) {
				wrong++
				t.Errorf("a name is in %s", file)
			}
		}
	}
	s, err = store.Open(ctx, d.config())
	must(t, err)
	defer s.Close()
	log, err := s.AuditLog(ctx, 1, 10_000)
	must(t, err)
	removed := 0
	for _, e := range log {
		if e.Action == "person.remove" {
			removed++
			if _, ok := names[e.Object]; ok || names[e.Detail] > 0 {
				wrong++
				t.Error("the record of a removal, which the list of deletions leads to, has the name")
			}
		}
	}
	l, err := New(Config{Store: s, Keys: d.ring})
	must(t, err)
	var all []string
	for name := range names {
		all = append(all, name)
	}
	who, err := l.Pseudonyms(ctx, all)
	must(t, err)
	if removed != n-keep || len(who) != keep {
		t.Errorf("%d removals, %d names resolved, want %d and %d", removed, len(who), n-keep, keep)
	}
	if wrong != 0 {
		t.Errorf("%d links to %d people who were deleted", wrong, n-keep)
	}
	// The control: with the keys of then every name is made again.
	if got := d.derived(old, old[keyStore], gone, names); got != n-keep {
		t.Errorf("control: %d of %d names with the keys of then", got, n-keep)
	}
	acceptance.Record(t, acceptance.Row{Area: "Deletion", Number: "T43: after shred proofs verify, pseudonyms are not derivable", N: n - keep, Failures: wrong,
		Result: "names of deleted people made again from an older database, today's keys and the list of deletions: 0; with the keys of then all; proofs of before and of now verify"})
}

// The name is the person's alone, the same for ever, and of no use elsewhere.
func TestPseudonym(t *testing.T) {
	for _, suite := range []string{keys.SuiteStd, keys.SuiteGM} {
		r, err := keys.OpenSuite(filepath.Join(t.TempDir(), "keys.json"), suite)
		must(t, err)
		seen := map[string]bool{}
		for _, id := range []string{newID(), newID()} {
			k, c, err := r.NewPerson(context.Background(), id)
			must(t, err)
			name, err := c.Pseudonym()
			must(t, err)
			again, err := r.Person(ctx, id, k).Pseudonym()
			must(t, err)
			if name != again || name == id || len(name) != 32 || seen[name] {
				t.Errorf("%s: %s, then %s", suite, name, again)
			}
			seen[name] = true
			k.Identity[40] ^= 1
			_, err = r.Person(ctx, id, k).Pseudonym()
			want(t, err, faceproof.CodeInternal, "")
		}
	}
	r, err := keys.Open(filepath.Join(t.TempDir(), "keys.json"))
	must(t, err)
	if name, err := r.Person(ctx, "id", faceproof.PersonKeys{}).Pseudonym(); err != nil || name != "id" {
		t.Errorf("without keys: %q, %v", name, err)
	}
}

// Who was touched is found by the name, an enrolment's search included, and a
// person of before there were names by the id.
func TestLogNamesPersons(t *testing.T) {
	f := fresh(t)
	id, err := f.Add(ctx, subject(t, "张三", 1), photos("abc"), "cli")
	must(t, err)
	must(t, second(f.Replace(ctx, subject(t, "张三", 1), photos("abd"), "cli")))
	name := alias(t, f, id)
	log, err := f.store.AuditLog(ctx, 1, 100)
	must(t, err)
	for _, e := range log {
		if e.Object != name {
			t.Errorf("%+v, want %s", e, name)
		}
	}
	if who, err := f.Pseudonyms(ctx, []string{name, "x"}); err != nil || len(who) != 1 || who[name] != id {
		t.Errorf("%v, %v", who, err)
	}
	if a, err := f.PseudonymOf(ctx, newID()); err != nil || a != "" {
		t.Errorf("of nobody: %q, %v", a, err)
	}
}
