package analysis

import (
	"testing"

	"faceproof"
	"faceproof/internal/face/facetest"
	"faceproof/internal/simcam"
)

// Passive PAD looks at a few frames of the opening, while they come, and at none
// of the colours; the same attempt without its networks has no evidence of it.
// What it makes of a simulated picture means nothing, and nothing is asked of that.
func TestPassive(t *testing.T) {
	e := facetest.OpenPAD(t)
	s := newScene(t, e, "sample3.jpg", 1599, 430)
	frames, tr := session{challenge: challenge(t, 1), kind: simcam.Live, from: s}.film(t, 1)
	r := New(Config{Engine: e}).Begin()
	ev, _ := analyse(t, r, frames, tr, reference(t, e, s))
	first := 0.
	for _, d := range tr.Display {
		if d.Event == "segment" && first == 0 {
			first = d.T
		}
	}
	if n := len(r.pads); n < padLeast || n > faceproof.PADFrames || r.pads[n-1].t >= first {
		t.Errorf("%d looks before %g ms: %+v", n, first, r.pads)
	}
	p := ev.PAD
	if p == nil || p.Frames+p.Near != len(r.pads) || p.Reach < 1 || p.Low > p.Score || p.Score > p.High || p.Unsure != (p.Frames < padLeast) {
		t.Fatalf("%+v of %+v", p, r.pads)
	}
	t.Logf("%+v", *p)
	if r.pad(r.pads[0].t) != nil {
		t.Error("frames from the colours on count")
	}
	r.Reset()
	if r.pads != nil {
		t.Error("an attempt remembers the one before")
	}

	plain := facetest.Open(t, "offline")
	r = New(Config{Engine: plain}).Begin()
	if ev, _ := analyse(t, r, frames[:8], tr, faceproof.Reference{}); ev.PAD != nil {
		t.Errorf("evidence without networks: %+v", ev.PAD)
	}
}
