package eval

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"faceproof/internal/eval/score"
	"faceproof/internal/eval/svg"
)

// plots draws what a table cannot show, by file name. Only what the trials hold
// is drawn.
func (r *Report) plots() map[string][]byte {
	out := map[string][]byte{}
	if r.Header.Speech != nil && r.Header.Simulated { // they are of L and of rooms, which decide nothing of digits
		return out
	}
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

func rateAxis(top float64, label string) svg.Axis {
	step := .05
	for top/step > 8 {
		step *= 2
	}
	a := svg.Axis{Label: label, Hi: math.Ceil(top/step-1e-9) * step, Tick: svg.PercentTick}
	if a.Hi <= 0 {
		a.Hi = step
	}
	for v := 0.; v <= a.Hi+1e-9; v += step {
		a.Ticks = append(a.Ticks, math.Round(v*1e6)/1e6)
	}
	return a
}

var lAxis = svg.Axis{Label: "margin L (log-likelihood ratio)", Lo: -30, Hi: 60, Asinh: true, Ticks: []float64{-30, -10, -3, -1, 0, 1, 3, 10, 30, 60}}

// luxPlot: who is refused, and by how much people pass, against the light of the
// room.
func (r *Report) luxPlot() []byte {
	rows := slices.DeleteFunc(slices.Clone(r.split("lux")), func(s SplitRow) bool { return s.FRR.N == 0 })
	if len(rows) < 2 {
		return nil
	}
	p := svg.New(1040, 380, "Genuine persons against the light of the room", r.note("Dots: share or median; bars: 95 % interval left, 5th to 95th percentile right. Cells: "+strings.Join(r.cellsOf("lux"), ", ")+"."))
	x := svg.Axis{Label: "lux of the room", Lo: -.5, Hi: float64(len(rows)) - .5}
	top := .1
	for i, s := range rows {
		x.Ticks, x.Names = append(x.Ticks, float64(i)), append(x.Names, s.Range)
		top = max(top, s.FRR.High)
	}
	frr := p.Panel(70, 90, 510, 310, x, rateAxis(top, "not accepted (FRR), single attempt"))
	margin := p.Panel(580, 90, 1020, 310, x, lAxis)
	var xs, ys []float64
	for i, s := range rows {
		frr.Whisker(float64(i), s.FRR.Rate, s.FRR.Low, s.FRR.High, svg.Blue)
		frr.Label(float64(i), s.FRR.High, 0, -7, "middle", svg.Muted, fmt.Sprintf("n %d", s.FRR.N))
		if m := s.Margin; m != nil {
			margin.Whisker(float64(i), m.Median, m.P05, m.P95, svg.Blue)
			xs, ys = append(xs, float64(i)), append(ys, m.Median)
		}
	}
	margin.Path(xs, ys, svg.Blue)
	if v, ok := r.threshold("min_l"); ok {
		margin.Dashed(x.Lo, v, x.Hi, v, svg.Bad, fmt.Sprintf("asked for: %g", v))
	}
	return p.End()
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
	p := svg.New(900, h+40, "Shape of the answer, by what was presented", r.note("Each dot is a session; box: quartiles and median. Values beyond the axis lie on its end."))
	y := svg.Axis{Lo: -.5, Hi: float64(len(names)) - .5}
	for i, n := range names {
		y.Ticks, y.Names = append(y.Ticks, float64(len(names)-1-i)), append(y.Names, n)
	}
	x := lAxis
	n := p.Panel(130, 80, 880, h-10, x, y)
	for i, name := range names {
		at := float64(len(names) - 1 - i)
		color := svg.Orange
		if name == bonaFide {
			color = svg.Blue
		}
		for j, v := range by[name] {
			n.Dot(v, at+.3*(math.Mod(float64(j)*.618033988749895, 1)-.5), 1.8, color, .45)
		}
		q := score.Quantiles(by[name], .25, .5, .75)
		n.Box(q[0].Value, at-.28, q[2].Value, at+.28, svg.Ink)
		n.Line(n.X.At(q[1].Value), n.Y.At(at+.28), n.X.At(q[1].Value), n.Y.At(at-.28), svg.Ink, 2)
	}
	for _, t := range []string{"min_l", "spoof_l"} {
		if v, ok := r.threshold(t); ok {
			n.Dashed(v, y.Lo, v, y.Hi, svg.Bad, "")
			n.Label(v, y.Hi, 0, -4, "middle", svg.Bad, t)
		}
	}
	return p.End()
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
	p := svg.New(520, 480, "Freshness p of still pictures and replays", r.note(fmt.Sprintf("n %d, Kolmogorov–Smirnov D %.3f, p of the test %.2g.", k.N, k.D, k.P)))
	ticks := []float64{1e-4, 1e-3, 1e-2, 1e-1, 1}
	a := svg.Axis{Label: "share expected by chance", Lo: 5e-5, Hi: 1, Log: true, Ticks: ticks}
	b := a
	b.Label = "p measured"
	n := p.Panel(80, 80, 500, 420, a, b)
	n.Dashed(a.Lo, a.Lo, 1, 1, svg.Muted, "")
	for i, x := range v {
		n.Dot((float64(i)+.5)/float64(len(v)), x, 2, svg.Blue, .6)
	}
	return p.End()
}

// skinPlot: who is refused, by skin type.
func (r *Report) skinPlot() []byte {
	rows := slices.DeleteFunc(slices.Clone(r.split("skin")), func(s SplitRow) bool { return s.FRR.N == 0 })
	if len(rows) < 2 {
		return nil
	}
	p := svg.New(560, 380, "Genuine persons, by skin type", r.note("Fitzpatrick types I to VI; bars: 95 % interval. Cells: "+strings.Join(r.cellsOf("skin"), ", ")+"."))
	x := svg.Axis{Label: "skin type", Lo: -.5, Hi: float64(len(rows)) - .5}
	top, mean := .1, 0.
	for i, s := range rows {
		name := s.Range
		if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= 6 {
			name = []string{"I", "II", "III", "IV", "V", "VI"}[n-1]
		}
		x.Ticks, x.Names = append(x.Ticks, float64(i)), append(x.Names, name)
		top, mean = max(top, s.FRR.High), mean+s.FRR.Rate/float64(len(rows))
	}
	n := p.Panel(70, 90, 540, 310, x, rateAxis(max(top, 1.5*mean), "not accepted (FRR), single attempt"))
	n.Dashed(x.Lo, mean, x.Hi, mean, svg.Muted, "")
	n.Label(x.Lo, mean, 4, 13, "start", svg.Muted, "mean")
	n.Dashed(x.Lo, 1.5*mean, x.Hi, 1.5*mean, svg.Bad, "1.5 × mean")
	for i, s := range rows {
		n.Whisker(float64(i), s.FRR.Rate, s.FRR.Low, s.FRR.High, svg.Blue)
		n.Label(float64(i), s.FRR.High, 0, -7, "middle", svg.Muted, fmt.Sprintf("n %d", s.FRR.N))
	}
	return p.End()
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
	p := svg.New(900, 380, "Bytes of a session against what they buy", r.note("Each dot is one setting, q JPEG quality, width in pixels, pictures a second; bars: 95 % interval left, 5th to 95th percentile right."))
	x := svg.Axis{Label: "kB of a session (median)", Lo: lo / 1.3 / 1000, Hi: hi * 1.3 / 1000, Log: true}
	for _, v := range []float64{50, 100, 200, 300, 400, 600, 800, 1200, 1600, 2400, 3200, 6400} {
		if v >= x.Lo && v <= x.Hi {
			x.Ticks = append(x.Ticks, v)
		}
	}
	frr := p.Panel(70, 90, 430, 310, x, rateAxis(top, "not accepted (FRR), single attempt"))
	margin := p.Panel(520, 90, 880, 310, x, lAxis)
	for _, t := range r.TradeOffs {
		at, name := t.Bytes/1000, fmt.Sprintf("q%g %g", t.Quality, t.Width)
		if t.FPS > 0 {
			name += fmt.Sprintf(" %g/s", t.FPS)
		}
		frr.Whisker(at, t.FRR.Rate, t.FRR.Low, t.FRR.High, svg.Blue)
		frr.Label(at, t.FRR.High, 0, -7, "middle", svg.Muted, name)
		margin.Whisker(at, t.L.Median, t.L.P05, t.L.P95, svg.Blue)
		margin.Label(at, t.L.P95, 0, -7, "middle", svg.Muted, name)
	}
	return p.End()
}
