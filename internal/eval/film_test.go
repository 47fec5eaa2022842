package eval

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

func TestListFilms(t *testing.T) {
	dir := t.TempDir()
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	_, _, err := ListFilms(dir)
	if faceproof.ErrorCode(err) != faceproof.CodeUnavailable || !strings.Contains(err.Error(), "apt-get install ffmpeg") {
		t.Errorf("without ffmpeg: %v", err)
	}
	for _, tool := range filmTools {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := ListFilms(dir); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("without films: %v", err)
	}
	for _, name := range []string{"b.mp4", "a.MPG", "note.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	paths, digest, err := ListFilms(dir)
	if err != nil || len(paths) != 2 || filepath.Base(paths[0]) != "a.MPG" || len(digest) != 64 {
		t.Errorf("%v, %q, %v", paths, digest, err)
	}
}

func TestSplitJPEG(t *testing.T) {
	one := []byte{0xff, 0xd8, 1, 0xff, 0, 0xd9, 0xff, 0xd9}
	got := splitJPEG(append(bytes.Repeat(one, 3), 0xff, 0xd8, 1)) // the last is cut off
	if len(got) != 3 || !bytes.Equal(got[2], one) {
		t.Errorf("%v", got)
	}
}
