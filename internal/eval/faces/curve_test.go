package faces

import (
	"math"
	"math/rand/v2"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %.6g, want %.6g", what, got, want)
	}
}

func spreadOf(v ...int) spread {
	counts := map[int]int{}
	for _, x := range v {
		counts[x]++
	}
	return newSpread(counts)
}

func TestSpread(t *testing.T) {
	s := spreadOf(5, 9, 5, 1, 3)
	for score, want := range map[int]int{10: 0, 9: 1, 6: 1, 5: 3, 4: 3, 3: 4, 1: 5, -7: 5} {
		if got := s.atLeast(score); got != want {
			t.Errorf("%d reach %d, want %d", got, score, want)
		}
	}
	// The least threshold that so many reach: brute force.
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		var v []int
		for range 1 + r.IntN(20) {
			v = append(v, r.IntN(12))
		}
		s := spreadOf(v...)
		allowed := r.IntN(len(v))
		want := 13
		for want > -1 && s.atLeast(want-1) <= allowed {
			want--
		}
		if got := s.threshold(allowed); got != want {
			t.Fatalf("%v, %d allowed: %d, want %d", v, allowed, got, want)
		}
	}
}

func TestRatesOfKnownScores(t *testing.T) {
	s := spreads{genuine: spreadOf(9, 8, 7, 2), impostor: spreadOf(1, 2, 3, 8)}
	near(t, "FMR at 8", s.fmr(8), .25, 0)
	near(t, "FNMR at 8", s.fnmr(8), .5, 0)
	near(t, "EER", s.eer(), .25, 0) // at 4 to 7: one of four either way
	// Genuine above impostor: 9 over 4, 8 over 3 and a tie, 7 over 3, 2 over 1 and a tie.
	near(t, "AUC", s.auc(), (4+3.5+3+1.5)/16, 1e-12)
}

func TestAccuracies(t *testing.T) {
	tr := &trials{}
	for f := range 3 {
		for i := range 10 {
			g, im := trial{score: 60 + i, fold: f}, trial{score: 30 + i, fold: f}
			if f == 2 && i == 0 {
				g.score = 10 // one genuine pair that nothing could save
			}
			tr.genuine, tr.impostor = append(tr.genuine, g), append(tr.impostor, im)
		}
	}
	a := accuracy(tr.accuracies())
	near(t, "mean", a.Mean, (1+1+.95)/3, 1e-5)
	near(t, "sd", a.SD, .05/math.Sqrt(3), 1e-5)
	if tr.accuracies()[0] != 1 {
		t.Error(tr.accuracies())
	}
}

// people makes a set of folders: scores of n persons with k templates, those of
// one person about 7000, of two about 1000 with the given spread, so that FMR at
// 3000 is known.
func people(seed uint64, n, k int) *trials {
	r := rand.New(rand.NewPCG(seed, 3))
	t := &trials{SetHeader: SetHeader{Name: "x", Kind: KindFolders, ProbeFrames: 1, ReferenceFrames: 1, Draws: 1, Cut: -maxScore, AllListed: true, Threshold: .3,
		Groups: []string{"a", "b"}}, rest: map[class]map[int]int{}}
	for i := range n {
		t.subjects = append(t.subjects, subject{i % 2, k, k})
	}
	for a := range n {
		for range k * (k - 1) / 2 {
			t.genuine = append(t.genuine, trial{a, a, int(7000 + 2000*r.NormFloat64()), 0})
		}
		for b := range a {
			for range k * k {
				t.impostor = append(t.impostor, trial{a, b, int(1000 + 1000*r.NormFloat64()), 0})
			}
		}
	}
	return t
}

func TestComparisons(t *testing.T) {
	tr := people(1, 9, 3)
	if what := tr.verify(); what != "" {
		t.Error(what)
	}
	tr.impostor = tr.impostor[1:]
	if tr.verify() == "" {
		t.Error("a comparison is missing and nobody says so")
	}
	// Weights: by hand, two persons with 2 and 3 templates, drawn 2 and 1 times.
	two := &trials{SetHeader: SetHeader{ProbeFrames: 1, ReferenceFrames: 1, Draws: 1}, subjects: []subject{{-1, 2, 2}, {-1, 3, 3}}}
	near(t, "weighed comparisons", two.comparisons([]float64{2, 1}, -1), 2*1*2*3, 0)
	two.ProbeFrames = 3 // probes against references: both ways
	two.subjects = []subject{{-1, 2, 1}, {-1, 3, 1}}
	near(t, "one-sided comparisons", two.comparisons(nil, -1), 2*1+3*1, 0)
}

// The interval by persons covers the true rate about as often as it says.
func TestBootstrapCovers(t *testing.T) {
	missed := 0
	const runs = 60
	truth := .5 * math.Erfc(2/math.Sqrt2) // P(N > 2): impostors at 3000
	for seed := range uint64(runs) {
		tr := people(seed, 16, 2)
		got := newBootstrap(tr, -1, seed).run(200, 3000, rates)
		if got.fmr == nil || got.fnmr == nil {
			t.Fatal("no interval")
		}
		if truth < got.fmr.Low || truth > got.fmr.High {
			missed++
		}
	}
	if missed > runs/5 {
		t.Errorf("%d of %d intervals missed", missed, runs)
	}
	if got := newBootstrap(people(1, 4, 2), -1, 1).run(100, 3000, rates); got.fmr != nil {
		t.Error("four persons have an interval")
	}
}

// Where persons differ, the interval by persons is wider than the exact one.
func TestBootstrapKnowsPersons(t *testing.T) {
	tr := people(5, 20, 3)
	for i := range tr.genuine {
		if tr.genuine[i].a%5 == 0 { // one person in five never matches
			tr.genuine[i].score = 0
		}
	}
	all := tr.of(-1)
	g := tr.group(Header{Resamples: 300, Seed: 1}, -1, &all)
	if s := g.Shipped; s.FNMRSpan == nil || s.FNMRSpan.High-s.FNMRSpan.Low < 1.2*(s.FNMR.High-s.FNMR.Low) {
		t.Errorf("%+v by person %+v", s.FNMR, s.FNMRSpan)
	}
}

// A listed tail and counts below it say the same as all trials listed.
func TestTailAndCounts(t *testing.T) {
	whole, cut := people(7, 30, 3), people(7, 30, 3)
	cut.Cut, cut.AllListed = 2500, false
	listed := cut.impostor
	cut.impostor = nil
	for _, x := range listed {
		if x.score >= cut.Cut {
			cut.impostor = append(cut.impostor, x)
		} else {
			cut.count(cut.classOf(x.a, x.b), x.score, 1)
		}
	}
	if what := cut.verify(); what != "" {
		t.Fatal(what)
	}
	for group := -1; group < 2; group++ {
		a, b := whole.of(group), cut.of(group)
		h := Header{Resamples: 50, Seed: 1}
		x, y := whole.group(h, group, &a), cut.group(h, group, &b)
		if x.EER != y.EER || x.AUC != y.AUC || x.Shipped.FMR != y.Shipped.FMR || *x.Shipped.FMRSpan != *y.Shipped.FMRSpan || len(x.Table) != len(y.Table) || x.Table[0] != y.Table[0] {
			t.Errorf("group %d: %+v, %+v", group, x, y)
		}
	}
}

// An exponential tail is carried on to the true quantile.
func TestCalPoint(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	counts := map[int]int{}
	const n = 40_000
	for range n {
		counts[int(500*r.ExpFloat64())]++
	}
	s := spreads{impostor: newSpread(counts)}
	for _, fmr := range rates {
		cut, p, ok := calPoint(&s, fmr, 1)
		if !ok || p.Extrapolated != (fmr*n < soundEvents) {
			t.Fatalf("%g: %+v %v", fmr, p, ok)
		}
		want := -500 * math.Log(fmr)
		near(t, "threshold", float64(cut), want, .12*want)
	}
	few := spreads{impostor: spreadOf(1, 2, 3)}
	if _, _, ok := calPoint(&few, 1e-3, 1); ok {
		t.Error("three impostors make a threshold")
	}
}

// Pictures that are in the largest group under two persons each have one score, the
// highest but a stranger's: no threshold gives it an FMR of 1e-3, nothing can be held
// against that, and the report says nothing of it.
func TestGapOfPicturesThatComeTwice(t *testing.T) {
	r := &Result{curves: make([]namedCurve, 1)}
	r.Draws = 1
	for _, g := range []struct {
		name     string
		impostor map[int]int
	}{{"large", map[int]int{9000: 25, 100: 19_975}}, {"small", map[int]int{9999: 5, 100: 9_995}}} {
		s := spreads{spreadOf(make([]int, 20)...), newSpread(g.impostor)}
		r.By, r.curves = append(r.By, Group{Name: g.name, Genuine: 20, Impostor: s.impostor.n}), append(r.curves, namedCurve{g.name, s})
	}
	if g := r.gap(); g == nil || g.Ratio != 0 || g.Reference != "" || g.Threshold != 0 {
		t.Errorf("%+v", g)
	}
}
