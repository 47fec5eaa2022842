package face

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof/internal/imaging"
)

// The focal length of these tests, widths of the picture.
const testFocal = .9

// dome is the head of these tests: depth in canonical pixels, a ball with a nose.
func dome(p Point) float64 {
	x, y := (p.X-faceX)/faceWidth, (p.Y-faceY)/faceWidth
	return faceWidth * (.55*x*x + .3*y*y + .3*x*x*x*x - .16*math.Exp(-(x*x/.012+(y-.1)*(y-.1)/.03)))
}

// stage photographs a drawn face on a surface in perspective: at a distance
// (canonical pixels), turned by yaw and pitch.
func (f *drawnFace) stage(depth func(Point) float64, distance, yaw, pitch, noise float64, r *rand.Rand) *imaging.Image {
	const w, h = 192, 256
	m := imaging.New(w, h)
	cy, sy, cp, sp := math.Cos(yaw), math.Sin(yaw), math.Cos(pitch), math.Sin(pitch)
	toFace := func(v [3]float64) [3]float64 { // the inverse turn
		x, z := cy*v[0]+sy*v[2], -sy*v[0]+cy*v[2]
		return [3]float64{x, cp*v[1] + sp*z, -sp*v[1] + cp*z}
	}
	from := toFace([3]float64{0, 0, -distance})
	for i := range w * h {
		d := toFace([3]float64{(float64(i%w) + .5 - w/2) / (testFocal * w), (float64(i/w) + .5 - h/2) / (testFocal * w), 1})
		var z float64
		var at Point
		for range 14 {
			t := (z - from[2]) / d[2]
			at = Point{faceX + from[0] + t*d[0], faceY + from[1] + t*d[1]}
			z += .7 * (min(depth(at), faceWidth) - z)
		}
		for c, v := range f.color(complex(at.X, at.Y)) {
			s := float64(imaging.FromLinear(float32(v))) + noise*r.NormFloat64()
			m.Pix[3*i+c] = uint8(min(max(math.Round(s), 0), 255))
		}
	}
	return m
}

// meshOf is what a net would say that believes in heads whatever it sees: the
// far face's proportions at every distance, and the depth of the dome.
func (f *drawnFace) meshOf(distance, jitter float64, r *rand.Rand) *Landmarks {
	k := testFocal * 192 / distance
	l := f.landmarks(pose{complex(k, 0), complex(96-k*faceX, 128-k*faceY)}, jitter, r)
	for i, q := range f.mesh {
		l.Points[i][2] = dome(q) * k
	}
	return l
}

// approach is the Move of a surface from a share of far to near of the width.
func (f *drawnFace) approach(depth func(Point) float64, far, near, noise float64, seed uint64) Move {
	r := rand.New(rand.NewPCG(seed, 8))
	var a Approach
	for i := range 8 {
		share := far
		if i >= 4 {
			share = near
		}
		distance := testFocal * faceWidth / share
		m := f.stage(depth, distance, .04*r.NormFloat64(), .04*r.NormFloat64(), noise, r)
		a.Add(m, f.meshOf(distance, .6, r))
	}
	return a.Measure(testFocal)
}

// spread gives a drawn face a mesh all over.
func spread(seed uint64) *drawnFace {
	f := drawFace(seed)
	for i := range f.mesh {
		a, d := 2*math.Pi*float64(i)*.618034, math.Sqrt((float64(i)+.5)/float64(len(f.mesh)))
		if q := (Point{faceX + 48*d*math.Cos(a), faceY + 60*d*math.Sin(a)}); notAnchor(i) {
			f.mesh[i] = q
		}
	}
	return f
}

// What the mesh believes must not matter: here it says "a head" of everything,
// and only the pictures differ.
func TestParallax(t *testing.T) {
	for seed := range uint64(1) {
		f := spread(seed + 1)
		flat := func(Point) float64 { return 0 }
		tilted := func(p Point) float64 { return .15*(p.X-faceX) - .1*(p.Y-faceY) }
		upright := func(p Point) float64 { return .4 * (p.X - faceX) * (p.X - faceX) / faceWidth }
		level := func(p Point) float64 { return .4 * (p.Y - faceY) * (p.Y - faceY) / faceWidth }
		hollow := func(p Point) float64 { return -dome(p) }
		head := f.approach(dome, .3, .45, 2, seed)
		slope, se := head.Alone, head.AloneSE
		if head.Likelihood() < 3 || math.Abs(slope-1) > .4 || !(se < .2) || head.Frames != 8 || math.Abs(head.Growth-1.5) > .1 {
			t.Errorf("seed %d: head %+v, slope %.2f ± %.2f, L %.2f", seed, head, slope, se, head.Likelihood())
		}
		for name, depth := range map[string]func(Point) float64{"flat": flat, "tilted": tilted, "upright": upright, "level": level, "hollow": hollow} {
			if m := f.approach(depth, .3, .45, 2, seed); m.Likelihood() > -2 {
				t.Errorf("seed %d: %s %+v, L %.2f", seed, name, m, m.Likelihood())
			}
		}
		// Not closer, or lost in noise: nothing is known.
		if m := f.approach(dome, .4, .405, 2, seed); m.Likelihood() != 0 {
			t.Errorf("seed %d: still %+v, L %.2f", seed, m, m.Likelihood())
		}
		for name, depth := range map[string]func(Point) float64{"head": dome, "flat": flat} {
			if m := f.approach(depth, .38, .41, 60, seed); math.Abs(m.Likelihood()) > 1 {
				t.Errorf("seed %d: %s in noise %+v, L %.2f", seed, name, m, m.Likelihood())
			}
		}
	}
}

func TestParallaxBounds(t *testing.T) {
	f, r := spread(1), rand.New(rand.NewPCG(1, 1))
	var a Approach
	if a.Growth() != 1 || a.Measure(1) != (Move{}) || (Move{}).Likelihood() != 0 {
		t.Error("something of nothing")
	}
	m := imaging.New(192, 256)
	for i := range 3 * MaxGlances {
		a.Add(m, f.meshOf(testFocal*faceWidth/(.25+.003*float64(i)), 0, r))
	}
	if len(a.glances) != MaxGlances || math.Abs(a.Growth()-(.25+.003*(3*MaxGlances-1))/.25) > .02 {
		t.Errorf("%d glances, growth %.2f", len(a.glances), a.Growth())
	}
	if a.Measure(1).Frames != 0 {
		t.Error("measured on black")
	}
	bad := f.meshOf(200, 0, r)
	bad.Points[cheekLeft][0] = math.NaN()
	n := len(a.glances)
	a.Add(m, bad)
	if a.Reset(); n != MaxGlances || a.Growth() != 1 {
		t.Error("not forgotten")
	}
	a.Add(m, bad)
	bad = f.meshOf(200, 0, r)
	bad.Points[7][0], bad.Points[7][2] = math.Inf(1), math.NaN()
	a.Add(m, bad)
	if len(a.glances) != 0 {
		t.Error("a mesh without numbers was taken")
	}
}

func BenchmarkParallax(b *testing.B) {
	f, r := spread(1), rand.New(rand.NewPCG(1, 1))
	var a Approach
	for i := range MaxGlances {
		d := testFocal * faceWidth / (.3 + .01*float64(i))
		a.Add(f.stage(dome, d, 0, 0, 2, r), f.meshOf(d, .5, r))
	}
	for b.Loop() {
		a.Measure(testFocal)
	}
}
