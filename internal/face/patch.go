package face

import (
	"math"

	"faceproof/internal/imaging"
)

// patch is the inner face, upright, patchSize pixels a side, for exposure and
// texture.
type patch struct {
	luma []float64 // Rec. 709, of sRGB values, 0 to 255
	img  *imaging.Image
}

const patchSize = 96

// lookAt cuts the patch out: the square of ArcFace's template, which runs from
// the brows to the chin.
func lookAt(m *imaging.Image, l *Landmarks) *patch {
	var to [5]Point
	for i, p := range arcFace {
		to[i] = p.scale(patchSize / 112.0)
	}
	from := [5]Point{l.leftEye(), l.rightEye(), l.point(noseTip), l.point(mouthLeft), l.point(mouthRight)}
	a, ok := similarity(to[:], from[:])
	if !ok {
		return &patch{img: imaging.New(patchSize, patchSize), luma: make([]float64, patchSize*patchSize)}
	}
	p := &patch{img: m.WarpImage(a, patchSize, patchSize), luma: make([]float64, patchSize*patchSize)}
	for i := range p.luma {
		c := p.img.Pix[3*i : 3*i+3]
		p.luma[i] = 0.2126*float64(c[0]) + 0.7152*float64(c[1]) + 0.0722*float64(c[2])
	}
	return p
}

// inFace says whether a pixel lies in the ellipse that holds face and little
// else.
func inFace(x, y int) bool {
	dx, dy := (float64(x)-48)/36, (float64(y)-54)/44
	return dx*dx+dy*dy < 1
}

// detailHalf is s₀ of Quality's Sharpness.
const detailHalf = 0.35

func (p *patch) exposure() (brightness, clipped, sharpness float64) {
	var n, sum, sq, clip, lap float64
	for y := 1; y < patchSize-1; y++ {
		for x := 1; x < patchSize-1; x++ {
			if !inFace(x, y) {
				continue
			}
			i := y*patchSize + x
			v := p.luma[i]
			n++
			sum += v
			sq += v * v
			if v < 6 || v > 249 {
				clip++
			}
			d := p.luma[i-1] + p.luma[i+1] + p.luma[i-patchSize] + p.luma[i+patchSize] - 4*v
			lap += d * d
		}
	}
	mean := sum / n
	dev := math.Sqrt(max(sq/n-mean*mean, 1))
	s := math.Sqrt(lap/n) / dev
	return mean / 255, clip / n, s / (s + detailHalf)
}

// occlusion placeholder: calibrated with masks.
func (p *patch) occlusion() float64 { return 0 }
