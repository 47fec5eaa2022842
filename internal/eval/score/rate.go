package score

import "math"

// alpha is one minus the confidence of every interval: 95 %.
const alpha = .05

// Rate is a count among n with its exact interval. With N 0 nothing is known:
// Rate is 0 and the interval is all of 0 to 1.
type Rate struct {
	Count int     `json:"count"`
	N     int     `json:"n"`
	Rate  float64 `json:"rate"`
	Low   float64 `json:"low"`  // of the 95 % Clopper–Pearson interval
	High  float64 `json:"high"` //
}

// Proportion is count of n, 0 ≤ count ≤ n, with the interval of Clopper and
// Pearson (Biometrika 26, 1934): it covers the true rate in at least 95 % of
// samples, whatever the rate. It treats the n as independent.
func Proportion(count, n int) Rate {
	if n <= 0 {
		return Rate{High: 1}
	}
	k, m := float64(count), float64(n)
	r := Rate{Count: count, N: n, Rate: k / m, High: 1}
	if count > 0 {
		r.Low = betaQuantile(alpha/2, k, m-k+1)
	}
	if count < n {
		r.High = betaQuantile(1-alpha/2, k+1, m-k)
	}
	return r
}

// betaQuantile inverts betaCDF by bisection: exact to the last bits, and never
// out of bounds.
func betaQuantile(p, a, b float64) float64 {
	lo, hi := 0., 1.
	for range 200 {
		mid := (lo + hi) / 2
		if mid == lo || mid == hi {
			break
		}
		if betaCDF(mid, a, b) < p {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// betaCDF is the regularised incomplete beta function I_x(a, b), a and b > 0
// (DLMF 8.17.22, by Lentz's method).
func betaCDF(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2): // the fraction converges fast on the other side
		return 1 - betaCDF(1-x, b, a)
	}
	front := math.Exp(logGamma(a+b) - logGamma(a) - logGamma(b) + a*math.Log(x) + b*math.Log1p(-x))
	const tiny = 1e-300
	f, c, d := 1., 1., 0.
	for i := range 2000 {
		m := float64(i / 2)
		num := 1.
		switch {
		case i == 0:
		case i%2 == 0:
			num = m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		default:
			num = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		if d = 1 + num*d; math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		if c = 1 + num/c; math.Abs(c) < tiny {
			c = tiny
		}
		f *= c * d
		if math.Abs(1-c*d) < 1e-15 {
			break
		}
	}
	return front * (f - 1) / a
}

func logGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
