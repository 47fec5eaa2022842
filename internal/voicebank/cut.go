package voicebank

import (
	"math"

	"faceproof/internal/digits"
)

// How single digits are found in a string that was read one by one.
const (
	cutHop     = digits.Rate / 100 // samples: 10 ms
	cutBridge  = 12                // hops of silence within a digit: the stop of "six"
	cutLeast   = 6                 // hops: shorter is a click
	cutBefore  = 8                 // hops kept before and after a digit
	cutAfter   = 12
	cutSoonest = 100.  // ms after its prompt
	cutLatest  = 1500. // ms after its prompt
	cutRange   = 28.   // dB under the loud hops
	cutAbove   = 8.    // dB over the quiet ones
	quietest   = -90.  // dB
)

// cutDigits finds the digits of a paced string, from and to in samples. It gives
// nothing unless there are exactly as many stretches of sound as prompts, each
// after its own prompt: what is not plain is left whole, not guessed.
func cutDigits(samples []int16, promptsMS []float64) [][2]int {
	level := levels(samples)
	if len(level) == 0 || len(promptsMS) == 0 {
		return nil
	}
	quiet, loud := quantile(level, .1), quantile(level, .95)
	least := max(loud-cutRange, quiet+cutAbove)
	var runs [][2]int // in hops, to is behind the last
	for i, l := range level {
		switch {
		case l <= least:
		case len(runs) > 0 && i-runs[len(runs)-1][1] <= cutBridge:
			runs[len(runs)-1][1] = i + 1
		default:
			runs = append(runs, [2]int{i, i + 1})
		}
	}
	n := 0
	for _, r := range runs {
		if r[1]-r[0] >= cutLeast {
			runs[n] = r
			n++
		}
	}
	if runs = runs[:n]; n != len(promptsMS) {
		return nil
	}
	out := make([][2]int, n)
	for i, r := range runs {
		if d := float64(r[0])*10 - promptsMS[i]; d < cutSoonest || d > cutLatest {
			return nil
		}
		from, to := 0, len(level)
		if i > 0 {
			from = (runs[i-1][1] + r[0]) / 2
		}
		if i+1 < n {
			to = (r[1] + runs[i+1][0]) / 2
		}
		out[i] = [2]int{max(from, r[0]-cutBefore) * cutHop, min(to, r[1]+cutAfter) * cutHop}
	}
	return out
}

// levels are the powers of hops in dB of full scale, each less its own mean.
func levels(samples []int16) (out []float64) {
	for at := 0; at+cutHop <= len(samples); at += cutHop {
		var sum, square float64
		for _, v := range samples[at : at+cutHop] {
			x := float64(v) / 32768
			sum += x
			square += x * x
		}
		power := max(0, square/cutHop-(sum/cutHop)*(sum/cutHop))
		out = append(out, max(quietest, 10*math.Log10(power+1e-12)))
	}
	return out
}
