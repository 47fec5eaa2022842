package faceproof

import (
	"math"
	"strconv"
)

// DefaultFMR is the false match rate of one comparison that the published policy
// asks for: 1 stranger in 10,000 of the worst group measured. A model pack that
// cannot reach it names its own (modelpack.Match.DefaultFMR).
const DefaultFMR = 1e-4

// LoosestFMR is what no policy may exceed.
const LoosestFMR = 1e-2

// CheckFMR refuses what is no target for a false match rate. Errors: CodeInvalid
// with field.
func CheckFMR(fmr float64, field string) error {
	if !(fmr >= 1e-9 && fmr <= LoosestFMR) {
		return Errorf(CodeInvalid, field, "must be a false match rate from 1e-9 to %g, such as 1e-4", LoosestFMR)
	}
	return nil
}

// scorePerDecade makes 1e-5 the top of the scale.
const scorePerDecade = 20

// MatchScore is a false match rate (0 to 1) as the score that a business backend
// is told: 20 for each power of ten, 0 to 100, rounded down to a tenth, so 60 is
// 1e-3, 80 is 1e-4 and 100 is 1e-5 or less, of every model pack. It is 0 of what is
// no rate.
func MatchScore(fmr float64) float64 {
	score := math.Floor(-10*scorePerDecade*math.Log10(fmr)+1e-9) / 10
	if !(score > 0) {
		return 0
	}
	return min(score, 100)
}

// WithFMR is the policy with another MaxFMR, and a name that says so.
func (p Policy) WithFMR(fmr float64) Policy {
	if p.MaxFMR != fmr {
		p.ID, p.MaxFMR = p.ID+"/fmr="+strconv.FormatFloat(fmr, 'g', -1, 64), fmr
	}
	return p
}
