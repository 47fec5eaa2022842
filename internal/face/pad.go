package face

import (
	"context"
	"fmt"
	"math"

	"faceproof/internal/imaging"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// PAD is what the networks of passive presentation attack detection make of one
// face and its surroundings.
type PAD struct {
	Live float64 // mean probability of a live face, 0 to 1
	// Reach is how many times the face's box the narrowest of the crops is, less
	// than the networks were trained for where the picture ends: a face that nearly
	// fills it leaves no surroundings to look at.
	Reach float64
}

// padNetwork is one of the networks, with the side of its crop in boxes.
type padNetwork struct {
	*network
	context float64
}

// padLive is the class "live" of MiniFASNet; the others are kinds of attack.
const padLive = 1

// openPAD loads the pack's networks of RolePAD, if it has any.
func (e *Engine) openPAD(c Config) error {
	for _, m := range e.pack.PAD {
		if m.Kind != modelpack.KindMiniFASNetV2 && m.Kind != modelpack.KindMiniFASNetV1SE {
			return badPack(fmt.Errorf("face: unknown network of the role pad %q", m.Kind))
		}
		n, err := load(c.Runtime, m)
		if err != nil {
			return err
		}
		n.role, n.observe = string(modelpack.RolePAD), c.Observe
		e.pad = append(e.pad, padNetwork{n, m.Context})
	}
	return nil
}

// HasPAD says whether the pack has networks for PAD.
func (e *Engine) HasPAD() bool { return len(e.pad) > 0 }

// PAD judges the face in box, as Detect gave it. Without networks, or with a box
// of no size, it is the zero PAD.
func (e *Engine) PAD(ctx context.Context, m *imaging.Image, box Box) (PAD, error) {
	var p PAD
	if len(e.pad) == 0 || !(box.W >= 1 && box.H >= 1) || m.W < 2 || m.H < 2 {
		return p, nil
	}
	p.Reach = math.Inf(1)
	for _, n := range e.pad {
		c := surround(box, n.context, m.W, m.H)
		p.Reach = min(p.Reach, c.reach)
		err := n.infer(ctx, func(in []onnx.Tensor) { c.sample(m, n.spec, in[0].Data) }, func(out []onnx.Tensor) error {
			if len(out) != 1 || len(out[0].Data) != 3 {
				return fmt.Errorf("face: unexpected output of MiniFASNet")
			}
			p.Live += float64(out[0].Data[padLive]) / float64(len(e.pad))
			return nil
		})
		if err != nil {
			return PAD{}, err
		}
	}
	return p, nil
}

// surroundings is a part of a picture, whole pixels, the last ones included.
type surroundings struct {
	x0, y0, x1, y1 int
	reach          float64 // its side in boxes
}

// surround enlarges a box about its middle, less where the picture is too small,
// and moves it inside the picture: the rule by which the networks were trained.
func surround(b Box, context float64, w, h int) surroundings {
	k := min(context, float64(w-1)/b.W, float64(h-1)/b.H)
	along := func(at, size float64, end int) (int, int) {
		low := at + size/2 - k*size/2
		high := low + k*size
		if low < 0 {
			low, high = 0, high-low
		}
		if last := float64(end - 1); high > last {
			low, high = low-(high-last), last
		}
		lowest := min(max(int(low), 0), end-2)
		return lowest, min(max(int(high), lowest+1), end-1)
	}
	s := surroundings{reach: k}
	s.x0, s.x1 = along(b.X, b.W, w)
	s.y0, s.y1 = along(b.Y, b.H, h)
	return s
}

// sample scales the part to the network's input as OpenCV's resize does by
// default: between the four nearest pixels, whatever the scale, rounded to whole
// values. A scaling that averages takes away what the networks look for.
func (c surroundings) sample(m *imaging.Image, s imaging.Spec, dst []float32) {
	cols, rows := c.x1-c.x0+1, c.y1-c.y0+1
	plane := s.W * s.H
	order := [3]int{0, 1, 2}
	if s.BGR {
		order = [3]int{2, 1, 0}
	}
	for y := range s.H {
		top, bottom, fy := between(y, s.H, rows)
		up, down := m.Pix[3*((c.y0+top)*m.W+c.x0):], m.Pix[3*((c.y0+bottom)*m.W+c.x0):]
		for x := range s.W {
			left, right, fx := between(x, s.W, cols)
			for ch, from := range order {
				a := lerp(up[3*left+from], up[3*right+from], fx)
				b := lerp(down[3*left+from], down[3*right+from], fx)
				v := math.Round(a + (b-a)*fy)
				dst[ch*plane+y*s.W+x] = (float32(v) - s.Mean[ch]) * s.Scale[ch]
			}
		}
	}
}

// between gives the two of n pixels between which pixel i of size lies, and where.
func between(i, size, n int) (low, high int, share float64) {
	at := (float64(i)+.5)*float64(n)/float64(size) - .5
	at = min(max(at, 0), float64(n-1))
	low = int(at)
	return low, min(low+1, n-1), at - float64(low)
}

func lerp(a, b uint8, t float64) float64 { return float64(a) + (float64(b)-float64(a))*t }
