package aloud

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// rate is that of all sounds here, in hertz.
const rate = 16000

// stream gives the random numbers for one purpose, so that a run can be repeated
// and one more clip changes no other.
func stream(seed uint64, purpose, detail string) *rand.Rand {
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	h.Write([]byte("faceproof/eval/aloud/" + purpose + "\x00" + detail))
	return rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
}

// wave is a sound in the making; 1 is full scale.
type wave []float64

func toWave(s []int16) wave {
	w := make(wave, len(s))
	for i, v := range s {
		w[i] = float64(v) / 32768
	}
	return w
}

// samples rounds to what a client sends, turned down where it would clip.
func (w wave) samples() []int16 {
	peak := 0.
	for _, v := range w {
		peak = max(peak, math.Abs(v))
	}
	gain := 1.
	if peak > .98 {
		gain = .98 / peak
	}
	out := make([]int16, len(w))
	for i, v := range w {
		out[i] = int16(math.Round(gain * v * 32767))
	}
	return out
}

// power is the mean square.
func (w wave) power() float64 {
	sum := 0.
	for _, v := range w {
		sum += v * v
	}
	return sum / float64(max(len(w), 1))
}

// add lays o over w from sample at on.
func (w wave) add(o wave, at int, gain float64) {
	for i, v := range o {
		if j := at + i; j >= 0 && j < len(w) {
			w[j] += gain * v
		}
	}
}

// white is Gaussian noise of power 1.
func white(r *rand.Rand, n int) wave {
	w := make(wave, n)
	for i := range w {
		w[i] = r.NormFloat64()
	}
	return w
}

// pink is noise that falls by 3 dB an octave (the filter of P. Kellet, within
// .05 dB from 9 Hz on at 44.1 kHz), of power 1.
func pink(r *rand.Rand, n int) wave {
	w := make(wave, n)
	var b [7]float64
	for i := range w {
		x := r.NormFloat64()
		b[0] = .99886*b[0] + x*.0555179
		b[1] = .99332*b[1] + x*.0750759
		b[2] = .96900*b[2] + x*.1538520
		b[3] = .86650*b[3] + x*.3104856
		b[4] = .55000*b[4] + x*.5329522
		b[5] = -.7616*b[5] - x*.0168980
		w[i] = b[0] + b[1] + b[2] + b[3] + b[4] + b[5] + b[6] + x*.5362
		b[6] = x * .115926
	}
	return w.unit()
}

// unit gives the power 1.
func (w wave) unit() wave {
	if p := w.power(); p > 0 {
		k := 1 / math.Sqrt(p)
		for i := range w {
			w[i] *= k
		}
	}
	return w
}

// babble is three talkers at once, of power 1: digits of other voices without a
// pause. Empty pool: pink noise.
func babble(r *rand.Rand, n int, pool []*Clip) wave {
	if len(pool) == 0 {
		return pink(r, n)
	}
	w := make(wave, n)
	for range 3 {
		for at := -r.IntN(rate / 2); at < n; {
			c := pool[r.IntN(len(pool))]
			o := toWave(c.Sound).unit()
			w.add(o, at, 1)
			at += len(o) + rate/50
		}
	}
	return w.unit()
}

// music is chords of plucked tones, four a bar, of power 1.
func music(r *rand.Rand, n int) wave {
	w := make(wave, n)
	step := rate * (25 + r.IntN(35)) / 100
	for at := 0; at < n; at += step {
		root := 110 * math.Pow(2, float64(r.IntN(24))/12)
		for _, third := range [][]float64{{1, 1.26, 1.498}, {1, 1.189, 1.498}}[r.IntN(2)] {
			for h := 1.; h <= 6; h++ {
				f, phase := root*third*h, 2*math.Pi*r.Float64()
				if f > rate/2 {
					break
				}
				loud, fade := 1/h, math.Exp(-(3+2*h)/rate)
				for i := 0; i < 3*step && at+i < n; i++ {
					w[at+i] += loud * min(1, float64(i)*200/rate) * math.Sin(2*math.Pi*f*float64(i)/rate+phase)
					loud *= fade
				}
			}
		}
	}
	return w.unit()
}
