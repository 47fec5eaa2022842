package gallery

import (
	"cmp"
	"slices"
	"strings"
)

// best keeps the first k of what is offered, in an order: it lets the list grow to
// 2k before it sorts and cuts, and then asks for more than the worst that it kept.
type best[T any] struct {
	k       int
	floor   float64 // similarity that is worth offering
	order   func(a, b T) int
	level   func(T) float64
	kept    []T
	dropped bool // some were above the threshold and are not kept
}

type ranked interface{ similarity() float64 }

func (c Candidate) similarity() float64 { return c.Similarity }
func (p Pair) similarity() float64      { return p.Similarity }

func newBest[T ranked](k int, threshold float64, order func(a, b T) int) *best[T] {
	return &best[T]{k: k, floor: threshold, order: order, level: func(v T) float64 { return v.similarity() }}
}

func (b *best[T]) offer(v T) {
	if b.level(v) < b.floor {
		return
	}
	if b.kept = append(b.kept, v); len(b.kept) >= 2*b.k {
		b.cut()
	}
}

func (b *best[T]) cut() {
	slices.SortFunc(b.kept, b.order)
	if n := len(b.kept) - b.k; n > 0 {
		b.dropped = true
		clear(b.kept[b.k:])
		b.kept = b.kept[:b.k]
		b.floor = b.level(b.kept[b.k-1])
	}
}

func (b *best[T]) list() []T {
	b.cut()
	return b.kept
}

func byCandidate(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), strings.Compare(a.ID, b.ID))
}

func byPair(a, b Pair) int {
	return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), strings.Compare(a.A, b.A), strings.Compare(a.B, b.B))
}
