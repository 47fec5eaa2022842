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
	return tl.series(times, latency, trend, func(share []float64, t float64) { tl.shares(share, t, wipe) })
}

// wiped gives the regressors of a challenge's wipes.
func (tl Timeline) wiped(ch faceproof.FlashChallenge) func(f frames, latency float64) [][]float64 {
	wipe := float64(ch.WipeMS) / 1000
	return func(f frames, latency float64) [][]float64 { return tl.regressors(f.times, latency, wipe, f.trend) }
}

// series evaluates one number a segment, state, at each time.
func (tl Timeline) series(times []float64, latency float64, trend signal.Trend, state func(out []float64, t float64)) [][]float64 {
	m := len(tl.Segment)
	b := make([][]float64, m)
	for k := range b {
		b[k] = make([]float64, len(times))
	}
	now := make([]float64, m)
	for i, t := range times {
		for _, e := range exposures {
			state(now, t-latency-e)
			for k, s := range now {
				b[k][i] += s / float64(len(exposures))
			}
		}
	}
	for k := range b {
		trend.Detrend(b[k])
	}
	return b
}

// moment gives the first moment of each segment's light along the long axis of
// the screen, from −1 where band 0 lies to 1, at time t: while a wipe runs
// forward, the share f of the new colour has −f(1−f) and the old one as much on
// the other side.
func (tl Timeline) moment(moment []float64, t, wipe float64, s []faceproof.FlashSegment) {
	tl.shares(moment, t, wipe)
	for k := len(moment) - 1; k >= 0; k-- {
		f := moment[k]
		if moment[k] = 0; f == 0 {
			continue
		}
		m := -f * (1 - f)
		if !s[k].Forward {
			m = -m
		}
		moment[k] = m
		if k > 0 {
			clear(moment[:k])
			moment[k-1] = -m
		}
		return
	}
}

// moments is regressors for the first moment.
func (tl Timeline) moments(ch faceproof.FlashChallenge, times []float64, latency float64, trend signal.Trend) [][]float64 {
	wipe := float64(ch.WipeMS) / 1000
	return tl.series(times, latency, trend, func(out []float64, t float64) { tl.moment(out, t, wipe, ch.Segments) })
}
