package eval

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"faceproof/internal/eval/score"
)

// plots draws what a table cannot show, by file name. Only what the trials hold
// is drawn.
func (r *Report) plots() map[string][]byte {
	out := map[string][]byte{}
	for name, draw := range map[string]func() []byte{
		"lux.svg": r.luxPlot, "l.svg": r.lPlot, "p.svg": r.pPlot, "skin.svg": r.skinPlot, "bytes.svg": r.bytesPlot, "rooms.svg": r.curvePlot,
	} {
		if b := draw(); b != nil {
			out[name] = b
		}
	}
	return out
}

// note says under every plot what it is made from.
func (r *Report) note(s string) string {
	if r.Header.Simulated {
		return "Simulated. " + s
	}
	return "Recordings. " + s
}

func (r *Report) split(by string) []SplitRow {
	for _, s := range r.Splits {
		if s.By == by {
			return s.Rows
		}
	}
	return nil
}

func (r *Report) cellsOf(by string) []string {
	for _, s := range r.Splits {
		if s.By == by {
			return s.Live
		}
	}
	return nil
}

func rateAxis(top float64, label string) axis {
	step := .05
	for top/step > 8 {
		step *= 2
	}
	a := axis{label: label, hi: math.Ceil(top/step-1e-9) * step, tick: percentTick}
	if a.hi <= 0 {
		a.hi = step
	}
	for v := 0.; v <= a.hi+1e-9; v += step {
		a.ticks = append(a.ticks, math.Round(v*1e6)/1e6)
	}
	return a
}

var lAxis = axis{label: "margin L (log-likelihood ratio)", lo: -30, hi: 60, asinh: true, ticks: []float64{-30, -10, -3, -1, 0, 1, 3, 10, 30, 60}}

// luxPlot: who is refused, and by how much people pass, against the light of the
// room.
func (r *Report) luxPlot() []byte {
	rows := slices.DeleteFunc(slices.Clone(r.split("lux")), func(s SplitRow) bool { return s.FRR.N == 0 })
	if len(rows) < 2 {
		return nil
	}
	p := newPicture(1040, 380, "Genuine persons against the light of the room", r.note("Dots: share or median; bars: 95 % interval left, 5th to 95th percentile right. Cells: "+strings.Join(r.cellsOf("lux"), ", ")+"."))
	x := axis{label: "lux of the room", lo: -.5, hi: float64(len(rows)) - .5}
	top := .1
	for i, s := range rows {
		x.ticks, x.names = append(x.ticks, float64(i)), append(x.names, s.Range)
		top = max(top, s.FRR.High)
	}
	frr := p.panel(70, 90, 510, 310, x, rateAxis(top, "not accepted (FRR), single attempt"))
	margin := p.panel(580, 90, 1020, 310, x, lAxis)
	var xs, ys []float64
	for i, s := range rows {
		frr.whisker(float64(i), s.FRR.Rate, s.FRR.Low, s.FRR.High, blue)
		frr.label(float64(i), s.FRR.High, 0, -7, "middle", mutedC, fmt.Sprintf("n %d", s.FRR.N))
		if m := s.Margin; m != nil {
			margin.whisker(float64(i), m.Median, m.P05, m.P95, blue)
			xs, ys = append(xs, float64(i)), append(ys, m.Median)
		}
	}
	margin.path(xs, ys, blue)
	if v, ok := r.threshold("min_l"); ok {
		margin.dashed(x.lo, v, x.hi, v, bad, fmt.Sprintf("asked for: %g", v))
	}
	return p.end()
}

// threshold gives a threshold of the campaign's policy by its JSON name.
func (r *Report) threshold(name string) (float64, bool) {
	v := fieldOf(r.Header.Policy, name)
	if !v.IsValid() || !v.CanFloat() {
		return 0, false
	}
	return v.Float(), true
}

// lPlot: every session's L, by kind.
func (r *Report) lPlot() []byte {
	var names []string
	by := map[string][]float64{}
	for _, t := range r.trials {
		if v, ok := lOf(t.Trial); ok {
			if by[t.Kind] == nil {
				names = append(names, t.Kind)
			}
			by[t.Kind] = append(by[t.Kind], v)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.SortStableFunc(names, func(a, b string) int { return kindRank(a) - kindRank(b) })
	h := 110 + 34*float64(len(names))
	p := newPicture(900, h+40, "Shape of the answer, by what was presented", r.note("Each dot is a session; box: quartiles and median. Values beyond the axis lie on its end."))
	y := axis{lo: -.5, hi: float64(len(names)) - .5}
	for i, n := range names {
		y.ticks, y.names = append(y.ticks, float64(len(names)-1-i)), append(y.names, n)
	}
	x := lAxis
	n := p.panel(130, 80, 880, h-10, x, y)
	for i, name := range names {
		at := float64(len(names) - 1 - i)
		color := orange
		if name == bonaFide {
			color = blue
		}
		for j, v := range by[name] {
			n.dot(v, at+.3*(math.Mod(float64(j)*.618033988749895, 1)-.5), 1.8, color, .45)
		}
		q := score.Quantiles(by[name], .25, .5, .75)
		left, right, top, bottom := n.x.at(q[0].Value), n.x.at(q[2].Value), n.y.at(at+.28), n.y.at(at-.28)
		fmt.Fprintf(n.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="none" stroke="%s"/>`+"\n", px(left), px(top), px(right-left), px(bottom-top), ink)
		n.line(n.x.at(q[1].Value), top, n.x.at(q[1].Value), bottom, ink, 2)
	}
	for _, t := range []string{"min_l", "spoof_l"} {
		if v, ok := r.threshold(t); ok {
			n.dashed(v, y.lo, v, y.hi, bad, "")
			n.label(v, y.hi, 0, -4, "middle", bad, t)
		}
	}
	return p.end()
}

func kindRank(k string) int {
	if i := slices.Index(kinds(), k); i >= 0 {
		return i
	}
	return len(kinds())
}

// pPlot: p of videos that never saw the challenge, against chance.
func (r *Report) pPlot() []byte {
	var v []float64
	for _, t := range r.trials {
		if t.Kind == "static" || t.Kind == "replay" {
			if p, ok := pOf(t.Trial); ok {
				v = append(v, p)
			}
		}
	}
	if len(v) < 20 {
		return nil
	}
	slices.Sort(v)
	k := score.Uniform(v)
	p := newPicture(520, 480, "Freshness p of still pictures and replays", r.note(fmt.Sprintf("n %d, Kolmogorov–Smirnov D %.3f, p of the test %.2g.", k.N, k.D, k.P)))
	ticks := []float64{1e-4, 1e-3, 1e-2, 1e-1, 1}
	a := axis{label: "share expected by chance", lo: 5e-5, hi: 1, log: true, ticks: ticks}
	b := a
	b.label = "p measured"
	n := p.panel(80, 80, 500, 420, a, b)
	n.dashed(a.lo, a.lo, 1, 1, mutedC, "")
	for i, x := range v {
		n.dot((float64(i)+.5)/float64(len(v)), x, 2, blue, .6)
	}
	return p.end()
}

// skinPlot: who is refused, by skin type.
func (r *Report) skinPlot() []byte {
	rows := slices.DeleteFunc(slices.Clone(r.split("skin")), func(s SplitRow) bool { return s.FRR.N == 0 })
	if len(rows) < 2 {
		return nil
	}
	p := newPicture(560, 380, "Genuine persons, by skin type", r.note("Fitzpatrick types I to VI; bars: 95 % interval. Cells: "+strings.Join(r.cellsOf("skin"), ", ")+"."))
	x := axis{label: "skin type", lo: -.5, hi: float64(len(rows)) - .5}
	top, mean := .1, 0.
	for i, s := range rows {
		name := s.Range
		if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= 6 {
			name = []string{"I", "II", "III", "IV", "V", "VI"}[n-1]
		}
		x.ticks, x.names = append(x.ticks, float64(i)), append(x.names, name)
		top, mean = max(top, s.FRR.High), mean+s.FRR.Rate/float64(len(rows))
	}
	n := p.panel(70, 90, 540, 310, x, rateAxis(max(top, 1.5*mean), "not accepted (FRR), single attempt"))
	n.dashed(x.lo, mean, x.hi, mean, mutedC, "")
	n.label(x.lo, mean, 4, 13, "start", mutedC, "mean")
	n.dashed(x.lo, 1.5*mean, x.hi, 1.5*mean, bad, "1.5 × mean")
	for i, s := range rows {
		n.whisker(float64(i), s.FRR.Rate, s.FRR.Low, s.FRR.High, blue)
		n.label(float64(i), s.FRR.High, 0, -7, "middle", mutedC, fmt.Sprintf("n %d", s.FRR.N))
	}
	return p.end()
}

// bytesPlot: what fewer bytes cost.
func (r *Report) bytesPlot() []byte {
	if len(r.TradeOffs) < 2 {
		return nil
	}
	lo, hi, top := math.Inf(1), 0., .1
	for _, t := range r.TradeOffs {
		lo, hi, top = min(lo, t.Bytes), max(hi, t.Bytes), max(top, t.FRR.High)
	}
	if !(lo > 0) {
		return nil
	}
	p := newPicture(900, 380, "Bytes of a session against what they buy", r.note("Each dot is one setting, q JPEG quality, width in pixels, pictures a second; bars: 95 % interval left, 5th to 95th percentile right."))
	x := axis{label: "kB of a session (median)", lo: lo / 1.3 / 1000, hi: hi * 1.3 / 1000, log: true}
	for _, v := range []float64{50, 100, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 6400} {
		if v >= x.lo && v <= x.hi {
			x.ticks = append(x.ticks, v)
		}
	}
	frr := p.panel(70, 90, 430, 310, x, rateAxis(top, "not accepted (FRR), single attempt"))
	margin := p.panel(520, 90, 880, 310, x, lAxis)
	for _, t := range r.TradeOffs {
		at, name := t.Bytes/1000, fmt.Sprintf("q%g %g", t.Quality, t.Width)
		if t.FPS > 0 {
			name += fmt.Sprintf(" %g/s", t.FPS)
		}
		frr.whisker(at, t.FRR.Rate, t.FRR.Low, t.FRR.High, blue)
		frr.label(at, t.FRR.High, 0, -7, "middle", mutedC, name)
		margin.whisker(at, t.L.Median, t.L.P05, t.L.P95, blue)
		margin.label(at, t.L.P95, 0, -7, "middle", mutedC, name)
	}
	return p.end()
}
