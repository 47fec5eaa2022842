package digits

import (
	"math"
	"strings"
)

// Likelihoods gives Score's a of many strings for one sound: what others than
// the expected digits would have scored, without the rest of Score.
func Likelihoods(logp [][]float32, classes Classes, expect []string) []float64 {
	if classes.one[0] != nil {
		return likelihoodsOne(logp, classes, expect)
	}
	rows := classes.merge(logp)
	out := make([]float64, len(expect))
	for i, s := range expect {
		out[i] = likelihood(rows, s)
	}
	return out
}

func likelihood(rows []merged, s string) float64 {
	digits := make([]int, len(s))
	for i := range digits {
		if digits[i] = strings.IndexByte("0123456789", s[i]); digits[i] < 0 {
			return LeastScore
		}
	}
	own := forward(rows, digits)
	if len(digits) == 0 || math.IsInf(own, -1) {
		return LeastScore
	}
	return max(own/float64(len(digits)), LeastScore)
}
