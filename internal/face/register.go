package face

import (
	"math"

	"faceproof/internal/imaging"
	"faceproof/internal/signal"
)

// The registration grid: every gridStep-th canonical pixel of the box around
// the face.
const (
	gridStep = 2
	gridX0   = int(faceX-faceWidth/2) - 6 // canonical pixels, left
	gridY0   = int(faceY) - 72            // top
	gridW    = (int(faceWidth) + 12) / gridStep
	gridH    = 150 / gridStep
	gridSize = gridW * gridH
)

const (
	referenceFrames = 12   // averaged into the reference
	leastSteps      = 2    // of Gauss–Newton
	mostSteps       = 5    // when the head moves fast
	settled         = .1   // canonical pixels: a step below it is the last
	strayLimit      = 9.   // canonical pixels from the start of the steps: lost
	meshLimit       = 10.  // canonical pixels between mesh and registration: believe the mesh
	lostShare       = .5   // of the reference's variance that a frame leaves: lost
	lostFloor       = .01  // rms in ln luminance that noise may leave in any case
	leastGradient   = .003 // rms, ln luminance a canonical pixel: less is no face
	clipResidual    = .3   // a hand, a reflection, a blink pull no more than this
	shadowFloor     = .004 // linear light that keeps ln out of the noise
	readSlack       = 12.  // canonical pixels around the frame that are read
)

// leastPivot is the share of an unknown's information that those before it must
// leave; the ridges are larger.
const leastPivot = 1e-10

// unknowns of a step: x, y, scale, turn; brightness and its slopes.
const unknowns = 7

// Tracker holds the face of one capture still: it takes each frame to the
// canonical frame of the first one, by the mesh where there is one and by
// registration in between, and averages cells. Not for concurrent use; after
// the first frames it allocates nothing.
type Tracker struct {
	light   light
	anchors [468]Point // of the first mesh, canonical pixels
	layout  *Layout
	pose    pose
	mesh    [468][3]float64 // mean of the first ones, canonical pixels
	meshes  int             // in it

	mask      [gridSize]bool // in the face
	reference [gridSize]float32
	averaged  int     // frames in it
	texture   float64 // variance of it, without light and its slopes
	gradient  [gridSize][4]float32
	chol      signal.Cholesky // of the normal equations

	now, work [gridSize]float32 // blurred log-luminance of the frame
}

// NewTracker makes a Tracker that waits for its first frame.
func NewTracker() *Tracker { return new(Tracker) }

// Started says whether a first frame, with its mesh, has come.
func (t *Tracker) Started() bool { return t.layout != nil }

// Layout says what the cells show; nil before the first frame.
func (t *Tracker) Layout() *Layout { return t.layout }

// Reset forgets the face.
func (t *Tracker) Reset() { *t = Tracker{light: light{rgb: t.light.rgb, lum: t.light.lum}} }

// Scale says that the pictures have k times the size of the last ones from now
// on, with the same view.
func (t *Tracker) Scale(k float64) {
	t.pose.a *= complex(k, 0)
	t.pose.b *= complex(k, 0)
}

// Track registers a frame and averages its cells into out. l is the frame's
// mesh, nil when none was looked for; the first frame needs one. false: the
// face was lost, out is not filled; come again with a mesh of this frame.
func (t *Tracker) Track(m *imaging.Image, l *Landmarks, out *Cells) bool {
	if t.layout == nil {
		return t.start(m, l, out)
	}
	p, shade, ok := t.refine(m, t.pose)
	if l != nil {
		q, sane := t.poseOf(l)
		if !sane {
			return false
		}
		// Registration is the finer of the two while it holds.
		if !ok || p.apart(q) > meshLimit {
			p, shade, ok = t.refine(m, q)
		}
	}
	if !ok {
		return false
	}
	t.pose = p
	if l != nil {
		t.remember(p, l)
	}
	if t.averaged < referenceFrames {
		t.average(shade)
	}
	t.light.cells(p, out)
	return true
}

// refine reads the frame around a pose and registers it.
func (t *Tracker) refine(m *imaging.Image, from pose) (p pose, shade [3]float64, ok bool) {
	if !t.light.read(m, from, readSlack) {
		return from, shade, false
	}
	return t.register(from)
}

// start makes the first frame's face the canonical one.
func (t *Tracker) start(m *imaging.Image, l *Landmarks, out *Cells) bool {
	if l == nil {
		return false
	}
	p, ok := firstPose(l)
	if !ok || !t.light.read(m, p, readSlack) {
		return false
	}
	t.anchors = *p.canonical(l)
	t.layout, t.pose = newLayout(&t.anchors), p
	oval := hullOf(&t.anchors, ovalPoints)
	for i := range t.mask {
		x, y := i%gridW, i/gridW
		inside := oval.holds(gridPoint(i), 0)
		t.mask[i] = inside && x > 0 && y > 0 && x < gridW-1 && y < gridH-1
	}
	t.sample(p)
	t.reference, t.averaged = t.now, 1
	if !t.normalEquations() {
		t.Reset()
		return false
	}
	t.remember(p, l)
	t.light.cells(p, out)
	return true
}

// gridPoint is in canonical pixels.
func gridPoint(i int) Point {
	return Point{float64(gridX0 + i%gridW*gridStep), float64(gridY0 + i/gridW*gridStep)}
}

// firstPose puts a face upright by its eyes, faceWidth wide between the cheeks,
// its middle at (faceX, faceY).
func firstPose(l *Landmarks) (pose, bool) {
	eyes := l.rightEye().sub(l.leftEye())
	width := l.point(cheekLeft).dist(l.point(cheekRight))
	length := math.Hypot(eyes.X, eyes.Y)
	a := complex(eyes.X/length, eyes.Y/length) * complex(width/faceWidth, 0)
	middle := mid(l.point(forehead), l.point(chin))
	p := pose{a, complex(middle.X, middle.Y) - a*complex(faceX, faceY)}
	return p, p.sane()
}

// canonical gives a mesh in canonical pixels.
func (p pose) canonical(l *Landmarks) *[468]Point {
	out := new([468]Point)
	for i, q := range l.Points {
		c := (complex(q[0], q[1]) - p.b) / p.a
		out[i] = Point{real(c), imag(c)}
	}
	return out
}

// sane keeps NaN, infinities and faces of nearly no size out.
func (p pose) sane() bool {
	s := p.scale()
	return s > .05 && s < 1e3 && math.Abs(real(p.b)) < 1e6 && math.Abs(imag(p.b)) < 1e6
}

// poseOf takes the first mesh to this one, by the points that speech and blinks
// move little: all above the base of the nose.
func (t *Tracker) poseOf(l *Landmarks) (pose, bool) {
	var from, to, n complex128
	low := t.anchors[noseBase].Y
	each := func(f func(c, v complex128)) {
		for i, q := range t.anchors {
			if q.Y < low {
				f(complex(q.X, q.Y), complex(l.Points[i][0], l.Points[i][1]))
			}
		}
	}
	each(func(c, v complex128) { from, to, n = from+c, to+v, n+1 })
	if n == 0 {
		return pose{}, false
	}
	from, to = from/n, to/n
	var cross, norm complex128
	each(func(c, v complex128) {
		d := c - from
		conj := complex(real(d), -imag(d))
		cross += conj * (v - to)
		norm += conj * d
	})
	if norm == 0 {
		return pose{}, false
	}
	a := cross / norm
	p := pose{a, to - a*from}
	return p, p.sane()
}

// register refines a pose by Gauss–Newton steps on the blurred log-luminance
// against the reference (inverse compositional: the reference's gradients serve
// all frames). shade is the light that differs from the reference's.
func (t *Tracker) register(from pose) (p pose, shade [3]float64, ok bool) {
	p = from
	var rms float64 // what registration leaves
	for n := range mostSteps {
		t.sample(p)
		rhs, square, count := t.residual()
		d := rhs
		t.chol.Solve(d[:])
		p = p.step(d)
		left := square
		for i := range d {
			left -= d[i] * rhs[i]
		}
		rms = math.Sqrt(max(left, 0) / count)
		shade = [3]float64{d[4], d[5], d[6]}
		if !p.sane() || p.apart(from) > strayLimit {
			return from, shade, false
		}
		if n+1 >= leastSteps && math.Hypot(d[0], d[1])+math.Abs(d[2])+math.Abs(d[3]) < settled {
			break
		}
	}
	return p, shade, rms*rms < lostShare*t.texture+lostFloor*lostFloor
}

// unitX and unitY are canonical positions in units of half a face about its
// middle: they keep the normal equations well scaled.
func unitX(x float64) float64 { return (x - faceX) / (faceWidth / 2) }
func unitY(y float64) float64 { return (y - faceY) / (faceWidth / 2) }

// step undoes a displacement of the reference by d: d[0], d[1] canonical
// pixels, and d[2], d[3] canonical pixels of growth and turn at half a face
// from the middle.
func (p pose) step(d [unknowns]float64) pose {
	c := complex(faceX, faceY)
	shift := complex(d[0], d[1])
	grow := 1 + complex(d[2], d[3])/complex(faceWidth/2, 0)
	// q ↦ (q − c − shift)/grow + c, then p.
	a := p.a / grow
	return pose{a, p.b + p.a*c - a*(c+shift)}
}

// sample fills t.now with the blurred log-luminance of the frame at p.
func (t *Tracker) sample(p pose) {
	k := float64(2 * t.light.k)
	q := steps(p, k, float64(t.light.x0)/2, float64(t.light.y0)/2)
	dx, dy := gridStep*real(q.a), gridStep*imag(q.a)
	for y := range gridH {
		at := q.apply(complex(float64(gridX0), float64(gridY0+y*gridStep)))
		px, py := real(at), imag(at)
		row := t.work[y*gridW : (y+1)*gridW]
		for x := range row {
			row[x] = float32(math.Log(float64(t.light.luminance(px, py)) + shadowFloor))
			px, py = px+dx, py+dy
		}
	}
	blur(&t.work, &t.now)
	blur(&t.now, &t.work)
	t.now = t.work
}

// blur is the mean of 3 × 3; the border goes on.
func blur(src, dst *[gridSize]float32) {
	for y := range gridH {
		up := src[max(y-1, 0)*gridW:][:gridW]
		at := src[y*gridW:][:gridW]
		down := src[min(y+1, gridH-1)*gridW:][:gridW]
		out := dst[y*gridW:][:gridW]
		before := up[0] + at[0] + down[0]
		now := before
		for x := range out {
			next := now
			if x+1 < gridW {
				next = up[x+1] + at[x+1] + down[x+1]
			}
			out[x] = (before + now + next) * (1. / 9)
			before, now = now, next
		}
	}
}

// normalEquations prepares the steps: the gradients of the reference by the
// four motions, and the factor of JᵀJ. false: the picture has no texture.
func (t *Tracker) normalEquations() bool {
	var n [unknowns][unknowns]float64
	var sum [3]float64 // of the reference times 1, u, v
	var square float64
	for i := range t.mask {
		if !t.mask[i] {
			continue
		}
		at := gridPoint(i)
		gx := (t.reference[i+1] - t.reference[i-1]) / (2 * gridStep)
		gy := (t.reference[i+gridW] - t.reference[i-gridW]) / (2 * gridStep)
		u, v := float32(unitX(at.X)), float32(unitY(at.Y))
		t.gradient[i] = [4]float32{gx, gy, u*gx + v*gy, -v*gx + u*gy}
		j := t.jacobian(i)
		for r := range j {
			for c := range r + 1 {
				n[r][c] += j[r] * j[c]
			}
		}
		for k, v := range j[4:] {
			sum[k] += v * float64(t.reference[i])
		}
		square += float64(t.reference[i]) * float64(t.reference[i])
	}
	t.texture = leftOver(&n, sum, square)
	points := n[4][4]
	if least := leastGradient * leastGradient * points; !(n[0][0] > least && n[1][1] > least) {
		return false
	}
	return t.factor(&n)
}

// leftOver is the variance of a picture without its mean and slopes: sum and
// square are its sums with 1, u, v and itself, n holds theirs.
func leftOver(n *[unknowns][unknowns]float64, sum [3]float64, square float64) float64 {
	points := n[4][4]
	u, v, r := n[5][4]/points, n[6][4]/points, sum[0]/points
	uu, uv, vv := n[5][5]-points*u*u, n[6][5]-points*u*v, n[6][6]-points*v*v
	ur, vr := sum[1]-points*u*r, sum[2]-points*v*r
	det := uu*vv - uv*uv
	return (square - points*r*r - (vv*ur*ur-2*uv*ur*vr+uu*vr*vr)/det) / points
}

// jacobian of the log-luminance at a grid point.
func (t *Tracker) jacobian(i int) [unknowns]float64 {
	at, g := gridPoint(i), &t.gradient[i]
	return [unknowns]float64{float64(g[0]), float64(g[1]), float64(g[2]), float64(g[3]), 1, unitX(at.X), unitY(at.Y)}
}

// residual gives Jᵀe, eᵀe and the number of grid points, e clipped about its
// mean: the frame against the reference.
func (t *Tracker) residual() (rhs [unknowns]float64, square, count float64) {
	var mean float64
	for i, in := range t.mask {
		if in {
			mean += float64(t.now[i] - t.reference[i])
			count++
		}
	}
	count = max(count, 1)
	mean /= count
	for i, in := range t.mask {
		if !in {
			continue
		}
		e := float64(t.now[i]-t.reference[i]) - mean
		e = mean + min(max(e, -clipResidual), clipResidual)
		square += e * e
		for k, j := range t.jacobian(i) {
			rhs[k] += j * e
		}
	}
	return rhs, square, count
}

// factor takes n with a small ridge on the motions.
func (t *Tracker) factor(n *[unknowns][unknowns]float64) bool {
	for r := range n {
		n[r][r] = n[r][r]*(1+1e-6) + 1e-6
	}
	return t.chol.Factor(unknowns, func(r, c int) float64 { return n[r][c] }, leastPivot)
}

// average takes the frame, less its light, into the reference.
func (t *Tracker) average(shade [3]float64) {
	t.averaged++
	w := 1 / float32(t.averaged)
	for i := range t.reference {
		at := gridPoint(i)
		s := float32(shade[0] + shade[1]*unitX(at.X) + shade[2]*unitY(at.Y))
		t.reference[i] += w * (t.now[i] - s - t.reference[i])
	}
	if !t.normalEquations() {
		t.averaged = referenceFrames // keep what there is
	}
}
