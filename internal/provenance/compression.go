package provenance

import (
	"math"

	"faceproof/internal/imaging"
)

// phases sums, for each place in a row modulo 8, how much the luminance jumps
// there more than beside it. A JPEG jumps at its own grid, phase 0; what was
// compressed before and then cut jumps at another one too.
type phases struct {
	sum [8]float64
	n   [8]float64
}

func (f *phases) frame(pic *imaging.Image) {
	for y := 3; y < pic.H; y += 8 {
		row := pic.Pix[3*y*pic.W:]
		a, b, c := luma(row, 0), luma(row, 3), luma(row, 6)
		for x := 2; x+1 < pic.W; x++ {
			d := luma(row, 3*(x+1))
			// The jump b–c between columns x−1 and x, less the slopes beside it.
			j := math.Abs(float64(a - 3*b + 3*c - d))
			if j < 30000 { // an edge of the scene is no seam of blocks
				f.sum[x%8] += j
				f.n[x%8]++
			}
			a, b, c = b, c, d
		}
	}
}

// strength is how far the strongest phase away from the JPEG's own grid lies
// above the median of those, as a share of it.
func (f *phases) strength() float64 {
	var v []float64
	for p := 2; p <= 6; p++ { // 1 and 7 feel the own seam
		if f.n[p] < 100 {
			return 0
		}
		v = append(v, f.sum[p]/f.n[p])
	}
	top := 0.
	for _, x := range v {
		top = max(top, x)
	}
	mid := median(v)
	if mid <= 0 {
		return 0
	}
	return top/mid - 1
}

// comb is the histogram of the first two horizontal and vertical DCT
// coefficients in units of the JPEG's own steps. Quantised once it falls off
// smoothly; quantised twice on the same grid with another step it has teeth.
type comb struct{ bins [4][combBins]float64 }

const combBins = 40

// Places in the zigzag order, and their horizontal and vertical frequency.
var combPlaces = [4]struct{ zigzag, u, v int }{{1, 1, 0}, {2, 0, 1}, {5, 2, 0}, {3, 0, 2}}

// cosines of the DCT (ITU-T T.81 A.3.3), with its factors.
var cosines = func() (t [3][8]float64) {
	for u := range t {
		c := .5
		if u == 0 {
			c = .5 / math.Sqrt2
		}
		for x := range 8 {
			t[u][x] = c * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16)
		}
	}
	return t
}()

func (c *comb) frame(pic *imaging.Image, table []int) {
	if len(table) != 64 {
		return
	}
	bw, bh := pic.W/8, pic.H/8
	step := max(bw*bh/700, 1)
	block := make([]uint8, 0, 64)
	for k := 0; k < bw*bh; k += step {
		block = appendBlock(block[:0], pic, k%bw*8, k/bw*8)
		// Sums over rows and over columns: all that these four places need.
		var rows, cols [8]float64
		for i, p := range block {
			rows[i/8] += float64(p)
			cols[i%8] += float64(p)
		}
		for i, f := range combPlaces {
			line, u := &cols, f.u
			if f.v > 0 {
				line, u = &rows, f.v
			}
			var s float64
			for x, v := range line {
				s += v * cosines[u][x]
			}
			s *= cosines[0][0]
			if b := int(math.Abs(s)/float64(max(table[f.zigzag], 1)) + .5); b < combBins {
				c.bins[i][b]++
			}
		}
	}
}

// share is the part of the histogram that is missing between its neighbours, of
// what would be there if it fell off smoothly.
func (c *comb) share() float64 {
	worst := 0.
	for _, h := range c.bins {
		var gap, all float64
		for i := 2; i+1 < combBins; i++ {
			want := min(h[i-1], h[i+1])
			if want < 20 {
				continue
			}
			all += want
			gap += max(want-h[i]-2*math.Sqrt(want), 0) // more than chance
		}
		if all > 200 {
			worst = max(worst, gap/all)
		}
	}
	return worst
}
