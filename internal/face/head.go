package face

import (
	"math"
	"sync"

	"faceproof"
	"faceproof/internal/imaging"
)

// head is the head frame of Components: upright, headSide pixels a side, with
// ArcFace's template in its middle, so that the eyes are 35 pixels apart and there
// is room around the head.
type head struct {
	img  imaging.Image
	luma []float64 // 0 to 255; −1 beyond the picture's edge
	mesh [468]Point
	oval hull    // scratch of face
	work []Point // … and of it
}

const (
	headSide   = 160
	headOffset = (headSide - 112) / 2
)

// heads are those that nobody looks at now.
var heads = sync.Pool{New: func() any { return &head{luma: make([]float64, headSide*headSide)} }}

// done gives the head back.
func (h *head) done() { heads.Put(h) }

// newHead cuts it out; ok is false when the mesh does not determine it. done must
// follow when it is true.
func newHead(m *imaging.Image, l *Landmarks) (*head, bool) {
	var to [5]Point
	for i, p := range arcFace {
		to[i] = p.add(Point{headOffset + .5, headOffset + .5})
	}
	from := [5]Point{l.leftEye(), l.rightEye(), l.point(noseTip), l.point(mouthLeft), l.point(mouthRight)}
	a, ok := similarity(to[:], from[:])
	if !ok {
		return nil, false
	}
	back, ok := a.Invert()
	if !ok {
		return nil, false
	}
	h := heads.Get().(*head)
	m.WarpInto(&h.img, a, headSide, headSide)
	for i := range h.mesh {
		h.mesh[i].X, h.mesh[i].Y = back.Apply(l.Points[i][0], l.Points[i][1])
	}
	for i := range h.luma {
		x, y := a.Apply(float64(i%headSide)+.5, float64(i/headSide)+.5)
		if x < 1 || y < 1 || x > float64(m.W)-1 || y > float64(m.H)-1 {
			h.luma[i] = -1
			continue
		}
		p := h.img.Pix[3*i : 3*i+3]
		h.luma[i] = .2126*float64(p[0]) + .7152*float64(p[1]) + .0722*float64(p[2])
	}
	return h, true
}

// outline is the face's oval, until the next call.
func (h *head) outline() hull {
	if h.work == nil {
		h.work = make([]Point, 0, len(ovalPoints))
	}
	h.oval = hullInto(h.oval, h.work, &h.mesh, ovalPoints)
	return h.oval
}

// assess fills in what the light and the colours of the face and its background
// say.
func (h *head) assess(c *faceproof.Components) {
	if g := h.face(); g.n > 0 {
		mean, variance := g.moments()
		c.LuminanceMean = percent(sigmoid(mean, .2, .05) * (1 - sigmoid(mean, .8, .05)))
		c.LuminanceVariance = percent(math.Sin(60 * variance / (60*variance + 1) * math.Pi))
		c.UnderExposurePrevention = percent(1.2 * (.832 - sigmoid(g.share(0, 25), .92, .05)))
		c.OverExposurePrevention = percent(.01 / (g.share(247, 255) + .01))
		c.DynamicRange = percent(g.entropy() / 8)
	}
	left, right := h.cheeks()
	if left.n > 0 && right.n > 0 {
		c.IlluminationUniformity = percent(math.Pow(left.overlap(&right), .3))
		c.NaturalColour = percent(2 * (1 - sigmoid(skinDistance(&left, &right), 0, 10)))
	}
	if edges, n := h.edges(); n >= minBackground {
		c.BackgroundUniformity = percent(1.9 * (1 - sigmoid(edges, 10, 100)))
	}
}

// greys counts the pixels of an area by luma, and sums their colours.
type greys struct {
	n     float64
	bins  [256]float64
	color [3]float64
}

func (g *greys) add(h *head, i int) {
	if h.luma[i] < 0 {
		return
	}
	g.n++
	g.bins[int(h.luma[i]+.5)]++
	for k, v := range h.img.Pix[3*i : 3*i+3] {
		g.color[k] += float64(imaging.Linear(v))
	}
}

// moments are the mean and the variance, of luma from 0 to 1.
func (g *greys) moments() (mean, variance float64) {
	for i, b := range g.bins {
		mean += b * float64(i) / 255
	}
	mean /= g.n
	for i, b := range g.bins {
		d := float64(i)/255 - mean
		variance += b * d * d
	}
	return mean, variance / g.n
}

// share of the pixels from one grey to another.
func (g *greys) share(from, to int) (v float64) {
	for _, b := range g.bins[from : to+1] {
		v += b
	}
	return v / g.n
}

// entropy of the greys, bits.
func (g *greys) entropy() (bits float64) {
	for _, b := range g.bins {
		if b > 0 {
			bits -= b / g.n * math.Log2(b/g.n)
		}
	}
	return bits
}

// overlap is the shared area of two distributions. The areas hold few pixels
// here, so that the bins are 8 greys wide (the standard: one).
func (g *greys) overlap(o *greys) (v float64) {
	for i := 0; i < 256; i += 8 {
		v += min(g.share(i, i+7), o.share(i, i+7))
	}
	return v
}

// face gives the greys inside the mesh's outline.
func (h *head) face() (g greys) {
	oval := h.outline()
	for y := range headSide {
		from, to := oval.row(float64(y) + .5)
		for x := max(int(math.Ceil(from-.5)), 0); float64(x)+.5 <= to && x < headSide; x++ {
			g.add(h, y*headSide+x)
		}
	}
	return g
}

// row is the part of a row that lies inside: from > to when none does.
func (h hull) row(y float64) (from, to float64) {
	from, to = math.Inf(1), math.Inf(-1)
	for i, a := range h {
		b := h[(i+1)%len(h)]
		if (a.Y <= y) == (b.Y <= y) {
			continue
		}
		x := a.X + (b.X-a.X)*(y-a.Y)/(b.Y-a.Y)
		from, to = min(from, x), max(to, x)
	}
	return from, to
}

// cheeks gives the greys of the two squares of .3 eye distances that lie below
// the eyes, half way to the mouth.
func (h *head) cheeks() (left, right greys) {
	l := Landmarks{}
	for i, p := range h.mesh {
		l.Points[i] = [3]float64{p.X, p.Y}
	}
	apart := l.eyeDistance()
	down := (mid(l.point(mouthLeft), l.point(mouthRight)).Y - mid(l.leftEye(), l.rightEye()).Y) / 2
	square := func(eye Point, g *greys) {
		half := .15 * apart
		for y := int(eye.Y + down - half); float64(y) <= eye.Y+down+half; y++ {
			for x := int(eye.X - half); float64(x) <= eye.X+half; x++ {
				if x >= 0 && y >= 0 && x < headSide && y < headSide {
					g.add(h, y*headSide+x)
				}
			}
		}
	}
	square(l.leftEye(), &left)
	square(l.rightEye(), &right)
	return left, right
}

// skinDistance is how far the mean colour of the cheeks lies outside a* 5…25,
// b* 5…35 (CIELAB, D65); 100 when a* or b* is negative.
func skinDistance(left, right *greys) float64 {
	var rgb [3]float64
	for k := range rgb {
		rgb[k] = (left.color[k] + right.color[k]) / (left.n + right.n)
	}
	a, b := lab(rgb)
	if a < 0 || b < 0 {
		return 100
	}
	return math.Hypot(max(5-a, a-25, 0), max(5-b, b-35, 0))
}

// lab gives a* and b* of a linear sRGB colour.
func lab(c [3]float64) (a, b float64) {
	f := func(t float64) float64 {
		if t > 216./24389 {
			return math.Cbrt(t)
		}
		return (24389./27*t + 16) / 116
	}
	x := f((.4124*c[0] + .3576*c[1] + .1805*c[2]) / .9505)
	y := f(.2126*c[0] + .7152*c[1] + .0722*c[2])
	z := f((.0193*c[0] + .1192*c[1] + .9505*c[2]) / 1.089)
	return 500 * (x - y), 200 * (y - z)
}

// Where the background is looked for: outside so many times the face's ellipse,
// above the chin, and no less than so many pixels of the head frame.
const (
	backgroundScale = 1.5
	minBackground   = 400
)

// edges is the mean Sobel gradient of the background's luma, and how many pixels
// it is of. The background is what lies outside an ellipse around the head (the
// standard: what a network says is background), at half of the standard's scale.
func (h *head) edges() (mean float64, n int) {
	top, bottom := h.mesh[forehead], h.mesh[chin]
	c := mid(top, bottom)
	rx, ry := backgroundScale*h.mesh[cheekLeft].dist(h.mesh[cheekRight])/2, backgroundScale*top.dist(bottom)/2
	for y := 1; y < headSide-1; y++ {
		for x := 1; x < headSide-1; x++ {
			dx, dy := (float64(x)+.5-c.X)/rx, (float64(y)+.5-c.Y)/ry
			if dx*dx+dy*dy < 1 || float64(y) > bottom.Y {
				continue
			}
			if g, ok := h.sobel(x, y); ok {
				mean += g
				n++
			}
		}
	}
	return mean / math.Max(float64(n), 1), n
}

// sobel is the gradient at a pixel; ok is false next to the picture's edge.
func (h *head) sobel(x, y int) (g float64, ok bool) {
	var v [9]float64
	for k := range v {
		v[k] = h.luma[(y+k/3-1)*headSide+x+k%3-1]
		if v[k] < 0 {
			return 0, false
		}
	}
	gx := v[2] + 2*v[5] + v[8] - v[0] - 2*v[3] - v[6]
	gy := v[6] + 2*v[7] + v[8] - v[0] - 2*v[1] - v[2]
	return math.Hypot(gx, gy), true
}
