package digits

import (
	"math"
	"slices"
	"sync"

	"faceproof/internal/signal"
)

// The features, which the recogniser was trained on: models/train/digits/features.py
// says the same in Python, and models/digits/testdata/parity.json in numbers.
const (
	window    = 400 // samples, 25 ms
	hop       = 160 // 10 ms
	fftSize   = 512
	emphasis  = .97
	lowHz     = 60
	highHz    = 7600
	melFloor  = 1e-6
	melRange  = 11.5 // nepers of power under the peak: 50 dB
	melActive = 4.5  // … under the 95th percentile
	melScale  = 3.
)

// The bands whose mean says whether somebody speaks, and those whose sum the
// mouth is compared with (150 to 2,700 Hz).
const (
	voiceLow, voiceHigh = 3, 30 // [low, high)
	lipsLow, lipsHigh   = 3, 24
)

// MelMS is the time between two rows of LogMel.
const MelMS = 1000. * hop / Rate

// windowMS is what a row is made of; it belongs to the middle.
const windowMS = 1000. * window / Rate

// FrontEnd "logmel40-v2" is LogMel, as calibration files name it.
const FrontEnd = "logmel40-v2"

// melBank holds the tables of the features.
type melBank struct {
	fft    *signal.FFT
	hann   [window]float64
	first  [Mels]int // bin of the first weight
	weight [Mels][]float64
}

var bank = sync.OnceValue(func() *melBank {
	b := &melBank{fft: signal.NewFFT(fftSize)}
	for i := range b.hann {
		b.hann[i] = .5 - .5*math.Cos(2*math.Pi*float64(i)/window)
	}
	mel := func(f float64) float64 { return 2595 * math.Log10(1+f/700) }
	hz := func(m float64) float64 { return 700 * (math.Pow(10, m/2595) - 1) }
	edge := func(i int) float64 {
		return hz(mel(lowHz) + (mel(highHz)-mel(lowHz))*float64(i)/(Mels+1))
	}
	for m := range Mels {
		lo, mid, hi := edge(m), edge(m+1), edge(m+2)
		for k := range fftSize/2 + 1 {
			f := float64(k) * Rate / fftSize
			if w := min((f-lo)/(mid-lo), (hi-f)/(hi-mid)); w > 0 {
				if b.weight[m] == nil {
					b.first[m] = k
				}
				b.weight[m] = append(b.weight[m], w)
			}
		}
	}
	return b
})

// logMel gives the natural logarithms of the powers of 40 bands, a row every
// 10 ms, without padding at the ends; nil for less than a window.
func logMel(x []float32) [][Mels]float64 {
	if len(x) < window {
		return nil
	}
	b := bank()
	out := make([][Mels]float64, 1+(len(x)-window)/hop)
	y := make([]float64, len(x))
	var last float64
	for i, v := range x {
		y[i] = float64(v) - emphasis*last
		last = float64(v)
	}
	// Two rows at a time: one is the real, the other the imaginary part of one
	// transform.
	var re, im [fftSize]float64
	for t := 0; t < len(out); t += 2 {
		re, im = [fftSize]float64{}, [fftSize]float64{}
		two := t+1 < len(out)
		for i, h := range b.hann {
			re[i] = h * y[t*hop+i]
			if two {
				im[i] = h * y[(t+1)*hop+i]
			}
		}
		b.fft.Transform(re[:], im[:])
		var p, q [fftSize/2 + 1]float64
		for k := range p {
			m := (fftSize - k) % fftSize
			ar, ai := (re[k]+re[m])/2, (im[k]-im[m])/2
			br, bi := (im[k]+im[m])/2, (re[m]-re[k])/2
			p[k], q[k] = ar*ar+ai*ai, br*br+bi*bi
		}
		b.fill(&out[t], p[:])
		if two {
			b.fill(&out[t+1], q[:])
		}
	}
	return out
}

func (b *melBank) fill(row *[Mels]float64, power []float64) {
	for m := range row {
		row[m] = math.Log(signal.Dot(b.weight[m], power[b.first[m]:]) + melFloor)
	}
}

// LogMel gives the features of a sound (samples from −1 to 1 at Rate): the
// logarithms of 40 mel bands every 10 ms, floored 50 dB under the loudest, less
// the mean of the rows in which somebody speaks, over 3. None for less than 25 ms.
func LogMel(samples []float32) [][Mels]float32 {
	rows := logMel(samples)
	if len(rows) == 0 {
		return nil
	}
	top := math.Inf(-1)
	for _, r := range rows {
		top = max(top, slices.Max(r[:]))
	}
	level := make([]float64, len(rows))
	for t := range rows {
		for m, v := range rows[t] {
			rows[t][m] = max(v, top-melRange)
		}
		for _, v := range rows[t][voiceLow:voiceHigh] {
			level[t] += v / (voiceHigh - voiceLow)
		}
	}
	active := quantile(level, .95) - melActive
	var mean [Mels]float64
	n := 0.
	for t, l := range level {
		if l > active {
			for m, v := range rows[t] {
				mean[m] += v
			}
			n++
		}
	}
	out := make([][Mels]float32, len(rows))
	for t := range rows {
		for m, v := range rows[t] {
			out[t][m] = float32((v - mean[m]/n) / melScale)
		}
	}
	return out
}

// quantile gives the value below which the share q of x lies, linear between
// ranks; 0 for none.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := min(int(at), len(s)-1)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}
