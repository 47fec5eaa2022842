package audit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// What says that something was pruned has its own form and no other.
func TestPruningForms(t *testing.T) {
	p := Pruning{To: 1200, Before: t0}
	if e := p.Entry(t0); e.Detail != "1-1200 2027-01-15T08:00:00Z" || Clean(e) != e {
		t.Errorf("%+v", e)
	}
	if got, err := ParsePruning(p.detail()); err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "1-", "1200 2027-01-15T08:00:00Z", "1-0 2027-01-15T08:00:00Z", "1--1 2027-01-15T08:00:00Z", "1-01200 2027-01-15T08:00:00Z", "1-1200 2027-01-15T08:00:00.5Z",
		"1-1200 2027-01-15T08:00:00+00:00", "1-1200 2027-01-15T16:00:00+08:00", "1-1200  2027-01-15T08:00:00Z", "1-1200 2027-01-15", "1-99999999999999999999 2027-01-15T08:00:00Z"} {
		if _, err := ParsePruning(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	leaf := Record{Seq: 7}.Hash()
	line := leafLine(7, leaf)
	if seq, got, ok := parseLeafLine(line); !ok || seq != 7 || got != leaf {
		t.Errorf("%s: %d %v %t", line, seq, got, ok)
	}
	for i := range line {
		for bit := range 8 {
			b := bytes.Clone(line)
			b[i] ^= 1 << bit
			if seq, got, ok := parseLeafLine(b); ok && seq == 7 && got == leaf {
				t.Errorf("byte %d of %s unnoticed", i, line)
			}
		}
	}
}

// pruned takes the content of the first n records of a log away, as the store
// does, at a time at which it may, and signs.
func pruned(t testing.TB, m *memory, n int, s *Signer) *memory {
	t.Helper()
	out := &memory{rows: slices.Clone(m.rows), heads: slices.Clone(m.heads)}
	before := (m.rows[n-1].At + 999) / 1000 * 1000 // whole seconds, as every half hour is
	at := before + minAge.Milliseconds()
	if err := out.Audit(ctx, Pruning{int64(n), before}.Entry(at)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		out.rows[i] = Row{Record: Record{Seq: int64(i + 1)}, Stored: m.rows[i].Stored, Pruned: true}
	}
	size := int64(len(out.rows))
	root, _ := out.AuditRoot(ctx, size)
	c, err := s.Checkpoint(size, root, at)
	if err != nil {
		t.Fatal(err)
	}
	out.heads = append(out.heads, c)
	return out
}

// An export of a pruned log can be checked without the server, and no byte of
// its hashes can change.
func TestPrunedExport(t *testing.T) {
	const n = 60
	s := signer(t, 1)
	keys := keysOf(t, s)
	m := pruned(t, fill(t, 200, 50, s), n, s)
	export := m.export(t)
	later := func() time.Time { return time.UnixMilli(m.rows[len(m.rows)-1].At) }
	check := func(b []byte) Report {
		c := NewChecker(keys, nil)
		c.Now = later
		if err := CheckExport(bytes.NewReader(b), c); err != nil {
			t.Fatal(err)
		}
		return c.Finish(-1)
	}
	if r := check(export); !r.OK() || r.Pruned != n || r.Records != 201 || r.Heads != 5 {
		t.Fatalf("%+v", r)
	}
	c := NewChecker(keys, m.own(5))
	c.Now = later
	for _, r := range m.rows {
		c.Add(r)
	}
	if r := c.Finish(201); !r.OK() || r.Pruned != n || r.PrunedBefore == 0 {
		t.Fatalf("%+v", r)
	}
	for i := 0; i < bytes.Index(export, []byte(`{"seq":61,`)); i += 7 {
		b := bytes.Clone(export)
		b[i] ^= 1 << (i % 8)
		if check(b).OK() {
			t.Errorf("byte %d unnoticed", i)
		}
	}
	lines := bytes.SplitAfter(export, []byte("\n"))
	without := func(from, to int) []byte {
		return slices.Concat(append(slices.Clone(lines[:from]), lines[to:]...)...)
	}
	swapped := slices.Clone(lines)
	swapped[3], swapped[4] = swapped[4], swapped[3]
	for name, c := range map[string]struct {
		kind string
		b    []byte
	}{
		"a pruned line gone":         {Missing, without(3, 4)},
		"all pruned lines gone":      {Missing, without(0, n+1)},
		"two pruned lines swapped":   {Order, slices.Concat(swapped...)},
		"a kept line gone":           {Missing, without(80, 81)},
		"a kept line as a hash":      {Missing, bytes.Replace(export, m.rows[99].Line(), leafLine(100, m.rows[99].Hash()), 1)},
		"a young line as a hash":     {Unlawful, bytes.Replace(export, m.rows[n].Line(), leafLine(n+1, m.rows[n].Hash()), 1)},
		"a hash that is none":        {Format, bytes.Replace(export, []byte(`"hash":"`), []byte(`"hash":"?`), 1)},
		"what says it, of an export": {Unlawful, []byte(strings.Split(string(export), `{"seq":201,`)[0])},
	} {
		if r := check(c.b); !r.has(c.kind) {
			t.Errorf("%s: no problem of kind %q in %+v", name, c.kind, r)
		}
	}
	// A spreadsheet has the kept ones only.
	var b bytes.Buffer
	sheet, err := NewCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range m.rows {
		if err := sheet.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := sheet.Close(); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 1+201-n {
		t.Error(fmt.Sprint(bytes.Count(b.Bytes(), []byte("\n")), " lines, "), err)
	}
}

func FuzzPruning(f *testing.F) {
	f.Add("1-1200 2027-01-15T08:00:00Z")
	f.Add(string(leafLine(7, Record{Seq: 7}.Hash())))
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := ParsePruning(text); err == nil && p.detail() != text {
			t.Errorf("another form of %q", p.detail())
		}
		if seq, leaf, ok := parseLeafLine([]byte(text)); ok && string(leafLine(seq, leaf)) != text {
			t.Errorf("another form of %q", leafLine(seq, leaf))
		}
	})
}
