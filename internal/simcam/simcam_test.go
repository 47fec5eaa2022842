package simcam

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/jpeg"
	"math"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/imaging"
	"faceproof/internal/radiance"
)

// small makes a session quick.
func small(p *Params) { p.Screen, p.FPS, p.Width, p.Height, p.Shrink = ScreenPhone, 10, 180, 240, 1 }

// calm pins what would disturb a measurement.
func calm(p *Params) {
	small(p)
	p.Quality = 95
	p.Lux, p.Nits, p.Distance, p.Skin = 300, 350, 30, 3
	p.TV, p.Beat, p.Motion, p.Dropped, p.JitterMS, p.StampMS = 0, 0, 0, 0, 0, 0
	p.Glasses, p.AWB, p.AETau, p.Crosstalk, p.Denoise, p.Curve = false, 0, 1e6, 0, 0, 0
}

func scene(tb testing.TB, p Params) *Scene {
	tb.Helper()
	s, err := NewScene(drawn(), p)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func record(tb testing.TB, s *Scene, seed uint64) capture.Recording {
	tb.Helper()
	rec, err := s.Record(challenge(tb, 1), seed)
	if err != nil {
		tb.Fatal(err)
	}
	return rec
}

// spot is the mean linear colour around a point of a frame, in shares of its
// size.
func spot(tb testing.TB, f capture.Frame, x, y float64) (c [3]float64) {
	tb.Helper()
	m, err := jpeg.Decode(bytes.NewReader(f.JPEG))
	if err != nil {
		tb.Fatal(err)
	}
	b := m.Bounds()
	px, py := int(x*float64(b.Dx())), int(y*float64(b.Dy()))
	const r = 6
	for i := range (2*r + 1) * (2*r + 1) {
		v := m.(*image.YCbCr).YCbCrAt(px+i%(2*r+1)-r, py+i/(2*r+1)-r)
		red, green, blue, _ := v.RGBA()
		for k, u := range [3]uint32{red, green, blue} {
			c[k] += float64(imaging.Linear(uint8(u>>8))) / ((2*r + 1) * (2*r + 1))
		}
	}
	return c
}

// swing is how far ln(channel/green) at a spot moves over the colours: the
// largest less the smallest of two channels.
func swing(tb testing.TB, rec capture.Recording, x, y float64) float64 {
	tb.Helper()
	var lo, hi [2]float64
	for i, f := range rec.Frames {
		c := spot(tb, f, x, y)
		for k, v := range [2]float64{math.Log(c[0] / c[1]), math.Log(c[2] / c[1])} {
			if i == 0 {
				lo[k], hi[k] = v, v
			}
			lo[k], hi[k] = min(lo[k], v), max(hi[k], v)
		}
	}
	return max(hi[0]-lo[0], hi[1]-lo[1])
}

// The same session gives the same bytes; another seed another session.
func TestDeterminism(t *testing.T) {
	p := Draw(7, Live, small)
	zip := func(seed uint64) []byte {
		var b bytes.Buffer
		if err := record(t, scene(t, p), seed).Write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	a := zip(1)
	if !bytes.Equal(a, zip(1)) {
		t.Error("equal seeds, other bytes")
	}
	if bytes.Equal(a, zip(2)) {
		t.Error("other seeds, equal bytes")
	}
	if q := Draw(7, Live, small); p != q {
		t.Errorf("%+v\n%+v", p, q)
	}
}

// Every kind films, and what it films is a recording that can be read again.
func TestKindsFilm(t *testing.T) {
	for i, kind := range Kinds {
		rec := record(t, scene(t, Draw(uint64(i), kind, small)), 3)
		var b bytes.Buffer
		if err := rec.Write(&b); err != nil {
			t.Fatal(kind, err)
		}
		if _, err := capture.ReadRecording(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
			t.Error(kind, err)
		}
		tr := rec.Transcript()
		if n := len(rec.Frames); n < 50 || n > 85 || tr.Sent != n || tr.Bytes < 50e3 || len(tr.Display) != 13 || tr.ServerMS < 4300 || tr.ServerMS > 4900 {
			t.Errorf("%s: %d frames, %+v", kind, n, tr)
		}
		first, last := rec.Frames[0].T, rec.Frames[len(rec.Frames)-1].T
		if d := tr.Display; first < d[0].T || d[1].T-d[0].T < 600 || d[2].T-d[1].T < 1000 || d[2].T-d[1].T > 1250 || last < d[12].T || last > d[12].T+400 {
			t.Errorf("%s: frames %.0f to %.0f, display %+v", kind, first, last, d)
		}
		for k := range 10 {
			if d := tr.Display[k+3].T - tr.Display[k+2].T; d < 395 || d > 440 {
				t.Errorf("%s: segment %d stood %.0f ms", kind, k, d)
			}
		}
	}
}

// The face answers, the wall little, and both less in a brighter room.
func TestFaceAnswersMore(t *testing.T) {
	last := math.Inf(1)
	for _, lux := range []float64{100, 300, 900} {
		rec := record(t, scene(t, Draw(3, Live, func(p *Params) { calm(p); p.Lux, p.Background = lux, 120 })), 1)
		face, wall := swing(t, rec, .5, .53), swing(t, rec, .08, .12)
		if face >= last || face < .02 || wall > .4*face {
			t.Errorf("%.0f lux: face %.3f, wall %.3f, before %.3f", lux, face, wall, last)
		}
		last = face
	}
}

// A tint of the whole picture answers everywhere alike, of the face only there;
// a video that knows no screen does not answer.
func TestInjections(t *testing.T) {
	for _, c := range []struct {
		kind     Kind
		ratio    float64 // wall over face
		atLeast  float64 // of the face
		tolerate float64
	}{{FlatFrame, 1, .1, .25}, {FlatFace, 0, .1, .25}, {Static, 0, 0, 0}} {
		rec := record(t, scene(t, Draw(3, c.kind, func(p *Params) { calm(p); p.Tint = .2 })), 1)
		face, wall := swing(t, rec, .5, .53), swing(t, rec, .08, .12)
		if c.kind == Static {
			if face > .03 {
				t.Errorf("static: %.3f", face)
			}
			continue
		}
		if face < c.atLeast || math.Abs(wall/face-c.ratio) > c.tolerate {
			t.Errorf("%s: face %.3f, wall %.3f", c.kind, face, wall)
		}
	}
}

// What the screen adds to a plane or a cylinder, over what it shows, is smooth:
// a quadratic leaves next to nothing. That is how they are told from a face.
func TestPlaneAnswersSmoothly(t *testing.T) {
	rough := func(kind Kind) float64 {
		s := scene(t, Draw(5, kind, func(p *Params) { calm(p); p.Gloss, p.Shine, p.Radius = 0, 0, 10 }))
		w := s.w / step
		var x [][]float64
		var y []float64
		for i, in := range s.face {
			if !in {
				continue
			}
			var e float64
			for b := range radiance.Bands {
				e += float64(s.front.screen[answers*i+3*b+1])
			}
			u, v := float64(i%w)/float64(w)-.5, float64(i/w)/float64(w)-.6
			x, y = append(x, []float64{1, u, v, u * u, u * v, v * v}), append(y, math.Log(e))
		}
		return residual(x, y)
	}
	print, bent, live := rough(Print), rough(PrintBent), rough(Live)
	t.Logf("rms of ln α: print %.4f, bent %.4f, live %.4f", print, bent, live)
	if print > .005 || bent > .03 || live < .05 {
		t.Errorf("rms of ln α: print %.4f, bent %.4f, live %.4f", print, bent, live)
	}
}

// residual is the rms that least squares leave, by Gram and Schmidt.
func residual(x [][]float64, y []float64) float64 {
	n := len(y)
	column := func(k int) []float64 {
		c := make([]float64, n)
		for i := range c {
			c[i] = x[i][k]
		}
		return c
	}
	var basis [][]float64
	reduce := func(v []float64) {
		for range 2 {
			for _, q := range basis {
				var d float64
				for i := range v {
					d += v[i] * q[i]
				}
				for i := range v {
					v[i] -= d * q[i]
				}
			}
		}
	}
	norm := func(v []float64) (s float64) {
		for _, a := range v {
			s += a * a
		}
		return math.Sqrt(s)
	}
	for k := range x[0] {
		c := column(k)
		reduce(c)
		l := norm(c)
		for i := range c {
			c[i] /= l
		}
		basis = append(basis, c)
	}
	rest := append([]float64(nil), y...)
	reduce(rest)
	return norm(rest) / math.Sqrt(float64(n))
}

// The light arrives as late as it should: the middle row shows a change
// LatencyMS after the screen did.
func TestLatency(t *testing.T) {
	p := Draw(1, Live, func(p *Params) { calm(p); p.ExposureMS = 6 })
	screen := play{{at: math.Inf(-1)}, {at: 1000, color: [3]float64{1, 1, 1}}}
	for _, late := range []float64{30, 110, 250} {
		p.LatencyMS = late
		half := (p.nits(0) + p.nits(1)) / 2
		at := 1000.
		for p.exposed(screen, at, .5)[0][0] < half {
			at++
		}
		if want := 1000 + late - tick/2 + p.ExposureMS/2; math.Abs(at-want) > 2 {
			t.Errorf("latency %.0f: seen at %.0f, want %.0f", late, at, want)
		}
	}
	if top, bottom := p.exposed(screen, 1245, 0)[0][0], p.exposed(screen, 1245, 1)[0][0]; top >= bottom {
		t.Errorf("rolling shutter: top %g, bottom %g", top, bottom)
	}
}

// A wipe begins at its end of the screen and is over when it should be.
func TestWipe(t *testing.T) {
	ch := challenge(t, 1)
	for _, forward := range []bool{true, false} {
		ch.Segments[0].Forward = forward
		p := answer(ch, []capture.DisplayEvent{{Event: capture.DisplayPreroll, T: 0}, {Event: capture.DisplaySegment, T: 1000}})
		old, now := linear(ch.Neutral), linear(ch.Segments[0].Color)
		first, last := 0, radiance.Bands-1
		if !forward {
			first, last = last, first
		}
		if l := p.at(1100); l[first] != now || l[last] != old {
			t.Errorf("forward %v: half way %v", forward, l)
		}
		if l := p.at(1205); l[first] != now || l[last] != now {
			t.Errorf("forward %v: in the end %v", forward, l)
		}
		if l := p.at(990); l[0] != old {
			t.Errorf("before: %v", l)
		}
	}
}

// Draws stay in their ranges, whatever the kind, and fix pins what it wants with
// what depends on it.
func TestDraw(t *testing.T) {
	skins := map[int]int{}
	for seed := range uint64(2000) {
		p := Draw(seed, Kinds[seed%uint64(len(Kinds))], nil)
		skins[p.Skin]++
		ok := p.Lux >= 50 && p.Lux <= 1000 && p.Quality >= 70 && p.Quality <= 92 && p.LatencyMS >= 30 && p.LatencyMS <= 250 &&
			p.DepthScale >= .85 && p.DepthScale <= 1.2 && p.Background >= 40 && p.Background <= 250 && p.LightFrom[1] < 0 && p.LightFrom[2] < 0 &&
			p.Emission >= 25 && p.Emission <= 300 && p.Haze >= .004 && p.Haze <= .03 && p.Radius >= 7.5 && p.Radius <= 14
		if p.Screen == ScreenPhone {
			ok = ok && p.Nits >= 120 && p.Nits <= 520 && p.Distance >= 24 && p.Distance <= 38 && p.Width == 360
		} else {
			ok = ok && p.Nits <= 350 && p.Distance >= 42 && p.Distance <= 62 && p.Width == 480
		}
		if err := p.check(); !ok || err != nil {
			t.Fatalf("seed %d: %v %+v", seed, err, p)
		}
	}
	for k := 1; k <= 6; k++ {
		if skins[k] < 250 {
			t.Errorf("type %d: %d of 2000", k, skins[k])
		}
	}
	for seed := range uint64(20) {
		p := Draw(seed, Live, func(p *Params) { p.Screen, p.Lux = ScreenLaptop, 222 })
		if p.Width != 480 || p.Distance < 42 || p.Lux != 222 {
			t.Fatalf("%+v", p)
		}
	}
	if rho := (Params{Screen: ScreenPhone, Nits: 350, Fill: .88, Distance: 30, Lux: 300}).Rho(); rho < .07 || rho > .12 {
		t.Errorf("rho %.3f", rho)
	}
	data, err := json.Marshal(Draw(1, Live, nil))
	if err != nil || !bytes.Contains(data, []byte(`"depth_scale"`)) {
		t.Errorf("%s, %v", data, err)
	}
}

// The replay answers another challenge; the splice has the challenge's colours
// in its frames.
func TestReplayAndSplice(t *testing.T) {
	ch := challenge(t, 1)
	other, err := otherChallenge(ch, rngOf(4))
	if err != nil || len(other.Segments) != len(ch.Segments) {
		t.Fatal(other, err)
	}
	known, err := library(ch, rngOf(5))
	if err != nil || len(known.Segments) != librarySegments {
		t.Fatal(known, err)
	}
	for i := 1; i < librarySegments; i++ {
		if known.Segments[i].Color == known.Segments[i-1].Color {
			t.Error("a repeat in the library")
		}
	}
	tl, _, _ := schedule(ch, 1000, draws{rngOf(6), rngOf(8)})
	have, _, _ := schedule(known, 1000, draws{rngOf(7), rngOf(9)})
	for i, g := range ch.Segments {
		from, to := clip(ch, tl, known, have, begins(tl, i)+100)
		k := -1
		for j, h := range have {
			if h.T == to && h.Event == capture.DisplaySegment {
				k = have[j].Index
			}
		}
		if from != begins(tl, i) || k < 0 || known.Segments[k].Color != g.Color {
			t.Errorf("segment %d: from %g to %g (%d)", i, from, to, k)
		}
	}
}

func TestBadInput(t *testing.T) {
	good := Draw(1, Live, nil)
	for _, c := range []struct {
		field string
		do    func(po *Portrait, p *Params)
	}{
		{"kind", func(_ *Portrait, p *Params) { p.Kind = "ghost" }},
		{"screen", func(_ *Portrait, p *Params) { p.Screen = "wall" }},
		{"fps", func(_ *Portrait, p *Params) { p.FPS = math.NaN() }},
		{"quality", func(_ *Portrait, p *Params) { p.Quality = 0 }},
		{"skin", func(_ *Portrait, p *Params) { p.Skin = 7 }},
		{"lux", func(_ *Portrait, p *Params) { p.Lux = 0 }},
		{"width", func(_ *Portrait, p *Params) { p.Width = 1 << 20 }},
		{"well", func(_ *Portrait, p *Params) { p.Well = 0 }},
		{"portrait", func(po *Portrait, _ *Params) { po.Image = nil }},
		{"mesh", func(po *Portrait, _ *Params) { po.Mesh = [468][3]float64{} }},
	} {
		po, p := drawn(), good
		c.do(&po, &p)
		_, err := NewScene(po, p)
		var e *faceproof.Error
		if !errors.As(err, &e) || e.Code != faceproof.CodeInvalid || e.Field != c.field {
			t.Errorf("%s: %v", c.field, err)
		}
	}
}

func TestSheet(t *testing.T) {
	s := scene(t, Draw(1, Live, small))
	m, err := s.Sheet(record(t, s, 1), 3, 2)
	if err != nil || m.Rect.Dx() != 3*180 || m.Rect.Dy() != 2*240 {
		t.Error(m, err)
	}
	if _, err := s.Sheet(capture.Recording{}, 3, 2); err == nil {
		t.Error("a sheet of nothing")
	}
}

// Before the colours the pictures are sent in full; those of the colours are shrunk
// and shows the same.
func TestPortraits(t *testing.T) {
	p := Draw(5, Live, func(p *Params) { calm(p); p.Width, p.Height, p.FPS = 240, 320, 12 })
	full := record(t, scene(t, p), 5)
	p.Shrink = .5
	ev := full.Transcript().Display
	for name, rec := range map[string]capture.Recording{
		"live":   record(t, scene(t, p), 5),
		"replay": record(t, scene(t, func() Params { q := p; q.Kind = Replay; return q }()), 5),
		"splice": record(t, scene(t, func() Params { q := p; q.Kind = Splice; return q }()), 5),
	} {
		ev := rec.Transcript().Display
		n := 0
		for i, f := range rec.Frames {
			c, err := jpeg.DecodeConfig(bytes.NewReader(f.JPEG))
			if err != nil {
				t.Fatal(err)
			}
			want := [2]int{120, 160}
			if f.T < ev[2].T {
				want = [2]int{240, 320}
				n++
			}
			if got := [2]int{c.Width, c.Height}; got != want {
				t.Errorf("%s: frame %d, %.0f ms before the colours, is %v, want %v", name, i, ev[2].T-f.T, got, want)
			}
		}
		if n < 15 || n > 25 { // 1.7 s of them
			t.Errorf("%s: %d portraits", name, n)
		}
	}
	small := record(t, scene(t, p), 5)
	if s, f := small.Transcript().Bytes, full.Transcript().Bytes; 3*s > 2*f {
		t.Errorf("%d bytes, %d when nothing is shrunk", s, f)
	}
	for i, f := range full.Frames {
		if f.T < ev[2].T || i%8 != 0 {
			continue
		}
		a, b := spot(t, f, .1, .1), spot(t, small.Frames[i], .1, .1)
		for c := range a {
			if math.Abs(a[c]-b[c]) > .01+.03*a[c] {
				t.Errorf("frame %d: %v, shrunk %v", i, a, b)
			}
		}
	}
}

// What small pixels cover of large ones adds up, and each large one is used once.
func TestShares(t *testing.T) {
	for _, c := range [][2]int{{360, 168}, {480, 224}, {360, 240}, {7, 7}, {10, 3}} {
		used := make([]float64, c[0])
		for _, s := range shares(c[0], c[1]) {
			var sum float64
			for j, w := range s.weight {
				sum += float64(w)
				used[s.from+j] += float64(w) * float64(c[0]) / float64(c[1])
			}
			if math.Abs(sum-1) > 1e-5 {
				t.Errorf("%v: weights add up to %g", c, sum)
			}
		}
		for i, u := range used {
			if math.Abs(u-1) > 1e-5 {
				t.Errorf("%v: pixel %d is used %g times", c, i, u)
			}
		}
	}
}
