package audit

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// clock is a time that stands.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func entryOf(action string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: t0, Actor: "test", Action: action, Object: "x"}
}

func (m *memory) add(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := m.Audit(ctx, entryOf("a")); err != nil {
			t.Fatal(err)
		}
	}
}

func notary(t *testing.T, c NotaryConfig) (*Notary, *clock) {
	t.Helper()
	k := &clock{time.UnixMilli(t0)}
	c.Signer, c.Now = signer(t, 1), k.now
	n, err := NewNotary(c)
	if err != nil {
		t.Fatal(err)
	}
	return n, k
}

func step(t *testing.T, n *Notary, now bool) {
	t.Helper()
	if err := n.Step(ctx, now); err != nil {
		t.Fatal(err)
	}
}

// A head at the first record, then at 256 new ones or after 60 s with a new
// one, and at the end; none without a new one.
func TestWhenHeadsAreSigned(t *testing.T) {
	m := &memory{}
	path := filepath.Join(t.TempDir(), "anchors")
	n, k := notary(t, NotaryConfig{Log: m, Anchors: []Anchor{File(path)}})
	expect := func(heads int) {
		t.Helper()
		step(t, n, false)
		if len(m.heads) != heads {
			t.Fatalf("%d heads, want %d", len(m.heads), heads)
		}
		if notes, _, err := ReadFile(path); heads > 0 && (err != nil || len(notes) != heads) {
			t.Fatalf("%d anchored, %v", len(notes), err)
		}
	}
	expect(0)
	m.add(t, 1)
	expect(1)
	m.add(t, 255)
	expect(1)
	m.add(t, 1)
	expect(2) // 256 are new
	m.add(t, 1)
	k.at = k.at.Add(59 * time.Second)
	expect(2)
	k.at = k.at.Add(time.Second)
	expect(3)
	k.at = k.at.Add(time.Hour)
	expect(3) // nothing is new
	m.add(t, 1)
	expect(4)
	m.add(t, 1)
	k.at = k.at.Add(-2 * time.Hour) // a clock set back
	expect(5)
	m.add(t, 1)
	step(t, n, true)
	if len(m.heads) != 6 {
		t.Errorf("%d heads at the end", len(m.heads))
	}
	keys := keysOf(t, signer(t, 1))
	notes, torn, err := ReadFile(path)
	if err != nil || torn != 0 {
		t.Fatal(torn, err)
	}
	if r := checkRows(keys, m.rows, append(m.own(6), anchorHeads(notes...)...)...); !r.OK() || r.Anchors != 6 {
		t.Errorf("%+v", r)
	}
}

// Run signs what is new when it ends.
func TestRunSignsAtTheEnd(t *testing.T) {
	m := &memory{}
	n, _ := notary(t, NotaryConfig{Log: m})
	m.add(t, 3)
	stopped, stop := context.WithCancel(ctx)
	stop()
	n.Run(stopped)
	if len(m.heads) != 1 || m.heads[0].Size != 3 {
		t.Errorf("%+v", m.heads)
	}
}

// broken is an anchor that keeps nothing until it is mended.
type broken struct{ err error }

func (b *broken) Put(context.Context, Checkpoint) error { return b.err }
func (b *broken) String() string                        { return "broken" }

// T40: when no anchor has taken a head for the grace, nothing is written, and
// it goes on by itself when one does. One of two is enough.
func TestNoAnchorNoAnswer(t *testing.T) {
	m := &memory{}
	b := &broken{errors.New("full")}
	n, k := notary(t, NotaryConfig{Log: m, Anchors: []Anchor{b}, Grace: time.Minute})
	m.add(t, 1)
	step(t, n, false)
	if m.held != nil {
		t.Fatal("held at once")
	}
	k.at = k.at.Add(time.Minute)
	step(t, n, false)
	if faceproof.ErrorCode(m.held) != faceproof.CodeUnavailable {
		t.Fatalf("held by %v", m.held)
	}
	b.err = nil
	k.at = k.at.Add(5 * time.Second)
	step(t, n, false)
	if m.held != nil {
		t.Errorf("still held by %v", m.held)
	}
	b.err = errors.New("full")
	n.c.Anchors = append(n.c.Anchors, &broken{})
	m.add(t, 1)
	for range 3 {
		k.at = k.at.Add(time.Minute)
		step(t, n, false)
	}
	if m.held != nil {
		t.Error("held although one of two anchors works")
	}
}

// A tree that was changed while the server ran is not signed again.
func TestNoForkIsSigned(t *testing.T) {
	m := &memory{}
	n, _ := notary(t, NotaryConfig{Log: m})
	m.add(t, 5)
	step(t, n, true)
	m.rows[2].Stored[0][0] ^= 1
	m.rows[3].Stored[1][0] ^= 1
	m.rows[3].Stored[2][0] ^= 1
	m.add(t, 1)
	for range 2 {
		if err := n.Step(ctx, true); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
			t.Fatalf("signed: %v", err)
		}
	}
	if len(m.heads) != 1 || m.held == nil {
		t.Errorf("%d heads, held %v", len(m.heads), m.held)
	}
}

// A log that is shorter than a head that was kept of it says so itself.
func TestPutBack(t *testing.T) {
	s := signer(t, 1)
	long := fill(t, 20, 20, s)
	for name, c := range map[string]struct {
		known []string
		m     *memory
		want  string
	}{
		"whole":     {[]string{long.heads[0].Note}, fill(t, 20, 20, s), ""},
		"put back":  {[]string{long.heads[0].Note}, fill(t, 10, 10, s), "shorter"},
		"another":   {[]string{long.heads[0].Note}, func() *memory { m := &memory{}; m.add(t, 30); return m }(), "another"},
		"another's": {[]string{fill(t, 5, 5, signer(t, 2)).heads[0].Note}, fill(t, 20, 20, s), "foreign"},
	} {
		n, _ := notary(t, NotaryConfig{Log: c.m, Known: c.known})
		before := len(c.m.rows)
		step(t, n, true)
		got := ""
		if len(c.m.rows) > before {
			got = c.m.rows[before].Action + " " + c.m.rows[before].Detail
		}
		if c.want != "" {
			c.want = "audit.mismatch " + c.want
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A head that was signed and that no anchor took before the server stopped goes
// there after the next start, though nothing is new.
func TestAnchorsWhatWasLeft(t *testing.T) {
	m := fill(t, 20, 10, signer(t, 1)) // heads of 10 and 20
	path := filepath.Join(t.TempDir(), "anchors")
	f := File(path)
	if err := f.Put(ctx, m.heads[0]); err != nil {
		t.Fatal(err)
	}
	n, _ := notary(t, NotaryConfig{Log: m, Anchors: []Anchor{f}, Known: LastHeads(path)})
	step(t, n, false)
	if notes, _, err := ReadFile(path); err != nil || len(notes) != 2 || notes[1] != m.heads[1].Note {
		t.Errorf("%d heads anchored, %v", len(notes), err)
	}
}

// A line that a crash has cut short does not spoil the ones after it.
func TestFileAnchor(t *testing.T) {
	s := signer(t, 1)
	m := fill(t, 20, 5, s)
	path := filepath.Join(t.TempDir(), "anchors")
	f := File(path)
	put := func(i int) {
		t.Helper()
		if err := f.Put(ctx, m.heads[i]); err != nil {
			t.Fatal(err)
		}
	}
	put(0)
	line := string(PointLine(m.heads[1].Note))
	for _, cut := range []int{1, 20, len(line) - 1} {
		app(t, path, line[:cut])
		put(1)
	}
	notes, torn, err := ReadFile(path)
	if err != nil || len(notes) != 4 || torn != 3 || len(LastHeads(path)) != 4 {
		t.Fatalf("%d heads, %d torn, %v", len(notes), torn, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	app(t, path, "somebody was here\n")
	if _, _, err := ReadFile(path); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a foreign line: %v", err)
	}
	if _, _, err := ReadFile(path + "x"); faceproof.ErrorCode(err) != faceproof.CodeNotFound || LastHeads(path+"x") != nil {
		t.Errorf("no file: %v", err)
	}
	if err := File(t.TempDir()).Put(ctx, m.heads[0]); err == nil {
		t.Error("a folder keeps heads")
	}
}

func app(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestWebhook(t *testing.T) {
	m := fill(t, 3, 3, signer(t, 1))
	var got string
	status := http.StatusNoContent
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = r.Method + " " + string(b)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer srv.Close()
	a, err := Webhook(srv.URL + "/anchor?secret=s3cr3t")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Put(ctx, m.heads[0]); err != nil || got != "POST "+m.heads[0].Note {
		t.Errorf("%q, %v", got, err)
	}
	for _, status = range []int{302, 400, 500} {
		if err := a.Put(ctx, m.heads[0]); err == nil {
			t.Errorf("%d is taken for kept", status)
		}
	}
	srv.Close()
	if err := a.Put(ctx, m.heads[0]); err == nil || strings.Contains(err.Error()+a.String(), "s3cr3t") {
		t.Errorf("%v, %s", err, a)
	}
	for _, bad := range []string{"", "http://example.com/", "ftp://x", "https://", "::"} {
		if _, err := Webhook(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
