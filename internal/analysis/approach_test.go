package analysis

import (
	"context"
	"math"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/simcam"
)

// A person and a print come closer: who is asked to, what is measured, and that
// it was the face of the session.
func TestApproach(t *testing.T) {
	e := facetest.Open(t, "")
	ctx := context.Background()
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	ben := newScene(t, e, "sample3.jpg", 688, 465)
	colours := session{challenge: challenge(t, 1), kind: simcam.Live, from: anna}
	frames, script := colours.film(t, 1)
	a := New(Config{Engine: e})
	for _, c := range []struct {
		name  string
		who   *scene
		kind  simcam.Kind
		least float64 // L
		most  float64
		same  bool
	}{
		{"live", anna, simcam.Live, .5, math.Inf(1), true},
		{"somebody else", ben, simcam.Live, .5, math.Inf(1), false},
		{"print", anna, simcam.PrintCut, math.Inf(-1), -2, true},
	} {
		r := a.Begin()
		r.Approach(true)
		said := map[faceproof.Hint]int{}
		var last faceproof.Guidance
		for _, f := range approaching(t, c.who, c.kind, 1.5) {
			g, err := r.Preview(ctx, f.JPEG)
			if err != nil {
				t.Fatal(err)
			}
			said[g.Hint]++
			last = g
		}
		if said[faceproof.HintHoldStill] < farGlances || said[faceproof.HintCloser] == 0 || !last.OK {
			t.Errorf("%s: said %v, at last %+v", c.name, said, last)
		}
		for _, f := range frames {
			if err := r.Frame(ctx, f); err != nil {
				t.Fatal(err)
			}
		}
		ev, _, err := r.Finish(ctx, script, faceproof.Reference{State: faceproof.ReferenceAbsent})
		if err != nil {
			t.Fatal(err)
		}
		p := ev.Parallax
		if p == nil || p.L < c.least || p.L > c.most || p.Frames < 5 || math.Abs(p.Growth-1.5) > .15 || (p.Continuity > .5) != c.same {
			t.Errorf("%s: %+v", c.name, p)
		}
		if r.Reset(); r.approach.on || r.approach.done != nil {
			t.Errorf("%s: not forgotten", c.name)
		}
	}
}

// Who was not asked is measured as before, and who can't come closer is let on.
func TestApproachIsNoDuty(t *testing.T) {
	e := facetest.Open(t, "")
	ctx := context.Background()
	s := newScene(t, e, "sample3.jpg", 1599, 430)
	r := New(Config{Engine: e}).Begin()
	if g, err := r.Preview(ctx, s.jpeg); err != nil || !g.OK {
		t.Fatalf("not asked: %+v, %v", g, err)
	}
	r.Approach(true)
	for i := range patience {
		if g, err := r.Preview(ctx, s.jpeg); err != nil || g.OK || g.Hint != faceproof.HintFarther {
			t.Fatalf("preview %d: %+v, %v", i, g, err)
		}
	}
	if g, err := r.Preview(ctx, s.jpeg); err != nil || !g.OK {
		t.Fatalf("after a while: %+v, %v", g, err)
	}
	if err := r.Frame(ctx, capture.Frame{JPEG: s.jpeg}); err != nil {
		t.Fatal(err)
	}
	if ev, err := r.parallax(faceproof.Template{}); ev != nil || err != nil {
		t.Errorf("measured %+v, %v", ev, err)
	}
}

// approaching films previews of a scene in an ordinary room.
func approaching(tb testing.TB, from *scene, kind simcam.Kind, growth float64) []capture.Frame {
	tb.Helper()
	sc, err := simcam.NewScene(from.portrait, simcam.Draw(3, kind, func(p *simcam.Params) {
		p.Screen, p.Lux, p.Nits, p.Distance, p.FaceShare, p.Skin, p.Glasses = simcam.ScreenPhone, 250, 400, 30, .44, 3, false
	}))
	if err != nil {
		tb.Fatal(err)
	}
	frames, err := sc.Approach(growth, 4, 3)
	if err != nil {
		tb.Fatal(err)
	}
	return frames
}
