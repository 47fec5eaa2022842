package flash

import (
	"io"

	"faceproof"
	"faceproof/internal/draw"
)

// gentle are the colours under digits that are read aloud: the hues of palette at
// the neutral light's own luminance, and a share gentleness of the way from it to
// the purest of their hue. A change between them alters no brightness: by WCAG's
// account nothing flashes. What the test measures is the ratio of the channels,
// to which brightness says nothing, so that equal luminance costs little; the
// share was chosen by measurement (docs/evaluation.md).
//
// In linear light, with Y and W the luminance of the neutral light and of a hue's
// full channels: the purest has those channels at 1 and the others at
// (Y − W)/(1 − W), or, where Y < W, at Y/W and 0.
var gentle = [len(palette)]faceproof.RGB{
	{235, 189, 189}, {132, 220, 132}, {197, 197, 235}, {132, 214, 214}, {235, 184, 235}, {204, 204, 132},
}

// gentleness of the colours; TestGentleColours holds gentle to it.
const gentleness = .6

// The colours of digits: at least minGentle, since 6 have 16,920 codes and 5
// too few for an attempt's share of 1e-3; and so long between two changes.
const (
	minGentle      = 6
	minGentleGapMS = 900
)

// Gentle draws n colours for the digits of a challenge, one for each: uniform over
// all sequences of the gentle palette without an immediate repeat and with at least
// 4 different colours, by the generator of New. random must be a cryptographic
// source, and nothing else that is drawn from it may depend on the colours. Errors
// are CodeInternal: those of random, and an n that is out of bounds.
func Gentle(random io.Reader, n int) ([]faceproof.RGB, error) {
	if n < minGentle || n > maxSegments {
		return nil, unsafeError("light", "%d colours", n)
	}
	b := draw.From(random)
	seq := make([]uint8, n)
	drawColors(seq, b.Next)
	if b.Err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the random source failed", Err: b.Err}
	}
	colors := make([]faceproof.RGB, n)
	for i, k := range seq {
		colors[i] = gentle[k]
	}
	return colors, nil
}

// CheckGentle is CheckSafety for the light under digits, with stricter limits: no
// general flash at all, no saturated red, at least 900 ms from one change to the
// next. A challenge without light passes.
func CheckGentle(ch faceproof.DigitsChallenge) error {
	n := len(ch.Light)
	if n == 0 {
		return nil
	}
	if n < minGentle || n > maxSegments || !ch.Paced || len(ch.ShowMS) != n {
		return unsafeError("light", "%d colours for %d digits", n, len(ch.ShowMS))
	}
	if ch.FadeMS < 0 || ch.FadeMS > minGentleGapMS || ch.PrerollMS < ch.FadeMS {
		return unsafeError("fade_ms", "fade %d ms, pre-roll %d ms", ch.FadeMS, ch.PrerollMS)
	}
	rest := linearRGB(ch.Neutral)
	if red(rest) {
		return unsafeError("neutral", "saturated red")
	}
	fade, preroll := float64(ch.FadeMS)/1000, float64(ch.PrerollMS)/1000
	l := []level{{0, 0}, {fade, luminance(rest)}} // black before, at worst
	change := func(ms int, y float64) {
		t := preroll + float64(ms)/1000
		l = append(l, level{t, l[len(l)-1].y}, level{t + fade, y})
	}
	for i, c := range ch.Light {
		if red(linearRGB(c)) {
			return unsafeError("light", "colour %d is saturated red", i)
		}
		next := ch.EndMS
		if i+1 < n {
			next = ch.ShowMS[i+1]
		}
		if ch.ShowMS[i] < 0 || next-ch.ShowMS[i] < minGentleGapMS {
			return unsafeError("show_ms", "colour %d stands %d ms", i, next-ch.ShowMS[i])
		}
		change(ch.ShowMS[i], luminance(linearRGB(c)))
	}
	change(ch.EndMS, luminance(rest))
	l = append(l, level{l[len(l)-1].t + float64(postrollMS)/1000, 0}) // black after, at worst
	if worst := flashes(l); worst > 0 {
		return unsafeError("light", "%d general flashes within a second", worst)
	}
	return nil
}
