// Package flash makes the coloured-light challenge and checks the response,
// together so that they cannot drift apart.
//
// A challenge is a random sequence of full-screen colours. The light of the
// screen returns from the face, a little, on top of the light of the room; in
// the ratios of the colour channels, which exposure cannot change, that little
// is measurable. Analyse asks how much better this challenge explains the
// ratios than other challenges of the same generator would have: a
// randomisation test, whose p-value is exact for every video that was made
// without knowledge of the challenge, whatever its noise. It cannot see an
// attacker who lights a face in step with the challenge.
//
// Three further measures ask what it is that the light falls on: the shape of
// the response over the face against the face's own mesh (a print is flat), its
// dependence on brightness (a screen glows by itself), and jumps of the face
// where the colours change (a video made of pieces). These are estimates with
// error rates, set by simulation.
//
// The steps are numbered S2 to S10 as in the design of the method; S1 (the
// picture to cells) is internal/face.
//
// After Tang et al., "Face Flashing", NDSS 2018, and Liu et al., "Aurora
// Guard", 2019; the exact test is ours.
package flash

import (
	"encoding/hex"
	"io"
	"math"

	"faceproof"
	"faceproof/internal/draw"
)

// The timing of the challenge in milliseconds. No segment may be shorter than
// minSegmentMS: at three transitions a second nothing can exceed the limit of
// WCAG 2.3.1, whatever the colours.
const (
	leadMS        = 600
	prerollMS     = 1000
	postrollMS    = 300
	fadeMS        = 300
	minSegmentMS  = 334
	planSegmentMS = 350 // of a plan
	minColors     = 4
	maxSegments   = 32
)

// In the lead the screen is black for 300 ms after its fade: from that and the
// rise to neutral Predict tells how much of the light on the face is the
// screen's, before any colour is shown.

// neutral lights the pre-roll and the post-roll: exposure and white balance
// settle, and the picture for matching is taken in it.
var neutral = faceproof.RGB{200, 200, 200}

// palette holds the colours of a segment: no white or black, which carry no
// chroma, and no saturated red, which is the most dangerous to photosensitive
// people (R/(R+G+B) of the first is .783 in linear light, WCAG forbids .8).
var palette = [6]faceproof.RGB{
	{255, 104, 104}, {0, 255, 0}, {32, 32, 255}, {0, 255, 255}, {255, 0, 255}, {255, 255, 0},
}

// Opening is a challenge before its colours are drawn: the lead and the pre-roll,
// which are the same for every plan.
func Opening() faceproof.FlashChallenge {
	return faceproof.FlashChallenge{Neutral: neutral, LeadMS: leadMS, FadeMS: fadeMS, PrerollMS: prerollMS, PostMS: postrollMS}
}

// New draws a challenge of a plan: uniform over all sequences of the palette
// without an immediate repeat and with at least 4 different colours, each wiped
// in from a random end for the first half of its segment. random must be a
// cryptographic source; its errors, and a plan that is out of bounds, are
// CodeInternal.
func New(random io.Reader, plan faceproof.Plan) (faceproof.FlashChallenge, error) {
	if plan.Segments < minColors || plan.Segments > maxSegments || plan.SegmentMS < planSegmentMS {
		return faceproof.FlashChallenge{}, unsafeError("plan", "%d segments of %d ms", plan.Segments, plan.SegmentMS)
	}
	b := draw.From(random)
	ch := Opening()
	ch.SegmentMS, ch.WipeMS = plan.SegmentMS, plan.SegmentMS/2
	ch.Segments = make([]faceproof.FlashSegment, plan.Segments)
	var nonce [16]byte
	for i := range nonce {
		nonce[i] = b.Next()
	}
	ch.Nonce = hex.EncodeToString(nonce[:])
	var colors [maxSegments]uint8
	drawColors(colors[:plan.Segments], b.Next)
	for i := range ch.Segments {
		ch.Segments[i] = faceproof.FlashSegment{Color: palette[colors[i]], Forward: b.Next()&1 == 1}
	}
	if b.Err != nil {
		return faceproof.FlashChallenge{}, &faceproof.Error{
			Code: faceproof.CodeInternal, Message: "the random source failed", Err: b.Err}
	}
	if err := CheckSafety(ch); err != nil {
		return faceproof.FlashChallenge{}, err
	}
	return ch, nil
}

// drawColors fills seq with palette indexes, uniform over the sequences
// without an immediate repeat that use at least minColors colours. The
// challenge and the candidates of the randomisation test are both drawn here:
// that they have one distribution is what makes the p-value exact.
func drawColors(seq []uint8, next func() byte) {
	for {
		var seen uint8
		for i := range seq {
			if i == 0 {
				seq[0] = below(uint8(len(palette)), next)
			} else {
				// One of the others: skip the previous colour.
				seq[i] = below(uint8(len(palette))-1, next)
				if seq[i] >= seq[i-1] {
					seq[i]++
				}
			}
			seen |= 1 << seq[i]
		}
		if distinct(seen) >= minColors {
			return
		}
	}
}

// distinct counts the colours of a set.
func distinct(set uint8) (n int) {
	for ; set != 0; set &= set - 1 {
		n++
	}
	return n
}

// below gives a uniform number under n by rejection.
func below(n uint8, next func() byte) uint8 {
	top := 256 - 256%int(n)
	for {
		if v := int(next()); v < top {
			return uint8(v % int(n))
		}
	}
}

// linear gives the share of the full light of a channel, 0 to 1, that a screen
// gives off for an sRGB value (IEC 61966-2-1).
func linear(v uint8) float64 {
	x := float64(v) / 255
	if x <= .04045 {
		return x / 12.92
	}
	return math.Pow((x+.055)/1.055, 2.4)
}

// linearRGB is linear for all three channels.
func linearRGB(c faceproof.RGB) [3]float64 {
	return [3]float64{linear(c[0]), linear(c[1]), linear(c[2])}
}
