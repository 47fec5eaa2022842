package keys

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

var ctx = context.Background()

func ringAt(t testing.TB) (*Ring, string) { return ringOf(t, SuiteStd) }

func ringOf(t testing.TB, suite string) (*Ring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	r, err := OpenSuite(path, suite)
	must(t, err)
	return r, path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sealed is one person as a database has them.
type sealed struct {
	id       string
	keys     faceproof.PersonKeys
	name     []byte
	template []byte
}

func people(t testing.TB, r *Ring, n int) []sealed {
	t.Helper()
	out := make([]sealed, n)
	for i := range out {
		p := sealed{id: fmt.Sprintf("%032x", i)}
		var c faceproof.PersonCipher
		var err error
		p.keys, c, err = r.NewPerson(ctx, p.id)
		must(t, err)
		p.name, err = c.Seal("person.name", "", []byte("某某"))
		must(t, err)
		p.template, err = c.Seal("person.template", "m", make([]byte, 529))
		must(t, err)
		out[i] = p
	}
	return out
}

// T18: 1,000 times somebody's values are put into another's row, and 1,000 times
// their wrapped keys too: whoever can write to the databases cannot become
// another person. Nothing of it opens; the values in their own row do.
func TestSwapsOfPeople(t *testing.T) {
	for _, suite := range SuiteNames() {
		t.Run(suite, func(t *testing.T) { swapPeople(t, suite) })
	}
}

func swapPeople(t *testing.T, suite string) {
	r, _ := ringOf(t, suite)
	const n = 1000
	all := people(t, r, n)
	opened := map[string]int{}
	try := func(what string, p sealed, purpose, model string, value []byte) {
		if _, err := r.Person(ctx, p.id, p.keys).Open(purpose, model, value); err == nil {
			opened[what]++
		} else if faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i, p := range all {
		other := all[(i+1)%n]
		try("cipher", p, "person.template", "m", other.template)
		stolen := p
		stolen.keys = other.keys
		try("cipher and keys", stolen, "person.template", "m", other.template)
		// And the swaps within one row.
		try("name", stolen, "person.name", "", other.name)
		try("template as name", p, "person.name", "", p.template)
		try("another model", p, "person.template", "m2", p.template)
		parts := p
		parts.keys.Identity, parts.keys.Biometric = p.keys.Biometric, p.keys.Identity
		try("the keys of one person exchanged", parts, "person.template", "m", p.template)
		try("own", p, "person.template", "m", p.template)
		try("own", p, "person.name", "", p.name)
	}
	if opened["own"] != 2*n {
		t.Errorf("%d of %d open in their own row", opened["own"], 2*n)
	}
	delete(opened, "own")
	if len(opened) != 0 {
		t.Errorf("opened: %v", opened)
	}
	acceptance.Record(t, acceptance.Row{Area: "AAD swap", Number: "1,000 (cipher) + 1,000 (cipher and wrapped keys): 2,000 refused", N: 2 * n,
		Failures: opened["cipher"] + opened["cipher and keys"], Result: fmt.Sprintf("suite %s: %d refused; beside them %d swaps of purpose, model and part refused, %d values open in their own row", suite, 2*n-opened["cipher"]-opened["cipher and keys"], 4*n, 2*n)})
}

// The control of TestSwapsOfPeople: sealed without associated data, a row that
// gets another's value and key opens, every time.
func TestSwapsOfPeopleControl(t *testing.T) {
	type row struct{ key, value []byte }
	const n = 1000
	rows := make([]row, n)
	for i := range rows {
		rows[i].key = stdSuite.newKey()
		var err error
		rows[i].value, err = stdSuite.seal(rows[i].key, fmt.Append(nil, i), nil)
		must(t, err)
	}
	opened := 0
	for i := range rows {
		rows[i] = rows[(i+1)%n] // the attacker's whole row
		if got, err := stdSuite.open(rows[i].key, rows[i].value, nil); err == nil && string(got) != fmt.Sprint(i) {
			opened++
		}
	}
	if opened < n-1 {
		t.Errorf("%d of %d swaps went through without associated data", opened, n)
	}
	acceptance.Record(t, acceptance.Row{Area: "AAD swap", Control: true, N: n, Failures: n - opened, Result: fmt.Sprintf("without associated data %d of %d swaps of cipher and key open as somebody else's", opened, n)})
}

// Any byte of a wrapped key or a value that is changed makes it not open.
func TestChangedBytesOfPeople(t *testing.T) {
	r, _ := ringAt(t)
	p := people(t, r, 1)[0]
	for name, b := range map[string][]byte{"wrapped key": p.keys.Identity, "value": p.name} {
		for i := range b {
			b[i] ^= 1
			if _, err := r.Person(ctx, p.id, p.keys).Open("person.name", "", p.name); faceproof.ErrorCode(err) != faceproof.CodeInternal {
				t.Fatalf("%s: opened with byte %d changed: %v", name, i, err)
			}
			b[i] ^= 1
		}
	}
	if _, err := r.Person(ctx, p.id, p.keys).Open("person.name", "", p.name); err != nil {
		t.Error(err)
	}
	if _, err := r.Person(ctx, p.id, p.keys).Open("person.face", "", p.name); err == nil {
		t.Error("a purpose that is not listed")
	}
	if _, err := r.Person(ctx, p.id, faceproof.PersonKeys{}).Seal("person.name", "", []byte("x")); err == nil {
		t.Error("sealed without keys")
	}
}

// What earlier versions sealed opens: without a suite id, under the ring's keys.
func TestOlderValuesOpen(t *testing.T) {
	r, _ := ringAt(t)
	aad := AAD("person.name", "1")
	old, err := r.sealing.Encrypt([]byte("某某"), aad)
	must(t, err)
	if old[0] != legacyPrefix || suiteOf(old) != nil {
		t.Fatalf("begins with %x", old[0])
	}
	if got, err := r.Open(old, aad); err != nil || string(got) != "某某" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := r.Person(ctx, "1", faceproof.PersonKeys{}).Open("person.name", "", old); err != nil || string(got) != "某某" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := r.Person(ctx, "2", faceproof.PersonKeys{}).Open("person.name", "", old); err == nil {
		t.Error("opened as another's")
	}
}

// A key-encryption key is replaced under a running server: both old and new
// keys open in it at once, and it wraps with the new one.
func TestKEKs(t *testing.T) {
	for _, suite := range SuiteNames() {
		t.Run(suite, func(t *testing.T) { rotateKEKs(t, suite) })
	}
}

func rotateKEKs(t *testing.T, suite string) {
	server, path := ringOf(t, suite)
	old := people(t, server, 3)
	first, err := server.KEK(ctx)
	must(t, err)
	second, err := AddKEK(path, time.Now())
	must(t, err)
	if err := DropKEK(path, first, time.Now()); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("dropped a moment after: %v", err)
	}
	tool, err := Read(path)
	must(t, err)
	w, same, err := tool.Rewrap(ctx, old[0].id, old[0].keys)
	must(t, err)
	if same || w.KEK != second || bytes.Equal(w.Identity, old[0].keys.Identity) {
		t.Errorf("wrapped under %s", w.KEK)
	}
	for name, k := range map[string]faceproof.PersonKeys{"old": old[0].keys, "new": w} {
		if _, err := server.Person(ctx, old[0].id, k).Open("person.name", "", old[0].name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, same, err := tool.Rewrap(ctx, old[0].id, w); err != nil || !same {
		t.Errorf("twice: %v", err)
	}
	if _, _, err := tool.Rewrap(ctx, old[1].id, old[0].keys); err == nil {
		t.Error("wrapped another's keys")
	}
	if fresh, _, err := server.NewPerson(ctx, "9"); err != nil || fresh.KEK != second {
		t.Errorf("the running server wraps with %s, %v", fresh.KEK, err)
	}
	all, err := KEKs(path)
	must(t, err)
	if len(all) != 3 || all[0].ID != rootKEK || all[1].ID != first || all[2].ID != second || !all[2].Current || all[1].Current {
		t.Errorf("%+v", all)
	}
	for id, code := range map[string]faceproof.Code{second: faceproof.CodeConflict, "file-00": faceproof.CodeNotFound, rootKEK: faceproof.CodeNotFound} {
		if err := DropKEK(path, id, time.Now()); faceproof.ErrorCode(err) != code {
			t.Errorf("drop %s: %v", id, err)
		}
	}
	must(t, DropKEK(path, first, time.Now().Add(2*retireAfter)))
	without, err := Read(path)
	must(t, err)
	if _, err := without.Person(ctx, old[1].id, old[1].keys).Open("person.name", "", old[1].name); faceproof.ErrorCode(err) != faceproof.CodeInternal {
		t.Errorf("opens without its key-encryption key: %v", err)
	}
	if _, err := without.Person(ctx, old[0].id, w).Open("person.name", "", old[0].name); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A key file of before has no key-encryption key: the ring's keys wrap until the
// first rotation.
func TestKeyFileOfBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	sealing, index, err := newKeysets()
	must(t, err)
	must(t, os.WriteFile(path, fmt.Appendf(nil, `{"version":1,"sealing":%s,"index":%s}`, sealing, index), 0o600))
	r, err := Read(path)
	must(t, err)
	p := people(t, r, 1)[0]
	if p.keys.KEK != rootKEK {
		t.Errorf("wrapped by %s", p.keys.KEK)
	}
	kek, err := AddKEK(path, time.Now())
	must(t, err)
	w, _, err := r.Rewrap(ctx, p.id, p.keys)
	must(t, err)
	if w.KEK != kek {
		t.Errorf("wrapped by %s", w.KEK)
	}
	if _, err := r.Person(ctx, p.id, w).Open("person.name", "", p.name); err != nil {
		t.Error(err)
	}
}

// A running server does not take over a file that is damaged or another's.
func TestForeignKeyFileIsNotTakenOver(t *testing.T) {
	r, path := ringAt(t)
	p := people(t, r, 1)[0]
	_, other := ringAt(t)
	foreign, err := os.ReadFile(other)
	must(t, err)
	for name, b := range map[string][]byte{"foreign": foreign, "damaged": []byte("{"), "empty": nil} {
		must(t, os.WriteFile(path, b, 0o600))
		if kek, err := r.KEK(ctx); err != nil || kek != p.keys.KEK {
			t.Errorf("%s: %s, %v", name, kek, err)
		}
		if _, err := r.Person(ctx, p.id, p.keys).Open("person.name", "", p.name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeletionReceipts(t *testing.T) {
	r, _ := ringAt(t)
	other, _ := ringAt(t)
	d := r.NewDeletion(fmt.Sprintf("%032x", 7), make([]byte, 32), make([]byte, 32), 1)
	must(t, r.CheckDeletion(d))
	must(t, r.CheckDeletion(r.NewDeletion(fmt.Sprintf("%032x", 7), nil, nil, 1)))
	if err := other.CheckDeletion(d); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("another key file: %v", err)
	}
	for field, change := range map[string]func(*faceproof.Deletion){"receipt": func(d *faceproof.Deletion) { d.Receipt = "del_" + d.PersonID },
		"person": func(d *faceproof.Deletion) { d.PersonID = fmt.Sprintf("%032x", 8) }, "subject": func(d *faceproof.Deletion) { d.Subject = "" },
		"keys": func(d *faceproof.Deletion) { d.Keys = "" }, "time": func(d *faceproof.Deletion) { d.DeletedAt++ }, "mac": func(d *faceproof.Deletion) { d.MAC = d.MAC[2:] },
		"zero byte": func(d *faceproof.Deletion) { d.PersonID += "\x00" }} {
		changed := d
		change(&changed)
		if err := r.CheckDeletion(changed); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// BenchmarkPerson is what one verification asks of a person's keys: unwrap both,
// open name, number and template.
func BenchmarkPerson(b *testing.B) {
	for _, suite := range SuiteNames() {
		b.Run(suite, func(b *testing.B) { openPerson(b, suite) })
	}
}

func openPerson(b *testing.B, suite string) {
	r, _ := ringOf(b, suite)
	p := people(b, r, 1)[0]
	number, err := r.Person(ctx, p.id, p.keys).Seal("person.number", "", make([]byte, 18))
	must(b, err)
	for b.Loop() {
		c := r.Person(ctx, p.id, p.keys)
		for purpose, v := range map[string][]byte{"person.name": p.name, "person.number": number} {
			if _, err := c.Open(purpose, "", v); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := c.Open("person.template", "m", p.template); err != nil {
			b.Fatal(err)
		}
	}
}
