package face_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
)

// demoFaces is how many faces each demonstration photo shows.
var demoFaces = [6]int{3, 3, 3, 4, 5, 4}

// demoTemplates gives a template for every face of the demonstration photos
// that has one, by "sampleN.jpg#n".
func demoTemplates(t *testing.T, e *face.Engine) map[string]faceproof.Template {
	t.Helper()
	ctx := context.Background()
	out := map[string]faceproof.Template{}
	for i, want := range demoFaces {
		name := fmt.Sprintf("sample%d.jpg", i+1)
		m := facetest.Decode(t, facetest.Demo(t, name))
		faces, err := e.Detect(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if len(faces) != want {
			t.Errorf("%s: %d faces, want %d", name, len(faces), want)
		}
		face.SortLeft(faces)
		for n, f := range faces {
			l, err := e.Landmarks(ctx, m, f)
			if err != nil {
				t.Fatal(err)
			}
			if l.Score < face.MinMeshScore {
				continue // in profile
			}
			v, err := e.Embed(ctx, m, f, l)
			if err != nil {
				t.Fatal(err)
			}
			out[fmt.Sprintf("%s#%d", name, n+1)] = face.Mean(e.ModelID(), [][]float32{v})
		}
	}
	return out
}

// TestDemoPairs is `compare` on the only pictures that a fresh clone has.
func TestDemoPairs(t *testing.T) {
	list, err := os.ReadFile("testdata/demo-pairs.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			faces := demoTemplates(t, e)
			threshold := e.Pack().Threshold(1, 1).Threshold
			check := func(a, b string, same bool) {
				ta, tb := faces[a], faces[b]
				if ta.Vector == nil || tb.Vector == nil {
					t.Errorf("%s, %s: not embedded", a, b)
					return
				}
				s, err := e.Similarity(ta, tb)
				if err != nil {
					t.Fatal(err)
				}
				if (s >= threshold) != same {
					t.Errorf("%s and %s: similarity %.3f, threshold %.3f, same person: %v", a, b, s, threshold, same)
				}
			}
			for _, line := range strings.Split(string(list), "\n") {
				if f := strings.Fields(line); len(f) == 3 && f[0] != "#" {
					check(f[1], f[2], f[0] == "same")
				}
			}
			within := 0
			for a := range faces {
				for b := range faces {
					if a < b && a[:11] == b[:11] {
						within++
						check(a, b, false)
					}
				}
			}
			if within < 29 {
				t.Errorf("only %d pairs within one photo", within)
			}
		})
	}
}

// TestGolden pins the colour order and the alignment: with red and blue
// swapped every network still answers, only worse (models.md §8 trap 1).
func TestGolden(t *testing.T) {
	for _, c := range []struct {
		pack       string
		score      float64 // of the detector, sample6.jpg#4
		similarity float64 // sample1.jpg#3 to sample3.jpg#2
		swapped    float64 // the most that a face may be like itself with red and blue swapped
	}{
		{"standard", 0.911, 0.701, 0.97},
		{"offline", 0.908, 0.612, 0.85},
	} {
		t.Run(c.pack, func(t *testing.T) {
			e := facetest.Open(t, c.pack)
			one := func(m *imaging.Image, n int) (face.Face, faceproof.Template) {
				faces, err := e.Detect(context.Background(), m)
				if err != nil || len(faces) < n {
					t.Fatal(len(faces), err)
				}
				face.SortLeft(faces)
				l, err := e.Landmarks(context.Background(), m, faces[n-1])
				if err != nil {
					t.Fatal(err)
				}
				v, err := e.Embed(context.Background(), m, faces[n-1], l)
				if err != nil {
					t.Fatal(err)
				}
				return faces[n-1], face.Mean(e.ModelID(), [][]float32{v})
			}
			_, a := one(facetest.Decode(t, facetest.Demo(t, "sample1.jpg")), 3)
			_, b := one(facetest.Decode(t, facetest.Demo(t, "sample3.jpg")), 2)
			if s, _ := e.Similarity(a, b); math.Abs(s-c.similarity) > 0.004 {
				t.Errorf("similarity %.4f, golden %.4f", s, c.similarity)
			}
			m := facetest.Decode(t, facetest.Demo(t, "sample6.jpg"))
			f, plain := one(m, 4)
			if math.Abs(f.Score-c.score) > 0.004 {
				t.Errorf("detector's score %.4f, golden %.4f", f.Score, c.score)
			}
			for i := 0; i < len(m.Pix); i += 3 {
				m.Pix[i], m.Pix[i+2] = m.Pix[i+2], m.Pix[i]
			}
			g, swapped := one(m, 4)
			s, _ := e.Similarity(plain, swapped)
			t.Logf("swapped: detector %.4f, similarity to itself %.4f", g.Score, s)
			if s > c.swapped {
				t.Errorf("swapping red and blue does not matter: %.4f", s)
			}
		})
	}
}
