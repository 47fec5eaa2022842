package face_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
)

// templates embeds the face nearest to the middle of each picture, once.
type templates struct {
	e     *face.Engine
	known map[string]faceproof.Template
}

func (c *templates) of(t *testing.T, path string) faceproof.Template {
	t.Helper()
	if got, ok := c.known[path]; ok {
		return got
	}
	m := facetest.Decode(t, path)
	faces, err := c.e.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	var tmpl faceproof.Template
	if len(faces) > 0 {
		off := func(f face.Face) float64 {
			return math.Hypot(f.Box.X+f.Box.W/2-float64(m.W)/2, f.Box.Y+f.Box.H/2-float64(m.H)/2)
		}
		f := slices.MinFunc(faces, func(a, b face.Face) int { return int(1000 * (off(a) - off(b))) })
		l, err := c.e.Landmarks(context.Background(), m, f)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.e.Embed(context.Background(), m, f, l); err == nil {
			tmpl = face.Mean(c.e.ModelID(), [][]float32{v})
		}
	}
	if c.known == nil {
		c.known = map[string]faceproof.Template{}
	}
	c.known[path] = tmpl
	return tmpl
}

// scores are similarities of genuine and impostor pairs.
type scores struct {
	genuine, impostor []float64
	missed            int // pairs with a face that could not be embedded
}

func (s *scores) add(t *testing.T, c *templates, a, b string, same bool) {
	t.Helper()
	ta, tb := c.of(t, a), c.of(t, b)
	if ta.Vector == nil || tb.Vector == nil {
		s.missed++
		return
	}
	v, err := c.e.Similarity(ta, tb)
	if err != nil {
		t.Fatal(err)
	}
	if same {
		s.genuine = append(s.genuine, v)
	} else {
		s.impostor = append(s.impostor, v)
	}
}

func above(v []float64, threshold float64) (n int) {
	for _, x := range v {
		if x >= threshold {
			n++
		}
	}
	return n
}

// best is the accuracy at the threshold that suits these pairs best.
func (s *scores) best() float64 {
	best := 0
	for _, x := range s.genuine {
		best = max(best, above(s.genuine, x)+len(s.impostor)-above(s.impostor, x))
	}
	return float64(best) / float64(len(s.genuine)+len(s.impostor))
}

func (s *scores) String(threshold float64) string {
	return fmt.Sprintf("%d genuine, %d impostor, %d missed; best accuracy %.4f; at %.3f %d genuine pass (%.1f %%), %d impostors pass",
		len(s.genuine), len(s.impostor), s.missed, s.best(), threshold,
		above(s.genuine, threshold), 100*float64(above(s.genuine, threshold))/float64(max(len(s.genuine), 1)), above(s.impostor, threshold))
}

// sample is how many LFW pairs are compared: FACEPROOF_LFW_PAIRS, or few.
func sample() int {
	if n, err := strconv.Atoi(os.Getenv("FACEPROOF_LFW_PAIRS")); err == nil && n > 0 {
		return n
	}
	return 30
}

// TestLFW checks that detector, mesh, alignment and embedder work together as
// the calibration of the packs assumes (docs/evaluation.md).
func TestLFW(t *testing.T) {
	dir := imagingtest.Shared(t, "data", "01-lfw-pairs")
	lines := strings.Split(strings.TrimSpace(string(imagingtest.Read(t, "data", "01-lfw-pairs", "pairs-A.txt"))), "\n")[1:]
	file := func(name, n string) string {
		k, _ := strconv.Atoi(n)
		return filepath.Join(dir, "lfw", name, fmt.Sprintf("%s_%04d.jpg", name, k))
	}
	for pack, floor := range map[string]float64{"standard": 0.98, "offline": 0.96} {
		t.Run(pack, func(t *testing.T) {
			c := &templates{e: facetest.Open(t, pack)}
			var s scores
			step := max(len(lines)/sample(), 1)
			for i := 0; i < len(lines); i += step {
				switch f := strings.Fields(lines[i]); len(f) {
				case 3:
					s.add(t, c, file(f[0], f[1]), file(f[0], f[2]), true)
				case 4:
					s.add(t, c, file(f[0], f[1]), file(f[2], f[3]), false)
				}
			}
			threshold := c.e.Pack().Threshold(1, 1).Threshold
			t.Log(s.String(threshold))
			if s.best() < floor || s.missed > 0 || above(s.impostor, threshold)*500 > len(s.impostor) {
				t.Error("worse than the packs' calibration")
			}
		})
	}
}

// TestLFWEastAsian does the same with the group for which the offline pack is
// weak: same-group pairs.
func TestLFWEastAsian(t *testing.T) {
	dir := imagingtest.Shared(t, "data", "01-lfw-pairs")
	list := strings.Split(strings.TrimSpace(string(imagingtest.Read(t, "data", "01-lfw-pairs", "east-asian.tsv"))), "\n")[1:]
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			c := &templates{e: facetest.Open(t, pack)}
			var s scores
			var people [][]string
			perPerson := 2
			if sample() > 500 {
				perPerson = 10
			}
			for _, line := range list {
				name, numbers, _ := strings.Cut(line, "\t")
				var photos []string
				for _, n := range strings.Fields(numbers) {
					k, _ := strconv.Atoi(n)
					if len(photos) < perPerson {
						photos = append(photos, filepath.Join(dir, "lfw", name, fmt.Sprintf("%s_%04d.jpg", name, k)))
					}
				}
				people = append(people, photos)
			}
			for i, mine := range people {
				for a := range mine {
					for b := range a {
						s.add(t, c, mine[a], mine[b], true)
					}
					for _, other := range people[:i] {
						for _, b := range other {
							s.add(t, c, mine[a], b, false)
						}
					}
				}
			}
			row := c.e.Pack().Threshold(1, 1)
			t.Log(s.String(row.Threshold))
			if got := above(s.impostor, row.Threshold); float64(got) > 5+3*row.FMR*float64(len(s.impostor)) || s.missed > 0 {
				t.Errorf("%d impostors pass, %d pairs missed", got, s.missed)
			}
		})
	}
}

// TestDeepfacePairs: press photos of a few people, at full size.
func TestDeepfacePairs(t *testing.T) {
	dir := imagingtest.Shared(t, "data", "03-deepface-pairs")
	rows, err := csv.NewReader(strings.NewReader(string(imagingtest.Read(t, "data", "03-deepface-pairs", "master.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for pack, floor := range map[string]float64{"standard": 0.99, "offline": 0.97} {
		t.Run(pack, func(t *testing.T) {
			c := &templates{e: facetest.Open(t, pack)}
			var s scores
			for _, r := range rows[1:] {
				a, b := filepath.Join(dir, r[0]), filepath.Join(dir, r[1])
				if _, err := os.Stat(a); err != nil {
					continue // six pictures were too large for the folder
				}
				if _, err := os.Stat(b); err != nil {
					continue
				}
				s.add(t, c, a, b, r[2] == "Yes")
			}
			t.Log(s.String(c.e.Pack().Threshold(1, 1).Threshold))
			if s.best() < floor || s.missed > 0 || len(s.genuine) < 20 {
				t.Error("worse than models.md §5")
			}
		})
	}
}

// TestGate: the enrolment gate lets good portraits of all kinds of people in,
// and keeps masks out.
func TestGate(t *testing.T) {
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			e := facetest.Open(t, pack)
			var good, masks int
			for _, pattern := range []string{"02-london-neutral-smiling/neutral/*.jpg", "06-free-portraits/composite/*.jpg", "06-free-portraits/lisa/lisa1.jpg"} {
				files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(t, "data"), pattern))
				for _, f := range files {
					data, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := e.Enrol(context.Background(), [][]byte{data}); err != nil {
						t.Errorf("%s: %v", filepath.Base(f), err)
					}
					good++
				}
			}
			files, _ := filepath.Glob(filepath.Join(imagingtest.Shared(t, "data", "13-masks"), "synthetic-overlay", "*.jpg"))
			for _, f := range files {
				data, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.Enrol(context.Background(), [][]byte{data}); err != nil {
					masks++
				}
			}
			t.Logf("%d portraits; %d of %d masks kept out", good, masks, len(files))
			if good < 25 || masks < 15 {
				t.Error("too few")
			}
		})
	}
}
