package imaging

import (
	"math"
	"math/rand/v2"
	"testing"
)

// ramp is an image whose red is its column and whose green is its row.
func ramp(w, h int) *Image {
	m := New(w, h)
	for y := range h {
		for x := range w {
			m.Pix[3*(y*w+x)], m.Pix[3*(y*w+x)+1], m.Pix[3*(y*w+x)+2] = uint8(x), uint8(y), 77
		}
	}
	return m
}

func TestWarpIdentity(t *testing.T) {
	m := ramp(31, 17)
	got := m.WarpImage(Affine{1, 0, 0, 0, 1, 0}, 31, 17)
	for i := range m.Pix {
		if got.Pix[i] != m.Pix[i] {
			t.Fatalf("byte %d is %d, want %d", i, got.Pix[i], m.Pix[i])
		}
	}
}

// TestWarpRamp: a bilinear sample of a linear picture is exact, however it is
// turned, enlarged or shrunk.
func TestWarpRamp(t *testing.T) {
	m := ramp(240, 240)
	for _, scale := range []float64{0.3, 1, 1.7, 2, 3.4} {
		for _, deg := range []float64{0, 10, 90, 200} {
			s, c := math.Sincos(deg * math.Pi / 180)
			a := Affine{scale * c, -scale * s, 120 - 12*scale*(c-s), scale * s, scale * c, 120 - 12*scale*(s+c)}
			spec := Spec{W: 24, H: 24}
			out := make([]float32, spec.Size())
			m.Warp(a, spec, out)
			for y := range 24 {
				for x := range 24 {
					sx, sy := a.Apply(float64(x)+0.5, float64(y)+0.5)
					r, g := float64(out[y*24+x]), float64(out[576+y*24+x])
					if math.Abs(r-(sx-0.5)) > 0.75 || math.Abs(g-(sy-0.5)) > 0.75 {
						t.Fatalf("scale %g, %g°: at %d,%d %.2f %.2f, want %.2f %.2f", scale, deg, x, y, r, g, sx-.5, sy-.5)
					}
				}
			}
		}
	}
}

func TestWarpLayout(t *testing.T) {
	m := New(2, 1)
	copy(m.Pix, []uint8{10, 20, 30, 40, 50, 60})
	id := Affine{1, 0, 0, 0, 1, 0}
	mean, scale := [3]float32{1, 2, 3}, [3]float32{1, 10, 100}
	for name, c := range map[string]struct {
		spec Spec
		want [6]float32
	}{
		"NCHW RGB": {Spec{W: 2, H: 1}, [6]float32{10, 40, 20, 50, 30, 60}},
		"NCHW BGR": {Spec{W: 2, H: 1, BGR: true}, [6]float32{30, 60, 20, 50, 10, 40}},
		"NHWC RGB": {Spec{W: 2, H: 1, NHWC: true}, [6]float32{10, 20, 30, 40, 50, 60}},
		"NHWC BGR": {Spec{W: 2, H: 1, NHWC: true, BGR: true}, [6]float32{30, 20, 10, 60, 50, 40}},
		"mean":     {Spec{W: 2, H: 1, Mean: mean, Scale: scale}, [6]float32{9, 39, 180, 480, 2700, 5700}},
		"mean BGR": {Spec{W: 2, H: 1, BGR: true, Mean: mean, Scale: scale}, [6]float32{29, 59, 180, 480, 700, 3700}},
	} {
		var out [6]float32
		m.Warp(id, c.spec, out[:])
		if out != c.want {
			t.Errorf("%s: %v, want %v", name, out, c.want)
		}
	}
}

func TestWarpOutside(t *testing.T) {
	m := New(4, 4)
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	out := m.WarpImage(Affine{1, 0, -4, 0, 1, -4}, 12, 12)
	for y := range 12 {
		for x := range 12 {
			want := uint8(0)
			if x >= 4 && x < 8 && y >= 4 && y < 8 {
				want = 200
			}
			if r, _, _ := out.At(x, y); r != want {
				t.Errorf("at %d,%d: %d, want %d", x, y, r, want)
			}
		}
	}
}

// TestWarpNeverReadsOutside drives it with wild maps; a wrong index panics.
func TestWarpNeverReadsOutside(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	images := []*Image{{}, New(1, 1), New(1, 50), New(50, 1), ramp(37, 53)}
	spec := Spec{W: 13, H: 9}
	out := make([]float32, spec.Size())
	for range 5000 {
		var a Affine
		for i := range a {
			a[i] = rng.NormFloat64() * math.Pow(10, rng.Float64()*8-3)
		}
		if rng.IntN(4) == 0 {
			a[1], a[3] = 0, 0
		}
		if rng.IntN(50) == 0 {
			a[rng.IntN(6)] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, 1e300}[rng.IntN(5)]
		}
		images[rng.IntN(len(images))].Warp(a, spec, out)
		for _, v := range out {
			if !(v >= 0 && v <= 255) {
				t.Fatalf("%v gives %v", a, v)
			}
		}
	}
}

// TestShrinkAverages: a checkerboard shrunk by 8 is grey, not stripes.
func TestShrinkAverages(t *testing.T) {
	m := New(256, 256)
	for i := range 256 * 256 {
		if (i%256+i/256)%2 == 0 {
			m.Pix[3*i], m.Pix[3*i+1], m.Pix[3*i+2] = 255, 255, 255
		}
	}
	out := m.Resize(32, 32)
	for i, v := range out.Pix {
		if v < 126 || v > 129 {
			t.Fatalf("byte %d is %d", i, v)
		}
	}
}

func TestWarpAllocatesNothing(t *testing.T) {
	m := ramp(240, 240)
	spec := Spec{W: 64, H: 64}
	out := make([]float32, spec.Size())
	a := Scaling(0, 0, 240, 240, 64, 64)
	m.Warp(a, spec, out)
	if n := testing.AllocsPerRun(50, func() { m.Warp(a, spec, out) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

func TestInvert(t *testing.T) {
	a := Affine{0.4, -1.2, 33, 1.1, 0.5, -7}
	inv, ok := a.Invert()
	if !ok {
		t.Fatal("degenerate")
	}
	x, y := a.Apply(3, 5)
	if x, y = inv.Apply(x, y); math.Abs(x-3) > 1e-9 || math.Abs(y-5) > 1e-9 {
		t.Errorf("%v %v", x, y)
	}
	if _, ok := (Affine{1, 2, 0, 2, 4, 0}).Invert(); ok {
		t.Error("a degenerate map was inverted")
	}
}

func TestLinear(t *testing.T) {
	// IEC 61966-2-1: 0.5 of linear light is sRGB 188.
	for v, want := range map[uint8]float64{0: 0, 255: 1, 188: 0.5029, 10: 0.003035} {
		if got := float64(Linear(v)); math.Abs(got-want) > 1e-4 {
			t.Errorf("Linear(%d) = %v, want %v", v, got, want)
		}
	}
	for v := range 256 {
		if got := FromLinear(Linear(uint8(v))); int(got) != v {
			t.Errorf("FromLinear(Linear(%d)) = %d", v, got)
		}
	}
	if FromLinear(float32(math.NaN())) != 0 || FromLinear(2) != 255 || FromLinear(-1) != 0 {
		t.Error("values outside 0…1 are not clamped")
	}
}

func BenchmarkLetterbox320(b *testing.B) {
	m := ramp(480, 640)
	spec := Spec{W: 320, H: 320, BGR: true}
	out := make([]float32, spec.Size())
	b.ReportAllocs()
	for b.Loop() {
		m.Warp(Affine{2, 0, 0, 0, 2, 0}, spec, out)
	}
}

func BenchmarkWarp112(b *testing.B) {
	m := ramp(480, 640)
	spec := Spec{W: 112, H: 112}
	out := make([]float32, spec.Size())
	for b.Loop() {
		m.Warp(Affine{1.3, 0.1, 100, -0.1, 1.3, 100}, spec, out)
	}
}
