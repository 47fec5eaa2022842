package simcam

import "math"

// triangles is the Delaunay triangulation of points in the plane (Bowyer and
// Watson), as indexes. Points that coincide do not matter much.
func triangles(p [][2]float64) [][3]int {
	const far = 1e5
	n := len(p)
	all := make([][2]float64, 0, n+3)
	for i, q := range p { // no four on one circle, no three on one line
		all = append(all, [2]float64{q[0] + 1e-3*math.Sin(float64(13*i)), q[1] + 1e-3*math.Cos(float64(7*i))})
	}
	all = append(all, [2]float64{-far, -far}, [2]float64{far, -far}, [2]float64{0, 2 * far})
	ts := []triangle{newTriangle(all, n, n+1, n+2)}
	edges := map[[2]int]int{}
	var order [][2]int // of the edges: a map has none
	for i := range p {
		clear(edges)
		order = order[:0]
		keep := ts[:0]
		for _, t := range ts {
			dx, dy := all[i][0]-t.x, all[i][1]-t.y
			if dx*dx+dy*dy >= t.r2 {
				keep = append(keep, t)
				continue
			}
			for k := range 3 {
				a, b := t.v[k], t.v[(k+1)%3]
				e := [2]int{min(a, b), max(a, b)}
				if edges[e]++; edges[e] == 1 {
					order = append(order, e)
				}
			}
		}
		ts = keep
		for _, e := range order { // the rim of the hole
			if edges[e] == 1 {
				ts = append(ts, newTriangle(all, e[0], e[1], i))
			}
		}
	}
	var out [][3]int
	for _, t := range ts {
		if t.v[0] < n && t.v[1] < n && t.v[2] < n {
			out = append(out, t.v)
		}
	}
	return out
}

// triangle has the circle through its corners.
type triangle struct {
	v        [3]int
	x, y, r2 float64
}

func newTriangle(p [][2]float64, a, b, c int) triangle {
	ax, ay := p[a][0], p[a][1]
	bx, by := p[b][0]-ax, p[b][1]-ay
	cx, cy := p[c][0]-ax, p[c][1]-ay
	d := 2 * (bx*cy - by*cx)
	if d == 0 {
		return triangle{v: [3]int{a, b, c}, r2: math.Inf(1)}
	}
	b2, c2 := bx*bx+by*by, cx*cx+cy*cy
	x, y := (cy*b2-by*c2)/d, (bx*c2-cx*b2)/d
	return triangle{v: [3]int{a, b, c}, x: ax + x, y: ay + y, r2: x*x + y*y}
}

// fill interpolates values given at points over a w × h plane, linearly within
// the triangles; elsewhere the plane stays as it is and covered is false.
func fill(plane []float64, w, h int, p [][2]float64, v []float64) (covered []bool) {
	covered = make([]bool, w*h)
	for _, t := range triangles(p) {
		a, b, c := p[t[0]], p[t[1]], p[t[2]]
		det := (b[0]-a[0])*(c[1]-a[1]) - (b[1]-a[1])*(c[0]-a[0])
		if math.Abs(det) < 1e-9 {
			continue
		}
		x0, x1 := span(w, a[0], b[0], c[0])
		y0, y1 := span(h, a[1], b[1], c[1])
		for y := y0; y <= y1; y++ {
			for x := x0; x <= x1; x++ {
				px, py := float64(x)-a[0], float64(y)-a[1]
				s := (px*(c[1]-a[1]) - py*(c[0]-a[0])) / det
				q := (py*(b[0]-a[0]) - px*(b[1]-a[1])) / det
				if s < -1e-9 || q < -1e-9 || s+q > 1+1e-9 {
					continue
				}
				i := y*w + x
				plane[i], covered[i] = v[t[0]]+s*(v[t[1]]-v[t[0]])+q*(v[t[2]]-v[t[0]]), true
			}
		}
	}
	return covered
}

// span is the whole numbers between the values, inside 0 to n−1.
func span(n int, a, b, c float64) (int, int) {
	return max(int(math.Ceil(min(a, b, c))), 0), min(int(math.Floor(max(a, b, c))), n-1)
}
