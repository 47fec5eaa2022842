package simcam

import (
	"math"

	"faceproof/internal/radiance"
)

// answers is how many numbers say how a place responds: bands times channels.
const answers = radiance.Bands * 3

// shining is a lobe of a surface, beside its diffuse reflectance.
type shining struct{ strength, exponent float64 }

// skinExponent is of the skin's lobe.
const skinExponent = 18

// light is what reaches the places of the grid: illuminance in lux, such that
// reflectance times it is π times the luminance.
type light struct {
	room   []float32 // lux, 3 a place
	turn   []float32 // the normal's x and y, 2 a place: how the room's light changes when the head turns
	tv     []float32 // lux of a white TV
	screen []float32 // lux a nit, answers a place: of band b in channel c at 3·b + c
}

func newLight(n int) *light {
	return &light{room: make([]float32, 3*n), turn: make([]float32, 2*n), tv: make([]float32, n), screen: make([]float32, answers*n)}
}

// illuminate gives the light on a shape at a distance. low is reflectance and
// matte on the grid, 4 a place; where there is nobody the screen is left out.
// The room's light has the mean Lux over the places of the face.
func (s *Scene) illuminate(sh shape, low []float32, distance float64, lobe shining) *light {
	l := newLight(sh.w * sh.h)
	p := &s.p
	room := make([]float64, sh.w*sh.h)
	var mean, n float64
	for i, nrm := range sh.normal {
		room[i] = p.fromRoom(nrm)
		if s.face[i] {
			mean, n = mean+room[i], n+1
		}
		l.turn[2*i], l.turn[2*i+1] = float32(nrm[0]), float32(nrm[1])
		l.tv[i] = float32(p.Lux * p.TV * max(dot(nrm, s.tv.from), 0))
	}
	for i := range room {
		for c := range 3 {
			l.room[3*i+c] = float32(p.Lux * p.Cast[c] * room[i] * n / mean)
		}
		if low[4*i+3] > .004 {
			at := s.place(i, sh.w, distance+sh.z[i])
			p.respond(l.screen[answers*i:][:answers], at, sh.normal[i], low[4*i:], lobe)
		}
	}
	return l
}

// respond fills what the screen gives at a place.
func (p *Params) respond(out []float32, at, normal radiance.Vec, albedo []float32, lobe shining) {
	e := p.screen().Irradiance(at, normal)
	var mirror [radiance.Bands]float64
	if lobe.strength > 0 {
		mirror = p.screen().Gloss(at, normal, lobe.exponent)
	}
	for c := range 3 {
		// The lobe does not ask for the reflectance by which all is multiplied.
		k := math.Pi * lobe.strength / max(float64(albedo[c]), .01)
		for b := range e {
			out[3*b+c] = float32(e[b] + k*mirror[b])
		}
	}
}

// fromRoom is the relative light of the room on a surface: more from above, and
// a share from one side.
func (p *Params) fromRoom(n radiance.Vec) float64 {
	around := .8 - .2*n[1]
	from := max((dot(n, p.LightFrom)+.25)/1.25, 0)
	straight := max((-p.LightFrom[2]+.25)/1.25, .2) // on a surface that faces the camera
	return (1-p.Directed)*around + p.Directed*from/straight
}

// mirrorScreen adds what glasses show: the screen, small, in each lens. A lens
// is a convex mirror of 12 cm radius that sends back share of the light.
func (s *Scene) mirrorScreen(l *light, low []float32, share float64) {
	w, h := s.w/step, s.h/step
	// The reflection does not ask for what lies behind it, but all is multiplied
	// by that: its mean serves, or each lash would show.
	mean := make([]float32, w*h)
	for i := range mean {
		mean[i] = low[4*i+1]
	}
	mean = blur(mean, w, h, .05*s.width/step)
	screen := s.p.screen()
	small := 1 / (1 + s.p.Distance/6) // of the image; the focus is at half the radius
	sw, sh := screen.Width*small/s.cm()/step, screen.Height*small/s.cm()/step
	for side, corners := range [2][2]int{{33, 133}, {362, 263}} { // of the eyes, in the mesh
		a, b := s.mesh[corners[0]], s.mesh[corners[1]]
		cx := ((a[0]+b[0])/2 + float64(2*side-1)*.08*math.Abs(b[0]-a[0])) / step
		cy := ((a[1]+b[1])/2 + .02*s.width) / step
		for y := max(int(cy-sh), 0); y <= min(int(cy+sh), h-1); y++ {
			for x := max(int(cx-sw), 0); x <= min(int(cx+sw), w-1); x++ {
				u, v := (float64(x)-cx)/sw+.5, (float64(y)-cy)/sh+.5
				cover := min(max((.5-math.Abs(u-.5))*sw+.5, 0), 1) * min(max((.5-math.Abs(v-.5))*sh+.5, 0), 1)
				band := v
				if screen.Landscape() {
					band = 1 - u
				}
				k := min(max(int(band*radiance.Bands), 0), radiance.Bands-1)
				for c, i := 0, y*w+x; c < 3; c++ {
					l.screen[answers*i+3*k+c] += float32(cover * share * math.Pi / float64(mean[i]))
				}
			}
		}
	}
}

// tint is light that falls everywhere alike, where mask says, and is a share of
// the room's light when the screen is white: software does that.
func (s *Scene) tint(l *light, share float64, mask func(i int) float64) {
	k := share / (radiance.Bands * s.p.Nits * s.p.Fill)
	for i := range l.tv {
		for j := range answers {
			l.screen[answers*i+j] = float32(k*mask(i)) * l.room[3*i+j%3]
		}
	}
}
