// Package radiance says how much light of a screen reaches a place before it,
// and how much of that a surface there sends on to the camera beside it. The
// simulated camera and the detector's template both ask it: the physics is the
// same, the shapes that they put into it are not.
//
// Lengths are centimetres, with the camera at the origin: x to the right in the
// picture (not mirrored), y down, z from the camera towards the person. The
// screen lies in z = 0 and shines along +z. It is cut into Bands along its long
// axis, of which each has one luminance: portrait from the top, landscape from
// the left as the person sees it, which is the right of the picture.
//
// A screen is taken to be Lambertian; real ones are dimmer from the side.
package radiance

import "math"

// Bands is how many parts a screen has along its long axis.
const Bands = 8

// Vec is a place in centimetres, or a direction of length 1.
type Vec [3]float64

// Screen is a rectangle below the camera. It is landscape when it is wider than
// high.
type Screen struct {
	Width, Height float64 // cm
	Gap           float64 // cm, camera above the upper edge
}

// Screens of ordinary devices.
var (
	Phone  = Screen{Width: 6.8, Height: 14.5, Gap: .6}
	Laptop = Screen{Width: 31, Height: 17.5, Gap: 1}
)

// Landscape says whether the bands lie side by side.
func (s Screen) Landscape() bool { return s.Width > s.Height }

// Irradiance is the illuminance in lux at p, whose surface has the normal n of
// length 1 (towards the camera: n[2] < 0), for each nit of each band:
// ∫ cosθ·max(0, n·l)/r² dA. A surface of reflectance ρ has the luminance
// ρ/π times that. Places behind the screen get none.
func (s Screen) Irradiance(p, n Vec) (e [Bands]float64) {
	s.each(p, n, func(band int, flux float64, _ Vec) { e[band] += flux })
	return e
}

// Gloss is the luminance towards the camera, nit for each nit of each band, of
// a Blinn-Phong lobe (n·h)^shine of strength 1 on such a surface:
// ∫ cosθ·(n·l)/r²·(m+2)/(8π)·(n·h)^m dA with m = shine.
func (s Screen) Gloss(p, n Vec, shine float64) (e [Bands]float64) {
	toCamera := p.unit(-1)
	k := (shine + 2) / (8 * math.Pi)
	s.each(p, n, func(band int, flux float64, l Vec) {
		h := Vec{l[0] + toCamera[0], l[1] + toCamera[1], l[2] + toCamera[2]}.unit(1)
		if nh := n.dot(h); nh > 0 {
			e[band] += k * flux * math.Pow(nh, shine)
		}
	})
	return e
}

// along and across are how many pieces a band is cut into for the integrals:
// within 1 % of a fine grid from 15 cm (phone) and 30 cm (laptop) on.
const (
	along  = 2
	across = 4
)

// each calls f with every piece of the screen that shines on the surface, what
// it sends there (per nit) and the direction to it.
func (s Screen) each(p, n Vec, f func(band int, flux float64, l Vec)) {
	if !(p[2] > 0) {
		return
	}
	area := s.Width * s.Height / (Bands * along * across)
	for i := range Bands * along {
		u := (float64(i) + .5) / (Bands * along)
		for j := range across {
			v := (float64(j) + .5) / across
			q := Vec{s.Width * (.5 - v), s.Gap + s.Height*u}
			if s.Landscape() {
				q = Vec{s.Width * (.5 - u), s.Gap + s.Height*v}
			}
			l := Vec{q[0] - p[0], q[1] - p[1], -p[2]}
			r2 := l.dot(l)
			k := 1 / math.Sqrt(r2)
			l = Vec{l[0] * k, l[1] * k, l[2] * k}
			if nl := n.dot(l); nl > 0 {
				f(i/along, area*nl*-l[2]/r2, l)
			}
		}
	}
}

func (v Vec) dot(w Vec) float64 { return v[0]*w[0] + v[1]*w[1] + v[2]*w[2] }

// unit scales v to the length |sign|, with its sign.
func (v Vec) unit(sign float64) Vec {
	k := sign / math.Sqrt(v.dot(v))
	return Vec{v[0] * k, v[1] * k, v[2] * k}
}
