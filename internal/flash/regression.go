package flash

import (
	"math"
	"slices"

	"faceproof/internal/signal"
)

// Robust weighted least squares of a map on a few patterns.
const (
	clipMAD     = 4        // residuals beyond so many scaled MADs are left out
	rounds      = 6        // of clipping and of the multiplicative model's steps
	neighbours  = 2.5      // cells that share one error: the covariance is so much larger
	least, most = -1.2, 1. // ln of the ratios that the multiplicative model reaches
)

// model says how y follows from X·b.
type model int

const (
	additive       model = iota // y ≈ X·b
	multiplicative              // 1 + y ≈ exp(X·b): y is a ratio less 1, the patterns multiply
)

// regression is a fit.
type regression struct {
	b   []float64
	cov [][]float64
	n   int // cells that were kept
}

// regress fits y (weights w) on the rows x, each of the same length p, with
// outliers left out. ok is false when the rows do not determine b. The
// multiplicative model takes Gauss–Newton steps from the additive one; what one cell
// measures keeps its own noise, which a logarithm of it would not.
func regress(x [][]float64, y, w []float64, m model) (r regression, ok bool) {
	y, w = slices.Clone(y), slices.Clone(w)
	given, weight := slices.Clone(y), slices.Clone(w)
	keep := make([]bool, len(y))
	for i := range keep {
		keep[i] = true
	}
	for round := range rounds {
		if r, ok = leastSquares(x, y, w, keep); !ok || round+1 == rounds {
			break
		}
		absolute, residual := make([]float64, 0, r.n), make([]float64, len(y))
		for i, row := range x {
			residual[i] = math.Abs(y[i]-signal.Dot(row, r.b)) * math.Sqrt(w[i])
			if keep[i] {
				absolute = append(absolute, residual[i])
			}
		}
		limit := clipMAD * 1.4826 * signal.Median(absolute)
		for i, row := range x {
			keep[i] = residual[i] <= limit
			if m == multiplicative {
				eta := min(max(signal.Dot(row, r.b), least), most)
				mu := math.Exp(eta)
				y[i], w[i] = eta+(1+given[i]-mu)/mu, weight[i]*mu*mu
			}
		}
	}
	return r, ok
}

// leastSquares is one fit of the rows that are kept.
func leastSquares(x [][]float64, y, w []float64, keep []bool) (r regression, ok bool) {
	if len(x) == 0 {
		return r, false
	}
	p := len(x[0])
	a := make([][]float64, p) // lower half of XᵀWX, and XᵀWy
	for i := range a {
		a[i] = make([]float64, p+1)
	}
	for i, row := range x {
		if !keep[i] {
			continue
		}
		r.n++
		for j, u := range row {
			for k := range j + 1 {
				a[j][k] += w[i] * u * row[k]
			}
			a[j][p] += w[i] * u * y[i]
		}
	}
	if r.n < p+5 {
		return r, false
	}
	if r.b, r.cov, ok = solveSymmetric(a); !ok {
		return r, false
	}
	chi := 0.
	for i, row := range x {
		if keep[i] {
			e := y[i] - signal.Dot(row, r.b)
			chi += w[i] * e * e
		}
	}
	scale := neighbours * chi / float64(r.n-p)
	for i := range r.cov {
		for j := range r.cov[i] {
			r.cov[i][j] *= scale
		}
	}
	return r, true
}

// solveSymmetric solves the system whose lower half and right side a holds, and
// gives the inverse.
func solveSymmetric(a [][]float64) (b []float64, inverse [][]float64, ok bool) {
	p := len(a)
	var c signal.Cholesky
	if !c.Factor(p, func(r, k int) float64 { return a[r][k] }, 1e-9) {
		return nil, nil, false
	}
	b, inverse = make([]float64, p), make([][]float64, p)
	for i := range b {
		b[i] = a[i][p]
		inverse[i] = make([]float64, p)
		inverse[i][i] = 1
		c.Solve(inverse[i])
	}
	c.Solve(b)
	return b, inverse, true
}
