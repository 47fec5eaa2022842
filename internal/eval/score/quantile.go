package score

import (
	"math"
	"slices"
)

// Quantile is a quantile of a sample with a distribution-free interval: two
// order statistics between which the true one lies in at least 95 % of samples.
// Where the sample is too small for a side, that side is the extreme of the
// sample and Open is true.
type Quantile struct {
	N     int     `json:"n"`
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Open  bool    `json:"open,omitempty"` // the interval reaches beyond the sample
}

// Quantiles gives the q-quantiles, q within 0 to 1, of finite values in any
// order (interpolated, type 7 of Hyndman and Fan, 1996). No values: zeros, N 0.
func Quantiles(values []float64, q ...float64) []Quantile {
	out := make([]Quantile, len(q))
	n := len(values)
	if n == 0 {
		return out
	}
	v := slices.Clone(values)
	slices.Sort(v)
	for i, p := range q {
		at := p * float64(n-1)
		j := int(at)
		x := v[j]
		if j+1 < n {
			x += (at - float64(j)) * (v[j+1] - v[j])
		}
		out[i] = Quantile{N: n, Value: x}
		out[i].bounds(v, p)
	}
	return out
}

// bounds finds the order statistics l < u with P(B < l) ≤ α/2 and P(B ≥ u) ≤
// α/2, B binomial of n and p.
func (q *Quantile) bounds(sorted []float64, p float64) {
	n := len(sorted)
	l, u := 0, n+1
	for l+1 <= n && binomialCDF(l, n, p) <= alpha/2 { // P(B ≤ l) = P(B < l+1)
		l++
	}
	for u-1 >= 1 && 1-binomialCDF(u-2, n, p) <= alpha/2 {
		u--
	}
	q.Open = l < 1 || u > n
	q.Low, q.High = sorted[max(l, 1)-1], sorted[min(u, n)-1]
}

// binomialCDF is P(B ≤ k) for B binomial of n and p.
func binomialCDF(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	case p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	return betaCDF(1-p, float64(n-k), float64(k+1))
}

// KS is a Kolmogorov–Smirnov test.
type KS struct {
	N int     `json:"n"`
	D float64 `json:"d"` // greatest distance of the two distribution functions
	P float64 `json:"p"` // of a distance as great; 1 when N is 0
}

// Uniform tests whether values, each within 0 to 1, are uniform (with the
// small-sample form of Stephens, 1970).
func Uniform(values []float64) KS {
	n := len(values)
	if n == 0 {
		return KS{P: 1}
	}
	v := slices.Clone(values)
	slices.Sort(v)
	d := 0.
	for i, x := range v {
		d = max(d, x-float64(i)/float64(n), float64(i+1)/float64(n)-x)
	}
	root := math.Sqrt(float64(n))
	return KS{N: n, D: d, P: kolmogorov((root + .12 + .11/root) * d)}
}

// kolmogorov is the upper tail of Kolmogorov's distribution.
func kolmogorov(x float64) float64 {
	if x < .3 { // the series converges slowly, and the tail is 1 to five digits
		return 1
	}
	sum, sign := 0., 2.
	for k := 1.; k < 100; k++ {
		term := math.Exp(-2 * k * k * x * x)
		sum += sign * term
		if sign = -sign; term < 1e-17 {
			break
		}
	}
	return min(max(sum, 0), 1)
}
