package aloud

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"faceproof/internal/eval/score"
)

// Digits is the outcome of Measure.
type Digits struct {
	Header    Header      `json:"header"`
	Model     string      `json:"model"`
	FrameMS   float64     `json:"frame_ms"`
	Seed      uint64      `json:"seed"`
	Strings   int         `json:"strings"`   // of each language, length and style
	Impostors int         `json:"impostors"` // other strings for each
	Rules     []Rule      `json:"rules"`
	Voices    []Voice     `json:"voices"`
	Languages []Language  `json:"languages"`
	Cells     []Cell      `json:"cells"`
	Garbage   []Garbage   `json:"garbage"`
	Connected []Connected `json:"connected"`
}

// Header says what was measured with what.
type Header struct {
	Date    string `json:"date"`
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Pack    string `json:"pack"`
	Root    string `json:"root_sha256"` // of the names and digests of the files
	Files   int    `json:"files"`
}

// Rule is by what n digits are accepted: the score of the calibration, and how
// many digits a free reading finds.
type Rule struct {
	N          int     `json:"n"`
	Set        bool    `json:"set"` // false: no calibration for the rate that the policy asks for; nothing passes
	MinA       float64 `json:"min_score"`
	FAR        float64 `json:"far"` // of random other digits, which MinA stands for
	LeastHeard int     `json:"least_heard"`
	MostHeard  int     `json:"most_heard"`
}

// Voice is one speaker's single digits: which of ten is likeliest.
type Voice struct {
	Lang       string      `json:"lang"`
	Voice      string      `json:"voice"`
	Trained    bool        `json:"trained"` // the recogniser has heard this voice; in no other figure
	Clips      int         `json:"clips"`
	Wrong      int         `json:"wrong"`
	Known      int         `json:"wrong_known"` // where the language is known; the product takes the one that fits better
	Error      score.Rate  `json:"error"`
	ErrorKnown score.Rate  `json:"error_known"`
	Confused   []Confusion `json:"confused,omitempty"`
}

// Confusion counts a label taken for a digit.
type Confusion struct {
	Said  string `json:"said"`
	Heard string `json:"heard"`
	Count int    `json:"count"`
}

// Language sums up the voices that were not trained on.
type Language struct {
	Lang       string      `json:"lang"`
	Voices     int         `json:"voices"`
	Error      Share       `json:"error"`
	ErrorKnown Share       `json:"error_known"` // where the language is known
	Confused   []Confusion `json:"confused,omitempty"`
}

// Cell is strings of one language, length and style in one noise.
type Cell struct {
	Lang   string  `json:"lang"`
	Style  string  `json:"style"`
	N      int     `json:"n"`
	Noise  string  `json:"noise"`
	SNR    float64 `json:"snr_db,omitempty"`
	Voices int     `json:"voices"`

	Points  []Point    `json:"points"`
	Faults  Share      `json:"faults"`            // the sound is refused unheard: another attempt
	Refused Share      `json:"refused"`           // not accepted, faults included, at the product's bound
	Others  score.Rate `json:"others"`            // random other strings accepted there
	Near    score.Rate `json:"near"`              // strings with one other digit accepted there
	InTime  *Share     `json:"in_time,omitempty"` // paced: five of six onsets after their prompts (the reader's delay is drawn)
	Better  Share      `json:"all_better"`        // each digit beats its nine substitutes
	Lag     *Lag       `json:"lag_ms,omitempty"`  // of the onsets that the recogniser finds
	ByVoice []Refused  `json:"by_voice,omitempty"`
}

// Point is the refusals where a threshold is set on these very strings.
type Point struct {
	FAR       float64 `json:"far"`
	Events    int     `json:"events"` // impostors above the threshold: under ten it is an order of magnitude
	Threshold float64 `json:"threshold"`
	FRR       Share   `json:"frr"`
}

// Lag is a distribution in ms.
type Lag struct {
	N      int     `json:"n"`
	P05    float64 `json:"p05"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
}

// Refused is one voice of a cell, at the product's bound.
type Refused struct {
	Voice string     `json:"voice"`
	Rate  score.Rate `json:"refused"`
}

// Garbage is sounds without digits of one kind, tried with random strings of six.
type Garbage struct {
	Kind      string     `json:"kind"`
	Drawn     bool       `json:"drawn"` // made here, not recorded
	Sounds    int        `json:"sounds"`
	Refused   int        `json:"refused"`    // by the check of the sound alone
	MostHeard int        `json:"most_heard"` // digits that a free reading finds
	Score     score.Rate `json:"by_score"`   // strings that reach the least score
	Rule      score.Rate `json:"by_rule"`    // strings that pass
	Through   int        `json:"through"`    // sounds that let one pass
}

// Connected is a recording of several digits.
type Connected struct {
	Lang    string     `json:"lang"`
	Voice   string     `json:"voice"`
	Label   string     `json:"label"`
	Trained bool       `json:"trained"`
	Digits  int        `json:"digits"`
	Better  int        `json:"better"` // that beat their nine substitutes
	Heard   int        `json:"heard"`
	A       float64    `json:"score"`
	Above   score.Rate `json:"above"` // random other strings that score as much
}

// pool sums the voices of each language.
func (d *Digits) pool(seed uint64) {
	for _, l := range languages {
		wrong, known, of := map[string]int{}, map[string]int{}, map[string]int{}
		confused := map[[2]string]int{}
		for _, v := range d.Voices {
			if v.Lang != l.id || v.Trained {
				continue
			}
			wrong[v.Voice], known[v.Voice], of[v.Voice] = v.Wrong, v.Known, v.Clips
			for _, c := range v.Confused {
				confused[[2]string{c.Said, c.Heard}] += c.Count
			}
		}
		if len(of) > 0 {
			d.Languages = append(d.Languages, Language{l.id, len(of), share(stream(seed, "pool", l.id), wrong, of), share(stream(seed, "pool", l.id), known, of), confusions(confused)})
		}
	}
}

// confusions lists the most frequent first.
func confusions(m map[[2]string]int) []Confusion {
	var out []Confusion
	for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		out = append(out, Confusion{k[0], k[1], m[k]})
	}
	return out
}

// cell counts what strings gave.
func (e *ear) cell(r *rand.Rand, c Cell, got []judged) Cell {
	of, faults, refused, better, inTime := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	var impostors, lags []float64
	passed, near := 0, 0
	for _, j := range got {
		of[j.voice]++
		tally := func(m map[string]int, hit bool) {
			if hit {
				m[j.voice]++
			}
		}
		fault := j.fault != ""
		tally(faults, fault)
		tally(refused, fault || !e.words(j.n, j.a, j.better, j.heard))
		tally(better, j.better == j.n)
		tally(inTime, j.inTime >= j.n-e.policy.MaxOffTime)
		impostors, lags = append(impostors, j.impostors...), append(lags, j.lags...)
		if !fault {
			passed, near = passed+j.passed, near+j.near
		}
	}
	c.Voices = len(of)
	c.Faults, c.Refused, c.Better = share(r, faults, of), share(r, refused, of), share(r, better, of)
	c.Others, c.Near = score.Proportion(passed, len(impostors)), score.Proportion(near, nears*len(got))
	if c.Style == stylePaced {
		s := share(r, inTime, of)
		c.InTime = &s
	}
	for _, far := range fars {
		p := Point{FAR: far}
		p.Threshold, p.Events = threshold(impostors, far)
		miss := map[string]int{}
		for _, j := range got {
			if j.a <= p.Threshold {
				miss[j.voice]++
			}
		}
		p.FRR, p.Threshold = share(r, miss, of), round(p.Threshold)
		c.Points = append(c.Points, p)
	}
	if q := score.Quantiles(lags, .05, .5, .95); len(lags) > 0 {
		c.Lag = &Lag{len(lags), round(q[0].Value), round(q[1].Value), round(q[2].Value)}
	}
	for _, v := range slices.Sorted(maps.Keys(of)) {
		c.ByVoice = append(c.ByVoice, Refused{v, score.Proportion(refused[v], of[v])})
	}
	return c
}
