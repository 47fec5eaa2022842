package audit

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"

	"golang.org/x/mod/sumdb/tlog"
)

var ctx = context.Background()

const t0 = int64(1_800_000_000_000)

func signer(t testing.TB, b byte) *Signer {
	t.Helper()
	s, err := NewSigner(bytes.Repeat([]byte{b}, SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keysOf(t testing.TB, s *Signer) Keys {
	t.Helper()
	k, err := ParseKeys(s.Key())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// memory is a log in memory.
type memory struct {
	rows   []Row
	heads  []Checkpoint
	held   error
	failed error // of every write
}

func (m *memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		seq, offset := Place(x)
		out[i] = m.rows[seq-1].Stored[offset]
	}
	return out, nil
}

func (m *memory) Audit(_ context.Context, e faceproof.AuditEntry) error {
	if m.failed != nil {
		return m.failed
	}
	r := Record{int64(len(m.rows) + 1), Clean(e)}
	stored, err := Append(r, m)
	m.rows = append(m.rows, Row{Record: r, Stored: stored})
	return err
}
func (m *memory) AuditSize(context.Context) (int64, error) { return int64(len(m.rows)), m.failed }
func (m *memory) AuditRoot(_ context.Context, size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, m)
}
func (m *memory) AuditHead(context.Context) (c Checkpoint, err error) {
	if n := len(m.heads); n > 0 {
		c = m.heads[n-1]
		c.Root = tlog.Hash{}
	}
	return c, nil
}
func (m *memory) PutAuditHead(_ context.Context, c Checkpoint) error {
	m.heads = append(m.heads, c)
	return nil
}
func (m *memory) HoldAudit(err error) { m.held = err }

// fill writes n records, as they are in life, and signs every so many.
func fill(t testing.TB, n, every int, s *Signer) *memory {
	t.Helper()
	m := &memory{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := 1; i <= n; i++ {
		e := faceproof.AuditEntry{At: t0 + int64(i), Actor: "app:wx00000000000000a1", Action: "verification.create", Object: fmt.Sprintf("%032x", rnd.Uint64())}
		if i%3 == 0 {
			e = faceproof.AuditEntry{At: t0 + int64(i), Actor: "capture", Action: "verification.decide", Object: e.Object, Detail: "face_mismatch"}
		}
		if err := m.Audit(ctx, e); err != nil {
			t.Fatal(err)
		}
		if i%every == 0 || i == n {
			root, _ := m.AuditRoot(ctx, int64(i))
			c, err := s.Checkpoint(int64(i), root, t0+int64(i))
			if err != nil {
				t.Fatal(err)
			}
			m.heads = append(m.heads, c)
		}
	}
	return m
}

func (m *memory) export(t testing.TB) []byte {
	t.Helper()
	notes := map[int64]string{}
	for _, h := range m.heads {
		notes[h.Size] = h.Note
	}
	var b bytes.Buffer
	e := NewExporter(&b, notes)
	for _, r := range m.rows {
		if err := e.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// own are the heads that the log keeps itself, by how many of them.
func (m *memory) own(n int) (out []Head) {
	for _, h := range m.heads[:n] {
		out = append(out, Head{Source: "log", Note: h.Note, Own: true})
	}
	return out
}

func checkExport(t testing.TB, keys Keys, b []byte, anchors ...string) Report {
	t.Helper()
	c := NewChecker(keys, anchorHeads(anchors...))
	if err := CheckExport(bytes.NewReader(b), c); err != nil {
		t.Fatal(err)
	}
	return c.Finish(-1)
}

func anchorHeads(notes ...string) (out []Head) {
	for _, n := range notes {
		out = append(out, Head{Source: "anchor", Note: n})
	}
	return out
}

func checkRows(keys Keys, rows []Row, heads ...Head) Report {
	c := NewChecker(keys, heads)
	for _, r := range rows {
		c.Add(r)
	}
	return c.Finish(int64(len(rows)))
}

func (c *Checker) clone() *Checker {
	out := *c
	out.tree.peaks = append([]tlog.Hash{}, c.tree.peaks...)
	return &out
}

func (r Report) has(kind string) bool {
	for _, p := range r.Problems {
		if p.Kind == kind {
			return true
		}
	}
	return false
}

// Our frontier, the stored hashes and tlog say the same at every size.
func TestTree(t *testing.T) {
	m := fill(t, 300, 7, signer(t, 1))
	var f Frontier
	for i, r := range m.rows {
		done := f.Add(r.Hash())
		if fmt.Sprint(done) != fmt.Sprint(r.Stored) {
			t.Fatalf("row %d stores %v, not %v", i+1, r.Stored, done)
		}
		if want, err := tlog.TreeHash(int64(i+1), m); err != nil || want != f.Root() {
			t.Fatalf("root of %d: %v, tlog %v, %v", i+1, f.Root(), want, err)
		}
	}
	if got := DecodeHashes(append(EncodeHashes(m.rows[7].Stored), 1)); len(got) != 5 {
		t.Errorf("a byte too many: %d hashes", len(got))
	}
	var empty Frontier
	if want, _ := tlog.TreeHash(0, m); empty.Root() != want {
		t.Error("empty tree")
	}
}

// T22: no byte of an export of 2,000 records can change unnoticed. In an
// ordinary test, one byte in 2,003 is flipped at a bit chosen by the seed; with
// FACEPROOF_MEASURE each byte is.
func TestEveryFlippedByte(t *testing.T) {
	const n, seed = 2000, 7
	s := signer(t, 1)
	m := fill(t, n, 256, s)
	export, keys := m.export(t), keysOf(t, s)
	if r := checkExport(t, keys, export); !r.OK() || r.Records != n || r.Heads != 8 || r.Signed != n {
		t.Fatalf("untouched: %+v", r)
	}
	step := 2003
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		step = 1
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	// A change shows at its own line or at the next head, so reading goes from
	// the one to the other.
	lines := bytes.SplitAfter(bytes.TrimSuffix(export, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
	tried, found, before := 0, 0, NewChecker(keys, nil)
	for i, next := 0, rnd.IntN(step); i < len(lines); i++ {
		end := i + 1
		for !bytes.HasPrefix(lines[end-1], []byte(`{"checkpoint"`)) {
			end++
		}
		for ; next < len(lines[i]); next += step {
			c := before.clone()
			if flipped := bytes.Clone(lines[i]); next == len(lines[i])-1 { // its end: it runs into the next one
				flipped[next] ^= 1 << rnd.IntN(8)
				if err := CheckExport(bytes.NewReader(slices.Concat(append([][]byte{flipped}, lines[i+1:end]...)...)), c); err != nil {
					t.Fatal(err)
				}
			} else {
				flipped[next] ^= 1 << rnd.IntN(8)
				c.AddLine(flipped[:len(flipped)-1])
				// The lines behind it are whole; AddLine would read them again.
				for _, line := range lines[min(i+1, end-1) : end-1] {
					if !c.report.OK() {
						break
					}
					c.checked++
					c.tree.Add(tlog.RecordHash(line[:len(line)-1]))
				}
				if c.report.OK() && i < end-1 {
					c.AddLine(lines[end-1][:len(lines[end-1])-1])
				}
			}
			tried++
			if r := c.Finish(-1); !r.OK() {
				found++
			} else {
				t.Errorf("byte %d of line %d unnoticed: %q", next, i+1, lines[i])
			}
		}
		next -= len(lines[i])
		before.AddLine(bytes.TrimSuffix(lines[i], []byte("\n")))
	}
	t.Logf("%d of %d flipped bytes of %d found (%d records, seed %d)", found, tried, len(export), n, seed)
	acceptance.Record(t, acceptance.Row{Area: "Audit", Number: "every flipped byte of an export of 2,000 records: found", Seed: seed, N: tried, Failures: tried - found,
		Result: fmt.Sprintf("%d of %d flipped bytes found; the export has %d bytes", found, tried, len(export))})
}

// T22: what a writer of the database can do to the rows and to the tree.
func TestTampering(t *testing.T) {
	s, thief := signer(t, 1), signer(t, 2)
	m := fill(t, 700, 256, s) // heads at 256, 512 and 700
	keys := keysOf(t, s)
	anchor := anchorHeads(m.heads[2].Note)
	if r := checkRows(keys, m.rows, append(m.own(3), anchor...)...); !r.OK() || r.Heads != 3 || r.Anchors != 1 || r.Fixed != 700 {
		t.Fatalf("untouched: %+v", r)
	}
	clone := func() []Row { return append([]Row{}, m.rows...) }
	again := func(rows []Row, by *Signer) (*memory, []Head) { // a whole new history, signed
		w := &memory{}
		for _, r := range rows {
			if err := w.Audit(ctx, r.AuditEntry); err != nil {
				t.Fatal(err)
			}
		}
		root, _ := w.AuditRoot(ctx, int64(len(w.rows)))
		c, err := by.Checkpoint(int64(len(w.rows)), root, t0)
		if err != nil {
			t.Fatal(err)
		}
		return w, []Head{{Source: "log", Note: c.Note, Own: true}}
	}
	for name, c := range map[string]struct {
		kind string
		do   func() Report
	}{
		"a changed row": {Changed, func() Report {
			rows := clone()
			rows[300].Detail = "pass"
			return checkRows(keys, rows, m.own(3)...)
		}},
		"a changed row and leaf": {Fork, func() Report {
			rows := clone()
			rows[300].Detail = "pass"
			rows[300].Stored = append([]tlog.Hash{rows[300].Hash()}, rows[300].Stored[1:]...)
			return checkRows(keys, rows, m.own(3)...)
		}},
		"a changed node of the tree": {Broken, func() Report {
			rows := clone()
			rows[7].Stored = append([]tlog.Hash{}, rows[7].Stored...)
			rows[7].Stored[3][0] ^= 1
			return checkRows(keys, rows, m.own(3)...)
		}},
		"a deleted row": {Missing, func() Report { return checkRows(keys, append(clone()[:300], m.rows[301:]...), m.own(3)...) }},
		"two rows swapped": {Order, func() Report {
			rows := clone()
			rows[10], rows[11] = rows[11], rows[10]
			return checkRows(keys, rows, m.own(3)...)
		}},
		"two rows swapped and numbered": {Changed, func() Report {
			rows := clone()
			rows[10].AuditEntry, rows[11].AuditEntry = rows[11].AuditEntry, rows[10].AuditEntry
			return checkRows(keys, rows, m.own(3)...)
		}},
		"a deleted row, the rest numbered and hashed anew": {Fork, func() Report {
			w, _ := again(append(clone()[:300], m.rows[301:]...), s)
			return checkRows(keys, w.rows, m.own(2)...)
		}},
		"the end cut off": {Truncated, func() Report { return checkRows(keys, m.rows[:600], m.own(3)...) }},
		"the end and its heads cut off, one head anchored": {Truncated, func() Report {
			return checkRows(keys, m.rows[:600], append(m.own(2), anchor...)...)
		}},
		"rewritten and signed with the stolen key, one head anchored": {Fork, func() Report {
			rows := clone()
			rows[300].Detail = "pass"
			w, own := again(rows, s)
			return checkRows(keys, w.rows, append(own, anchor...)...)
		}},
		"rewritten and signed by another key": {Signature, func() Report {
			rows := clone()
			rows[300].Detail = "pass"
			w, own := again(rows, thief)
			return checkRows(keys, w.rows, own...)
		}},
		"nothing left": {Truncated, func() Report { return checkRows(keys, nil, anchor...) }},
	} {
		if r := c.do(); !r.has(c.kind) {
			t.Errorf("%s: no problem of kind %q in %+v", name, c.kind, r)
		}
	}
	// The negative control: without an anchored head neither the end cut off with
	// its heads nor a history signed with the stolen key shows.
	if r := checkRows(keys, m.rows[:600], m.own(2)...); !r.OK() {
		t.Errorf("without an anchor a shorter log is whole: %+v", r)
	}
	w, own := again(clone()[:650], s)
	if r := checkRows(keys, w.rows, own...); !r.OK() {
		t.Errorf("without an anchor a rewritten log is whole: %+v", r)
	}
}

// T22: any truncation against an anchored head shows, at every length.
func TestEveryTruncation(t *testing.T) {
	const n = 2000
	s := signer(t, 1)
	m := fill(t, n, 256, s)
	keys, anchor := keysOf(t, s), anchorHeads(m.heads[len(m.heads)-1].Note)
	found := 0
	c, known := NewChecker(keys, nil), NewChecker(keys, anchor)
	for i := range n {
		cut := c.clone()
		cut.heads = known.heads
		if cut.Finish(-1).has(Truncated) {
			found++
		}
		c.Add(m.rows[i])
	}
	if found != n {
		t.Errorf("%d of %d truncations found", found, n)
	}
	acceptance.Record(t, acceptance.Row{Area: "Audit", Number: "every truncation of 2,000 records against an anchored head: found", N: n, Failures: n - found,
		Result: fmt.Sprintf("%d of %d lengths found; without an anchor none can be (TestTampering)", found, n)})
}
