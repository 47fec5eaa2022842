package faceproof

import "testing"

func TestMeasureLight(t *testing.T) {
	p := DefaultPolicy()
	room := func(fps, brightness, clipped, amplitude float64) Evidence {
		return Evidence{Capture: CaptureEvidence{FPS: fps}, Face: FaceEvidence{WithFace: 1, Quality: Quality{Brightness: brightness, Clipped: clipped}},
			Flash: &FlashEvidence{Measurable: true, Amplitude: amplitude}}
	}
	none := room(15, .5, 0, .1)
	none.Flash = nil
	for want, cases := range map[Light][]Evidence{
		LightEnough: {room(15, .5, 0, .1), room(8, .12, .25, .03), room(30, .9, 0, 1)},
		LightThin:   {room(15, .5, 0, .0299), room(15, .5, 0, p.MinAmplitude)},
		LightWeak:   {room(15, .5, 0, p.MinAmplitude-.001), room(15, .5, 0, 0)},
		LightBright: {room(15, .91, 0, .1), room(15, .5, .26, .1)},
		LightDark:   {room(15, .119, 0, .1)},
		LightSlow:   {room(7.9, .5, 0, .1)},
		"":          {{}, none},
	} {
		for _, e := range cases {
			if got := MeasureLight(p, e); got != want {
				t.Errorf("%+v: %q, want %q", e, got, want)
			}
			if got := Decide(p, e).Light; got != want {
				t.Errorf("decided: %q, want %q", got, want)
			}
		}
	}
}
