package aloud

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Talker is a voice that can say digits: all of them, or leastDigits at least.
type Talker struct {
	Lang, ID string
	Trained  bool // the recogniser has heard it in training
	takes    [10][]Take
}

// Take is one digit as it was said once.
type Take struct {
	sound   wave
	opening []float64 // of the mouth, 0 to 1, every openingMS; the first is openingFrom before the sound
}

// How a mouth follows a sound (the talking head of e2e/camera/speech.mjs): open by
// the logarithm of the power, from openRange nepers under the loudest up, less where
// it is a hiss between the teeth, smoothed by the mass of the lips.
const (
	openingMS   = 10
	openingHop  = rate * openingMS / 1000
	openingWin  = rate / 40
	openingFrom = 1000. * openingWin / 2 / rate // ms
	openRange   = 4.5
	openTop     = .97 // quantile of the loudness that is wide open
	openHiss    = .6
	openHalf    = 4 // steps of the Hann window to each side
)

// Talkers gives those who have leastDigits digits, in the order of the clips.
func Talkers(clips []Clip, trained []string) (out []Talker) {
	for _, v := range voices(clips, trained) {
		t := Talker{Lang: v.lang, ID: v.id, Trained: v.trained}
		if len(v.digits()) < leastDigits {
			continue
		}
		for d := range t.takes {
			for _, c := range v.digit['0'+byte(d)] {
				t.takes[d] = append(t.takes[d], Take{sound: trim(toWave(c.Sound))})
			}
		}
		t.move()
		out = append(out, t)
	}
	return out
}

// trim takes what is 40 dB and more under the loudest off both ends.
func trim(w wave) wave {
	peak := 0.
	for _, v := range w {
		peak = max(peak, math.Abs(v))
	}
	loud := func(v float64) bool { return math.Abs(v) > peak/100 }
	a := max(slices.IndexFunc(w, loud), 0)
	b := len(w)
	for b > a && !loud(w[b-1]) {
		b--
	}
	return w[max(0, a-rate/80):min(len(w), b+rate/40)]
}

// move finds how far each take opens the mouth.
func (t *Talker) move() {
	type frame struct{ loud, hiss float64 }
	var frames [][]frame
	var levels []float64
	for _, takes := range t.takes {
		for _, k := range takes {
			var track []frame
			for at := -openingWin; at < len(k.sound)+openingWin; at += openingHop {
				power, slope := 0., 0.
				for i := max(1, at); i < min(len(k.sound), at+openingWin); i++ {
					power += k.sound[i] * k.sound[i]
					slope += math.Pow(k.sound[i]-k.sound[i-1], 2) // twice the power at a sixth of the rate, four times at the half
				}
				f := frame{math.Log(power/openingWin + 1e-9), min(1, slope/(2*power+1e-9))}
				track, levels = append(track, f), append(levels, f.loud)
			}
			frames = append(frames, track)
		}
	}
	slices.Sort(levels)
	top := levels[int(openTop*float64(len(levels)-1))]
	for d := range t.takes {
		for i := range t.takes[d] {
			var raw []float64
			for _, f := range frames[0] {
				raw = append(raw, min(1, max(0, 1+(f.loud-top)/openRange))*(1-openHiss*f.hiss))
			}
			t.takes[d][i].opening, frames = hann(raw), frames[1:]
		}
	}
}

// hann smooths over 2·openHalf+1 values; beyond the ends is silence.
func hann(x []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		var sum, weight float64
		for j := -openHalf; j <= openHalf; j++ {
			k := 1 + math.Cos(math.Pi*float64(j)/(openHalf+1))
			if weight += k; i+j >= 0 && i+j < len(x) {
				sum += k * x[i+j]
			}
		}
		out[i] = sum / weight
	}
	return out
}

// Can says whether the talker has every digit of a string.
func (t *Talker) Can(digits string) bool {
	for i := range digits {
		if len(t.takes[digits[i]-'0']) == 0 {
			return false
		}
	}
	return true
}

// Say gives a digit, '0' to '9', that the talker has, by one of the takes of it.
func (t *Talker) Say(r *rand.Rand, digit byte) Take {
	of := t.takes[digit-'0']
	return of[r.IntN(len(of))]
}

// MS is how long it lasts.
func (t Take) MS() float64 { return 1000 * float64(len(t.sound)) / rate }

// Opening is how far the mouth is open ms after the sound began, 0 to 1.
func (t Take) Opening(ms float64) float64 {
	at := (ms + openingFrom + openingMS/2) / openingMS
	i := int(math.Floor(at))
	if i < 0 || i+1 >= len(t.opening) {
		return 0
	}
	return t.opening[i] + (t.opening[i+1]-t.opening[i])*(at-float64(i))
}

// Word is a take at a time.
type Word struct {
	Take
	At float64 // ms
}

// Mouth is how far the mouth of who says the words is open at a time, 0 to 1.
func Mouth(words []Word, t float64) (open float64) {
	for _, w := range words {
		open = max(open, w.Opening(t-w.At))
	}
	return open
}

// Mix is what a microphone hears in ms of a room: the words, where there are some,
// over faint noise; and pink noise, snr decibels under the words (0: none).
func Mix(r *rand.Rand, words []Word, ms, snr float64) []int16 {
	s := spoken{sound: white(r, int(ms*rate/1000))}
	for i := range s.sound {
		s.sound[i] *= room
	}
	loud := math.Pow(10, -(4+8*r.Float64())/20) // as say does
	total, count := 0., 0
	for _, w := range words {
		gain := loud * math.Pow(10, (r.Float64()-.5)/10)
		s.sound.add(w.sound, int(w.At*rate/1000), gain)
		total, count = total+gain*gain*w.sound.power()*float64(len(w.sound)), count+len(w.sound)
	}
	if snr == 0 || count == 0 {
		return s.in(nil, 0)
	}
	s.speech = total / float64(count)
	return s.in(pink(r, len(s.sound)), snr)
}
