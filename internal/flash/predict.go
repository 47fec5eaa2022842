package flash

import (
	"math"

	"faceproof"
	"faceproof/internal/signal"
)

// Lead is when the screen showed what before the colours, seconds on the clock
// of Series.Times, as the client reported.
type Lead struct {
	Dark    float64 // the fade to black began
	Neutral float64 // the fade to neutral began
	End     float64 // first colour; +Inf: none yet
}

// Prediction is how strong the colours will be on the face.
type Prediction struct {
	Amplitude float64 // in the unit of FlashEvidence.Amplitude
	Error     float64 // its standard error
	LatencyMS float64 // display to frame
	Frames    int     // used
}

// What a prediction needs: frames, and among them enough of both lights. The
// information is the sum of squares of the step's regressor: 2 is four frames
// of black beside many of neutral light.
const (
	minLeadFrames  = 12
	minInformation = 2
	maxRho         = .8 // of the residuals: more cannot be told from a trend in so few frames
)

// Predict tells from the lead and the pre-roll how much light the screen adds
// to the face; ok is false when that cannot be told. The log of face over
// background, which no exposure changes, is fitted by the share of neutral light
// that the screen gave a latency before, at the latency that explains it best.
// The page that was shown before has a column of its own: its light is not
// known. What the screen adds to the background too is lost: the amplitude is
// that much too small. Residuals that follow each other (a moving head) widen
// the error.
func Predict(ch faceproof.FlashChallenge, l Lead, s Series) (p Prediction, ok bool) {
	fade := float64(ch.FadeMS) / 1000
	full := linear(ch.Neutral[1])
	if !(l.Neutral-l.Dark >= minStretch*float64(ch.LeadMS)/1000) || ch.LeadMS == 0 || !(full > 0) ||
		len(s.Face) != len(s.Times) || len(s.Background) != len(s.Times) || len(s.Times) > maxFrames {
		return p, false
	}
	var times, y []float64
	for i, t := range s.Times {
		if t >= l.End || !lit(s.Face[i]) || !lit(s.Background[i]) {
			continue
		}
		times, y = append(times, t), append(y, contrast(s.Face[i], s.Background[i]))
	}
	if len(times) < minLeadFrames {
		return p, false
	}
	best := math.Inf(1)
	for k := range latencies {
		latency := latencyStep * float64(k)
		step, page := make([]float64, len(times)), make([]float64, len(times))
		for i, t := range times {
			for _, e := range exposures {
				at := t - latency - e
				step[i] += ramp(at-l.Neutral, fade) / float64(len(exposures))
				page[i] += (1 - ramp(at-l.Dark, fade)) / float64(len(exposures))
			}
		}
		slope, err, rss, fits := slopeOf(y, step, page)
		if fits && rss < best {
			best, ok = rss, true
			p = Prediction{Amplitude: slope / full, Error: err / full, LatencyMS: 1000 * latency, Frames: len(times)}
		}
	}
	return p, ok
}

// contrast is the log of face over background, the mean of the channels.
func contrast(face, bg [3]float64) (y float64) {
	for c := range face {
		y += math.Log(face[c]/bg[c]) / 3
	}
	return y
}

// ramp goes from 0 to 1 within d.
func ramp(t, d float64) float64 {
	switch {
	case t <= 0:
		return 0
	case t >= d:
		return 1
	}
	return t / d
}

// slopeOf fits y = a + slope·x + c·extra by least squares: the slope, its
// standard error with the residuals' own correlation, and the sum of their
// squares. ok is false when x cannot be told from the rest.
func slopeOf(y, x, extra []float64) (slope, err, rss float64, ok bool) {
	n := float64(len(y))
	center := func(v []float64) []float64 {
		m, out := 0., make([]float64, len(v))
		for _, w := range v {
			m += w / n
		}
		for i, w := range v {
			out[i] = w - m
		}
		return out
	}
	y, x, extra = center(y), center(x), center(extra)
	columns := 2.
	if e := signal.Dot(extra, extra); e > 1e-3 {
		columns++
		less(y, extra, signal.Dot(y, extra)/e)
		less(x, extra, signal.Dot(x, extra)/e)
	}
	information := signal.Dot(x, x)
	if !(information >= minInformation) {
		return 0, 0, 0, false
	}
	slope = signal.Dot(x, y) / information
	less(y, x, slope) // now the residuals
	rss = signal.Dot(y, y)
	rho := 0.
	if rss > 0 {
		rho = min(max(signal.Dot(y[1:], y[:len(y)-1])/rss, 0), maxRho)
	}
	err = math.Sqrt(rss / (n - columns) / information * (1 + rho) / (1 - rho))
	return slope, err, rss, signal.Finite(slope) && signal.Finite(err)
}

// less takes a times x off y.
func less(y, x []float64, a float64) {
	for i := range y {
		y[i] -= a * x[i]
	}
}
