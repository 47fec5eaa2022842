package faces

import (
	"math"
	"math/rand/v2"
	"slices"

	"faceproof/internal/eval/score"
)

// Span is a 95 % interval from drawing whole persons again.
type Span struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// bootstrap draws persons with replacement and weighs every comparison by how
// often its persons were drawn: comparisons of one person are alike, and those
// who resemble many others come again with all of them.
type bootstrap struct {
	t        *trials
	group    int
	persons  []int
	genuine  []trial    // falling
	impostor []trial    // falling, those that are listed
	sides    [][2]int32 // the persons of impostor, close together: they are read a thousand times
	r        *rand.Rand
	weight   []float64
}

// few is the number of persons below which an interval says nothing.
const few = 5

func newBootstrap(t *trials, group int, seed uint64) *bootstrap {
	b := &bootstrap{t: t, group: group, r: rand.New(rand.NewPCG(seed, uint64(group+2))), weight: make([]float64, len(t.subjects))}
	part := make([]bool, len(t.subjects))
	in := func(s int) bool { return group < 0 || t.subjects[s].group == group }
	for _, x := range t.genuine {
		if in(x.a) {
			b.genuine, part[x.a] = append(b.genuine, x), true
		}
	}
	for _, x := range t.impostor {
		if in(x.a) && in(x.b) {
			b.impostor, part[x.a], part[x.b] = append(b.impostor, x), true, true
		}
	}
	for i, s := range t.subjects {
		if in(i) && (part[i] || s.probes+s.references > 0) {
			b.persons = append(b.persons, i)
		}
	}
	falling := func(a, b trial) int { return b.score - a.score }
	slices.SortStableFunc(b.genuine, falling)
	slices.SortStableFunc(b.impostor, falling)
	for _, x := range b.impostor {
		b.sides = append(b.sides, [2]int32{int32(x.a), int32(x.b)})
	}
	return b
}

// draw draws the persons once more.
func (b *bootstrap) draw() {
	clear(b.weight)
	for range b.persons {
		b.weight[b.persons[b.r.IntN(len(b.persons))]]++
	}
}

// of is the weight of a comparison.
func (b *bootstrap) of(x trial) float64 {
	if x.a == x.b {
		return b.weight[x.a]
	}
	return b.weight[x.a] * b.weight[x.b]
}

// intervals are those of a group's rates: FMR and FNMR at a threshold, and FNMR
// at thresholds that are set anew, in every draw, for each of the fmrs (falling).
// nil: too few persons, or the listed comparisons do not reach so far.
type intervals struct {
	fmr, fnmr *Span
	at        []*Span
}

func (b *bootstrap) run(n, shipped int, fmrs []float64) intervals {
	out := intervals{at: make([]*Span, len(fmrs))}
	if len(b.persons) < few || len(b.genuine) == 0 || len(b.impostor) == 0 {
		return out
	}
	var fmr, fnmr []float64
	at := make([][]float64, len(fmrs))
	for range n {
		b.draw()
		all := 0.
		for _, x := range b.genuine {
			all += b.of(x)
		}
		impostors := 0.
		if b.t.Kind == KindFolders {
			impostors = b.t.comparisons(b.weight, b.group)
		} else {
			for _, x := range b.impostor {
				impostors += b.of(x)
			}
		}
		if all == 0 || impostors == 0 {
			continue
		}
		// Down the impostors once; the thresholds that the rates ask for, from the
		// smallest rate to the largest.
		cuts := make([]int, len(fmrs))
		k, sum := len(fmrs)-1, 0.
		matched, counted := 0., false
		next := fmrs[k] * impostors
		for i, s := range b.sides {
			if !counted && b.impostor[i].score < shipped {
				if matched, counted = sum, true; k < 0 {
					break
				}
			}
			w := b.weight[s[0]]
			if s[0] != s[1] {
				w *= b.weight[s[1]]
			}
			if sum += w; sum <= next || w == 0 {
				continue
			}
			for ; k >= 0 && sum > fmrs[k]*impostors; k-- {
				cuts[k] = b.impostor[i].score + 1
			}
			if next = math.Inf(1); k >= 0 {
				next = fmrs[k] * impostors
			} else if counted {
				break
			}
		}
		if !counted {
			matched = sum
		}
		for ; k >= 0; k-- {
			cuts[k] = math.MinInt
		}
		if shipped >= b.t.Cut {
			fmr = append(fmr, matched/impostors)
		}
		miss := func(cut int) float64 {
			hit := 0.
			for _, x := range b.genuine {
				if x.score < cut {
					break
				}
				hit += b.of(x)
			}
			return 1 - hit/all
		}
		fnmr = append(fnmr, miss(shipped))
		for i, cut := range cuts {
			if cut != math.MinInt {
				at[i] = append(at[i], miss(cut))
			}
		}
	}
	out.fmr, out.fnmr = span(fmr, n), span(fnmr, n)
	for i := range at {
		out.at[i] = span(at[i], n)
	}
	return out
}

// span gives the 2.5 and 97.5 % quantiles, of values that nearly all draws gave.
func span(v []float64, n int) *Span {
	if len(v) < n*39/40 || len(v) == 0 {
		return nil
	}
	q := score.Quantiles(v, .025, .975)
	return &Span{round(q[0].Value), round(q[1].Value)}
}

// round keeps six significant digits, so that two machines write the same.
func round(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	k := math.Pow(10, 5-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*k) / k
}
