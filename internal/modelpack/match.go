package modelpack

import (
	"math"

	"faceproof"
)

// Match holds the calibration of the embedder: which similarity stands for which
// false match rate.
type Match struct {
	Metric string `json:"metric"` // "cosine": of unit vectors; "l2": Euclidean distance of the raw descriptors
	// UnitNorm says that an embedding, and a mean of embeddings, is made unit
	// length. False for "l2": those thresholds were measured on raw vectors.
	UnitNorm bool    `json:"-"`
	ModelID  string  `json:"model_id"`    // of the embedder that was measured; its id names the alignment too
	FMR      float64 `json:"default_fmr"` // target where the operator names none
	// Smallest is the smallest false match rate for which every row has a threshold.
	Smallest float64    `json:"smallest_fmr"`
	Rows     []MatchRow `json:"rows"` // fewest frames first
}

// MatchRow is the calibration for a number of averaged frames on each side:
// averaging moves impostors closer too.
type MatchRow struct {
	ProbeFrames     int          `json:"probe_frames"`     // at least
	ReferenceFrames int          `json:"reference_frames"` // at least
	Points          []MatchPoint `json:"points"`           // loosest first: the rate falls, the threshold rises
	Note            string       `json:"note"`
}

// MatchPoint is one calibrated threshold.
type MatchPoint struct {
	FMR       float64 `json:"fmr"`       // false match rate of the worst group measured
	Threshold float64 `json:"threshold"` // as a similarity: cosine, or 1 − L2 distance
	Pairs     int     `json:"pairs"`     // impostor comparisons behind it
	Group     string  `json:"group"`     // the worst
	// Extrapolated says that the pairs are too few to count this rate: carried on
	// from a larger one.
	Extrapolated bool   `json:"extrapolated,omitempty"`
	Report       string `json:"report"` // anchor or folder of the report that gives it
}

type manifestMatch struct {
	Metric     string        `toml:"metric"`
	Model      string        `toml:"model"`
	DefaultFMR float64       `toml:"default_fmr"`
	Rows       []manifestRow `toml:"row"`
}

type manifestRow struct {
	ProbeFrames     int             `toml:"probe_frames"`
	ReferenceFrames int             `toml:"reference_frames"`
	Report          string          `toml:"report"`
	Note            string          `toml:"note"`
	Points          []manifestPoint `toml:"points"`
}

type manifestPoint struct {
	FMR          float64 `toml:"fmr"`
	Threshold    float64 `toml:"threshold"`
	Pairs        int     `toml:"pairs"`
	Group        string  `toml:"group"`
	Extrapolated bool    `toml:"extrapolated"`
	Report       string  `toml:"report"` // empty: the row's
}

// toMeasure says how a calibration is got.
const toMeasure = "measure one: faceproof eval faces --pack %s --root PICTURES --out DIR, and put the calibration of its report.json into models/packs"

// checkMatch refuses a calibration that is not one: a rate that is missing would
// be a threshold of 0, and one out of order a threshold that is too low.
func (m *manifest) checkMatch() error {
	c := &m.Match
	if c.Metric != "cosine" && c.Metric != "l2" {
		return invalid("pack", "match.metric is %.20q, want cosine or l2", c.Metric)
	}
	if !(m.Continuity > 0 && m.Continuity < 1) {
		return invalid("pack", "continuity %g is not between 0 and 1", m.Continuity)
	}
	for _, v := range m.Models {
		if v.Role == RoleEmbedder && v.ID != c.Model {
			return invalid("pack", "match.model is %.64q, and the embedder is %s: there is no calibration for it; "+toMeasure, c.Model, v.ID, m.ID)
		}
	}
	if len(c.Rows) == 0 {
		return invalid("pack", "match.row is missing: there is no calibration for %s; "+toMeasure, c.Model, m.ID)
	}
	for i, r := range c.Rows {
		switch {
		case r.Note == "":
			return invalid("pack", "match.row %d: note is missing", i+1)
		case r.ProbeFrames < 1 || r.ReferenceFrames < 1:
			return invalid("pack", "match.row %d: probe_frames and reference_frames must be at least 1", i+1)
		case i == 0 && (r.ProbeFrames != 1 || r.ReferenceFrames != 1):
			return invalid("pack", "the first match.row is for one frame on both sides")
		case i > 0 && (r.ProbeFrames < c.Rows[i-1].ProbeFrames || r.ReferenceFrames < c.Rows[i-1].ReferenceFrames):
			return invalid("pack", "match.row %d: fewest frames come first", i+1)
		case i > 0 && r.ProbeFrames == c.Rows[i-1].ProbeFrames && r.ReferenceFrames == c.Rows[i-1].ReferenceFrames:
			return invalid("pack", "match.row %d: probe_frames and reference_frames come twice", i+1)
		}
		if err := r.check(i + 1); err != nil {
			return err
		}
	}
	if c.DefaultFMR == 0 {
		c.DefaultFMR = faceproof.DefaultFMR
	}
	if faceproof.CheckFMR(c.DefaultFMR, "pack") != nil {
		return invalid("pack", "match.default_fmr must be from 1e-9 to %g", faceproof.LoosestFMR)
	}
	for i, r := range c.Rows {
		if least := r.Points[len(r.Points)-1].FMR; least > c.DefaultFMR {
			return invalid("pack", "match.row %d: points end at fmr %g and match.default_fmr is %g; "+toMeasure, i+1, least, c.DefaultFMR, m.ID)
		}
	}
	if c.DefaultFMR > faceproof.DefaultFMR && m.Warning.En == "" {
		return invalid("pack", "match.default_fmr %g is looser than %g: the pack needs a warning", c.DefaultFMR, faceproof.DefaultFMR)
	}
	return nil
}

// check holds the points of row n to their order. NaN is in no order.
func (r *manifestRow) check(n int) error {
	if len(r.Points) == 0 {
		return invalid("pack", "match.row %d: points is missing", n)
	}
	for i, p := range r.Points {
		bad := func(what string) error { return invalid("pack", "match.row %d, point %d: %s", n, i+1, what) }
		switch {
		case !(p.FMR > 0 && p.FMR < 1):
			return bad("fmr is not between 0 and 1")
		case !(p.Threshold > 0 && p.Threshold < 1):
			return bad("threshold is not between 0 and 1")
		case p.Pairs < 1:
			return bad("pairs is not at least 1")
		case p.Group == "":
			return bad("group is missing")
		case p.Report == "" && r.Report == "":
			return bad("report is missing")
		case i > 0 && p.FMR == r.Points[i-1].FMR:
			return bad("fmr comes twice")
		case i > 0 && p.FMR > r.Points[i-1].FMR:
			return bad("fmr rises: the loosest comes first")
		case i > 0 && p.Threshold <= r.Points[i-1].Threshold:
			return bad("threshold does not rise where fmr falls")
		}
	}
	return nil
}

// match gives what Load returns of the calibration.
func (m *manifest) match() Match {
	c := Match{Metric: m.Match.Metric, UnitNorm: m.Match.Metric == "cosine", ModelID: m.Match.Model, FMR: m.Match.DefaultFMR}
	for _, r := range m.Match.Rows {
		row := MatchRow{ProbeFrames: r.ProbeFrames, ReferenceFrames: r.ReferenceFrames, Note: r.Note}
		for _, p := range r.Points {
			if p.Report == "" {
				p.Report = r.Report
			}
			row.Points = append(row.Points, MatchPoint(p))
		}
		c.Smallest = max(c.Smallest, row.Points[len(row.Points)-1].FMR)
		c.Rows = append(c.Rows, row)
	}
	return c
}

// row gives the one with the most frames not above the given ones; the first when
// the given ones are fewer than any. The zero row when there is no calibration.
func (c *Match) row(probeFrames, refFrames int) MatchRow {
	var row MatchRow
	for i, r := range c.Rows {
		if i == 0 || (r.ProbeFrames <= probeFrames && r.ReferenceFrames <= refFrames) {
			row = r
		}
	}
	return row
}

// CheckTarget says whether every row has a threshold for a false match rate.
// Errors: CodeInvalid with field, naming the smallest rate that there is; with
// field "pack" when the pack has no calibration at all.
func (p *Pack) CheckTarget(fmr float64, field string) error {
	if len(p.Match.Rows) == 0 || p.Match.ModelID != p.Models[RoleEmbedder].ID {
		return invalid("pack", "%s has no calibration for %s; "+toMeasure, p.ID, p.Models[RoleEmbedder].ID, p.ID)
	}
	if err := faceproof.CheckFMR(fmr, field); err != nil {
		return err
	}
	if fmr < p.Match.Smallest {
		return invalid(field, "the smallest false match rate for which pack %s is calibrated is %g, not %g; for less, "+toMeasure, p.ID, p.Match.Smallest, fmr, p.ID)
	}
	return nil
}

// Threshold is ThresholdFor the pack's own target.
func (p *Pack) Threshold(probeFrames, refFrames int) MatchPoint {
	return p.ThresholdFor(p.Match.FMR, probeFrames, refFrames)
}

// ThresholdFor gives the threshold of a target: of the points whose false match
// rate is at most that, the loosest. Between two points the stricter one counts.
// Where none is so strict it gives the strictest, whose FMR is above the target, so
// that faceproof.Decide lets nobody pass; CheckTarget tells before.
func (p *Pack) ThresholdFor(fmr float64, probeFrames, refFrames int) MatchPoint {
	points := p.Match.row(probeFrames, refFrames).Points
	for _, at := range points {
		if at.FMR <= fmr {
			return at
		}
	}
	if n := len(points); n > 0 {
		return points[n-1]
	}
	return MatchPoint{FMR: 1, Threshold: math.Inf(1)}
}

// FMR is the share of strangers, 0 to 1, of the worst group measured, who are at
// least so alike; for scores, never for a decision. Between two points it follows
// its logarithm, at the last point and above it is the last point's, and below the
// first, where nothing was measured, it goes to 1 at a similarity of 0.
func (p *Pack) FMR(similarity float64, probeFrames, refFrames int) float64 {
	from := MatchPoint{FMR: 1}
	if !(similarity > 0) {
		return 1
	}
	for _, at := range p.Match.row(probeFrames, refFrames).Points {
		if similarity == at.Threshold {
			return at.FMR
		}
		if similarity < at.Threshold {
			share := (similarity - from.Threshold) / (at.Threshold - from.Threshold)
			return math.Exp((1-share)*math.Log(from.FMR) + share*math.Log(at.FMR))
		}
		from = at
	}
	return from.FMR
}

// Score is the similarity as a business backend is told it: faceproof.MatchScore
// of FMR.
func (p *Pack) Score(similarity float64, probeFrames, refFrames int) float64 {
	return faceproof.MatchScore(p.FMR(similarity, probeFrames, refFrames))
}
