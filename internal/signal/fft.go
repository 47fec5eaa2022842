package signal

import (
	"math"
	"math/bits"
)

// FFT is a Fourier transform of one length, a power of two. It holds only
// tables: it is safe for concurrent use.
type FFT struct {
	cos, sin []float64 // of −2πk/n, k < n/2
	reversed []int
}

// NewFFT makes the tables for n values; it panics when n is not a power of two
// of at least 2.
func NewFFT(n int) *FFT {
	if n < 2 || n&(n-1) != 0 {
		panic("signal: the length of an FFT is a power of two")
	}
	f := &FFT{cos: make([]float64, n/2), sin: make([]float64, n/2), reversed: make([]int, n)}
	for k := range f.cos {
		s, c := math.Sincos(-2 * math.Pi * float64(k) / float64(n))
		f.cos[k], f.sin[k] = c, s
	}
	shift := bits.UintSize - bits.Len(uint(n-1))
	for i := range f.reversed {
		f.reversed[i] = int(bits.Reverse(uint(i)) >> shift)
	}
	return f
}

// Transform replaces the values re + i·im by their spectrum, unscaled. It panics
// when either is shorter than the length.
func (f *FFT) Transform(re, im []float64) {
	n := len(f.reversed)
	re, im = re[:n], im[:n]
	for i, j := range f.reversed {
		if i < j {
			re[i], re[j] = re[j], re[i]
			im[i], im[j] = im[j], im[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		step := n / (2 * half)
		for start := 0; start < n; start += 2 * half {
			for k := range half {
				c, s := f.cos[k*step], f.sin[k*step]
				a, b := start+k, start+k+half
				x, y := re[b]*c-im[b]*s, re[b]*s+im[b]*c
				re[b], im[b] = re[a]-x, im[a]-y
				re[a], im[a] = re[a]+x, im[a]+y
			}
		}
	}
}
