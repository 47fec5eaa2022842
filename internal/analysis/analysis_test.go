package analysis

import (
	"context"
	"errors"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/simcam"
)

// analyse runs a session through a Run.
func analyse(tb testing.TB, r *Run, frames []capture.Frame, t capture.Transcript, ref faceproof.Reference) (faceproof.Evidence, []byte) {
	tb.Helper()
	ctx := context.Background()
	for _, f := range frames {
		if err := r.Frame(ctx, f); err != nil {
			tb.Fatalf("frame %d: %v", f.Seq, err)
		}
	}
	ev, portrait, err := r.Finish(ctx, t, ref)
	if err != nil {
		tb.Fatal(err)
	}
	return ev, portrait
}

func reference(tb testing.TB, e *face.Engine, s *scene) faceproof.Reference {
	tb.Helper()
	en, err := e.Enrol(context.Background(), [][]byte{s.jpeg})
	if err != nil {
		tb.Fatal(err)
	}
	return faceproof.Reference{State: faceproof.ReferenceFound, PersonID: "p", Template: en.Template}
}

// A person lit by the challenge passes; what answers another challenge or none,
// what is flat, what glows, a tint, pieces of video and another person do not
// (simulated).
func TestSessions(t *testing.T) {
	e := facetest.Open(t, "")
	anna, ben := newScene(t, e, "sample3.jpg", 1599, 430), newScene(t, e, "sample3.jpg", 688, 465)
	ref := reference(t, e, anna)
	r := New(Config{Engine: e}).Begin()
	base := session{challenge: challenge(t, 1), kind: simcam.Live, from: anna}
	with := func(f func(*session)) session {
		s := base
		f(&s)
		return s
	}
	kind := func(k simcam.Kind) session { return with(func(s *session) { s.kind = k }) }
	for i, c := range []struct {
		name string
		s    session
		want faceproof.Outcome
		why  faceproof.Reason
	}{
		{"live", base, faceproof.OutcomePass, faceproof.ReasonPass},
		{"live, laptop", with(func(s *session) {
			s.fix = func(p *simcam.Params) { p.Screen, p.Nits, p.Distance = simcam.ScreenLaptop, 300, 50 }
		}), faceproof.OutcomePass, faceproof.ReasonPass},
		{"another challenge", kind(simcam.Replay), faceproof.OutcomeReject, faceproof.ReasonNotFresh},
		{"static", kind(simcam.Static), "", ""},
		{"tint", with(func(s *session) { s.kind, s.fix = simcam.FlatFrame, func(p *simcam.Params) { p.Tint = .1 } }), faceproof.OutcomeReject, faceproof.ReasonBackground},
		{"another person", with(func(s *session) { s.from = ben }), faceproof.OutcomeReject, faceproof.ReasonFaceMismatch},
		{"cut-out", kind(simcam.PrintCut), faceproof.OutcomeReject, faceproof.ReasonFlat},
		{"cut-out, bent", kind(simcam.PrintCutB), faceproof.OutcomeReject, faceproof.ReasonFlat},
		{"tint of the face", with(func(s *session) { s.kind, s.fix = simcam.FlatFace, func(p *simcam.Params) { p.Tint = .1 } }), faceproof.OutcomeReject, faceproof.ReasonFlat},
		{"another screen", with(func(s *session) {
			s.kind, s.fix = simcam.PlainScreen, func(p *simcam.Params) { p.Emission, p.Haze = 25, .03 }
		}), faceproof.OutcomeReject, ""},
		{"splice", kind(simcam.Splice), "", ""},
		{"a shape that the software knows", kind(simcam.Relit3D), faceproof.OutcomePass, faceproof.ReasonPass}, // the limit of the method
		{"sun", with(func(s *session) { s.fix = func(p *simcam.Params) { p.Lux, p.Nits = 1500, 150 } }), faceproof.OutcomeInconclusive, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && i > 0 {
				t.Skip("-short: the same code runs in the first case")
			}
			r.Reset()
			frames, tr := c.s.film(t, uint64(i))
			ev, portrait := analyse(t, r, frames, tr, ref)
			d := faceproof.Decide(faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR), ev)
			t.Logf("simulated: %v %v %+v\nflash %+v\nmatch %+v\nface %+v\ncapture %+v", d.Outcome, d.Reasons, d.Hint, *ev.Flash, ev.Match, ev.Face, ev.Capture)
			if c.want != "" && (d.Outcome != c.want || c.why != "" && d.Reasons[0] != c.why) {
				t.Errorf("%s %v, want %s %s", d.Outcome, d.Reasons, c.want, c.why)
			}
			if c.want != faceproof.OutcomePass && d.Pass() {
				t.Error("accepted")
			}
			if ev.Face.Continuity < faceproof.DefaultPolicy().MinContinuity {
				t.Errorf("continuity %.2f", ev.Face.Continuity)
			}
			if len(portrait) == 0 {
				t.Error("no portrait")
			}
		})
	}
}

func TestPreview(t *testing.T) {
	e := facetest.Open(t, "")
	s := newScene(t, e, "sample3.jpg", 1599, 430)
	r := New(Config{Engine: e}).Begin()
	ctx := context.Background()
	good, err := imaging.Decode(s.jpeg, imaging.FrameLimits)
	if err != nil {
		t.Fatal(err)
	}
	dark := imaging.New(good.W, good.H)
	for i, v := range good.Pix {
		dark.Pix[i] = v / 8
	}
	small := good.WarpImage(imaging.Scaling(-sceneWidth, -sceneHeight, 3*sceneWidth, 3*sceneHeight, sceneWidth, sceneHeight), sceneWidth, sceneHeight)
	near := good.WarpImage(imaging.Scaling(s.face.Box.X+20, s.face.Box.Y-10, s.face.Box.W-40, (s.face.Box.W-40)*4/3, sceneWidth, sceneHeight), sceneWidth, sceneHeight)
	aside := good.WarpImage(imaging.Scaling(110, 0, sceneWidth, sceneHeight, sceneWidth, sceneHeight), sceneWidth, sceneHeight)
	for _, c := range []struct {
		name string
		m    *imaging.Image
		want []faceproof.Hint
	}{
		{"good", good, []faceproof.Hint{faceproof.HintNone}},
		{"nobody", imaging.New(sceneWidth, sceneHeight), []faceproof.Hint{faceproof.HintFaceScreen}},
		{"far", small, []faceproof.Hint{faceproof.HintCloser, faceproof.HintFaceScreen}},
		{"near", near, []faceproof.Hint{faceproof.HintFarther, faceproof.HintFaceScreen}},
		{"aside", aside, []faceproof.Hint{faceproof.HintCenter}},
		{"dark", dark, []faceproof.Hint{faceproof.HintTooDark}},
		{"two", double(good), []faceproof.Hint{faceproof.HintOnePerson}},
	} {
		g, err := r.Preview(ctx, encode(c.m))
		ok := false
		for _, h := range c.want {
			ok = ok || g.Hint == h
		}
		if err != nil || !ok || g.OK != (g.Hint == "") {
			t.Errorf("%s: %+v, %v; want one of %q", c.name, g, err, c.want)
		}
	}
	g, err := r.Preview(ctx, s.jpeg)
	if err != nil || g.Box[2] < .3 || g.Box[2] > .6 || g.Box[0]+g.Box[2]/2 < .4 || g.Box[0]+g.Box[2]/2 > .6 {
		t.Errorf("box %v, %v", g.Box, err)
	}
}

// double puts two of a picture side by side.
func double(m *imaging.Image) *imaging.Image {
	out := imaging.New(2*m.W, m.H)
	for y := range m.H {
		row := m.Pix[3*y*m.W : 3*(y+1)*m.W]
		copy(out.Pix[6*y*m.W:], row)
		copy(out.Pix[6*y*m.W+3*m.W:], row)
	}
	return out
}

func TestBadFrames(t *testing.T) {
	e := facetest.Open(t, "")
	r := New(Config{Engine: e}).Begin()
	ctx := context.Background()
	for name, data := range map[string][]byte{
		"empty": nil, "no JPEG": []byte("GIF89a"), "cut": encode(imaging.New(64, 64))[:200], "PNG": []byte("\x89PNG\r\n\x1a\n"),
	} {
		var fe *faceproof.Error
		if err := r.Frame(ctx, capture.Frame{JPEG: data}); !errors.As(err, &fe) || fe.Code != faceproof.CodeInvalid || fe.Field != "frame" {
			t.Errorf("Frame, %s: %v", name, err)
		}
		if _, err := r.Preview(ctx, data); !errors.As(err, &fe) || fe.Code != faceproof.CodeInvalid || fe.Field != "frame" {
			t.Errorf("Preview, %s: %v", name, err)
		}
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := r.Frame(done, capture.Frame{JPEG: encode(imaging.New(64, 64))}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
}

// A dark room: the screen outshines it, and still the face is the same face.
func TestStrongLight(t *testing.T) {
	for _, pack := range facetest.Packs {
		t.Run(pack, func(t *testing.T) {
			if testing.Short() {
				t.Skip("-short: TestSessions runs the same code")
			}
			e := facetest.Open(t, pack)
			for i, s := range []*scene{newScene(t, e, "sample3.jpg", 1599, 430), newScene(t, e, "sample3.jpg", 688, 465)} {
				ch := challenge(t, uint64(i))
				frames, tr := session{challenge: ch, kind: simcam.Live, from: s, fix: func(p *simcam.Params) { p.Lux, p.FPS = 50, 10 }}.film(t, uint64(i))
				ev, _ := analyse(t, New(Config{Engine: e}).Begin(), frames, tr, reference(t, e, s))
				t.Logf("simulated: flash %+v\nmatch %+v\nface %+v", *ev.Flash, ev.Match, ev.Face)
				if d := faceproof.Decide(faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR), ev); !d.Pass() {
					t.Errorf("%+v", d)
				}
				if ev.Face.Continuity < e.Pack().Continuity {
					t.Errorf("continuity %.2f, the pack asks for %.2f", ev.Face.Continuity, e.Pack().Continuity)
				}
			}
		})
	}
}

// BenchmarkSession is one capture from the first frame to the evidence: as the
// server asks for it, and with 88 frames of 360 × 480 pixels, as it was before
// portraits. finish/op is what is left after the last frame.
func BenchmarkSession(b *testing.B) {
	e := facetest.Open(b, "")
	s := newScene(b, e, "sample3.jpg", 1599, 430)
	ask := capture.DefaultLimits().CaptureAsk
	b.Run("asked", func(b *testing.B) {
		benchmarkSession(b, e, s, func(p *simcam.Params) {
			p.FPS, p.Quality, p.Shrink = float64(ask.FPS), ask.Quality, float64(ask.Width)/sceneWidth
		})
	})
	b.Run("large", func(b *testing.B) { benchmarkSession(b, e, s, func(p *simcam.Params) { p.Shrink = 1 }) })
}

func benchmarkSession(b *testing.B, e *face.Engine, s *scene, fix func(*simcam.Params)) {
	frames, tr := session{challenge: challenge(b, 1), kind: simcam.Live, from: s, fix: fix}.film(b, 1)
	ref := reference(b, e, s)
	r := New(Config{Engine: e}).Begin()
	ctx := context.Background()
	var finish time.Duration
	b.ReportAllocs()
	for b.Loop() {
		r.Reset()
		for _, f := range frames {
			if err := r.Frame(ctx, f); err != nil {
				b.Fatal(err)
			}
		}
		start := time.Now()
		if _, _, err := r.Finish(ctx, tr, ref); err != nil {
			b.Fatal(err)
		}
		finish += time.Since(start)
	}
	b.ReportMetric(float64(len(frames)), "frames/op")
	b.ReportMetric(float64(finish.Milliseconds())/float64(b.N), "finish-ms/op")
	b.ReportMetric(float64(tr.Bytes)/1e6, "MB/op-upload")
}

// Without frames, or without a face, nothing can be decided, and nothing
// panics.
func TestNothingToSee(t *testing.T) {
	e := facetest.Open(t, "")
	r := New(Config{Engine: e}).Begin()
	ref := faceproof.Reference{State: faceproof.ReferenceAbsent}
	ev, portrait, err := r.Finish(context.Background(), capture.Transcript{Challenge: challenge(t, 1)}, ref)
	if err != nil || portrait != nil || ev.Flash.Measurable || ev.Match != nil {
		t.Errorf("no frames: %+v, %v", ev, err)
	}
	// Frames of an empty room.
	tr := capture.Transcript{Challenge: challenge(t, 1)}
	empty, frames := encode(imaging.New(sceneWidth, sceneHeight)), []capture.Frame(nil)
	for i := range 60 {
		frames = append(frames, capture.Frame{Seq: uint32(i), T: 80 * float64(i), JPEG: empty})
	}
	ev, _ = analyse(t, r, frames, tr, ref)
	d := faceproof.Decide(faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR), ev)
	if d.Outcome != faceproof.OutcomeInconclusive || d.Reasons[0] != faceproof.ReasonNoFace {
		t.Errorf("no face: %+v %+v", d, ev)
	}
}
