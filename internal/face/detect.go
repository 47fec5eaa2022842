package face

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"faceproof/internal/imaging"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// maxFaces bounds what Detect returns.
const maxFaces = 64

// detector is one kind of detection network.
type detector interface {
	// fit maps the network's input onto an image of w × h pixels.
	fit(w, h int) imaging.Affine
	// decode appends candidates, in pixels of the input, to found.
	decode(found []Face, out []onnx.Tensor) ([]Face, error)
	overlap() float64 // candidates that overlap more (IoU) are one face
	sure() float64    // a score from which nothing else need agree
}

// Detect finds the faces of an image, largest first; none is not an error.
// Where the detector is not sure, the landmark net must see a face too.
func (e *Engine) Detect(ctx context.Context, m *imaging.Image) ([]Face, error) {
	return e.DetectInto(ctx, m, nil)
}

// DetectInto is Detect into the memory of found, as far as that suffices.
func (e *Engine) DetectInto(ctx context.Context, m *imaging.Image, found []Face) ([]Face, error) {
	found = found[:0]
	if m.W == 0 || m.H == 0 {
		return found, nil
	}
	a := e.detector.fit(m.W, m.H)
	err := e.detection.run(ctx, m, a, func(out []onnx.Tensor) (err error) {
		found, err = e.detector.decode(found, out)
		return err
	})
	if err != nil {
		return nil, err
	}
	found = suppress(found, e.detector.overlap())
	for i := range found {
		found[i].move(a)
	}
	slices.SortFunc(found, func(a, b Face) int { return cmp.Compare(b.Box.area(), a.Box.area()) })
	return e.confirm(ctx, m, found)
}

// maxDoubtful bounds the second looks of one Detect; the smallest doubtful
// faces are dropped unseen.
const maxDoubtful = 8

// doubtMeshScore is what the landmark net must say of a doubtful face.
const doubtMeshScore = 0.9

// confirm drops the doubtful faces that the landmark net does not confirm:
// blurred backgrounds, clocks and cats.
func (e *Engine) confirm(ctx context.Context, m *imaging.Image, found []Face) ([]Face, error) {
	kept, looks := found[:0], 0
	for _, f := range found {
		if f.Score < e.detector.sure() {
			if looks++; looks > maxDoubtful {
				continue
			}
			l, err := e.mesh(ctx, m, e.firstRegion(f))
			if err != nil {
				return nil, err
			}
			if l.Score < doubtMeshScore {
				continue
			}
		}
		kept = append(kept, f)
	}
	return kept, nil
}

// move takes a face from input pixels to image pixels; a has no rotation.
func (f *Face) move(a imaging.Affine) {
	f.Box.X, f.Box.Y = a.Apply(f.Box.X, f.Box.Y)
	f.Box.W, f.Box.H = f.Box.W*a[0], f.Box.H*a[4]
	for i, p := range f.Points {
		f.Points[i].X, f.Points[i].Y = a.Apply(p.X, p.Y)
	}
}

// suppress keeps the best of overlapping candidates, in the memory of found.
func suppress(found []Face, overlap float64) []Face {
	slices.SortFunc(found, func(a, b Face) int { return cmp.Compare(b.Score, a.Score) })
	kept := found[:0]
next:
	for _, f := range found {
		for _, k := range kept {
			if iou(f.Box, k.Box) > overlap {
				continue next
			}
		}
		if kept = append(kept, f); len(kept) == maxFaces {
			break
		}
	}
	return kept
}

// newDetector picks the decoder for a model.
func newDetector(m modelpack.Model) (detector, error) {
	switch m.Kind {
	case modelpack.KindYuNet:
		return yunet{m.Input.Width, m.Input.Height}, nil
	case modelpack.KindBlazeFace:
		return newBlazeFace(m.Input.Width), nil
	}
	return nil, fmt.Errorf("face: unknown detector %q", m.Kind)
}

// yunet decodes YuNet (Wu et al., Machine Intelligence Research 2023): one
// cell a stride, score √(cls·obj), points in the order of Face.Points.
type yunet struct{ w, h int }

// yunetScore and yunetOverlap are OpenCV's customary values for this network;
// yunetSure lies between the profile faces and the false alarms of the test
// pictures.
const (
	yunetScore   = 0.6
	yunetSure    = 0.82
	yunetOverlap = 0.3
)

var yunetOutputs = []string{
	"cls_8", "obj_8", "bbox_8", "kps_8",
	"cls_16", "obj_16", "bbox_16", "kps_16",
	"cls_32", "obj_32", "bbox_32", "kps_32",
}

func (y yunet) overlap() float64 { return yunetOverlap }
func (y yunet) sure() float64    { return yunetSure }

// fit is a letterbox in the top left corner.
func (y yunet) fit(w, h int) imaging.Affine {
	k := max(float64(w)/float64(y.w), float64(h)/float64(y.h))
	return imaging.Affine{k, 0, 0, 0, k, 0}
}

func (y yunet) decode(found []Face, out []onnx.Tensor) ([]Face, error) {
	for i, stride := range []int{8, 16, 32} {
		cols, rows := y.w/stride, y.h/stride
		cls, obj, box, kps := out[4*i].Data, out[4*i+1].Data, out[4*i+2].Data, out[4*i+3].Data
		if n := cols * rows; len(cls) != n || len(obj) != n || len(box) != 4*n || len(kps) != 10*n {
			return nil, fmt.Errorf("face: unexpected output of YuNet")
		}
		for j := range cls {
			score := math.Sqrt(float64(min(max(cls[j], 0), 1) * min(max(obj[j], 0), 1)))
			if score < yunetScore {
				continue
			}
			found = append(found, yunetFace(score, box[4*j:], kps[10*j:], j%cols, j/cols, float64(stride)))
		}
	}
	return found, nil
}

func yunetFace(score float64, box, kps []float32, col, row int, s float64) Face {
	cx, cy := (float64(col)+float64(box[0]))*s, (float64(row)+float64(box[1]))*s
	w, h := math.Exp(float64(box[2]))*s, math.Exp(float64(box[3]))*s
	f := Face{Score: score, Box: Box{cx - w/2, cy - h/2, w, h}}
	for i := range f.Points {
		f.Points[i] = Point{(float64(kps[2*i]) + float64(col)) * s, (float64(kps[2*i+1]) + float64(row)) * s}
	}
	return f
}

// blazeFace decodes MediaPipe's BlazeFace, back-camera model, as
// @vladmandic/human publishes it.
type blazeFace struct {
	size    int
	anchors []Point // cell centres, input pixels
}

// At blazeScore every second alarm is false, at blazeSure none was; human's
// default of 0.2 with its overlap of 0.1 is tuned for one known face.
const (
	blazeScore   = 0.5
	blazeSure    = 0.7
	blazeOverlap = 0.3
)

func newBlazeFace(size int) *blazeFace {
	b := &blazeFace{size: size}
	for _, layer := range [2]struct{ stride, anchors int }{{size / 16, 2}, {size / 8, 6}} {
		n := size / layer.stride
		for y := range n {
			for x := range n {
				c := Point{(float64(x) + 0.5) * float64(layer.stride), (float64(y) + 0.5) * float64(layer.stride)}
				for range layer.anchors {
					b.anchors = append(b.anchors, c)
				}
			}
		}
	}
	return b
}

func (b *blazeFace) overlap() float64 { return blazeOverlap }
func (b *blazeFace) sure() float64    { return blazeSure }

// fit is a letterbox in the middle.
func (b *blazeFace) fit(w, h int) imaging.Affine {
	k := float64(max(w, h)) / float64(b.size)
	return imaging.Affine{k, 0, (float64(w) - k*float64(b.size)) / 2, 0, k, (float64(h) - k*float64(b.size)) / 2}
}

// decode joins the two layers. The outputs are told apart by size: logits and
// 16 regressions for 2·16² and 6·8² anchors.
func (b *blazeFace) decode(found []Face, out []onnx.Tensor) ([]Face, error) {
	fine := 512 * b.size / 256 * b.size / 256
	coarse := len(b.anchors) - fine
	byLen := func(n int) []float32 {
		for _, t := range out {
			if len(t.Data) == n {
				return t.Data
			}
		}
		return nil
	}
	at := 0
	for _, n := range []int{fine, coarse} {
		logits, boxes := byLen(n), byLen(16*n)
		if logits == nil || boxes == nil {
			return nil, fmt.Errorf("face: unexpected output of BlazeFace")
		}
		for i, v := range logits {
			if score := 1 / (1 + math.Exp(-float64(v))); score >= blazeScore {
				found = append(found, blazeFaceAt(score, boxes[16*i:16*i+16], b.anchors[at+i]))
			}
		}
		at += n
	}
	return found, nil
}

// blazeFaceAt reads centre, size and six points: eyes, nose, mouth, ears. The
// mouth corners are an estimate: half an eye distance apart.
func blazeFaceAt(score float64, v []float32, anchor Point) Face {
	p := func(i int) Point { return Point{float64(v[i]), float64(v[i+1])}.add(anchor) }
	c, w, h := p(0), float64(v[2]), float64(v[3])
	f := Face{Score: score, Box: Box{c.X - w/2, c.Y - h/2, w, h}}
	left, right, nose, mouth := p(4), p(6), p(8), p(10)
	half := right.sub(left).scale(0.4)
	f.Points = [5]Point{left, right, nose, mouth.sub(half), mouth.add(half)}
	return f
}

// SortLeft orders faces by the left edge of their boxes: the order in which a
// person would number them.
func SortLeft(faces []Face) {
	slices.SortFunc(faces, func(a, b Face) int { return cmp.Compare(a.Box.X, b.Box.X) })
}
