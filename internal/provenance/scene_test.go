package provenance

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"testing"

	"faceproof/internal/imaging"
)

// A small camera of our own: a head before a room, lit by a room's lamp and by a
// screen that shows colours in an order of its own, with motion and shot noise.
// The person and the room are the same for every seed; what differs is what
// differs from day to day: motion, the order of the colours, noise, exposure.

const (
	sceneW, sceneH = 192, 256
	sceneFrames    = 60
)

type scene struct {
	seed    uint64
	shot    float64 // noise: standard deviation at mid grey, grey levels
	still   bool    // nothing moves and no light changes
	drawn   bool    // nothing moves but the light does: a picture that is relit
	quality int
}

type shotFrame struct {
	t    float64
	jpeg []byte
}

func genuineScene(seed uint64) scene { return scene{seed: seed, shot: 1.5, quality: 88} }

// walk is a motion: an Ornstein–Uhlenbeck process of standard deviation sd with
// a memory of 0.7 s, one value a frame.
func walk(r *rand.Rand, sd float64) []float64 {
	out := make([]float64, sceneFrames)
	x, keep := r.NormFloat64()*sd, math.Exp(-1./15/.7)
	for i := range out {
		out[i] = x
		x = keep*x + math.Sqrt(1-keep*keep)*sd*r.NormFloat64()
	}
	return out
}

var sceneColours = [][3]float64{{1, .3, .3}, {.3, 1, .3}, {.3, .3, 1}, {1, 1, .3}, {1, .3, 1}, {.3, 1, 1}, {.8, .5, .3}, {.3, .5, .9}}

// raster is the linear light of the head and of the room behind, drawn once
// with room for the motion.
type raster struct{ albedo, depth []float64 }

const rasterPad = 24

var theRaster = func() raster {
	r := rand.New(rand.NewPCG(7, 7)) // the same person in the same room
	w, h := sceneW+2*rasterPad, sceneH+2*rasterPad
	out := raster{make([]float64, w*h), make([]float64, w*h)}
	var waves [14][4]float64
	for i := range waves {
		waves[i] = [4]float64{r.NormFloat64() * .09, r.NormFloat64() * .09, r.Float64() * 6.28, .08 * r.Float64()}
	}
	for y := range h {
		for x := range w {
			dx, dy := (float64(x)-float64(w)/2)/54, (float64(y)-float64(h)/2)/74
			d := dx*dx + dy*dy
			a, near := .35, 0. // a wall
			if int(x)/37%2 == int(y)/61%2 {
				a = .28
			}
			if d < 1 {
				a, near = .45, math.Sqrt(1-d)
				for _, e := range [][3]float64{{-.4, -.25, .13}, {.4, -.25, .13}, {0, .5, .2}, {0, .1, .08}} {
					if q := math.Hypot(dx-e[0], (dy-e[1])*1.6); q < e[2] {
						a = .12
					}
				}
				for _, v := range waves {
					a *= 1 + v[3]*math.Sin(v[0]*float64(x)*3+v[1]*float64(y)*3+v[2])
				}
			} else if d < 1.35 && dy < .2 {
				a = .06 // hair
			}
			out.albedo[y*w+x], out.depth[y*w+x] = a, near
		}
	}
	return out
}()

// pictures draws the frames without compressing them.
func (s scene) pictures() []*image.RGBA {
	r := rand.New(rand.NewPCG(s.seed, 1))
	mx, my, ms := walk(r, 2.5), walk(r, 2), walk(r, .01)
	order := r.Perm(len(sceneColours))
	exposure, phase := .8+.4*r.Float64(), r.IntN(5)
	ox, oy := r.NormFloat64()*4, r.NormFloat64()*4 // where the person sits today
	var out []*image.RGBA
	noise := rand.New(rand.NewPCG(s.seed, 2))
	for i := range sceneFrames {
		light := [3]float64{.45, .45, .45}
		if k := (i - 15 + phase) / 5; i >= 15 && !s.still {
			light = sceneColours[order[min(k, 8*8-1)%8]]
		}
		dx, dy, scale := mx[i]+ox, my[i]+oy, 1+ms[i]
		if s.still || s.drawn {
			dx, dy, scale = 0, 0, 1
		}
		out = append(out, s.picture(noise, dx, dy, scale, exposure, light))
	}
	return out
}

// normals are many enough that no frame repeats another's noise.
var normals = func() (p [1<<20 + 7]float64) {
	r := rand.New(rand.NewPCG(8, 8))
	for i := range p {
		p[i] = r.NormFloat64()
	}
	return p
}()

var gamma = func() (p [4096]float64) {
	for i := range p {
		p[i] = 255 * math.Pow(float64(i)/4095, 1/2.2)
	}
	return p
}()

func (s scene) picture(noise *rand.Rand, dx, dy, scale, exposure float64, light [3]float64) *image.RGBA {
	w := sceneW + 2*rasterPad
	at := noise.IntN(len(normals))
	m := image.NewRGBA(image.Rect(0, 0, sceneW, sceneH))
	for y := range sceneH {
		for x := range sceneW {
			fx := (float64(x)-sceneW/2)/scale + sceneW/2 + dx + rasterPad
			fy := (float64(y)-sceneH/2)/scale + sceneH/2 + dy + rasterPad
			x0, y0 := int(fx), int(fy)
			ax, ay := fx-float64(x0), fy-float64(y0)
			i := min(max(y0, 0), sceneH+2*rasterPad-2)*w + min(max(x0, 0), w-2)
			k00, k10, k01, k11 := (1-ax)*(1-ay), ax*(1-ay), (1-ax)*ay, ax*ay
			p, q := theRaster.albedo, theRaster.depth
			a, near := k00*p[i]+k10*p[i+1]+k01*p[i+w]+k11*p[i+w+1], k00*q[i]+k10*q[i+1]+k01*q[i+w]+k11*q[i+w+1]
			rgb := m.Pix[m.PixOffset(x, y):]
			for c := range 3 {
				l := a * exposure * (.75 + .25*near + .2*near*light[c] + .02*light[c])
				v := gamma[min(int(l*4096), 4095)] + s.shot*normals[at]
				at = (at + 1) % len(normals)
				rgb[c] = uint8(min(max(v+.5, 0), 255))
			}
			rgb[3] = 255
		}
	}
	return m
}

func encode(tb testing.TB, m image.Image, quality int) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// record takes the pictures as a browser does: a little late, each as a JPEG.
func (s scene) record(tb testing.TB) []shotFrame {
	r := rand.New(rand.NewPCG(s.seed, 3))
	var out []shotFrame
	for i, m := range s.pictures() {
		out = append(out, shotFrame{1000 + 66.7*float64(i) + 4*r.Float64(), encode(tb, m, s.quality)})
	}
	return out
}

// again decodes every frame, changes it and compresses it anew.
func again(tb testing.TB, in []shotFrame, quality int, change func(image.Image) image.Image) []shotFrame {
	tb.Helper()
	var out []shotFrame
	for _, f := range in {
		m, err := jpeg.Decode(bytes.NewReader(f.jpeg))
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, shotFrame{f.t, encode(tb, change(m), quality)})
	}
	return out
}

func same(m image.Image) image.Image { return m }

// window shows the part of m that begins at (x, y) and is w × h, at W × H.
func window(x, y, w, h float64, W, H int) func(image.Image) image.Image {
	return func(m image.Image) image.Image {
		out := image.NewRGBA(image.Rect(0, 0, W, H))
		for j := range H {
			for i := range W {
				fx, fy := x+(float64(i)+.5)*w/float64(W)-.5, y+(float64(j)+.5)*h/float64(H)-.5
				x0, y0 := int(math.Floor(fx)), int(math.Floor(fy))
				ax, ay := fx-float64(x0), fy-float64(y0)
				var c [3]float64
				for _, q := range [4]struct {
					dx, dy int
					k      float64
				}{{0, 0, (1 - ax) * (1 - ay)}, {1, 0, ax * (1 - ay)}, {0, 1, (1 - ax) * ay}, {1, 1, ax * ay}} {
					r, g, b, _ := m.At(min(max(x0+q.dx, 0), m.Bounds().Dx()-1), min(max(y0+q.dy, 0), m.Bounds().Dy()-1)).RGBA()
					c[0], c[1], c[2] = c[0]+q.k*float64(r), c[1]+q.k*float64(g), c[2]+q.k*float64(b)
				}
				out.SetRGBA(i, j, color.RGBA{uint8(c[0] / 257), uint8(c[1] / 257), uint8(c[2] / 257), 255})
			}
		}
		return out
	}
}

// measure runs the Meter over frames, through the product's own decoder.
func measure(tb testing.TB, frames []shotFrame) (m Meter) {
	tb.Helper()
	for _, f := range frames {
		info, err := imaging.CheckJPEG(f.jpeg, imaging.FrameLimits)
		if err != nil {
			tb.Fatal(err)
		}
		pic, err := imaging.Decode(f.jpeg, imaging.FrameLimits)
		if err != nil {
			tb.Fatal(err)
		}
		m.Frame(pic, info, f.jpeg, f.t)
	}
	return m
}
