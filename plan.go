package faceproof

// Plan is how long the colours of a challenge last. A challenge and the
// candidates of its freshness test have one plan.
type Plan struct {
	Segments  int // colours
	SegmentMS int // of each, the wipe included
}

// The plans. Weak light asks for more colours, not for longer ones: the shape of
// the answer is measured once a change, and the freshness test gains by length
// (docs/evaluation.md has both by simulation). None is shorter than 350 ms a
// segment, and the safety test plays each.
var (
	PlanUsual  = Plan{Segments: 10, SegmentMS: 400}
	PlanStrict = Plan{Segments: 12, SegmentMS: 400}
	PlanLong   = Plan{Segments: 16, SegmentMS: 400}
)

// Plans lists every plan that PlanColours can give.
func Plans() []Plan { return []Plan{PlanUsual, PlanStrict, PlanLong} }
