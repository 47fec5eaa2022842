package face

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof/internal/imaging"
)

// drawnFace is a smooth random texture in the plane of the canonical frame,
// with a mesh to match: a face for registration, not for people.
type drawnFace struct {
	waves [24][5]float64 // kx, ky, phase, amplitude, channel tilt
	plane [][3]float32   // linear RGB
	mesh  [468]Point     // canonical pixels
}

func drawFace(seed uint64) *drawnFace {
	r := rand.New(rand.NewPCG(seed, 3))
	f := new(drawnFace)
	for i := range f.waves {
		f.waves[i] = [5]float64{.35 * r.NormFloat64(), .35 * r.NormFloat64(), 6.3 * r.Float64(), .08 * r.Float64(), .3 * r.NormFloat64()}
	}
	f.paint()
	ring := func(index []int, cx, cy, rx, ry float64) {
		for i, j := range index {
			a := 2*math.Pi*float64(i)/float64(len(index)) - math.Pi/2
			f.mesh[j] = Point{cx + rx*math.Cos(a), cy + ry*math.Sin(a)}
		}
	}
	for i := range f.mesh {
		f.mesh[i] = Point{faceX + 30*(r.Float64()-.5), faceY + 30*(r.Float64()-.5)}
	}
	ring(ovalPoints, faceX, faceY, faceWidth/2, 56)
	ring(featurePoints[0], faceX-20, faceY-12, 9, 4)
	ring(featurePoints[1], faceX+20, faceY-12, 9, 4)
	ring(featurePoints[2], faceX-20, faceY-24, 11, 3)
	ring(featurePoints[3], faceX+20, faceY-24, 11, 3)
	ring(featurePoints[4], faceX, faceY+28, 15, 6)
	for i, p := range map[int]Point{
		forehead: {faceX, faceY - 56}, chin: {faceX, faceY + 56}, cheekLeft: {faceX - 42, faceY}, cheekRight: {faceX + 42, faceY},
		leftEyeOuter: {faceX - 29, faceY - 12}, leftEyeInner: {faceX - 11, faceY - 12},
		rightEyeInner: {faceX + 11, faceY - 12}, rightEyeOuter: {faceX + 29, faceY - 12},
		noseTip: {faceX, faceY + 8}, noseBase: {faceX, faceY + 14},
	} {
		f.mesh[i] = p
	}
	return f
}

// The plane is drawn once, on a lattice of latticeStep canonical pixels.
const (
	latticeStep = .5
	latticeFrom = -120.0
	latticeSide = 960
)

func (f *drawnFace) paint() {
	f.plane = make([][3]float32, latticeSide*latticeSide)
	for i := range f.plane {
		x := latticeFrom + latticeStep*float64(i%latticeSide)
		y := latticeFrom + latticeStep*float64(i/latticeSide)
		var s [3]float64
		for _, w := range f.waves {
			v := w[3] * math.Sin(w[0]*x+w[1]*y+w[2])
			s[0] += v * (1 + w[4])
			s[1] += v
			s[2] += v * (1 - w[4])
		}
		for c, base := range [3]float64{.35, .25, .2} {
			f.plane[i][c] = float32(base * math.Exp(s[c]))
		}
	}
}

// color is linear RGB at a canonical position.
func (f *drawnFace) color(c complex128) (rgb [3]float64) {
	x := min(max((real(c)-latticeFrom)/latticeStep, 0), latticeSide-2)
	y := min(max((imag(c)-latticeFrom)/latticeStep, 0), latticeSide-2)
	i := int(y)*latticeSide + int(x)
	ax, ay := x-math.Floor(x), y-math.Floor(y)
	for k := range rgb {
		top := float64(f.plane[i][k])*(1-ax) + float64(f.plane[i+1][k])*ax
		bot := float64(f.plane[i+latticeSide][k])*(1-ax) + float64(f.plane[i+latticeSide+1][k])*ax
		rgb[k] = top*(1-ay) + bot*ay
	}
	return rgb
}

// photograph shows the face at a pose, lit by gain in each channel, with noise
// in sRGB steps.
func (f *drawnFace) photograph(w, h int, p pose, gain [3]float64, noise float64, r *rand.Rand) *imaging.Image {
	m := imaging.New(w, h)
	for y := range h {
		for x := range w {
			rgb := f.color((complex(float64(x)+.5, float64(y)+.5) - p.b) / p.a)
			for c, v := range rgb {
				s := float64(imaging.FromLinear(float32(v*gain[c]))) + noise*r.NormFloat64()
				m.Pix[3*(y*w+x)+c] = uint8(min(max(math.Round(s), 0), 255))
			}
		}
	}
	return m
}

func (f *drawnFace) landmarks(p pose, jitter float64, r *rand.Rand) *Landmarks {
	l := &Landmarks{Score: 1}
	for i, q := range f.mesh {
		v := p.apply(complex(q.X, q.Y))
		l.Points[i] = [3]float64{real(v) + jitter*r.NormFloat64(), imag(v) + jitter*r.NormFloat64()}
	}
	return l
}

// A moving, turning, coming and going face under changing light keeps its
// cells: what is left of the motion is far below what it was.
func TestTrackerHoldsAFaceStill(t *testing.T) {
	for _, size := range []struct {
		w, h   int
		scale  float64
		frames int
	}{{360, 480, 1.6, 20}, {480, 640, 2.9, 8}, {240, 320, 1.1, 8}} {
		r := rand.New(rand.NewPCG(uint64(size.w), 1))
		f := drawFace(8)
		k := NewTracker()
		var frames []*Cells
		var gains [][3]float64
		var first pose // of the tracker's canonical frame in the drawing's
		var worst float64
		var x, y, s, a float64
		for i := range size.frames {
			x, y = .9*x+1.2*r.NormFloat64(), .9*y+1.2*r.NormFloat64()
			s, a = .9*s+.006*r.NormFloat64(), .9*a+.008*r.NormFloat64()
			p := pose{a: complex(size.scale*math.Exp(s), 0) * complex(math.Cos(a), math.Sin(a))}
			p.b = complex(float64(size.w)/2+x*size.scale, float64(size.h)/2+y*size.scale) - p.a*complex(faceX, faceY-20)
			g := [3]float64{1 + .1*math.Sin(float64(i)), 1 + .1*math.Cos(float64(i)), 1}
			m := f.photograph(size.w, size.h, p, g, 1.5, r)
			var l *Landmarks
			if i%5 == 0 {
				l = f.landmarks(p, .8, r)
			}
			c := new(Cells)
			if !k.Track(m, l, c) {
				t.Fatalf("%d × %d: lost in frame %d", size.w, size.h, i)
			}
			frames, gains = append(frames, c), append(gains, g)
			// The first frame defines the canonical one; later ones keep to it.
			took := pose{k.pose.a / p.a, (k.pose.b - p.b) / p.a}
			if i == 0 {
				first = took
			}
			worst = max(worst, took.apart(first))
		}
		t.Logf("%d × %d: %.2f canonical pixels at worst", size.w, size.h, worst)
		if worst > .3 {
			t.Errorf("%d × %d: %.2f canonical pixels off", size.w, size.h, worst)
		}
		skin := Usable(&k.Layout().Skin, frames)
		if len(skin) < 100 {
			t.Errorf("%d × %d: %d skin cells", size.w, size.h, len(skin))
		}
		// The mean skin, by the light that fell on it, is constant.
		for c := range 3 {
			lo, hi := math.Inf(1), math.Inf(-1)
			for i, f := range frames {
				v := f.Average(skin)[c] / gains[i][c]
				lo, hi = min(lo, v), max(hi, v)
			}
			if hi/lo > 1.01 {
				t.Errorf("%d × %d: channel %d varies by %.1f %%", size.w, size.h, c, 100*(hi/lo-1))
			}
		}
	}
}

// A jump that registration cannot follow is lost without a mesh and found with
// one.
func TestTrackerLosesAndFinds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f := drawFace(8)
	at := func(x float64) pose { return pose{1.6, complex(180+x, 240) - 1.6*complex(faceX, faceY-20)} }
	k, c := NewTracker(), new(Cells)
	if k.Track(f.photograph(360, 480, at(0), [3]float64{1, 1, 1}, 1, r), nil, c) {
		t.Error("a first frame without a mesh was accepted")
	}
	if !k.Track(f.photograph(360, 480, at(0), [3]float64{1, 1, 1}, 1, r), f.landmarks(at(0), 0, r), c) {
		t.Fatal("the first frame was refused")
	}
	far := f.photograph(360, 480, at(60), [3]float64{1, 1, 1}, 1, r)
	if k.Track(far, nil, c) {
		t.Error("a jump of 37 canonical pixels was followed")
	}
	if !k.Track(far, f.landmarks(at(60), .8, r), c) {
		t.Error("the mesh did not find the face again")
	}
	other := drawFace(99)
	if k.Track(other.photograph(360, 480, at(60), [3]float64{1, 1, 1}, 1, r), nil, c) {
		t.Error("another texture was taken for the face")
	}
	k.Reset()
	if k.Started() || k.Layout() != nil {
		t.Error("Reset keeps the face")
	}
}

// Cells beyond the picture are not seen, and their neighbours are right.
func TestTrackerAtTheBorder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f := drawFace(8)
	p := pose{1.6, complex(70, 240) - 1.6*complex(faceX, faceY-20)} // half of the face is cut off at the left
	k, c := NewTracker(), new(Cells)
	if !k.Track(f.photograph(360, 480, p, [3]float64{1, 1, 1}, 0, r), f.landmarks(p, 0, r), c) {
		t.Fatal("lost")
	}
	for i, seen := range c.Seen {
		at := cellCenter(i)
		left := real(p.apply(complex(at.X-cellSize/2, at.Y)))
		if seen != (left > 0) && math.Abs(left) > 2 {
			t.Fatalf("cell %d from pixel %.1f: seen %v", i, left, seen)
		}
		var want float64
		for j := range 36 {
			want += f.color(complex(at.X-2.5+float64(j%6), at.Y-2.5+float64(j/6)))[1] / 36
		}
		if seen && math.Abs(float64(c.Mean[i][1])/want-1) > .02 {
			t.Fatalf("cell %d: %.3f, want %.3f", i, c.Mean[i][1], want)
		}
	}
}

// Skin and background do not meet, and lie where they should.
func TestLayout(t *testing.T) {
	l := newLayout(&drawFace(1).mesh)
	skin, back := 0, 0
	for i := range CellCount {
		at := cellCenter(i)
		if l.Skin[i] {
			skin++
			if d := math.Hypot((at.X-faceX)/42, (at.Y-faceY)/56); d > 1 {
				t.Errorf("skin outside the face at %v", at)
			}
			if math.Hypot(at.X-faceX, at.Y-faceY-28) < 6 || math.Hypot(math.Abs(at.X-faceX)-20, at.Y-faceY+12) < 4 {
				t.Errorf("skin on lips or eyes at %v", at)
			}
		}
		if l.Background[i] {
			back++
			if at.Y > faceY+56 || math.Hypot((at.X-faceX)/42, (at.Y-faceY)/56) < 1.5 {
				t.Errorf("background on the head or the body at %v", at)
			}
		}
	}
	if skin < 100 || back < 200 {
		t.Errorf("%d skin and %d background cells", skin, back)
	}
}

// Hostile meshes and pictures neither panic nor start a tracker on nothing.
func TestTrackerDegenerate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	f := drawFace(8)
	p := pose{1.6, complex(180, 240) - 1.6*complex(faceX, faceY)}
	good := f.photograph(360, 480, p, [3]float64{1, 1, 1}, 1, r)
	nan := f.landmarks(p, 0, r)
	nan.Points[forehead][0] = math.NaN()
	for name, c := range map[string]struct {
		m *imaging.Image
		l *Landmarks
	}{
		"no picture":  {imaging.New(0, 0), f.landmarks(p, 0, r)},
		"tiny":        {imaging.New(3, 3), f.landmarks(p, 0, r)},
		"black":       {imaging.New(360, 480), f.landmarks(p, 0, r)},
		"zero mesh":   {good, new(Landmarks)},
		"NaN":         {good, nan},
		"far away":    {good, f.landmarks(pose{1.6, 1e5}, 0, r)},
		"huge":        {good, f.landmarks(pose{1e5, 0}, 0, r)},
		"microscopic": {good, f.landmarks(pose{1e-3, 100}, 0, r)},
	} {
		k := NewTracker()
		if k.Track(c.m, c.l, new(Cells)) {
			t.Errorf("%s: tracked", name)
		}
	}
}

// BenchmarkRegister is registration and cells of one 360 × 480 frame.
func BenchmarkRegister(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	f := drawFace(8)
	p := pose{1.6, complex(180, 240) - 1.6*complex(faceX, faceY-20)}
	k, c := NewTracker(), new(Cells)
	for range 15 {
		k.Track(f.photograph(360, 480, p, [3]float64{1, 1, 1}, 1, r), f.landmarks(p, 0, r), c)
	}
	p.b += 2 - 1i
	m := f.photograph(360, 480, p, [3]float64{1.1, 1, .9}, 1, r)
	start := k.pose
	b.ReportAllocs()
	for b.Loop() {
		k.pose = start
		if !k.Track(m, nil, c) {
			b.Fatal("lost")
		}
	}
}
