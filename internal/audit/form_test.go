package audit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"faceproof"
)

// Everything that is read from outside: its own form and no other.
func TestForms(t *testing.T) {
	s := signer(t, 1)
	m := fill(t, 100, 100, s)
	keys := keysOf(t, s)
	odd := Record{3, faceproof.AuditEntry{At: -1, Actor: "a\"\\\x01\n\u2028é", Detail: "中"}}
	if r, err := ParseLine(odd.Line()); err != nil || r != odd {
		t.Errorf("%s: %v %v", odd.Line(), r, err)
	}
	for _, bad := range []string{"", "{}", "null", strings.Replace(string(odd.Line()), `"at":`, `"At":`, 1), string(odd.Line()) + " ", strings.Replace(string(odd.Line()), "é", "\xe9", 1),
		strings.Replace(string(odd.Line()), `"seq":3`, `"seq":3,"seq":3`, 1), strings.Replace(string(odd.Line()), "é", `\u00e9`, 1), `{"seq":1e0` + strings.Repeat(" ", MaxLine) + "}"} {
		if _, err := ParseLine([]byte(bad)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	dirty := Clean(faceproof.AuditEntry{Actor: "a\x00\xff", Detail: strings.Repeat("中", 300)})
	if dirty.Actor != "a\uFFFD\uFFFD" || len(dirty.Detail) != 510 {
		t.Errorf("%q, %d bytes", dirty.Actor, len(dirty.Detail))
	}
	note := m.heads[0].Note
	if c, err := keys.Open(note); err != nil || c != m.heads[0] {
		t.Errorf("%+v, %v", c, err)
	}
	for i := range note { // every byte, every bit
		for bit := range 8 {
			b := []byte(note)
			b[i] ^= 1 << bit
			if _, err := keys.Open(string(b)); err == nil {
				t.Errorf("byte %d, bit %d of a head (%q) unnoticed", i, bit, note[i])
			}
		}
	}
	if _, err := (Keys{}).Open(note); err == nil {
		t.Error("no key is trusted, and the head is")
	}
	if _, err := ParseKeys("x"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a bad key: %v", err)
	}
	if _, err := NewSigner(nil); err == nil {
		t.Error("a signer without a secret")
	}
	if text := fmt.Sprintf("%v %+v %s", s, s, s); strings.Contains(text, "\x01") || !strings.Contains(text, s.Name()) {
		t.Errorf("a signer prints as %q", text)
	}
}

func TestProof(t *testing.T) {
	s := signer(t, 1)
	m := fill(t, 1000, 1000, s)
	keys := keysOf(t, s)
	for _, seq := range []int64{1, 500, 1000} {
		p, err := Prove(m.rows[seq-1].Record, 1000, m)
		if err != nil {
			t.Fatal(err)
		}
		text := Proof{[]Proven{p}, m.heads[0].Note}.Text()
		read, err := ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		c, recs, err := read.Check(keys)
		if err != nil || c.Size != 1000 || len(recs) != 1 || recs[0] != m.rows[seq-1].Record {
			t.Fatalf("%d: %+v %+v %v", seq, c, recs, err)
		}
		for i := range text {
			b := []byte(text)
			b[i] ^= 1 << (i % 8)
			read, err := ParseProof(string(b))
			if err == nil {
				_, _, err = read.Check(keys)
			}
			if err == nil {
				t.Errorf("byte %d of the proof of %d unnoticed", i, seq)
			}
		}
	}
	for _, bad := range []string{"", proofTitle, proofTitle + "\n", proofTitle + "\nhash " + m.rows[0].Stored[0].String() + "\n", proofTitle + "\nrecord x\n\n"} {
		if p, err := ParseProof(bad); err == nil {
			if _, _, err := p.Check(keys); err == nil {
				t.Errorf("%q is a proof", bad)
			}
		}
	}
}

// A spreadsheet finds no formula (CWE-1236).
func TestCSV(t *testing.T) {
	var b bytes.Buffer
	c, err := NewCSV(&b)
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", " =1", ";=1", `"=1`, "|cmd", "%0a"}
	for i, s := range bad {
		if err := c.Add(Row{Record: Record{int64(i), faceproof.AuditEntry{At: t0, Actor: s, Action: "a.b", Object: s, Detail: s}}}); err != nil {
			t.Fatal(err)
		}
		if got := cell(s); got[0] != '\'' {
			t.Errorf("%q became %q", s, got)
		}
	}
	if err := errors.Join(c.Add(Row{Record: Record{9, faceproof.AuditEntry{At: t0, Actor: "app:wx1", Object: "0af"}}}), c.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(b.String(), "9,2027-01-15T08:00:00.000Z,app:wx1,,0af,\n") {
		t.Error(b.String())
	}
}

func FuzzParse(f *testing.F) {
	s := signer(f, 1)
	m := fill(f, 3, 3, s)
	p, _ := Prove(m.rows[1].Record, 3, m)
	f.Add(m.rows[0].Line())
	f.Add(PointLine(m.heads[0].Note))
	f.Add([]byte(Proof{[]Proven{p}, m.heads[0].Note}.Text()))
	f.Add(m.export(f))
	keys := keysOf(f, s)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseLine(b); err == nil && !bytes.Equal(r.Line(), b) {
			t.Errorf("another form of %q", r.Line())
		}
		if text, err := ParsePointLine(b); err == nil && !bytes.Equal(PointLine(text), b) {
			t.Errorf("another form of %q", text)
		}
		if c, err := keys.Open(string(b)); err == nil && c != m.heads[0] {
			t.Errorf("a head that nobody signed: %+v", c)
		}
		if p, err := ParseProof(string(b)); err == nil {
			if _, recs, err := p.Check(keys); err == nil {
				for _, r := range recs {
					if r != m.rows[r.Seq-1].Record {
						t.Errorf("a proof of what is not in the log: %+v", r)
					}
				}
			}
		}
		_ = CheckExport(bytes.NewReader(b), NewChecker(keys, nil))
	})
}
