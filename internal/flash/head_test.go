package flash

import (
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/radiance"
)

// The cells of a simulated capture: a head, or something flat with a face on
// it, before a screen of bands. Everything is written for the tests alone; only
// the physics of the screen is shared.
const (
	testColumns = 28
	testRows    = 37
	testCellCM  = 1.
)

// thing is what stands before the camera.
type thing struct {
	kind      string     // "head", "plane", "bent", "screen", "tint"
	landscape bool       //
	ambient   float64    // lux
	nits      float64    //
	side      float64    // share of the room's light that comes from above and one side
	noise     float64    // relative, of a cell
	ks        float64    // gloss of a head
	upside    bool       // the bands the other way round: what a detector with a wrong order would see
	splice    bool       // the head jumps where the colours change
	depth     float64    // of the truth over the template's; 0: 1
	skin      [3]float64 // reflectance
}

var olive = [3]float64{.42, .26, .18}

// spot is one place of the thing.
type spot struct {
	at            [2]float64 // face widths
	p, n          radiance.Vec
	inside, hairy bool
}

// bulge is the depth in cm towards the camera, of an ellipsoid with a nose.
func bulge(x, y float64) float64 {
	r2 := x*x/49 + y*y/81
	return 6*math.Sqrt(math.Max(1-r2, .05)) + 1.6*math.Exp(-x*x/5-(y-1)*(y-1)/10)
}

// spots lays the grid out; depth scales the shape.
func spots(depth, distance float64, f func(x, y float64) float64) []spot {
	var out []spot
	for i := range testColumns * testRows {
		x := (float64(i%testColumns) - testColumns/2 + .5) * testCellCM
		y := (float64(i/testColumns) - testRows/2 + .5) * testCellCM
		z := func(x, y float64) float64 { return depth * f(x, y) }
		const h = .05
		dx, dy := (z(x+h, y)-z(x-h, y))/(2*h), (z(x, y+h)-z(x, y-h))/(2*h)
		k := 1 / math.Sqrt(1+dx*dx+dy*dy)
		out = append(out, spot{
			at: [2]float64{x / faceCM, y / faceCM},
			p:  radiance.Vec{x, y, distance - z(x, y)}, n: radiance.Vec{-dx * k, -dy * k, -k},
			inside: x*x/36+y*y/64 < 1, hairy: y < -6.5 || math.Abs(y+3) < .6 && math.Abs(math.Abs(x)-3) < 1.6,
		})
	}
	return out
}

// film takes the series of a capture of the thing.
func (g thing) film(ch faceproof.FlashChallenge, tl Timeline, r *rand.Rand) Series {
	screen, distance := radiance.Phone, 28.
	if g.landscape {
		screen, distance = radiance.Laptop, 48.
	}
	depth := g.depth
	if depth == 0 {
		depth = 1
	}
	truth := spots(depth, distance, bulge)
	seen := truth // what the light falls on
	switch g.kind {
	case "plane", "screen", "tint":
		seen = spots(1, distance, func(x, y float64) float64 { return .08*x + .05*y })
	case "bent":
		seen = spots(1, distance, func(x, y float64) float64 { return -x * x / 20 })
	}
	type response struct {
		room  [3]float64
		bands [radiance.Bands][3]float64
	}
	cells := make([]response, len(truth))
	room := radiance.Vec{.6, -.6, -.53} // where the directed light comes from
	for i, t := range truth {
		albedo := 1.
		if t.hairy {
			albedo = .15
		}
		texture := math.Exp(.1*r.NormFloat64()) * albedo
		shade := 1 - g.side + g.side*2*math.Max(0, t.n[0]*room[0]+t.n[1]*room[1]+t.n[2]*room[2])
		e := screen.Irradiance(seen[i].p, seen[i].n)
		s := screen.Gloss(seen[i].p, seen[i].n, 18)
		for c := range 3 {
			rho := g.skin[c] * texture
			cells[i].room[c] = rho * g.ambient * shade / math.Pi
			for b := range e {
				v := rho * e[b] / math.Pi
				switch g.kind {
				case "head":
					v += g.ks * s[b]
				case "screen": // its glow does not answer; the haze of its glass does
					v = .06 * e[b] / math.Pi
				case "tint":
					v = cells[i].room[c] / g.ambient * .09 / radiance.Bands
				default:
					v *= shade // what is printed is printed with its shading
				}
				cells[i].bands[b][c] = v * g.nits
			}
		}
	}
	out := Series{BackgroundCells: 60, Surface: &Surface{Landscape: g.landscape}}
	// The template knows the shape, not the truth's depth.
	for i, s := range spots(1, distance, bulge) {
		out.Surface.At = append(out.Surface.At, s.at)
		if s.inside {
			out.Surface.Head = append(out.Surface.Head, i)
			if !s.hairy {
				out.Surface.Skin = append(out.Surface.Skin, i)
				f := Facet{Cell: i, Point: [3]float64{s.at[0], s.at[1], (s.p[2] - distance) / faceCM}, Normal: s.n}
				out.Surface.Facets = append(out.Surface.Facets, f, f)
			}
		}
	}
	out.SkinCells = len(out.Surface.Skin)
	var pose [4]float64
	jumped := 0
	for t := tl.Segment[0] - .5; t < tl.Post+.3; t += 1. / 15 {
		var light [radiance.Bands][3]float64
		for e := range 4 {
			bands(ch, tl, t-.1-.008*float64(e), g.upside, &light)
		}
		frame := make([][3]float32, len(cells))
		var face [3]float64
		for i, s := range cells {
			for c := range 3 {
				v := s.room[c]
				for b := range light {
					v += s.bands[b][c] * light[b][c] / 4
				}
				frame[i][c] = float32(.004 * v * (1 + g.noise*r.NormFloat64()))
			}
		}
		for _, i := range out.Surface.Skin {
			for c, v := range frame[i] {
				face[c] += float64(v) / float64(out.SkinCells)
			}
		}
		for k := range pose {
			pose[k] = .9*pose[k] + r.NormFloat64()
		}
		if begun := begun(tl, t-.1); g.splice && begun != jumped {
			jumped = begun
			for k := range pose {
				pose[k] = 8 * r.NormFloat64()
			}
		}
		out.Times = append(out.Times, t)
		out.Face = append(out.Face, face)
		out.Background = append(out.Background, [3]float64{.3, .3, .3})
		out.Surface.Cells, out.Surface.Motion = append(out.Surface.Cells, frame), append(out.Surface.Motion, pose)
	}
	return out
}

// begun counts the segments that have begun at t.
func begun(tl Timeline, t float64) (n int) {
	for _, s := range tl.Segment {
		if t >= s {
			n++
		}
	}
	return n
}

// bands adds the linear light of each band at time t.
func bands(ch faceproof.FlashChallenge, tl Timeline, t float64, upside bool, light *[radiance.Bands][3]float64) {
	for b := range light {
		now := ch.Neutral
		if n := begun(tl, t); n > 0 && t < tl.Post {
			s := ch.Segments[n-1]
			u := (float64(b) + .5) / radiance.Bands
			if s.Forward == upside {
				u = 1 - u
			}
			if u < 1000*(t-tl.Segment[n-1])/float64(ch.WipeMS) {
				now = s.Color
			} else if n > 1 {
				now = ch.Segments[n-2].Color
			}
		}
		for c, v := range now {
			light[b][c] += srgb(v)
		}
	}
}
