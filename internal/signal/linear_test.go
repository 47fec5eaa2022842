package signal

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// A·x comes back to b, whatever the positive matrix.
func TestCholesky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "n")
		number := rapid.Float64Range(-2, 2)
		root, b := make([][]float64, n), make([]float64, n)
		for i := range root {
			b[i] = number.Draw(t, "b")
			for range n {
				root[i] = append(root[i], number.Draw(t, "a"))
			}
		}
		a := func(r, k int) float64 { // root·rootᵀ + 1
			v := Dot(root[r], root[k])
			if r == k {
				v++
			}
			return v
		}
		var c Cholesky
		if !c.Factor(n, a, 1e-12) {
			t.Fatal("not factored")
		}
		x := append([]float64(nil), b...)
		c.Solve(x)
		for r := range n {
			var got float64
			for k := range n {
				got += a(max(r, k), min(r, k)) * x[k]
			}
			if math.Abs(got-b[r]) > 1e-8 {
				t.Fatalf("row %d: %g, want %g", r, got, b[r])
			}
		}
	})
}

func TestCholeskyRefuses(t *testing.T) {
	var c Cholesky
	for name, a := range map[string][3]float64{ // a00, a10, a11
		"singular": {1, 2, 4}, "negative": {-1, 0, 1}, "not a number": {1, math.NaN(), 1}, "infinite": {math.Inf(1), 0, 1},
	} {
		if c.Factor(2, func(r, k int) float64 { return a[r+k] }, 1e-9) {
			t.Error(name)
		}
	}
}
