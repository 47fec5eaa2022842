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

// answers fits α and β of some cells: r = ln C − ln F is α·q·m(t) + β·q·d(t)
// with the mean m and the first moment d of the screen in each channel, F the
// mean of the skin. The channels are weighted by what each leaves.
func (s *Surface) answers(cells []int, f frames, face [][3]float64, x1, x2 [3][]float64) []answer {
	n := len(f.times)
	base := make([][3]float64, n)
	for i, j := range f.index {
		for c, v := range face[j] {
			base[i][c] = math.Log(v)
		}
	}
	var xx [3][3]float64 // of x1x1, x1x2, x2x2
	for c := range xx {
		xx[c] = [3]float64{signal.Dot(x1[c], x1[c]), signal.Dot(x1[c], x2[c]), signal.Dot(x2[c], x2[c])}
	}
	free := float64(n - f.trend.Size() - 2)
	out := make([]answer, 0, len(cells))
	r := make([]float64, n)
	for _, cell := range cells {
		a := answer{cell: cell, x: 2 * s.At[cell][0], y: 2 * s.At[cell][1]}
		var m [3]float64
		var v1, v2, left, mean float64
		ok := true
		for c := range 3 {
			level := 0.
			for i, j := range f.index {
				v := float64(s.Cells[j][cell][c])
				if v > 0 {
					r[i] = math.Log(v) - base[i][c]
					level += v
				} else if i > 0 {
					r[i] = r[i-1] // unseen now and then
				} else {
					ok = false
				}
			}
			if !ok {
				break
			}
			mean += luma[c] * level / float64(n)
			f.trend.Detrend(r)
			y1, y2, yy := signal.Dot(x1[c], r), signal.Dot(x2[c], r), signal.Dot(r, r)
			b1, b2, _ := solve2(xx[c], y1, y2)
			noise := max((yy-b1*y1-b2*y2)/free, 1e-8)
			w := 1 / noise
			for k := range m {
				m[k] += w * xx[c][k]
			}
			v1, v2, left = v1+w*y1, v2+w*y2, left+w*yy
		}
		if !ok {
			continue
		}
		var inverse [3]float64
		a.alpha, a.beta, inverse = solve2(m, v1, v2)
		spread := max((left-a.alpha*v1-a.beta*v2)/(3*free), 1e-3)
		a.alphaSE, a.betaSE = math.Sqrt(inverse[0]*spread), math.Sqrt(inverse[2]*spread)
		a.light = math.Log(mean)
		if signal.Finite(a.alpha+a.beta+a.light) && a.alphaSE > 0 && a.betaSE > 0 {
			out = append(out, a)
		}
	}
	return out
}

// luma weights linear RGB to luminance (ITU-R BT.709).
var luma = [3]float64{.2126, .7152, .0722}

// solve2 solves [[m0, m1], [m1, m2]] (a, b) = (u, v) and gives the inverse, with a
// ridge that keeps an unknown without information at 0 with a large variance.
func solve2(m [3]float64, u, v float64) (a, b float64, inverse [3]float64) {
	m[0], m[2] = m[0]*(1+1e-9)+1e-9, m[2]*(1+1e-9)+1e-9
	det := m[0]*m[2] - m[1]*m[1]
	inverse = [3]float64{m[2] / det, -m[1] / det, m[0] / det}
	return inverse[0]*u + inverse[1]*v, inverse[1]*u + inverse[2]*v, inverse
}
