package faces

import (
	"fmt"
	"math"
	"strconv"

	"faceproof/internal/eval/svg"
)

// namedCurve is the scores of everybody (no name) or of one group.
type namedCurve struct {
	name string
	spreads
}

// Sets too small for a curve are not drawn.
const (
	drawnGenuine  = 100
	drawnImpostor = 500
)

// colours of the curves: everybody first.
var colours = []string{svg.Ink, svg.Blue, svg.Orange, svg.Bad, "#0f766e", "#7c3aed"}

// plots draws DET and ROC of each set that is large enough, by file name.
func (r *Report) plots() map[string][]byte {
	out := map[string][]byte{}
	for i := range r.Sets {
		s := &r.Sets[i]
		if s.drawn() {
			out["det-"+s.file()+".svg"] = s.det()
			out["roc-"+s.file()+".svg"] = s.roc()
		}
	}
	return out
}

func (s *Result) drawn() bool {
	return s.All.Genuine >= drawnGenuine && s.All.Impostor >= drawnImpostor
}

func (s *Result) file() string { return s.Protocol + "-" + s.Name }

// points thins a curve: one a visible step of the axis.
func (c *namedCurve) points(x, y *svg.Axis, yOf func(fnmr float64) float64) (xs, ys []float64) {
	lastX, lastY := math.Inf(-1), math.Inf(-1)
	for _, score := range c.thresholds() {
		fmr, v := c.fmr(score), yOf(c.fnmr(score))
		if fmr < x.Lo {
			continue
		}
		at, up := x.At(fmr), y.At(v)
		if math.Abs(at-lastX)+math.Abs(up-lastY) < 2 {
			continue
		}
		lastX, lastY = at, up
		xs, ys = append(xs, fmr), append(ys, v)
	}
	return xs, ys
}

func (s *Result) note() string {
	return fmt.Sprintf("%s, %s; in brackets genuine and impostor comparisons. Dot: the pack's threshold, %g; on the left edge: no false match.", s.Protocol, s.Name, s.Threshold)
}

// draw draws every curve with its name and the point of the pack's threshold.
// The names stand on the right, from the value corner on, step pixels apart.
func (s *Result) draw(n *svg.Panel, corner, step float64, yOf func(fnmr float64) float64) {
	shown := 0
	for i := range s.curves {
		c := &s.curves[i]
		if c.genuine.n < drawnGenuine || c.impostor.n < drawnImpostor || shown == len(colours) {
			continue
		}
		color := colours[shown]
		xs, ys := c.points(&n.X, &n.Y, yOf)
		n.Path(xs, ys, color)
		cut := int(math.Round(s.Threshold * unit))
		n.Dot(c.fmr(cut), yOf(c.fnmr(cut)), 4, color, .9)
		name := c.name
		if name == "" {
			name = "all"
		}
		n.Label(n.X.Hi, corner, -4, step*(float64(shown)+1), "end", color, fmt.Sprintf("%s (%d, %d)", name, c.genuine.n, c.impostor.n))
		shown++
	}
}

func powerTick(v float64) string {
	if v >= .01 {
		return svg.PercentTick(v)
	}
	return strconv.FormatFloat(v, 'e', 0, 64)
}

// least is the smallest rate that the comparisons can show, a power of ten.
func (s *Result) least() float64 {
	return max(math.Pow(10, math.Floor(math.Log10(1/float64(s.All.Impostor)))), 1e-7)
}

func (s *Result) det() []byte {
	p := svg.New(660, 520, "Detection error trade-off", s.note())
	x := svg.Axis{Label: "false match rate, normal deviate", Lo: s.least(), Hi: .4, Probit: true, Tick: powerTick}
	y := svg.Axis{Label: "false non-match rate, normal deviate", Lo: .001, Hi: .9, Probit: true, Ticks: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .4, .6, .8}, Tick: powerTick}
	for v := x.Lo; v < .2; v *= 10 {
		x.Ticks = append(x.Ticks, v)
	}
	x.Ticks = append(x.Ticks, .4)
	s.draw(p.Panel(80, 90, 640, 450, x, y), y.Hi, 15, func(fnmr float64) float64 { return fnmr })
	return p.End()
}

func (s *Result) roc() []byte {
	p := svg.New(660, 520, "Receiver operating characteristic", s.note())
	x := svg.Axis{Label: "false match rate", Lo: s.least(), Hi: 1, Log: true, Tick: powerTick}
	for v := x.Lo; v < 2; v *= 10 {
		x.Ticks = append(x.Ticks, v)
	}
	y := svg.Axis{Label: "true match rate, 1 − FNMR", Lo: 0, Hi: 1, Ticks: []float64{0, .2, .4, .6, .8, .9, 1}, Tick: svg.PercentTick}
	s.draw(p.Panel(80, 90, 640, 450, x, y), y.Lo, -15, func(fnmr float64) float64 { return 1 - fnmr })
	return p.End()
}
