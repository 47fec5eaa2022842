package faces

import (
	"math"
	"slices"
)

// spread is how often each score came, highest first, with the count at or above
// it: all that rates need.
type spread struct {
	scores []int // falling
	above  []int // how many are at or above scores[i]
	n      int
}

func newSpread(counts map[int]int) spread {
	var s spread
	for score := range counts {
		s.scores = append(s.scores, score)
	}
	slices.SortFunc(s.scores, func(a, b int) int { return b - a })
	for _, score := range s.scores {
		s.n += counts[score]
		s.above = append(s.above, s.n)
	}
	return s
}

// atLeast is how many reach a score.
func (s *spread) atLeast(score int) int {
	i, _ := slices.BinarySearchFunc(s.scores, score, func(x, want int) int { return want - x })
	if i < len(s.scores) && s.scores[i] == score {
		return s.above[i]
	}
	if i == 0 {
		return 0
	}
	return s.above[i-1]
}

// threshold is the least score that at most allowed of them reach. With none
// allowed it is just above the highest.
func (s *spread) threshold(allowed int) int {
	best := maxScore
	if len(s.scores) > 0 {
		best = s.scores[0] + 1
	}
	for i, score := range s.scores {
		if s.above[i] > allowed {
			break
		}
		best = score
		// Down to just above the next score nothing more is let in.
		if i+1 < len(s.scores) {
			best = s.scores[i+1] + 1
		}
	}
	return best
}

// spreads are those of one group, or of all.
type spreads struct{ genuine, impostor spread }

// of counts the trials of a group, −1: all. Impostors of a group are within it.
func (t *trials) of(group int) spreads {
	g, i := map[int]int{}, map[int]int{}
	in := func(s int) bool { return group < 0 || t.subjects[s].group == group }
	for _, x := range t.genuine {
		if in(x.a) {
			g[x.score]++
		}
	}
	for _, x := range t.impostor {
		if in(x.a) && in(x.b) {
			i[x.score]++
		}
	}
	for c, counts := range t.rest {
		if group < 0 || int(c) == group {
			for score, n := range counts {
				i[score] += n
			}
		}
	}
	return spreads{newSpread(g), newSpread(i)}
}

// eer is the rate where as many genuine are under a score as impostors reach it;
// between two steps, their mean.
func (s *spreads) eer() float64 {
	best, gap := 1., math.Inf(1)
	for _, score := range s.thresholds() {
		fmr, fnmr := s.fmr(score), s.fnmr(score)
		if d := math.Abs(fmr - fnmr); d < gap {
			best, gap = (fmr+fnmr)/2, d
		}
	}
	return best
}

// thresholds are the scores where a rate changes, falling.
func (s *spreads) thresholds() []int {
	all := slices.Concat(s.genuine.scores, s.impostor.scores)
	slices.SortFunc(all, func(a, b int) int { return b - a })
	return slices.Compact(all)
}

// fmr is the share of impostors that reach a score.
func (s *spreads) fmr(score int) float64 {
	return float64(s.impostor.atLeast(score)) / float64(max(s.impostor.n, 1))
}

// fnmr is the share of genuine that do not.
func (s *spreads) fnmr(score int) float64 {
	return float64(s.genuine.n-s.genuine.atLeast(score)) / float64(max(s.genuine.n, 1))
}

// auc is how often a genuine score is above an impostor's, ties halved.
func (s *spreads) auc() float64 {
	if s.genuine.n == 0 || s.impostor.n == 0 {
		return 0
	}
	sum, last := 0., 0
	for i, score := range s.genuine.scores {
		n := s.genuine.above[i] - last
		last = s.genuine.above[i]
		over := s.impostor.atLeast(score + 1)
		tied := s.impostor.atLeast(score) - over
		sum += float64(n) * (float64(s.impostor.n-over-tied) + float64(tied)/2)
	}
	return sum / float64(s.genuine.n) / float64(s.impostor.n)
}

// fold is one fold of a list of pairs.
type fold struct{ genuine, impostor []int }

// accuracies gives each fold's share of right answers at the threshold that is
// best on the other folds (LFW's protocol). The threshold is the middle of those
// that are equally good.
func (t *trials) accuracies() []float64 {
	var folds []fold
	put := func(x trial, same bool) {
		for len(folds) <= x.fold {
			folds = append(folds, fold{})
		}
		if f := &folds[x.fold]; same {
			f.genuine = append(f.genuine, x.score)
		} else {
			f.impostor = append(f.impostor, x.score)
		}
	}
	for _, x := range t.genuine {
		put(x, true)
	}
	for _, x := range t.impostor {
		put(x, false)
	}
	if len(folds) < 2 {
		return nil
	}
	var out []float64
	for i, f := range folds {
		var rest fold
		for j, o := range folds {
			if j != i {
				rest.genuine, rest.impostor = append(rest.genuine, o.genuine...), append(rest.impostor, o.impostor...)
			}
		}
		if n := len(f.genuine) + len(f.impostor); n > 0 {
			out = append(out, float64(f.right(rest.best()))/float64(n))
		}
	}
	return out
}

// right counts right answers where a score of at least cut is the same person.
func (f *fold) right(cut int) (n int) {
	for _, s := range f.genuine {
		if s >= cut {
			n++
		}
	}
	for _, s := range f.impostor {
		if s < cut {
			n++
		}
	}
	return n
}

func (f *fold) best() int {
	cuts := slices.Concat(f.genuine, f.impostor)
	slices.Sort(cuts)
	most, first, last := -1, 0, 0
	for _, c := range slices.Compact(cuts) {
		if n := f.right(c); n > most {
			most, first, last = n, c, c
		} else if n == most {
			last = c
		}
	}
	return (first + last) / 2
}
