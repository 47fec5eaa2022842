package eval

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/eval/score"
)

// Bar is a limit that a cell must keep.
type Bar struct {
	Metric  string   `toml:"metric"`
	AtMost  *float64 `toml:"at_most"`  // exactly one of the two
	AtLeast *float64 `toml:"at_least"` //
	P       float64  `toml:"p"`        // of p_over and p_within
	By      string   `toml:"by"`       // of group_ratio: a quantity of the test camera
	Reasons []string `toml:"reasons"`  // of refused_as and refused_for: any of these …
	Hints   []string `toml:"hints"`    // … or one of these hints
	Pooled  bool     `toml:"pooled"`   // all kinds of the cell together; else each kind must keep the limit
}

// The units of what is measured.
const (
	unitRate  = "rate"
	unitMS    = "ms"
	unitBytes = "bytes"
	unitRatio = "ratio"
	unitP     = "p" // of a test
)

// measured is the value of a metric. Count is −1 where nothing is counted.
type measured struct {
	n, count         int
	value, low, high float64
	open             bool // the interval reaches further than could be measured
}

// scored is a trial with its decision under the policy of the cell.
type scored struct {
	*Trial
	faceproof.Decision
}

// metric is one way to look at the trials of a cell.
type metric struct {
	unit string
	args func(Bar) error // nil: takes none
	what func(Bar) Text
	of   func(Bar, []scored) measured
}

// truthLatency is the test camera's display-to-frame latency, in ms.
const truthLatency = "latency_ms"

func metrics() map[string]metric {
	return map[string]metric{
		"accepted": {unit: unitRate, what: plain("accepted", "通过"), of: func(_ Bar, s []scored) measured {
			return share(s, func(t scored) bool { return t.Pass() })
		}},
		"refused": {unit: unitRate, what: plain("not accepted (FRR)", "未通过（FRR）"), of: func(_ Bar, s []scored) measured {
			return share(s, func(t scored) bool { return !t.Pass() })
		}},
		"rejected": {unit: unitRate, what: plain("called an attack", "被判为攻击"), of: func(_ Bar, s []scored) measured {
			return share(s, func(t scored) bool { return t.Outcome == faceproof.OutcomeReject })
		}},
		"standard": {unit: unitRate, what: plain("passed at level standard", "以 standard 级通过"), of: func(_ Bar, s []scored) measured {
			return share(s, func(t scored) bool { return t.Pass() && t.Level == faceproof.LevelStandard })
		}},
		"refused_for": {unit: unitRate, args: needsLabels, what: refusedForText, of: func(b Bar, s []scored) measured {
			return share(s, func(t scored) bool { return !t.Pass() && b.names(t) })
		}},
		"p_over": {unit: unitRate, args: needsP, what: func(b Bar) Text {
			return Text{fmt.Sprintf("freshness not shown at p ≤ %g", b.P), fmt.Sprintf("p ≤ %g 未达到（新鲜性未证实）", b.P)}
		}, of: func(b Bar, s []scored) measured {
			return share(s, func(t scored) bool { f := t.flash(); return f == nil || !f.Measurable || f.P > b.P })
		}},
		"p_within": {unit: unitRate, args: needsP, what: func(b Bar) Text {
			return Text{fmt.Sprintf("p ≤ %g by chance", b.P), fmt.Sprintf("偶然得到 p ≤ %g", b.P)}
		}, of: func(b Bar, s []scored) measured {
			return share(s, func(t scored) bool { f := t.flash(); return f != nil && f.Measurable && f.P <= b.P })
		}},
		"p_uniform":            {unit: unitP, what: plain("p uniform (Kolmogorov–Smirnov)", "p 均匀分布（KS 检验）"), of: uniformP},
		"latency_median_error": {unit: unitMS, what: plain("error of the latency, |median|", "延迟误差 |中位数|"), of: latencyMedian},
		"latency_p95_error":    {unit: unitMS, what: plain("|error| of the latency, 95th percentile", "延迟 |误差| 第 95 百分位"), of: latencyP95},
		"refused_as":           {unit: unitRate, args: needsLabels, what: refusedAsText, of: refusedAs},
		"group_ratio": {unit: unitRatio, args: needsBy, what: func(b Bar) Text {
			return Text{"worst group's FRR over the mean, by " + b.By, "最差组 FRR 与均值之比（按 " + b.By + "）"}
		}, of: groupRatio},
		"bytes_median": {unit: unitBytes, what: plain("uploaded, median", "上传量中位数"), of: func(_ Bar, s []scored) measured {
			return quantile(values(s, bytesOf), .5)
		}},
		"bytes_p95": {unit: unitBytes, what: plain("uploaded, 95th percentile", "上传量第 95 百分位"), of: func(_ Bar, s []scored) measured {
			return quantile(values(s, bytesOf), .95)
		}},
	}
}

func plain(en, zh string) func(Bar) Text { return func(Bar) Text { return Text{en, zh} } }

func (b *Bar) check() error {
	m, ok := metrics()[b.Metric]
	switch {
	case !ok:
		return fmt.Errorf("there is no metric %.40q", b.Metric)
	case (b.AtMost == nil) == (b.AtLeast == nil):
		return errors.New("exactly one of at_most and at_least is needed")
	case !(math.Abs(b.limit()) < 1e12) || m.unit == unitRate && !(b.limit() >= 0 && b.limit() <= 1):
		return errors.New("the limit is out of range")
	}
	bare := *b
	bare.AtMost, bare.AtLeast, bare.Metric, bare.Pooled = nil, nil, "", false
	if m.args != nil {
		return m.args(*b)
	}
	if bare.P != 0 || bare.By != "" || len(bare.Reasons)+len(bare.Hints) > 0 {
		return fmt.Errorf("%s takes no p, by, reasons or hints", b.Metric)
	}
	return nil
}

func (b *Bar) limit() float64 {
	if b.AtMost != nil {
		return *b.AtMost
	}
	return *b.AtLeast
}

func needsP(b Bar) error {
	if !(b.P > 0 && b.P < 1) || b.By != "" || len(b.Reasons)+len(b.Hints) > 0 {
		return fmt.Errorf("%s takes p, between 0 and 1", b.Metric)
	}
	return nil
}

func needsBy(b Bar) error {
	if _, ok := quantities()[b.By]; !ok || b.P != 0 || len(b.Reasons)+len(b.Hints) > 0 {
		return fmt.Errorf("%s takes by, a quantity of the test camera", b.Metric)
	}
	return nil
}

func needsLabels(b Bar) error {
	if n := len(b.Reasons) + len(b.Hints); n == 0 || n > 40 || b.P != 0 || b.By != "" {
		return fmt.Errorf("%s takes reasons or hints", b.Metric)
	}
	for _, l := range append(slices.Clone(b.Reasons), b.Hints...) {
		if !namePattern.MatchString(l) {
			return fmt.Errorf("%.40q is no reason or hint", l)
		}
	}
	return nil
}

func share(s []scored, is func(scored) bool) measured {
	n := 0
	for _, t := range s {
		if is(t) {
			n++
		}
	}
	return ofRate(score.Proportion(n, len(s)))
}

func ofRate(r score.Rate) measured {
	return measured{n: r.N, count: r.Count, value: r.Rate, low: r.Low, high: r.High}
}

func quantile(v []float64, q float64) measured {
	x := score.Quantiles(v, q)[0]
	return measured{n: x.N, count: -1, value: x.Value, low: x.Low, high: x.High, open: x.Open}
}

// values gathers a number of the trials that have it.
func values(s []scored, get func(*Trial) (float64, bool)) []float64 {
	var out []float64
	for _, t := range s {
		if v, ok := get(t.Trial); ok {
			out = append(out, v)
		}
	}
	return out
}

func bytesOf(t *Trial) (float64, bool) { return float64(t.Attempts[0].Capture.Bytes), true }

func pOf(t *Trial) (float64, bool) {
	f := t.flash()
	if f == nil || !f.Measurable {
		return 1, false
	}
	return f.P, true
}

// uniformP tests p against uniformity; its interval is that of the test's level.
func uniformP(_ Bar, s []scored) measured {
	k := score.Uniform(values(s, pOf))
	return measured{n: k.N, count: -1, value: k.P, low: k.P, high: k.P}
}

func latencyError(t *Trial) (float64, bool) {
	truth, ok := t.param(truthLatency)
	f := t.flash()
	if !ok || f == nil || !f.Measurable {
		return 0, false
	}
	return f.LatencyMS - truth, true
}

func latencyMedian(_ Bar, s []scored) measured {
	m := quantile(values(s, latencyError), .5)
	if m.value < 0 {
		m.value, m.low, m.high = -m.value, -m.high, -m.low
	}
	if m.low < 0 { // the interval of the median holds 0
		m.low, m.high = 0, max(-m.low, m.high)
	}
	return m
}

func latencyP95(_ Bar, s []scored) measured {
	v := values(s, latencyError)
	for i := range v {
		v[i] = math.Abs(v[i])
	}
	return quantile(v, .95)
}

func refusedAs(b Bar, s []scored) measured {
	var refused []scored
	for _, t := range s {
		if !t.Pass() {
			refused = append(refused, t)
		}
	}
	return share(refused, b.names)
}

// names says whether a session was told one of the bar's reasons or hints.
func (b Bar) names(t scored) bool {
	return slices.Contains(b.Reasons, string(t.Reasons[0])) || slices.Contains(b.Hints, string(t.Hint))
}

func refusedForText(b Bar) Text {
	labels := strings.Join(append(slices.Clone(b.Reasons), b.Hints...), ", ")
	return Text{"refused for " + labels, "因此被拒：" + labels}
}

func refusedAsText(b Bar) Text {
	labels := strings.Join(append(slices.Clone(b.Reasons), b.Hints...), ", ")
	return Text{"refusals told as " + labels, "拒绝中给出原因：" + labels}
}

// groups counts refusals by the value of a quantity, in its order.
func groups(s []scored, by string) (keys []float64, rates []score.Rate) {
	count := map[float64][2]int{}
	for _, t := range s {
		v, ok := t.param(by)
		if !ok {
			continue
		}
		c := count[v]
		c[1]++
		if !t.Pass() {
			c[0]++
		}
		if count[v] = c; c[1] == 1 {
			keys = append(keys, v)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		rates = append(rates, score.Proportion(count[k][0], count[k][1]))
	}
	return keys, rates
}

// resamples of the bootstrap of a ratio, drawn from a fixed seed.
const resamples = 2000

// groupRatio has a bootstrap interval (binomial counts at the rates found): the
// greatest of several groups is above the mean by chance alone.
func groupRatio(b Bar, s []scored) measured {
	_, rates := groups(s, b.By)
	m := measured{n: len(s), count: -1, value: score.GroupRatio(rates)}
	r := rand.New(rand.NewPCG(1, uint64(len(s))))
	draws := make([]float64, resamples)
	drawn := make([]score.Rate, len(rates))
	for i := range draws {
		for g, rate := range rates {
			k := 0
			for range rate.N {
				if r.Float64() < rate.Rate {
					k++
				}
			}
			drawn[g] = score.Rate{N: rate.N, Rate: float64(k) / float64(rate.N)}
		}
		draws[i] = score.GroupRatio(drawn)
	}
	q := score.Quantiles(draws, .025, .975)
	m.low, m.high = q[0].Value, q[1].Value
	return m
}
