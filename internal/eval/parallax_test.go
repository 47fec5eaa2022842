package eval

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
	"faceproof/internal/simcam"
)

// The sessions of TestMeasureParallax: the seeds are those of tuning.
const (
	parallaxSeed     = 1000
	parallaxSessions = 40 // a cell
)

// TestMeasureParallax gives the table of docs/evaluation.md: people and flat
// things that come closer before the test camera, by growth. Simulated.
func TestMeasureParallax(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	const n = parallaxSessions
	dir := filepath.Dir(imagingtest.Shared(t, "data/02-london-neutral-smiling/info.csv"))
	e := facetest.Open(t, "standard")
	portraits, info, err := LoadPortraits(context.Background(), e, dir, "tune")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d photos of %d persons", info.Photos, info.Persons)
	flat := []simcam.Kind{simcam.Print, simcam.PrintCut, simcam.PlainScreen}
	bent := []simcam.Kind{simcam.PrintBent, simcam.PrintCutB}
	for _, growth := range []float64{1.2, 1.3, 1.5} {
		for _, kind := range slices.Concat([]simcam.Kind{simcam.Live}, flat, bent) {
			var l, slope []float64
			for i := range n {
				p := approach(t, e, portraits[i%len(portraits)], kind, growth, uint64(i))
				l, slope = append(l, p.L), append(slope, p.Slope)
			}
			slices.Sort(l)
			slices.Sort(slope)
			over := func(x float64) int { return len(l) - index(l, x) }
			at := func(v []float64, q float64) float64 { return v[min(int(q*float64(n)), n-1)] }
			t.Logf("| %.1f | %s | %d | %.2f / %.2f / %.2f | %.1f / %.1f / %.1f | %d | %d | %d |", growth, kind, n,
				at(slope, .1), at(slope, .5), at(slope, .9), at(l, .1), at(l, .5), at(l, .9), over(1.5), over(0), index(l, -3))
			switch middle := at(l, .5); {
			case kind == simcam.Live && middle < 2, kind != simcam.Live && middle > -1:
				t.Errorf("growth %.1f, %s: L is %.2f in the middle", growth, kind, middle)
			case kind == simcam.Live && 20*index(l, -3) > n:
				t.Errorf("growth %.1f: %d of %d people would be accused", growth, index(l, -3), n)
			case slices.Contains(flat, kind) && 20*over(0) > n:
				t.Errorf("growth %.1f: %d of %d of %s look like a head", growth, over(0), n, kind)
			}
		}
	}
}

// index is how many of sorted numbers are less than x.
func index(sorted []float64, x float64) int {
	i, _ := slices.BinarySearch(sorted, x)
	return i
}

// approach is what the product measures of one.
func approach(t *testing.T, e *face.Engine, who Portrait, kind simcam.Kind, growth float64, i uint64) faceproof.ParallaxEvidence {
	t.Helper()
	s, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, simcam.Draw(parallaxSeed+i, kind, nil))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := s.Approach(growth, 4, i)
	if err != nil {
		t.Fatal(err)
	}
	run := analysis.New(analysis.Config{Engine: e, Concurrency: 1}).Begin()
	run.Approach(true)
	for _, f := range frames {
		if _, err := run.Preview(context.Background(), f.JPEG); err != nil {
			t.Fatal(err)
		}
	}
	p, err := run.Parallax(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if p == nil {
		return faceproof.ParallaxEvidence{}
	}
	return *p
}
