package analysis

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/imaging"
	"faceproof/internal/provenance"
	"faceproof/internal/simcam"
)

// source measures where the frames of a recording came from, without nets.
func source(tb testing.TB, frames []capture.Frame) faceproof.ProvenanceEvidence {
	tb.Helper()
	var m provenance.Meter
	for _, f := range frames {
		info, err := imaging.CheckJPEG(f.JPEG, imaging.FrameLimits)
		if err != nil {
			tb.Fatal(err)
		}
		pic, err := imaging.Decode(f.JPEG, imaging.FrameLimits)
		if err != nil {
			tb.Fatal(err)
		}
		m.Frame(pic, info, f.JPEG, f.T)
	}
	e := m.Evidence()
	e.Weigh()
	return e
}

// sharedBands counts the bands of 16 bits that two captures have in common; the
// index keeps one in four.
func sharedBands(a, b faceproof.ProvenanceEvidence) (n int) {
	have := map[[2]uint64]bool{}
	for _, h := range a.Traces.Motions {
		for k := range uint64(4) {
			have[[2]uint64{k, h >> (16 * k) & 0xffff}] = true
		}
	}
	for _, h := range b.Traces.Motions {
		for k := range uint64(4) {
			if key := [2]uint64{k, h >> (16 * k) & 0xffff}; have[key] {
				delete(have, key)
				n++
			}
		}
	}
	return n
}

// recoded is a copy of a recording: cut by 2 %, scaled to 0.9, quality 70.
func recoded(tb testing.TB, frames []capture.Frame) []capture.Frame {
	tb.Helper()
	out := slices.Clone(frames)
	for i, f := range out {
		m, err := imaging.Decode(f.JPEG, imaging.FrameLimits)
		if err != nil {
			tb.Fatal(err)
		}
		w, h := float64(m.W), float64(m.H)
		m = m.WarpImage(imaging.Scaling(.01*w, .01*h, .98*w, .98*h, m.W*9/10, m.H*9/10), m.W*9/10, m.H*9/10)
		rgba := image.NewRGBA(image.Rect(0, 0, m.W, m.H))
		for p := range m.W * m.H {
			copy(rgba.Pix[4*p:], m.Pix[3*p:3*p+3])
			rgba.Pix[4*p+3] = 255
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, rgba, &jpeg.Options{Quality: 70}); err != nil {
			tb.Fatal(err)
		}
		out[i].JPEG = b.Bytes()
	}
	return out
}

func simPortrait(tb testing.TB) simcam.Portrait {
	tb.Helper()
	e := facetest.Open(tb, "")
	m := facetest.Decode(tb, facetest.Demo(tb, "sample2.jpg"))
	ctx := context.Background()
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		tb.Fatal("no face: ", err)
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		tb.Fatal(err)
	}
	return simcam.Portrait{Name: "demo", Image: m, Mesh: l.Points}
}

func simulate(tb testing.TB, po simcam.Portrait, p simcam.Params, seed uint64) capture.Recording {
	tb.Helper()
	s, err := simcam.NewScene(po, p)
	if err != nil {
		tb.Fatal(err)
	}
	ch, err := flash.New(rand.Reader, faceproof.PlanUsual)
	if err != nil {
		tb.Fatal(err)
	}
	rec, err := s.Record(ch, seed)
	if err != nil {
		tb.Fatal(err)
	}
	return rec
}

// The evidence of an attempt says where its frames came from, a simulated live
// session gives no signal, and the next attempt begins anew.
func TestSource(t *testing.T) {
	e := facetest.Open(t, "")
	r := New(Config{Engine: e}).Begin()
	rec := simulate(t, simPortrait(t), simcam.Draw(3, simcam.Live, nil), 1)
	tr := rec.Transcript()
	tr.DriftMS = 321
	for attempt := range 2 {
		ev, _ := analyse(t, r, rec.Frames, tr, faceproof.Reference{State: faceproof.ReferenceAbsent})
		p := ev.Provenance
		if p == nil || p.Frames != len(rec.Frames) || p.DriftMS != 321 || p.Score >= 1 || ev.Assurance != faceproof.AssuranceWebUnattested || len(p.Traces.Motions) < 10 {
			t.Fatalf("attempt %d: %s %+v", attempt, ev.Assurance, p)
		}
		r.Reset()
	}
}

// TestMeasureSource gives the numbers of docs/evaluation.md: how often a signal
// speaks, by kind, and how many bands two captures share. Simulated.
// FACEPROOF_MEASURE=1; about 100 sessions.
func TestMeasureSource(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE is not set")
	}
	po := simPortrait(t)
	for _, k := range []struct {
		kind simcam.Kind
		n    int
	}{{simcam.Live, 30}, {simcam.Static, 8}, {simcam.Replay, 8}, {simcam.OtherScreen, 8}, {simcam.Print, 8}, {simcam.Splice, 8}} {
		spoke, odd := map[faceproof.Signal]int{}, 0
		var noise, still, grid, combed []float64
		for seed := range uint64(k.n) {
			e := source(t, simulate(t, po, simcam.Draw(seed+1, k.kind, nil), seed).Frames)
			for _, s := range e.Signals {
				spoke[s]++
			}
			if e.Score >= 1 {
				odd++
			}
			noise, still, grid, combed = append(noise, e.Noise), append(still, e.Still), append(grid, e.Grid), append(combed, e.Combed)
		}
		span := func(v []float64) string {
			slices.Sort(v)
			return fmt.Sprintf("%.2f %.2f %.2f", v[0], v[len(v)/2], v[len(v)-1])
		}
		t.Logf("%s: %d sessions, suspicious %d, signals %v; noise %s, still %s, grid %s, combed %s",
			k.kind, k.n, odd, spoke, span(noise), span(still), span(grid), span(combed))
	}
	// One person in one place: the same room, screen and camera every time.
	place := simcam.Draw(3, simcam.Live, func(p *simcam.Params) { p.FPS = 15 })
	var all []faceproof.ProvenanceEvidence
	worst, copies := 0, []int{}
	for seed := range uint64(24) {
		frames := simulate(t, po, place, 100+seed).Frames
		e := source(t, frames)
		for _, o := range all {
			worst = max(worst, sharedBands(o, e))
		}
		all = append(all, e)
		if seed < 8 {
			copies = append(copies, sharedBands(e, source(t, recoded(t, frames))))
		}
	}
	slices.Sort(copies)
	t.Logf("one person in one place: at most %d bands in %d pairs; a recoded copy %v", worst, len(all)*(len(all)-1)/2, copies)
}
