package provenance

import (
	"math"

	"faceproof/internal/imaging"
)

const (
	maxBlocks = 256 // looked at in a frame
	binCount  = 8   // of brightness
	flatVar   = 9   // grey levels squared: a block with less has no structure
	noiseBins = 32  // of the noise's variance, two an octave from minNoise on; the first holds what is below
	minNoise  = 1. / 1024
	quantile  = .25 // of the blocks: motion disturbs the others
)

// blocks follows 8 × 8 blocks of the luminance on the JPEG's own grid: what
// does not change at all from frame to frame, and how much a flat block
// flickers. A sensor's shot noise is never still; a video codec copies blocks
// that hardly change, and a drawn picture has no noise.
type blocks struct {
	w, h, step int
	last       []uint8 // luminance of the followed blocks in the last frame
	now        []uint8
	steps      int // compared blocks
	same       int
	bins       [binCount]bin
}

// bin holds the blocks of one brightness.
type bin struct {
	n     int
	light float64 // sum of the mean levels
	vari  [noiseBins]int
}

func (b *bin) add(level, v float64) {
	i := 0
	if v >= minNoise {
		i = min(1+int(2*math.Log2(v/minNoise)), noiseBins-1)
	}
	b.n, b.light = b.n+1, b.light+level
	b.vari[i]++
}

// floor is the variance below which a quarter of the blocks lies, 0 when it is
// too small to be noise.
func (b *bin) floor() float64 {
	want := int(quantile * float64(b.n))
	for i, n := range b.vari {
		if want -= n; want < 0 {
			if i == 0 {
				return 0
			}
			return minNoise * math.Exp2((float64(i)-.5)/2)
		}
	}
	return 0
}

// frame takes a picture and gives the share of its blocks that have structure.
func (b *blocks) frame(pic *imaging.Image) float64 {
	bw, bh := pic.W/8, pic.H/8
	first := b.w != pic.W || b.h != pic.H || len(b.last) == 0
	if first {
		b.w, b.h = pic.W, pic.H
		b.step = max((bw*bh+maxBlocks-1)/maxBlocks, 1)
		for b.step > 1 && bw%b.step == 0 { // a whole divisor would follow a few columns only
			b.step++
		}
	}
	b.now = b.now[:0]
	all, busy := 0, 0
	for k := 0; k < bw*bh; k += b.step {
		at := len(b.now)
		b.now = appendBlock(b.now, pic, k%bw*8, k/bw*8)
		block := b.now[at:]
		mean, v := moments(block)
		all++
		if v > flatVar {
			busy++
		}
		if !first {
			b.compare(block, b.last[at:at+64], mean, v)
		}
	}
	b.now, b.last = b.last, b.now
	return float64(busy) / float64(max(all, 1))
}

// compare takes a block and the same place in the frame before.
func (b *blocks) compare(now, last []uint8, mean, v float64) {
	b.steps++
	same := true
	var sum, square int
	for i, p := range now {
		d := int(p) - int(last[i])
		if d != 0 {
			same = false
		}
		sum, square = sum+d, square+d*d
	}
	if same {
		b.same++
	}
	if v > flatVar || mean < 8 || mean > 247 { // clipped parts have no noise
		return
	}
	// The mean is taken out: it is the room's light, or the screen's.
	m := float64(sum) / 64
	b.bins[min(int(mean)*binCount/256, binCount-1)].add(mean, (float64(square)/64-m*m)/2)
}

// still is the share of compared blocks that did not change at all.
func (b *blocks) still() float64 {
	if b.steps == 0 {
		return 0
	}
	return float64(b.same) / float64(b.steps)
}

// noise gives the number of flat blocks, the standard deviation of their noise
// in grey levels, and the slope of ln variance over ln light in linear light: 1
// for shot noise, 0 when it cannot be told.
func (b *blocks) noise() (n int, sd, slope float64) {
	var all bin
	var x, y, xx, xy, w float64
	bins := 0
	for i := range b.bins {
		c := &b.bins[i]
		all.n += c.n
		for k, m := range c.vari {
			all.vari[k] += m
		}
		v := c.floor()
		if c.n < 100 || v == 0 {
			continue
		}
		level := min(max(int(c.light/float64(c.n)), 1), 254)
		rise := float64(imaging.Linear(uint8(level+1))-imaging.Linear(uint8(level-1))) / 2
		lx, ly, k := math.Log(float64(imaging.Linear(uint8(level)))), math.Log(v*rise*rise), float64(c.n)
		x, y, xx, xy, w, bins = x+k*lx, y+k*ly, xx+k*lx*lx, xy+k*lx*ly, w+k, bins+1
	}
	if d := w*xx - x*x; bins >= 3 && d > 1e-9 {
		slope = (w*xy - x*y) / d
	}
	return all.n, math.Sqrt(all.floor()), slope
}

func appendBlock(dst []uint8, pic *imaging.Image, x0, y0 int) []uint8 {
	for y := range 8 {
		i := 3 * ((y0+y)*pic.W + x0)
		for range 8 {
			dst = append(dst, uint8((luma(pic.Pix, i)+500)/1000))
			i += 3
		}
	}
	return dst
}

// moments gives mean and variance.
func moments(p []uint8) (mean, v float64) {
	var sum, square int
	for _, x := range p {
		sum, square = sum+int(x), square+int(x)*int(x)
	}
	mean = float64(sum) / float64(len(p))
	return mean, float64(square)/float64(len(p)) - mean*mean
}
