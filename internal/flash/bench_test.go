package flash

import (
	"math/rand/v2"
	"testing"

	"faceproof"
)

// BenchmarkRandomisation is the whole test of 10,000 candidates over 17
// latencies on 80 frames.
func BenchmarkRandomisation(b *testing.B) {
	ch, err := New(seeded(1), faceproof.PlanUsual)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	w := room(r)
	w.fps = 15
	tl := clock(ch, r)
	s := w.film(ch, tl, r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyse(ch, tl, s, 0, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStrict is the test of the strict policy in weak light: 100,000
// candidates on the 110 frames of 16 colours.
func BenchmarkStrict(b *testing.B) {
	ch, err := New(seeded(1), faceproof.PlanLong)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	w := room(r)
	w.fps = 15
	tl := clock(ch, r)
	s := w.film(ch, tl, r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyse(ch, tl, s, faceproof.DefaultPolicy().Strict().Candidates, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSurface is the whole of Analyse on 75 frames of 1036 cells: the
// randomisation test and the steps S8 to S10.
func BenchmarkSurface(b *testing.B) {
	ch, err := New(seeded(1), faceproof.PlanUsual)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	tl := clock(ch, r)
	g := thing{kind: "head", ambient: 250, nits: 350, side: .5, noise: .004, ks: .03, skin: olive}
	s := g.film(ch, tl, r)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Analyse(ch, tl, s, 0, r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(s.Times)), "frames/op")
}

// BenchmarkNew is a challenge with its safety check.
func BenchmarkNew(b *testing.B) {
	r := seeded(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(r, faceproof.PlanUsual); err != nil {
			b.Fatal(err)
		}
	}
}
