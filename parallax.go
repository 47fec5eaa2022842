package faceproof

import "slices"

// ParallaxEvidence is a second test of shape, without light: while a face comes
// closer, what is nearer grows more. See internal/face for the measure.
type ParallaxEvidence struct {
	Slope      float64 `json:"slope"`      // of that on what the face's mesh predicts: 0 flat, about 1 live
	SE         float64 `json:"se"`         // its standard error
	L          float64 `json:"l"`          // ln likelihood ratio of a head to a sheet, flat or bent; near 0: it moved too little to know
	Growth     float64 `json:"growth"`     // width of the face in the picture, largest over least
	Frames     int     `json:"frames"`     // previews that were compared
	Continuity float64 `json:"continuity"` // similarity of the nearest preview's face to the capture's mean template; 0: not compared
}

// ParallaxMode says when a person is asked to come closer before the colours.
type ParallaxMode string

// The modes.
const (
	ParallaxAuto   ParallaxMode = "auto"   // after an attempt whose light did not show the shape
	ParallaxAlways ParallaxMode = "always" //
	ParallaxNever  ParallaxMode = "never"  //
)

// ParallaxPolicy says when to ask for parallax and what it may weigh. It adds to
// L, and both weights are bounded: the two share the mesh's idea of a face, and
// one may be deceived where the other is not.
type ParallaxPolicy struct {
	Parallax      ParallaxMode `json:"parallax"`
	ParallaxPass  float64      `json:"parallax_pass"`  // L at most for a face; less than MinL: it never passes anything alone
	ParallaxSpoof float64      `json:"parallax_spoof"` // L at most against it
	ParallaxFlat  float64      `json:"parallax_flat"`  // L of the parallax below which it is flat whatever the light
}

// DefaultParallaxPolicy is the published default; docs/evaluation.md has the
// simulation that set it.
func DefaultParallaxPolicy() ParallaxPolicy {
	return ParallaxPolicy{Parallax: ParallaxAuto, ParallaxPass: 1.5, ParallaxSpoof: 4, ParallaxFlat: -6}
}

// AskApproach says whether the next attempt begins with coming closer. last is
// why the one before it was inconclusive, empty before the first.
func AskApproach(p Policy, last Reason) bool {
	switch p.Parallax {
	case ParallaxAlways:
		return true
	case ParallaxAuto:
		return slices.Contains([]Reason{ReasonWeakLight, ReasonFreshUnsure, ReasonShapeUnsure, ReasonBackgroundUnsure}, last)
	}
	return false
}

// flat says whether the parallax rejects without the light's help: never against
// a clear answer of the colours.
func (x *ParallaxEvidence) flat(p Policy, l float64) bool {
	return x != nil && x.L < p.ParallaxFlat && l < p.SpoofL
}

// weight is what the parallax adds to L. It speaks for a face only when that is
// the one that the colours fell on.
func (x *ParallaxEvidence) weight(p Policy) float64 {
	if x == nil {
		return 0
	}
	most := p.ParallaxPass
	if x.Continuity < p.MinContinuity {
		most = 0
	}
	return min(max(x.L, -p.ParallaxSpoof), most)
}
