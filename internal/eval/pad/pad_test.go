package pad_test

import (
	"context"
	"encoding/json"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/eval/pad"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
)

func put(t *testing.T, root, name string, b []byte) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"attack/print/a.jpg", "attack/screen/b/1.png", "attack/screen/b/2.png", "bona_fide/desk/c.JPG", "bona_fide/desk/notes.txt", "README.md"} {
		put(t, root, name, []byte(name))
	}
	all, digest, err := pad.List(root)
	if err != nil || len(all) != 3 || len(digest) != 64 {
		t.Fatalf("%+v, %q, %v", all, digest, err)
	}
	if p := all[1]; p.Kind != pad.Attack || p.Set != "screen" || p.Name != "attack/screen/b" || len(p.Files) != 2 {
		t.Errorf("%+v", p)
	}
	put(t, root, "bona_fide/desk/c.JPG", []byte("another"))
	if _, other, _ := pad.List(root); other == digest {
		t.Error("the digest does not see the bytes")
	}
	for name, file := range map[string]string{"too shallow": "attack/x.jpg", "too deep": "attack/a/b/c/d.jpg", "another kind": "real/a/b.jpg"} {
		bad := t.TempDir()
		put(t, bad, file, nil)
		if _, _, err := pad.List(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "root") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{t.TempDir(), filepath.Join(root, "nowhere")} {
		if _, _, err := pad.List(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%v", err)
		}
	}
}

// Judge counts as ISO/IEC 30107-3 does: the worst species stands for the attacks,
// what got no response is apart, the darkened sets are not among all.
func TestJudge(t *testing.T) {
	var all []pad.Result
	light := 0.
	add := func(kind, set string, n int, score float64, frames int) {
		for range n {
			all = append(all, pad.Result{Kind: kind, Set: set, Light: light, PADEvidence: faceproof.PADEvidence{Score: score, Frames: frames}})
		}
	}
	add(pad.BonaFide, "3 × 4 m", 9, .9, 5) // whatever an operator calls a set
	add(pad.BonaFide, "3 × 4 m", 1, .1, 5)
	add(pad.BonaFide, "3 × 4 m", 2, 0, 0) // too near
	light = .1
	add(pad.BonaFide, "3 × 4 m × 0.1", 10, .1, 5)
	light = 0
	add(pad.Attack, "print", 4, .05, 1)
	add(pad.Attack, "screen", 3, .05, 1)
	add(pad.Attack, "screen", 1, .8, 1)
	r := pad.Judge(all, faceproof.PADPolicy{PADSpoof: .3})
	if len(r.Rules) != 3 || r.Rules[0].Threshold != .3 || len(r.Rules[0].Sets) != 4 {
		t.Fatalf("%+v", r.Rules)
	}
	rule := r.Rules[0]
	if rule.BPCER.Count != 1 || rule.BPCER.N != 10 || rule.APCER.Count != 1 || rule.APCER.N != 4 || math.Abs(rule.ACER-.175) > 1e-12 {
		t.Errorf("APCER %+v, BPCER %+v, ACER %g", rule.APCER, rule.BPCER, rule.ACER)
	}
	if s := rule.Sets[0]; s.None.Count != 2 || s.None.N != 12 {
		t.Errorf("no response: %+v", s.None)
	}
	if s := rule.Sets[1]; s.Error.Rate != 1 {
		t.Errorf("the darkened set: %+v", s)
	}
}

// The whole measurement on the networks: a live face, a print, a picture without a
// face and one that is none.
func TestMeasure(t *testing.T) {
	e := facetest.OpenPAD(t)
	root := t.TempDir()
	put(t, root, "bona_fide/published/t1.jpg", imagingtest.Read(t, "data", "07-pad", "silent-face", "image_T1.jpg"))
	put(t, root, "attack/screen/f2.jpg", imagingtest.Read(t, "data", "07-pad", "silent-face", "image_F2.jpg"))
	put(t, root, "attack/nothing/broken.jpg", []byte("no picture"))
	var grey strings.Builder
	if err := png.Encode(&grey, image.NewGray(image.Rect(0, 0, 64, 64))); err != nil {
		t.Fatal(err)
	}
	put(t, root, "bona_fide/published/empty.png", []byte(grey.String()))
	all, _, err := pad.List(root)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pad.Measure(context.Background(), pad.Config{Engine: e, Policy: faceproof.DefaultPADPolicy(), Presentations: all, Dark: []float64{.25}})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]pad.Result{}
	for _, x := range r.Results {
		byName[x.Set+"/"+filepath.Base(x.Name)] = x
	}
	if len(byName) != 6 || byName["published/t1.jpg"].Score < .9 || byName["screen/f2.jpg"].Score > .1 || byName["published/empty.png"].Frames != 0 || byName["nothing/broken.jpg"].Faces != 0 {
		t.Errorf("%+v", byName)
	}
	if d := byName["published × 0.25/t1.jpg"]; d.Frames != 1 || d.Score == byName["published/t1.jpg"].Score {
		t.Errorf("in the dark: %+v", d)
	}
	b, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(b), `"apcer"`) {
		t.Errorf("%.100s, %v", b, err)
	}
}
