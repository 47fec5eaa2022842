package face

import (
	"fmt"
	"strings"

	"faceproof"
)

// strangers finds the vectors that are not of the person whom most of them show;
// ok false when no majority shows one person. The photo that is like most others
// (pairs at the pack's continuity) leads; then everybody is held against the mean
// of those that are like it, which forgives one bad picture of the right person
// more than a pair does.
func (e *Engine) strangers(v [][]float32) (bad []int, ok bool) {
	like := func(a, b []float32) float64 { return compare(e.pack.Match.Metric, a, b) - e.pack.Continuity }
	lead, most, sum := 0, -1, 0.
	for i := range v {
		links, total := 0, 0.
		for j := range v {
			if i != j {
				d := like(v[i], v[j])
				if total += d; d >= 0 {
					links++
				}
			}
		}
		if links > most || links == most && total > sum {
			lead, most, sum = i, links, total
		}
	}
	if 2*(most+1) <= len(v) {
		return nil, false
	}
	for i := range v {
		var others [][]float32
		for j := range v {
			if j != i && (j == lead || like(v[lead], v[j]) >= 0) {
				others = append(others, v[j])
			}
		}
		if len(others) > 0 && like(v[i], Mean("", others).Vector) < 0 {
			bad = append(bad, i)
		}
	}
	return bad, 2*len(bad) < len(v)
}

// onePerson refuses photos among which some show somebody else, and says which;
// the error is CodeInvalid, field "photo". A photo is never left out silently:
// whoever enrols should know that a stranger's was among them.
func (e *Engine) onePerson(v [][]float32) error {
	bad, ok := e.strangers(v)
	switch {
	case !ok:
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "the photos do not show one and the same person: take them again")
	case len(bad) == 0:
		return nil
	case len(bad) == 1:
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d of %d shows somebody else than the others, or not well enough: leave it out", bad[0]+1, len(v))
	}
	names := make([]string, len(bad))
	for i, n := range bad {
		names[i] = fmt.Sprint(n + 1)
	}
	return faceproof.Errorf(faceproof.CodeInvalid, "photo", "photos %s of %d show somebody else than the others, or not well enough: leave them out", strings.Join(names, ", "), len(v))
}
