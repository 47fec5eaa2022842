package face_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
)

// described is one LFW picture as both packs see it.
type described struct {
	Person  string
	File    string
	Asian   bool // on the list of the test data
	Vectors [4][]float32
	Quality faceproof.Quality
	Refused string // by the gate of enrolment
}

// describe embeds every picture of the test data's LFW, and keeps what it found
// in FACEPROOF_STEPS, a folder, from where another run goes on.
func describe(t *testing.T, pack string) []described {
	t.Helper()
	dir := os.Getenv("FACEPROOF_STEPS")
	if dir == "" {
		dir = t.TempDir() // they are templates: not into the source
	}
	kept, err := os.OpenFile(filepath.Join(dir, pack+".jsonl"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	var all []described
	known := map[string]bool{}
	for r := json.NewDecoder(kept); ; {
		var d described
		if err := r.Decode(&d); err != nil {
			break
		}
		all, known[d.File] = append(all, d), true
	}
	e := facetest.Open(t, pack)
	asian := map[string]bool{}
	for _, line := range strings.Split(string(imagingtest.Read(t, "data", "01-lfw-pairs", "east-asian.tsv")), "\n")[1:] {
		name, _, _ := strings.Cut(line, "\t")
		asian[name] = name != ""
	}
	files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(t, "data", "01-lfw-pairs"), "lfw", "*", "*.jpg"))
	ctx := context.Background()
	for _, path := range files {
		if known[filepath.Base(path)] {
			continue
		}
		m := facetest.Decode(t, path)
		faces, err := e.Detect(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if len(faces) == 0 {
			continue
		}
		off := func(f face.Face) float64 {
			return math.Hypot(f.Box.X+f.Box.W/2-float64(m.W)/2, f.Box.Y+f.Box.H/2-float64(m.H)/2)
		}
		f := slices.MinFunc(faces, func(a, b face.Face) int { return int(1000 * (off(a) - off(b))) })
		l, err := e.Landmarks(ctx, m, f)
		if err != nil {
			t.Fatal(err)
		}
		if l.Score < face.MinMeshScore {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, _ := imaging.CheckJPEG(data, imaging.PhotoLimits)
		rest := slices.DeleteFunc(slices.Clone(faces), func(o face.Face) bool { return o == f })
		d := described{Person: filepath.Base(filepath.Dir(path)), File: filepath.Base(path), Quality: e.Assess(m, info.Quality, append([]face.Face{f}, rest...), l)}
		d.Asian = asian[d.Person]
		if err := face.CheckPortrait(d.Quality); err != nil {
			d.Refused = err.Error()
		}
		if d.Vectors, err = e.Descriptors(ctx, m, f, l); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
		line, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
	}
	return all
}
