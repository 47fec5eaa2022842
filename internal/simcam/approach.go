package simcam

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/radiance"
)

// Previews while what stands before the camera comes closer, in perspective:
// what is nearer grows more. The picture of the portrait is taken as seen from
// studioCM; a print or a screen is taken as it is.
const (
	studioCM       = 150.
	previewFPS     = 5. // as capture asks for
	previewQuality = 80
	turnSD         = 2.5 // degrees, of a head or a hand from preview to preview, about each axis
	leanSD         = 3.  // … from the far place to the near one
	shiftSD        = .02 // of the picture's width, of where the face is
)

// Approach films previews: far ones, where the face is growth times smaller than
// Params say, as many at Params' place, and half as many on the way. Light is
// the room's and a bright page's. Errors: CodeInvalid, of encoding.
func (s *Scene) Approach(growth float64, each int, seed uint64) ([]capture.Frame, error) {
	if !(growth >= 1 && growth <= 3) || each < 1 || each > 100 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "growth", "must be 1 to 3, of 1 to 100 previews")
	}
	r := rand.New(rand.NewPCG(seed, s.p.Seed^0xa9941))
	b, c := s.buffers(), newCamera(&s.p, r)
	screen := steady(page)
	v := s.newViewer()
	lean := [3]float64{leanSD * r.NormFloat64(), leanSD * r.NormFloat64(), leanSD * r.NormFloat64()}
	shift := [2]float64{shiftSD * r.NormFloat64(), shiftSD * r.NormFloat64()}
	row := make([]float32, 3*s.w)
	var frames []capture.Frame
	n := each + each/2 + each
	for i := range n {
		share := min(max(float64(i-each+1)/float64(each/2+1), 0), 1) // of the way
		var look stance
		look.distance = s.p.Distance * math.Pow(growth, 1-share)
		for k := range look.turn {
			look.turn[k] = (turnSD*r.NormFloat64() + share*lean[k]) * math.Pi / 180
		}
		look.x = s.cx + float64(s.w)*(shift[0]*share+.5*shiftSD*r.NormFloat64())
		look.y = s.cy + float64(s.w)*(shift[1]*share+.5*shiftSD*r.NormFloat64())
		at := float64(i) * 1000 / previewFPS
		m := &moment{tv: s.tv.at(at), beat: [2]float64{1, 1}}
		for k, edge := range [2]float64{0, 1} {
			m.screen[k] = s.p.exposed(screen, at, edge)
			if s.glass != nil {
				m.glass[k] = m.screen[k]
			}
		}
		s.shine(b, m)
		if s.sheet { // the room shows around it
			l, w := between(&m.screen, 0), s.w/step
			for y := range s.h / step {
				s.shineBehind(b.behind, y*w, w, &l, 1, m)
			}
		}
		c.follow(s.meter(b, c), 1/previewFPS)
		v.light(s, b)
		v.stand(look)
		c.started = false // two previews are several frames apart
		for y := range s.h {
			v.scan(row, y)
			c.expose(row, y, r)
		}
		var data bytes.Buffer
		if err := jpeg.Encode(&data, c.out, &jpeg.Options{Quality: previewQuality}); err != nil {
			return nil, fmt.Errorf("simcam: %w", err)
		}
		frames = append(frames, capture.Frame{Attempt: 1, Seq: uint32(i), T: at, JPEG: data.Bytes(), Preview: true})
	}
	return frames, nil
}

// stance is where the face is in one preview.
type stance struct {
	distance float64    // cm
	turn     [3]float64 // radians about x, y, z
	x, y     float64    // pixels, of the face's middle
}

// viewer sees the scene's surface in perspective.
type viewer struct {
	s      *Scene
	depth  []float64 // grid, cm behind the face's plane
	origin float64   // cm from which the texture was seen; 0: it is painted on
	focal  float64   // pixels
	perCM  float64   // pixels of the texture
	// Depths between which the surface is looked for.
	nearest, farthest float64
	lit               []float32 // what the surface sends, 4 a pixel of the texture, with the matte
	behind            []float32 // grid

	look         stance
	above, below []hit           // rows of every coarse-th pixel
	from         radiance.Vec    // the camera, in the surface's coordinates
	axes         [3]radiance.Vec // of the camera
}

func (s *Scene) newViewer() *viewer {
	v := &viewer{s: s, focal: s.p.Distance / s.cm(), lit: make([]float32, 4*s.w*s.h)}
	v.above, v.below = make([]hit, s.w/coarse+2), make([]hit, s.w/coarse+2)
	switch s.p.Kind {
	case Print, PrintCut, OtherScreen, PlainScreen:
		v.depth = s.plane(s.p.TiltX, s.p.TiltY).z
	case PrintBent, PrintCutB:
		v.depth = s.bent(s.p.Radius, s.p.TiltX, s.p.TiltY).z
	default:
		v.depth, v.origin = s.head(s.p.DepthScale).z, studioCM
	}
	v.perCM, v.nearest, v.farthest = 1/s.cm(), math.Inf(1), math.Inf(-1)
	for i, z := range v.depth {
		if s.low[4*i+3] > .02 {
			v.nearest, v.farthest = min(v.nearest, z), max(v.farthest, z)
		}
	}
	v.nearest, v.farthest = v.nearest-marchCM/2, v.farthest+marchCM
	return v
}

// light fills what the surface sends.
func (v *viewer) light(s *Scene, b *buffers) {
	g := grid{s.w / step, s.h / step}
	var front, veil [3][]float32
	for c := range front {
		front[c] = make([]float32, g.w*g.h)
		veil[c] = make([]float32, g.w*g.h)
		for i := range front[c] {
			front[c][i] = b.front[3*i+c]
			if s.glass != nil {
				veil[c][i] = b.glass[3*i+c]
			}
		}
	}
	for i := range s.w * s.h {
		x, y := i%s.w, i/s.w
		m := s.tex[4*i+3]
		for c := range 3 {
			e := s.tex[4*i+c] * g.at(front[c], x, y)
			if s.glass != nil {
				nits := float32(math.Pi * s.p.Emission)
				wall := g.at3(b.behind, x, y, c)
				e = nits*min((m*e+(1-m)*wall)*float32(s.glass.video), 1) + .001*nits + g.at(veil[c], x, y)
			}
			v.lit[4*i+c] = e
		}
		if v.lit[4*i+3] = m; s.glass != nil || s.sheet {
			v.lit[4*i+3] = 1
		}
	}
	v.behind = b.behind
}

// at3 reads one channel of interleaved planes, the nearest place.
func (g grid) at3(planes []float32, x, y, c int) float32 {
	return planes[3*(min(y/step, g.h-1)*g.w+min(x/step, g.w-1))+c]
}

// stand moves the camera.
func (v *viewer) stand(q stance) {
	v.look = q
	cx, sx := math.Cos(q.turn[0]), math.Sin(q.turn[0])
	cy, sy := math.Cos(q.turn[1]), math.Sin(q.turn[1])
	cz, sz := math.Cos(q.turn[2]), math.Sin(q.turn[2])
	// Rows of Rᵀ of the surface: R = Rz·Ry·Rx.
	rot := [3]radiance.Vec{
		{cz * cy, cz*sy*sx - sz*cx, cz*sy*cx + sz*sx},
		{sz * cy, sz*sy*sx + cz*cx, sz*sy*cx - cz*sx},
		{-sy, cy * sx, cy * cx},
	}
	v.axes = rot // camera = R·surface + shift, so surface = Rᵀ·(camera − shift)
	shift := radiance.Vec{(q.x - float64(v.s.w)/2) * q.distance / v.focal, (q.y - float64(v.s.h)/2) * q.distance / v.focal, q.distance}
	v.from = v.surface(radiance.Vec{-shift[0], -shift[1], -shift[2]})
}

// surface turns a direction of the camera into the surface's coordinates.
func (v *viewer) surface(d radiance.Vec) (out radiance.Vec) {
	for i := range out {
		out[i] = v.axes[0][i]*d[0] + v.axes[1][i]*d[1] + v.axes[2][i]*d[2]
	}
	return out
}

// coarse is how far apart the rays are that are followed; between two that hit
// the surface close by, the rest is interpolated.
const coarse, closeBy = 3, 2.2 * coarse

// scan fills a row: the first point of the surface on each ray, else the room.
func (v *viewer) scan(row []float32, y int) {
	if y%coarse == 0 {
		v.above, v.below = v.below, v.above
		if y == 0 {
			v.follow(v.above, 0)
		}
		v.follow(v.below, y+coarse)
	}
	fy := float64(y%coarse) / coarse
	for x := range v.s.w {
		o := row[3*x:][:3]
		v.wall(o, x, y)
		i, fx := x/coarse, float64(x%coarse)/coarse
		a, b, c, d := &v.above[i], &v.above[i+1], &v.below[i], &v.below[i+1]
		var p [2]float64
		switch {
		case !a.ok && !b.ok && !c.ok && !d.ok:
			continue
		case a.ok && b.ok && c.ok && d.ok && a.near(b) && a.near(c) && d.near(a):
			for k := range p {
				top, bottom := a.at[k]+fx*(b.at[k]-a.at[k]), c.at[k]+fx*(d.at[k]-c.at[k])
				p[k] = top + fy*(bottom-top)
			}
		default:
			h := v.ray(x, y)
			if p = h.at; !h.ok {
				continue
			}
		}
		v.over(o, p[0], p[1])
	}
}

// hit is where a ray meets the surface, in pixels of the texture.
type hit struct {
	at [2]float64
	ok bool
}

func (h *hit) near(o *hit) bool {
	return math.Abs(h.at[0]-o.at[0]) < closeBy && math.Abs(h.at[1]-o.at[1]) < closeBy
}

// follow fills a row of hits.
func (v *viewer) follow(out []hit, y int) {
	for i := range out {
		out[i] = v.ray(i*coarse, y)
	}
}

// ray of a pixel.
func (v *viewer) ray(x, y int) hit {
	d := v.surface(radiance.Vec{(float64(x) - float64(v.s.w)/2) / v.focal, (float64(y) - float64(v.s.h)/2) / v.focal, 1})
	px, py, ok := v.hit(d)
	return hit{[2]float64{px, py}, ok}
}

// marchCM is how far along a ray the surface is looked for next.
const marchCM = 2.

// hit walks along a ray to where it meets the surface; in pixels of the texture.
func (v *viewer) hit(d radiance.Vec) (px, py float64, ok bool) {
	before, z := 0., v.nearest
	for ; z <= v.farthest; z += marchCM {
		gap := v.gap(d, z)
		if gap >= 0 {
			break
		}
		before = gap
	}
	if z > v.nearest && z <= v.farthest {
		lo, hi, flo, fhi := z-marchCM, z, before, v.gap(d, z)
		for range 4 {
			mid := lo - flo*(hi-lo)/(fhi-flo)
			if f := v.gap(d, mid); f < 0 {
				lo, flo = mid, f
			} else {
				hi, fhi = mid, f
			}
		}
		z = hi
	} else if z <= v.nearest {
		return 0, 0, false
	} else {
		z = v.farthest
	}
	px, py = v.pixel(d, z)
	if v.origin > 0 { // a body goes on below the picture
		py = min(py, float64(v.s.h)-1.001)
	}
	return px, py, px >= 0 && py >= 0 && px < float64(v.s.w-1) && py < float64(v.s.h-1)
}

// pixel of the texture where a ray is at depth z.
func (v *viewer) pixel(d radiance.Vec, z float64) (px, py float64) {
	t := (z - v.from[2]) / d[2]
	x, y := v.from[0]+t*d[0], v.from[1]+t*d[1]
	if v.origin > 0 {
		k := v.origin / (v.origin + z)
		x, y = k*x, k*y
	}
	return v.s.cx + x*v.perCM, v.s.cy + y*v.perCM
}

// gap is how far behind the surface a ray is at depth z, cm.
func (v *viewer) gap(d radiance.Vec, z float64) float64 {
	px, py := v.pixel(d, z)
	w, h := v.s.w/step, v.s.h/step
	fx, fy := min(max((px-1)/step, 0), float64(w)-1.001), min(max((py-1)/step, 0), float64(h)-1.001)
	ix, iy := int(fx), int(fy)
	fx, fy = fx-float64(ix), fy-float64(iy)
	p := v.depth[iy*w+ix:]
	return z - ((1-fy)*(p[0]+fx*(p[1]-p[0])) + fy*(p[w]+fx*(p[w+1]-p[w])))
}

// over lays the texture over a pixel.
func (v *viewer) over(o []float32, px, py float64) {
	ix, iy := int(px), int(py)
	fx, fy := float32(px)-float32(ix), float32(py)-float32(iy)
	p := v.lit[4*(iy*v.s.w+ix):]
	q := p[4*v.s.w:]
	var t [4]float32
	for c := range t {
		top, bottom := p[c]+fx*(p[4+c]-p[c]), q[c]+fx*(q[4+c]-q[c])
		t[c] = top + fy*(bottom-top)
	}
	for c := range o {
		o[c] += t[3] * (t[c] - o[c])
	}
}

// wall is the room behind, which grows less than the face.
func (v *viewer) wall(o []float32, x, y int) {
	s := v.s
	k := (v.look.distance + s.p.Background) / (s.p.Distance + s.p.Background)
	g := grid{s.w / step, s.h / step}
	px := min(max(float64(s.w)/2+k*(float64(x)-float64(s.w)/2), 0), float64(s.w-1))
	py := min(max(float64(s.h)/2+k*(float64(y)-float64(s.h)/2), 0), float64(s.h-1))
	for c := range o {
		o[c] = g.at3(v.behind, int(px), int(py), c)
	}
}
