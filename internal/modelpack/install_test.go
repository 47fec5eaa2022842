package modelpack

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

func TestInstallFromFolder(t *testing.T) {
	w := newWorld(t)
	p, err := w.install(t, w.mirror)
	if err != nil {
		t.Fatal(err)
	}
	for role, m := range p.Models {
		b, err := os.ReadFile(m.File)
		if err != nil || digest(b) != m.SHA256 || !filepath.IsAbs(m.File) || m.Role != role {
			t.Errorf("%s: %v, %+v", role, err, m)
		}
	}
	if b, err := os.ReadFile(p.Runtime); err != nil || string(b) != "a shared library" {
		t.Errorf("runtime: %q, %v", b, err)
	}
	if id, err := w.installer(t, "").to.active(); err != nil || id != "small" {
		t.Errorf("active pack %q, %v", id, err)
	}
	if n := len(w.stored(t)); n != 4 {
		t.Errorf("%d files in the data folder, want 4: %v", n, w.stored(t))
	}

	// Everything is there: a second installation needs no source at all.
	for _, dir := range []string{w.mirror, w.npm} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.install(t, ""); err != nil {
		t.Errorf("second installation: %v", err)
	}
}

func TestInstallFromServers(t *testing.T) {
	w := newWorld(t)
	asked := map[string]int{}
	files := http.FileServer(http.Dir(w.mirror))
	count := func(where string, missing string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			asked[where+r.URL.Path]++
			if r.URL.Path == missing {
				http.NotFound(rw, r)
				return
			}
			http.StripPrefix("/packs", files).ServeHTTP(rw, r)
		}
	}
	mirror := httptest.NewServer(count("mirror", "/packs/embedder.onnx"))
	defer mirror.Close()
	origin := httptest.NewTLSServer(count("origin", ""))
	defer origin.Close()
	for i := range w.manifest.Models {
		if m := &w.manifest.Models[i]; m.URL != "" {
			m.URL = origin.URL + "/packs/" + m.File
		}
	}
	in := w.installer(t, mirror.URL+"/packs")
	in.client = origin.Client()
	if _, err := in.install(context.Background(), w.manifest); err != nil {
		t.Fatal(err)
	}
	// The mirror comes first; what it does not have comes from the pinned address.
	for where, want := range map[string]int{"mirror/packs/detector.onnx": 1, "mirror/packs/embedder.onnx": 1, "origin/packs/embedder.onnx": 1, "origin/packs/detector.onnx": 0} {
		if asked[where] != want {
			t.Errorf("%s asked %d times, want %d", where, asked[where], want)
		}
	}
}

// TestInstallRefuses damages every file that a pack comes from.
func TestInstallRefuses(t *testing.T) {
	for _, source := range []struct {
		path func(*world) string
		file string // as the error names it
		want func(*world) string
	}{
		{func(w *world) string { return filepath.Join(w.mirror, "detector.onnx") }, "detector.onnx", func(w *world) string { return w.manifest.Models[0].SHA256 }},
		{func(w *world) string { return filepath.Join(w.mirror, "embedder.onnx") }, "embedder.onnx", func(w *world) string { return w.manifest.Models[2].SHA256 }},
		{func(w *world) string { return filepath.Join(w.npm, "@scope", "nets", "mesh.json") }, "@scope/nets/mesh.json", func(w *world) string { return w.manifest.Models[1].Convert.JSONSHA256 }},
		{func(w *world) string { return filepath.Join(w.npm, "@scope", "nets", "mesh.bin") }, "@scope/nets/mesh.bin", func(w *world) string { return w.manifest.Models[1].Convert.WeightsSHA256 }},
		{func(w *world) string { return filepath.Join(w.npm, "runtime", "lib.so") }, libraryName, func(w *world) string { return w.manifest.Runtime.AMD64.SHA256 }},
	} {
		for name, damage := range damages {
			w := newWorld(t)
			change(t, source.path(w), damage)
			_, err := w.install(t, w.mirror)
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !tells(err, source.file, source.want(w)) {
				t.Errorf("%s, %s: %v", source.file, name, err)
			}
			if _, err := w.installer(t, "").to.active(); err == nil {
				t.Errorf("%s, %s: the pack became active", source.file, name)
			}
			for _, stored := range w.stored(t) {
				b, err := os.ReadFile(filepath.Join(w.data, "models", "sha256", stored))
				if err != nil || digest(b) != stored {
					t.Errorf("%s, %s: %s was left in the data folder", source.file, name, stored)
				}
			}
		}
	}
}

// A converter that gives other bytes than the pinned ones is refused as well.
func TestInstallRefusesAnotherConversion(t *testing.T) {
	w := newWorld(t)
	w.manifest.Models[1].SHA256 = strings.Repeat("0", 64)
	if _, err := w.install(t, w.mirror); !tells(err, "mesh.onnx", strings.Repeat("0", 64)) {
		t.Errorf("got %v", err)
	}
}

// TestLoadRefuses damages every file of an installed pack; a new installation
// repairs it.
func TestLoadRefuses(t *testing.T) {
	w := newWorld(t)
	if _, err := w.install(t, w.mirror); err != nil {
		t.Fatal(err)
	}
	files, err := w.manifest.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for name, damage := range damages {
			path := w.installer(t, "").to.file(f.sha256)
			change(t, path, damage)
			if _, err := w.load(t); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !tells(err, f.name, f.sha256) {
				t.Errorf("%s, %s: %v", f.name, name, err)
			}
			if _, err := w.install(t, w.mirror); err != nil {
				t.Errorf("%s, %s: not repaired: %v", f.name, name, err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if _, err := w.load(t); faceproof.ErrorCode(err) != faceproof.CodeNotFound || !strings.Contains(err.Error(), f.name) {
				t.Errorf("%s, missing: %v", f.name, err)
			}
			if _, err := w.install(t, w.mirror); err != nil {
				t.Errorf("%s, missing: not repaired: %v", f.name, err)
			}
		}
	}
}

func TestFallback(t *testing.T) {
	w, second := newWorld(t), newWorld(t)
	second.manifest.ID = "second"
	second.manifest.Warning = manifestText{En: "It costs much.", Zh: "代价很大。"}
	origin := httptest.NewTLSServer(http.FileServer(http.Dir(w.mirror)))
	defer origin.Close()
	for i := range second.manifest.Models {
		if m := &second.manifest.Models[i]; m.URL != "" {
			m.URL = origin.URL + "/" + m.File
		}
	}
	in := w.installer(t, "")
	in.client = origin.Client() // the first pack's addresses refuse connections
	p, err := in.either(context.Background(), w.manifest, second.manifest)
	if err != nil || p.ID != "second" {
		t.Fatalf("got %v, %v", p, err)
	}
	said := w.progress.String()
	if strings.Count(said, "WARNING") != 1 || strings.Count(said, "It costs much.") != 1 || strings.Count(said, "代价很大。") != 1 {
		t.Errorf("want one warning in both languages, got:\n%s", said)
	}
	if !strings.Contains(said, "detector.onnx") || !strings.Contains(said, "refused") {
		t.Errorf("the warning does not say why:\n%s", said)
	}
	if id, err := in.to.active(); err != nil || id != "second" {
		t.Errorf("active pack %q, %v", id, err)
	}
}

// Only what cannot be had falls back: another file under the same name, a
// missing npm package or a cancelled installation is told.
func TestNoFallback(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*world, context.CancelFunc)
		want  faceproof.Code
	}{
		"another file": {func(w *world, _ context.CancelFunc) {
			change(t, filepath.Join(w.mirror, "detector.onnx"), damages["a flipped bit"])
		}, faceproof.CodeInvalid},
		"no npm package": {func(w *world, _ context.CancelFunc) {
			if err := os.RemoveAll(filepath.Join(w.npm, "@scope")); err != nil {
				t.Fatal(err)
			}
		}, faceproof.CodeNotFound},
		"cancelled": {func(_ *world, cancel context.CancelFunc) { cancel() }, faceproof.CodeInternal},
	} {
		w, second := newWorld(t), newWorld(t)
		ctx, cancel := context.WithCancel(context.Background())
		c.spoil(w, cancel)
		in := w.installer(t, w.mirror)
		if p, err := in.either(ctx, w.manifest, second.manifest); p != nil || faceproof.ErrorCode(err) != c.want {
			t.Errorf("%s: got %v, %v", name, p, err)
		}
		cancel()
	}
}

func TestHostileServers(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  faceproof.Code
		says  string
	}{
		"endless": {func(rw http.ResponseWriter, r *http.Request) {
			block := bytes.Repeat([]byte{7}, 1<<16)
			for r.Context().Err() == nil {
				if _, err := rw.Write(block); err != nil {
					return
				}
			}
		}, faceproof.CodeInvalid, "more than 10 bytes"},
		"cut short": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "10")
			_, _ = rw.Write([]byte("a det"))
		}, faceproof.CodeUnavailable, "unexpected EOF"},
		"an error": {func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, faceproof.CodeUnavailable, "HTTP 502"},
		"downgrade": {func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, plain.URL, http.StatusFound)
		}, faceproof.CodeUnavailable, "away from https"},
		"a loop": {func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/again", http.StatusFound) }, faceproof.CodeUnavailable, "too many redirects"},
	} {
		w := newWorld(t)
		server := httptest.NewTLSServer(c.serve)
		w.manifest.Models[0].URL = server.URL + "/detector.onnx"
		in := w.installer(t, "")
		redirects := in.client.CheckRedirect
		in.client = server.Client()
		in.client.CheckRedirect = redirects
		_, err := in.install(context.Background(), w.manifest)
		if faceproof.ErrorCode(err) != c.want || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", name, err)
		}
		if names := w.stored(t); len(names) > 0 {
			t.Errorf("%s: left %v", name, names)
		}
		server.Close()
	}
}

func TestParseMirror(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	for _, bad := range []string{file, filepath.Join(t.TempDir(), "missing"), "https://", "http://host/?x=1", "ftp://host/models"} {
		if _, err := parseMirror(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	m, err := parseMirror("https://host/models/")
	if err != nil || m.join("a.onnx") != "https://host/models/a.onnx" {
		t.Errorf("got %q, %v", m.join("a.onnx"), err)
	}
}

// BenchmarkInstallAgain is what a start costs when everything is there.
func BenchmarkInstallAgain(b *testing.B) {
	npm := npmDir(b)
	c := InstallConfig{DataDir: b.TempDir(), NPMDir: npm, Pack: packOffline}
	if _, err := Install(context.Background(), c); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Install(context.Background(), c); err != nil {
			b.Fatal(err)
		}
	}
}
