package simcam

import (
	"math"

	"faceproof/internal/radiance"
)

// print puts the photo, with the shading that it has, on paper: the whole
// picture with a room in it, or cut out before the real room.
func (s *Scene) print(ph *photo) {
	p := &s.p
	cut := p.Kind == PrintCut || p.Kind == PrintCutB
	mean := ph.faceMean(reduced(ph.rgb, s.w, s.h, 3))
	k := float32(skins[p.Skin-1][1] / mean[1]) // one for all channels: a printer keeps the colours
	s.tex = make([]float32, 4*s.w*s.h)
	g := grid{s.w / step, s.h / step}
	var behind [3][]float32
	for c := range behind {
		behind[c] = make([]float32, g.w*g.h)
		for i := range behind[c] {
			behind[c][i] = s.room.albedo[3*i+c] * float32(p.BackgroundLux)
		}
	}
	for i, m := range ph.matte {
		for c := range 3 {
			v := reflectance(ph.rgb[3*i+c] * k)
			if !cut {
				v = m*v + (1-m)*g.at(behind[c], i%s.w, i/s.w)
			}
			s.tex[4*i+c] = float32(p.Paper) + (1-float32(p.Paper))*v
		}
		s.tex[4*i+3] = 1
		if cut { // by scissors
			s.tex[4*i+3] = min(max((m-.5)*4+.5, 0), 1)
		}
	}
	s.low = reduced(s.tex, s.w, s.h, 4)
	s.sheet = !cut
	sh := s.plane(p.TiltX, p.TiltY)
	if p.Kind == PrintBent || p.Kind == PrintCutB {
		sh = s.bent(p.Radius, p.TiltX, p.TiltY)
	}
	s.front = s.illuminate(sh, s.low, p.Distance, shining{p.Gloss, p.GlossExp})
}

// unlit takes the screen away; what a tint puts in its place comes from
// software.
func (s *Scene) unlit() {
	clear(s.front.screen)
	s.room.screen = [radiance.Bands]float64{}
	switch s.p.Kind {
	case FlatFace:
		mask := make([]float32, len(s.face))
		w := s.w / step
		for i := range mask {
			x, y := float64(i%w*step)+.5*step, float64(i/w*step)+.5*step
			if math.Hypot((x-s.cx)/(.54*s.width), (y-s.cy)/(.56*s.height)) < 1 {
				mask[i] = 1
			}
		}
		mask = blur(mask, w, s.h/step, .05*s.width/step)
		s.tint(s.front, s.p.Tint, func(i int) float64 { return float64(mask[i]) })
	case FlatFrame:
		s.tint(s.front, s.p.Tint, func(int) float64 { return 1 })
		s.room.flat = s.p.Tint
	}
}

// relight answers with a photo as it is and a depth of the attacker's own: no
// gloss, a distance that is guessed, the strength of a real answer.
func (s *Scene) relight(ph *photo) {
	own := s.head(1)
	s.person(ph, own, false)
	distance := 32.
	if s.p.Screen == ScreenLaptop {
		distance = 50
	}
	s.front = s.illuminate(own, s.low, distance, shining{})
	for i := range s.front.tv { // the light of its room is in the photo
		for c := range 3 {
			s.front.room[3*i+c] = float32(s.p.Lux * s.p.Cast[c])
		}
		s.front.tv[i] = 0
	}
	s.p.LatencyMS += s.p.ExtraMS
}

// videoLevel is the mean of a video, in linear light.
const videoLevel = .2

// behindGlass shows what has been prepared as a video on another screen, whose
// glass reflects this one.
func (s *Scene) behindGlass() {
	p := &s.p
	// The video was exposed for its whole picture, as by a camera.
	var sum float64
	behind := s.room.lux * p.Cast[1]
	for i := range s.front.tv {
		m := float64(s.low[4*i+3])
		sum += m*float64(s.low[4*i+1])*(float64(s.front.room[3*i+1])+.5*p.screenLux()) + (1-m)*float64(s.room.albedo[3*i+1])*behind
	}
	s.glass = &glass{video: videoLevel * float64(len(s.front.tv)) / sum}
	sh := s.plane(p.TiltX, p.TiltY)
	haze := make([]float32, 4*sh.w*sh.h)
	for i := range haze {
		haze[i] = 1
	}
	back := s.illuminate(sh, haze, p.Distance, shining{})
	for i := range back.tv {
		back.tv[i] *= float32(p.Haze)
		for c := range 3 {
			back.room[3*i+c] *= float32(p.Haze)
		}
		mirror := p.screen().Gloss(s.place(i, sh.w, p.Distance+sh.z[i]), sh.normal[i], p.GlossExp)
		for j := range answers {
			v := &back.screen[answers*i+j]
			*v = float32(p.Haze)**v + float32(math.Pi*p.Mirror*mirror[j/3])
		}
	}
	s.glass.back = back
}
