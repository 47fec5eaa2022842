package blob

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/keys"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openDir(t testing.TB) (*Dir, string) {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	must(t, err)
	d, err := OpenDir(filepath.Join(dir, "blobs"), ring)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d, filepath.Join(dir, "blobs")
}

func TestDir(t *testing.T) {
	Conformance(t, func(t *testing.T) Store { d, _ := openDir(t); return d })
}

// Conformance is what every Store does.
func Conformance(t *testing.T, open func(*testing.T) Store) {
	get := func(t *testing.T, s Store, key, want string) {
		t.Helper()
		if b, err := s.Get(ctx, key); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", key, b, err, want)
		}
	}
	absent := func(t *testing.T, s Store, key string) {
		t.Helper()
		if _, err := s.Get(ctx, key); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			t.Errorf("%s: %v", key, err)
		}
	}
	t.Run("put, get, replace, delete", func(t *testing.T) {
		s := open(t)
		absent(t, s, "portrait/a")
		must(t, s.Put(ctx, "portrait/a", []byte("one")))
		must(t, s.Put(ctx, "portrait/b", nil))
		must(t, s.Put(ctx, "top", []byte("t")))
		get(t, s, "portrait/a", "one")
		get(t, s, "portrait/b", "")
		must(t, s.Put(ctx, "portrait/a", []byte("two, longer")))
		get(t, s, "portrait/a", "two, longer")
		must(t, s.Delete(ctx, "portrait/a"))
		must(t, s.Delete(ctx, "portrait/a"))
		must(t, s.Delete(ctx, "no/such/key"))
		absent(t, s, "portrait/a")
		get(t, s, "portrait/b", "")
	})
	t.Run("a folder is no blob", func(t *testing.T) {
		s := open(t)
		must(t, s.Put(ctx, "portrait/a", []byte("one")))
		absent(t, s, "portrait")
		must(t, s.Delete(ctx, "portrait"))
		get(t, s, "portrait/a", "one")
	})
	t.Run("list", func(t *testing.T) {
		s := open(t)
		for _, k := range []string{"b/2", "a/1", "b/1", "b/c/d/e", "bb"} {
			must(t, s.Put(ctx, k, []byte(k)))
		}
		for prefix, want := range map[string]string{"": "a/1 b/1 b/2 b/c/d/e bb", "b/": "b/1 b/2 b/c/d/e", "x": ""} {
			if got, err := s.List(ctx, prefix); err != nil || strings.Join(got, " ") != want {
				t.Errorf("list %q: %v, %v", prefix, got, err)
			}
		}
	})
	t.Run("unsafe keys", func(t *testing.T) {
		s := open(t)
		for _, k := range []string{"", ".", "..", "../a", "a/../b", "a/..", "/a", "a/", "a//b", "A", "a.b", ".new-1", "a b", "a\x00", "é", `a\b`, "a/b/c/d/e",
			strings.Repeat("a", 65), "-a", "a\n", "a/b\n"} {
			for name, err := range map[string]error{"put": s.Put(ctx, k, nil), "get": second(s.Get(ctx, k)), "delete": s.Delete(ctx, k)} {
				if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
					t.Errorf("%s %q: %v", name, k, err)
				}
			}
		}
		if all, _ := s.List(ctx, ""); len(all) > 0 {
			t.Errorf("something was put: %v", all)
		}
	})
	t.Run("too large", func(t *testing.T) {
		s := open(t)
		if err := s.Put(ctx, "a", make([]byte, MaxBytes+1)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		s := open(t)
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := s.Put(gone, "a", nil); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
			t.Error(err)
		}
		absent(t, s, "a")
	})
	t.Run("at once", func(t *testing.T) {
		s := open(t)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := s.Put(ctx, "same/key", bytes.Repeat([]byte{byte(i)}, 10_000)); err != nil {
					t.Error(err)
				}
				b, err := s.Get(ctx, "same/key")
				if err != nil || len(b) != 10_000 || len(bytes.Trim(b, string(b[:1]))) != 0 {
					t.Errorf("a mixture of two: %v", err)
				}
			})
		}
		wg.Wait()
	})
}

func second[T any](_ T, err error) error { return err }

// T17, T18, T20: files are noise, and a file under another's name does not open.
func TestFilesAreSealed(t *testing.T) {
	d, dir := openDir(t)
	for i := range 10 {
		must(t, d.Put(ctx, fmt.Sprint("portrait/", i), []byte(strings.Repeat("canary", 100))))
	}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("canary")) {
			t.Errorf("%s holds plain text", path)
		}
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	}))
	must(t, os.Rename(filepath.Join(dir, "portrait", "1"), filepath.Join(dir, "portrait", "2")))
	if _, err := d.Get(ctx, "portrait/2"); faceproof.ErrorCode(err) != faceproof.CodeInternal {
		t.Errorf("another's file opened: %v", err)
	}
}

// A link in the folder leads nowhere.
func TestLinksDoNotLeadOut(t *testing.T) {
	d, dir := openDir(t)
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	must(t, os.Symlink(outside, filepath.Join(dir, "out")))
	if _, err := d.Get(ctx, "out/secret"); err == nil {
		t.Error("read through a link")
	}
	if err := d.Put(ctx, "out/new", nil); err == nil {
		t.Error("written through a link")
	}
	if err := d.Delete(ctx, "out/secret"); err == nil {
		t.Error("deleted through a link")
	}
	if names, _ := os.ReadDir(outside); len(names) != 1 {
		t.Errorf("outside: %v", names)
	}
}

// What a crash left half written is no blob, and goes after an hour.
func TestHalfWritten(t *testing.T) {
	d, dir := openDir(t)
	must(t, d.Put(ctx, "a/b", nil))
	fresh, old := filepath.Join(dir, "a", tempPrefix+"1"), filepath.Join(dir, "a", tempPrefix+"2")
	for _, f := range []string{fresh, old} {
		must(t, os.WriteFile(f, []byte("half"), 0o600))
	}
	must(t, os.Chtimes(old, time.Now(), time.Now().Add(-2*time.Hour)))
	if all, err := d.List(ctx, ""); err != nil || len(all) != 1 {
		t.Errorf("list: %v, %v", all, err)
	}
	again, err := OpenDir(dir, d.ring)
	must(t, err)
	defer again.Close()
	if _, err := os.Stat(old); err == nil {
		t.Error("the old one is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("the fresh one may be another process's")
	}
}
