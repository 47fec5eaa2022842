package eval

import (
	"reflect"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/eval/score"
)

// Report is everything a campaign says, made from its trials alone.
type Report struct {
	Header    Header     `json:"header"`
	Title     Text       `json:"title"`
	Sessions  int        `json:"sessions"`
	Planned   int        `json:"planned"` // more than Sessions: the campaign has not ended
	Bars      []Result   `json:"bars"`
	Missed    int        `json:"missed"` // of the bars
	Live      *Species   `json:"live,omitempty"`
	Species   []Species  `json:"species"`          // of attack
	Worst     string     `json:"worst"`            // the species accepted most often
	RIAPAR    *float64   `json:"riapar,omitempty"` // FRR + IAPAR of the worst
	Cells     []Tally    `json:"cells"`
	Splits    []Split    `json:"splits"`
	TradeOffs []Trade    `json:"trade_offs,omitempty"` // bytes; when a cell varies quality or size
	Curve     []CurveRow `json:"curve,omitempty"`      // lux; when cells compare plans

	trials []scored
}

// Result is a bar and what was found. Value, Low and High are in the unit of the
// metric; Count is absent where nothing is counted.
type Result struct {
	Cell   string  `json:"cell"`
	Title  Text    `json:"title"` // of the cell
	Kinds  string  `json:"kinds"`
	Metric string  `json:"metric"`
	What   Text    `json:"what"`
	Unit   string  `json:"unit"`
	N      int     `json:"n"`
	Count  *int    `json:"count,omitempty"`
	Value  float64 `json:"value"`
	Low    float64 `json:"low"` // of the 95 % interval
	High   float64 `json:"high"`
	Open   bool    `json:"open,omitempty"` // the interval reaches further than could be measured
	Limit  float64 `json:"limit"`
	AtMost bool    `json:"at_most"` // else the limit is the least
	Met    bool    `json:"met"`
	Shown  bool    `json:"shown"` // the whole interval keeps the limit

	Accepted []Presented `json:"accepted,omitempty"` // attacks that came through, at most maxPresented
	Refused  []Count     `json:"refused,omitempty"`  // why, where acceptance was wanted; most frequent first
}

// Presented is one session; its line in trials.jsonl has the rest.
type Presented struct {
	Kind string  `json:"kind"`
	Seed uint64  `json:"seed"`
	Lux  float64 `json:"lux"`
	Rho  float64 `json:"rho"`
	L    float64 `json:"l"`
}

// maxPresented bounds the list of attacks that came through, of a bar.
const maxPresented = 20

// Species is one kind of presentation over some cells of single attempts under
// the campaign's policy.
type Species struct {
	Kind string `json:"kind"`
	score.Outcomes
	IAPAR score.Rate `json:"accepted_rate"`  // of a bona fide kind: 1 − FRR
	APCER score.Rate `json:"error_rate"`     // APCER, or BPCER of a bona fide kind
	APNRR score.Rate `json:"non_response"`   // APNRR, or BPNRR
	FRR   score.Rate `json:"not_accepted"`   //
	Cells []string   `json:"cells_included"` //

	Levels []Count `json:"levels,omitempty"` // of the passes by digits
}

// Tally is what became of one kind in one cell.
type Tally struct {
	Cell     string         `json:"cell"`
	Title    Text           `json:"title"`
	Kind     string         `json:"kind"`
	Attempts int            `json:"attempts"` // allowed
	Policy   map[string]any `json:"policy,omitempty"`
	score.Outcomes
	Accept  score.Rate `json:"accept_rate"`
	Levels  []Count    `json:"levels,omitempty"` // of the passes by digits
	Reasons []Count    `json:"reasons"`          // of what was not accepted, most frequent first
	Hints   []Count    `json:"hints"`
	Numbers []Numbers  `json:"numbers"` // of the first capture
}

// Count is how often a word occurred.
type Count struct {
	Word  string `json:"word"`
	Count int    `json:"count"`
}

// Numbers summarises one measured quantity.
type Numbers struct {
	Name   string  `json:"name"`
	N      int     `json:"n"`
	P05    float64 `json:"p05"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

// Split is a table of rates by one condition.
type Split struct {
	By   string     `json:"by"`
	Live []string   `json:"live_cells"`
	Rows []SplitRow `json:"rows"`
}

// SplitRow is one range of a condition.
type SplitRow struct {
	Range   string     `json:"range"`
	FRR     score.Rate `json:"live_not_accepted"`
	Attacks score.Rate `json:"attacks_accepted"` // all species but those that pass by nature
	Margin  *Numbers   `json:"live_l,omitempty"` // L of the live ones
}

// Trade is one setting of the client's pictures and what it costs and yields.
type Trade struct {
	Cell    string     `json:"cell"`
	Quality float64    `json:"quality"`
	Width   float64    `json:"width"` // of the pictures that are no portraits, pixels
	FPS     float64    `json:"fps"`
	Bytes   float64    `json:"bytes"` // median of a session
	L       Numbers    `json:"l"`
	FRR     score.Rate `json:"not_accepted"`
}

// byNature are the kinds that the method cannot detect, as documented.
var byNature = []string{"relit3d", "still_other", "other_voice", "animated", "animated_screen", "animated_relit"}

// Score makes the report of a protocol's trials, or of recordings when p is nil.
func Score(h Header, p *Protocol, trials []Trial) (*Report, error) {
	r := &Report{Header: h, Sessions: len(trials), Planned: len(trials), Title: Text{"Recordings", "录制会话"}}
	cells := map[string]*Cell{}
	var order []*Cell
	if p != nil {
		jobs, err := p.List(h.Limits)
		if err != nil {
			return nil, err
		}
		r.Title, r.Planned = p.Title, len(jobs)
		for i := range p.Cells {
			order = append(order, &p.Cells[i])
		}
	} else {
		order = labels(trials)
	}
	for _, c := range order {
		cells[c.Name] = c
	}
	for i := range trials {
		t := &trials[i]
		c := cells[t.Cell]
		if c == nil {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "trials", "the protocol has no cell %q", t.Cell)
		}
		policy, err := withPolicy(h.Policy, c.Policy)
		if err != nil {
			return nil, err
		}
		t.Decision = decide(policy, t.Attempts)
		r.trials = append(r.trials, scored{t, t.Decision})
	}
	for _, c := range order {
		r.cell(c)
	}
	r.species(tableCells(order, tableSummary))
	r.splits(order)
	r.trades(order)
	r.curve(order)
	return r, nil
}

// labels makes a cell of each label of recordings, bona fide first.
func labels(trials []Trial) []*Cell {
	var out []*Cell
	for _, t := range trials {
		if !slices.ContainsFunc(out, func(c *Cell) bool { return c.Name == t.Cell }) {
			out = append(out, &Cell{Name: t.Cell, Title: Text{t.Cell, t.Cell}, Kinds: []string{t.Kind}, Attempts: 1})
		}
	}
	slices.SortStableFunc(out, func(a, b *Cell) int {
		if a.live() != b.live() {
			if a.live() {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// cell adds the results of the bars and the tallies of one cell.
func (r *Report) cell(c *Cell) {
	all := r.pick(func(t scored) bool { return t.Cell == c.Name })
	if len(all) == 0 {
		return
	}
	for _, b := range c.Bars {
		if b.Pooled {
			r.bar(c, b, strings.Join(c.Kinds, ", "), all)
			continue
		}
		for _, k := range c.Kinds {
			if of := kind(all, k); len(of) > 0 {
				r.bar(c, b, k, of)
			}
		}
	}
	for _, k := range c.Kinds {
		if of := kind(all, k); len(of) > 0 {
			r.Cells = append(r.Cells, tally(c, k, of))
		}
	}
}

func (r *Report) pick(is func(scored) bool) []scored {
	var out []scored
	for _, t := range r.trials {
		if is(t) {
			out = append(out, t)
		}
	}
	return out
}

func kind(s []scored, k string) []scored {
	var out []scored
	for _, t := range s {
		if t.Kind == k {
			out = append(out, t)
		}
	}
	return out
}

func (r *Report) bar(c *Cell, b Bar, kinds string, s []scored) {
	m := metrics()[b.Metric]
	v := m.of(b, s)
	res := Result{
		Cell: c.Name, Title: c.Title, Kinds: kinds, Metric: b.Metric, What: m.what(b), Unit: m.unit,
		N: v.n, Value: v.value, Low: v.low, High: v.high, Open: v.open, Limit: b.limit(), AtMost: b.AtMost != nil,
	}
	if v.count >= 0 {
		res.Count = &v.count
	}
	if v.n > 0 {
		if res.AtMost {
			res.Met, res.Shown = v.value <= res.Limit, v.high <= res.Limit && !v.open
		} else {
			res.Met, res.Shown = v.value >= res.Limit, v.low >= res.Limit && !v.open
		}
	} else if b.Metric == "refused_as" { // nothing was refused: nothing could be told wrongly
		res.Met = true
	}
	if !res.Met {
		r.Missed++
	}
	res.explain(b, s)
	r.Bars = append(r.Bars, res)
}

// explain says which attacks came through, or why persons did not.
func (res *Result) explain(b Bar, s []scored) {
	switch {
	case b.Metric == "accepted" && res.AtMost:
		for _, t := range s {
			if t.Pass() && len(res.Accepted) < maxPresented {
				lux, _ := t.param("lux")
				l, _ := lOf(t.Trial)
				res.Accepted = append(res.Accepted, Presented{t.Kind, t.Seed, lux, t.Rho, l})
			}
		}
	case b.Metric == "refused" || b.Metric == "accepted":
		why := map[string]int{}
		for _, t := range s {
			if !t.Pass() {
				why[string(t.Reasons[0])]++
			}
		}
		res.Refused = counts(why)
	}
}

func outcomes(s []scored) (o score.Outcomes) {
	for _, t := range s {
		switch t.Outcome {
		case faceproof.OutcomePass:
			o.Accepted++
		case faceproof.OutcomeReject:
			o.Rejected++
		default:
			o.Inconclusive++
		}
	}
	return o
}

func tally(c *Cell, kind string, s []scored) Tally {
	t := Tally{Cell: c.Name, Title: c.Title, Kind: kind, Attempts: c.Attempts, Policy: c.Policy, Outcomes: outcomes(s)}
	t.Accept = t.IAPAR()
	t.Levels = levels(s)
	reasons, hints := map[string]int{}, map[string]int{}
	for _, x := range s {
		if x.Pass() {
			continue
		}
		reasons[string(x.Reasons[0])]++
		if x.Hint != faceproof.HintNone {
			hints[string(x.Hint)]++
		}
	}
	t.Reasons, t.Hints = counts(reasons), counts(hints)
	for _, name := range shownNumbers {
		v := values(s, func(t *Trial) (float64, bool) { return number(t, name) })
		if len(v) > 0 {
			t.Numbers = append(t.Numbers, summarise(name, v))
		}
	}
	return t
}

// levels counts what passes by digits were worth; nil where there is none.
func levels(s []scored) []Count {
	met := map[string]int{}
	for _, x := range s {
		if x.Pass() && x.Method == faceproof.MethodDigits {
			met[string(x.Level)]++
		}
	}
	if len(met) == 0 {
		return nil
	}
	return counts(met)
}

func counts(m map[string]int) []Count {
	out := []Count{}
	for w, n := range m {
		out = append(out, Count{w, n})
	}
	slices.SortFunc(out, func(a, b Count) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Word, b.Word)
	})
	return out
}

func summarise(name string, v []float64) Numbers {
	q := score.Quantiles(v, .05, .5, .95)
	return Numbers{name, len(v), q[0].Value, q[1].Value, q[2].Value}
}

// shownNumbers are the measured quantities that the report summarises, by their
// names in Evidence; "error_ms" is the latency less the true one.
var shownNumbers = []string{
	"flash.p", "flash.z", "flash.r2", "flash.amplitude", "flash.background_ratio", "flash.l", "flash.shape.b", "flash.shape.spread",
	"flash.shape.kappa", "flash.cut", "flash.latency_ms", "error_ms", "capture.bytes", "match.similarity",
	"digits.score", "digits.heard", "digits.in_time", "digits.audio.snr_db", "digits.lips.range", "digits.lips.sync", "digits.lips.lag_ms",
}

// number gives a quantity of the first capture; of the flash only where it could
// be measured, of its shape only where there was one, of digits only where the sound
// could be judged.
func number(t *Trial, name string) (float64, bool) {
	if name == "error_ms" {
		return latencyError(t)
	}
	f := t.flash()
	if strings.HasPrefix(name, "flash.") {
		if f == nil || !f.Measurable {
			return 0, false
		}
		shape := strings.HasPrefix(name, "flash.shape.") || name == "flash.l"
		if shape && f.Shape.Cells == 0 || name == "flash.shape.kappa" && f.Shape.HeadCells == 0 || name == "flash.cut" && f.Cut == 0 {
			return 0, false
		}
	}
	if d := t.Attempts[0].Digits; strings.HasPrefix(name, "digits.") && (d == nil || !d.Scored) {
		return 0, false
	}
	v := reflect.ValueOf(t.Attempts[0])
	for name != "" {
		var part string
		part, name, _ = strings.Cut(name, ".")
		if v = field(v, part); !v.IsValid() {
			return 0, false
		}
	}
	switch {
	case v.CanInt():
		return float64(v.Int()), true
	case v.CanFloat():
		return v.Float(), true
	}
	return 0, false
}

// field finds a field by its JSON name, through a pointer; the zero Value: none.
func field(v reflect.Value, name string) reflect.Value {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			if f := field(v.Field(i), name); f.IsValid() {
				return f
			}
		}
		if tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); tag == name {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// fieldOf finds a field of any struct by its JSON name.
func fieldOf(v any, name string) reflect.Value { return field(reflect.ValueOf(v), name) }

// plain cells show one capture under the campaign's own policy, in the usual way.
func (c *Cell) plain() bool {
	return c.Attempts == 1 && len(c.Policy) == 0 && c.Plan == "" && c.SNR == 0 && !c.AtOnce && !c.NoLight
}

// tableSummary is the table of genuine persons and species.
const tableSummary = "summary"

// tableCells says which cells a table is made from: of the live cells those that
// name it or, when none does, all plain ones; of the attacks likewise. Cells that
// pick out one condition would else spoil the table of another.
func tableCells(order []*Cell, table string) map[string]bool {
	out := map[string]bool{}
	for _, live := range []bool{true, false} {
		named := slices.ContainsFunc(order, func(c *Cell) bool { return c.live() == live && slices.Contains(c.Tables, table) })
		for _, c := range order {
			if c.live() == live && (slices.Contains(c.Tables, table) || !named && c.plain()) {
				out[c.Name] = true
			}
		}
	}
	return out
}

func (r *Report) species(in map[string]bool) {
	var order []string
	for _, t := range r.trials {
		if in[t.Cell] && !slices.Contains(order, t.Kind) {
			order = append(order, t.Kind)
		}
	}
	var worst *Species
	for _, k := range order {
		s := Species{Kind: k}
		of := r.pick(func(t scored) bool { return t.Kind == k && in[t.Cell] })
		for _, t := range of {
			if !slices.Contains(s.Cells, t.Cell) {
				s.Cells = append(s.Cells, t.Cell)
			}
		}
		s.Outcomes = outcomes(of)
		s.Levels = levels(of)
		s.IAPAR, s.APCER, s.APNRR, s.FRR = s.Outcomes.IAPAR(), s.Outcomes.APCER(), s.Outcomes.APNRR(), s.Outcomes.FRR()
		if k == bonaFide {
			s.APCER = s.Outcomes.BPCER()
			r.Live = &s
			continue
		}
		r.Species = append(r.Species, s)
	}
	for i := range r.Species {
		s := &r.Species[i]
		if !slices.Contains(byNature, s.Kind) && (worst == nil || s.IAPAR.Rate > worst.IAPAR.Rate) {
			worst = s
		}
	}
	if worst != nil {
		r.Worst = worst.Kind
		if r.Live != nil {
			v := score.RIAPAR(r.Live.Outcomes, worst.Outcomes)
			r.RIAPAR = &v
		}
	}
}
