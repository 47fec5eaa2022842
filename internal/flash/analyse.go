package flash

import (
	"math"
	"math/rand/v2"
	"slices"

	"faceproof"
	"faceproof/internal/signal"
)

// Series is what the camera saw, one entry a frame, in order. A frame without a
// usable face has NaN or zeros in Face and is left out; one without background
// counts for the face alone.
type Series struct {
	Times           []float64    // of capture, seconds, client clock
	Face            [][3]float64 // mean linear RGB of the skin cells, 0 to 1
	Background      [][3]float64 // mean linear RGB of the background cells; nil: none
	BackgroundCells int          // usable ones
	SkinCells       int
	Surface         *Surface // nil: S8 to S10 are not measured
}

// Frames that are needed to measure anything: in all, and within the time of
// each segment. At 8 frames a second a segment of 400 ms has 3 or 4.
const (
	minFrames        = 24
	minSegmentFrames = 2
	maxFrames        = 1000
)

// maxTrend is the highest order of the trend that is taken off, one a second: a
// long challenge gives slow drifts as little room as a short one.
const maxTrend = 8

// Noise of a log ratio: sigmaFloor keeps a channel without any noise (a still
// picture) from taking all the weight; above restlessSigma, and with a fit below
// restlessFit, the person is asked to hold still.
const (
	sigmaFloor    = 1e-4
	restlessSigma = .015
	restlessFit   = .5
)

// minTotal is the weighted sum of squares, in units of one noise variance, at
// and below which the series is constant.
const minTotal = 1e-6

// Analyse tests whether the light on the face is this challenge's (steps S2 to
// S7) and whether it falls on a face (S8 to S10). ch is the server's own record and is an error (CodeInternal, field
// "challenge") when it is not of this package's making; tl and s are outside
// data and never are: what cannot be measured gives Measurable false and a
// hint. Every number of the result is finite.
//
// rng draws the n candidates of the test, of the challenge's own length; nil: one
// seeded by the system, 0: 10,000. The p-value is exact for videos that do not
// depend on the colours, given the reported times, and at least 1/(n+1).
func Analyse(ch faceproof.FlashChallenge, tl Timeline, s Series, n int, rng *rand.Rand) (faceproof.FlashEvidence, error) {
	if n == 0 {
		n = candidates
	}
	actual, err := indexes(ch)
	if err != nil {
		return faceproof.FlashEvidence{}, err
	}
	if rng == nil {
		if rng, err = NewRand(nil); err != nil {
			return faceproof.FlashEvidence{}, err
		}
	}
	ev := faceproof.FlashEvidence{P: 1, Segments: len(ch.Segments), BackgroundCells: s.BackgroundCells, SkinCells: s.SkinCells}
	if !tl.plausible(ch) {
		ev.Hint = faceproof.HintSlowNetwork
		return ev, nil
	}
	f, hint := newFrames(tl, float64(ch.PostMS)/1000, trendOrder, s)
	if hint != faceproof.HintNone {
		ev.Hint = hint
		return ev, nil
	}
	t := newTest(&palette, ch.Neutral, len(actual), tl.wiped(ch), f)
	res := t.run(actual, n, rng)
	t.describe(&ev, f, s, res, actual)
	ev.L, ev.Shape = t.shape(tl.moments(ch, f.times, res.latency, f.trend), f, s, res, actual)
	if s.Surface != nil && s.Surface.valid(len(s.Times)) {
		ev.Cut = s.Surface.cut(tl, s.Times, res.latency)
	}
	return ev, nil
}

// describe fills in what the test says (S5, S6) and what the background does (S7).
func (t *test) describe(ev *faceproof.FlashEvidence, f frames, s Series, res outcome, actual []uint8) {
	ev.Measurable = true
	ev.P, ev.Candidates, ev.Z, ev.R2 = res.p, res.n, res.z, res.r2
	ev.LatencyMS = 1000 * res.latency
	ev.Amplitude = (res.q[0] + res.q[1] + res.q[2]) / 3
	ev.Flicker = t.flicker(f, actual, res.latency)
	if s.BackgroundCells > 0 {
		ev.BackgroundRatio, ev.BackgroundCells = backgroundRatio(f, res, ev.BackgroundCells)
	}
	if max(f.sigma1, f.sigma2) > restlessSigma && res.r2 < restlessFit {
		ev.Hint = faceproof.HintHoldStill
	}
}

// indexes translates the colours of a challenge to the palette and checks that
// the generator could have made it.
func indexes(ch faceproof.FlashChallenge) ([]uint8, error) {
	bad := func(why string) error {
		return faceproof.Errorf(faceproof.CodeInternal, "challenge", "not a challenge of this package: %s", why)
	}
	n := len(ch.Segments)
	if n < minColors || n > maxSegments {
		return nil, bad("number of segments")
	}
	if ch.SegmentMS < minSegmentMS || ch.WipeMS < 0 || ch.WipeMS > ch.SegmentMS {
		return nil, bad("timing")
	}
	colors := make([]faceproof.RGB, n)
	for k, s := range ch.Segments {
		colors[k] = s.Color
	}
	seq, why := indexesOf(colors, &palette)
	if why != "" {
		return nil, bad(why)
	}
	return seq, nil
}

// indexesOf translates colours to a palette; why says what rule of drawColors
// they break.
func indexesOf(colors []faceproof.RGB, from *[len(palette)]faceproof.RGB) (seq []uint8, why string) {
	seq = make([]uint8, len(colors))
	var seen uint8
	for k, c := range colors {
		i := slices.Index(from[:], c)
		if i < 0 {
			return nil, "colour"
		}
		if k > 0 && seq[k-1] == uint8(i) {
			return nil, "a repeat"
		}
		seq[k] = uint8(i)
		seen |= 1 << i
	}
	if distinct(seen) < minColors {
		return nil, "too few colours"
	}
	return seq, ""
}

// frames are the usable frames and their log ratios without trend (step S2).
type frames struct {
	times          []float64
	trend          signal.Trend
	y1, y2         []float64 // ln R − ln G, ln B − ln G
	sigma1, sigma2 float64   // noise of y1, y2
	index          []int     // of each frame in the series
	bg             [][3]float64
}

// trendOrder is the order of the trend of a capture that lasts so many seconds.
func trendOrder(duration float64) int { return min(max(int(math.Round(duration)), 3), maxTrend) }

// newFrames selects the frames from the first segment to post seconds after the
// last one's end and takes off a trend of an order; the hint says why there are too few. The pre-roll would keep the
// test exact too, but its one long step from neutral light to colours is the
// same for every candidate and makes them harder to tell apart: with .7 s of it
// the mean z of weak answers (1 % of the ambient light) is 4.2 instead of 4.4,
// without the post-roll 4.0 (simulated, 100 sessions).
func newFrames(tl Timeline, post float64, order func(duration float64) int, s Series) (frames, faceproof.Hint) {
	var f frames
	if len(s.Face) != len(s.Times) || len(s.Times) > maxFrames {
		return f, faceproof.HintSlowNetwork
	}
	from, to := tl.Segment[0], tl.Post+post
	perSegment := make([]int, len(tl.Segment))
	shown, k, last := 0, -1, math.Inf(-1)
	for i, t := range s.Times {
		if !signal.Finite(t) || t <= last {
			return f, faceproof.HintSlowNetwork // no clock to rely on
		}
		last = t
		if t < from || t > to {
			continue
		}
		shown++
		if !lit(s.Face[i]) {
			continue
		}
		for k+1 < len(tl.Segment) && t >= tl.Segment[k+1] {
			k++
		}
		if k >= 0 && t < tl.Post {
			perSegment[k]++
		}
		f.times, f.index = append(f.times, t), append(f.index, i)
		y1, y2 := logRatios(s.Face[i])
		f.y1, f.y2 = append(f.y1, y1), append(f.y2, y2)
	}
	few := len(f.times) < minFrames
	for _, n := range perSegment {
		few = few || n < minSegmentFrames
	}
	if few && shown-len(f.times) > shown/4 {
		return f, faceproof.HintFaceScreen // the frames came, the face did not
	} else if few {
		return f, faceproof.HintSlowNetwork
	}
	f.sigma1 = max(signal.DifferenceNoise(f.y1), sigmaFloor)
	f.sigma2 = max(signal.DifferenceNoise(f.y2), sigmaFloor)
	duration := f.times[len(f.times)-1] - f.times[0]
	f.trend = signal.NewTrend(f.times, order(duration))
	f.trend.Detrend(f.y1)
	f.trend.Detrend(f.y2)
	if len(s.Background) == len(s.Times) {
		f.bg = s.Background
	}
	w := f.weights()
	if !(w.total > minTotal) || !signal.Finite(w.total) {
		return f, faceproof.HintHoldStill // a constant: no camera sees that
	}
	return f, faceproof.HintNone
}

func (f *frames) weights() weights {
	w := weights{w1: 1 / (f.sigma1 * f.sigma1), w2: 1 / (f.sigma2 * f.sigma2)}
	w.total = w.w1*signal.Dot(f.y1, f.y1) + w.w2*signal.Dot(f.y2, f.y2)
	return w
}

// lit says whether linear RGB can be measured: no NaN, no black channel.
func lit(c [3]float64) bool {
	for _, v := range c {
		if !(v > 1e-6 && v < 1e6) {
			return false
		}
	}
	return true
}

func logRatios(c [3]float64) (y1, y2 float64) {
	g := math.Log(c[1])
	return math.Log(c[0]) - g, math.Log(c[2]) - g
}

// backgroundRatio is step S7: b = ⟨X, y_background⟩ / ⟨X, y_face⟩ with X the
// fitted signal. Frames without background are left out of both; without any
// frames, or without a fit, b is 0 and the count of cells too: nothing is known.
func backgroundRatio(f frames, res outcome, cells int) (float64, int) {
	if f.bg == nil {
		return 0, 0
	}
	var times, y1, y2, b1, b2, x1, x2 []float64
	for i, j := range f.index {
		if !lit(f.bg[j]) {
			continue
		}
		u1, u2 := logRatios(f.bg[j])
		times = append(times, f.times[i])
		y1, y2 = append(y1, f.y1[i]), append(y2, f.y2[i])
		b1, b2 = append(b1, u1), append(b2, u2)
		x1, x2 = append(x1, res.x1[i]), append(x2, res.x2[i])
	}
	if len(times) < minFrames || len(times) < len(f.times)*3/4 {
		return 0, 0
	}
	trend := signal.NewTrend(times, f.trend.Size()-1)
	for _, y := range [][]float64{y1, y2, b1, b2, x1, x2} {
		trend.Detrend(y)
	}
	w := f.weights()
	face := w.w1*signal.Dot(x1, y1) + w.w2*signal.Dot(x2, y2)
	bg := w.w1*signal.Dot(x1, b1) + w.w2*signal.Dot(x2, b2)
	if b := bg / face; face > 0 && signal.Finite(b) {
		return b, cells
	}
	return 0, 0
}
