// Package signal is the small numerical toolbox that the liveness methods
// share: robust statistics and detrending of short series with uneven times.
// It knows nothing of faces, cameras or challenges.
package signal

import (
	"math"
	"slices"
)

// madToSigma turns a median absolute deviation into the standard deviation of
// a normal distribution with that MAD: 1/Φ⁻¹(3/4).
const madToSigma = 1.4826022185056018

// Finite says whether x is a number: neither NaN nor infinite.
func Finite(x float64) bool { return x-x == 0 }

// Median gives the middle of x, the mean of the two middle values when their
// number is even, and 0 for none. x is not changed.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	m := len(s) / 2
	if len(s)%2 == 1 {
		return s[m]
	}
	return s[m-1] + (s[m]-s[m-1])/2
}

// DifferenceNoise estimates the standard deviation of the independent noise of
// y from its successive differences, by their median absolute deviation: steps
// (a light that changes now and then) and slow drift hardly move it. It is 0
// for fewer than two values.
func DifferenceNoise(y []float64) float64 {
	if len(y) < 2 {
		return 0
	}
	d := make([]float64, len(y)-1)
	for i := range d {
		d[i] = y[i+1] - y[i]
	}
	m := Median(d)
	for i := range d {
		d[i] = math.Abs(d[i] - m)
	}
	return madToSigma * Median(d) / math.Sqrt2
}

// Dot gives the inner product of a and b, which have the same length.
func Dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// Trend is an orthonormal basis of the polynomials up to some order on a set of
// times. Detrend removes them from a series at those times.
type Trend struct{ basis [][]float64 }

// NewTrend makes the basis for the times t (any unit, any order, uneven) from
// Legendre polynomials of degree 0 to order on the times' range. Degrees that
// the times cannot tell apart (fewer times than order+1) are left out.
func NewTrend(t []float64, order int) Trend {
	if len(t) == 0 {
		return Trend{}
	}
	lo, hi := slices.Min(t), slices.Max(t)
	span := max(hi-lo, math.SmallestNonzeroFloat64)
	var tr Trend
	for k := 0; k <= order; k++ {
		p := make([]float64, len(t))
		for i, v := range t {
			p[i] = legendre(k, 2*(v-lo)/span-1)
		}
		before := math.Sqrt(Dot(p, p))
		// Twice is enough (Giraud et al. 2005).
		tr.Detrend(p)
		tr.Detrend(p)
		after := math.Sqrt(Dot(p, p))
		if !(after > 1e-9*before) {
			continue
		}
		for i := range p {
			p[i] /= after
		}
		tr.basis = append(tr.basis, p)
	}
	return tr
}

// Detrend projects y, one value for each time, on the complement of the basis,
// in place. It panics when y is shorter than the times.
func (tr Trend) Detrend(y []float64) {
	for _, b := range tr.basis {
		a := Dot(b, y)
		for i, v := range b {
			y[i] -= a * v
		}
	}
}

// Size is the number of polynomials removed.
func (tr Trend) Size() int { return len(tr.basis) }

// legendre gives P_k(x) by Bonnet's recursion.
func legendre(k int, x float64) float64 {
	a, b := 1.0, x
	if k == 0 {
		return a
	}
	for n := 1; n < k; n++ {
		a, b = b, (float64(2*n+1)*x*b-float64(n)*a)/float64(n+1)
	}
	return b
}
