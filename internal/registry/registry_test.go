package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/store"
)

var (
	ctx = context.Background()
	now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err error, code faceproof.Code, field string) {
	t.Helper()
	var e *faceproof.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Fatalf("error %v, want %s %s", err, code, field)
	}
}

// number makes an invented ID number of a region that does not exist.
func number(serial int) string {
	body := fmt.Sprintf("99%04d19900307%03d", serial/1000, serial%1000)
	sum := 0
	for i, w := range []int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += int(body[i]-'0') * w
	}
	return body + string("10X98765432"[sum%11])
}

func subject(t testing.TB, name string, serial int) faceproof.Subject {
	t.Helper()
	n, err := faceproof.ParseName(name, "name")
	must(t, err)
	id, err := faceproof.ParseIDNumber(number(serial), "id_number", now)
	must(t, err)
	return faceproof.Subject{Name: n, IDNumber: id}
}

// enroller makes a template of the first photo's first bytes; a photo "bad" has
// no face.
type enroller struct {
	model string
	calls int
}

func (e *enroller) ModelID() string { return e.model }

func (e *enroller) Enrol(_ context.Context, photos [][]byte) (faceproof.Template, error) {
	e.calls++
	v := make([]float32, 128)
	for i, p := range photos {
		if string(p) == "bad" {
			return faceproof.Template{}, faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d shows no face", i+1)
		}
	}
	for i := range min(len(photos[0]), 128) {
		v[i] = float32(photos[0][i])
	}
	return faceproof.Template{ModelID: e.model, Frames: len(photos), Vector: v}, nil
}

type fixture struct {
	*Local
	store    *store.Store
	ring     *keys.Ring
	enroller *enroller
	file     string
}

func fresh(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{enroller: &enroller{model: "model-1"}, file: filepath.Join(t.TempDir(), "faceproof.db")}
	var err error
	f.ring, err = keys.Open(f.file + ".keys")
	must(t, err)
	f.store, err = store.Open(ctx, store.Config{Path: f.file})
	must(t, err)
	t.Cleanup(func() { f.store.Close() })
	f.Local, err = New(Config{Store: f.store, Keys: f.ring, Enroller: f.enroller, Now: func() time.Time { return now }})
	must(t, err)
	return f
}

func photos(s ...string) [][]byte {
	var out [][]byte
	for _, p := range s {
		out = append(out, []byte(p))
	}
	return out
}

func (f *fixture) state(t testing.TB, s faceproof.Subject) faceproof.Reference {
	t.Helper()
	r, err := f.Reference(ctx, s)
	must(t, err)
	return r
}

func (f *fixture) list(t testing.TB) (out []Info) {
	t.Helper()
	must(t, f.List(ctx, func(i Info) error { out = append(out, i); return nil }))
	return out
}

func TestAddAndReference(t *testing.T) {
	f := fresh(t)
	who := subject(t, "张三", 1)
	id, err := f.Add(ctx, who, photos("abc", "def"), "cli")
	must(t, err)
	r := f.state(t, who)
	if r.State != faceproof.ReferenceFound || r.PersonID != id || r.Template.ModelID != "model-1" || r.Template.Frames != 2 || len(r.Template.Vector) != 128 || r.Template.Vector[1] != 'b' {
		t.Errorf("found: %s %s %d", r.State, r.PersonID, r.Template.Frames)
	}
	dummy := func(name string, r faceproof.Reference, want faceproof.ReferenceState) {
		t.Helper()
		if r.State != want || r.Template.ModelID != "model-1" || len(r.Template.Vector) != 128 || r.Template.Vector[1] == 'b' {
			t.Errorf("%s: %s with a template of %q", name, r.State, r.Template.ModelID)
		}
		norm := 0.
		for _, v := range r.Template.Vector {
			norm += float64(v) * float64(v)
		}
		if math.Abs(norm-1) > 1e-5 {
			t.Errorf("%s: the dummy has norm² %g", name, norm)
		}
	}
	for serial := 2; serial < 40; serial++ { // neighbours on both sides of the index
		dummy("absent", f.state(t, subject(t, "张三", serial)), faceproof.ReferenceAbsent)
	}
	dummy("name", f.state(t, subject(t, "李四", 1)), faceproof.ReferenceNameMismatch)
	f.enroller.model = "model-2"
	if r := f.state(t, who); r.State != faceproof.ReferenceOtherModel || r.Template.Vector[1] == 'b' {
		t.Errorf("other model: %s", r.State)
	}
	if r := f.state(t, subject(t, "李四", 1)); r.State != faceproof.ReferenceNameMismatch {
		t.Errorf("name before model: %s", r.State)
	}
}

// T35: a template is replaced only when that is asked for.
func TestReplace(t *testing.T) {
	f := fresh(t)
	who := subject(t, "张三", 1)
	id, err := f.Add(ctx, who, photos("abc"), "cli")
	must(t, err)
	calls := f.enroller.calls
	_, err = f.Add(ctx, subject(t, "李四", 1), photos("xyz"), "cli")
	want(t, err, faceproof.CodeConflict, "id_number")
	if f.enroller.calls != calls {
		t.Error("a refused enrolment looked at the photos")
	}
	if r := f.state(t, who); r.State != faceproof.ReferenceFound || r.Template.Vector[0] != 'a' {
		t.Errorf("changed: %s", r.State)
	}
	renamed := subject(t, "李四", 1)
	again, err := f.Replace(ctx, renamed, photos("xyz", "x"), "cli")
	must(t, err)
	if r := f.state(t, renamed); again != id || r.State != faceproof.ReferenceFound || r.Template.Vector[0] != 'x' || r.Template.Frames != 2 {
		t.Errorf("replaced: %s %s", again, r.State)
	}
	if r := f.state(t, who); r.State != faceproof.ReferenceNameMismatch {
		t.Errorf("old name: %s", r.State)
	}
	must(t, second(f.Replace(ctx, subject(t, "王五", 2), photos("new"), "cli")))
	log, err := f.store.AuditLog(ctx, 1, 100)
	must(t, err)
	got := ""
	for _, a := range log {
		got += a.Action + " "
	}
	if got != "person.add person.replace person.add " {
		t.Errorf("audit: %s", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestAddRefuses(t *testing.T) {
	f := fresh(t)
	who := subject(t, "张三", 1)
	for name, p := range map[string][][]byte{"none": nil, "empty": photos(""), "many": photos(strings.Split(strings.Repeat("a,", 21), ",")...),
		"huge": {make([]byte, MaxPhotoBytes+1)}, "bad": photos("a", "bad")} {
		_, err := f.Add(ctx, who, p, "cli")
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "photo") {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.enroller.model = "" // an engine that gives nonsense
	want(t, second(f.Add(ctx, who, photos("a"), "cli")), faceproof.CodeInternal, "")
	if len(f.list(t)) != 0 {
		t.Error("somebody was enrolled")
	}
}

func TestListAndRemove(t *testing.T) {
	f := fresh(t)
	ids := map[string]string{}
	for i := range 250 { // more than a page
		id, err := f.Add(ctx, subject(t, fmt.Sprintf("某某%d", i%10), i), photos("a"), "cli")
		must(t, err)
		ids[id] = fmt.Sprintf("**%d", i%10)
	}
	list := f.list(t)
	for _, p := range list {
		if ids[p.ID] != p.MaskedName || p.Frames != 1 || p.ModelID != "model-1" || p.CreatedAt != now.UnixMilli() {
			t.Errorf("%+v", p)
		}
	}
	if len(list) != len(ids) {
		t.Errorf("%d listed of %d", len(list), len(ids))
	}
	gone := list[7].ID
	must(t, f.Remove(ctx, gone, "cli"))
	want(t, f.Remove(ctx, gone, "cli"), faceproof.CodeNotFound, "")
	want(t, f.Remove(ctx, "decoy", "cli"), faceproof.CodeInvalid, "person_id")
	want(t, f.Remove(ctx, strings.Repeat("0", 32), "cli"), faceproof.CodeNotFound, "")
	if len(f.list(t)) != len(ids)-1 {
		t.Error("not removed")
	}
	stop := errors.New("stop")
	if err := f.List(ctx, func(Info) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
}

// counting counts what a look-up costs.
type counting struct {
	Store
	Keys
	near, index int
	opened      []int // lengths
}

func (c *counting) PersonNear(ctx context.Context, i []byte) (faceproof.Person, error) {
	c.near++
	return c.Store.PersonNear(ctx, i)
}

func (c *counting) Index(p string, v []byte) []byte {
	c.index++
	return c.Keys.Index(p, v)
}

func (c *counting) Person(ctx context.Context, id string, k faceproof.PersonKeys) faceproof.PersonCipher {
	c.opened = append(c.opened, -len(k.Identity), -len(k.Biometric))
	return countedCipher{c.Keys.Person(ctx, id, k), c}
}

type countedCipher struct {
	faceproof.PersonCipher
	c *counting
}

func (k countedCipher) Open(purpose, model string, sealed []byte) ([]byte, error) {
	k.c.opened = append(k.c.opened, len(sealed))
	return k.PersonCipher.Open(purpose, model, sealed)
}

// T14: whoever is asked for, the same is looked up and opened, so that the time
// does not tell who is enrolled.
func TestReferenceIsConstantWork(t *testing.T) {
	f := fresh(t)
	for i := range 20 {
		must(t, second(f.Add(ctx, subject(t, "某某某", i), photos("a"), "cli")))
	}
	c := &counting{Store: f.store, Keys: f.ring}
	l, err := New(Config{Store: c, Keys: c, Enroller: f.enroller, Now: f.c.Now})
	must(t, err)
	work := func(s faceproof.Subject, want faceproof.ReferenceState) string {
		*c = counting{Store: c.Store, Keys: c.Keys}
		r, err := l.Reference(ctx, s)
		must(t, err)
		if r.State != want {
			t.Errorf("%s, want %s", r.State, want)
		}
		return fmt.Sprint(c.near, c.index, c.opened)
	}
	found := work(subject(t, "某某某", 3), faceproof.ReferenceFound)
	for i := range 20 {
		if absent := work(subject(t, "某某某", 100+i), faceproof.ReferenceAbsent); absent != found {
			t.Errorf("absent does %s, found %s", absent, found)
		}
	}
	if other := work(subject(t, "别的人", 3), faceproof.ReferenceNameMismatch); other != found {
		t.Errorf("another name does %s, found %s", other, found)
	}
	if found != "1 1 [-62 -62 38 47 558]" { // both keys, name, number, template
		t.Errorf("work: %s", found)
	}
}

func TestNamesAreComparedAsPeopleMeanThem(t *testing.T) {
	for _, pair := range [][2]string{{"古丽·买买提", "古丽•买买提"}, {"古丽·买买提", "古丽 ・ 买买提"}, {"é", "e\u0301"}, {"A  B", "A B"}} {
		if !sameName(pair[0], pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"张三", "张山"}, {"张三", ""}, {"古丽·买买提", "古丽买买提"}, {"AB", "A B"}, {"é", "e"}} {
		if sameName(pair[0], pair[1]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}

// T18: a row that was given another's template, name or index does not pass for
// either.
func TestSwappedRowsAreRefused(t *testing.T) {
	f := fresh(t)
	a, b := subject(t, "张三", 1), subject(t, "李四", 2)
	for _, s := range []faceproof.Subject{a, b} {
		must(t, second(f.Add(ctx, s, photos(s.Name.Reveal()), "cli")))
	}
	near := func(s faceproof.Subject) faceproof.Person {
		p, err := f.store.PersonNear(ctx, f.index(s))
		must(t, err)
		return p
	}
	pa, pb := near(a), near(b)
	tamper := func(name string, change func(*faceproof.Person)) {
		t.Helper()
		p := pa
		change(&p)
		must(t, f.store.PutPerson(ctx, p, true, faceproof.AuditEntry{}))
		if r, err := f.Reference(ctx, a); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: %s, %v", name, r.State, err)
		}
		must(t, f.store.PutPerson(ctx, pa, true, faceproof.AuditEntry{}))
	}
	tamper("template", func(p *faceproof.Person) { p.TemplateSealed = pb.TemplateSealed })
	tamper("name", func(p *faceproof.Person) { p.NameSealed = pb.NameSealed })
	tamper("number", func(p *faceproof.Person) { p.NumberSealed = pb.NumberSealed })
	tamper("name as number", func(p *faceproof.Person) { p.NumberSealed = p.NameSealed })
	if r := f.state(t, a); r.State != faceproof.ReferenceFound {
		t.Fatalf("%s", r.State)
	}
	// A whole person under another's index: everything opens, the number differs.
	must(t, f.Remove(ctx, pb.ID, "test"))
	must(t, f.Remove(ctx, pa.ID, "test"))
	moved := pb
	moved.SubjectIndex, moved.Keys.Fresh = pa.SubjectIndex, true
	must(t, f.store.PutPerson(ctx, moved, false, faceproof.AuditEntry{}))
	if r, err := f.Reference(ctx, subject(t, "李四", 1)); faceproof.ErrorCode(err) != faceproof.CodeInternal {
		t.Errorf("moved index: %s, %v", r.State, err)
	}
}

// T17: the database holds no name, number or template, in any usual spelling.
func TestDatabaseHoldsNoPlainText(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	f := fresh(t)
	canaries := [][]byte{}
	for i := range 200 {
		s := subject(t, fmt.Sprintf("金丝雀%03d", i), i)
		photo := fmt.Sprintf("canary-template-%03d", i)
		must(t, second(f.Add(ctx, s, photos(photo), "cli")))
		plain, err := encodeTemplate(f.state(t, s).Template)
		must(t, err)
		canaries = append(canaries, []byte(s.Name.Reveal()), []byte(s.IDNumber.Reveal()), plain[20:60])
	}
	f.store.Close()
	var all []byte
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(f.file), "*"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		all = append(all, b...)
	}
	if len(all) < 200*600 {
		t.Fatalf("only %d bytes", len(all))
	}
	for _, c := range canaries {
		for _, form := range [][]byte{c, []byte(hex.EncodeToString(c)), bytes.ToUpper([]byte(hex.EncodeToString(c)))} {
			if bytes.Contains(all, form) {
				t.Fatalf("plain text in the database")
			}
		}
	}
}

func TestTemplateForm(t *testing.T) {
	in := faceproof.Template{ModelID: "m", Frames: 7, Vector: []float32{1, -2, 3.5}}
	b, err := encodeTemplate(in)
	must(t, err)
	out, err := decodeTemplate(b)
	must(t, err)
	if out.ModelID != "m" || out.Frames != 7 || fmt.Sprint(out.Vector) != fmt.Sprint(in.Vector) {
		t.Errorf("%s %d %v", out.ModelID, out.Frames, out.Vector)
	}
	for i := range b {
		if _, err := decodeTemplate(b[:i]); err == nil {
			t.Errorf("%d of %d bytes were enough", i, len(b))
		}
	}
	for name, bad := range map[string]faceproof.Template{"model": {Frames: 1, Vector: []float32{1}}, "frames": {ModelID: "m", Vector: []float32{1}},
		"vector": {ModelID: "m", Frames: 1}, "NaN": {ModelID: "m", Frames: 1, Vector: []float32{float32(math.NaN())}}, "long": {ModelID: "m", Frames: 1, Vector: make([]float32, 5000)}} {
		if _, err := encodeTemplate(bad); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

func FuzzDecodeTemplate(f *testing.F) {
	b, _ := encodeTemplate(faceproof.Template{ModelID: "m", Frames: 1, Vector: []float32{1}})
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := decodeTemplate(b); err == nil && len(x.Vector) > maxDimensions {
			t.Fatal("too long")
		}
	})
}

func BenchmarkReference(b *testing.B) {
	f := fresh(b)
	for i := range 500 {
		must(b, second(f.Add(ctx, subject(b, "某某某", i), photos("a"), "cli")))
	}
	for name, first := range map[string]int{"found": 0, "absent": 1000} {
		var who []faceproof.Subject
		for i := range 500 {
			who = append(who, subject(b, "某某某", first+i))
		}
		b.Run(name, func(b *testing.B) {
			i := 0
			for b.Loop() {
				f.state(b, who[i%500])
				i++
			}
		})
	}
}
