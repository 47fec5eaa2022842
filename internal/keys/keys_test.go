package keys

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"faceproof"

	"pgregory.net/rapid"
)

func ring(t testing.TB) *Ring {
	t.Helper()
	r, err := Open(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// T18: a sealed value opens at its own place only, whatever the places and
// whatever the value.
func TestSwappedValuesAreRefused(t *testing.T) {
	r := ring(t)
	text := rapid.StringMatching(`[a-z.]{1,12}`)
	rapid.Check(t, func(q *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(q, "plain")
		a := AAD(text.Draw(q, "purpose"), text.Draw(q, "id"))
		b := AAD(text.Draw(q, "other purpose"), text.Draw(q, "other id"))
		sealed, err := r.Seal(plain, a)
		if err != nil {
			q.Fatal(err)
		}
		if got, err := r.Open(sealed, a); err != nil || !bytes.Equal(got, plain) {
			q.Fatalf("does not open at its place: %v", err)
		}
		if !bytes.Equal(a, b) {
			if _, err := r.Open(sealed, b); faceproof.ErrorCode(err) != faceproof.CodeInternal {
				q.Fatalf("opened at another place: %v", err)
			}
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(q, "byte")
		sealed[i] ^= byte(rapid.IntRange(1, 255).Draw(q, "flip"))
		if _, err := r.Open(sealed, a); err == nil {
			q.Fatalf("opened with byte %d changed", i)
		}
	})
}

// 1,000 values of 1,000 owners, each moved to the next owner: none opens.
func TestThousandSwaps(t *testing.T) {
	r := ring(t)
	sealed := make([][]byte, 1000)
	for i := range sealed {
		var err error
		if sealed[i], err = r.Seal([]byte("template"), AAD("person.template", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range sealed {
		next := (i + 1) % len(sealed)
		if _, err := r.Open(sealed[i], AAD("person.template", fmt.Sprint(next))); err == nil {
			t.Fatalf("value %d opens as %d's", i, next)
		}
		if _, err := r.Open(sealed[i], AAD("person.name", fmt.Sprint(i))); err == nil {
			t.Fatalf("template %d opens as a name", i)
		}
	}
}

func TestSealingNeedsAPlace(t *testing.T) {
	r := ring(t)
	if _, err := r.Seal([]byte("x"), nil); err == nil {
		t.Error("sealed without a place")
	}
	if _, err := r.Open([]byte("x"), nil); err == nil {
		t.Error("opened without a place")
	}
}

// Sealing the same twice looks different; nothing of the plain text shows; the
// documented overhead holds.
func TestSealedShowsNothing(t *testing.T) {
	r := ring(t)
	plain := []byte(strings.Repeat("canary", 20))
	a, _ := r.Seal(plain, AAD("p", "1"))
	b, _ := r.Seal(plain, AAD("p", "1"))
	if bytes.Equal(a, b) || bytes.Contains(a, []byte("canary")) || len(a) != len(plain)+34 {
		t.Errorf("sealed %d bytes into %d", len(plain), len(a))
	}
}

func TestIndex(t *testing.T) {
	dir := t.TempDir()
	r, err := Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(filepath.Join(dir, "a"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(filepath.Join(dir, "b"))
	if err != nil {
		t.Fatal(err)
	}
	x := r.Index("person.number", []byte("1"))
	if len(x) != IndexSize || !bytes.Equal(x, again.Index("person.number", []byte("1"))) {
		t.Error("the index is not a function of the key file")
	}
	for name, y := range map[string][]byte{"value": r.Index("person.number", []byte("2")), "purpose": r.Index("subject", []byte("1")),
		"key": other.Index("person.number", []byte("1")), "border": r.Index("person.number1", nil)} {
		if bytes.Equal(x, y) {
			t.Errorf("the same index for another %s", name)
		}
	}
	if r.ID() != again.ID() || r.ID() == other.ID() || len(r.ID()) != 32 {
		t.Error("ID does not name the key file")
	}
}

func TestTokens(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		tok := NewToken(nil, 32).Reveal()
		if len(tok) != 43 || strings.ContainsAny(tok, "+/=") || seen[tok] {
			t.Fatalf("token of %d characters", len(tok))
		}
		seen[tok] = true
	}
	if h := NewHex(nil, 16).Reveal(); len(h) != 32 || strings.ToLower(h) != h {
		t.Error("hex token")
	}
	zero := NewToken(bytes.NewReader(make([]byte, 32)), 32).Reveal()
	if zero != strings.Repeat("A", 43) {
		t.Errorf("the given source is not used: %s", zero)
	}
	if len(HashToken("x")) != 32 || bytes.Equal(HashToken("x"), HashToken("y")) {
		t.Error("hash")
	}
	defer func() {
		if recover() == nil {
			t.Error("went on without randomness")
		}
	}()
	NewToken(bytes.NewReader(nil), 32)
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	if _, err := Read(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read of nothing: %v", err)
	}
	if _, err := Open(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	before, _ := os.ReadFile(path)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); faceproof.ErrorCode(err) != faceproof.CodeForbidden || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	_ = os.Chmod(path, 0o600)
	for name, bad := range map[string]string{"empty": "", "garbage": "{", "other version": strings.Replace(string(before), `"version": 1`, `"version": 2`, 1),
		"half": string(before[:len(before)/2]), "no keys": `{"version":1}`, "changed": strings.Replace(string(before), `"value"`, `"valve"`, 1)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path)
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := os.ReadFile(path); string(now) != bad {
			t.Errorf("%s: the file was written over", name)
		}
	}
	if _, err := Open(dir); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "no", "keys")); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("no folder: %v", err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".keys-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Of many first starts at once one makes the keys, and all use them.
func TestConcurrentFirstStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	ids := make([]string, 20)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			r, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.ID()
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("two key files were made")
		}
	}
}

func TestRingNeverPrints(t *testing.T) {
	r := ring(t)
	if s := fmt.Sprintf("%v %+v %#v %s %d", r, r, r, r, r); strings.Trim(s, "* ") != "" {
		t.Errorf("prints as %s", s)
	}
}

func FuzzKeyFile(f *testing.F) {
	sealing, index, err := newKeysets()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(fmt.Sprintf(`{"version":1,"sealing":%s,"index":%s}`, sealing, index)))
	f.Add([]byte(`{"version":1}`))
	gm, err := newKeyFile(gmSuite)
	if err != nil {
		f.Fatal(err)
	}
	b, _ := json.Marshal(gm)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parse(b); err == nil {
			if s, err := r.Seal([]byte("x"), []byte("y")); err == nil {
				if _, err := r.Open(s, []byte("y")); err != nil {
					t.Fatal("a ring that cannot open what it sealed")
				}
			}
		}
	})
}

func BenchmarkSealTemplate(b *testing.B) {
	r := ring(b)
	plain, aad := make([]byte, 2080), AAD("person.template", "0123456789abcdef0123456789abcdef")
	for b.Loop() {
		sealed, err := r.Seal(plain, aad)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Open(sealed, aad); err != nil {
			b.Fatal(err)
		}
	}
}
