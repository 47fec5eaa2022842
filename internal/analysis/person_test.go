package analysis

import (
	"bytes"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
	"faceproof/internal/simcam"
)

// spoil changes the frames of a recording from one time to another (ms); other
// says which frame comes instead.
func spoil(frames []capture.Frame, from, to float64, other func(i int) []byte) []capture.Frame {
	out := slices.Clone(frames)
	for i, f := range out {
		if f.T >= from && f.T < to {
			out[i].JPEG = other(i)
		}
	}
	return out
}

// redraw decodes a frame and encodes it again, changed.
func redraw(tb testing.TB, f capture.Frame, change func(*imaging.Image) *imaging.Image) []byte {
	tb.Helper()
	m, err := imaging.Decode(f.JPEG, imaging.FrameLimits)
	if err != nil {
		tb.Fatal(err)
	}
	return encode(change(m))
}

func blur(k int) func(*imaging.Image) *imaging.Image {
	return func(m *imaging.Image) *imaging.Image { return m.Resize(m.W/k, m.H/k).Resize(m.W, m.H) }
}

func darken(m *imaging.Image) *imaging.Image {
	out := imaging.New(m.W, m.H)
	for i, v := range m.Pix {
		out.Pix[i] = v / 12
	}
	return out
}

// join puts a piece of another picture into a corner, as somebody who looks over
// the shoulder.
func join(piece *imaging.Image) func(*imaging.Image) *imaging.Image {
	return func(m *imaging.Image) *imaging.Image {
		p := piece.Resize(3*m.W/10, 3*m.W*piece.H/(10*piece.W))
		for y := range min(p.H, m.H) {
			copy(m.Pix[3*y*m.W:3*y*m.W+3*p.W], p.Pix[3*y*p.W:3*(y+1)*p.W])
		}
		return m
	}
}

// marks are when the neutral light and the colours begin, ms.
func marks(t capture.Transcript) (neutral, first float64) {
	for _, d := range t.Display {
		if d.Event == capture.DisplaySegment {
			return neutralFrom(t), d.T
		}
	}
	return neutralFrom(t), 0
}

// Only faces that are good enough are compared: a capture whose frames before the
// colours are blurred or dark is one to try again, with the advice that helps, and
// accuses nobody (simulated). One good frame is enough.
func TestPoorCapture(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestSessions runs the same code")
	}
	e := facetest.Open(t, "")
	anna := newScene(t, e, "sample3.jpg", 1599, 430)
	frames, tr := session{challenge: challenge(t, 1), kind: simcam.Live, from: anna}.film(t, 3)
	neutral, first := marks(tr)
	ref := reference(t, e, anna)
	r := New(Config{Engine: e}).Begin()
	all := func(change func(*imaging.Image) *imaging.Image) []capture.Frame {
		return spoil(frames, 0, first, func(i int) []byte { return redraw(t, frames[i], change) })
	}
	opening := func(f []capture.Frame) []capture.Frame { // what follows plays no part
		return f[:slices.IndexFunc(f, func(f capture.Frame) bool { return f.T >= first })]
	}
	kept := all(blur(16))
	for i, f := range frames { // the last two looks of the neutral light, at most
		if f.T > (neutral+first)/2 && f.T < first {
			kept[i] = f
		}
	}
	for _, c := range []struct {
		name   string
		frames []capture.Frame
		poor   bool
		hints  []faceproof.Hint
	}{
		{"blurred", opening(all(blur(16))), true, []faceproof.Hint{faceproof.HintHoldStill}},
		{"dark", opening(all(darken)), true, []faceproof.Hint{faceproof.HintTooDark, faceproof.HintEvenLight}},
		{"blurred at first", kept, false, nil},
	} {
		r.Reset()
		ev, _ := analyse(t, r, c.frames, tr, ref)
		d := faceproof.Decide(faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR), ev)
		t.Logf("simulated, %s: %v %v %q, quality %+v %+v", c.name, d.Outcome, d.Reasons, d.Hint, ev.Face.Quality, ev.Face.Quality.Components)
		if ev.Face.Poor != c.poor || (ev.Match == nil) != c.poor {
			t.Errorf("%s: poor %v, match %v", c.name, ev.Face.Poor, ev.Match)
		}
		if c.poor && (d.Outcome != faceproof.OutcomeInconclusive || d.Reasons[0] != faceproof.ReasonQuality || !slices.Contains(c.hints, d.Hint)) {
			t.Errorf("%s: %+v", c.name, d)
		}
		if !c.poor && !face.Comparable(ev.Face.Quality) {
			t.Errorf("%s: the best frame is not good enough: %+v", c.name, ev.Face.Quality)
		}
	}
}

// Which frames make the probe: the last good ones of the largest pictures in
// neutral light, and never a turned one.
func TestProbeTakesGoodFrames(t *testing.T) {
	a := New(Config{Engine: facetest.Open(t, "offline")})
	good := faceproof.Quality{EyeDistance: 70, Sharpness: .5, EyesOpen: 1, Components: &faceproof.Components{Unified: 80}}
	turned, hazy := good, good
	turned.Yaw, turned.Hint = 45, faceproof.HintFaceScreen
	hazy.Components = &faceproof.Components{Unified: 1}
	at := func(ms float64, width int, q faceproof.Quality) shot {
		return shot{t: ms, width: width, vector: []float32{float32(ms)}, quality: q, jpeg: []byte{byte(ms)}}
	}
	r := a.Begin()
	r.largest = 360
	for _, c := range []struct {
		name  string
		shots []shot
		want  []float64 // of the probe, the last first
		best  byte
		poor  bool
	}{
		{"nobody", nil, nil, 0, false},
		{"all good", []shot{at(1, 360, good), at(2, 360, good)}, []float64{2, 1}, 2, false},
		{"small and late ones", []shot{at(1, 192, good), at(2, 360, good), at(50, 360, good)}, []float64{2}, 2, false},
		{"one turned", []shot{at(1, 360, good), at(2, 360, turned), at(3, 360, hazy)}, []float64{1}, 1, false},
		{"all poor", []shot{at(1, 360, turned), at(2, 360, hazy)}, nil, 2, true},
		{"not assessed", []shot{at(1, 360, faceproof.Quality{EyeDistance: 70})}, nil, 1, true},
	} {
		r.shots = c.shots
		p := r.probe(0, 40)
		var got []float64
		for _, v := range p.vectors {
			got = append(got, float64(v[0]))
		}
		if !slices.Equal(got, c.want) || p.poor != c.poor || (p.best == nil) != (c.best == 0) || p.best != nil && !bytes.Equal(p.best.jpeg, []byte{c.best}) {
			t.Errorf("%s: %v, poor %v, best %+v", c.name, got, p.poor, p.best)
		}
	}
}

// The same person through the whole capture: another one in the middle is told,
// however short, also where a mean of both would resemble both; and a second face
// and an empty chair are no verification (simulated).
func TestContinuity(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestSessions runs the same code")
	}
	e := facetest.Open(t, "")
	anna, ben := newScene(t, e, "sample3.jpg", 1599, 430), newScene(t, e, "sample3.jpg", 688, 465)
	ch := challenge(t, 1)
	frames, tr := session{challenge: ch, kind: simcam.Live, from: anna}.film(t, 9)
	others, _ := session{challenge: ch, kind: simcam.Live, from: ben}.film(t, 9)
	if len(others) < len(frames) {
		frames = frames[:len(others)]
	}
	neutral, first := marks(tr)
	end := frames[len(frames)-1].T + 1
	swap := func(from, to float64) []capture.Frame {
		return spoil(frames, from, to, func(i int) []byte { return others[i].JPEG })
	}
	guest, err := imaging.Decode(ben.jpeg, imaging.FrameLimits)
	if err != nil {
		t.Fatal(err)
	}
	b := ben.face.Box
	guest = guest.Crop(int(b.X-.3*b.W), int(b.Y-.3*b.H), int(b.X+1.3*b.W), int(b.Y+1.3*b.H))
	empty := encode(imaging.New(sceneWidth, sceneHeight))
	policy := faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR)
	policy.MinContinuity = e.Pack().Continuity
	ref := reference(t, e, anna)
	r := New(Config{Engine: e}).Begin()
	for _, c := range []struct {
		name   string
		frames []capture.Frame
		why    []faceproof.Reason // empty: a pass
		other  bool               // continuity must say so
	}{
		{"genuine", frames, nil, false},
		{"another one for the colours", swap(first, end), nil, true},
		{"another one for one second of the colours", swap(first+1500, first+2500), nil, true},
		{"another one for half of the neutral light", swap((neutral+first)/2, first), nil, true},
		{"a second face for two seconds", spoil(frames, first+1000, first+3000, func(i int) []byte { return redraw(t, frames[i], join(guest)) }),
			[]faceproof.Reason{faceproof.ReasonManyFaces}, false},
		{"nobody for a second", spoil(frames, first+1000, first+2000, func(int) []byte { return empty }), []faceproof.Reason{faceproof.ReasonNoFace}, false},
	} {
		r.Reset()
		ev, _ := analyse(t, r, c.frames, tr, ref)
		d := faceproof.Decide(policy, ev)
		t.Logf("simulated, %s: %v %v, face %+v", c.name, d.Outcome, d.Reasons, ev.Face)
		if changed := ev.Face.Continuity < policy.MinContinuity; changed != c.other {
			t.Errorf("%s: continuity %.2f", c.name, ev.Face.Continuity)
		}
		if d.Pass() != (c.why == nil && !c.other) || c.why != nil && !slices.Contains(c.why, d.Reasons[0]) {
			t.Errorf("%s: %v %v", c.name, d.Outcome, d.Reasons)
		}
	}
}
