package analysis

import (
	"context"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/simcam"
)

// What is predicted before the colours is what is measured in them, and too
// little of the screen's light is known as such (simulated).
func TestLight(t *testing.T) {
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	ref := reference(t, e, anna)
	policy := faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR)
	for i, c := range []struct {
		lux, fps float64
		want     faceproof.Light
	}{{100, 15, faceproof.LightEnough}, {300, 15, faceproof.LightEnough}, {20_000, 15, faceproof.LightWeak}, {200, 30, faceproof.LightEnough}} {
		if testing.Short() && i > 0 {
			break // the same code
		}
		ch := challenge(t, uint64(i))
		frames, tr := session{challenge: ch, kind: simcam.Live, from: anna, fix: func(p *simcam.Params) { p.Lux, p.FPS = c.lux, c.fps }}.film(t, uint64(i))
		r := New(Config{Engine: e}).Begin()
		var early faceproof.LightEvidence
		for _, f := range frames {
			if f.T >= tr.Display[2].T && early.Frames == 0 {
				soFar := tr
				soFar.Display = tr.Display[:2]
				early = r.Light(soFar)
			}
			if err := r.Frame(context.Background(), f); err != nil {
				t.Fatal(err)
			}
		}
		ev, portrait, err := r.Finish(context.Background(), tr, ref)
		if err != nil {
			t.Fatal(err)
		}
		if portrait == nil || ev.Match == nil {
			t.Errorf("%.0f frames a second: no portrait, or no match", c.fps)
		}
		if early.FaceShare < .25 || early.FaceShare > .6 || early.Contrast < .2 || early.Contrast > 1.7 {
			t.Errorf("%.0f lux: face %.2f of the width, %.2f times as bright as the background", c.lux, early.FaceShare, early.Contrast)
		}
		t.Logf("simulated %.0f lux: predicted %+v, measured %.4f", c.lux, early, ev.Flash.Amplitude)
		if got := faceproof.PredictLight(policy, early); got != c.want {
			t.Errorf("%.0f lux: %s, want %s", c.lux, got, c.want)
		}
		if d := early.Amplitude - ev.Flash.Amplitude; d > .015+.3*ev.Flash.Amplitude || d < -.015-.3*ev.Flash.Amplitude {
			t.Errorf("%.0f lux: predicted %.4f, measured %.4f", c.lux, early.Amplitude, ev.Flash.Amplitude)
		}
		if ev.Light == nil || ev.Light.Frames != early.Frames || ev.Light.FPS < 13 || ev.Light.Brightness == 0 {
			t.Errorf("at the end: %+v", ev.Light)
		}
		if got := faceproof.Decide(policy, ev).Light; got != c.want {
			t.Errorf("%.0f lux: decided %s", c.lux, got)
		}
	}
}

// The face over the background in neutral light, by frames that have both.
func TestContrast(t *testing.T) {
	grey := func(v float64) [3]float64 { return [3]float64{v, v, v} }
	s := flash.Series{Times: []float64{0, 1, 2, 3, 4, 5}, Face: [][3]float64{grey(9), grey(.4), grey(.2), grey(.6), {}, grey(9)},
		Background: [][3]float64{grey(1), grey(.2), grey(.2), grey(.2), grey(1), grey(1)}}
	if c := contrast(s, 1, 5); c < 1.99 || c > 2.01 {
		t.Errorf("%.3f, want 2", c)
	}
	if c := contrast(s, 4, 5); c != 0 {
		t.Errorf("no face: %.3f", c)
	}
	s.Background = nil
	if c := contrast(s, 1, 5); c != 0 {
		t.Errorf("no background: %.3f", c)
	}
}

// An older client shows no lead: nothing is predicted, and nothing is refused.
func TestLightWithoutALead(t *testing.T) {
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	ch := challenge(t, 1)
	frames, tr := session{challenge: ch, kind: simcam.Live, from: anna}.film(t, 1)
	tr.Display = tr.Display[1:]
	r := New(Config{Engine: e}).Begin()
	for _, f := range frames {
		if f.T < tr.Display[0].T {
			continue
		}
		if f.T >= tr.Display[1].T {
			break
		}
		if err := r.Frame(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	l := r.Light(capture.Transcript{Challenge: ch, Display: tr.Display[:1]})
	if l.Predicted || l.Brightness == 0 || faceproof.PredictLight(faceproof.DefaultPolicy(), l) != faceproof.LightUnknown {
		t.Errorf("%+v", l)
	}
}
