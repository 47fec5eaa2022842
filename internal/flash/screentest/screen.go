package screentest

import (
	"math"

	"faceproof"
)

// Strips is how many parts of the screen are looked at along the wipe; a
// multiple of 4.
const Strips = 24

// What the client does beyond the messages, from web/core/flash.ts and
// web/sdk/surface.ts; TestScreenIsTheClients and web/test/screen.test.ts hold
// both to the same pictures.
const (
	edgeWidth   = .06  // of the smooth edge of a wipe, share of the long axis
	early       = .004 // s: a picture may come so much before its time
	afterDigits = .3   // s of neutral light after the fade
	minPrompt   = .334 // s: no prompt's colour is shorter
)

// Page is the colour of the page behind the light: what is shown while a person
// is guided, comes closer, and waits.
var Page = faceproof.RGB{244, 246, 249}

// decoded is the light of each sRGB value (IEC 61966-2-1).
var decoded = func() (t [256]float64) {
	for i := range t {
		if x := float64(i) / 255; x <= .04045 {
			t[i] = x / 12.92
		} else {
			t[i] = math.Pow((x+.055)/1.055, 2.4)
		}
	}
	return t
}()

func light(c faceproof.RGB) Linear { return Linear{decoded[c[0]], decoded[c[1]], decoded[c[2]]} }

func mix(a, b Linear, share float64) (m Linear) {
	share = min(max(share, 0), 1)
	for k := range m {
		m[k] = a[k]*(1-share) + b[k]*share
	}
	return m
}

// Screen shows light to an Analyser, one picture after the other, at times that
// Next chooses: the time from the picture at t to the one after it, seconds.
type Screen struct {
	Next  func(t float64) float64
	Saw   func(t float64, strips []Linear) // nil: nobody else looks
	a     *Analyser
	t     float64
	now   Linear
	strip [Strips]Linear
}

// NewScreen shows the page from time 0 on.
func NewScreen(a *Analyser, next func(t float64) float64) *Screen {
	s := &Screen{Next: next, a: a, now: light(Page)}
	s.flat(s.now)
	return s
}

func (s *Screen) show() {
	s.a.See(s.t, s.strip[:])
	if s.Saw != nil {
		s.Saw(s.t, s.strip[:])
	}
}

func (s *Screen) flat(c Linear) {
	s.now = c
	for i := range s.strip {
		s.strip[i] = c
	}
	s.show()
}

// Wait keeps the picture for so many seconds at least.
func (s *Screen) Wait(seconds float64) {
	for end := s.t + seconds - early; s.t < end; {
		s.t += s.Next(s.t)
	}
}

// fade goes to a colour and stands: from its first picture on for so many seconds
// in all.
func (s *Screen) fade(to Linear, fade, seconds float64) {
	from, begin := s.now, s.t
	for end := begin + seconds - early; ; {
		share := 1.
		if fade > 0 {
			share = (s.t - begin) / fade
		}
		s.flat(mix(from, to, share))
		if share >= 1 {
			s.Wait(end - s.t + early)
			return
		}
		if s.t += s.Next(s.t); s.t >= end {
			return
		}
	}
}

// wipe slides a colour over the screen and lets it stand. Before it shows one
// colour everywhere.
func (s *Screen) wipe(to Linear, forward bool, wipe, seconds float64) {
	from, begin := s.now, s.t
	for end := begin + seconds - early; ; {
		share := 1.
		if wipe > 0 {
			share = (s.t - begin) / wipe
		}
		if share >= 1 {
			s.flat(to)
			s.Wait(end - s.t + early)
			return
		}
		lead := share * (1 + edgeWidth)
		for i := range s.strip {
			x := (float64(i) + .5) / Strips
			if !forward {
				x = 1 - x
			}
			s.strip[i] = mix(to, from, (x-(lead-edgeWidth))/edgeWidth)
		}
		s.show()
		if s.t += s.Next(s.t); s.t >= end {
			s.now = to
			return
		}
	}
}

func seconds(ms int) float64 { return float64(ms) / 1000 }

// Flash shows the whole of a flash challenge, from the page to the page, as a
// client does that loses no time.
func (s *Screen) Flash(ch faceproof.FlashChallenge) {
	if ch.LeadMS > 0 {
		s.fade(Linear{}, seconds(ch.FadeMS), seconds(ch.LeadMS))
	}
	neutral := light(ch.Neutral)
	s.fade(neutral, seconds(ch.FadeMS), seconds(ch.PrerollMS))
	for _, c := range ch.Segments {
		s.wipe(light(c.Color), c.Forward, seconds(ch.WipeMS), seconds(ch.SegmentMS))
	}
	s.fade(neutral, 0, seconds(ch.PostMS))
	s.flat(light(Page))
}

// Digits shows the light of digits. late says by how much the prompt of digit i
// comes after its time, seconds; nil: never.
func (s *Screen) Digits(ch faceproof.DigitsChallenge, late func(i int) float64) {
	neutral, fade := light(ch.Neutral), seconds(ch.FadeMS)
	s.fade(neutral, fade, seconds(ch.PrerollMS))
	begin := s.t
	for i, at := range ch.ShowMS {
		to := s.now
		if len(ch.Light) > 0 {
			to = light(ch.Light[i])
		}
		due, end := begin+seconds(at), begin+seconds(ch.EndMS)
		if i+1 < len(ch.ShowMS) {
			end = begin + seconds(ch.ShowMS[i+1])
		}
		if late != nil {
			due, end = due+late(i), end+late(i+1)
		}
		s.Wait(due - s.t)
		s.fade(to, fade, max(minPrompt, end-s.t))
	}
	s.fade(neutral, fade, fade+afterDigits)
	s.flat(light(Page))
}
