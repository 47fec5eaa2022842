package aloud

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"faceproof/internal/eval/score"
)

// Share is a rate over strings of several voices. Its exact interval treats the
// strings as independent, which those of one voice are not; ByVoice does not.
type Share struct {
	score.Rate
	ByVoice *Span `json:"by_voice,omitempty"` // 95 %, whole voices drawn again; not with fewer than three
}

// Span is an interval.
type Span struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// resamples of a bootstrap.
const resamples = 2000

// share counts, by voice, and draws the voices again.
func share(r *rand.Rand, hits, of map[string]int) Share {
	var names []string
	k, n := 0, 0
	for v, m := range of {
		if m > 0 {
			names, k, n = append(names, v), k+hits[v], n+m
		}
	}
	slices.Sort(names)
	s := Share{Rate: score.Proportion(k, n)}
	if len(names) < 3 {
		return s
	}
	means := make([]float64, resamples)
	for i := range means {
		k, n := 0, 0
		for range names {
			v := names[r.IntN(len(names))]
			k, n = k+hits[v], n+of[v]
		}
		means[i] = float64(k) / float64(n)
	}
	s.ByVoice = span(means)
	return s
}

// span gives the 2.5 and 97.5 % quantiles.
func span(v []float64) *Span {
	q := score.Quantiles(v, .025, .975)
	return &Span{round(q[0].Value), round(q[1].Value)}
}

// round keeps what a report can mean, so that two machines write the same.
func round(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// threshold is the score that at most far of the impostors exceed, and how many
// of them do.
func threshold(impostors []float64, far float64) (t float64, events int) {
	if len(impostors) == 0 {
		return math.Inf(1), 0
	}
	s := slices.Clone(impostors)
	slices.SortFunc(s, func(a, b float64) int { return cmp.Compare(b, a) })
	events = min(int(far*float64(len(s))+1e-9), len(s)-1)
	return s[events], events
}

// AUC is how often one of the first is above one of the second, ties halved;
// .5 says nothing. Each has a weight.
func auc(a, b []weighed) float64 {
	sum, all := 0., 0.
	for _, x := range a {
		for _, y := range b {
			w := x.w * y.w
			all += w
			switch {
			case x.v > y.v:
				sum += w
			case x.v == y.v:
				sum += w / 2
			}
		}
	}
	if all == 0 {
		return math.NaN()
	}
	return sum / all
}

// weighed is a score that counts w times.
type weighed struct{ v, w float64 }

// eer is the error where as many of a are at or below a threshold as of b are
// above it; between two steps, their mean.
func eer(a, b []weighed) float64 {
	var cuts []float64
	for _, x := range slices.Concat(a, b) {
		cuts = append(cuts, x.v)
	}
	slices.Sort(cuts)
	best, gap := 1., math.Inf(1)
	for _, t := range slices.Compact(append([]float64{math.Inf(-1)}, cuts...)) {
		miss, pass := 1-above(a, t), above(b, t)
		if d := math.Abs(miss - pass); d < gap {
			best, gap = (miss+pass)/2, d
		}
	}
	return best
}

// above is the weight over t.
func above(a []weighed, t float64) float64 {
	k, n := 0., 0.
	for _, x := range a {
		n += x.w
		if x.v > t {
			k += x.w
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return k / n
}
