package analysis

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
)

var updateHostile = flag.Bool("update-hostile", false, "write testdata/hostile.tsv anew")

// Every file of the shared sets of hostile pictures and of pictures without a face,
// by every way in that a picture has: a photo to enrol or compare, a frame of a
// capture, a preview. Each has a stable answer, listed in testdata/hostile.tsv, and
// none panics.
func TestHostilePictures(t *testing.T) {
	e := facetest.Open(t, "")
	r := New(Config{Engine: e}).Begin()
	ctx := context.Background()
	var got bytes.Buffer
	codes := map[faceproof.Code]int{}
	n := 0
	for _, set := range []string{"09-hostile", "12-no-face"} {
		root := imagingtest.Shared(t, "data", set)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if n++; testing.Short() && n%5 != 0 {
				return nil // the same code
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(filepath.Dir(root), path)
			if err != nil {
				return err
			}
			_, err = e.Enrol(ctx, [][]byte{data})
			codes[faceproof.ErrorCode(err)]++
			photo := inWords(t, rel, "photo", err)
			r.Reset()
			err = r.Frame(ctx, capture.Frame{JPEG: data})
			frame := inWords(t, rel, "frame", err)
			g, err := r.Preview(ctx, data)
			preview := inWords(t, rel, "frame", err)
			if err == nil {
				preview = "guide " + string(g.Hint)
			} else if preview == frame {
				preview = "the same"
			}
			fmt.Fprintf(&got, "%s\t%s\t%s\t%s\n", filepath.ToSlash(rel), photo, frame, preview)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("as photos: %v", codes)
	const golden = "testdata/hostile.tsv"
	if *updateHostile {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	was := map[string]string{}
	for line := range strings.Lines(string(want)) {
		name, _, _ := strings.Cut(line, "\t")
		was[name] = line
	}
	if n != len(was) {
		t.Errorf("%d files, %d are listed", n, len(was))
	}
	for line := range strings.Lines(got.String()) {
		if name, _, _ := strings.Cut(line, "\t"); line != was[name] {
			t.Errorf("%swas\n%s", line, was[name])
		}
	}
}

var (
	numbers = regexp.MustCompile(`-?[0-9]+(\.[0-9]+)?`)
	details = regexp.MustCompile(`(: | \().*`) // advice, and the measure that failed
)

// inWords is what an answer says first, without its numbers, which rounding may
// change; a refusal must be the caller's fault and name the field.
func inWords(t *testing.T, file, field string, err error) string {
	if err == nil {
		return "ok"
	}
	var bad *faceproof.Error
	if !errors.As(err, &bad) || bad.Code != faceproof.CodeInvalid || bad.Field != field || bad.Message == "" {
		t.Errorf("%s: %v", file, err)
		return "?"
	}
	return string(bad.Code) + ": " + numbers.ReplaceAllString(details.ReplaceAllString(bad.Message, ""), "#")
}
