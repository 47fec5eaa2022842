package signal

import (
	"math"
	"math/cmplx"
	"testing"

	"pgregory.net/rapid"
)

// The transform is the sum that defines it.
func TestFFT(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := 2 << rapid.IntRange(0, 5).Draw(t, "log")
		re := rapid.SliceOfN(rapid.Float64Range(-1, 1), n, n).Draw(t, "re")
		im := rapid.SliceOfN(rapid.Float64Range(-1, 1), n, n).Draw(t, "im")
		want := make([]complex128, n)
		for k := range want {
			for i := range re {
				want[k] += complex(re[i], im[i]) * cmplx.Rect(1, -2*math.Pi*float64(i*k)/float64(n))
			}
		}
		NewFFT(n).Transform(re, im)
		for k, w := range want {
			if cmplx.Abs(w-complex(re[k], im[k])) > 1e-12*float64(n) {
				t.Fatalf("bin %d of %d: %v, want %v", k, n, complex(re[k], im[k]), w)
			}
		}
	})
}

func TestFFTOfNoPowerOfTwo(t *testing.T) {
	for _, n := range []int{-4, 0, 1, 3, 400} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d was taken", n)
				}
			}()
			NewFFT(n)
		}()
	}
}

// A tone below both limits stays where it is, one above the lower limit goes.
func TestResampler(t *testing.T) {
	tone := func(rate int, hz float64, n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(rate)))
		}
		return x
	}
	const to = 16000
	for _, from := range []int{8000, 11025, 16000, 22050, 44100, 48000} {
		for _, hz := range []float64{100, 1000, 3000} {
			got := NewResampler(from, to).Apply(tone(from, hz, from/2))
			if len(got) != to/2 {
				t.Fatalf("%d Hz: %d samples", from, len(got))
			}
			want := tone(to, hz, to/2)
			for i := 200; i < len(got)-200; i++ { // beyond the ends there is silence
				if math.Abs(float64(got[i]-want[i])) > 2e-3 {
					t.Fatalf("%d Hz, tone of %g: sample %d is %g, want %g", from, hz, i, got[i], want[i])
				}
			}
		}
	}
	loudest := float32(0)
	got := NewResampler(48000, to).Apply(tone(48000, 9000, 24000))
	for _, v := range got[200 : len(got)-200] {
		loudest = max(loudest, v)
	}
	if loudest > 1e-3 {
		t.Errorf("a tone above the limit is left at %g", loudest)
	}
	if got := NewResampler(8000, to).Apply(nil); len(got) != 0 {
		t.Errorf("nothing became %d samples", len(got))
	}
}
