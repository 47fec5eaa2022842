package eval

import (
	"fmt"
	"math"
	"slices"

	"faceproof"
	"faceproof/internal/eval/score"
	"faceproof/internal/eval/svg"
)

// CurveRow is one room of a protocol that compares plans: genuine persons at one
// lux, under the plan that the cell names or under the one that the light asked for.
type CurveRow struct {
	Plan         string     `json:"plan"` // "chosen": by the light
	Lux          float64    `json:"lux"`
	Longer       int        `json:"longer"`       // sessions with the colours of the long plan
	Inconclusive score.Rate `json:"inconclusive"` // of the single attempt
	Stale        score.Rate `json:"stale"`        // freshness not shown at the attempt's share of alpha
	L            Numbers    `json:"l"`
	Z            Numbers    `json:"z"`
	Ratio        Numbers    `json:"predicted_over_measured"` // amplitudes
}

// planChosen names the plan of a cell that names none.
const planChosen = "chosen"

// curve compares the plans of live cells that fix the lux, when one of them names
// its plan.
func (r *Report) curve(order []*Cell) {
	var cells []*Cell
	named := false
	for _, c := range order {
		if lux := c.spreads["lux"].of; c.live() && c.Attempts == 1 && len(c.Policy) == 0 && len(lux) == 1 {
			cells, named = append(cells, c), named || c.Plan != ""
		}
	}
	if !named {
		return
	}
	for _, c := range cells {
		s := r.pick(func(t scored) bool { return t.Cell == c.Name })
		if len(s) == 0 {
			continue
		}
		row := CurveRow{Plan: c.Plan, Lux: c.spreads["lux"].of[0].(float64)}
		if row.Plan == "" {
			row.Plan = planChosen
		}
		p := r.Header.Policy
		stale := p.Alpha / float64(max(p.MaxAttempts, 1))
		var inconclusive, unfresh int
		for _, t := range s {
			f := t.flash()
			if f != nil && f.Segments > plans["strict"].Segments {
				row.Longer++
			}
			if f == nil || !f.Measurable || f.P > stale {
				unfresh++
			}
			if t.Outcome == faceproof.OutcomeInconclusive {
				inconclusive++
			}
		}
		row.Inconclusive, row.Stale = score.Proportion(inconclusive, len(s)), score.Proportion(unfresh, len(s))
		row.L, row.Z = summarise("flash.l", values(s, lOf)), summarise("flash.z", values(s, func(t *Trial) (float64, bool) { return number(t, "flash.z") }))
		row.Ratio = summarise("predicted_over_measured", values(s, ratioOf))
		r.Curve = append(r.Curve, row)
	}
	slices.SortStableFunc(r.Curve, func(a, b CurveRow) int {
		if a.Plan != b.Plan {
			return planRank(a.Plan) - planRank(b.Plan)
		}
		return int(a.Lux - b.Lux)
	})
}

func planRank(name string) int {
	if name == planChosen {
		return 1000
	}
	return plans[name].Segments
}

// ratioOf is the amplitude that was predicted over the one that was measured.
func ratioOf(t *Trial) (float64, bool) {
	f, l := t.flash(), t.Attempts[0].Light
	if f == nil || l == nil || !f.Measurable || !l.Predicted || !(f.Amplitude > 0) {
		return 0, false
	}
	return l.Amplitude / f.Amplitude, true
}

// curvePlot draws the rows: a colour for each plan.
func (r *Report) curvePlot() []byte {
	if len(r.Curve) < 2 {
		return nil
	}
	lo, hi, top := math.Inf(1), 0., .1
	var lux []float64
	for _, c := range r.Curve {
		lo, hi = min(lo, c.Lux), max(hi, c.Lux)
		top = max(top, c.Inconclusive.High)
		if !slices.Contains(lux, c.Lux) {
			lux = append(lux, c.Lux)
		}
	}
	slices.Sort(lux)
	p := svg.New(1040, 700, "Genuine persons in bright rooms: 10 colours (orange), as many as the light asks for (blue)",
		r.note("Dots: share or median; bars: 95 % interval of a share, 5th to 95th percentile of a quantity."))
	x := svg.Axis{Label: "lux of the room", Lo: lo / 1.15, Hi: hi * 1.15, Log: true, Ticks: lux}
	z := svg.Axis{Label: "z of the freshness test", Lo: 0, Hi: 25, Ticks: []float64{0, 5, 10, 15, 20, 25}}
	ratio := svg.Axis{Label: "amplitude predicted over measured", Lo: 0, Hi: 2.5, Ticks: []float64{0, .5, 1, 1.5, 2, 2.5}}
	panels := []struct {
		*svg.Panel
		of func(CurveRow) (mid, low, high float64)
	}{
		{p.Panel(70, 90, 510, 310, x, rateAxis(top, "inconclusive, single attempt")), func(c CurveRow) (float64, float64, float64) {
			return c.Inconclusive.Rate, c.Inconclusive.Low, c.Inconclusive.High
		}},
		{p.Panel(580, 90, 1020, 310, x, lAxis), func(c CurveRow) (float64, float64, float64) { return c.L.Median, c.L.P05, c.L.P95 }},
		{p.Panel(70, 410, 510, 630, x, z), func(c CurveRow) (float64, float64, float64) { return c.Z.Median, c.Z.P05, c.Z.P95 }},
		{p.Panel(580, 410, 1020, 630, x, ratio), func(c CurveRow) (float64, float64, float64) {
			return c.Ratio.Median, c.Ratio.P05, c.Ratio.P95
		}},
	}
	for _, n := range panels {
		for _, plan := range []string{"usual", "strict", "long", planChosen} {
			color, aside := svg.Orange, .985
			if plan == planChosen {
				color, aside = svg.Blue, 1.015
			}
			var xs, ys []float64
			for _, c := range r.Curve {
				if c.Plan != plan {
					continue
				}
				mid, low, high := n.of(c)
				n.Whisker(c.Lux*aside, mid, low, high, color)
				xs, ys = append(xs, c.Lux*aside), append(ys, mid)
			}
			n.Path(xs, ys, color)
		}
	}
	return p.End()
}

// curve is the table.
func (p *page) curve() {
	if len(p.r.Curve) == 0 {
		return
	}
	p.heading(2, "Bright rooms", "明亮环境")
	var rows [][]string
	for _, c := range p.r.Curve {
		plan := fmt.Sprintf("%d", plans[c.Plan].Segments)
		if c.Plan == planChosen {
			plan = p.S("as the light asks (%d of %d long)", "按光线（%d / %d 为长序列）", c.Longer, c.Inconclusive.N)
		}
		of := func(n Numbers) string {
			return fmt.Sprintf("%s (%s – %s)", compact(n.Median), compact(n.P05), compact(n.P95))
		}
		rows = append(rows, []string{compact(c.Lux), plan, p.rate(c.Inconclusive), p.rate(c.Stale), of(c.L), of(c.Z), of(c.Ratio)})
	}
	p.table(p.S("Genuine persons, single attempts; medians with 5 – 95 %.", "真人，单次尝试；中位数及 5–95 %。"),
		[]string{"lux", p.S("colours", "颜色数"), p.S("inconclusive", "无结论"), p.S("freshness not shown", "新鲜性未证实"), "L", "z", p.S("predicted / measured amplitude", "预测 / 实测强度")}, rows)
}
