package analysis

import (
	"context"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
)

// What is predicted before the colours is what is measured in them, and too
// little of the screen's light is known as such (simulated).
func TestLight(t *testing.T) {
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	ref := reference(t, e, anna)
	policy := faceproof.DefaultPolicy()
	for i, c := range []struct {
		q    float64
		want faceproof.Light
	}{{.2, faceproof.LightEnough}, {.08, faceproof.LightEnough}, {0, faceproof.LightWeak}} {
		if raceDetector && i > 0 {
			break // the same code
		}
		ch := challenge(t, uint64(i))
		frames, tr := session{challenge: ch, shown: ch, q: c.q, latency: 110, fps: 14, from: anna}.film(uint64(i))
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
		ev, _, err := r.Finish(context.Background(), tr, ref)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("simulated q %.2f: predicted %+v, measured %.4f", c.q, early, ev.Flash.Amplitude)
		if got := faceproof.PredictLight(policy, early); got != c.want {
			t.Errorf("q %.2f: %s, want %s", c.q, got, c.want)
		}
		if d := early.Amplitude - ev.Flash.Amplitude; c.q > 0 && (d > .03+.3*c.q || d < -.03-.3*c.q) {
			t.Errorf("q %.2f: predicted %.4f, measured %.4f", c.q, early.Amplitude, ev.Flash.Amplitude)
		}
		if ev.Light == nil || ev.Light.Frames != early.Frames || ev.Light.FPS < 13 || ev.Light.Brightness == 0 {
			t.Errorf("at the end: %+v", ev.Light)
		}
		if got := faceproof.Decide(policy, ev).Light; got != c.want {
			t.Errorf("q %.2f: decided %s", c.q, got)
		}
	}
}

// An older client shows no lead: nothing is predicted, and nothing is refused.
func TestLightWithoutALead(t *testing.T) {
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	ch := challenge(t, 1)
	frames, tr := session{challenge: ch, shown: ch, q: .1, latency: 110, fps: 14, from: anna}.film(1)
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
