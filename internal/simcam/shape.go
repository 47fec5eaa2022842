package simcam

import (
	"math"

	"faceproof/internal/radiance"
)

// The light is smooth: it is computed on a grid of every step-th pixel.
const step = 3

// faceCM is the width of a face between the fronts of the ears.
const faceCM = 14.2

// view is where a face lies in a picture: what the mesh says, in its pixels.
type view struct {
	w, h           int // of the picture
	mesh           [468][3]float64
	x0, x1, y0, y1 float64 // of the mesh
	cx, cy         float64 // its middle
	width, height  float64
}

func newView(w, h int, mesh [468][3]float64) view {
	v := view{w: w, h: h, mesh: mesh, x0: math.Inf(1), x1: math.Inf(-1), y0: math.Inf(1), y1: math.Inf(-1)}
	for _, p := range mesh {
		v.x0, v.x1 = min(v.x0, p[0]), max(v.x1, p[0])
		v.y0, v.y1 = min(v.y0, p[1]), max(v.y1, p[1])
	}
	v.cx, v.cy = (v.x0+v.x1)/2, (v.y0+v.y1)/2
	v.width, v.height = v.x1-v.x0, v.y1-v.y0
	return v
}

// cm is the size of a pixel at the face.
func (v view) cm() float64 { return faceCM / v.width }

// inside is how many pixels a place lies within the outline of head, neck and
// shoulders; negative outside.
func (v view) inside(x, y float64) float64 {
	a, b := v.width*.66, v.height*.8
	head := (1 - math.Hypot((x-v.cx)/a, (y-(v.cy-.14*v.height))/b)) * min(a, b)
	down := y - v.y1 // shoulders slope from below the chin
	half := v.width*.42 + max(0, down-.12*v.height)*2.6
	body := min(half-math.Abs(x-v.cx), y-(v.cy+.2*v.height))
	return max(head, body)
}

// shape is a surface on the grid: depth in centimetres behind the face's plane,
// and normals towards the camera.
type shape struct {
	w, h   int
	z      []float64
	normal []radiance.Vec
}

// steepest slope: beyond it a grid of 3 pixels knows nothing.
const steepest = 3.

// newShape makes the normals of a depth on a grid whose pixels are cm wide.
func newShape(w, h int, z []float64, cm float64) shape {
	s := shape{w: w, h: h, z: z, normal: make([]radiance.Vec, w*h)}
	for y := range h {
		for x := range w {
			x0, x1, y0, y1 := max(x-1, 0), min(x+1, w-1), max(y-1, 0), min(y+1, h-1)
			dx := (z[y*w+x1] - z[y*w+x0]) / (float64(x1-x0) * cm)
			dy := (z[y1*w+x] - z[y0*w+x]) / (float64(y1-y0) * cm)
			if g := math.Hypot(dx, dy); g > steepest {
				dx, dy = dx*steepest/g, dy*steepest/g
			}
			s.normal[y*w+x] = unit(radiance.Vec{dx, dy, -1})
		}
	}
	return s
}

// head is the shape of the person in the picture: within the mesh what it says,
// times scale; outside it goes over into an ellipsoid on a torso.
func (v view) head(scale float64) shape {
	w, h := v.w/step, v.h/step
	points, offset := make([][2]float64, len(v.mesh)), make([]float64, len(v.mesh))
	var mean float64
	for _, p := range v.mesh {
		mean += p[2] / float64(len(v.mesh))
	}
	for i, p := range v.mesh {
		x, y := (p[0]-.5*step)/step, (p[1]-.5*step)/step // of grid centres
		points[i] = [2]float64{x, y}
		offset[i] = (p[2]-mean)*v.cm()*scale - v.prior(x, y)
	}
	z := make([]float64, w*h)
	known := fill(z, w, h, points, offset)
	relax(z, known, w, h, .14*v.width/step)
	for i := range z {
		z[i] += v.prior(float64(i%w), float64(i/w))
	}
	return newShape(w, h, blur(z, w, h, max(.014*v.width/step, .8)), v.cm()*step)
}

// prior is an ellipsoid head on a torso, cm behind the face's plane, at a place
// of the grid.
func (v view) prior(x, y float64) float64 {
	a, b := .6*v.width/step, .82*v.height/step
	dx, dy := x-v.cx/step, y-v.cy/step
	cm := v.cm() * step
	r2 := dx*dx/(a*a) + (dy+.12*b)*(dy+.12*b)/(b*b)
	head := 5.5 - 9*math.Sqrt(max(1-r2, 0)) + 6*min(max(r2-1, 0), 1)
	below, side := (dy-.62*b)*cm, dx*cm/20 // cm under the chin; of half a torso
	torso := 7 - min(3, .25*below) + 6*side*side
	const k = 1.2 // cm: the softer minimum of the two
	return -k * math.Log(math.Exp(-head/k)+math.Exp(-torso/k))
}

// relax lets known values fade to 0 outside, over about reach pixels.
func relax(z []float64, known []bool, w, h int, reach float64) {
	k := 1 / (4 + 1/(reach*reach))
	for round := range 60 {
		for j := range w * h {
			i := j
			if round%2 == 1 {
				i = w*h - 1 - j
			}
			if known[i] {
				continue
			}
			x, y := i%w, i/w
			z[i] = k * (z[y*w+max(x-1, 0)] + z[y*w+min(x+1, w-1)] + z[max(y-1, 0)*w+x] + z[min(y+1, h-1)*w+x])
		}
	}
}

// plane is flat, tilted by the angles in degrees, through the face's middle.
func (v view) plane(tiltX, tiltY float64) shape {
	sx, sy := math.Tan(tiltX*math.Pi/180), math.Tan(tiltY*math.Pi/180)
	return v.surface(func(x, y float64) float64 { return sx*x + sy*y })
}

// bent is a cylinder about the vertical axis, tilted.
func (v view) bent(radius, tiltX, tiltY float64) shape {
	sx, sy := math.Tan(tiltX*math.Pi/180), math.Tan(tiltY*math.Pi/180)
	return v.surface(func(x, y float64) float64 {
		u := min(math.Abs(x), .95*radius) // beyond, the paper goes straight on
		root := math.Sqrt(radius*radius - u*u)
		return radius - root + (math.Abs(x)-u)*u/root + sx*x + sy*y
	})
}

// surface makes a shape of a depth given in cm from the face's middle.
func (v view) surface(depth func(x, y float64) float64) shape {
	w, h := v.w/step, v.h/step
	z := make([]float64, w*h)
	for i := range z {
		z[i] = depth((float64(i%w*step)+.5*step-v.cx)*v.cm(), (float64(i/w*step)+.5*step-v.cy)*v.cm())
	}
	return newShape(w, h, z, v.cm()*step)
}

// place is a point of the grid in the camera's coordinates.
func (v view) place(i, w int, distance float64) radiance.Vec {
	return radiance.Vec{
		(float64(i%w*step) + .5*step - float64(v.w)/2) * v.cm(),
		(float64(i/w*step) + .5*step - float64(v.h)/2) * v.cm(),
		distance,
	}
}

// number of a plane.
type number interface{ ~float32 | ~float64 }

// blur is three boxes in a row, nearly a Gaussian of sigma; borders repeat.
func blur[T number](src []T, w, h int, sigma float64) []T {
	// Three boxes of n pixels have the variance (n²−1)/4.
	r := max(int(math.Round((math.Sqrt(4*sigma*sigma+1)-1)/2)), 1)
	a, b := append([]T(nil), src...), make([]T, len(src))
	for range 3 {
		boxes(a, b, h, w, w, 1, r)
		boxes(b, a, w, h, 1, w, r)
	}
	return a
}

// boxes means 2r+1 numbers around each, along n lines that are line apart; a
// line has m numbers that are next apart.
func boxes[T number](src, dst []T, n, m, line, next, r int) {
	k := 1 / T(2*r+1)
	for j := range n {
		s, d := src[j*line:], dst[j*line:]
		var sum T
		for i := -r; i <= r; i++ {
			sum += s[min(max(i, 0), m-1)*next]
		}
		for i := range m {
			d[i*next] = sum * k
			sum += s[min(i+r+1, m-1)*next] - s[max(i-r, 0)*next]
		}
	}
}
