package flash

import (
	"math"

	"faceproof"
	"faceproof/internal/signal"
)

// What the slopes of step S8 are worth for a live face and for a flat thing:
// means and standard deviations. b is the slope of ln(1+α) on ln E of the fitted
// mesh (1 if the room's light came from everywhere), spec on its gloss, d that of
// β on the template of the difference along the screen.
const (
	liveB, liveBSD       = .95, .4
	liveSpec, liveSpecSD = 1.5, 2.
	flatBSD, flatSpecSD  = .1, .3
	liveD, liveDSD       = .9, .4
	flatDSD              = .15
	// One flat thing in five is not so flat: bent, with a gloss that moves over it.
	bentShare           = .2
	bentBSD, bentSpecSD = .15, 2.
	bentDSD             = 1.
	alphaFloor          = .02 // what no model of α explains better than
	betaFloor           = .02
)

// shape is steps S8 and S9: the map of the answer over the face against the
// shape that the face should have, and against its own brightness. Zero Cells:
// nothing could be measured, L is 0. moments are the first moments of the colours;
// nil: nothing moved over the screen, and no difference along it is asked for.
func (t *test) shape(moments [][]float64, f frames, ser Series, res outcome, actual []uint8) (l float64, ev faceproof.ShapeEvidence) {
	s := ser.Surface
	if s == nil || !s.valid(len(ser.Times)) || (res.q[0]+res.q[1]+res.q[2])/3 < minStrength {
		return 0, ev
	}
	for _, j := range f.index {
		if s.Cells[j] == nil {
			return 0, ev
		}
	}
	x := t.display(moments, f, res, actual)
	skin := s.answers(s.Skin, f, ser.Face, x)
	spreadAndVeil(skin, s.answers(s.Head, f, ser.Face, x), &ev)
	l = likelihood(skin, s.templates(), moments != nil, &ev)
	if !signal.Finite(l) {
		return 0, faceproof.ShapeEvidence{}
	}
	return l, ev
}

// display gives the regressors of each channel at its strength, without trend:
// the mean of the screen, its first moment along the long axis (band 0 at −1),
// and the change of the mean within changeTime.
func (t *test) display(moments [][]float64, f frames, res outcome, actual []uint8) (x [3]regressor) {
	mean := t.regress(res.latency)
	before, after := t.regress(res.latency+changeTime/2), t.regress(res.latency-changeTime/2)
	for c := range x {
		for j := range x[c] {
			x[c][j] = make([]float64, len(f.times))
		}
		for k, color := range actual {
			u := res.q[c] * t.colors[color][c]
			for i := range f.times {
				x[c][0][i] += u * mean[k][i]
				if moments != nil {
					x[c][1][i] += u * moments[k][i]
				}
				x[c][2][i] += u * (after[k][i] - before[k][i])
			}
		}
	}
	return x
}

// changeTime is about what a rolling shutter takes for a face, s.
const changeTime = .02

// likelihood is L: how much likelier the slopes are for a live face than for a
// flat thing, natural logarithm. It goes to 0 by itself when the light is too
// weak to know. slanted: the difference along the screen was measured too.
func likelihood(skin []answer, tm []template, slanted bool, ev *faceproof.ShapeEvidence) (l float64) {
	var x, z [][]float64
	var alpha, beta, wa, wb []float64
	var light []float64
	for _, a := range skin {
		if tm[a.cell].ok {
			light = append(light, a.light)
		}
	}
	if len(light) < minShapeCells {
		return 0
	}
	middle := signal.Median(light)
	for _, a := range skin {
		e := tm[a.cell]
		if !e.ok {
			continue
		}
		i := a.light - middle
		x = append(x, []float64{e.light, e.spec, 1, a.x, a.y, a.x * a.x, a.x * a.y, a.y * a.y, i, i * i})
		z = append(z, []float64{e.slant, 1, a.x, a.y, a.x * a.x, a.x * a.y, a.y * a.y})
		alpha, beta = append(alpha, a.alpha), append(beta, a.beta)
		wa = append(wa, 1/(a.alphaSE*a.alphaSE+alphaFloor*alphaFloor))
		wb = append(wb, 1/(a.betaSE*a.betaSE+betaFloor*betaFloor))
	}
	a, ok := regress(x, alpha, wa, multiplicative)
	if !ok {
		return 0
	}
	ev.Cells = a.n
	ev.B, ev.BSE, ev.Spec, ev.SpecSE = a.b[0], math.Sqrt(a.cov[0][0]), a.b[1], math.Sqrt(a.cov[1][1])
	l = normal2(a.b[0]-liveB, a.b[1]-liveSpec, a.cov, liveBSD, liveSpecSD) -
		mixed(normal2(a.b[0], a.b[1], a.cov, flatBSD, flatSpecSD), normal2(a.b[0], a.b[1], a.cov, bentBSD, bentSpecSD))
	if !slanted {
		return l
	}
	for i := range z { // the difference, too, is a share of the answer
		z[i][0] *= math.Exp(min(max(signal.Dot(x[i], a.b), least), most))
	}
	if b, ok := regress(z, beta, wb, additive); ok {
		ev.D, ev.DSE = b.b[0], math.Sqrt(b.cov[0][0])
		v := b.cov[0][0]
		l += normal1(ev.D-liveD, v, liveDSD) - mixed(normal1(ev.D, v, flatDSD), normal1(ev.D, v, bentDSD))
	}
	return l
}

// mixed is the log density of flat things of which bentShare are bent: no gloss
// and no difference alone make a face of what has a flat thing's slope b.
func mixed(flat, bent float64) float64 {
	flat, bent = flat+math.Log(1-bentShare), bent+math.Log(bentShare)
	m := max(flat, bent)
	return m + math.Log(math.Exp(flat-m)+math.Exp(bent-m))
}

// normal1 is the log density of N(0, sd² + v) at x, without the constant.
func normal1(x, v, sd float64) float64 {
	v += sd * sd
	return -(x*x/v + math.Log(v)) / 2
}

// normal2 is the same in two dimensions, for the first two of a covariance.
func normal2(x, y float64, cov [][]float64, sdx, sdy float64) float64 {
	a, b, c := cov[0][0]+sdx*sdx, cov[0][1], cov[1][1]+sdy*sdy
	det := a*c - b*b
	return -((c*x*x-2*b*x*y+a*y*y)/det + math.Log(det)) / 2
}
