package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof/internal/face/facetest"
)

// The flags are checked before anything is opened.
func TestBenchFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--sessions": {"--sessions", "0"}, "--parallel": {"--parallel", "5000"}, "--alone": {"--alone", "-1"},
		"--mode": {"--mode", "slow"}, "--lang": {"--lang", "de"}, "--liveness": {"--liveness", "lax"},
	} {
		var out, errs strings.Builder
		if code := run(append([]string{"--data", t.TempDir(), "bench"}, args...), &out, &errs); code != codeFailed || !strings.Contains(errs.String(), want) || out.Len() > 0 {
			t.Errorf("%q: %d, %q", args, code, errs.String())
		}
	}
	for key, w := range benchWords {
		if w[0] == "" || w[1] == "" || w[0] == w[1] {
			t.Errorf("%s is not in both languages", key)
		}
	}
}

// One person through the whole service, in the time that a session takes.
func TestBenchLive(t *testing.T) {
	t.Parallel()
	facetest.Open(t, "")
	dir := t.TempDir()
	for _, name := range []string{"sample3.jpg", "sample6.jpg"} {
		photo, err := os.ReadFile(facetest.Demo(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), photo, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs strings.Builder
	if code := run([]string{"--data", facetest.DataDir(), "--json", "bench", "--mode", "live", "--sessions", "1", "--alone", "0", "--parallel", "2", "--portraits", dir}, &out, &errs); code != codeOK {
		t.Fatalf("%d: %s", code, errs.String())
	}
	var b benchmark
	if err := json.Unmarshal([]byte(out.String()), &b); err != nil {
		t.Fatal(err)
	}
	if !b.Simulated || b.Pack == "" || b.One != nil || b.Together == nil || b.Alone != nil || b.Takes != 1 {
		t.Errorf("%s", out.String())
	}
	n := 0
	for _, k := range b.Together.Outcomes {
		n += k
	}
	if n != 1 {
		t.Errorf("outcomes %v", b.Together.Outcomes)
	}
	if v := b.Together.Verdict; b.Together.Outcomes["pass"] == 1 && (v.N != 1 || v.P95 <= 0) {
		t.Errorf("verdict %+v", v)
	}
}
