package face

import (
	"math"

	"faceproof/internal/imaging"
)

// pose takes canonical pixels to image pixels, as complex numbers x + iy:
// p ↦ a·p + b, a turn with a scale and a shift.
type pose struct{ a, b complex128 }

func (p pose) apply(c complex128) complex128 { return p.a*c + p.b }

// scale is image pixels a canonical pixel.
func (p pose) scale() float64 { return math.Hypot(real(p.a), imag(p.a)) }

// apart is the largest distance, in canonical pixels, between where two poses
// put the corners of the face.
func (p pose) apart(q pose) (d float64) {
	for _, c := range [4]complex128{
		complex(faceX-faceWidth/2, faceY-faceWidth*.65), complex(faceX+faceWidth/2, faceY-faceWidth*.65),
		complex(faceX-faceWidth/2, faceY+faceWidth*.65), complex(faceX+faceWidth/2, faceY+faceWidth*.65),
	} {
		v := p.apply(c) - q.apply(c)
		d = max(d, math.Hypot(real(v), imag(v)))
	}
	return d / max(p.scale(), 1e-9)
}

// light is the part of a picture around a face in linear light, whole blocks of
// k × k pixels averaged, and its luminance at half of that resolution. Its
// buffers are used again and again.
type light struct {
	k          int // source pixels a side of a pixel here
	x0, y0     int // of the source, in blocks
	w, h       int
	rgb        []float32 // interleaved
	lw, lh     int
	lum        []float32
	srcW, srcH int
}

// maxBlocks bounds the buffer whatever the pose says: a canonical frame turned
// by 45° with its border, less than two pixels a side for each of its own.
const maxBlocks = 720 * 720

// read fills l from the part of m that the canonical frame at p reaches, with
// slack canonical pixels around it. false: nothing of it lies in the picture.
func (l *light) read(m *imaging.Image, p pose, slack float64) bool {
	l.k = max(int(p.scale()+1e-6), 1)
	lo, hi := complex(math.Inf(1), math.Inf(1)), complex(math.Inf(-1), math.Inf(-1))
	for _, c := range [4]complex128{
		complex(-slack, -slack), complex(CanonicalWidth+slack, -slack),
		complex(-slack, CanonicalHeight+slack), complex(CanonicalWidth+slack, CanonicalHeight+slack),
	} {
		v := p.apply(c)
		lo = complex(min(real(lo), real(v)), min(imag(lo), imag(v)))
		hi = complex(max(real(hi), real(v)), max(imag(hi), imag(v)))
	}
	// Whole blocks only: a partial one at the border has another mean.
	l.x0, l.y0 = int(max(real(lo), 0))/l.k, int(max(imag(lo), 0))/l.k
	x1 := int(min(real(hi), float64(m.W)))/l.k + 1
	y1 := int(min(imag(hi), float64(m.H)))/l.k + 1
	l.w, l.h = min(x1, m.W/l.k)-l.x0, min(y1, m.H/l.k)-l.y0
	l.srcW, l.srcH = m.W, m.H
	if l.w < 8 || l.h < 8 || l.w*l.h > maxBlocks {
		return false
	}
	l.lw, l.lh = l.w/2, l.h/2
	if n := 3 * l.w * l.h; cap(l.rgb) < n {
		l.rgb, l.lum = make([]float32, n), make([]float32, n/12+1)
	}
	l.rgb, l.lum = l.rgb[:3*l.w*l.h], l.lum[:l.lw*l.lh]
	if l.k == 1 {
		l.readPixels(m)
	} else {
		l.readBlocks(m)
	}
	l.shade()
	return true
}

func (l *light) readPixels(m *imaging.Image) {
	lut := imaging.LinearTable()
	for y := range l.h {
		src := m.Pix[3*((l.y0+y)*m.W+l.x0):][:3*l.w]
		dst := l.rgb[3*y*l.w:][:len(src)]
		for i, v := range src {
			dst[i] = lut[v]
		}
	}
}

func (l *light) readBlocks(m *imaging.Image) {
	lut := imaging.LinearTable()
	clear(l.rgb)
	for y := range l.h * l.k {
		src := m.Pix[3*((l.y0*l.k+y)*m.W+l.x0*l.k):][:3*l.w*l.k]
		dst := l.rgb[3*(y/l.k)*l.w:][:3*l.w]
		for ; len(dst) >= 3; dst = dst[3:] {
			var r, g, b float32
			for range l.k {
				p := src[:3:3]
				r, g, b = r+lut[p[0]], g+lut[p[1]], b+lut[p[2]]
				src = src[3:]
			}
			dst[0], dst[1], dst[2] = dst[0]+r, dst[1]+g, dst[2]+b
		}
	}
	n := 1 / float32(l.k*l.k)
	for i := range l.rgb {
		l.rgb[i] *= n
	}
}

// shade fills the luminance, four pixels each.
func (l *light) shade() {
	for y := range l.lh {
		a := l.rgb[6*y*l.w:][:6*l.lw]
		b := l.rgb[3*(2*y+1)*l.w:][:6*l.lw]
		o := l.lum[y*l.lw:][:l.lw]
		for x := range o {
			p, q := a[6*x:6*x+6:6*x+6], b[6*x:6*x+6:6*x+6]
			red := p[0] + p[3] + q[0] + q[3]
			green := p[1] + p[4] + q[1] + q[4]
			blue := p[2] + p[5] + q[2] + q[5]
			o[x] = .25 * (.2126*red + .7152*green + .0722*blue)
		}
	}
}

// steps gives the map from canonical pixels to pixel indexes of a plane whose
// pixels are k source pixels wide and which begins x0 and y0 of them into the
// picture.
func steps(p pose, k, x0, y0 float64) pose {
	c := complex(k, 0)
	return pose{p.a / c, p.b/c - complex(x0+.5, y0+.5)}
}

// cells averages each cell of the canonical frame at p.
func (l *light) cells(p pose, out *Cells) {
	q := steps(p, float64(l.k), float64(l.x0), float64(l.y0))
	dx, dy := real(q.a), imag(q.a)
	for i := range CellCount {
		x, y := float64(i%CellColumns*cellSize), float64(i/CellColumns*cellSize)
		out.Mean[i] = [3]float32{}
		if out.Seen[i] = l.holds(q, x, y); !out.Seen[i] {
			continue
		}
		var r, g, b float32
		for j := range cellSize {
			at := q.apply(complex(x+.5, y+.5+float64(j)))
			px, py := real(at), imag(at)
			for range cellSize {
				ix, iy := int(px), int(py)
				ax, ay := float32(px-float64(ix)), float32(py-float64(iy))
				n := 3 * (iy*l.w + ix)
				u := l.rgb[n : n+6 : n+6]
				v := l.rgb[n+3*l.w : n+3*l.w+6 : n+3*l.w+6]
				ua, ub, va, vb := (1-ax)*(1-ay), ax*(1-ay), (1-ax)*ay, ax*ay
				r += ua*u[0] + ub*u[3] + va*v[0] + vb*v[3]
				g += ua*u[1] + ub*u[4] + va*v[1] + vb*v[4]
				b += ua*u[2] + ub*u[5] + va*v[2] + vb*v[5]
				px += dx
				py += dy
			}
		}
		const n = 1. / (cellSize * cellSize)
		out.Mean[i] = [3]float32{r * n, g * n, b * n}
	}
}

// holds says whether all samples of the cell at (x, y) have their four
// neighbours in the buffer.
func (l *light) holds(q pose, x, y float64) bool {
	const last = cellSize - .5
	for _, c := range [4]complex128{complex(x+.5, y+.5), complex(x+last, y+.5), complex(x+.5, y+last), complex(x+last, y+last)} {
		v := q.apply(c)
		// The small slack is for rounding along the way.
		if !(real(v) >= 1e-6 && imag(v) >= 1e-6 && real(v) < float64(l.w-1)-1e-6 && imag(v) < float64(l.h-1)-1e-6) {
			return false
		}
	}
	return true
}

// luminance samples the plane at index position (x, y); beyond it the border
// goes on.
func (l *light) luminance(x, y float64) float32 {
	x, y = min(max(x, 0), float64(l.lw)-1.001), min(max(y, 0), float64(l.lh)-1.001)
	ix, iy := int(x), int(y)
	ax, ay := float32(x-float64(ix)), float32(y-float64(iy))
	n := iy*l.lw + ix
	top := l.lum[n] + ax*(l.lum[n+1]-l.lum[n])
	bot := l.lum[n+l.lw] + ax*(l.lum[n+l.lw+1]-l.lum[n+l.lw])
	return top + ay*(bot-top)
}
