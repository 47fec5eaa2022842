package face

import "math"

// What the three slopes of a Move are worth: standard deviations about (1, 0, 0)
// for a head, whose depth is not quite the mesh's, and about 0 for a sheet; of a
// bent sheet one of the two bends is free.
const (
	headMean   = .95
	headSD     = .35
	headBendSD = .3
	sheetSD    = .08
	bentSD     = .8
)

// Likelihood is the natural logarithm of how much likelier a Move is for a head
// than for the likeliest of a flat sheet, sheets bent one way or the other, and a
// hollow head; near 0 when it was too small or too noisy to know, 0 when not
// measured. Paper bends one way at a time: that is what tells it from a head.
func (m Move) Likelihood() float64 {
	if m.Frames == 0 {
		return 0
	}
	sd := [3]float64{headSD, headBendSD, headBendSD}
	head, sheet := m.density(headMean, sd), m.density(-headMean, sd)
	for _, sd := range [3][3]float64{{sheetSD, sheetSD, sheetSD}, {sheetSD, bentSD, sheetSD}, {sheetSD, sheetSD, bentSD}} {
		sheet = max(sheet, m.density(0, sd))
	}
	return head - sheet
}

// density is the logarithm of that of N((mean, 0, 0), Cov + sd²) at the slopes,
// without the constant.
func (m Move) density(mean float64, sd [3]float64) float64 {
	c, x := m.Cov, m.Slope
	x[0] -= mean
	var sum float64
	for r := range x { // Cholesky's factor, in place; x becomes the whitened residual
		c[r][r] += sd[r] * sd[r]
		for k := range r {
			for j := range k {
				c[r][k] -= c[r][j] * c[k][j]
			}
			c[r][k] /= c[k][k]
			c[r][r] -= c[r][k] * c[r][k]
			x[r] -= c[r][k] * x[k]
		}
		c[r][r] = math.Sqrt(c[r][r])
		x[r] /= c[r][r]
		sum += x[r]*x[r]/2 + math.Log(c[r][r])
	}
	return -sum
}
