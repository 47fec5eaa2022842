package flash

import (
	"math"
	"slices"

	"faceproof/internal/radiance"
	"faceproof/internal/signal"
)

// Surface is the capture place by place, for the steps S8 to S10: the answer of
// every cell of the face, the shape that the face should have, and how it moved.
// It is outside data: what does not fit together is not measured.
type Surface struct {
	Cells     [][][3]float32 // one entry a frame of the Series: mean linear RGB of each cell, 0 unseen; nil: no face
	At        [][2]float64   // of each cell, from the middle of the face, widths of the face
	Skin      []int          // cells that can be measured
	Head      []int          // … with hair, brows, eyes and lips
	Facets    []Facet        // of the skin cells; none: no shape is known
	Motion    [][4]float64   // one entry a frame: shift x, y, growth, turn of the face; any unit each; NaN: no face
	Landscape bool           // the screen is wider than high
}

// Facet is a small piece of the face's surface in the picture's own directions:
// x right, y down, z away from the camera.
type Facet struct {
	Cell   int
	Point  [3]float64 // x, y from the middle of the picture, z from that of the face; widths of the face
	Normal [3]float64 // of length 1, z < 0
}

// What the template takes for granted: how wide a face is between the cheeks,
// and how far it is held (cm). A wrong distance changes the pattern little.
const (
	faceCM         = 14.
	phoneDistance  = 30.
	laptopDistance = 50.
	shine          = 18.  // of skin, exponent of the lobe
	gloss          = .03  // strength of the lobe …
	reflectance    = .3   // … of a skin of this reflectance: their ratio is the unit of Spec
	minFacets      = 2    // of four, or the cell has no template
	minShapeCells  = 40   // or there is no shape
	minStrength    = 2e-3 // amplitude below which nothing is measured
)

// template is what the screen does to each cell of a face of this shape.
type template struct {
	ok                 bool
	light, spec, slant float64 // ln Σ T_b; Σ S_b / Σ T_b in units of gloss/reflectance; Σ T_b ŷ_b / (Σ T_b · mean ŷ²)
}

// templates gives one for each cell.
func (s *Surface) templates() []template {
	screen, distance := radiance.Phone, phoneDistance
	if s.Landscape {
		screen, distance = radiance.Laptop, laptopDistance
	}
	out := make([]template, len(s.At))
	n := make([]float64, len(s.At))
	for _, f := range s.Facets {
		if f.Cell < 0 || f.Cell >= len(out) {
			continue
		}
		p := radiance.Vec{faceCM * f.Point[0], faceCM * f.Point[1], distance + faceCM*f.Point[2]}
		var all, moment, squares, lobe float64
		for b, e := range screen.Irradiance(p, f.Normal) {
			y := 2*(float64(b)+.5)/radiance.Bands - 1
			all, moment, squares = all+e, moment+e*y, squares+y*y/radiance.Bands
		}
		for _, e := range screen.Gloss(p, f.Normal, shine) {
			lobe += e
		}
		if !(all > 1e-9) || !signal.Finite(all) || !signal.Finite(lobe) {
			continue // it looks away from the screen
		}
		t := &out[f.Cell]
		t.light += math.Log(all)
		t.spec += gloss * math.Pi / reflectance * lobe / all
		t.slant += moment / (all * squares)
		n[f.Cell]++
	}
	for i := range out {
		if out[i].ok = n[i] >= minFacets; out[i].ok {
			out[i].light, out[i].spec, out[i].slant = out[i].light/n[i], out[i].spec/n[i], out[i].slant/n[i]
		}
	}
	return out
}

// valid says whether the parts of a Surface fit a Series of n frames.
func (s *Surface) valid(n int) bool {
	cells := len(s.At)
	for _, f := range s.Cells {
		if f != nil && len(f) != cells {
			return false
		}
	}
	out := func(i int) bool { return i < 0 || i >= cells }
	return len(s.Cells) == n && len(s.Motion) == n && !slices.ContainsFunc(s.Skin, out) && !slices.ContainsFunc(s.Head, out)
}

// answer is how one cell answers the light beyond the mean of the face.
type answer struct {
	cell           int
	alpha, alphaSE float64 // to the mean of the screen; 0: like the mean of the face, −1: not at all
	beta, betaSE   float64 // to the difference along the screen
	light          float64 // ln of the mean luminance
	x, y           float64 // half widths of the face, from its middle
}

// answers fits α and β of some cells: r = ln C − ln F is α·x₁ + β·x₂ + γ·x₃
// with the screen's mean, first moment and change in time, F the mean of the
// skin. γ is nobody's answer: a camera that reads its rows one after the other
// sees the upper ones earlier. The channels are weighted by what each leaves.
func (s *Surface) answers(cells []int, f frames, face [][3]float64, x [3]regressor) []answer {
	n := len(f.times)
	base := make([][3]float64, n)
	for i, j := range f.index {
		for c, v := range face[j] {
			base[i][c] = math.Log(v)
		}
	}
	var xx [3]symmetric
	for c := range xx {
		for j := range 3 {
			for k := range 3 {
				xx[c][j][k] = signal.Dot(x[c][j], x[c][k])
			}
		}
	}
	free := float64(n - f.trend.Size() - 3)
	out := make([]answer, 0, len(cells))
	r := make([]float64, n)
	for _, cell := range cells {
		var m symmetric
		var v [3]float64
		var left, mean float64
		ok := true
		for c := range 3 {
			level := s.logRatio(r, cell, c, f.index, base)
			if ok = ok && level > 0; !ok {
				break
			}
			mean += luma[c] * level
			f.trend.Detrend(r)
			y := [3]float64{signal.Dot(x[c][0], r), signal.Dot(x[c][1], r), signal.Dot(x[c][2], r)}
			yy := signal.Dot(r, r)
			b, _ := xx[c].solve(y)
			w := 1 / max((yy-dot3(b, y))/free, 1e-8)
			for j := range m {
				for k := range m[j] {
					m[j][k] += w * xx[c][j][k]
				}
				v[j] += w * y[j]
			}
			left += w * yy
		}
		if !ok {
			continue
		}
		b, variance := m.solve(v)
		spread := max((left-dot3(b, v))/(3*free), 1e-3)
		a := answer{
			cell: cell, x: 2 * s.At[cell][0], y: 2 * s.At[cell][1], light: math.Log(mean),
			alpha: b[0], alphaSE: math.Sqrt(variance[0] * spread), beta: b[1], betaSE: math.Sqrt(variance[1] * spread),
		}
		if signal.Finite(a.alpha+a.beta+a.light) && a.alphaSE > 0 && a.betaSE > 0 {
			out = append(out, a)
		}
	}
	return out
}

// logRatio fills r with ln C − base of a cell's channel, frame by frame, and
// gives the mean of C; 0 when the cell is not seen from the first frame on. A
// frame that misses it repeats the one before.
func (s *Surface) logRatio(r []float64, cell, channel int, index []int, base [][3]float64) (level float64) {
	for i, j := range index {
		v := float64(s.Cells[j][cell][channel])
		switch {
		case v > 0:
			r[i] = math.Log(v) - base[i][channel]
			level += v / float64(len(index))
		case i > 0:
			r[i] = r[i-1]
		default:
			return 0
		}
	}
	return level
}

// luma weights linear RGB to luminance (ITU-R BT.709).
var luma = [3]float64{.2126, .7152, .0722}

// regressor holds the three series of a channel: mean, moment, change.
type regressor [3][]float64

// symmetric is a matrix of normal equations.
type symmetric [3][3]float64

// solve gives b of m·b = v and the diagonal of the inverse, with a ridge that
// keeps an unknown without information at 0 with a large variance.
func (m symmetric) solve(v [3]float64) (b, variance [3]float64) {
	for k := range m {
		m[k][k] = m[k][k]*(1+1e-9) + 1e-9
	}
	cofactor := func(i, j int) float64 {
		a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
		return m[a][c]*m[b][d] - m[a][d]*m[b][c]
	}
	det := m[0][0]*cofactor(0, 0) + m[0][1]*cofactor(0, 1) + m[0][2]*cofactor(0, 2)
	for j := range b {
		for i := range v {
			b[j] += cofactor(i, j) * v[i] / det
		}
		variance[j] = cofactor(j, j) / det
	}
	return b, variance
}

func dot3(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
