package radiance

import (
	"math"
	"math/rand/v2"
	"testing"
)

var front = Vec{0, 0, -1}

func sum(e [Bands]float64) (v float64) {
	for _, x := range e {
		v += x
	}
	return v
}

// The figures by which the whole design was made.
func TestOrdinaryLight(t *testing.T) {
	if lux := 350 * sum(Phone.Irradiance(Vec{0, 4, 30}, front)); lux < 30 || lux > 42 {
		t.Errorf("a phone of 350 nit at 30 cm gives %.1f lux", lux)
	}
	if lux := 250 * sum(Laptop.Irradiance(Vec{0, 4, 50}, front)); lux < 40 || lux > 60 {
		t.Errorf("a laptop of 250 nit at 50 cm gives %.1f lux", lux)
	}
}

// Far away a screen is a point: area × cosθ × cosθ′ / r².
func TestFarAway(t *testing.T) {
	for _, s := range []Screen{Phone, Laptop} {
		middle := Vec{0, s.Gap + s.Height/2, 0}
		p := Vec{300, 200, 2000}
		l := Vec{middle[0] - p[0], middle[1] - p[1], -p[2]}
		r := math.Sqrt(l.dot(l))
		want := s.Width * s.Height * (p[2] / r) * (p[2] / r) / (r * r)
		if got := sum(s.Irradiance(p, front)); math.Abs(got/want-1) > 1e-3 {
			t.Errorf("%v: %g, want %g", s, got, want)
		}
	}
}

// Close by the pieces must be fine enough.
func TestAgainstFineGrid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []Screen{Phone, Laptop} {
		near := 15.
		if s.Landscape() {
			near = 30
		}
		for range 50 {
			p := Vec{20*r.Float64() - 10, 20*r.Float64() - 6, near * (1 + r.Float64())}
			n := Vec{r.Float64() - .5, r.Float64() - .5, -1}.unit(1)
			var want float64
			const fine = 200
			for i := range fine * fine {
				q := Vec{s.Width * ((float64(i%fine)+.5)/fine - .5), s.Gap + s.Height*(float64(i/fine)+.5)/fine, 0}
				l := Vec{q[0] - p[0], q[1] - p[1], -p[2]}
				r2 := l.dot(l)
				l = l.unit(1)
				want += s.Width * s.Height / (fine * fine) * math.Max(0, n.dot(l)) * -l[2] / r2
			}
			if got := sum(s.Irradiance(p, n)); math.Abs(got-want) > .01*want {
				t.Errorf("at %.1f: %g, want %g", p, got, want)
			}
		}
	}
}

// The first band is the top of a phone, and the right of a laptop's picture.
func TestBandsLie(t *testing.T) {
	tilt := func(x, y float64) Vec { return Vec{x, y, -1}.unit(1) }
	p := Vec{0, Phone.Gap + Phone.Height/2, 20}
	if up, down := Phone.Irradiance(p, tilt(0, -2)), Phone.Irradiance(p, tilt(0, 2)); up[0] <= 2*up[7] || down[7] <= 2*down[0] {
		t.Errorf("looking up %v, down %v", up, down)
	}
	p = Vec{0, Laptop.Gap + Laptop.Height/2, 50}
	if e := Laptop.Irradiance(p, tilt(3, 0)); e[0] <= e[7] {
		t.Errorf("looking to the picture's right %v", e)
	}
}

// The lobe is brightest where the surface mirrors the screen into the camera,
// and sends on no more light than there is.
func TestGloss(t *testing.T) {
	const shine = 18
	p := Vec{0, 3, 30}
	best, at := 0., 0.
	for a := -.6; a <= .6; a += .01 {
		n := Vec{0, math.Sin(a), -math.Cos(a)}
		g := sum(Phone.Gloss(p, n, shine))
		if e := sum(Phone.Irradiance(p, n)); g < 0 || g > (shine+2)/(8*math.Pi)*e+1e-12 {
			t.Fatalf("%.2f: gloss %g of %g", a, g, e)
		}
		if g > best {
			best, at = g, a
		}
	}
	// Half way between the camera (y = 0) and the screen's middle (y = 7.9), as
	// seen from y = 3: .016 rad down; the lobe is wide, the cosine pulls on.
	if math.Abs(at-.016) > .08 {
		t.Errorf("brightest at %.3f rad", at)
	}
	if wide, narrow := sum(Phone.Gloss(p, front, 10)), sum(Phone.Gloss(p, front, 40)); narrow <= wide {
		t.Errorf("shine 10: %g, 40: %g", wide, narrow)
	}
}

func TestNoLightBehind(t *testing.T) {
	for _, p := range []Vec{{0, 0, 0}, {0, 5, -30}, {0, 5, math.NaN()}} {
		if e := sum(Phone.Irradiance(p, front)); e != 0 {
			t.Errorf("at %v: %g", p, e)
		}
	}
	if e := sum(Phone.Irradiance(Vec{0, 8, 30}, Vec{0, 0, 1})); e != 0 {
		t.Errorf("a face that looks away: %g", e)
	}
}

func BenchmarkIrradiance(b *testing.B) {
	for b.Loop() {
		Phone.Irradiance(Vec{1, 5, 30}, front)
	}
}

func BenchmarkGloss(b *testing.B) {
	for b.Loop() {
		Phone.Gloss(Vec{1, 5, 30}, front, 18)
	}
}
