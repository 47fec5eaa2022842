package signal

import "math"

// resampleLobes is how many zero crossings of the low-pass filter lie on each
// side of its middle, resampleBeta the shape of its Kaiser window: 80 dB.
const (
	resampleLobes = 16
	resampleBeta  = 8
	resamplePass  = .94 // of the lower Nyquist frequency
)

// Resampler changes a sampling rate by a ratio of whole numbers with a polyphase
// filter of linear phase, and without a shift in time. It is safe for
// concurrent use.
type Resampler struct {
	up, down int
	half     int         // taps on each side of a phase, in input samples
	phase    [][]float64 // [up][2·half]
}

// NewResampler makes the filter from one rate to another. It keeps one phase of
// coefficients for each value of to/gcd: up to a few hundred for the usual rates
// of sound.
func NewResampler(from, to int) *Resampler {
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	cut := resamplePass * min(1, float64(r.up)/float64(r.down)) // of the input's Nyquist frequency
	r.half = int(math.Ceil(resampleLobes / cut))
	r.phase = make([][]float64, r.up)
	for p := range r.phase {
		taps := make([]float64, 2*r.half)
		var sum float64
		for k := range taps {
			x := float64(k-r.half+1) - float64(p)/float64(r.up) // input samples from the middle
			taps[k] = sinc(cut*x) * kaiser(x/float64(r.half), resampleBeta)
			sum += taps[k]
		}
		for k := range taps {
			taps[k] /= sum
		}
		r.phase[p] = taps
	}
	return r
}

// Apply gives the resampled sound, of ⌈len(x)·to/from⌉ values; beyond its ends x
// counts as silence.
func (r *Resampler) Apply(x []float32) []float32 {
	if r.up == r.down {
		return append([]float32(nil), x...)
	}
	out := make([]float32, (len(x)*r.up+r.down-1)/r.down)
	for i := range out {
		at := i * r.down
		taps, first := r.phase[at%r.up], at/r.up-r.half+1
		lo, hi := max(0, -first), min(len(taps), len(x)-first)
		var s float64
		for k := lo; k < hi; k++ {
			s += taps[k] * float64(x[first+k])
		}
		out[i] = float32(s)
	}
	return out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window at x from −1 to 1, unscaled.
func kaiser(x, beta float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(beta * math.Sqrt(1-x*x))
}

// bessel0 is the modified Bessel function I₀ by its series.
func bessel0(x float64) float64 {
	sum, term := 1., 1.
	for k := 1.; term > 1e-12*sum; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
