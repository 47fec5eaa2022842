package faceproof

import "math"

// Plan is how long the colours of a challenge last. A challenge and the
// candidates of its freshness test have one plan.
type Plan struct {
	Segments  int // colours
	SegmentMS int // of each, the wipe included
}

// The plans. Weak light asks for more colours, not for longer or shorter ones:
// the number of changes is what the freshness test and the shape gain by, and 350 ms
// a colour blur the shape (docs/evaluation.md, simulated). The palette is the
// same for all: its colours are the corners of the screen's gamut but white, black
// and saturated red, so that no choice among them would show better.
var (
	PlanUsual  = Plan{Segments: 10, SegmentMS: 400}
	PlanStrict = Plan{Segments: 12, SegmentMS: 400}
	PlanLong   = Plan{Segments: 16, SegmentMS: 400}
)

// Plans lists every plan that PlanColours can give.
func Plans() []Plan { return []Plan{PlanUsual, PlanStrict, PlanLong} }

// PlanColours chooses the plan by the light that was predicted from e. It is
// pure. Light that is not surely enough, lightSigmas standard errors above
// LightThin, is given more colours, and so is what is shown although it was
// predicted not to show; where frames are few, or nothing was predicted, a longer
// challenge would only cost more. The choice follows from what the camera saw
// before any colour was drawn, so that it cannot spoil the freshness test.
func PlanColours(p Policy, l Light, e LightEvidence) Plan {
	plan := PlanUsual
	if p.MinSegments > plan.Segments {
		plan = PlanStrict
	}
	switch l {
	case LightWeak, LightBright, LightThin:
		plan = PlanLong
	case LightEnough:
		if e.Amplitude-lightSigmas*math.Hypot(e.Error, lightFloor) < thinLight {
			plan = PlanLong
		}
	}
	return plan
}

// Strict makes a policy one for what must not be guessed: a freshness FAR of
// 1e-4 a verification instead of 1e-3, at least 12 colours, ten times the
// candidates, without which so small a p could not be told, the shape of a
// face beyond doubt, and no pass by digits without the light under them. A live person in weak light is asked to try again more
// often.
func (p Policy) Strict() Policy {
	p.ID, p.Alpha, p.Candidates, p.MinSegments = "strict-1", min(p.Alpha, 1e-4), 100_000, PlanStrict.Segments
	p.MinL, p.SureL = max(p.MinL, 3.5), max(p.SureL, 5)
	p.MinLevel = LevelStandard
	p.PADLive = 2 // the light alone
	return p
}
