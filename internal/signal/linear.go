package signal

import "math"

// Cholesky is the lower factor L of a symmetric positive matrix A = L·Lᵀ, row by
// row. Its memory serves one Factor after another.
type Cholesky struct {
	n int
	l []float64
}

// Factor factors the n × n matrix whose lower half a gives. false: of a diagonal
// entry no more than its share least is left by those before it, or it is no
// number; the factor is of no use then.
func (c *Cholesky) Factor(n int, a func(row, column int) float64, least float64) bool {
	if c.n = n; cap(c.l) < n*n {
		c.l = make([]float64, n*n)
	}
	c.l = c.l[:n*n]
	for r := range n {
		row := c.l[r*n : r*n+n]
		for k := range r + 1 {
			other := c.l[k*n : k*n+n]
			v := a(r, k)
			for i := range k {
				v -= row[i] * other[i]
			}
			if r != k {
				row[k] = v / other[k]
			} else if !(v > least*max(a(r, r), 0)) || math.IsInf(v, 0) {
				return false
			} else {
				row[r] = math.Sqrt(v)
			}
		}
	}
	return true
}

// Solve puts the x of A·x = b in the place of b.
func (c *Cholesky) Solve(b []float64) {
	n := c.n
	for r := range n {
		for k := range r {
			b[r] -= c.l[r*n+k] * b[k]
		}
		b[r] /= c.l[r*n+r]
	}
	for r := n - 1; r >= 0; r-- {
		for k := r + 1; k < n; k++ {
			b[r] -= c.l[k*n+r] * b[k]
		}
		b[r] /= c.l[r*n+r]
	}
}
