package face

import (
	"math"

	"faceproof/internal/signal"
)

// The ways in which the grid may move: three that tell a head from a sheet, and
// those that both have: shift, scale, turn, stretch and skew, the two of a tilt
// in perspective, the two of a turned head's depth, a jaw that opens.
const (
	targets = 3
	ways    = targets + 11
	shades  = 3 // brightness and its slopes
	columns = ways + shades
)

const (
	warpSteps  = 12
	clipLight  = .25 // ln luminance: a blink, a gloss pull no more than this
	depthReach = .045
)

// warp follows the same face through glances.
type warp struct {
	mask []int // grid points that are compared
	move [][ways][2]float32
	jac  [][columns]float32
	chol signal.Cholesky
	ref  *field
}

// newWarp makes the motions of the mean mesh.
func newWarp(glances []*Glance) *warp {
	var mesh [468][3]float64
	var flatMesh [468]Point
	k := 1 / float64(len(glances))
	for _, g := range glances {
		for i, q := range g.mesh {
			for j := range q {
				mesh[i][j] += k * q[j]
			}
		}
	}
	var middle float64
	for i, q := range mesh {
		flatMesh[i] = Point{q[0], q[1]}
		middle += q[2] / float64(len(mesh))
	}
	w := &warp{}
	oval := hullOf(&flatMesh, ovalPoints)
	low := mesh[noseBase][1]
	for i := range glanceSize {
		x, y := glanceAt(i)
		if c, r := i%glanceW, i/glanceW; c < 3 || r < 3 || c >= glanceW-3 || r >= glanceH-3 || !oval.holds(Point{x, y}, -rim) {
			continue
		}
		z := depthAt(&mesh, x, y) - middle
		w.mask = append(w.mask, i)
		w.move = append(w.move, motions(x, y, z, low))
	}
	return w
}

// depthAt is the mesh's depth around a place.
func depthAt(mesh *[468][3]float64, x, y float64) float64 {
	var n, s float64
	for _, q := range mesh {
		u, v := q[0]-x, q[1]-y
		if e := (u*u + v*v) / (2 * depthReach * depthReach); e < 12 {
			g := math.Exp(-e)
			n, s = n+g, s+g*q[2]
		}
	}
	return s / max(n, 1e-9)
}

// motions of a point, face widths per unit; low is the nose's base.
func motions(x, y, z, low float64) (out [ways][2]float32) {
	for i, d := range [ways][2]float64{
		{-x * z, -y * z}, {-x * x * x, -y * x * x}, {-x * y * y, -y * y * y},
		{1, 0}, {0, 1}, {x, y}, {-y, x}, {x, -y}, {y, x}, {x * x, x * y}, {x * y, y * y}, {z, 0}, {0, z},
		{0, max(y-low, 0)},
	} {
		out[i] = [2]float32{float32(d[0]), float32(d[1])}
	}
	return out
}

// prepare takes the reference. false: it has no texture.
func (w *warp) prepare(ref *field) bool {
	w.ref, w.jac = ref, make([][columns]float32, len(w.mask))
	var n [columns][columns]float64
	for k, i := range w.mask {
		gx := (ref[i+1] - ref[i-1]) / (2 * glanceStep)
		gy := (ref[i+glanceW] - ref[i-glanceW]) / (2 * glanceStep)
		j := &w.jac[k]
		for a, d := range w.move[k] {
			j[a] = gx*d[0] + gy*d[1]
		}
		x, y := glanceAt(i)
		j[ways], j[ways+1], j[ways+2] = 1, float32(x), float32(y)
		for r := range columns {
			for c := range r + 1 {
				n[r][c] += float64(j[r]) * float64(j[c])
			}
		}
	}
	for r := range columns {
		if n[r][r] < leastPivot { // no texture at all
			return false
		}
		n[r][r] = n[r][r]*(1+1e-9) + 1e-12
	}
	return w.chol.Factor(columns, func(r, c int) float64 { return n[r][c] }, leastPivot)
}

// follow finds the motion that takes the reference to a glance, by steps with
// the reference's gradients; moved is the glance, taken back.
func (w *warp) follow(g *field) (moved field, coef [targets]float64) {
	var c [columns]float64
	for range warpSteps {
		var rhs [columns]float64
		for k, i := range w.mask {
			e := float64(w.at(g, k, i, &c) - w.ref[i])
			for s := range shades {
				e -= c[ways+s] * float64(w.jac[k][ways+s])
			}
			e = min(max(e, -clipLight), clipLight)
			for a, j := range w.jac[k] {
				rhs[a] += e * float64(j)
			}
		}
		w.chol.Solve(rhs[:])
		for a := range ways {
			c[a] -= rhs[a]
		}
		for a := ways; a < columns; a++ {
			c[a] += rhs[a]
		}
	}
	moved = *g
	for k, i := range w.mask {
		moved[i] = w.at(g, k, i, &c)
	}
	return moved, [targets]float64{c[0], c[1], c[2]}
}

// beside is what a unit of each bend takes from the head's slope in this texture
// when both are free.
func (w *warp) beside() [2]float64 {
	var c [targets]([columns]float64)
	for k := range c {
		c[k][k] = 1
		w.chol.Solve(c[k][:])
	}
	a, b, d := c[1][1], c[1][2], c[2][2]
	det := a*d - b*b
	return [2]float64{(c[0][1]*d - c[0][2]*b) / det, (c[0][2]*a - c[0][1]*b) / det}
}

// at reads a glance where a point of the reference has gone.
func (w *warp) at(g *field, k, i int, c *[columns]float64) float32 {
	var dx, dy float64
	for a, d := range w.move[k] {
		dx += c[a] * float64(d[0])
		dy += c[a] * float64(d[1])
	}
	x := min(max(float64(i%glanceW)+dx/glanceStep, 0), glanceW-1.001)
	y := min(max(float64(i/glanceW)+dy/glanceStep, 0), glanceH-1.001)
	ix, iy := int(x), int(y)
	ax, ay := float32(x-float64(ix)), float32(y-float64(iy))
	p, q := g[iy*glanceW+ix:][:2], g[(iy+1)*glanceW+ix:][:2]
	top, bottom := p[0]+ax*(p[1]-p[0]), q[0]+ax*(q[1]-q[0])
	return top + ay*(bottom-top)
}
