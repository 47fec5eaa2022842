package flash

import (
	"math"
	"math/rand/v2"
	"testing"

	"faceproof"
)

// examine runs one session of a thing (simulated cells).
func examine(t testing.TB, g thing, seed uint64) faceproof.FlashEvidence {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 8))
	ch := drawOne(t, seeded(seed))
	tl := clock(ch, r)
	ev, err := Analyse(ch, tl, g.film(ch, tl, r), 0, r)
	if err != nil || !ev.Measurable {
		t.Fatalf("%+v, %v", ev, err)
	}
	return ev
}

// A head has the shape of one; a plane, a cylinder, a screen and a tint have not.
// Bands in the wrong order answer the difference along the screen the wrong way.
func TestShape(t *testing.T) {
	base := thing{kind: "head", ambient: 250, nits: 350, side: .5, noise: .004, ks: .03, skin: olive}
	with := func(f func(*thing)) thing {
		g := base
		f(&g)
		return g
	}
	for i, c := range []struct {
		name string
		g    thing
		ok   func(faceproof.FlashEvidence) bool
	}{
		{"head", base, func(e faceproof.FlashEvidence) bool {
			return e.L > 3 && e.Shape.B > .3 && e.Shape.B < 1.2 && math.Abs(e.Shape.Kappa) < .3 && e.Shape.Spread < .9 && e.Cut < 1.6
		}},
		{"deeper head", with(func(g *thing) { g.depth = 1.15 }), func(e faceproof.FlashEvidence) bool { return e.L > 3 }},
		{"head before a laptop", with(func(g *thing) { g.landscape = true }), func(e faceproof.FlashEvidence) bool { return e.L > 3 }},
		{"dark skin", with(func(g *thing) { g.skin = [3]float64{.1, .06, .045} }), func(e faceproof.FlashEvidence) bool { return e.L > 3 && e.Shape.Spec > 1 }},
		{"dark room", with(func(g *thing) { g.ambient = 40 }), func(e faceproof.FlashEvidence) bool { return e.L > 5 && e.Shape.D > .4 }},
		{"dark room, bands turned", with(func(g *thing) { g.ambient, g.upside = 40, true }), func(e faceproof.FlashEvidence) bool { return e.Shape.D < -.4 }},
		{"laptop, bands", with(func(g *thing) { g.landscape, g.ambient = true, 40 }), func(e faceproof.FlashEvidence) bool { return e.Shape.D > .5 && e.Shape.D < 1.5 }},
		{"laptop, bands turned", with(func(g *thing) { g.landscape, g.ambient, g.upside = true, 40, true }), func(e faceproof.FlashEvidence) bool { return e.Shape.D < -.5 }},
		{"plane", with(func(g *thing) { g.kind = "plane" }), func(e faceproof.FlashEvidence) bool {
			return e.L < -2 && math.Abs(e.Shape.B) < .25 && math.Abs(e.Shape.Kappa) < .2
		}},
		{"bent", with(func(g *thing) { g.kind = "bent" }), func(e faceproof.FlashEvidence) bool { return e.L < -2 }},
		{"tint", with(func(g *thing) { g.kind = "tint" }), func(e faceproof.FlashEvidence) bool { return e.L < -3 && e.Shape.Spread < .15 }},
		{"screen", with(func(g *thing) { g.kind = "screen" }), func(e faceproof.FlashEvidence) bool { return e.Shape.Kappa < -.5 }},
		{"splice", with(func(g *thing) { g.splice = true }), func(e faceproof.FlashEvidence) bool { return e.Cut > 3 && e.L > 1 }},
		{"noon", with(func(g *thing) { g.ambient, g.noise = 20000, .02 }), func(e faceproof.FlashEvidence) bool { return math.Abs(e.L) < 1.5 }},
	} {
		e := examine(t, c.g, uint64(i))
		t.Logf("simulated: %-22s L %6.2f q %.3f R² %.2f cut %.2f %+v", c.name, e.L, e.Amplitude, e.R2, e.Cut, e.Shape)
		if !c.ok(e) {
			t.Errorf("%s", c.name)
		}
	}
}
