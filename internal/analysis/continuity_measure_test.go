package analysis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/eval/score"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
	"faceproof/internal/simcam"
)

// sitting is one filmed person with what the analysis embedded.
type sitting struct {
	person string
	shots  []shot
	frames []capture.Frame
	t      capture.Transcript
}

// londonScene is newScene for a photo of the London set.
func londonScene(tb testing.TB, e *face.Engine, path string) *scene {
	tb.Helper()
	m := facetest.Decode(tb, path)
	m = m.Resize(m.W/2, m.H/2)
	faces, err := e.Detect(context.Background(), m)
	if err != nil || len(faces) == 0 {
		tb.Fatal(len(faces), err)
	}
	l, err := e.Landmarks(context.Background(), m, faces[0])
	if err != nil {
		tb.Fatal(err)
	}
	return &scene{portrait: simcam.Portrait{Name: "london", Image: m, Mesh: l.Points}, face: faces[0]}
}

// TestMeasureContinuity gives the tables of docs/evaluation.md, "Quality": how
// often another person in a part of the capture is told, and how alike the frames
// of one person are (simulated). A session with another person in a part of it is
// made of two recordings of one challenge: up to the embeddings they are analysed
// apart, so that what registration makes of a sudden change, which ends most of
// such sessions too, plays no part.
func TestMeasureContinuity(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	dir := imagingtest.Shared(t, "data", "02-london-neutral-smiling")
	files, _ := filepath.Glob(filepath.Join(dir, "neutral", "*.jpg"))
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) { measureContinuity(t, facetest.Open(t, pack), files) })
	}
}

func measureContinuity(t *testing.T, e *face.Engine, files []string) {
	const persons, challenges = 8, 2
	r := New(Config{Engine: e, Candidates: 100}).Begin()
	var all [challenges][]sitting
	for c := range challenges {
		for i, f := range files[:persons] {
			lux := []float64{60, 150, 400, 900}[(i+c)%4]
			s := session{challenge: challenge(t, uint64(c)), kind: simcam.Live, from: londonScene(t, e, f), fix: func(p *simcam.Params) {
				p.Lux, p.FPS, p.Dropped = lux, 12, 0
			}}
			frames, tr := s.film(t, uint64(40+c)) // one seed: the same times
			r.Reset()
			for _, f := range frames {
				if err := r.Frame(context.Background(), f); err != nil {
					t.Fatal(err)
				}
			}
			all[c] = append(all[c], sitting{filepath.Base(f), slices.Clone(r.shots), frames, tr})
		}
	}
	bound := e.Pack().Continuity
	judge := func(s sitting, from, to float64, other sitting) (float64, bool) {
		r.Reset()
		r.largest = 0
		_, first := marks(s.t)
		for i, sh := range s.shots {
			if sh.t >= from && sh.t < to && i < len(other.shots) {
				sh.vector, sh.quality = other.shots[i].vector, other.shots[i].quality
			}
			r.shots, r.largest = append(r.shots, sh), max(r.largest, sh.width)
		}
		p := r.probe(neutralFrom(s.t), first)
		if p.poor || p.Frames == 0 {
			return 0, false
		}
		v, err := r.continuity(p, first)
		if err != nil {
			t.Fatal(err)
		}
		return v, true
	}
	var own []float64
	poor := 0
	for _, sittings := range all {
		for _, s := range sittings {
			if v, ok := judge(s, 0, 0, s); ok {
				own = append(own, v)
			} else {
				poor++
			}
		}
	}
	slices.Sort(own)
	low := 0
	for _, v := range own {
		if v < bound {
			low++
		}
	}
	t.Logf("genuine: %d sessions, %d poor; continuity min %.3f median %.3f, bound %.2f; false alarms %s", len(own), poor, own[0], own[len(own)/2], bound, rate(low, len(own)))
	rng := rand.New(rand.NewPCG(7, 7))
	for _, w := range []struct {
		name string
		span func(neutral, first, end float64) (from, to float64)
	}{
		{"all of the colours", func(_, first, end float64) (float64, float64) { return first, end }},
		{"1 s of the colours", func(_, first, end float64) (float64, float64) {
			at := first + rng.Float64()*(end-1000-first)
			return at, at + 1000
		}},
		{"0.5 s of the colours", func(_, first, end float64) (float64, float64) {
			at := first + rng.Float64()*(end-500-first)
			return at, at + 500
		}},
		{"0.25 s of the colours", func(_, first, end float64) (float64, float64) {
			at := first + rng.Float64()*(end-250-first)
			return at, at + 250
		}},
		{"all of the opening", func(_, first, _ float64) (float64, float64) { return 0, first }},
		{"the last half of the neutral light", func(neutral, first, _ float64) (float64, float64) { return (neutral + first) / 2, first }},
		{"0.5 s before the colours, and all of them", func(_, first, end float64) (float64, float64) { return first - 500, end }},
	} {
		told, n, alike := 0, 0, 0.
		for _, sittings := range all {
			for i, a := range sittings {
				for k, b := range sittings {
					if (k-i+len(sittings))%len(sittings) > 4 || i == k {
						continue
					}
					neutral, first := marks(a.t)
					from, to := w.span(neutral, first, a.frames[len(a.frames)-1].T)
					v, ok := judge(a, from, to, b)
					if n++; !ok || v < bound {
						told++
					} else {
						alike = max(alike, v)
					}
				}
			}
		}
		t.Logf("another person for %s: told in %s; most alike of the others %.3f", w.name, rate(told, n), alike)
	}
	secondFace(t, e, all[0], rng)
}

func rate(k, n int) string {
	p := score.Proportion(k, n)
	return fmt.Sprintf("%d of %d (%.1f %%, %.1f – %.1f)", k, n, 100*p.Rate, 100*p.Low, 100*p.High)
}

// secondFace puts another person's face beside the first for some time, at the
// looks of the analysis, in three sizes; registration plays no part.
func secondFace(t *testing.T, e *face.Engine, sittings []sitting, rng *rand.Rand) {
	for _, c := range []struct{ size, ms float64 }{{.25, 1000}, {.4, 500}, {.4, 1000}, {.4, 2000}, {.6, 1000}} { // the size is of the first face's width
		size, ms := c.size, c.ms
		told, n := 0, 0
		for i, s := range sittings {
			guest, err := imaging.Decode(sittings[(i+3)%len(sittings)].frames[5].JPEG, imaging.FrameLimits)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				_, first := marks(s.t)
				at := first + rng.Float64()*(s.frames[len(s.frames)-1].T-ms-first)
				many, looks, crowd := 0, 0, false
				for _, f := range s.frames {
					looked := slices.ContainsFunc(s.shots, func(sh shot) bool { return sh.t == f.T })
					if !looked && !crowd {
						continue
					}
					looks++
					if crowd = f.T >= at && f.T < at+ms && beside(t, e, f, guest, size, n%2 == 1); crowd {
						many++
					}
				}
				if n++; float64(many)/float64(looks) > faceproof.DefaultPolicy().MaxManyFaceShare {
					told++
				}
			}
		}
		t.Logf("a second face, %.1f of the first, for %.0f ms of the colours: told in %s", size, ms, rate(told, n))
	}
}

// beside says whether the analysis sees two faces when a guest is put to the left
// or the right of a frame.
func beside(t *testing.T, e *face.Engine, f capture.Frame, guest *imaging.Image, size float64, right bool) bool {
	t.Helper()
	m, err := imaging.Decode(f.JPEG, imaging.FrameLimits)
	if err != nil {
		t.Fatal(err)
	}
	w := int(size * float64(m.W))
	p := guest.Resize(w, w*guest.H/guest.W)
	left := 0
	if right {
		left = m.W - w
	}
	for y := range p.H {
		copy(m.Pix[3*((y+m.H/20)*m.W+left):], p.Pix[3*y*w:3*(y+1)*w])
	}
	faces, err := e.Detect(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return len(faces) > 1 && e.Quality(m, faces, face.Landmarks{}).Faces > 1
}
