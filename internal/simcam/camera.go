package simcam

import (
	"image"
	"math"
	"math/rand/v2"
)

// levels of linear light that the tables know.
const levels = 4096

// camera turns light into JPEGs and follows it, slowly, with exposure and white
// balance.
type camera struct {
	p         *Params
	noise     *[1 << 16]float32  // normal
	tone      [levels][2]float32 // display level 0 to 255, and the noise there
	weight    []float32          // of the grid's places, for the exposure
	gain      [3]float64         // linear level a lux: exposure, balance, neutral
	exposure  float64            // ln
	balance   [3]float64         // ln; follows the picture
	neutral   [3]float64         // for the room's light
	reference [3]float64         // mean light for which balance is 0
	ready     bool
	cross     [3][3]float32 // colour cross-talk
	started   bool          // out holds a frame
	out       *image.RGBA
}

func newCamera(p *Params, r *rand.Rand) *camera {
	c := &camera{p: p, noise: new([1 << 16]float32), out: image.NewRGBA(image.Rect(0, 0, p.Width, p.Height))}
	for i := range c.noise {
		c.noise[i] = float32(r.NormFloat64())
	}
	well := 1000 * p.Well * min(1, (p.Lux+.5*p.screenLux())/1500)
	// Averaged with the camera's frames between two that are sent.
	var sum, squares float64
	for k := range p.between() {
		v := math.Pow(p.Denoise, float64(k))
		sum, squares = sum+v, squares+v*v
	}
	calm := math.Sqrt(squares) / sum
	for i := range c.tone {
		v := float64(i) / (levels - 1)
		slope := (p.curve(v+1e-4) - p.curve(max(v-1e-4, 0))) / (1e-4 + min(v, 1e-4))
		c.tone[i] = [2]float32{
			float32(255*p.curve(v)) + .5,
			float32(min(255*slope*calm*math.Sqrt(v/well+p.Read*p.Read/(well*well)), 8)),
		}
	}
	x := float32(p.Crosstalk)
	c.cross = [3][3]float32{{1 - x, .7 * x, .3 * x}, {.5 * x, 1 - x, .5 * x}, {.3 * x, .7 * x, 1 - x}}
	w, h := p.Width/step, p.Height/step
	for i := range w * h {
		x, y := (float64(i%w)+.5)/float64(w)-.5, (float64(i/w)+.5)/float64(h)-.5
		c.weight = append(c.weight, float32(.25+math.Exp(-(x*x+y*y)/(2*.2*.2))))
	}
	for i := 3; i < len(c.out.Pix); i += 4 {
		c.out.Pix[i] = 255
	}
	return c
}

// curve is the tone curve: sRGB with an S.
func (p *Params) curve(v float64) float64 {
	s := 12.92 * v
	if v > .0031308 {
		s = 1.055*math.Pow(v, 1/2.4) - .055
	}
	s += p.Curve * s * (1 - s) * (2*s - 1)
	return min(max(s, 0), 1)
}

// meter is the mean light of the scene by the camera's weights, without the
// head's motion.
func (s *Scene) meter(b *buffers, c *camera) (mean [3]float64) {
	var sum [3]float32
	var total float32
	level, nits := float32(0), float32(math.Pi*s.p.Emission)
	if s.glass != nil {
		level = float32(s.glass.video)
	}
	for i := 0; i < len(c.weight); i += 2 {
		k := c.weight[i]
		t := (*[4]float32)(s.low[4*i:])
		for ch := range sum {
			v := t[3]*t[ch]*b.front[3*i+ch] + (1-t[3])*b.behind[3*i+ch]
			if s.glass != nil {
				v = nits*min(v*level, 1) + b.glass[3*i+ch]
			}
			sum[ch] += k * v
		}
		total += k
	}
	for ch, v := range sum {
		mean[ch] = max(float64(v/total), 1e-6)
	}
	return mean
}

// follow moves exposure and white balance towards what the last frame asks for.
// The first sets both: the preview has run for a while.
func (c *camera) follow(mean [3]float64, dt float64) {
	luma := .2126*mean[0] + .7152*mean[1] + .0722*mean[2]
	if !c.ready {
		c.ready, c.reference = true, mean
		c.exposure = math.Log(c.p.AETarget / luma)
		for ch := range c.gain { // most of the room's colour is taken back
			c.neutral[ch] = math.Pow(c.p.Cast[ch]/c.p.Cast[1], -.85)
			c.gain[ch] = math.Exp(c.exposure) * c.neutral[ch]
		}
		return
	}
	was := .2126*c.reference[0] + .7152*c.reference[1] + .0722*c.reference[2]
	k := 1 - math.Exp(-dt/c.p.AETau)
	c.exposure += k * (math.Log(c.p.AETarget/luma) - c.exposure)
	k = 1 - math.Exp(-dt/c.p.AWBTau)
	for ch := range c.gain {
		cast := math.Log((mean[ch] / luma) / (c.reference[ch] / was))
		c.balance[ch] += k * (-c.p.AWB*cast - c.balance[ch])
		c.gain[ch] = math.Exp(c.exposure+c.balance[ch]) * c.neutral[ch]
	}
}

// expose turns a row of light into pixels of the picture: the sensor's colours,
// noise, tone curve, and what denoising keeps of the last frame.
func (c *camera) expose(row []float32, y int, r *rand.Rand) {
	var m [3][3]float32 // cross-talk of the light, then the gains; levels of the table
	for i := range m {
		for j := range m[i] {
			m[i][j] = c.cross[i][j] * float32(c.gain[i]) * (levels - 1)
		}
	}
	keep := float32(0)
	if c.started {
		keep = float32(math.Pow(c.p.Denoise, float64(c.p.between())))
	}
	word := r.Uint64()
	n0, n1, n2 := uint16(word), uint16(word>>16), uint16(word>>32)
	tone, noise := &c.tone, c.noise
	out := c.out.Pix[y*c.out.Stride:][:4*c.p.Width]
	for x := 0; x < len(out); x += 4 {
		in := (*[3]float32)(row[x/4*3:])
		o := (*[3]uint8)(out[x:])
		a := &tone[min(uint(m[0][0]*in[0]+m[0][1]*in[1]+m[0][2]*in[2]+.5), levels-1)]
		b := &tone[min(uint(m[1][0]*in[0]+m[1][1]*in[1]+m[1][2]*in[2]+.5), levels-1)]
		d := &tone[min(uint(m[2][0]*in[0]+m[2][1]*in[1]+m[2][2]*in[2]+.5), levels-1)]
		// The tables hold half a level more, so that what is cut off is rounded.
		va, vb, vd := a[0]+a[1]*noise[n0], b[0]+b[1]*noise[n1], d[0]+d[1]*noise[n2]
		if keep > 0 {
			va += keep * (float32(o[0]) + .5 - va)
			vb += keep * (float32(o[1]) + .5 - vb)
			vd += keep * (float32(o[2]) + .5 - vd)
		}
		o[0], o[1], o[2] = uint8(min(max(va, 0), 255)), uint8(min(max(vb, 0), 255)), uint8(min(max(vd, 0), 255))
		n0, n1, n2 = n0+1, n1+1, n2+1
	}
}
