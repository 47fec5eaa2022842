package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"faceproof/internal/eval/score"
)

// bins of the conditions: each row from its edge to the next.
var bins = []struct {
	by    string
	edges []float64 // none: each value is a row
}{
	{"lux", []float64{0, 100, 200, 300, 400, 600, 800, 1e9}},
	{"rho", []float64{0, .03, .06, .12, .25, 1e9}},
	{"fps", []float64{0, 12, 17, 22, 1e9}},
	{"quality", []float64{0, 75, 80, 85, 90, 1e9}},
	{"skin", nil},
	{"screen", nil},
	{"voice", nil},
}

func (r *Report) splits(order []*Cell) {
	for _, b := range bins {
		in := tableCells(order, b.by)
		all := r.pick(func(t scored) bool { return in[t.Cell] && !slices.Contains(byNature, t.Kind) })
		s := Split{By: b.by}
		byKey := map[string][]scored{}
		var keys []string
		for _, t := range all {
			key, ok := binOf(t.Trial, b.by, b.edges)
			if !ok {
				continue
			}
			if byKey[key] == nil {
				keys = append(keys, key)
			}
			byKey[key] = append(byKey[key], t)
			if t.Kind == bonaFide && !slices.Contains(s.Live, t.Cell) {
				s.Live = append(s.Live, t.Cell)
			}
		}
		slices.SortFunc(keys, byNumber)
		for _, k := range keys {
			live := kind(byKey[k], bonaFide)
			attacks := slices.DeleteFunc(slices.Clone(byKey[k]), func(t scored) bool { return t.Kind == bonaFide })
			row := SplitRow{Range: k, FRR: outcomes(live).FRR(), Attacks: outcomes(attacks).IAPAR()}
			if v := values(live, lOf); len(v) > 0 {
				n := summarise("flash.l", v)
				row.Margin = &n
			}
			s.Rows = append(s.Rows, row)
		}
		if len(s.Rows) > 0 {
			r.Splits = append(r.Splits, s)
		}
	}
}

func lOf(t *Trial) (float64, bool) { return number(t, "flash.l") }

// binOf names the range that a trial is in.
func binOf(t *Trial, by string, edges []float64) (string, bool) {
	v, ok := t.param(by)
	if !ok {
		s, ok := t.Params[by].(string)
		return s, ok
	}
	if len(edges) == 0 {
		return fmt.Sprintf("%g", v), true
	}
	for i := 1; i < len(edges); i++ {
		if v < edges[i] {
			switch {
			case i == 1:
				return fmt.Sprintf("< %g", edges[i]), true
			case i == len(edges)-1:
				return fmt.Sprintf("≥ %g", edges[i-1]), true
			}
			return fmt.Sprintf("%g–%g", edges[i-1], edges[i]), true
		}
	}
	return "", false
}

// byNumber sorts names of ranges by their first number, "<" before all.
func byNumber(a, b string) int {
	key := func(s string) (v float64) {
		switch {
		case strings.HasPrefix(s, "<"):
			return -1
		case strings.HasPrefix(s, "≥ "):
			s = strings.TrimPrefix(s, "≥ ")
		}
		_, _ = fmt.Sscanf(s, "%g", &v)
		return v
	}
	if x, y := key(a), key(b); x < y {
		return -1
	} else if x > y {
		return 1
	}
	return strings.Compare(a, b)
}

// trades gathers live sessions by quality, size and rate in the cells that vary
// one of the first two by a list, or that say how much is shrunk.
func (r *Report) trades(order []*Cell) {
	type setting struct {
		cell                string
		quality, width, fps float64
	}
	by := map[setting][]scored{}
	var keys []setting
	for _, c := range order {
		shrunk := len(c.spreads["shrink"].of)
		if !c.live() || len(c.spreads["quality"].of) < 2 && len(c.spreads["width"].of) < 2 && shrunk == 0 {
			continue
		}
		for _, t := range r.pick(func(t scored) bool { return t.Cell == c.Name }) {
			k := setting{cell: c.Name}
			k.quality, _ = t.param("quality")
			k.width, _ = t.param("width")
			if shrink, ok := t.param("shrink"); ok {
				k.width = math.Round(k.width * shrink)
			}
			if len(c.spreads["fps"].of) > 0 {
				k.fps, _ = t.param("fps")
			}
			if by[k] == nil {
				keys = append(keys, k)
			}
			by[k] = append(by[k], t)
		}
	}
	slices.SortFunc(keys, func(a, b setting) int {
		switch {
		case a.cell != b.cell:
			return strings.Compare(a.cell, b.cell)
		case a.width != b.width:
			return int(a.width - b.width)
		case a.quality != b.quality:
			return int(a.quality - b.quality)
		}
		return int(a.fps - b.fps)
	})
	for _, k := range keys {
		s := by[k]
		r.TradeOffs = append(r.TradeOffs, Trade{
			Cell: k.cell, Quality: k.quality, Width: k.width, FPS: k.fps,
			Bytes: score.Quantiles(values(s, bytesOf), .5)[0].Value, L: summarise("flash.l", values(s, lOf)), FRR: outcomes(s).FRR(),
		})
	}
}
