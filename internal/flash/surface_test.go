package flash

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof/internal/radiance"
	"faceproof/internal/signal"
)

// The first moment of the screen, against its bands: forward begins at band 0.
func TestMoment(t *testing.T) {
	ch := drawOne(t, seeded(3))
	tl := clock(ch, rand.New(rand.NewPCG(1, 1)))
	u := make([]float64, len(ch.Segments))
	neutral := linearRGB(ch.Neutral)
	for at := tl.Segment[0] - .1; at < tl.Post+.1; at += .0137 {
		var light [radiance.Bands][3]float64
		bands(ch, tl, at, false, &light)
		var want, got float64 // of green
		for b, l := range light {
			want += (2*(float64(b)+.5)/radiance.Bands - 1) * l[1] / radiance.Bands
		}
		tl.moment(u, at, float64(ch.WipeMS)/1000, ch.Segments)
		for k, m := range u {
			got += m * (linearRGB(ch.Segments[k].Color)[1] - neutral[1])
		}
		if math.Abs(got-want) > .07 { // of bands: they change one by one
			t.Fatalf("%.3f s after the start: %.3f, bands say %.3f", at-tl.Segment[0], got, want)
		}
	}
}

// A face that lies before the screen's left sees more of its left.
func TestTemplate(t *testing.T) {
	s := Surface{At: make([][2]float64, 4)}
	for i, n := range [][3]float64{{0, 0, -1}, {.6, 0, -.8}, {0, .6, -.8}, {0, -.6, -.8}} {
		s.Facets = append(s.Facets, Facet{Cell: i, Normal: n}, Facet{Cell: i, Normal: n})
	}
	phone := s.templates()
	if !(phone[2].light > phone[1].light && phone[2].light > phone[3].light && phone[2].slant > phone[3].slant) {
		t.Errorf("phone: a chin turned down sees more of the screen, and its lower end: %+v", phone)
	}
	s.Landscape = true
	if l := s.templates(); !(l[1].slant < l[0].slant-.1) { // band 0 is the picture's right, at −1
		t.Errorf("laptop: a cheek turned to the picture's right sees more of band 0: %+v", l)
	}
	s.Facets = append(s.Facets[:1], Facet{Cell: 99}, Facet{Cell: -1})
	for _, e := range s.templates() {
		if e.ok {
			t.Error("one facet makes no template")
		}
	}
}

// Known slopes come back with outliers about; columns that are the same do not.
func TestRegress(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	var x [][]float64
	var y, w []float64
	for i := range 100 {
		row := []float64{r.NormFloat64(), 1, r.NormFloat64()}
		v := 2*row[0] - 1 + .5*row[2] + .1*r.NormFloat64()
		if i%20 == 0 {
			v += 30
		}
		x, y, w = append(x, row), append(y, v), append(w, 1)
	}
	g, ok := regress(x, y, w, additive)
	if !ok || math.Abs(g.b[0]-2) > .05 || math.Abs(g.b[1]+1) > .05 || math.Abs(g.b[2]-.5) > .05 || g.n > 95 {
		t.Errorf("%+v %v", g, ok)
	}
	if se, want := math.Sqrt(g.cov[0][0]), .1/math.Sqrt(95)*math.Sqrt(neighbours); math.Abs(se/want-1) > .4 {
		t.Errorf("standard error %.4f, want about %.4f", se, want)
	}
	for i, row := range x {
		y[i] = math.Exp(.8*row[0]/3-.2+.3*row[2]/3) - 1 + .05*r.NormFloat64()
	}
	if g, ok = regress(x, y, w, multiplicative); !ok || math.Abs(g.b[0]-.8/3) > .03 || math.Abs(g.b[1]+.2) > .03 || math.Abs(g.b[2]-.1) > .03 {
		t.Errorf("multiplicative: %+v %v", g, ok)
	}
	for i := range x {
		x[i] = append(x[i], x[i][0])
	}
	if _, ok := regress(x, y, w, additive); ok {
		t.Error("two equal columns")
	}
	if _, ok := regress(x[:5], y[:5], w[:5], additive); ok {
		t.Error("fewer rows than unknowns")
	}
}

// Parts of a Surface that do not fit are not measured, and nothing panics or is
// not finite.
func TestBadSurface(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	ch := drawOne(t, seeded(4))
	tl := clock(ch, r)
	g := thing{kind: "head", ambient: 250, nits: 350, side: .5, noise: .004, ks: .03, skin: olive}
	for name, spoil := range map[string]func(*Surface){
		"no cells":        func(s *Surface) { s.Cells = nil },
		"few skin cells":  func(s *Surface) { s.Skin = s.Skin[:20] },
		"cells out":       func(s *Surface) { s.Skin[3] = 1 << 20 },
		"short frame":     func(s *Surface) { s.Cells[30] = s.Cells[30][:9] },
		"a lost face":     func(s *Surface) { s.Cells[30] = nil },
		"no shape":        func(s *Surface) { s.Facets = nil },
		"no motion":       func(s *Surface) { s.Motion = s.Motion[:3] },
		"a dead still":    func(s *Surface) { clear(s.Motion) },
		"shape of NaN":    func(s *Surface) { s.Facets[0].Point[2], s.Facets[1].Normal[0] = math.NaN(), math.Inf(1) },
		"behind the lens": func(s *Surface) { s.Facets[0].Point[2] = -100 },
		"unseen cells":    func(s *Surface) { clear(s.Cells[20]) },
	} {
		s := g.film(ch, tl, r)
		spoil(s.Surface)
		ev, err := Analyse(ch, tl, s, 0, r)
		if err != nil || !ev.Measurable {
			t.Fatalf("%s: %+v, %v", name, ev, err)
		}
		sh := ev.Shape
		if v := ev.L + ev.Cut + sh.B + sh.BSE + sh.Spec + sh.SpecSE + sh.D + sh.DSE + sh.Spread + sh.Kappa + sh.KappaSE; !signal.Finite(v) {
			t.Errorf("%s: L %g, cut %g, %+v", name, ev.L, ev.Cut, sh)
		}
		switch name {
		case "no cells", "cells out", "short frame", "a lost face", "no shape", "few skin cells":
			if ev.L != 0 || sh.Cells != 0 {
				t.Errorf("%s: L %g, %+v", name, ev.L, sh)
			}
		case "no motion", "a dead still":
			if ev.Cut != 0 {
				t.Errorf("%s: cut %g", name, ev.Cut)
			}
		default:
			if ev.L < 2 {
				t.Errorf("%s: L %g", name, ev.L)
			}
		}
	}
}
