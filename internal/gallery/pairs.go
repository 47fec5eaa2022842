package gallery

import (
	"context"
	"math"
	"sync/atomic"

	"faceproof"
)

// Pair is two references that are alike, A < B.
type Pair struct {
	A, B       string
	Similarity float64
}

// PairQuery says which pairs to look for.
type PairQuery struct {
	Threshold float64 // similarity, at least
	Limit     int     // pairs, at most, the most alike; 1 to MaxCandidates
	// Probes are the ids that are compared with every reference; nil: all with all.
	// Two probes are compared once.
	Probes         []string
	MaxComparisons int64                   // more are refused before any is made; 0: no bound
	Progress       func(done, total int64) // comparisons; called by one goroutine at a time; may be nil
}

// PairAnswer is what Pairs found.
type PairAnswer struct {
	Pairs       []Pair // most alike first
	More        bool   // there were more than Limit
	Comparisons int64
}

// probeTile is how many probes pass a block together: 32 KiB at 128 dimensions, what
// the nearest cache holds, while the block stays in the next.
const probeTile = 64

// Pairs looks for pairs of references that are alike. Additions and removals wait for
// it. Errors: CodeInvalid: the field; CodeNotFound, field "probes"; CodeConflict,
// field "max_comparisons"; ctx's.
func (g *Gallery) Pairs(ctx context.Context, q PairQuery) (PairAnswer, error) {
	if q.Limit < 1 || q.Limit > MaxCandidates {
		return PairAnswer{}, faceproof.Errorf(faceproof.CodeInvalid, "limit", "must be 1 to %d", MaxCandidates)
	}
	if math.IsNaN(q.Threshold) {
		return PairAnswer{}, faceproof.Errorf(faceproof.CodeInvalid, "threshold", "must be a number")
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	n := len(g.ids)
	probes, probe, err := g.probes(q.Probes)
	if err != nil {
		return PairAnswer{}, err
	}
	// All with all less the pairs of no probe: n(n−1)/2 − m(m−1)/2, m = n − probes.
	others := int64(n - len(probes))
	out := PairAnswer{Comparisons: int64(n)*int64(n-1)/2 - others*(others-1)/2}
	if q.MaxComparisons > 0 && out.Comparisons > q.MaxComparisons {
		return PairAnswer{}, faceproof.Errorf(faceproof.CodeConflict, "max_comparisons", "%d references and %d probes need %d comparisons, and %d are allowed", n, len(probes), out.Comparisons, q.MaxComparisons)
	}
	var done atomic.Int64
	report := make(chan struct{}, 1)
	all, err := scan(ctx, g, func(block int, best *best[Pair]) {
		done.Add(g.pairsOf(ctx, block, probes, probe, best))
		if q.Progress == nil {
			return
		}
		select { // one at a time; whoever comes meanwhile goes on
		case report <- struct{}{}:
			q.Progress(done.Load(), out.Comparisons)
			<-report
		default:
		}
	}, func() *best[Pair] { return newBest(q.Limit, q.Threshold, byPair) })
	if err != nil {
		return PairAnswer{}, err
	}
	out.Pairs = all.list()
	out.More = all.dropped
	return out, nil
}

// probes gives the rows of the ids, and for each row whether it is one.
func (g *Gallery) probes(ids []string) (rows []int, is []bool, err error) {
	is = make([]bool, len(g.ids))
	if ids == nil {
		ids = g.ids
	}
	for _, id := range ids {
		row, ok := g.rows[id]
		if !ok {
			return nil, nil, faceproof.Errorf(faceproof.CodeNotFound, "probes", "an id is not in the gallery")
		}
		if !is[row] {
			is[row], rows = true, append(rows, row)
		}
	}
	return rows, is, nil
}

// pairsOf compares the probes with the references of one block and tells how many
// comparisons that were. Two probes are compared where the later row is the reference.
func (g *Gallery) pairsOf(ctx context.Context, block int, probes []int, probe []bool, best *best[Pair]) (made int64) {
	first := block * blockRows
	end := min(first+blockRows, len(g.ids))
	for ; len(probes) > 0 && ctx.Err() == nil; probes = probes[min(probeTile, len(probes)):] {
		tile := probes[:min(probeTile, len(probes))]
		var of [probeTile][]float32
		for i, p := range tile {
			of[i] = g.at(p)
		}
		for r := first; r < end; r++ {
			row := g.at(r)
			for i, p := range tile {
				if p == r || probe[r] && p > r {
					continue
				}
				made++
				if g.near(of[i], row, best.floor) {
					a, b := g.ids[p], g.ids[r]
					best.offer(Pair{min(a, b), max(a, b), g.similarity(of[i], row)})
				}
			}
		}
	}
	return made
}
