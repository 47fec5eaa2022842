package digits

import (
	"math"
	"math/rand/v2"
)

// voice is synthetic sound of some seconds that has the levels and the rhythm of
// somebody who reads digits, nothing more: bursts of a harmonic tone at the given
// times (ms) over noise.
func voice(seconds float64, at []float64, level, noise float64, seed uint64) Sound {
	r := rand.New(rand.NewPCG(seed, 1))
	n := int(seconds * Rate)
	s := Sound{Samples: make([]int16, n), T0: 5000}
	for i := range n {
		ms := 1000 * float64(i) / Rate
		x := noise * r.NormFloat64()
		for k, from := range at {
			if u := (ms - from) / 350; u > 0 && u < 1 {
				f := 120 + 10*float64(k%3)
				env := math.Pow(math.Sin(math.Pi*u), .5)
				for h := 1.; h < 12; h++ {
					x += level * env * math.Sin(2*math.Pi*f*h*ms/1000) / h
				}
			}
		}
		s.Samples[i] = int16(max(-32768, min(32767, 32768*x)))
	}
	return s
}

// sixTimes are those of six digits, ms.
var sixTimes = []float64{1400, 2800, 3900, 5200, 6100, 7500}

// mouthOf opens and shuts with the voice, later by lag (ms), at a rate of fps.
func mouthOf(at []float64, seconds, fps, lag, noise float64, seed uint64) (opening, times []float64) {
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range int(seconds * fps) {
		ms := 1000 * float64(i) / fps
		o := .02 + noise*r.NormFloat64()
		for _, from := range at {
			if u := (ms - lag - from) / 350; u > 0 && u < 1 {
				o += .15 * math.Sin(math.Pi*u)
			}
		}
		opening, times = append(opening, o), append(times, 5000+ms)
	}
	return opening, times
}
