package faceproof

import "testing"

// light of a good room, changed.
func lightOf(change func(*LightEvidence)) LightEvidence {
	e := LightEvidence{Frames: 24, FPS: 15, Brightness: .5, Predicted: true, Amplitude: .1, Error: .003, BackgroundCells: 60}
	change(&e)
	return e
}

func TestPredictLight(t *testing.T) {
	p := DefaultPolicy()
	room := func(fps, brightness, clipped, amplitude, err float64) LightEvidence {
		return lightOf(func(e *LightEvidence) {
			e.FPS, e.Brightness, e.Clipped, e.Amplitude, e.Error = fps, brightness, clipped, amplitude, err
		})
	}
	for want, cases := range map[Light][]LightEvidence{
		LightEnough: {room(15, .5, 0, .1, 0), room(8, .12, .25, .03, .5), room(30, .9, 0, 1, 0)},
		LightThin:   {room(15, .5, 0, .0299, 0), room(15, .5, 0, p.MinAmplitude, 0), room(15, .5, 0, p.MinAmplitude-.0039, 0), room(15, .5, 0, 0, .0058)},
		LightWeak:   {room(15, .5, 0, p.MinAmplitude-.0041, 0), room(15, .5, 0, 0, .0055), room(15, .5, 0, -.02, 0)},
		LightBright: {room(15, .91, 0, .1, 0), room(15, .5, .26, .1, 0)},
		LightDark:   {room(15, .119, 0, .1, 0)},
		LightSlow:   {room(7.9, .5, 0, .1, 0), room(7.9, .05, .5, 0, 0)},
		LightUnknown: {{}, lightOf(func(e *LightEvidence) { e.Predicted, e.Amplitude = false, 0 }),
			lightOf(func(e *LightEvidence) { e.BackgroundCells, e.Amplitude = p.MinBackground-1, 0 }),
			lightOf(func(e *LightEvidence) { e.Brightness, e.FPS = 0, 1 })},
	} {
		for _, e := range cases {
			if got := PredictLight(p, e); got != want {
				t.Errorf("%+v: %q, want %q", e, got, want)
			}
			if got := Decide(p, Evidence{Light: &e}).Light; got != want {
				t.Errorf("decided: %q, want %q", got, want)
			}
		}
	}
}

// A forecast refuses colours for four reasons and never at the last attempt.
func TestShowColours(t *testing.T) {
	p := DefaultPolicy()
	for light, flash := range map[Light]bool{
		LightEnough: true, LightThin: true, LightUnknown: true, LightWeak: false, LightBright: false, LightDark: false, LightSlow: false,
	} {
		if light.Flash() != flash {
			t.Errorf("%s: flash %t", light, !flash)
		}
		for attempt := 1; attempt <= p.MaxAttempts; attempt++ {
			if got, want := ShowColours(p, light, attempt), flash || attempt == p.MaxAttempts; got != want {
				t.Errorf("%s, attempt %d: %t", light, attempt, got)
			}
		}
	}
}

// Declined evidence never decides more than a retry, with the hint that fits,
// whatever else it holds.
func TestDeclinedIsARetry(t *testing.T) {
	p := DefaultPolicy()
	weak := func(e *LightEvidence) { e.Amplitude, e.Error, e.FaceShare, e.Contrast = 0, 0, .4, 1 }
	small := func(e *LightEvidence) { e.Amplitude, e.Error, e.FaceShare = 0, 0, .3 }
	lit := func(e *LightEvidence) { e.Amplitude, e.Error, e.Contrast = 0, 0, 3 }
	for _, c := range []struct {
		change  func(*LightEvidence)
		attempt int
		hint    Hint
		reason  Reason
	}{
		{weak, 1, HintRaiseBrightness, ReasonWeakLight},
		{weak, 2, HintTooBright, ReasonWeakLight},
		{weak, 9, HintTooBright, ReasonWeakLight},
		{small, 1, HintCloser, ReasonWeakLight},
		{small, 2, HintRaiseBrightness, ReasonWeakLight},
		{small, 3, HintTooBright, ReasonWeakLight},
		{lit, 1, HintTurnAway, ReasonWeakLight},
		{lit, 2, HintRaiseBrightness, ReasonWeakLight},
		{func(e *LightEvidence) { small(e); lit(e) }, 1, HintCloser, ReasonWeakLight},
		{func(e *LightEvidence) { small(e); lit(e) }, 2, HintTurnAway, ReasonWeakLight},
		{func(e *LightEvidence) { lit(e); e.Brightness = .95 }, 1, HintTurnAway, ReasonWeakLight},
		{func(e *LightEvidence) { e.Brightness = .95 }, 1, HintTooBright, ReasonWeakLight},
		{func(e *LightEvidence) { e.Brightness = .05 }, 1, HintTooDark, ReasonWeakLight},
		{func(e *LightEvidence) { e.FPS = 3 }, 1, HintSlowNetwork, ReasonTooFewFrames},
		{func(*LightEvidence) {}, 1, HintHoldStill, ReasonTooFewFrames}, // declined without a cause: fail closed
	} {
		light := lightOf(c.change)
		e := genuine()
		e.Attempt, e.Light, e.Declined, e.Face = c.attempt, &light, true, FaceEvidence{}
		if d := Decide(p, e); d.Outcome != OutcomeInconclusive || d.Hint != c.hint || d.Reasons[0] != c.reason {
			t.Errorf("%+v, attempt %d: %+v", light, c.attempt, d)
		}
	}
	e := genuine()
	e.Declined = true
	if d := Decide(p, e); d.Outcome != OutcomeInconclusive {
		t.Errorf("declined without light: %+v", d)
	}
}

// The same advice whether the colours were refused or seen to be too weak.
func TestAdviceAfterTheColours(t *testing.T) {
	for _, c := range []struct {
		change func(*Evidence)
		want   Hint
	}{
		{func(*Evidence) {}, HintRaiseBrightness},
		{func(e *Evidence) { e.Attempt = 2 }, HintTooBright},
		{func(e *Evidence) { e.Light.Contrast = 3 }, HintTurnAway},
		{func(e *Evidence) { e.Light.Contrast, e.Attempt = 3, 2 }, HintRaiseBrightness},
		{func(e *Evidence) { e.Face.Quality.WidthShare = .3 }, HintCloser},
		{func(e *Evidence) { e.Face.Quality.WidthShare, e.Light.FaceShare = .4, .3 }, HintRaiseBrightness}, // the best frame's own
		{func(e *Evidence) { e.Light = nil }, HintRaiseBrightness},
		{func(e *Evidence) { e.Flash.Amplitude, e.Flash.P, e.Flash.Flicker = .02, .01, 0 }, HintRaiseBrightness},
	} {
		e := genuine()
		light := lightOf(func(*LightEvidence) {})
		e.Attempt, e.Light, e.Flash.Amplitude = 1, &light, .005
		c.change(&e)
		if d := Decide(DefaultPolicy(), e); d.Outcome != OutcomeInconclusive || d.Hint != c.want {
			t.Errorf("%+v, want %s", d, c.want)
		}
	}
}
