package faces

import (
	"cmp"
	"math"
	"slices"

	"faceproof/internal/eval/score"
)

// Report is what the trials say.
type Report struct {
	Header Header   `json:"header"`
	Sets   []Result `json:"sets"`
	// Calibration maps a false match rate to a threshold, for each model and
	// number of averaged frames. The program's packs are filled from it.
	Calibration []Calibration `json:"calibration"`
}

// Result is one set.
type Result struct {
	SetHeader
	Persons  int        `json:"persons"`
	NoMatch  score.Rate `json:"failure_to_acquire"` // pictures without a template
	NoEnrol  score.Rate `json:"failure_to_enrol"`   // pictures that the gate of enrolment would refuse
	All      Group      `json:"all"`
	By       []Group    `json:"by_group,omitempty"`
	Gap      *Gap       `json:"gap,omitempty"`
	Accuracy *Accuracy  `json:"accuracy,omitempty"`
	trials   *trials
	curves   []namedCurve
}

// Group is a set's figures for everybody, or for one group against itself.
type Group struct {
	Name     string  `json:"group,omitempty"`
	Persons  int     `json:"persons"`
	Genuine  int     `json:"genuine"`
	Impostor int     `json:"impostor"`
	EER      float64 `json:"eer"`
	AUC      float64 `json:"auc"`
	Shipped  Shipped `json:"shipped"`
	Points   []Point `json:"points"`
	Table    []Entry `json:"table"`
}

// Shipped is the rates at the pack's threshold, with the exact interval, as if
// every comparison were independent, and the one from drawing persons again.
type Shipped struct {
	Threshold float64    `json:"threshold"`
	FMR       score.Rate `json:"fmr"`
	FMRSpan   *Span      `json:"fmr_by_person,omitempty"`
	FNMR      score.Rate `json:"fnmr"`
	FNMRSpan  *Span      `json:"fnmr_by_person,omitempty"`
}

// Point is the false non-matches where a false match rate is asked for.
type Point struct {
	FMR       float64 `json:"fmr"`
	Events    float64 `json:"events"`    // false matches that the rate allows, in one draw
	Supported bool    `json:"supported"` // ten or more; else read an order of magnitude; under three nothing is said
	Threshold float64 `json:"threshold"`
	FNMR      float64 `json:"fnmr"`
	TAR       float64 `json:"tar"` // 1 − FNMR
	Span      *Span   `json:"fnmr_by_person,omitempty"`
}

// Entry is both rates at a round threshold.
type Entry struct {
	Threshold float64 `json:"threshold"`
	FMR       float64 `json:"fmr"`
	FNMR      float64 `json:"fnmr"`
}

// Gap compares groups at the pack's threshold, and their false matches where the
// largest group has one in a thousand: at the pack's there may be none to compare.
type Gap struct {
	WorstFMR   string  `json:"worst_fmr_group"`
	BestFMR    string  `json:"best_fmr_group"`
	FMRDiff    float64 `json:"fmr_difference"`
	WorstFNMR  string  `json:"worst_fnmr_group"`
	BestFNMR   string  `json:"best_fnmr_group"`
	FNMRDiff   float64 `json:"fnmr_difference"`
	Reference  string  `json:"reference_group,omitempty"` // the largest
	Threshold  float64 `json:"threshold,omitempty"`       // where its FMR is 1e-3
	WorstThere string  `json:"worst_there,omitempty"`
	FMRThere   float64 `json:"fmr_there,omitempty"`
	Ratio      float64 `json:"ratio,omitempty"`
}

// Accuracy is LFW's figure.
type Accuracy struct {
	Folds []float64 `json:"folds"`
	Mean  float64   `json:"mean"`
	SD    float64   `json:"sd"` // of the folds
}

// Calibration is thresholds of one model for one number of averaged frames.
type Calibration struct {
	ModelID         string     `json:"model_id"`
	ProbeFrames     int        `json:"probe_frames"`
	ReferenceFrames int        `json:"reference_frames"`
	Set             string     `json:"set"`
	Overall         []CalPoint `json:"overall"`
	Groups          []string   `json:"groups"`      // that have impostors enough to be asked
	WorstGroup      []CalPoint `json:"worst_group"` // the highest threshold that one of them asks for
}

// CalPoint is one threshold. FNMR is everybody's, GroupFNMR that of Group, whose
// impostors ask for this threshold.
type CalPoint struct {
	FMR          float64 `json:"fmr"`
	Threshold    float64 `json:"threshold"`
	Extrapolated bool    `json:"extrapolated"` // under ten false matches to go by: an exponential tail
	N            int     `json:"n"`            // impostor comparisons, in one draw
	Events       float64 `json:"events"`       // false matches that the rate allows of them
	FNMR         float64 `json:"fnmr"`
	Group        string  `json:"group,omitempty"`
	GroupFNMR    float64 `json:"group_fnmr,omitempty"`
}

// rates are the false match rates that are asked for.
var rates = []float64{1e-2, 1e-3, 1e-4, 1e-5, 1e-6}

// How many false matches a rate must allow among the comparisons at hand.
const (
	soundEvents = 10
	leastEvents = 3
	goodTail    = 100 // the tail that is carried further: from the smallest rate that has so many
	leastTail   = 25  // else from 1e-2, with so many at least
)

// scored makes the report.
func scored(h Header, sets []*trials) *Report {
	r := &Report{Header: h}
	for _, t := range sets {
		res := Result{SetHeader: t.SetHeader, trials: t}
		for _, s := range t.subjects {
			if s.probes+s.references > 0 {
				res.Persons++
			}
		}
		refused := 0
		for _, n := range t.Refused {
			refused += n
		}
		res.NoMatch, res.NoEnrol = rate(t.NotAcquired, t.Pictures), rate(refused, t.Pictures)
		all := t.of(-1)
		res.All = t.group(h, -1, &all)
		res.curves = append(res.curves, namedCurve{"", all})
		if len(t.Groups) > 1 {
			for i := range t.Groups {
				s := t.of(i)
				res.By = append(res.By, t.group(h, i, &s))
				res.curves = append(res.curves, namedCurve{t.Groups[i], s})
			}
			res.Gap = res.gap()
		}
		if folds := t.accuracies(); folds != nil && t.Kind == KindPairs {
			res.Accuracy = accuracy(folds)
		}
		r.Sets = append(r.Sets, res)
		if t.Calibrate {
			r.Calibration = append(r.Calibration, res.calibrate(h.ModelID))
		}
	}
	return r
}

func accuracy(folds []float64) *Accuracy {
	a := &Accuracy{}
	for _, f := range folds {
		a.Mean += f / float64(len(folds))
		a.Folds = append(a.Folds, round(f))
	}
	for _, f := range folds {
		a.SD += (f - a.Mean) * (f - a.Mean) / float64(len(folds)-1)
	}
	a.Mean, a.SD = round(a.Mean), round(math.Sqrt(a.SD))
	return a
}

// value is a kept score as a similarity.
func value(score int) float64 { return float64(score) / unit }

func (t *trials) group(h Header, group int, s *spreads) Group {
	g := Group{Genuine: s.genuine.n, Impostor: s.impostor.n, EER: round(s.eer()), AUC: round(s.auc())}
	if group >= 0 {
		g.Name = t.Groups[group]
	}
	for _, x := range t.subjects {
		if (group < 0 || x.group == group) && x.probes+x.references > 0 {
			g.Persons++
		}
	}
	shipped := int(math.Round(t.Threshold * unit))
	spans := newBootstrap(t, group, h.Seed).run(h.Resamples, shipped, rates)
	g.Shipped = Shipped{
		Threshold: t.Threshold, FMRSpan: spans.fmr, FNMRSpan: spans.fnmr,
		FMR: rate(s.impostor.atLeast(shipped), s.impostor.n), FNMR: rate(s.genuine.n-s.genuine.atLeast(shipped), s.genuine.n),
	}
	// No errors drawn again are none: that interval would say nothing.
	if n := g.Shipped.FMR.Count; n == 0 || n == g.Shipped.FMR.N {
		g.Shipped.FMRSpan = nil
	}
	if n := g.Shipped.FNMR.Count; n == 0 || n == g.Shipped.FNMR.N {
		g.Shipped.FNMRSpan = nil
	}
	for i, fmr := range rates {
		p := Point{FMR: fmr, Events: round(fmr * float64(s.impostor.n) / float64(t.Draws))}
		if p.Supported = p.Events >= soundEvents; p.Events < leastEvents || s.genuine.n == 0 {
			g.Points = append(g.Points, p)
			continue
		}
		cut := s.impostor.threshold(int(fmr*float64(s.impostor.n) + 1e-9))
		if p.Threshold, p.FNMR = value(cut), round(s.fnmr(cut)); p.FNMR > 0 {
			p.Span = spans.at[i]
		}
		p.TAR = round(1 - s.fnmr(cut))
		g.Points = append(g.Points, p)
	}
	if s.genuine.n > 0 && s.impostor.n > 0 {
		for cut := shipped - 2500; cut <= shipped+1500; cut += 500 {
			g.Table = append(g.Table, Entry{value(cut), round(s.fmr(cut)), round(s.fnmr(cut))})
		}
	}
	return g
}

// rate is rounded, so that two machines write the same.
func rate(k, n int) score.Rate {
	r := score.Proportion(k, n)
	r.Rate, r.Low, r.High = round(r.Rate), round(r.Low), round(r.High)
	return r
}

// gap compares the groups that have enough comparisons to say anything.
func (r *Result) gap() *Gap {
	type of struct {
		*Group
		*namedCurve
	}
	var all []of
	for i := range r.By {
		if g := &r.By[i]; g.Impostor >= 100 && g.Genuine >= 10 {
			all = append(all, of{g, &r.curves[i+1]})
		}
	}
	if len(all) < 2 {
		return nil
	}
	by := func(f func(of) float64) (worst, best of) {
		order := func(a, b of) int { return cmp.Compare(f(a), f(b)) }
		return slices.MaxFunc(all, order), slices.MinFunc(all, order)
	}
	out := &Gap{}
	worst, best := by(func(g of) float64 { return g.Shipped.FMR.Rate })
	out.WorstFMR, out.BestFMR, out.FMRDiff = worst.Name, best.Name, round(worst.Shipped.FMR.Rate-best.Shipped.FMR.Rate)
	worst, best = by(func(g of) float64 { return g.Shipped.FNMR.Rate })
	out.WorstFNMR, out.BestFNMR, out.FNMRDiff = worst.Name, best.Name, round(worst.Shipped.FNMR.Rate-best.Shipped.FNMR.Rate)
	most, _ := by(func(g of) float64 { return float64(g.Impostor) })
	if n := most.impostor.n / r.Draws; n >= soundEvents*1000 {
		cut := most.impostor.threshold(most.impostor.n / 1000)
		worst, _ = by(func(g of) float64 { return g.fmr(cut) })
		if there := most.fmr(cut); there > 0 { // pictures that come twice may leave no threshold but one over all of them
			out.Reference, out.Threshold, out.WorstThere, out.FMRThere = most.Name, value(cut), worst.Name, round(worst.fmr(cut))
			out.Ratio = round(worst.fmr(cut) / there)
		}
	}
	return out
}

// calibrate makes the table of thresholds.
func (r *Result) calibrate(model string) Calibration {
	c := Calibration{ModelID: model, ProbeFrames: r.ProbeFrames, ReferenceFrames: r.ReferenceFrames, Set: r.Name, Groups: []string{}}
	all := &r.curves[0].spreads
	for _, fmr := range rates {
		if cut, p, ok := calPoint(all, fmr, r.Draws); ok {
			p.FNMR = round(all.fnmr(cut))
			c.Overall = append(c.Overall, p)
		}
		var worst CalPoint
		most := math.MinInt
		for i := range r.curves[1:] {
			one := &r.curves[i+1]
			cut, p, ok := calPoint(&one.spreads, fmr, r.Draws)
			if ok && !slices.Contains(c.Groups, one.name) {
				c.Groups = append(c.Groups, one.name)
			}
			if ok && cut > most {
				most, worst = cut, p
				worst.Group, worst.FNMR, worst.GroupFNMR = one.name, round(all.fnmr(cut)), round(one.fnmr(cut))
			}
		}
		if most > math.MinInt {
			c.WorstGroup = append(c.WorstGroup, worst)
		}
	}
	return c
}

// calPoint finds the threshold of a rate: counted where ten false matches or
// more are allowed in one draw, else carried on from a tail that is counted, as if
// it fell exponentially, which these tails do or fall faster; ok false where even
// the hundredth highest is too short a tail.
func calPoint(s *spreads, fmr float64, draws int) (cut int, p CalPoint, ok bool) {
	all := float64(s.impostor.n)
	n := s.impostor.n / draws
	p = CalPoint{FMR: fmr, N: n, Events: round(fmr * float64(n))}
	if p.Events >= soundEvents {
		cut = s.impostor.threshold(int(fmr*all + 1e-9))
		p.Threshold = value(cut)
		return cut, p, true
	}
	if rates[0]*all < leastTail {
		return 0, p, false
	}
	from := rates[0]
	for _, f := range rates {
		if f > fmr && f*all >= goodTail {
			from = f
		}
	}
	base := s.impostor.threshold(int(from*all + 1e-9))
	sum, k := 0., 0
	for i, score := range s.impostor.scores {
		if score < base {
			break
		}
		sum, k = sum+float64(score-base)*float64(s.impostor.above[i]-k), s.impostor.above[i]
	}
	if k == 0 {
		return 0, p, false
	}
	cut = base + int(math.Ceil(sum/float64(k)*math.Log(float64(k)/all/fmr)))
	// Never under what has been counted.
	for _, f := range rates {
		if f > fmr && f*float64(n) >= soundEvents {
			cut = max(cut, s.impostor.threshold(int(f*all+1e-9)))
		}
	}
	p.Threshold, p.Extrapolated = value(cut), true
	return cut, p, true
}
