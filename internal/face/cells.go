package face

import (
	"cmp"
	"math"
	"slices"
)

// The canonical frame: upright, the face faceWidth wide from jaw to jaw, in the
// middle of the width and below the middle of the height, so that there is
// background beside and above it. It is measured in cells of cellSize pixels.
const (
	CanonicalWidth  = 168
	CanonicalHeight = 224
	faceWidth       = 84.0 // between the cheeks: the unit of Facet and Offset
	faceX           = CanonicalWidth / 2.0
	faceY           = 136.0 // midway between forehead and chin
	cellSize        = 6
	CellColumns     = CanonicalWidth / cellSize
	CellRows        = CanonicalHeight / cellSize
	CellCount       = CellColumns * CellRows
)

// Cells are the mean linear RGB of one frame's cells, 0 to 1, row by row. Seen
// is false for a cell that reaches beyond the picture; its mean is 0.
type Cells struct {
	Mean [CellCount][3]float32
	Seen [CellCount]bool
}

// Layout says what the cells of a capture show: Skin, without eyes, brows and
// lips; Head, with them and with the hair; and Background, outside 1.6 times the
// face's ellipse and above the chin.
type Layout struct {
	Skin, Head, Background [CellCount]bool
}

// Margins around the features in canonical pixels: the mesh is good to about
// one, and a feature's shadow moves with it.
const (
	ovalMargin    = -2.5
	featureMargin = 2.5
	headScale     = 1.6
	hairHeight    = .22 // of the face, above it
	headWidth     = 1.05
)

// Mesh points (MediaPipe's canonical face model) of the face's outline and of
// what is not skin in it.
var (
	ovalPoints = []int{10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
		152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109}
	featurePoints = [][]int{
		{33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173},               // eye, image left
		{263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398},            // eye, image right
		{46, 53, 52, 65, 55, 70, 63, 105, 66, 107},                                                  // brow, image left
		{276, 283, 282, 295, 285, 300, 293, 334, 296, 336},                                          // brow, image right
		{61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185}, // lips
	}
)

// newLayout reads the layout off mesh points in canonical pixels.
func newLayout(p *[468]Point) *Layout {
	oval := hullOf(p, ovalPoints)
	features := make([]hull, len(featurePoints))
	for i, f := range featurePoints {
		features[i] = hullOf(p, f)
	}
	skin := func(q Point) bool {
		if !oval.holds(q, ovalMargin) {
			return false
		}
		for _, f := range features {
			if f.holds(q, featureMargin) {
				return false
			}
		}
		return true
	}
	top, bottom := p[forehead], p[chin]
	center := mid(top, bottom)
	rx, ry := headScale*faceWidth/2, headScale*top.dist(bottom)/2
	length := top.dist(bottom)
	crown := center.Y - hairHeight/2*length
	hx, hy := headWidth*faceWidth/2, (1+hairHeight)*length/2
	l := new(Layout)
	for i := range CellCount {
		at := cellCenter(i)
		l.Skin[i] = true
		for _, dx := range [3]float64{-2, 0, 2} {
			for _, dy := range [3]float64{-2, 0, 2} {
				l.Skin[i] = l.Skin[i] && skin(Point{at.X + dx, at.Y + dy})
			}
		}
		ex, ey := (at.X-center.X)/rx, (at.Y-center.Y)/ry
		l.Head[i] = math.Hypot((at.X-center.X)/hx, (at.Y-crown)/hy) < 1
		l.Background[i] = ex*ex+ey*ey > 1 && at.Y+cellSize/2 < bottom.Y
	}
	return l
}

// BackgroundRoom counts the background cells that a picture of w × h pixels
// would have around this face: too few, and the background cannot be measured.
func BackgroundRoom(l *Landmarks, w, h int) (n int) {
	p, ok := firstPose(l)
	if !ok {
		return 0
	}
	for i, in := range newLayout(p.canonical(l)).Background {
		at := cellCenter(i)
		v := p.apply(complex(at.X, at.Y))
		edge := p.scale() * cellSize
		if in && real(v) > edge && imag(v) > edge && real(v) < float64(w)-edge && imag(v) < float64(h)-edge {
			n++
		}
	}
	return n
}

// cellCenter is in canonical pixels.
func cellCenter(i int) Point {
	return Point{(float64(i%CellColumns) + .5) * cellSize, (float64(i/CellColumns) + .5) * cellSize}
}

// hull is a convex polygon, clockwise on the screen.
type hull []Point

// hullOf is Andrew's monotone chain.
func hullOf(all *[468]Point, index []int) hull { return hullInto(nil, nil, all, index) }

// hullInto is hullOf into h, with p to work in, as far as they suffice.
func hullInto(h hull, p []Point, all *[468]Point, index []int) hull {
	p = p[:0]
	for _, j := range index {
		p = append(p, all[j])
	}
	slices.SortFunc(p, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y))
	})
	h = h[:0]
	for range 2 { // above, then below
		start := len(h)
		for _, q := range p {
			for len(h) >= start+2 && turn(h[len(h)-2], h[len(h)-1], q) <= 0 {
				h = h[:len(h)-1]
			}
			h = append(h, q)
		}
		h = h[:len(h)-1] // begins the other half
		slices.Reverse(p)
	}
	return h
}

// turn is positive when a → b → c turns clockwise on the screen.
func turn(a, b, c Point) float64 { return (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X) }

// holds says whether q lies inside, or at most margin pixels outside (a
// negative margin: at least so far inside).
func (h hull) holds(q Point, margin float64) bool {
	if len(h) < 3 {
		return false
	}
	for i, a := range h {
		b := h[(i+1)%len(h)]
		if turn(a, b, q) < -margin*a.dist(b) {
			return false
		}
	}
	return true
}

// A cell whose mean light lies outside these is clipped or lost in noise.
const (
	darkest   = .002
	brightest = .92
)

// seenShare of the frames must hold a cell: the head moves, and near the border
// of the picture a cell comes and goes. Average leaves those frames out.
const seenShare = .95

// Usable gives the cells of set that can be measured over the frames: inside
// the picture in nearly all, and neither clipped nor black on average in any
// channel.
func Usable(set *[CellCount]bool, frames []*Cells) []int {
	var out []int
	for i, in := range set {
		if in && usable(i, frames) {
			out = append(out, i)
		}
	}
	return out
}

func usable(cell int, frames []*Cells) bool {
	var sum [3]float64
	var n float64
	for _, f := range frames {
		if !f.Seen[cell] {
			continue
		}
		n++
		for c, v := range f.Mean[cell] {
			sum[c] += float64(v)
		}
	}
	if n == 0 || n < seenShare*float64(len(frames)) {
		return false
	}
	for _, v := range sum {
		if v /= n; !(v >= darkest && v <= brightest) {
			return false
		}
	}
	return true
}

// Average is the mean linear RGB of some cells of a frame; NaN for none, and
// when one of them lies beyond the picture: other cells have another mean.
func (c *Cells) Average(cells []int) (mean [3]float64) {
	n := float64(len(cells))
	for _, i := range cells {
		if !c.Seen[i] {
			n = 0
		}
		for k, v := range c.Mean[i] {
			mean[k] += float64(v)
		}
	}
	if n == 0 {
		n = math.NaN()
	}
	for k := range mean {
		mean[k] /= n
	}
	return mean
}
