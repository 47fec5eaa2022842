package simcam

import (
	"math"
	"math/rand/v2"

	"faceproof/internal/radiance"
)

// room is what is behind the person, on the grid, out of focus.
type room struct {
	albedo []float32 // 3 a place
	lux    float64   // of the room's light there
	screen [radiance.Bands]float64
	near   []float32 // how much more of the screen reaches a place than the wall
	flat   float64   // a tint instead: white screen over the room's light
}

// newRoom draws a wall and some furniture before it.
func (s *Scene) newRoom(r *rand.Rand) *room {
	w, h := s.w/step, s.h/step
	u := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	ro := &room{albedo: make([]float32, 3*w*h), near: make([]float32, w*h), lux: s.p.Lux * s.p.BackgroundLux}
	wall := [3]float64{u(.2, .6)}
	wall[1] = wall[0] * u(.88, 1.02)
	wall[2] = wall[1] * u(.75, 1.05)
	slope := u(-.35, .35)
	for i := range w * h {
		x, y := float64(i%w)/float64(w), float64(i/w)/float64(h)
		for c := range 3 {
			ro.albedo[3*i+c] = float32(wall[c] * (1 + slope*(x-.5) + .15*(.5-y)))
		}
		ro.near[i] = 1
	}
	for range 9 {
		x0, y0 := u(-.2, .9), u(-.1, .9)
		x1, y1 := x0+u(.08, .5), y0+u(.06, .5)
		color := [3]float64{u(.04, .6), u(.04, .6), u(.04, .6)}
		grey, near := u(.3, .85), math.Pow(u(.85, 1), -2)
		mean := (color[0] + color[1] + color[2]) / 3
		for y := max(int(y0*float64(h)), 0); y < min(int(y1*float64(h)), h); y++ {
			for x := max(int(x0*float64(w)), 0); x < min(int(x1*float64(w)), w); x++ {
				for c := range 3 {
					ro.albedo[3*(y*w+x)+c] = float32(color[c]*(1-grey) + mean*grey)
				}
				ro.near[y*w+x] = float32(near)
			}
		}
	}
	soft := u(.006, .02) * float64(w)
	for c := range 3 {
		plane := make([]float32, w*h)
		for i := range plane {
			plane[i] = ro.albedo[3*i+c] * float32(1+.03*r.NormFloat64())
		}
		for i, v := range blur(plane, w, h, soft) {
			ro.albedo[3*i+c] = v
		}
	}
	ro.near = blur(ro.near, w, h, soft)
	ro.screen = s.p.screen().Irradiance(radiance.Vec{0, 0, s.p.Distance + s.p.Background}, radiance.Vec{0, 0, -1})
	return ro
}

// tv is a screen in the room that nobody looks at: its colour changes every now
// and then.
type tv struct {
	from  radiance.Vec // from the face
	times []float64    // ms since the session began
	color [][3]float64
}

// tvMS is longer than any session.
const tvMS = 30000

func newTV(r *rand.Rand) tv {
	u := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	t := tv{from: unit(radiance.Vec{u(-1, 1), u(-.4, .4), -u(.1, 1)})}
	for at := -3000.; at < tvMS; at += u(300, 2500) {
		t.times = append(t.times, at)
		bright := u(.2, 1)
		t.color = append(t.color, [3]float64{bright * u(.3, 1), bright * u(.3, 1), bright * u(.3, 1)})
	}
	return t
}

// at blends over 80 ms.
func (t tv) at(ms float64) [3]float64 {
	k := len(t.times) - 1
	for k > 0 && ms < t.times[k] {
		k--
	}
	c := t.color[k]
	if share := (ms - t.times[k]) / 80; share < 1 && k > 0 {
		for i := range c {
			c[i] = share*c[i] + (1-share)*t.color[k-1][i]
		}
	}
	return c
}
