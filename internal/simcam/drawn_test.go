package simcam

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
)

// drawn is nobody's portrait: a face with features on a plain ground, and 468
// points on an ellipsoid with a nose, the corners of the eyes where FaceMesh has
// them.
func drawn() Portrait {
	const w, h = 480, 640
	const cx, cy, face = w / 2, .47 * h, .42 * w
	m := imaging.New(w, h)
	for i := range w * h {
		c := [3]uint8{120, 130, 140}
		u, v := (float64(i%w)-cx)/face, (float64(i/w)-cy)/face
		in := func(x, y, a, b float64) bool { return math.Hypot((u-x)/a, (v-y)/b) < 1 }
		if v > .75 {
			c = [3]uint8{60, 80, 120}
		}
		if in(0, -.12, .62, .84) {
			c = [3]uint8{50, 38, 32}
		}
		if in(0, 0, .5, .68) || math.Abs(u) < .26 && v > .3 && v < .95 {
			c = [3]uint8{205, 160, 135}
		}
		for _, s := range [2]float64{-1, 1} {
			switch {
			case in(.21*s, -.16, .038, .038), in(.21*s, -.27, .12, .025):
				c = [3]uint8{60, 45, 40}
			case in(.21*s, -.16, .09, .04):
				c = [3]uint8{240, 238, 235}
			}
		}
		if in(0, .33, .16, .05) {
			c = [3]uint8{175, 90, 90}
		}
		copy(m.Pix[3*i:], c[:])
	}
	po := Portrait{Name: "drawn", Image: m}
	set := func(i int, u, v float64) {
		nose := .16 * math.Exp(-math.Pow(u/.14, 2)-math.Pow((v-.1)/.2, 2))
		z := -.42*math.Sqrt(max(1-4*u*u-v*v/.4624, 0)) - nose
		po.Mesh[i] = [3]float64{cx + u*face, cy + v*face, z * face}
	}
	for i := range po.Mesh { // as sunflowers have their seeds
		r, a := math.Sqrt((float64(i)+.5)/468), 2.39996*float64(i)
		set(i, .5*r*math.Cos(a), .68*r*math.Sin(a))
	}
	for i, u := range map[int]float64{33: -.30, 133: -.12, 362: .12, 263: .30} {
		set(i, u, -.16)
	}
	return po
}

// challenge draws one from a seed.
func challenge(tb testing.TB, seed uint64) faceproof.FlashChallenge {
	tb.Helper()
	ch, err := flash.New(words{rand.New(rand.NewPCG(seed, 1))}, faceproof.PlanUsual)
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

// BenchmarkSession is one session of 15 frames a second, with its scene.
func BenchmarkSession(b *testing.B) {
	po, ch := drawn(), challenge(b, 1)
	for _, kind := range []Kind{Live, PrintCut, OtherScreen, Splice} {
		b.Run(string(kind), func(b *testing.B) {
			p := Draw(1, kind, func(p *Params) { p.Screen, p.FPS, p.Quality = ScreenPhone, 15, 88 })
			var frames int
			for b.Loop() {
				s, err := NewScene(po, p)
				if err != nil {
					b.Fatal(err)
				}
				rec, err := s.Record(ch, 1)
				if err != nil {
					b.Fatal(err)
				}
				frames = len(rec.Frames)
			}
			b.ReportMetric(float64(frames), "frames/op")
		})
	}
}

func rngOf(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 9)) }
