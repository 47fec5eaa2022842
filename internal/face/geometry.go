package face

import (
	"math"

	"faceproof/internal/imaging"
)

// Landmark indices of the 468-point mesh (MediaPipe canonical face model).
// "Left" and "right" are sides of the image, for an upright face.
const (
	leftEyeOuter, leftEyeInner   = 33, 133
	rightEyeInner, rightEyeOuter = 362, 263
	noseTip, noseBase            = 1, 2
	mouthLeft, mouthRight        = 61, 291
	forehead, chin               = 10, 152
	cheekLeft, cheekRight        = 234, 454
)

func (p Point) sub(q Point) Point         { return Point{p.X - q.X, p.Y - q.Y} }
func (p Point) add(q Point) Point         { return Point{p.X + q.X, p.Y + q.Y} }
func (p Point) scale(k float64) Point     { return Point{p.X * k, p.Y * k} }
func (p Point) dist(q Point) float64      { return math.Hypot(p.X-q.X, p.Y-q.Y) }
func mid(p, q Point) Point                { return Point{(p.X + q.X) / 2, (p.Y + q.Y) / 2} }
func (b Box) center() Point               { return Point{b.X + b.W/2, b.Y + b.H/2} }
func (b Box) area() float64               { return max(b.W, 0) * max(b.H, 0) }
func (l *Landmarks) point(i int) Point    { return Point{l.Points[i][0], l.Points[i][1]} }
func (l *Landmarks) leftEye() Point       { return mid(l.point(leftEyeOuter), l.point(leftEyeInner)) }
func (l *Landmarks) rightEye() Point      { return mid(l.point(rightEyeOuter), l.point(rightEyeInner)) }
func (l *Landmarks) eyeDistance() float64 { return l.leftEye().dist(l.rightEye()) }

// iou is the intersection of two boxes over their union, 0 to 1.
func iou(a, b Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.area() + b.area() - w*h)
}

// Box is the rectangle around all points of the mesh.
func (l *Landmarks) Box() Box {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range l.Points {
		x0, x1 = min(x0, p[0]), max(x1, p[0])
		y0, y1 = min(y0, p[1]), max(y1, p[1])
	}
	return Box{x0, y0, x1 - x0, y1 - y0}
}

// region is a square, turned about its centre, that a network looks at.
type region struct {
	center Point
	side   float64 // pixels
	angle  float64 // radians, clockwise in the image
}

// affine maps a result of n × n pixels onto the region.
func (r region) affine(n int) imaging.Affine {
	k := r.side / float64(n)
	c, s := k*math.Cos(r.angle), k*math.Sin(r.angle)
	h := float64(n) / 2
	return imaging.Affine{c, -s, r.center.X - c*h + s*h, s, c, r.center.Y - s*h - c*h}
}

// similarity finds the turn, scale and shift that takes the points of the
// result ("to") closest, in least squares, to those of the source ("from").
// ok is false when the points do not determine one.
func similarity(to, from []Point) (a imaging.Affine, ok bool) {
	n := float64(len(to))
	var ct, cf Point
	for i := range to {
		ct, cf = ct.add(to[i].scale(1/n)), cf.add(from[i].scale(1/n))
	}
	var re, im, norm float64
	for i := range to {
		p, q := to[i].sub(ct), from[i].sub(cf)
		re += p.X*q.X + p.Y*q.Y
		im += p.X*q.Y - p.Y*q.X
		norm += p.X*p.X + p.Y*p.Y
	}
	re, im = re/norm, im/norm
	if !(math.Hypot(re, im) > 1e-6) || math.IsInf(re, 0) || math.IsInf(im, 0) {
		return a, false
	}
	return imaging.Affine{re, -im, cf.X - re*ct.X + im*ct.Y, im, re, cf.Y - im*ct.X - re*ct.Y}, true
}
