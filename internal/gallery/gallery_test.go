package gallery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"faceproof"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err error, code faceproof.Code, field string) {
	t.Helper()
	var e *faceproof.Error
	if !errors.As(err, &e) || e.Code != code || e.Field != field {
		t.Fatalf("error %v, want %s %s", err, code, field)
	}
}

func template(r *rand.Rand, n int, length float64) faceproof.Template {
	v := make([]float32, n)
	sum := 0.
	for i := range v {
		v[i] = float32(r.NormFloat64())
		sum += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] *= float32(length / math.Sqrt(sum))
	}
	return faceproof.Template{ModelID: "m", Frames: 1, Vector: v}
}

func name(i int) string { return fmt.Sprintf("%032x", i) }

// alike is the pack's similarity, as internal/face has it: the specification.
func alike(metric string, a, b []float32) float64 {
	var dot, dist, na, nb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, dist, na, nb = dot+x*y, dist+(x-y)*(x-y), na+x*x, nb+y*y
	}
	if metric == L2 {
		return 1 - math.Sqrt(dist)
	}
	return dot / math.Sqrt(na*nb)
}

// world is a gallery beside the map that says what must be in it.
type world struct {
	*Gallery
	metric string
	has    map[string]faceproof.Template
}

func random(t testing.TB, r *rand.Rand, metric string, dimensions, n int) world {
	t.Helper()
	g, err := New(Config{ModelID: "m", Metric: metric, Dimensions: dimensions, Workers: 3})
	must(t, err)
	w := world{g, metric, map[string]faceproof.Template{}}
	for i := range n {
		v := template(r, dimensions, 1+r.Float64())
		if i > 0 && r.IntN(20) == 0 { // near another, so that pairs and ties are there
			v.Vector = slices.Clone(w.has[name(r.IntN(i))].Vector)
			v.Vector[0] += float32(r.IntN(2)) * .01
		}
		must(t, g.Add(name(i), v))
		w.has[name(i)] = v
	}
	return w
}

// rounding is what float32 rows may change of a similarity.
const rounding = 1e-6

// naive is the whole candidate list.
func (w world) naive(probe faceproof.Template) (all []Candidate) {
	for id, v := range w.has {
		all = append(all, Candidate{id, alike(w.metric, probe.Vector, v.Vector)})
	}
	slices.SortFunc(all, func(a, b Candidate) int { return cmp.Compare(b.Similarity, a.Similarity) })
	return all
}

// check holds a candidate list to the naive one: the same similarities, each that of
// its id, no id twice, none missing.
func (w world) check(t *testing.T, probe faceproof.Template, k int, threshold float64) {
	t.Helper()
	got, err := w.Search(ctx, probe, k, threshold)
	must(t, err)
	all := w.naive(probe)
	seen := map[string]bool{}
	for i, c := range got {
		v, ok := w.has[c.ID]
		if !ok || seen[c.ID] || c.Similarity < threshold {
			t.Fatalf("candidate %d: %v, known %v", i, c, ok)
		}
		seen[c.ID] = true
		// An L2 distance near 0 is the root of a rounding.
		if own := alike(w.metric, probe.Vector, v.Vector); math.Abs(own-c.Similarity) > rounding || math.Abs(all[i].Similarity-c.Similarity) > rounding {
			t.Fatalf("candidate %d of %d: %v, own %v, naive %v", i, len(got), c, own, all[i])
		}
	}
	if len(got) < k && len(got) < len(all) && all[len(got)].Similarity > threshold+rounding {
		t.Fatalf("%d candidates of %d at %g, and the next is %v", len(got), len(all), threshold, all[len(got)])
	}
}

func TestSearchIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for _, metric := range []string{Cosine, L2} {
		for _, dimensions := range []int{1, 7, 128, 130} {
			for _, n := range []int{0, 1, 5, 1024, 2500} {
				w := random(t, r, metric, dimensions, n)
				for range 6 {
					probe := template(r, dimensions, 1.5)
					if n > 0 && r.IntN(2) == 0 {
						probe = w.has[name(r.IntN(n))]
					}
					w.check(t, probe, 1+r.IntN(40), []float64{math.Inf(-1), -.2, .2, .9}[r.IntN(4)])
				}
			}
		}
	}
}

// TestChanges adds, replaces and removes at random and searches in between.
func TestChanges(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 2))
	w := random(t, r, Cosine, 16, 1100)
	for step := range 3000 {
		id := name(r.IntN(1300))
		if r.IntN(5) < 3 {
			_, had := w.has[id]
			if w.Remove(id) != had {
				t.Fatalf("step %d: removal said %v", step, !had)
			}
			delete(w.has, id)
		} else {
			v := template(r, 16, 1)
			must(t, w.Add(id, v))
			w.has[id] = v
		}
		if w.Len() != len(w.has) {
			t.Fatalf("step %d: %d templates, want %d", step, w.Len(), len(w.has))
		}
		if step%50 == 0 {
			w.check(t, template(r, 16, 1), 10, math.Inf(-1))
		}
	}
	// What was removed is wiped, not only forgotten.
	blocks := slices.Clone(w.blocks)
	for id := range w.has {
		w.Remove(id)
	}
	for _, b := range blocks {
		if i := slices.IndexFunc(b, func(v float32) bool { return v != 0 }); i >= 0 {
			t.Fatalf("number %d of a removed block is left", i)
		}
	}
}

func TestPairsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	for _, metric := range []string{Cosine, L2} {
		w := random(t, r, metric, 24, 1100)
		var names []string
		for i := range 1100 {
			names = append(names, name(i))
		}
		for _, probes := range [][]string{nil, {}, {name(3)}, {name(1099), name(3), name(700), name(3)}} {
			const threshold = .8
			got, err := w.Pairs(ctx, PairQuery{Threshold: threshold, Limit: MaxCandidates, Probes: probes, Progress: func(done, total int64) {
				if done > total {
					t.Errorf("%d of %d", done, total)
				}
			}})
			must(t, err)
			found := map[[2]string]float64{}
			for i, p := range got.Pairs {
				if p.A >= p.B || found[[2]string{p.A, p.B}] != 0 || i > 0 && p.Similarity > got.Pairs[i-1].Similarity {
					t.Fatalf("pair %d: %v", i, p)
				}
				found[[2]string{p.A, p.B}] = p.Similarity
			}
			var made int64
			for i := range 1100 {
				for j := range i {
					if probes != nil && !slices.Contains(probes, names[i]) && !slices.Contains(probes, names[j]) {
						continue
					}
					made++
					s := alike(metric, w.has[names[i]].Vector, w.has[names[j]].Vector)
					of, ok := found[[2]string{names[j], names[i]}]
					if ok != (s >= threshold) && math.Abs(s-threshold) > rounding || ok && math.Abs(of-s) > rounding {
						t.Fatalf("%d and %d: %g, found %v %g", j, i, s, ok, of)
					}
				}
			}
			if made != got.Comparisons || got.More || (probes == nil) != (len(found) > 10) {
				t.Errorf("%d comparisons, want %d; %d pairs, more %v", got.Comparisons, made, len(found), got.More)
			}
			if probes == nil {
				few, err := w.Pairs(ctx, PairQuery{Threshold: threshold, Limit: 5})
				must(t, err)
				if len(few.Pairs) != 5 || !few.More || few.Pairs[4].Similarity != got.Pairs[4].Similarity {
					t.Errorf("the five most alike: %v, more %v", few.Pairs, few.More)
				}
				_, err = w.Pairs(ctx, PairQuery{Threshold: threshold, Limit: 5, MaxComparisons: made - 1})
				want(t, err, faceproof.CodeConflict, "max_comparisons")
			}
		}
	}
}

// What is done never becomes less from one call to the next.
func TestProgressOnlyRises(t *testing.T) {
	g, err := New(Config{ModelID: "m", Metric: Cosine, Dimensions: 1, Workers: 8})
	must(t, err)
	one := faceproof.Template{ModelID: "m", Vector: []float32{1}}
	for i := range 40 * blockRows {
		must(t, g.Add(name(i), one))
	}
	rounds := 100 // in most runs enough for two workers to overtake each other
	if testing.Short() {
		rounds = 10
	}
	for range rounds {
		var last, calls int64
		_, err := g.Pairs(ctx, PairQuery{Threshold: 2, Limit: 1, Probes: []string{name(0)}, Progress: func(done, total int64) {
			if calls++; done < last || done > total {
				t.Errorf("%d of %d after %d", done, total, last)
			}
			last = done
		}})
		must(t, err)
		if calls == 0 {
			t.Error("nobody was told")
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		c     Config
		field string
	}{
		{Config{Metric: Cosine}, "model_id"},
		{Config{ModelID: "m", Metric: "l1"}, "metric"},
		{Config{ModelID: "m", Metric: L2, Dimensions: -1}, "dimensions"},
		{Config{ModelID: "m", Metric: L2, Dimensions: maxDimensions + 1}, "dimensions"},
		{Config{ModelID: "m", Metric: L2, Limit: -1}, "limit"},
	} {
		_, err := New(c.c)
		want(t, err, faceproof.CodeInvalid, c.field)
	}
	r := rand.New(rand.NewPCG(8, 4))
	g, err := New(Config{ModelID: "m", Metric: Cosine, Dimensions: 8, Limit: 3})
	must(t, err)
	good := template(r, 8, 1)
	for i := range 3 {
		must(t, g.Add(name(i), good))
	}
	want(t, g.Add(name(4), good), faceproof.CodeConflict, "template")
	must(t, g.Add(name(2), good)) // in its own place
	want(t, g.Add("", good), faceproof.CodeInvalid, "id")
	want(t, g.Add(strings.Repeat("x", maxID+1), good), faceproof.CodeInvalid, "id")
	other := good
	other.ModelID = "other"
	bad := func(v float32) faceproof.Template {
		t := faceproof.Template{ModelID: "m", Frames: 1, Vector: slices.Clone(good.Vector)}
		t.Vector[3] = v
		return t
	}
	for _, c := range []struct {
		t    faceproof.Template
		code faceproof.Code
	}{
		{other, faceproof.CodeConflict},
		{template(r, 9, 1), faceproof.CodeInvalid},
		{faceproof.Template{ModelID: "m", Vector: make([]float32, 8)}, faceproof.CodeInvalid},
		{bad(float32(math.NaN())), faceproof.CodeInvalid},
		{bad(float32(math.Inf(1))), faceproof.CodeInvalid},
		{bad(1e30), faceproof.CodeInvalid},
	} {
		want(t, g.Add(name(0), c.t), c.code, "template")
		_, err := g.Search(ctx, c.t, 1, 0)
		want(t, err, c.code, "template")
	}
	for _, k := range []int{0, -1, MaxCandidates + 1} {
		_, err := g.Search(ctx, good, k, 0)
		want(t, err, faceproof.CodeInvalid, "k")
		_, err = g.Pairs(ctx, PairQuery{Limit: k})
		want(t, err, faceproof.CodeInvalid, "limit")
	}
	_, err = g.Search(ctx, good, 1, math.NaN())
	want(t, err, faceproof.CodeInvalid, "threshold")
	_, err = g.Pairs(ctx, PairQuery{Limit: 1, Probes: []string{"who"}})
	want(t, err, faceproof.CodeNotFound, "probes")
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := g.Search(over, good, 1, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that nobody waits for: %v", err)
	}
	if got, err := g.Search(ctx, good, 9, .5); err != nil || len(got) != 3 {
		t.Errorf("%v %v", got, err)
	}
	blocks := g.blocks
	g.Close()
	if got, err := g.Search(ctx, good, 9, .5); err != nil || len(got) != 0 || g.Len() != 0 {
		t.Errorf("closed: %v %v", got, err)
	}
	for _, v := range blocks[0] {
		if v != 0 {
			t.Fatal("Close wipes nothing")
		}
	}
}

// TestTogether is for the race detector: every answer is one that some state gives.
func TestTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 5))
	w := random(t, r, Cosine, 8, 1500)
	extra, probe := template(r, 8, 1), template(r, 8, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 200 {
			if err := w.Add("extra", extra); err != nil {
				t.Error(err)
			}
			w.Remove("extra")
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 100 {
				got, err := w.Search(ctx, probe, MaxCandidates, math.Inf(-1))
				if err != nil || len(got) != 1500 && len(got) != 1501 {
					t.Errorf("%d candidates, %v", len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

func TestRates(t *testing.T) {
	for _, n := range []int{1, 10, 1e4, 1e6} {
		for _, fpir := range []float64{1e-3, .01, .5} {
			fmr := FMRFor(fpir, n)
			if back := FPIR(fmr, n); math.Abs(back/fpir-1) > 1e-9 {
				t.Errorf("%d, %g: fmr %g, and back %g", n, fpir, fmr, back)
			}
			if fpir == .01 && n > 1 && math.Abs(fmr*float64(n)/fpir-1) > .006 { // nearly fpir/n
				t.Errorf("%d: %g is not nearly %g", n, fmr, fpir/float64(n))
			}
		}
	}
	if got := FPIR(2e-5, 1e5); math.Abs(got-.8647) > 1e-4 { // 1 − e^−2
		t.Errorf("2e-5 in 100,000: %g", got)
	}
	if FPIR(0, 5) != 0 || FPIR(1, 5) != 1 || FPIR(.1, 0) != 0 || !math.IsNaN(FMRFor(0, 5)) || !math.IsNaN(FMRFor(1, 5)) || !math.IsNaN(FMRFor(.1, 0)) {
		t.Error("the ends")
	}
}
