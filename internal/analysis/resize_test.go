package analysis

import (
	"bytes"
	"context"
	"image/jpeg"
	"math"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/simcam"
)

// Large pictures before the colours, small ones in them: the face stays where it is and its cells keep
// their light over the change of size, the match and the portrait come from the
// large ones, and the verdict is the same (simulated).
func TestMixedSizes(t *testing.T) {
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	frames, tr := session{challenge: challenge(t, 1), kind: simcam.Live, from: anna, fix: func(p *simcam.Params) {
		p.FPS, p.Quality, p.Shrink, p.Motion, p.Lux = 12, 77, 156./360, .3, 200
	}}.film(t, 5)
	r := New(Config{Engine: e}).Begin()
	var widths []int
	for _, f := range frames {
		c, err := jpeg.DecodeConfig(bytes.NewReader(f.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		widths = append(widths, c.Width)
		if err := r.Frame(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	portraits := 0
	for i := 1; i+1 < len(frames); i++ {
		if widths[i] == 156 {
			continue
		}
		portraits++
		a, b, c := r.frames[i-1], r.frames[i], r.frames[i+1]
		if a.cells == nil || b.cells == nil || c.cells == nil {
			t.Fatalf("frame %d: lost", i)
		}
		grown := math.Abs(2*math.Log(b.place.Width)-math.Log(a.place.Width)-math.Log(c.place.Width)) / 2
		moved := math.Hypot(b.place.X-(a.place.X+c.place.X)/2, b.place.Y-(a.place.Y+c.place.Y)/2) / b.place.Width
		skin := face.Usable(&r.tracker.Layout().Skin, r.cells())
		before, now, after := a.cells.Average(skin), b.cells.Average(skin), c.cells.Average(skin)
		light := math.Abs(math.Log(now[1] / math.Sqrt(before[1]*after[1])))
		t.Logf("frame %d: width %.4f, place %.4f, light %.4f", i, grown, moved, light)
		if grown > .01 || moved > .02 || light > .02 { // a scale off by 2 % would show
			t.Errorf("frame %d: width jumps by %.4f, place by %.4f, light by %.4f", i, grown, moved, light)
		}
	}
	if portraits < 15 || portraits > 25 { // all of 1.7 s
		t.Errorf("%d portraits", portraits)
	}
	ev, portrait, err := r.Finish(context.Background(), tr, reference(t, e, anna))
	if err != nil {
		t.Fatal(err)
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(portrait))
	if err != nil || c.Width != sceneWidth {
		t.Errorf("the portrait is %d wide, %v", c.Width, err)
	}
	if d := faceproof.Decide(faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR), ev); !d.Pass() || ev.Match.ProbeFrames < 3 {
		t.Errorf("%s %v, %d frames matched of %d portraits", d.Outcome, d.Reasons, ev.Match.ProbeFrames, portraits)
	}
	t.Logf("simulated: %d bytes, l %.1f, similarity %.2f, continuity %.2f", tr.Bytes, ev.Flash.L, ev.Match.Similarity, ev.Face.Continuity)
}
