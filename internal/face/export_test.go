package face

import (
	"context"

	"faceproof/internal/imaging"
)

// Descriptors gives the network's raw outputs for one face: aligned as Embed
// does it, its mirror image, and both aligned by the detector's own points,
// which only YuNet's are good for. Tests measure with it what each step buys.
func (e *Engine) Descriptors(ctx context.Context, m *imaging.Image, f Face, l Landmarks) (out [4][]float32, err error) {
	a, ok := e.align(&l)
	if !ok {
		return out, nil
	}
	alignments := []imaging.Affine{a, flip(a, e.embedder.spec.W)}
	if !e.dlib {
		n := float64(e.embedder.spec.W)
		var to [5]Point
		for i, p := range arcFace {
			to[i] = p.add(Point{0.5, 0.5}).scale(n / 112)
		}
		if b, ok := similarity(to[:], f.Points[:]); ok {
			alignments = append(alignments, b, flip(b, e.embedder.spec.W))
		}
	}
	for i, a := range alignments {
		if out[i], err = e.descriptor(ctx, m, a); err != nil {
			return out, err
		}
	}
	return out, nil
}

// Strangers is the enrolment's judgement of vectors.
func (e *Engine) Strangers(v [][]float32) ([]int, bool) { return e.strangers(v) }

// NearSide is how near two crops must be, in sides.
const NearSide = nearSide

// Looked is Landmarks with another nearness, in sides, and at most so many looks; it
// says how many there were.
func (e *Engine) Looked(ctx context.Context, m *imaging.Image, f Face, within float64, most int) (l Landmarks, looks int, err error) {
	return e.look(ctx, m, f, within/nearSide, most)
}
