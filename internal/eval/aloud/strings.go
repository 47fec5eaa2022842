package aloud

import (
	"math"
	"math/rand/v2"
	"slices"
)

// voice is the material of one speaker: single digits by digit.
type voice struct {
	lang, id string
	trained  bool
	clips    []*Clip          // all, with the connected ones
	digit    map[byte][]*Clip // single ones
}

// leastDigits is how many different digits a voice must have for strings.
const leastDigits = 8

func (v *voice) digits() (d []byte) {
	for c := byte('0'); c <= '9'; c++ {
		if len(v.digit[c]) > 0 {
			d = append(d, c)
		}
	}
	return d
}

// voices sorts clips by speaker, in the order of the clips.
func voices(clips []Clip, trained []string) (out []*voice) {
	for i := range clips {
		c := &clips[i]
		j := slices.IndexFunc(out, func(v *voice) bool { return v.lang == c.Lang && v.id == c.Voice })
		if j < 0 {
			j, out = len(out), append(out, &voice{lang: c.Lang, id: c.Voice, digit: map[byte][]*Clip{}, trained: slices.Contains(trained, c.Voice)})
		}
		v := out[j]
		if v.clips = append(v.clips, c); len(c.Label) == 1 {
			d := c.Expect()[0]
			v.digit[d] = append(v.digit[d], c)
		}
	}
	return out
}

// Styles of a string of digits put together from single ones.
const (
	styleRun   = "run"   // read off, 50 to 350 ms apart
	stylePaced = "paced" // each after its prompt, prompts 0.9 to 1.6 s apart, as the product asks
)

// spoken is a string of digits by one voice.
type spoken struct {
	voice   *voice
	expect  string
	sound   wave
	speech  float64   // power of the speech alone
	prompts []float64 // ms, when paced
	onsets  []float64 // ms, of each digit
}

// room is the noise below everything, so that nothing is digitally silent: 60 dB
// below full scale.
const room = .001

// say puts a string of n digits together.
func say(r *rand.Rand, v *voice, n int, style string) spoken {
	s := spoken{voice: v, expect: draw(r, v.digits(), n)}
	at, prompt := rate/2, float64(rate)*.8
	var starts []int
	var parts [][]int16
	for i := range n {
		c := v.digit[s.expect[i]]
		p := speech(c[r.IntN(len(c))].Sound)
		if style == stylePaced {
			s.prompts = append(s.prompts, prompt/rate*1000)
			at = int(prompt + rate*(.3+.5*r.Float64())) // a reader's delay
			prompt += rate * (.9 + .7*r.Float64())
			if i > 0 { // who is asked for the next digit draws this one out no longer than 0.6 s
				at = max(at, starts[i-1]+min(len(parts[i-1]), rate*6/10)+rate/20)
				parts[i-1] = shorten(parts[i-1], at-starts[i-1]-rate/20)
			}
		}
		starts, parts = append(starts, at), append(parts, p)
		at += len(p)
		if style != stylePaced {
			at += int(rate * (.05 + .3*r.Float64()))
		}
	}
	s.sound = white(r, at+rate/2)
	for i := range s.sound {
		s.sound[i] *= room
	}
	loud := math.Pow(10, -(4+8*r.Float64())/20) // of the whole string; each digit within 1 dB of it
	total, count := 0., 0
	for i, p := range parts {
		w := toWave(p)
		gain := loud * math.Pow(10, (r.Float64()-.5)/10)
		s.sound.add(w, starts[i], gain)
		total, count = total+gain*gain*w.power()*float64(len(w)), count+len(w)
		s.onsets = append(s.onsets, float64(starts[i])/rate*1000)
	}
	s.speech = total / float64(count)
	return s
}

// A single recording holds silence before and after the word, as much as two
// thirds of it. A reader's delay is that of speech, so this much quieter than the
// loud part, in pieces of 10 ms, is cut off, but for 30 ms.
const (
	quieterDB = 30
	edge      = 3
)

// speech is the part of a recording in which somebody speaks.
func speech(x []int16) []int16 {
	const piece = rate / 100
	n := len(x) / piece
	if n == 0 {
		return x
	}
	power := make([]float64, n)
	for i := range power {
		power[i] = toWave(x[i*piece : (i+1)*piece]).power()
	}
	loud := slices.Sorted(slices.Values(power))[(n-1)*19/20] * math.Pow(10, -quieterDB/10.)
	first := slices.IndexFunc(power, func(p float64) bool { return p >= loud })
	last := n - 1
	for power[last] < loud {
		last--
	}
	return x[max(0, first-edge)*piece : min(n, last+1+edge)*piece]
}

// shorten cuts a word to n samples, with 30 ms to fade.
func shorten(x []int16, n int) []int16 {
	if len(x) <= n {
		return x
	}
	x = slices.Clone(x[:max(n, 0)])
	const fade = rate * 30 / 1000
	for i := range min(fade, len(x)) {
		x[len(x)-1-i] = int16(int(x[len(x)-1-i]) * i / fade)
	}
	return x
}

// in gives the sound in noise of power 1, at so many dB.
func (s *spoken) in(noise wave, snr float64) []int16 {
	w := slices.Clone(s.sound)
	if noise != nil {
		w.add(noise, 0, math.Sqrt(s.speech*math.Pow(10, -snr/10)))
	}
	return w.samples()
}

// draw gives n digits among those given, none three times running, as the
// challenge does.
func draw(r *rand.Rand, from []byte, n int) string {
	for {
		b := make([]byte, n)
		for i := range b {
			b[i] = from[r.IntN(len(from))]
		}
		if s := string(b); !triple(s) {
			return s
		}
	}
}

func triple(s string) bool {
	for i := 2; i < len(s); i++ {
		if s[i] == s[i-1] && s[i] == s[i-2] {
			return true
		}
	}
	return false
}

// draws gives count strings of a challenge.
func draws(r *rand.Rand, n, count int) []string {
	out := make([]string, count)
	for i := range out {
		out[i] = draw(r, []byte("0123456789"), n)
	}
	return out
}

// others draws count strings of a challenge, each different from s.
func others(r *rand.Rand, s string, count int) []string {
	out := make([]string, 0, count)
	for len(out) < count {
		if o := draw(r, []byte("0123456789"), len(s)); o != s {
			out = append(out, o)
		}
	}
	return out
}

// near draws count strings that differ from s in one digit.
func near(r *rand.Rand, s string, count int) []string {
	out := make([]string, 0, count)
	for len(out) < count {
		i, d := r.IntN(len(s)), "0123456789"[r.IntN(10)]
		if s[i] != d {
			out = append(out, s[:i]+string(d)+s[i+1:])
		}
	}
	return out
}

// without gives the single clips of all voices but one.
func without(all []*voice, one *voice) (pool []*Clip) {
	for _, v := range all {
		if v == one {
			continue
		}
		for _, c := range v.clips {
			if len(c.Label) == 1 {
				pool = append(pool, c)
			}
		}
	}
	return pool
}
