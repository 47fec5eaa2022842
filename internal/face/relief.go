package face

import (
	"math"
)

// Placement is where a face lies in a picture, as the tracker followed it.
type Placement struct {
	X, Y  float64 // picture pixels, of the middle of the face
	Width float64 // picture pixels, of the face between the cheeks
	Turn  float64 // radians, clockwise
}

// Placement of the last frame that Track followed.
func (t *Tracker) Placement() Placement {
	c := t.pose.apply(complex(faceX, faceY))
	return Placement{real(c), imag(c), t.pose.scale() * faceWidth, math.Atan2(imag(t.pose.a), real(t.pose.a))}
}

// Scale gives the place in a picture of k times the size.
func (p Placement) Scale(k float64) Placement {
	return Placement{k * p.X, k * p.Y, k * p.Width, p.Turn}
}

// Facet is a small piece of the face's surface, upright and without the turn of
// its picture.
type Facet struct {
	Cell   int
	Point  [3]float64 // from the middle of the face, widths of the face; z: smaller is nearer
	Normal [3]float64 // of length 1, towards the camera: z < 0
}

// Offset of a cell from the middle of the face, in widths of the face.
func Offset(cell int) (x, y float64) {
	at := cellCenter(cell)
	return (at.X - faceX) / faceWidth, (at.Y - faceY) / faceWidth
}

const (
	reliefMeshes = 8   // averaged: those of the pre-roll, about
	reliefSigma  = 4.5 // canonical pixels over which depth is smoothed: the mesh's own spacing
	// depthScale is what the mesh net's depth is multiplied with.
	depthScale = 1.
)

// remember takes a mesh at its pose into the mean.
func (t *Tracker) remember(p pose, l *Landmarks) {
	if t.meshes == reliefMeshes {
		return
	}
	t.meshes++
	w := 1 / float64(t.meshes)
	for i, q := range p.canonical(l) {
		m := &t.mesh[i]
		m[0] += w * (q.X - m[0])
		m[1] += w * (q.Y - m[1])
		m[2] += w * (l.Points[i][2]/p.scale() - m[2])
	}
}

// Relief gives the surface of the face under some cells, four facets each, from
// the mean of the first meshes. Depth is a local plane fitted to the mesh; where
// that has too few points there is no facet.
func (t *Tracker) Relief(cells []int) []Facet {
	out := make([]Facet, 0, 4*len(cells))
	for _, c := range cells {
		at := cellCenter(c)
		for _, d := range [4]Point{{-1.5, -1.5}, {1.5, -1.5}, {-1.5, 1.5}, {1.5, 1.5}} {
			p := at.add(d)
			z, dx, dy, ok := t.depth(p)
			if !ok {
				continue
			}
			n := 1 / math.Sqrt(1+dx*dx+dy*dy)
			out = append(out, Facet{
				Cell:   c,
				Point:  [3]float64{(p.X - faceX) / faceWidth, (p.Y - faceY) / faceWidth, z / faceWidth},
				Normal: [3]float64{dx * n, dy * n, -n},
			})
		}
	}
	return out
}

// depth fits a plane to the mesh around a place: its depth there and slopes.
func (t *Tracker) depth(at Point) (z, dx, dy float64, ok bool) {
	var n, x, y, xx, xy, yy, s, sx, sy float64
	for _, q := range t.mesh {
		u, v := q[0]-at.X, q[1]-at.Y
		e := (u*u + v*v) / (2 * reliefSigma * reliefSigma)
		if e > 8 {
			continue
		}
		w := math.Exp(-e)
		n += w
		x, y, s = x+w*u, y+w*v, s+w*q[2]
		xx, xy, yy = xx+w*u*u, xy+w*u*v, yy+w*v*v
		sx, sy = sx+w*u*q[2], sy+w*v*q[2]
	}
	if n < .5 {
		return 0, 0, 0, false
	}
	x, y, s = x/n, y/n, s/n
	xx, xy, yy = xx/n-x*x, xy/n-x*y, yy/n-y*y
	sx, sy = sx/n-x*s, sy/n-y*s
	det := xx*yy - xy*xy
	if det < 1 { // on a line
		return 0, 0, 0, false
	}
	dx, dy = (sx*yy-sy*xy)/det, (sy*xx-sx*xy)/det
	return depthScale * (s - dx*x - dy*y), depthScale * dx, depthScale * dy, true
}
