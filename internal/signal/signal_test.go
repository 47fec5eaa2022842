package signal

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}} {
		if got := Median(c.in); got != c.want {
			t.Errorf("Median(%v) = %v, want %v", c.in, got, c.want)
		}
	}
}

func TestFinite(t *testing.T) {
	for x, want := range map[float64]bool{0: true, -1e308: true, math.Inf(1): false, math.Inf(-1): false} {
		if Finite(x) != want {
			t.Errorf("Finite(%v) = %v", x, !want)
		}
	}
	if Finite(math.NaN()) {
		t.Error("NaN is finite")
	}
}

func TestDifferenceNoiseIgnoresStepsAndDrift(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	y := make([]float64, 2000)
	for i := range y {
		y[i] = .3*r.NormFloat64() + 5*float64(i/100%2) + .01*float64(i)
	}
	if s := DifferenceNoise(y); math.Abs(s-.3) > .03 {
		t.Errorf("noise %.3f, want .3 ± .03", s)
	}
}

// A polynomial up to the order vanishes; what is left is orthogonal to every
// polynomial, and a second pass changes nothing.
func TestTrendRemovesPolynomials(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.IntRange(0, 5).Draw(t, "order")
		n := rapid.IntRange(order+3, 80).Draw(t, "n")
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		times, poly, noise := make([]float64, n), make([]float64, n), make([]float64, n)
		at := 1e5 * r.Float64()
		var c [6]float64
		for k := range c {
			c[k] = r.NormFloat64()
		}
		for i := range times {
			at += .02 + .1*r.Float64()
			times[i] = at
			noise[i] = r.NormFloat64()
		}
		for i := range poly {
			x := (times[i] - times[0]) / (times[n-1] - times[0])
			for k := order; k >= 0; k-- {
				poly[i] = poly[i]*x + c[k]
			}
		}
		tr := NewTrend(times, order)
		if tr.Size() != order+1 {
			t.Fatalf("size %d, want %d", tr.Size(), order+1)
		}
		y := append([]float64(nil), poly...)
		tr.Detrend(y)
		if m := math.Sqrt(Dot(y, y)); m > 1e-8*math.Sqrt(Dot(poly, poly)) {
			t.Fatalf("a polynomial of order %d leaves %g", order, m)
		}
		tr.Detrend(noise)
		again := append([]float64(nil), noise...)
		tr.Detrend(again)
		for i := range again {
			if math.Abs(again[i]-noise[i]) > 1e-9 {
				t.Fatalf("a second pass moves value %d by %g", i, again[i]-noise[i])
			}
		}
	})
}

func TestTrendDegenerate(t *testing.T) {
	NewTrend(nil, 3).Detrend(nil)
	tr := NewTrend([]float64{7, 7, 7}, 5)
	if tr.Size() != 1 {
		t.Errorf("three equal times carry %d polynomials, want 1", tr.Size())
	}
	if s := NewTrend([]float64{1, 2}, 5).Size(); s != 2 {
		t.Errorf("two times carry %d polynomials, want 2", s)
	}
}
