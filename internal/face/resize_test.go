package face

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A picture of another size with the same view goes on where the last one was:
// the place follows to a fifth of a per cent, so that a scale that is off by 2 %
// would not pass, and no cell jumps.
func TestTrackerScale(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	f := drawFace(8)
	at := func(k float64) pose { // in a picture of k times 360 × 480
		p := pose{a: complex(1.6*k, 0)}
		p.b = complex(180*k, 240*k) - p.a*complex(faceX, faceY)
		return p
	}
	tracker, size := NewTracker(), 1.
	var first, now Cells
	var start Placement
	for i, k := range []float64{1, 2. / 3, 2. / 3, 1, 168. / 360, 168. / 360, 1} {
		w, h := int(math.Round(360*k)), int(math.Round(480*k))
		m := f.photograph(w, h, at(k), [3]float64{1, 1, 1}, 1, r)
		var l *Landmarks
		if i == 0 {
			l = f.landmarks(at(k), 0, r)
		} else {
			tracker.Scale(k / size)
		}
		size = k
		if p := tracker.Placement().Scale(1 / k); i > 0 && (math.Abs(p.Width/start.Width-1) > .004 || math.Hypot(p.X-start.X, p.Y-start.Y) > .8) {
			t.Errorf("picture %d, %d wide: begins at %+v of %+v", i, w, p, start)
		}
		if !tracker.Track(m, l, &now) {
			t.Fatalf("picture %d, %d wide: lost", i, w)
		}
		p := tracker.Placement().Scale(1 / k)
		if i == 0 {
			first, start = now, p
			continue
		}
		if math.Abs(p.Width/start.Width-1) > .004 || math.Hypot(p.X-start.X, p.Y-start.Y) > .5 {
			t.Errorf("picture %d, %d wide: at %+v of %+v", i, w, p, start)
		}
		var worst float64
		for c := range CellCount {
			if x, y := Offset(c); math.Hypot(x, y) < .4 && now.Seen[c] {
				worst = max(worst, math.Abs(math.Log(float64(now.Mean[c][1]/first.Mean[c][1]))))
			}
		}
		t.Logf("%d wide: width %.4f, cells within %.3f", w, p.Width/start.Width, worst)
		if worst > .06 {
			t.Errorf("picture %d, %d wide: a cell is off by %.3f", i, w, worst)
		}
	}
}

func TestLandmarksScale(t *testing.T) {
	l := &Landmarks{Score: .9}
	l.Points[3] = [3]float64{10, -4, 2}
	if s := l.Scale(.5); s.Points[3] != [3]float64{5, -2, 1} || s.Score != .9 || l.Points[3][0] != 10 {
		t.Errorf("%v", s.Points[3])
	}
}
