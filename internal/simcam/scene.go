package simcam

import (
	"math"
	"math/rand/v2"
)

// Scene is a person, or an attack with that person's picture, in a room before
// the camera, ready for any challenge. It may be filmed by several at once.
type Scene struct {
	p Params
	view
	face  []bool    // grid: where skin is, for the room's mean light
	tex   []float32 // reflectance and matte, 4 a pixel
	low   []float32 // the same on the grid
	spans [][2]int  // of the rows: where the matte is not 0
	front *light    // on the person or picture
	room  *room     // behind
	tv    tv
	sheet bool   // picture and background are one
	glass *glass // of another screen; nil: none
}

// lens is the share of light that coated and plain glasses send back, about.
const lens = .02

// glass is the other screen: it emits, and its surface sends back a little.
type glass struct {
	video float64 // linear level of the video a lux that was filmed
	back  *light  // what comes back
}

// NewScene prepares a session: everything that does not depend on the challenge.
// Errors are CodeInvalid: parameters or a portrait that cannot be used.
func NewScene(po Portrait, p Params) (*Scene, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	ph, err := po.frame(p)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(p.Seed, 0x5ce4e))
	s := &Scene{p: p, view: ph.view, face: ph.face, tv: newTV(r)}
	s.room = s.newRoom(r)
	switch p.Kind {
	case Print, PrintCut, PrintBent, PrintCutB:
		s.print(ph)
	case Relit3D:
		s.relight(ph)
	default:
		head := s.head(p.DepthScale)
		s.person(ph, head, true)
		s.front = s.illuminate(head, s.low, p.Distance, shining{p.Shine, skinExponent})
		if p.Glasses {
			s.mirrorScreen(s.front, s.low, lens)
		}
	}
	switch p.Kind {
	case Static, FlatFace, FlatFrame:
		s.unlit()
	case OtherScreen, PlainScreen:
		s.behindGlass()
	}
	s.outline()
	return s, nil
}

// person makes the texture of a person of the drawn skin; bare: without the
// photo's own shading.
func (s *Scene) person(ph *photo, head shape, bare bool) {
	low := reduced(ph.rgb, s.w, s.h, 3)
	shade := make([]float32, head.w*head.h)
	for i := range shade {
		shade[i] = 1
	}
	if bare {
		shade = ph.shading(low, head)
	}
	mean := ph.faceMean(low)
	var k [3]float32
	for c, v := range skins[s.p.Skin-1] {
		k[c] = float32(v / mean[c])
	}
	s.tex = make([]float32, 4*s.w*s.h)
	g := grid{head.w, head.h}
	for i, m := range ph.matte {
		light := g.at(shade, i%s.w, i/s.w)
		for c := range 3 {
			s.tex[4*i+c] = reflectance(ph.rgb[3*i+c] * k[c] / light)
		}
		s.tex[4*i+3] = m
	}
	s.low = reduced(s.tex, s.w, s.h, 4)
}

// reflectance keeps a surface from sending back more than it gets: linear up to
// .6, never over .9, never black.
func reflectance(v float32) float32 {
	const knee, top = .6, .9
	if v > knee {
		v = top - (top-knee)*float32(math.Exp(-float64(v-knee)/(top-knee)))
	}
	return max(v, .012)
}

// grid reads planes of its size at pixels of the picture.
type grid struct{ w, h int }

func (g grid) at(plane []float32, x, y int) float32 {
	fx := min(max((float32(x)-1)/step, 0), float32(g.w)-1.001)
	fy := min(max((float32(y)-1)/step, 0), float32(g.h)-1.001)
	ix, iy := int(fx), int(fy)
	fx, fy = fx-float32(ix), fy-float32(iy)
	p := plane[iy*g.w+ix:]
	top := p[0] + fx*(p[1]-p[0])
	bottom := p[g.w] + fx*(p[g.w+1]-p[g.w])
	return top + fy*(bottom-top)
}

// outline finds the spans of the matte.
func (s *Scene) outline() {
	s.spans = make([][2]int, s.h)
	for y := range s.h {
		from, to := s.w, 0
		for x := range s.w {
			if s.tex[4*(y*s.w+x)+3] > .003 {
				from, to = min(from, x), x+1
			}
		}
		s.spans[y] = [2]int{from, to}
	}
}

// Params of the scene.
func (s *Scene) Params() Params { return s.p }
