package face

import (
	"context"
	"fmt"
	"math"

	"faceproof/internal/imaging"
	"faceproof/internal/onnx"
)

// MinMeshScore is the score below which the mesh net says "not a face"
// (models.md: above it on 99.9 % of LFW).
const MinMeshScore = 0.5

// meshMargin is the side of the net's crop over the larger side of the mesh's
// upright box, as MediaPipe tracks.
const meshMargin = 1.5

// maxLooks bounds the looks of Landmarks at one face.
const maxLooks = 5

// Landmarks finds the mesh of a detected face. The net's answer depends on its
// crop, so it looks again with the crop that its own mesh suggests until that
// hardly moves: one or two looks for an upright face, up to five for one that
// leans; a single look may cost half of the similarity. A Score below
// MinMeshScore says that there is no face; it is not an error.
func (e *Engine) Landmarks(ctx context.Context, m *imaging.Image, f Face) (Landmarks, error) {
	l, _, err := e.look(ctx, m, f, 1, maxLooks)
	return l, err
}

// look is Landmarks with another share of what counts as near, and says how often it
// looked.
func (e *Engine) look(ctx context.Context, m *imaging.Image, f Face, share float64, most int) (l Landmarks, looks int, err error) {
	r := e.firstRegion(f)
	l, err = e.mesh(ctx, m, r)
	for looks = 1; looks < most && err == nil && l.Score >= MinMeshScore; looks++ {
		next := l.region()
		if next.near(r, share) {
			break
		}
		var again Landmarks
		if again, err = e.mesh(ctx, m, next); again.Score < MinMeshScore {
			break // the second look lost what the first had
		}
		l, r = again, next
	}
	return l, looks, err
}

// Two crops within these show a face alike: in sides, and degrees. At half of them one
// look in five is more, and the similarity of 50,086 pairs moves by .0056 to .0079 (rms),
// by nothing on average; 375 are above the threshold with either (docs/evaluation.md).
const (
	nearSide = .04
	nearTurn = 2.
)

// near says that two crops show a face alike, within a share of these.
func (r region) near(o region, share float64) bool {
	side, turn := share*nearSide*o.side, share*nearTurn*math.Pi/180
	return r.center.dist(o.center) < side && math.Abs(r.side-o.side) < side && math.Abs(math.Remainder(r.angle-o.angle, 2*math.Pi)) < turn
}

// Track finds the mesh where it was in the previous frame, without a detector.
// A Score below MinMeshScore says that the face was lost: detect again.
func (e *Engine) Track(ctx context.Context, m *imaging.Image, prev *Landmarks) (Landmarks, error) {
	return e.mesh(ctx, m, prev.region())
}

// region is the crop in which the net should see this face again: upright by
// the eye line.
func (l *Landmarks) region() region {
	d := l.point(rightEyeOuter).sub(l.point(leftEyeOuter))
	angle := math.Atan2(d.Y, d.X)
	c, s := math.Cos(angle), math.Sin(angle)
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range l.Points {
		x, y := c*p[0]+s*p[1], -s*p[0]+c*p[1]
		x0, x1 = min(x0, x), max(x1, x)
		y0, y1 = min(y0, y), max(y1, y)
	}
	cx, cy := (x0+x1)/2, (y0+y1)/2
	return region{Point{c*cx - s*cy, s*cx + c*cy}, meshMargin * max(x1-x0, y1-y0), angle}
}

// mesh runs the net on a region.
func (e *Engine) mesh(ctx context.Context, m *imaging.Image, r region) (l Landmarks, err error) {
	n := e.landmarks.spec.W
	a := r.affine(n)
	err = e.landmarks.run(ctx, m, a, func(out []onnx.Tensor) error { return l.read(out, a, r.side/float64(n)) })
	return l, err
}

// read takes the net's outputs; a maps its crop onto the image, k scales depths.
func (l *Landmarks) read(out []onnx.Tensor, a imaging.Affine, k float64) error {
	var raw []float32
	for _, t := range out {
		switch len(t.Data) {
		case 3 * len(l.Points):
			raw = t.Data
		case 1:
			l.Score = float64(t.Data[0])
		}
	}
	if raw == nil {
		return fmt.Errorf("face: unexpected output of the landmark net")
	}
	for i := range l.Points {
		x, y := a.Apply(float64(raw[3*i]), float64(raw[3*i+1]))
		l.Points[i] = [3]float64{x, y, k * float64(raw[3*i+2])}
	}
	return nil
}

// firstRegion turns a detection into the crop in which the net finds the mesh.
// The detectors' boxes differ: the factors make it, in the median over portraits,
// equal to Landmarks.region.
func (e *Engine) firstRegion(f Face) region {
	d := f.Points[1].sub(f.Points[0])
	c := f.Box.center()
	return region{c, e.cropFactor * max(f.Box.W, f.Box.H), math.Atan2(d.Y, d.X)}
}
