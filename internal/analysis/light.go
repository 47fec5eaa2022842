package analysis

import (
	"math"
	"slices"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/flash"
)

// Light says, before the colours, what the lead and the pre-roll tell of the
// light. t needs the challenge and the display events so far.
func (r *Run) Light(t capture.Transcript) faceproof.LightEvidence {
	return r.light(t, math.Inf(1), r.series())
}

// light is Light from the frames before end, ms; s is the series, of which nothing
// is changed.
func (r *Run) light(t capture.Transcript, end float64, s flash.Series) faceproof.LightEvidence {
	var ev faceproof.LightEvidence
	dark, neutral := math.NaN(), math.NaN()
	for _, d := range t.Display {
		switch d.Event {
		case capture.DisplayLead:
			dark = d.T / 1000
		case capture.DisplayPreroll:
			neutral = d.T / 1000
		}
	}
	var span float64 // ms
	for _, f := range r.frames {
		if f.t < end {
			span = f.t - r.frames[0].t
			ev.Frames++
		}
	}
	if span > 0 {
		ev.FPS = 1000 * float64(ev.Frames-1) / span
	}
	if best := r.probe(neutralFrom(t), end).best; best != nil {
		ev.Brightness, ev.Clipped, ev.FaceShare = best.quality.Brightness, best.quality.Clipped, best.quality.WidthShare
	}
	r.oneSize(&s, end)
	ev.BackgroundCells = s.BackgroundCells
	ev.Contrast = contrast(s, neutralFrom(t)/1000, end/1000)
	p, ok := flash.Predict(t.Challenge, flash.Lead{Dark: dark, Neutral: neutral, End: end / 1000}, s)
	if ev.Predicted = ok; ok {
		ev.Amplitude, ev.Error, ev.LatencyMS = p.Amplitude, p.Error, p.LatencyMS
	}
	return ev
}

// oneSize leaves out the frames before end that are not of the usual size there:
// scaling changes what a cell holds by as much as weak light does.
func (r *Run) oneSize(s *flash.Series, end float64) {
	count, usual := map[int]int{}, 0
	for _, f := range r.frames {
		if f.t < end {
			if count[f.width]++; count[f.width] > count[usual] {
				usual = f.width
			}
		}
	}
	s.Face = slices.Clone(s.Face)
	for i := range s.Face {
		if r.frames[i].width != usual {
			s.Face[i] = [3]float64{math.NaN(), math.NaN(), math.NaN()}
		}
	}
}

// contrast is how many times as bright as the background the face is between two
// times (s), by the middle one of the frames; 0 when none tells.
func contrast(s flash.Series, from, to float64) float64 {
	var v []float64
	for i, at := range s.Times {
		if at < from || at >= to || i >= len(s.Face) || i >= len(s.Background) {
			continue
		}
		if f, b := luminance(s.Face[i]), luminance(s.Background[i]); f > 0 && b > 0 {
			v = append(v, f/b)
		}
	}
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// luminance is that of linear sRGB; NaN stays NaN.
func luminance(c [3]float64) float64 { return .2126*c[0] + .7152*c[1] + .0722*c[2] }

// neutralFrom is when the screen was neutral, ms by the client's clock, and 0
// when it did not say.
func neutralFrom(t capture.Transcript) float64 {
	for _, d := range t.Display {
		if d.Event == capture.DisplayPreroll {
			return d.T + float64(max(t.Challenge.FadeMS, t.Digits.FadeMS))
		}
	}
	return 0
}
