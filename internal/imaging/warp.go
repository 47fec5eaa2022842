package imaging

import (
	"math"
	"sync"
)

// Affine maps a point of the result to a point of the source:
// sx = a[0]·x + a[1]·y + a[2], sy = a[3]·x + a[4]·y + a[5], in pixels, with the
// centre of the first pixel at (0.5, 0.5).
type Affine [6]float64

// Scaling maps a result of w × h pixels onto the source rectangle whose corner
// is (x, y) and whose size is sw × sh.
func Scaling(x, y, sw, sh float64, w, h int) Affine {
	return Affine{sw / float64(w), 0, x, 0, sh / float64(h), y}
}

// Apply maps one point of the result to the source.
func (a Affine) Apply(x, y float64) (sx, sy float64) {
	return a[0]*x + a[1]*y + a[2], a[3]*x + a[4]*y + a[5]
}

// Invert gives the map from the source to the result; ok is false for a
// degenerate map.
func (a Affine) Invert() (inv Affine, ok bool) {
	det := a[0]*a[4] - a[1]*a[3]
	if math.Abs(det) < 1e-12 || math.IsNaN(det) {
		return Affine{}, false
	}
	p, q, r, s := a[4]/det, -a[1]/det, -a[3]/det, a[0]/det
	return Affine{p, q, -(p*a[2] + q*a[5]), r, s, -(r*a[2] + s*a[5])}, true
}

// Spec is the layout of a network's input.
type Spec struct {
	W, H int
	NHWC bool // channels last; otherwise planes
	BGR  bool // blue first
	// Each value v, 0 to 255, becomes (v − Mean)·Scale, by channel in the order
	// of the tensor. A zero Scale counts as 1. Beyond the source's edge v is 0.
	Mean, Scale [3]float32
}

// Size is the number of floats of the tensor.
func (s Spec) Size() int { return 3 * s.W * s.H }

// Warp samples the image through a into dst, which must hold s.Size() floats.
// It is bilinear; where a shrinks by two or more, whole blocks are averaged
// first. It allocates nothing in the steady state.
func (m *Image) Warp(a Affine, s Spec, dst []float32) {
	bufs := scratch.Get().(*buffers)
	defer scratch.Put(bufs)
	bufs.sample(m, a, s.W, s.H, func(y int, row []float32) { s.store(dst, y, row) })
}

// WarpImage samples the image through a into a new image of w × h pixels.
func (m *Image) WarpImage(a Affine, w, h int) *Image {
	out := new(Image)
	m.WarpInto(out, a, w, h)
	return out
}

// WarpInto is WarpImage into the memory of out, as far as that suffices.
func (m *Image) WarpInto(out *Image, a Affine, w, h int) {
	out.reuse(w, h)
	bufs := scratch.Get().(*buffers)
	defer scratch.Put(bufs)
	bufs.sample(m, a, w, h, func(y int, row []float32) {
		o := out.Pix[3*y*w : 3*(y+1)*w]
		for i, v := range row {
			o[i] = uint8(v + 0.5)
		}
	})
}

// Resize scales the whole image to w × h pixels.
func (m *Image) Resize(w, h int) *Image {
	return m.WarpImage(Scaling(0, 0, float64(m.W), float64(m.H), w, h), w, h)
}

// store writes one row of interleaved RGB into a tensor.
func (s Spec) store(dst []float32, y int, row []float32) {
	var scale [3]float32
	for c, v := range s.Scale {
		if scale[c] = v; v == 0 {
			scale[c] = 1
		}
	}
	for c := range 3 {
		from := c
		if s.BGR {
			from = 2 - c
		}
		mean, k := s.Mean[c], scale[c]
		if s.NHWC {
			out := dst[3*y*s.W+c:]
			for i := from; i < len(row); i += 3 {
				out[i-from] = (row[i] - mean) * k
			}
			continue
		}
		out := dst[(c*s.H+y)*s.W:][:s.W]
		j := from
		for x := range out {
			out[x] = (row[j] - mean) * k
			j += 3
		}
	}
}

// buffers are the working memory of a warp.
type buffers struct {
	small Image // block-averaged source
	row   []float32
}

var scratch = sync.Pool{New: func() any { return new(buffers) }}

// sample calls emit with each row of the result, interleaved RGB, 0 to 255.
func (b *buffers) sample(m *Image, a Affine, w, h int, emit func(y int, row []float32)) {
	if cap(b.row) < 3*w {
		b.row = make([]float32, 3*w)
	}
	row := b.row[:3*w]
	if m.W == 0 || m.H == 0 || !a.finite() {
		clear(row)
		for y := range h {
			emit(y, row)
		}
		return
	}
	src := m
	if k := int(math.Sqrt(math.Abs(a[0]*a[4]-a[1]*a[3])) + 1e-6); k >= 2 {
		if src, a = b.shrink(m, a, w, h, min(k, 64)); len(src.Pix) == 0 {
			src = &Image{W: 1, H: 1, Pix: []uint8{0, 0, 0}} // wholly outside
		}
	}
	for y := range h {
		// Sample positions in pixel-index coordinates.
		fx, fy := float64(0.5), float64(y)+0.5
		sx, sy := a.Apply(fx, fy)
		sampleRow(src, row, sx-0.5, sy-0.5, a[0], a[3])
		emit(y, row)
	}
}

func (a Affine) finite() bool {
	for _, v := range a {
		if math.IsNaN(v) || math.Abs(v) > 1e9 {
			return false
		}
	}
	return true
}

// sampleRow walks along one row of the result. The stretch whose four
// neighbours all lie inside the source is done without checks.
func sampleRow(src *Image, row []float32, sx, sy, dx, dy float64) {
	n := len(row) / 3
	lo, hi := inside(sx, dx, float64(src.W-1), 0, n)
	lo, hi = inside(sy, dy, float64(src.H-1), lo, hi)
	for x := range lo {
		edge(src, row[3*x:3*x+3], sx+float64(x)*dx, sy+float64(x)*dy)
	}
	stride := 3 * src.W
	if lo < hi && dx == 1 && dy == 0 && sx == math.Trunc(sx) && sy == math.Trunc(sy) { // whole pixels: a letterbox at half size
		i := int(sy)*stride + 3*(int(sx)+lo)
		for j, v := range src.Pix[i : i+3*(hi-lo)] {
			row[3*lo+j] = float32(v)
		}
		lo = hi
	}
	for x := lo; x < hi; x++ {
		px, py := sx+float64(x)*dx, sy+float64(x)*dy
		ix, iy := int(px), int(py)
		ax, ay := float32(px-float64(ix)), float32(py-float64(iy))
		i := iy*stride + 3*ix
		p := (*[6]uint8)(src.Pix[i:])
		q := (*[6]uint8)(src.Pix[i+stride:])
		o := (*[3]float32)(row[3*x:])
		bx, by := 1-ax, 1-ay
		w00, w01, w10, w11 := bx*by, ax*by, bx*ay, ax*ay
		o[0] = w00*float32(p[0]) + w01*float32(p[3]) + w10*float32(q[0]) + w11*float32(q[3])
		o[1] = w00*float32(p[1]) + w01*float32(p[4]) + w10*float32(q[1]) + w11*float32(q[4])
		o[2] = w00*float32(p[2]) + w01*float32(p[5]) + w10*float32(q[2]) + w11*float32(q[5])
	}
	for x := max(hi, lo); x < n; x++ {
		edge(src, row[3*x:3*x+3], sx+float64(x)*dx, sy+float64(x)*dy)
	}
}

// inside narrows [lo, hi) to the steps x with 0 ≤ s + x·d < limit.
func inside(s, d, limit float64, lo, hi int) (int, int) {
	ok := func(x int) bool { v := s + float64(x)*d; return v >= 0 && v < limit }
	if d != 0 {
		a, b := -s/d, (limit-s)/d
		if a > b {
			a, b = b, a
		}
		lo, hi = max(lo, int(min(math.Ceil(a), 1e9))), min(hi, int(max(min(math.Floor(b), 1e9), -1))+1)
	}
	// Rounding may leave the ends a step off.
	for lo < hi && !ok(lo) {
		lo++
	}
	for lo < hi && !ok(hi-1) {
		hi--
	}
	if lo >= hi {
		return 0, 0
	}
	return lo, hi
}

// edge is the checked sample: pixels beyond the source are black, except that
// the outermost half pixel repeats the border.
func edge(src *Image, o []float32, px, py float64) {
	o[0], o[1], o[2] = 0, 0, 0
	if px < -0.5 || py < -0.5 || px > float64(src.W)-0.5 || py > float64(src.H)-0.5 {
		return
	}
	px, py = min(max(px, 0), float64(src.W-1)), min(max(py, 0), float64(src.H-1))
	x0, y0 := int(px), int(py)
	x1, y1 := min(x0+1, src.W-1), min(y0+1, src.H-1)
	ax, ay := float32(px-float64(x0)), float32(py-float64(y0))
	for c := range o {
		at := func(x, y int) float32 { return float32(src.Pix[3*(y*src.W+x)+c]) }
		top := at(x0, y0) + ax*(at(x1, y0)-at(x0, y0))
		bot := at(x0, y1) + ax*(at(x1, y1)-at(x0, y1))
		o[c] = top + ay*(bot-top)
	}
}

// shrink averages blocks of k × k pixels over the part of the source that the
// warp reaches, and gives the map onto the result.
func (b *buffers) shrink(m *Image, a Affine, w, h, k int) (*Image, Affine) {
	x0, y0, x1, y1 := a.bounds(w, h)
	// Whole blocks, aligned to the source so that results do not depend on the
	// region; the last block may be partial.
	bx0, by0 := max(int(math.Floor(x0))/k-1, 0), max(int(math.Floor(y0))/k-1, 0)
	bx1 := min(int(math.Ceil(x1))/k+2, ceilDiv(m.W, k))
	by1 := min(int(math.Ceil(y1))/k+2, ceilDiv(m.H, k))
	sw, sh := max(bx1-bx0, 0), max(by1-by0, 0)
	if cap(b.small.Pix) < 3*sw*sh {
		b.small.Pix = make([]uint8, 3*sw*sh)
	}
	b.small.W, b.small.H, b.small.Pix = sw, sh, b.small.Pix[:3*sw*sh]
	for y := range sh {
		out := b.small.Pix[3*y*sw : 3*(y+1)*sw]
		sy := (by0 + y) * k
		for x := range sw {
			if sx := (bx0 + x) * k; k == 2 && sx+2 <= m.W && sy+2 <= m.H {
				average2(m, sx, sy, (*[3]uint8)(out[3*x:]))
			} else {
				average(m, sx, sy, k, out[3*x:])
			}
		}
	}
	f := float64(k)
	for i := range a {
		a[i] /= f
	}
	a[2] -= float64(bx0)
	a[5] -= float64(by0)
	return &b.small, a
}

// average2 is the common case, whole blocks of 2 × 2.
func average2(m *Image, x, y int, out *[3]uint8) {
	i := 3 * (y*m.W + x)
	p, q := (*[6]uint8)(m.Pix[i:]), (*[6]uint8)(m.Pix[i+3*m.W:])
	for c := range out {
		out[c] = uint8((uint32(p[c]) + uint32(p[c+3]) + uint32(q[c]) + uint32(q[c+3]) + 2) / 4)
	}
}

func average(m *Image, x0, y0, k int, out []uint8) {
	x1, y1 := min(x0+k, m.W), min(y0+k, m.H)
	var r, g, b uint32
	for y := y0; y < y1; y++ {
		p := m.Pix[3*(y*m.W+x0) : 3*(y*m.W+x1)]
		for len(p) >= 3 {
			r, g, b = r+uint32(p[0]), g+uint32(p[1]), b+uint32(p[2])
			p = p[3:]
		}
	}
	n := uint32((x1 - x0) * (y1 - y0))
	out[0], out[1], out[2] = uint8((r+n/2)/n), uint8((g+n/2)/n), uint8((b+n/2)/n)
}

// bounds is the source rectangle that a result of w × h pixels reaches.
func (a Affine) bounds(w, h int) (x0, y0, x1, y1 float64) {
	x0, y0 = math.Inf(1), math.Inf(1)
	x1, y1 = math.Inf(-1), math.Inf(-1)
	for _, p := range [4][2]float64{{0, 0}, {float64(w), 0}, {0, float64(h)}, {float64(w), float64(h)}} {
		x, y := a.Apply(p[0], p[1])
		x0, x1 = min(x0, x), max(x1, x)
		y0, y1 = min(y0, y), max(y1, y)
	}
	return x0, y0, x1, y1
}
