package face

import (
	"context"
	"fmt"
	"math"
	"slices"

	"faceproof"
	"faceproof/internal/imaging"
	"faceproof/internal/onnx"
)

// arcFace is the template that ArcFace-style embedders are trained on (Deng et
// al. 2019): eyes, nose tip, mouth corners in 112 × 112 pixels.
var arcFace = [5]Point{
	{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041},
}

// dlibChip is dlib's five-point template on the unit square
// (get_face_chip_details): outer and inner corner of the eye on the image's
// right, the same on its left, base of the nose.
var dlibChip = [5]Point{
	{0.8595674595992, 0.2134981538014}, {0.6460604764104, 0.2289674387677},
	{0.1205750620789, 0.2137274526848}, {0.3340850613712, 0.2290642403242},
	{0.4901123135679, 0.6277975316475},
}

// dlibPadding is the border around the template, as the net was trained.
const dlibPadding = 0.25

// Embed gives the embedding of a face: of unit length when the pack's metric
// is made for that (Match.UnitNorm), else the network's raw descriptor. The
// alignment uses the mesh, so a mesh whose Score is below MinMeshScore is an
// error, CodeInvalid, field "face".
func (e *Engine) Embed(ctx context.Context, m *imaging.Image, f Face, l Landmarks) ([]float32, error) {
	if l.Score < MinMeshScore {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "face", "no face can be seen there")
	}
	a, ok := e.align(&l)
	if !ok {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "face", "the landmarks do not make a face")
	}
	v, err := e.descriptor(ctx, m, a)
	if err != nil {
		return nil, err
	}
	if e.mirror {
		w, err := e.descriptor(ctx, m, flip(a, e.embedder.spec.W))
		if err != nil {
			return nil, err
		}
		for i := range v {
			v[i] = (v[i] + w[i]) / 2
		}
	}
	if e.pack.Match.UnitNorm {
		normalise(v)
	}
	return v, nil
}

func (e *Engine) descriptor(ctx context.Context, m *imaging.Image, a imaging.Affine) ([]float32, error) {
	var v []float32
	err := e.embedder.run(ctx, m, a, func(out []onnx.Tensor) error {
		if len(out) != 1 || len(out[0].Data) == 0 {
			return fmt.Errorf("face: unexpected output of the embedder")
		}
		v = slices.Clone(out[0].Data)
		return nil
	})
	return v, err
}

// align maps the embedder's input onto the image.
func (e *Engine) align(l *Landmarks) (imaging.Affine, bool) {
	n := float64(e.embedder.spec.W)
	var to, from [5]Point
	if e.dlib {
		from = [5]Point{l.point(rightEyeOuter), l.point(rightEyeInner), l.point(leftEyeOuter), l.point(leftEyeInner), l.point(noseBase)}
		for i, p := range dlibChip {
			to[i] = p.add(Point{dlibPadding, dlibPadding}).scale(n / (1 + 2*dlibPadding))
		}
	} else {
		from = [5]Point{l.leftEye(), l.rightEye(), l.point(noseTip), l.point(mouthLeft), l.point(mouthRight)}
		for i, p := range arcFace {
			to[i] = p.add(Point{0.5, 0.5}).scale(n / 112) // the template counts from pixel centres
		}
	}
	return similarity(to[:], from[:])
}

// flip mirrors the result, n pixels wide, left to right.
func flip(a imaging.Affine, n int) imaging.Affine {
	w := float64(n)
	return imaging.Affine{-a[0], a[1], a[2] + a[0]*w, -a[3], a[4], a[5] + a[3]*w}
}

// normalise makes v unit length; a zero vector stays.
func normalise(v []float32) {
	if n := norm(v); n > 0 {
		for i := range v {
			v[i] = float32(float64(v[i]) / n)
		}
	}
}

func norm(v []float32) float64 {
	var s float64
	for _, x := range v {
		s += float64(x) * float64(x)
	}
	return math.Sqrt(s)
}

// Mean averages embeddings of one person into a template. The mean keeps the
// convention of its inputs: when all are of unit length, so is the mean. It
// has no Vector when v is empty or the lengths differ.
func Mean(modelID string, v [][]float32) faceproof.Template {
	t := faceproof.Template{ModelID: modelID}
	if len(v) == 0 {
		return t
	}
	sum := make([]float64, len(v[0]))
	unit := true
	for _, x := range v {
		if len(x) != len(sum) {
			return t
		}
		unit = unit && math.Abs(norm(x)-1) < 1e-3
		for i := range x {
			sum[i] += float64(x[i])
		}
	}
	t.Frames, t.Vector = len(v), make([]float32, len(sum))
	for i, s := range sum {
		t.Vector[i] = float32(s / float64(len(v)))
	}
	if unit {
		normalise(t.Vector)
	}
	return t
}

// Similarity compares two templates of the engine's model: cosine, or 1 − L2
// distance, as the pack says; higher is more alike. Templates of another model
// are CodeConflict, field "template": they must be enrolled again.
func (e *Engine) Similarity(a, b faceproof.Template) (float64, error) {
	if a.ModelID != e.ModelID() || b.ModelID != e.ModelID() {
		return 0, faceproof.Errorf(faceproof.CodeConflict, "template", "made by another model: enrol again")
	}
	if len(a.Vector) == 0 || len(a.Vector) != len(b.Vector) {
		return 0, faceproof.Errorf(faceproof.CodeInvalid, "template", "has the wrong length")
	}
	return compare(e.pack.Match.Metric, a.Vector, b.Vector), nil
}

// metricL2 is the Match.Metric of Euclidean distance; anything else is cosine.
const metricL2 = "l2"

func compare(metric string, a, b []float32) float64 {
	var dot, dist float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot += x * y
		dist += (x - y) * (x - y)
	}
	if metric == metricL2 {
		return 1 - math.Sqrt(dist)
	}
	if n := norm(a) * norm(b); n > 0 {
		return dot / n
	}
	return 0
}
