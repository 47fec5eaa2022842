package simcam

import "math"

// buffers of a session; light is in lux times reflectance.
type buffers struct {
	front, behind, glass []float32 // grid, 3 a place
	gain                 []float32 // a row of front at the height of a row of pixels
	rear, veil           []float32 // … of behind and glass
	row                  []float32 // pixels
	columns              []column  // where the pixels of a row lie in the grid
}

// column is a place between two of a row of the grid.
type column struct {
	i int // of the left one, times 3
	f float32
}

func (s *Scene) buffers() *buffers {
	w, h := s.w/step, s.h/step
	f := func(n int) []float32 { return make([]float32, n) }
	return &buffers{front: f(3 * w * h), behind: f(3 * w * h), glass: f(3 * w * h), gain: f(3 * w), rear: f(3 * w), veil: f(3 * w), row: f(3 * s.w), columns: make([]column, s.w)}
}

// moment is what a frame sees: the light of the screen when the first and the
// last row were exposed (on what stands in front, and on the glass of another
// screen), the room's changes and the pose.
type moment struct {
	screen [2]bandLight
	glass  [2]bandLight
	tv     [3]float64
	beat   [2]float64 // factor on the room's light, first and last row
	pose   pose
}

// shine fills the grids of a moment.
func (s *Scene) shine(b *buffers, m *moment) {
	w, h := s.w/step, s.h/step
	for y := range h {
		share := float64(y) / float64(h-1)
		l, beat := between(&m.screen, share), float32(m.beat[0]+share*(m.beat[1]-m.beat[0]))
		s.shineFront(s.front, b.front, y*w, w, &l, beat, m)
		if s.glass != nil {
			g := between(&m.glass, share)
			s.shineFront(s.glass.back, b.glass, y*w, w, &g, beat, m)
		}
		if !s.sheet {
			s.shineBehind(b.behind, y*w, w, &l, beat, m)
		}
	}
}

// between is the light of a row, as numbers of float32.
func between(l *[2]bandLight, share float64) (out [answers]float32) {
	for b := range l[0] {
		for c := range 3 {
			out[3*b+c] = float32(l[0][b][c] + share*(l[1][b][c]-l[0][b][c]))
		}
	}
	return out
}

// shineFront is the light on a row of the grid.
func (s *Scene) shineFront(from *light, out []float32, start, w int, l *[answers]float32, beat float32, m *moment) {
	near := float32((1 + m.pose.scale) * (1 + m.pose.scale)) // a head that grows has come closer
	yaw, pitch := .35*float32(m.pose.yaw), .35*float32(m.pose.pitch)
	tv := [3]float32{float32(m.tv[0]), float32(m.tv[1]), float32(m.tv[2])}
	for i := start; i < start+w; i++ {
		e := (*[answers]float32)(from.screen[answers*i:])
		var r, g, b float32
		for k := 0; k < answers; k += 3 {
			r += e[k] * l[k]
			g += e[k+1] * l[k+1]
			b += e[k+2] * l[k+2]
		}
		turn := beat * (1 + from.turn[2*i]*yaw + from.turn[2*i+1]*pitch)
		a := (*[3]float32)(from.room[3*i:])
		o := (*[3]float32)(out[3*i:])
		t := from.tv[i]
		o[0] = a[0]*turn + t*tv[0] + near*r
		o[1] = a[1]*turn + t*tv[1] + near*g
		o[2] = a[2]*turn + t*tv[2] + near*b
	}
}

// shineBehind is what a row of the room sends to the camera.
func (s *Scene) shineBehind(out []float32, start, w int, l *[answers]float32, beat float32, m *moment) {
	ro := s.room
	var room, screen [3]float32
	for c := range 3 {
		var e, mean float64
		for b, k := range ro.screen {
			e += k * float64(l[3*b+c])
			mean += float64(l[3*b+c]) / float64(len(ro.screen))
		}
		screen[c] = float32(e)
		steady := ro.lux * s.p.Cast[c]
		room[c] = float32(steady*(float64(beat)+ro.flat*mean/(s.p.Nits*s.p.Fill)) + .7*s.p.Lux*s.p.TV*m.tv[c])
	}
	for i := start; i < start+w; i++ {
		k := ro.near[i]
		for c := range 3 {
			out[3*i+c] = ro.albedo[3*i+c] * (room[c] + k*screen[c])
		}
	}
}

// similarity takes pixels of the frame to pixels of the texture: sx = a·x − b·y + c,
// sy = b·x + a·y + d, of pixel indexes.
type similarity struct{ a, b, c, d float32 }

func (s *Scene) similarity(q pose) similarity {
	px := float64(s.w) / 360 // a pixel at 360 of width
	if s.w > s.h {
		px = float64(s.h) / 360
	}
	k := 1 / (1 + q.scale)
	if s.sheet {
		k /= 1.03 // its rim stays outside
	}
	a, b := k*math.Cos(q.roll), -k*math.Sin(q.roll)
	x0, y0 := s.cx+(q.x+q.handX)*px, s.cy+(q.y+q.handY)*px // where the face's middle is now
	return similarity{float32(a), float32(b), float32(s.cx - a*x0 + b*y0), float32(s.cy - b*x0 - a*y0)}
}

// level interpolates a plane of the grid at the height of pixel row y.
func level(out, plane []float32, w, h int, y float32) {
	fy := min(max((y-1)/step, 0), float32(h)-1.001)
	iy := int(fy)
	fy -= float32(iy)
	p, q := plane[3*iy*w:][:3*w], plane[3*(iy+1)*w:][:3*w]
	for i, v := range p {
		out[i] = v + fy*(q[i]-v)
	}
}

// scan renders row y of a frame into b.row: the room, before it the person or
// the picture, and before that the glass of another screen.
func (s *Scene) scan(b *buffers, y int, t similarity, m *moment) {
	w, h := s.w/step, s.h/step
	if !s.sheet {
		level(b.rear, b.behind, w, h, float32(y)-float32(m.pose.handY))
		for x, c := range b.columns {
			p, o := (*[6]float32)(b.rear[c.i:]), (*[3]float32)(b.row[3*x:])
			o[0] = p[0] + c.f*(p[3]-p[0])
			o[1] = p[1] + c.f*(p[4]-p[1])
			o[2] = p[2] + c.f*(p[5]-p[2])
		}
	}
	s.scanFront(b, y, t)
	if s.glass == nil {
		return
	}
	level(b.veil, b.glass, w, h, float32(y))
	video, nits := float32(s.glass.video), float32(math.Pi*s.p.Emission)
	black := .001 * nits
	for x, c := range b.columns {
		p, o := (*[6]float32)(b.veil[c.i:]), (*[3]float32)(b.row[3*x:])
		for k := range o {
			o[k] = nits*min(o[k]*video, 1) + black + p[k] + c.f*(p[k+3]-p[k])
		}
	}
}

// scanFront lays the person or the picture over the row.
func (s *Scene) scanFront(b *buffers, y int, t similarity) {
	from, to := s.w, 0
	for _, d := range [3]int{-14, 0, 14} { // as far as a head moves
		r := s.spans[min(max(y+d, 0), s.h-1)]
		from, to = min(from, r[0]-14), max(to, r[1]+14)
	}
	from, to = max(from, 0), min(to, s.w)
	if from >= to {
		return
	}
	w, h := s.w/step, s.h/step
	mid := float32(from+to) / 2
	level(b.gain, b.front, w, h, t.b*mid+t.a*float32(y)+t.d)
	sx, sy := t.a*float32(from)-t.b*float32(y)+t.c, t.b*float32(from)+t.a*float32(y)+t.d
	lastX, lastY, lastG := float32(s.w)-1.001, float32(s.h)-1.001, float32(w)-1.001
	stride := 4 * s.w
	for x := from; x < to; x, sx, sy = x+1, sx+t.a, sy+t.b {
		px, py := min(max(sx, 0), lastX), min(max(sy, 0), lastY)
		ix, iy := int(px), int(py)
		ax, ay := px-float32(ix), py-float32(iy)
		i := iy*stride + 4*ix
		p, q := (*[8]float32)(s.tex[i:]), (*[8]float32)(s.tex[i+stride:])
		w11 := ax * ay
		w01, w10 := ax-w11, ay-w11
		w00 := 1 - ax - w10
		m := w00*p[3] + w01*p[7] + w10*q[3] + w11*q[7]
		if m < .002 {
			continue
		}
		gx := min(max((px-1)*(1./step), 0), lastG)
		ig := int(gx)
		fg := gx - float32(ig)
		e := (*[6]float32)(b.gain[3*ig:])
		o := (*[3]float32)(b.row[3*x:])
		o[0] += m * ((w00*p[0]+w01*p[4]+w10*q[0]+w11*q[4])*(e[0]+fg*(e[3]-e[0])) - o[0])
		o[1] += m * ((w00*p[1]+w01*p[5]+w10*q[1]+w11*q[5])*(e[1]+fg*(e[4]-e[1])) - o[1])
		o[2] += m * ((w00*p[2]+w01*p[6]+w10*q[2]+w11*q[6])*(e[2]+fg*(e[5]-e[2])) - o[2])
	}
}

// place pixels of a row in the grid, moved by the hand.
func (b *buffers) place(w int, hand float64) {
	for x := range b.columns {
		gx := min(max((float32(x)-float32(hand)-1)/step, 0), float32(w)-1.001)
		b.columns[x] = column{3 * int(gx), gx - float32(int(gx))}
	}
}
