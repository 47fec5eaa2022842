package gallery

import "math"

// FPIR is the false-positive identification rate (ISO/IEC 19795-1) of one search of
// somebody who is not there, in a gallery of n, at a false match rate of one
// comparison: 1 − (1 − fmr)^n. It takes the n comparisons as independent, which they
// are not: relatives, and people of the worst group, come together, so that the rate
// of such a probe is higher.
func FPIR(fmr float64, n int) float64 {
	if !(fmr > 0) || n < 1 {
		return 0
	}
	return -math.Expm1(float64(n) * math.Log1p(-min(fmr, 1)))
}

// FMRFor is the false match rate that one comparison may have, so that a search in a
// gallery of n has the false-positive identification rate fpir, 0 < fpir < 1:
// 1 − (1 − fpir)^(1/n), which is nearly fpir/n.
func FMRFor(fpir float64, n int) float64 {
	if !(fpir > 0) || fpir >= 1 || n < 1 {
		return math.NaN()
	}
	return -math.Expm1(math.Log1p(-fpir) / float64(n))
}
