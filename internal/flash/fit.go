package flash

import "faceproof/internal/signal"

// gram holds, for one latency, all that the fit of any sequence of colours
// needs of the frames (step S3): G = BᵀB and h_j = Bᵀy_j.
type gram struct {
	m  int
	g  [maxSegments * maxSegments]float64 // m×m, row by row
	h1 [maxSegments]float64
	h2 [maxSegments]float64
}

func newGram(b [][]float64, y1, y2 []float64) *gram {
	g := &gram{m: len(b)}
	for j, bj := range b {
		g.h1[j], g.h2[j] = signal.Dot(bj, y1), signal.Dot(bj, y2)
		for k := range j + 1 {
			v := signal.Dot(bj, b[k])
			g.g[j*g.m+k], g.g[k*g.m+j] = v, v
		}
	}
	return g
}

// weights are 1/σ² of the two log ratios, and total is the weighted sum of
// their squares.
type weights struct{ w1, w2, total float64 }

// sequence is the linear light of each segment, less that of the neutral
// colour, by channel. The regressors sum to 1 less the neutral's share, and the
// trend takes the constant, so that the neutral frames need no column of their
// own.
type sequence struct{ r, g, b [maxSegments]float64 }

func (s *sequence) set(k int, c [3]float64) { s.r[k], s.g[k], s.b[k] = c[0], c[1], c[2] }

// fit is step S4: the screen/ambient ratios q ≥ 0 of the channels that explain
// the log ratios best,
//
//	y₁ ≈ q_R u_R − q_G u_G,  y₂ ≈ q_B u_B − q_G u_G,
//
// and the share of w.total that they explain.
func (g *gram) fit(s *sequence, w weights) (q [3]float64, r2 float64) {
	m := g.m
	var rr, rg, gg, gb, bb, hr, hg1, hg2, hb float64
	sr, sg, sb := s.r[:m], s.g[:m], s.b[:m]
	h1, h2 := g.h1[:m], g.h2[:m]
	for j := range m {
		row := g.g[j*m : j*m+m]
		var xr, xg, xb float64
		for k, v := range row {
			xr += v * sr[k]
			xg += v * sg[k]
			xb += v * sb[k]
		}
		rj, gj, bj := sr[j], sg[j], sb[j]
		rr += rj * xr
		rg += rj * xg
		gg += gj * xg
		gb += gj * xb
		bb += bj * xb
		hr += rj * h1[j]
		hg1 += gj * h1[j]
		hg2 += gj * h2[j]
		hb += bj * h2[j]
	}
	n := normal{
		a: w.w1 * rr, b: (w.w1 + w.w2) * gg, c: w.w2 * bb,
		d: w.w1 * rg, e: w.w2 * gb,
		x: w.w1 * hr, y: -w.w1*hg1 - w.w2*hg2, z: w.w2 * hb,
	}
	q, explained := n.solve()
	return q, min(max(explained/w.total, 0), 1)
}

// normal is the symmetric system [[a,−d,0],[−d,b,−e],[0,−e,c]] q = (x,y,z).
type normal struct{ a, b, c, d, e, x, y, z float64 }

// solve gives the q ≥ 0 that maximises 2qᵀ(x,y,z) − qᵀNq and that maximum,
// which is q·(x,y,z). The best of the solutions on the subsets of variables
// that are not negative is the constrained optimum.
func (n normal) solve() (q [3]float64, best float64) {
	const eps = 1e-10 // relative; below, the system is singular
	p1, p2 := n.b*n.c-n.e*n.e, n.a*n.b-n.d*n.d
	if det := n.a*p1 - n.d*n.d*n.c; det > eps*n.a*n.b*n.c {
		q0 := (n.x*p1 + n.d*(n.y*n.c+n.e*n.z)) / det
		q1 := (n.a*(n.y*n.c+n.e*n.z) + n.d*n.x*n.c) / det
		q2 := (n.a*(n.b*n.z+n.e*n.y) - n.d*n.d*n.z + n.d*n.e*n.x) / det
		if q0 >= 0 && q1 >= 0 && q2 >= 0 {
			return [3]float64{q0, q1, q2}, q0*n.x + q1*n.y + q2*n.z
		}
	}
	try := func(c [3]float64) {
		if v := c[0]*n.x + c[1]*n.y + c[2]*n.z; c[0] >= 0 && c[1] >= 0 && c[2] >= 0 && v > best {
			q, best = c, v
		}
	}
	if p2 > eps*n.a*n.b {
		try([3]float64{(n.x*n.b + n.d*n.y) / p2, (n.a*n.y + n.d*n.x) / p2, 0})
	}
	if p1 > eps*n.b*n.c {
		try([3]float64{0, (n.y*n.c + n.e*n.z) / p1, (n.b*n.z + n.e*n.y) / p1})
	}
	if n.a > 0 && n.c > 0 {
		try([3]float64{n.x / n.a, 0, n.z / n.c})
	}
	if n.a > 0 {
		try([3]float64{n.x / n.a, 0, 0})
	}
	if n.b > 0 {
		try([3]float64{0, n.y / n.b, 0})
	}
	if n.c > 0 {
		try([3]float64{0, 0, n.z / n.c})
	}
	return q, best
}
