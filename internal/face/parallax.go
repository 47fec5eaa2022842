package face

import (
	"math"

	"faceproof/internal/imaging"
)

// Parallax: while a face comes closer, what is nearer grows more. The mesh net
// is no witness of that: trained on faces, it draws a face of nearly the same
// proportions whatever it sees (docs/evaluation.md). So it only says where the
// face is and how deep each part should lie; the motion is measured in the
// pixels.

// The grid of a glance: face widths, the middle of the mesh at (0, 0).
const (
	glanceStep = 1. / 64
	glanceW    = 84
	glanceH    = 104
	glanceSize = glanceW * glanceH
	rim        = .03 // face widths inside of the outline: the ear's side of it is behind
	flatten    = 9   // grid steps: light that changes over more is no texture
)

// MaxGlances bounds what Approach keeps.
const MaxGlances = 24

// minGlances is the least of which a spread says something.
const minGlances = 5

// Glance is a face in one preview, upright and of one size.
type Glance struct {
	share float64 // width of the face over that of the picture
	light field
	mesh  [468][3]float64 // face widths
}

// Approach collects glances while a face comes closer; not for concurrent use.
type Approach struct{ glances []*Glance }

// Reset forgets all.
func (a *Approach) Reset() { a.glances = a.glances[:0] }

// Add takes a preview's face. Of more than MaxGlances those at middle distances
// are forgotten.
func (a *Approach) Add(m *imaging.Image, l *Landmarks) {
	g := glance(m, l)
	if g == nil {
		return
	}
	a.glances = append(a.glances, g)
	if len(a.glances) <= MaxGlances {
		return
	}
	lo, hi := a.span()
	worst, at := -1., 0
	for i, g := range a.glances {
		if d := min(math.Log(g.share/lo), math.Log(hi/g.share)); d > worst {
			worst, at = d, i
		}
	}
	a.glances = append(a.glances[:at], a.glances[at+1:]...)
}

// span gives the least and the largest share.
func (a *Approach) span() (lo, hi float64) {
	lo = math.Inf(1)
	for _, g := range a.glances {
		lo, hi = min(lo, g.share), max(hi, g.share)
	}
	return lo, hi
}

// Growth is the largest share over the least so far, at least 1.
func (a *Approach) Growth() float64 {
	if lo, hi := a.span(); lo < hi {
		return hi / lo
	}
	return 1
}

// Move is what an approach moved: slopes of the growth with the share, on what
// this head's depth predicts (0: flat, about 1: live) and on what cylinders about
// an upright and a level axis would give (of curvature 1 over the face's width).
type Move struct {
	Slope   [3]float64
	Cov     [3][3]float64
	Alone   float64 // the first slope, for a head that is as bent as its mesh says
	AloneSE float64
	Growth  float64
	Frames  int
}

// Measure is the Move so far; Frames 0: too few, or too alike. focal is the
// camera's focal length in widths of the picture.
func (a *Approach) Measure(focal float64) Move {
	n := len(a.glances)
	lo, hi := a.span()
	if n < minGlances || hi < 1.05*lo {
		return Move{}
	}
	w := newWarp(a.glances)
	coef, shares := make([][3]float64, n), make([]float64, n)
	ref := a.middle()
	if !w.prepare(&ref.light) {
		return Move{}
	}
	var mean field
	for round := range 2 {
		var sum field
		for i, g := range a.glances {
			shares[i] = g.share
			moved, c := w.follow(&g.light)
			coef[i] = c
			for j, v := range moved {
				sum[j] += v / float32(n)
			}
		}
		if round == 0 {
			if mean = sum; !w.prepare(&mean) {
				return Move{}
			}
		}
	}
	move := trend(coef, shares, focal)
	move.Growth, move.Frames = hi/lo, n
	move.alone(w.beside())
	for i := range move.Slope {
		if s := move.Slope[i] + move.Cov[i][i]; s-s != 0 {
			return Move{}
		}
	}
	return move
}

// alone fills Alone: k is what a unit of each bend takes from the first slope.
func (m *Move) alone(k [2]float64) {
	by := [3]float64{1, -k[0], -k[1]}
	var variance float64
	for r := range by {
		m.Alone += by[r] * m.Slope[r]
		for c := range by {
			variance += by[r] * m.Cov[r][c] * by[c]
		}
	}
	m.AloneSE = math.Sqrt(max(variance, 0))
}

// middle is the glance whose share is closest to the geometric mean.
func (a *Approach) middle() *Glance {
	lo, hi := a.span()
	best, at := math.Inf(1), a.glances[0]
	for _, g := range a.glances {
		if d := math.Abs(math.Log(g.share * g.share / (lo * hi))); d < best {
			best, at = d, g
		}
	}
	return at
}

// trend regresses the coefficients on the shares; the covariance is of what that
// leaves.
func trend(coef [][3]float64, shares []float64, focal float64) (m Move) {
	n := float64(len(shares))
	var share, ss float64
	var mean [3]float64
	for i, s := range shares {
		share += s / n
		for k := range mean {
			mean[k] += coef[i][k] / n
		}
	}
	for i, s := range shares {
		ss += (s - share) * (s - share)
		for k := range mean {
			m.Slope[k] += (s - share) * coef[i][k]
		}
	}
	for k := range mean {
		m.Slope[k] /= ss
	}
	for i, s := range shares {
		var e [3]float64
		for k := range e {
			e[k] = coef[i][k] - mean[k] - m.Slope[k]*(s-share)
		}
		for r := range e {
			for c := range e {
				m.Cov[r][c] += focal * focal * e[r] * e[c] / (n - 2) / ss
			}
		}
	}
	for k := range mean {
		m.Slope[k] *= focal
	}
	return m
}

// glance samples a face; nil: no face of a usable size.
func glance(m *imaging.Image, l *Landmarks) *Glance {
	across := sub3(l.Points[cheekRight], l.Points[cheekLeft])
	width := math.Hypot(math.Hypot(across[0], across[1]), across[2]) // a turned face is as wide
	if !(width >= 48 && width < 4096) {
		return nil
	}
	var mid Point
	for i := range l.Points {
		mid = mid.add(l.point(i).scale(1. / 468))
	}
	eyes := l.rightEye().sub(l.leftEye())
	k := width / math.Hypot(eyes.X, eyes.Y)
	p := pose{complex(k*eyes.X, k*eyes.Y), complex(mid.X, mid.Y)}
	g := &Glance{share: width / float64(m.W)}
	for i, q := range l.Points {
		v := (complex(q[0], q[1]) - p.b) / p.a
		g.mesh[i] = [3]float64{real(v), imag(v), q[2] / width}
		if s := real(v) + imag(v) + q[2]; s-s != 0 { // not a number, or no end
			return nil
		}
	}
	sample(m, p, &g.light)
	return g
}

// taps a side of the mean of a grid point.
const taps = 3

// sample fills the texture of the log-luminance at p: what is left without what
// changes slowly.
func sample(m *imaging.Image, p pose, out *field) {
	lut := imaging.LinearTable()
	work := new(field)
	for i := range work {
		x, y := glanceAt(i)
		var sum float32
		for j := range taps * taps {
			dx, dy := (float64(j%taps)+.5)/taps-.5, (float64(j/taps)+.5)/taps-.5
			at := p.apply(complex(x+dx*glanceStep, y+dy*glanceStep))
			px, py := min(max(real(at)-.5, 0), float64(m.W)-1.001), min(max(imag(at)-.5, 0), float64(m.H)-1.001)
			ix, iy := int(px), int(py)
			ax, ay := float32(px-float64(ix)), float32(py-float64(iy))
			for r := range 2 {
				q := m.Pix[3*((iy+r)*m.W+ix):][:6]
				left := .2126*lut[q[0]] + .7152*lut[q[1]] + .0722*lut[q[2]]
				right := .2126*lut[q[3]] + .7152*lut[q[4]] + .0722*lut[q[5]]
				wy := ay
				if r == 0 {
					wy = 1 - ay
				}
				sum += wy * (left + ax*(right-left))
			}
		}
		out[i] = float32(math.Log(float64(sum)/(taps*taps) + shadowFloor))
	}
	mean(out, work, 1)
	slow, rest := new(field), new(field)
	*slow = *work
	for range 2 {
		mean(slow, rest, flatten)
		*slow = *rest
	}
	for i := range out {
		out[i] = work[i] - slow[i]
	}
}

// field is a number at each point of the grid.
type field [glanceSize]float32

// glanceAt is in face widths.
func glanceAt(i int) (x, y float64) {
	return (float64(i%glanceW) - (glanceW-1)/2.) * glanceStep, (float64(i/glanceW) - (glanceH-1)/2.) * glanceStep
}

// mean of (2r+1)² points; the border repeats.
func mean(src, dst *field, r int) {
	row := new(field)
	k := 1 / float32(2*r+1)
	for y := range glanceH {
		line := src[y*glanceW:][:glanceW]
		var sum float32
		for x := -r; x <= r; x++ {
			sum += line[min(max(x, 0), glanceW-1)]
		}
		for x := range glanceW {
			row[y*glanceW+x] = sum * k
			sum += line[min(x+r+1, glanceW-1)] - line[max(x-r, 0)]
		}
	}
	for x := range glanceW {
		var sum float32
		for y := -r; y <= r; y++ {
			sum += row[min(max(y, 0), glanceH-1)*glanceW+x]
		}
		for y := range glanceH {
			dst[y*glanceW+x] = sum * k
			sum += row[min(y+r+1, glanceH-1)*glanceW+x] - row[max(y-r, 0)*glanceW+x]
		}
	}
}
