package flash

import (
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/signal"
)

// The light under digits is tested like the colours of a flash, with what differs:
//
//   - The times are uneven, and as the client reported them (S3). A colour fades in
//     over the whole screen within fade_ms, and so does the neutral light in the end.
//   - The trend (S2) has the order codeTrend, however long the digits last: with one
//     change in 1.25 s, an order a second would take the code away with the drift.
//   - Where there are few codes, all of them are the candidates (S5): p is the share
//     of the generator's codes that do as well, and no random number is needed.
//   - S4 to S7 are the same. The amplitude is in the same unit, whatever the colours:
//     the screen's light over the room's, at full light.
//   - S8 and S9 are measured without the difference along the screen, which a wipe
//     alone has: L is that of the slopes on light and gloss. It needs a strong
//     answer; nothing should ask for it.
//   - S10 is not measured: who begins to read when a digit appears moves just then.
const (
	codeTrend = 2
	maxCodes  = 20_000 // that are tried one and all: those of 6 colours
)

// What the reported times must be in: a network delays a prompt, and the server
// then those that follow, so that a gap may grow; none can shrink by more than the
// network's unsteadiness. Times of a prompt are told before the next colour is
// known (internal/capture), and who could choose them later could fit them.
const (
	gapShorter = .35 // s
	gapLonger  = 1.5 // s
	minGap     = .5  // s
)

// AnalyseCode tests whether the light on the face is that of the challenge's
// colours; Analyse says the rest. tl has the first draw of each digit with its
// colour, and of the neutral light after them. A challenge without light, or not
// of this package's making, is CodeInternal, field "challenge". n candidates are
// drawn from rng (0: 10,000; nil: seeded by the system) unless all are tried.
func AnalyseCode(ch faceproof.DigitsChallenge, tl Timeline, s Series, n int, rng *rand.Rand) (faceproof.FlashEvidence, error) {
	if n == 0 {
		n = candidates
	}
	actual, why := indexesOf(ch.Light, &gentle)
	if why == "" {
		if err := CheckGentle(ch); err != nil {
			why = err.Error()
		} else if len(ch.Light) == 0 {
			why = "no light"
		}
	}
	if why != "" {
		return faceproof.FlashEvidence{}, faceproof.Errorf(faceproof.CodeInternal, "challenge", "not a light of this package: %s", why)
	}
	ev := faceproof.FlashEvidence{P: 1, Segments: len(ch.Light), BackgroundCells: s.BackgroundCells, SkinCells: s.SkinCells}
	if !tl.follows(ch) {
		ev.Hint = faceproof.HintSlowNetwork
		return ev, nil
	}
	f, hint := newFrames(tl, float64(ch.FadeMS+postrollMS)/1000, func(float64) int { return codeTrend }, s)
	if hint != faceproof.HintNone {
		ev.Hint = hint
		return ev, nil
	}
	t := newTest(&gentle, ch.Neutral, len(actual), tl.faded(float64(ch.FadeMS)/1000), f)
	var res outcome
	if codes(len(actual)) <= maxCodes {
		res = t.rank(actual, 0, func(score func(seq []uint8)) { everyCode(len(actual), score) })
	} else {
		if rng == nil {
			var err error
			if rng, err = NewRand(nil); err != nil {
				return faceproof.FlashEvidence{}, err
			}
		}
		res = t.run(actual, n, rng)
	}
	t.describe(&ev, f, s, res, actual)
	ev.L, ev.Shape = t.shape(nil, f, s, res, actual)
	return ev, nil
}

// follows checks the reported times against the challenge.
func (tl Timeline) follows(ch faceproof.DigitsChallenge) bool {
	n := len(ch.ShowMS)
	if len(tl.Segment) != n || !signal.Finite(tl.Post) {
		return false
	}
	for i, at := range tl.Segment {
		end, due := tl.Post, ch.EndMS
		if i+1 < n {
			end, due = tl.Segment[i+1], ch.ShowMS[i+1]
		}
		late := end - at - float64(due-ch.ShowMS[i])/1000
		if !signal.Finite(at) || !(end-at >= minGap && late >= -gapShorter && late <= gapLonger) {
			return false
		}
	}
	return true
}

// faded gives the regressors of colours that fade in, and out in the end.
func (tl Timeline) faded(fade float64) func(f frames, latency float64) [][]float64 {
	state := func(share []float64, t float64) {
		for k, at := range tl.Segment {
			end := tl.Post
			if k+1 < len(tl.Segment) {
				end = tl.Segment[k+1]
			}
			share[k] = faded(t-at, fade) - faded(t-end, fade)
		}
	}
	return func(f frames, latency float64) [][]float64 { return tl.series(f.times, latency, f.trend, state) }
}

// faded is the share of a fade that is over after t.
func faded(t, fade float64) float64 {
	if fade <= 0 {
		if t < 0 {
			return 0
		}
		return 1
	}
	return ramp(t, fade)
}

// everyCode visits each sequence that drawColors can give, once.
func everyCode(m int, visit func(seq []uint8)) {
	seq := make([]uint8, m)
	var next func(k int, seen uint8)
	next = func(k int, seen uint8) {
		if k == m {
			if distinct(seen) >= minColors {
				visit(seq)
			}
			return
		}
		for c := range uint8(len(palette)) {
			if k == 0 || c != seq[k-1] {
				seq[k] = c
				next(k+1, seen|1<<c)
			}
		}
	}
	next(0, 0)
}

// codes is how many sequences of m colours have no immediate repeat: those of
// everyCode, and the few with less than minColors colours.
func codes(m int) float64 {
	return float64(len(palette)) * math.Pow(float64(len(palette)-1), float64(m-1))
}
