package gallery

import (
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"faceproof"
)

// TestMeasureSearch times one probe in galleries of random unit vectors (simulated)
// beside a plain loop with one sum over a [][]float32 whose vectors were made one
// after the other. docs/models.md has the numbers.
func TestMeasureSearch(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	for _, n := range []int{1e4, 1e5, 1e6} {
		r := rand.New(rand.NewPCG(8, 6))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		one, err := New(Config{ModelID: "m", Metric: Cosine, Workers: 1})
		must(t, err)
		for i := range n {
			must(t, one.Add(name(i), template(r, 128, 1)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		probe := template(r, 128, 1)
		loose := make([][]float32, n)
		for i := range loose {
			loose[i] = slices.Clone(one.at(i)[:128])
		}
		all := one.clone()
		all.c.Workers = runtime.GOMAXPROCS(0)
		distance := one.clone()
		distance.c.Metric = L2
		search := func(g *Gallery) func() {
			return func() {
				_, err := g.Search(ctx, probe, 10, .5)
				must(t, err)
			}
		}
		// In turn, so that whatever else the machine does falls on each alike.
		ways := []struct {
			name  string
			do    func()
			times []time.Duration
			spent []time.Duration // processor time
		}{
			{name: "naive loop", do: func() { naiveBest(loose, probe) }},
			{name: "cosine, one core", do: search(one)},
			{name: "l2, one core", do: search(distance)},
			{name: "cosine, all cores", do: search(all)},
		}
		for round := range 16 {
			for i := range ways {
				from, used := time.Now(), processor(t)
				ways[i].do()
				if took, spent := time.Since(from), processor(t)-used; round > 0 {
					ways[i].times, ways[i].spent = append(ways[i].times, took), append(ways[i].spent, spent)
				}
			}
		}
		for i := range ways {
			w := &ways[i]
			slices.Sort(w.times)
			slices.Sort(w.spent)
			t.Logf("%8d %-18s median %8.3f ms, fastest %8.3f, processor %8.3f; naive is %.2f times that by the median of processor time", n, w.name,
				float64(w.times[7])/1e6, float64(w.times[0])/1e6, float64(w.spent[7])/1e6, float64(ways[0].spent[7])/float64(w.spent[7]))
		}
		t.Logf("%8d memory: %d bytes a template", n, (after.HeapAlloc-before.HeapAlloc)/uint64(n))
		if n <= 1e4 {
			from := processor(t)
			got, err := one.Pairs(ctx, PairQuery{Threshold: .5, Limit: 100})
			must(t, err)
			spent := processor(t) - from
			t.Logf("%8d all with all: %v of processor time, %.1f ns a comparison", n, spent, float64(spent)/float64(got.Comparisons))
		}
	}
}

// processor is the time of all cores that the process has used.
func processor(t *testing.T) time.Duration {
	var u syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// clone is another gallery on the same rows.
func (g *Gallery) clone() *Gallery {
	return &Gallery{c: g.c, stride: g.stride, slack: g.slack, blocks: g.blocks, ids: g.ids, rows: g.rows}
}

func naiveBest(all [][]float32, probe faceproof.Template) (best int, most float32) {
	for i, v := range all {
		var s float32
		for j := range v {
			s += v[j] * probe.Vector[j]
		}
		if s > most {
			best, most = i, s
		}
	}
	return best, most
}
