package face

import (
	"math"
	"slices"
	"sync"

	"faceproof/internal/imaging"
)

// patch is the inner face, upright, patchSize pixels a side, for exposure and
// texture.
type patch struct {
	luma  []float64 // Rec. 709, of sRGB values, 0 to 255
	img   imaging.Image
	tones [2][]float64 // scratch of occlusion
}

// patches are those that nobody looks at now.
var patches = sync.Pool{New: func() any { return &patch{luma: make([]float64, patchSize*patchSize)} }}

// done gives the patch back.
func (p *patch) done() { patches.Put(p) }

const patchSize = 96

// lookAt cuts the patch out: the square of ArcFace's template, which runs from
// the brows to the chin. done must follow.
func lookAt(m *imaging.Image, l *Landmarks) *patch {
	var to [5]Point
	for i, p := range arcFace {
		to[i] = p.scale(patchSize / 112.0)
	}
	from := [5]Point{l.leftEye(), l.rightEye(), l.point(noseTip), l.point(mouthLeft), l.point(mouthRight)}
	a, ok := similarity(to[:], from[:])
	p := patches.Get().(*patch)
	if !ok {
		p.img = *imaging.New(patchSize, patchSize)
		clear(p.luma)
		return p
	}
	m.WarpInto(&p.img, a, patchSize, patchSize)
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
const detailHalf = 0.2

func (p *patch) exposure() (brightness, clipped, sharpness float64) {
	var n, sum, sq, clip, across, along float64
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
			dx := p.luma[i-1] + p.luma[i+1] - 2*v
			dy := p.luma[i-patchSize] + p.luma[i+patchSize] - 2*v
			across += dx * dx
			along += dy * dy
		}
	}
	mean := sum / n
	dev := math.Sqrt(max(sq/n-mean*mean, 1))
	s := math.Sqrt(min(across, along)/n) / dev
	return mean / 255, clip / n, s / (s + detailHalf)
}

// Where skin shows on every face, mask or not (under the eyes), and where the
// mouth is, in patch pixels: x0, y0, x1, y1.
var (
	underEyes = [2][4]int{{24, 48, 38, 56}, {58, 48, 72, 56}}
	mouthArea = [4]int{34, 70, 62, 90}
)

// Differences of redness for "free" and for "covered". Of 190 uncovered faces
// (portraits and press photos) none lies beyond −9; of 20 drawn masks, 16 lie
// beyond −16, the others are grey or so dark that nothing has a colour.
const (
	redFree    = -6.0
	redCovered = -20.0
)

// occlusion looks for the red of lips and skin around the mouth, 0 found, 1
// missing: a mask or a hand-held thing has less of it than the skin under the
// eyes. It sees no black mask in the dark, and nothing in a grey picture.
func (p *patch) occlusion() float64 {
	skin := p.redness(p.redness(p.tones[0][:0], underEyes[0]), underEyes[1])
	mouth := p.redness(p.tones[1][:0], mouthArea)
	p.tones = [2][]float64{skin, mouth}
	d := quantile(mouth, 0.9) - quantile(skin, 0.5)
	return clamp01((redFree - d) / (redFree - redCovered))
}

// redness appends Cr (JFIF, without its offset) of the pixels of an area.
func (p *patch) redness(out []float64, a [4]int) []float64 {
	for y := a[1]; y < a[3]; y++ {
		for x := a[0]; x < a[2]; x++ {
			r, g, b := p.img.At(x, y)
			out = append(out, 0.5*float64(r)-0.4187*float64(g)-0.0813*float64(b))
		}
	}
	return out
}

// quantile sorts v.
func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	return v[int(q*float64(len(v)-1))]
}
