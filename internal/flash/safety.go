package flash

import "faceproof"

// The limits of WCAG 2.2, success criterion 2.3.1, made stricter: the standard
// allows three flashes a second, we allow two, and no saturated red at all. Its
// exemption for small areas is not used.
const (
	maxFlashes      = 2   // in any second
	flashStep       = .1  // relative luminance; smaller changes are no flash
	flashDark       = .8  // … nor are changes between states brighter than this
	saturatedRed    = .8  // R/(R+G+B) in linear light
	safetyStrips    = 9   // places along the wipe that are looked at
	safetyWindowSec = 1.0 // s
)

// CheckSafety says whether the challenge is safe for photosensitive people: an
// analyser of WCAG 2.2 SC 2.3.1 that follows the luminance of several places
// of the screen along the wipe, and of the whole screen, from the lead to the
// post-roll. It does not look at the generator. The error is CodeInternal
// with the field at fault: a challenge is the server's own.
func CheckSafety(ch faceproof.FlashChallenge) error {
	if n := len(ch.Segments); n == 0 || n > maxSegments {
		return unsafeError("segments", "%d segments, want 1 to %d", n, maxSegments)
	}
	if ch.SegmentMS < minSegmentMS || ch.WipeMS < 0 || ch.WipeMS > ch.SegmentMS {
		return unsafeError("segment_ms", "segment %d ms with wipe %d ms, want at least %d", ch.SegmentMS, ch.WipeMS, minSegmentMS)
	}
	if ch.LeadMS != 0 && ch.LeadMS < ch.FadeMS {
		return unsafeError("lead_ms", "lead %d ms with fade %d ms", ch.LeadMS, ch.FadeMS)
	}
	if ch.FadeMS < 0 || ch.PrerollMS < ch.FadeMS || ch.PostMS < 0 {
		return unsafeError("preroll_ms", "pre-roll %d ms with fade %d ms", ch.PrerollMS, ch.FadeMS)
	}
	rest := linearRGB(ch.Neutral)
	if red(rest) {
		return unsafeError("neutral", "saturated red")
	}
	bright := make([]float64, len(ch.Segments))
	for i, s := range ch.Segments {
		c := linearRGB(s.Color)
		if red(c) {
			return unsafeError("segments", "segment %d is saturated red", i)
		}
		bright[i] = luminance(c)
	}
	worst := 0
	for i := range safetyStrips {
		worst = max(worst, flashes(stripLuminance(ch, luminance(rest), bright, float64(i)/(safetyStrips-1))))
	}
	if worst = max(worst, flashes(screenLuminance(ch, luminance(rest), bright))); worst > maxFlashes {
		return unsafeError("segments", "%d general flashes within a second, at most %d", worst, maxFlashes)
	}
	return nil
}

func unsafeError(field, format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInternal, field, "unsafe challenge: "+format, args...)
}

// red says whether linear light is saturated red in the sense of WCAG. A
// mixture of colours is never redder than its reddest part, so that the states
// within a wipe need no look of their own.
func red(c [3]float64) bool { return c[0] > 0 && c[0] >= saturatedRed*(c[0]+c[1]+c[2]) }

// luminance is the relative luminance of linear light, 0 to 1.
func luminance(c [3]float64) float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }

// level is the luminance from a time on; between levels it is constant or
// monotone.
type level struct{ t, y float64 }

// stripLuminance follows one place, at share x of the way of a forward wipe: it
// changes at once when the edge passes. rest is the luminance of the neutral
// colour, bright that of each segment; the screen is black after at worst.
func stripLuminance(ch faceproof.FlashChallenge, rest float64, bright []float64, x float64) []level {
	wipe := float64(ch.WipeMS) / 1000
	l := opening(ch, rest)
	for i, s := range ch.Segments {
		at := x
		if !s.Forward {
			at = 1 - x
		}
		l = append(l, level{dueAt(ch, i) + at*wipe, bright[i]})
	}
	return append(l, level{dueAt(ch, len(bright)), rest}, level{dueAt(ch, len(bright)) + float64(ch.PostMS)/1000, 0})
}

// screenLuminance follows the mean of the screen: a ramp during each wipe.
func screenLuminance(ch faceproof.FlashChallenge, rest float64, bright []float64) []level {
	wipe := float64(ch.WipeMS) / 1000
	l := opening(ch, rest)
	for i, y := range bright {
		l = append(l, level{dueAt(ch, i), l[len(l)-1].y}, level{dueAt(ch, i) + wipe, y})
	}
	return append(l, level{dueAt(ch, len(bright)), rest}, level{dueAt(ch, len(bright)) + float64(ch.PostMS)/1000, 0})
}

// opening is the luminance up to the neutral light: a page that is white at
// worst fades to black in the lead; without one it is black at worst.
func opening(ch faceproof.FlashChallenge, rest float64) []level {
	lead, fade := float64(ch.LeadMS)/1000, float64(ch.FadeMS)/1000
	l := make([]level, 0, 2*len(ch.Segments)+6)
	if ch.LeadMS > 0 {
		l = append(l, level{-lead, 1}, level{fade - lead, 0})
	}
	return append(l, level{0, 0}, level{fade, rest})
}

// dueAt is the start of segment i, or of the post-roll, in seconds from the
// start of the pre-roll.
func dueAt(ch faceproof.FlashChallenge, i int) float64 {
	return float64(ch.PrerollMS+i*ch.SegmentMS) / 1000
}

// flashes gives the most general flashes within any second: pairs of opposing
// changes of at least flashStep whose darker state is below flashDark.
func flashes(l []level) int {
	times := transitions(l)
	worst := 0
	for i := range times {
		n := 0
		for n < len(times)-i && times[i+n] <= times[i]+safetyWindowSec+1e-9 {
			n++
		}
		worst = max(worst, n/2)
	}
	return worst
}

// transitions gives the times at which the changes between the extremes of l
// end. Reversals below flashStep belong to the change they interrupt.
func transitions(l []level) []float64 {
	if len(l) == 0 {
		return nil
	}
	ext := []level{l[0]} // alternating extremes
	lo, hi, dir := l[0], l[0], 0.0
	for _, v := range l[1:] {
		last := &ext[len(ext)-1]
		switch d := v.y - last.y; {
		case dir == 0:
			if v.y < lo.y {
				lo = v
			}
			if v.y > hi.y {
				hi = v
			}
			if v.y-lo.y >= flashStep {
				ext, dir = []level{lo, v}, 1
			} else if hi.y-v.y >= flashStep {
				ext, dir = []level{hi, v}, -1
			}
		case d*dir > 0:
			*last = v // the same change goes on
		case -d*dir >= flashStep:
			ext, dir = append(ext, v), -dir
		}
	}
	var times []float64
	for i := 1; i < len(ext); i++ {
		if min(ext[i].y, ext[i-1].y) < flashDark {
			times = append(times, ext[i].t)
		}
	}
	return times
}
