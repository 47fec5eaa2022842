package face_test

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"faceproof/internal/face/facetest"
)

// TestMeasureSteps measures what each step of making a template buys, on the
// LFW of the test data: the tables of docs/evaluation.md.
func TestMeasureSteps(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 measures")
	}
	mobile, dlib := describe(t, "standard"), describe(t, "offline")
	make1 := func(d []described, f func(d described) []float32) []who {
		var out []who
		for _, x := range d {
			if x.Vectors[0] != nil {
				out = append(out, who{x.Person, x.Asian, [][]float32{f(x)}})
			}
		}
		return out
	}
	sum := func(a, b []float32) []float32 { return weighed([][]float32{a, b}, ones(2)) }
	t.Log("single pictures, all against all: | EER | TAR at FMR 1e-2 | 1e-3 | 1e-4 | listed group: 1e-2 | 1e-3 | genuine, impostors | listed |")
	single := map[string][]who{
		"1 MobileFaceNet, mesh points (as shipped)": make1(mobile, func(d described) []float32 { return unit(d.Vectors[0]) }),
		"2 … and its mirror image":                  make1(mobile, func(d described) []float32 { return unit(sum(unit(d.Vectors[0]), unit(d.Vectors[1]))) }),
		"3 … aligned by YuNet's points":             make1(mobile, func(d described) []float32 { return unit(d.Vectors[2]) }),
		"4 … by both":                               make1(mobile, func(d described) []float32 { return unit(sum(unit(d.Vectors[0]), unit(d.Vectors[2]))) }),
		"5 … by both, and both mirrored": make1(mobile, func(d described) []float32 {
			return unit(sum(sum(unit(d.Vectors[0]), unit(d.Vectors[2])), sum(unit(d.Vectors[1]), unit(d.Vectors[3]))))
		}),
	}
	for _, name := range slices.Sorted(maps.Keys(single)) {
		t.Log(name, all(single[name], cosine))
	}
	plain := make1(dlib, func(d described) []float32 { return d.Vectors[0] })
	flipped := make1(dlib, func(d described) []float32 { return sum(d.Vectors[0], d.Vectors[1]) })
	t.Log("6 dlib, L2", all(plain, l2))
	t.Log("7 … and its mirror image (as shipped)", all(flipped, l2))
	t.Log("8 … of unit length, cosine", all(make1(dlib, func(d described) []float32 { return unit(sum(d.Vectors[0], d.Vectors[1])) }), cosine))
	// Both models: the scores of each, divided by the spread of its impostors.
	second := map[string][]float32{}
	for _, d := range dlib {
		if d.Vectors[0] != nil {
			second[d.File] = sum(d.Vectors[0], d.Vectors[1])
		}
	}
	var both []who
	for _, d := range mobile {
		if v := second[d.File]; v != nil {
			both = append(both, who{d.Person, d.Asian, [][]float32{unit(d.Vectors[0]), v}})
		}
	}
	fuse := func(share float64) func(a, b who) float64 {
		var z [2][2]float64 // mean and spread of impostors
		r := rand.New(rand.NewPCG(1, 1))
		var sample [2][]float64
		for len(sample[0]) < 50_000 {
			if a, b := both[r.IntN(len(both))], both[r.IntN(len(both))]; a.person != b.person {
				sample[0], sample[1] = append(sample[0], dot(a.v[0], b.v[0])), append(sample[1], l2(who{v: a.v[1:]}, who{v: b.v[1:]}))
			}
		}
		for i, s := range sample {
			for _, x := range s {
				z[i][0] += x / float64(len(s))
			}
			for _, x := range s {
				z[i][1] += (x - z[i][0]) * (x - z[i][0]) / float64(len(s))
			}
			z[i][1] = math.Sqrt(z[i][1])
		}
		return func(a, b who) float64 {
			x, y := (dot(a.v[0], b.v[0])-z[0][0])/z[0][1], (l2(who{v: a.v[1:]}, who{v: b.v[1:]})-z[1][0])/z[1][1]
			return share*x + (1-share)*y
		}
	}
	t.Log("9 both models, .5/.5", all(both, fuse(.5)))
	t.Log("10 both models, .7/.3", all(both, fuse(.7)))
	for _, k := range []int{3, 5} {
		t.Logf("means of %d against means of %d others, ten deals", k, k)
		stepsOfMeans(t, "MobileFaceNet", mobile, k, func(d described) []float32 { return unit(d.Vectors[0]) }, true)
		stepsOfMeans(t, "MobileFaceNet and mirror image", mobile, k, func(d described) []float32 { return unit(sum(unit(d.Vectors[0]), unit(d.Vectors[1]))) }, true)
		stepsOfMeans(t, "dlib", dlib, k, func(d described) []float32 { return d.Vectors[0] }, false)
		stepsOfMeans(t, "dlib and mirror image", dlib, k, func(d described) []float32 { return sum(d.Vectors[0], d.Vectors[1]) }, false)
		stepsOfMeans(t, "dlib and mirror image, unit length, cosine", dlib, k, func(d described) []float32 { return unit(sum(d.Vectors[0], d.Vectors[1])) }, true)
	}
	strangersFound(t, "standard", mobile, func(d described) []float32 { return unit(d.Vectors[0]) })
	strangersFound(t, "offline", dlib, func(d described) []float32 { return sum(d.Vectors[0], d.Vectors[1]) })
}

// stepsOfMeans compares ways to make one template of k pictures.
func stepsOfMeans(t *testing.T, model string, d []described, k int, of func(described) []float32, cos bool) {
	t.Helper()
	people := map[string][]described{}
	for _, x := range d {
		if x.Vectors[0] != nil {
			people[x.Person] = append(people[x.Person], x)
		}
	}
	like := l2
	finish := func(v []float32) []float32 { return v }
	if cos {
		like, finish = cosine, unit
	}
	length := func(x described) float64 { return math.Sqrt(dot(x.Vectors[0], x.Vectors[0])) }
	uq := func(x described) float64 {
		for _, c := range x.Quality.Components.List() {
			if c.Name == "unified_quality_score" && c.Score > 0 {
				return float64(c.Score)
			}
		}
		return 1
	}
	by := func(w func(described) float64) func([]described) []float32 {
		return func(set []described) []float32 {
			v, weights := make([][]float32, len(set)), make([]float64, len(set))
			for i, x := range set {
				v[i], weights[i] = of(x), w(x)
			}
			return finish(weighed(v, weights))
		}
	}
	mean := by(func(described) float64 { return 1 })
	ways := []struct {
		name string
		f    func([]described) []float32
	}{
		{"the first picture alone", func(s []described) []float32 { return of(s[0]) }},
		{"the sharpest alone", func(s []described) []float32 {
			return of(slices.MaxFunc(s, func(a, b described) int { return cmp.Compare(a.Quality.Sharpness, b.Quality.Sharpness) }))
		}},
		{"the best unified score alone", func(s []described) []float32 {
			return of(slices.MaxFunc(s, func(a, b described) int { return cmp.Compare(uq(a), uq(b)) }))
		}},
		{"mean", mean},
		{"mean by sharpness", by(func(x described) float64 { return x.Quality.Sharpness })},
		{"mean by unified score", by(uq)},
		{"mean by length of the raw vector", by(length)},
		{"mean by pose", by(func(x described) float64 {
			return math.Exp(-(math.Abs(x.Quality.Yaw) + math.Abs(x.Quality.Pitch)) / 20)
		})},
		{"mean without the least alike", func(s []described) []float32 {
			worst, lowest := 0, math.Inf(1)
			for i := range s {
				rest := slices.Delete(slices.Clone(s), i, i+1)
				if v := like(who{v: [][]float32{of(s[i])}}, who{v: [][]float32{mean(rest)}}); v < lowest {
					worst, lowest = i, v
				}
			}
			return mean(slices.Delete(slices.Clone(s), worst, worst+1))
		}},
	}
	for _, way := range ways {
		var g, i, ag, ai []float64
		for draw := range uint64(10) {
			r := rand.New(rand.NewPCG(7, draw))
			var made []who
			for _, name := range slices.Sorted(maps.Keys(people)) {
				set := slices.Clone(people[name])
				r.Shuffle(len(set), func(a, b int) { set[a], set[b] = set[b], set[a] })
				for ; len(set) >= k; set = set[k:] {
					made = append(made, who{name, set[0].Asian, [][]float32{way.f(set[:k])}})
				}
			}
			for x, a := range made {
				for _, b := range made[:x] {
					s := like(a, b)
					if a.person == b.person {
						if g = append(g, s); a.asian {
							ag = append(ag, s)
						}
					} else if i = append(i, s); a.asian && b.asian {
						ai = append(ai, s)
					}
				}
			}
		}
		t.Log(k, model+":", way.name, separated(g, i, ag, ai))
	}
}

// strangersFound puts a stranger among the photos of one person.
func strangersFound(t *testing.T, pack string, d []described, of func(described) []float32) {
	t.Helper()
	e := facetest.Open(t, pack)
	people := map[string][]described{}
	for _, x := range d {
		if x.Vectors[0] != nil && x.Refused == "" {
			people[x.Person] = append(people[x.Person], x)
		}
	}
	names := slices.Sorted(maps.Keys(people))
	for _, n := range []int{2, 3, 5} {
		var clean, alarms, mixed, named, refused, asianMixed, asianMissed int
		r := rand.New(rand.NewPCG(11, uint64(n)))
		for _, name := range names {
			set := people[name]
			if len(set) < n {
				continue
			}
			for range 5 {
				r.Shuffle(len(set), func(a, b int) { set[a], set[b] = set[b], set[a] })
				var v [][]float32
				for _, x := range set[:n] {
					v = append(v, of(x))
				}
				if bad, ok := e.Strangers(v); len(bad) > 0 || !ok {
					alarms++
				}
				clean++
				other := names[r.IntN(len(names))]
				for other == name || people[other][0].Asian != set[0].Asian {
					other = names[r.IntN(len(names))]
				}
				v[n-1] = of(people[other][r.IntN(len(people[other]))])
				bad, ok := e.Strangers(v)
				mixed++
				switch {
				case !ok:
					refused++
				case slices.Equal(bad, []int{n - 1}):
					named++
				case len(bad) > 0:
					refused++
				default:
					if set[0].Asian {
						asianMissed++
					}
				}
				if set[0].Asian {
					asianMixed++
				}
			}
		}
		t.Logf("%s, %d photos: without a stranger %d of %d refused; with one of the same list %d of %d named, %d more refused; listed group missed %d of %d", pack, n, alarms, clean, named, mixed, refused, asianMissed, asianMixed)
	}
}
