package flash

import (
	"faceproof"
	"faceproof/internal/signal"
)

// Timeline is when the screen showed what: seconds on the clock of
// Series.Times, as the client reported. The shares of the screen within a wipe
// follow from it.
type Timeline struct {
	Segment []float64 // first draw of each segment
	Post    float64   // first draw of the post-roll
}

// The latencies from display to frame that are tried, seconds: 0 to 320 ms for
// the test, and up to 500 ms for the estimate alone, so that a late answer is
// seen to be late. Exposure is averaged over exposures before the frame.
const (
	latencyStep  = .020
	latencies    = 17
	latenciesAll = 26
	maxLatency   = latencyStep * (latencies - 1)
)

var exposures = [4]float64{0, .010, .020, .030}

// What the reported times must be in, as shares of what is due: a client draws
// no segment short (web/core/flash.ts waits for the whole of it, for safety's
// sake) and some late. Who may choose the times after the colours could skip
// the segments that do not fit.
const (
	minStretch    = .9 // of one segment
	maxStretch    = 1.5
	minStretchAll = .95 // of all segments
	maxStretchAll = 1.2
)

// plausible checks the reported times against the challenge.
func (tl Timeline) plausible(ch faceproof.FlashChallenge) bool {
	n := len(ch.Segments)
	if len(tl.Segment) != n || !signal.Finite(tl.Post) {
		return false
	}
	due := float64(ch.SegmentMS) / 1000
	for i, at := range tl.Segment {
		end := tl.Post
		if i+1 < n {
			end = tl.Segment[i+1]
		}
		if !signal.Finite(at) || !(end-at >= minStretch*due && end-at <= maxStretch*due) {
			return false
		}
	}
	all := tl.Post - tl.Segment[0]
	return all >= minStretchAll*due*float64(n) && all <= maxStretchAll*due*float64(n)
}

// shares gives the share of the screen that shows each segment at time t, in
// share, which has one place a segment. They sum to 1 during the segments and
// to less where the neutral colour shows.
func (tl Timeline) shares(share []float64, t, wipe float64) {
	clear(share)
	if t >= tl.Post || t < tl.Segment[0] {
		return
	}
	k := len(tl.Segment) - 1
	for t < tl.Segment[k] {
		k--
	}
	f := 1.0
	if wipe > 0 {
		f = min((t-tl.Segment[k])/wipe, 1)
	}
	share[k] = f
	if k > 0 {
		share[k-1] = 1 - f
	}
}

// regressors gives B_k(i) of step S3: for each segment the share of the screen
// that shows it at times t−latency, averaged over the exposure, without trend.
func (tl Timeline) regressors(times []float64, latency, wipe float64, trend signal.Trend) [][]float64 {
	m := len(tl.Segment)
	b := make([][]float64, m)
	for k := range b {
		b[k] = make([]float64, len(times))
	}
	share := make([]float64, m)
	for i, t := range times {
		for _, e := range exposures {
			tl.shares(share, t-latency-e, wipe)
			for k, s := range share {
				b[k][i] += s / float64(len(exposures))
			}
		}
	}
	for k := range b {
		trend.Detrend(b[k])
	}
	return b
}
