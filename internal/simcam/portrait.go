package simcam

import (
	"math"

	"faceproof"
	"faceproof/internal/imaging"
)

// Portrait is a photo of one person with the mesh of the face in it.
type Portrait struct {
	Name  string // a key for reports, never a person's name
	Image *imaging.Image
	Mesh  [468][3]float64 // pixels of Image; smaller z is nearer
}

// photo is the portrait as the camera frames it, in linear light.
type photo struct {
	view
	rgb   []float32 // interleaved
	matte []float32 // 1: the person
	face  []bool    // grid: skin, roughly
}

// frame cuts the photo so that the face lies where p says.
func (po Portrait) frame(p Params) (*photo, error) {
	if po.Image == nil || po.Image.W < 64 || po.Image.H < 64 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "portrait", "is too small")
	}
	whole := newView(po.Image.W, po.Image.H, po.Mesh)
	if !(whole.width >= 32 && whole.height >= 32) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "mesh", "is no face of 32 pixels or more")
	}
	k := whole.width / (p.FaceShare * float64(p.Width)) // source pixels a pixel
	left, top := whole.cx-k*p.FaceX*float64(p.Width), whole.cy-k*p.FaceY*float64(p.Height)
	a := imaging.Scaling(left, top, k*float64(p.Width), k*float64(p.Height), p.Width, p.Height)
	m := po.Image.WarpImage(a, p.Width, p.Height)
	ph := &photo{rgb: make([]float32, 3*m.W*m.H)}
	for i, v := range m.Pix {
		ph.rgb[i] = imaging.Linear(v)
	}
	mesh := po.Mesh
	for i, q := range mesh {
		mesh[i] = [3]float64{(q[0] - left) / k, (q[1] - top) / k, q[2] / k}
	}
	ph.view = newView(m.W, m.H, mesh)
	// The part of the frame that the photo fills, less a pixel of its border.
	x0, y0 := max(int(math.Ceil(-left/k))+1, 0), max(int(math.Ceil(-top/k))+1, 0)
	x1 := min(int((float64(po.Image.W)-left)/k)-1, m.W)
	y1 := min(int((float64(po.Image.H)-top)/k)-1, m.H)
	if x1-x0 < m.W/4 || y1-y0 < m.H/4 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "portrait", "shows too little of the face")
	}
	ph.extend(x0, y0, x1, y1)
	ph.cut(x0, y0, x1, y1)
	ph.skin()
	return ph, nil
}

// extend repeats the borders of the rectangle outwards, softer with distance.
func (ph *photo) extend(x0, y0, x1, y1 int) {
	px := func(x, y int) []float32 { return ph.rgb[3*(y*ph.w+x):][:3] }
	for y := y0; y < y1; y++ {
		for x := x0 - 1; x >= 0; x-- {
			copy(px(x, y), px(x0, y))
		}
		for x := x1; x < ph.w; x++ {
			copy(px(x, y), px(x1-1, y))
		}
	}
	row := func(y, from, away int) {
		r := away / 2
		for x := range ph.w {
			var sum [3]float32
			for d := -r; d <= r; d++ {
				for c, v := range px(min(max(x+d, 0), ph.w-1), from) {
					sum[c] += v
				}
			}
			for c := range sum {
				px(x, y)[c] = sum[c] / float32(2*r+1)
			}
		}
	}
	for y := y0 - 1; y >= 0; y-- {
		row(y, y0, y0-y)
	}
	for y := y1; y < ph.h; y++ {
		row(y, y1-1, y-y1+1)
	}
}

// colorBins a channel of the histograms that tell hair from wall.
const colorBins = 12

// cut makes the matte: the outline of a head with its hair, neck and shoulders
// is known roughly, and near it the colours of either side decide. Only the
// rectangle shows the photo.
func (ph *photo) cut(x0, y0, x1, y1 int) {
	n := ph.w * ph.h
	var fg, bg [colorBins * colorBins * colorBins]float64
	bin := func(i int) (b int) {
		for c := range 3 {
			b = b*colorBins + min(int(colorBins*math.Sqrt(float64(ph.rgb[3*i+c]))), colorBins-1)
		}
		return b
	}
	depth := make([]float32, n) // inside the outline, widths of the face
	var fgN, bgN float64
	for i := range n {
		x, y := i%ph.w, i/ph.w
		depth[i] = float32(ph.inside(float64(x), float64(y)) / ph.width)
		switch {
		case x < x0 || x >= x1 || y < y0 || y >= y1:
		case depth[i] > .1:
			fg[bin(i)]++
			fgN++
		case depth[i] < -.22:
			bg[bin(i)]++
			bgN++
		}
	}
	odds := make([]float32, n)
	for i := range n {
		if d := depth[i]; bgN > .01*float64(n) && d > -.35 && d < .2 {
			// Hair may have any colour: a share of the person's is uniform.
			f := .6*fg[bin(i)]/fgN + .4/colorBins/colorBins/colorBins
			b := .97*bg[bin(i)]/bgN + .03/colorBins/colorBins/colorBins
			odds[i] = float32(min(max(math.Log(f/b), -3.5), 3.5))
			y := float64(i / ph.w)
			shirt := d > .04 && y > ph.y1 // may be like the wall
			if shirt || math.Hypot((float64(i%ph.w)-ph.cx)/(.38*ph.width), (y-ph.cy)/(.46*ph.height)) < 1 {
				odds[i] = max(odds[i], 0)
			}
		}
	}
	odds = blur(odds, ph.w, ph.h, 1.2)
	ph.matte = make([]float32, n)
	for i := range n {
		ph.matte[i] = float32(1 / (1 + math.Exp(-float64(2.2*odds[i]+depth[i]/.045))))
	}
	for i, v := range blur(ph.matte, ph.w, ph.h, 1.4) { // and a pixel less: a rim of the old wall shows
		ph.matte[i] = min(max((v-.4)/.6, 0), 1)
	}
	ph.unmix()
}

// unmix takes the old background's colour out of the matte's soft edge: there
// the person's colour comes from further inside.
func (ph *photo) unmix() {
	n := ph.w * ph.h
	weight, sum := make([]float32, n), [3][]float32{}
	for i, m := range blur(ph.matte, ph.w, ph.h, 2) {
		if m > .98 {
			weight[i] = 1
		}
	}
	sigma := .035 * ph.width
	for c := range sum {
		sum[c] = make([]float32, n)
		for i := range n {
			sum[c][i] = weight[i] * ph.rgb[3*i+c]
		}
		sum[c] = blur(sum[c], ph.w, ph.h, sigma)
	}
	around := blur(weight, ph.w, ph.h, sigma)
	for i, m := range ph.matte {
		keep := min(max((m-.75)/.25, 0), 1)
		if keep >= 1 || around[i] < 1e-3 {
			continue
		}
		for c := range sum {
			v := &ph.rgb[3*i+c]
			*v = keep**v + (1-keep)*sum[c][i]/around[i]
		}
	}
}

// skin marks where on the grid the middle of the face is.
func (ph *photo) skin() {
	w, h := ph.w/step, ph.h/step
	ph.face = make([]bool, w*h)
	for i := range ph.face {
		x, y := float64(i%w*step)+.5*step, float64(i/w*step)+.5*step
		ph.face[i] = math.Hypot((x-ph.cx)/(.42*ph.width), (y-ph.cy)/(.44*ph.height)) < 1
	}
}

// reduced is the mean of each step × step block.
func reduced(planes []float32, w, h, channels int) []float32 {
	lw, lh := w/step, h/step
	out := make([]float32, channels*lw*lh)
	for y := range lh * step {
		for x := range lw * step {
			for c := range channels {
				out[channels*(y/step*lw+x/step)+c] += planes[channels*(y*w+x)+c] / (step * step)
			}
		}
	}
	return out
}

// faceMean is the mean colour of the face on the grid.
func (ph *photo) faceMean(low []float32) (mean [3]float64) {
	var n float64
	for i, in := range ph.face {
		if !in {
			continue
		}
		n++
		for c := range mean {
			mean[c] += float64(low[3*i+c])
		}
	}
	for c := range mean {
		mean[c] = max(mean[c]/n, 1e-4)
	}
	return mean
}
