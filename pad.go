package faceproof

import (
	"math"
	"slices"
)

// PADEvidence is what networks make of how the face and its surroundings look, on
// a few frames of the opening, before any colour: passive presentation attack
// detection. It knows prints and screens of the kind that it was trained on, and
// nothing of masks, made-up faces or injected streams.
type PADEvidence struct {
	Score  float64 `json:"score"`    // median of the frames that count, 0 an attack to 1 live
	Low    float64 `json:"low"`      // the least of them
	High   float64 `json:"high"`     // the greatest
	Frames int     `json:"frames"`   // that count
	Near   int     `json:"too_near"` // frames left out: the face fills the picture
	Reach  float64 `json:"reach"`    // the surroundings seen, in boxes of the face: median of all frames
	// Unsure says that too few frames count: there is no vote.
	Unsure bool `json:"low_confidence"`
	// Percentile is the share of the live faces of the published measurement with a
	// score at most this, 0 to 100: small is rare among the living.
	Percentile float64 `json:"bona_fide_percentile"`
}

// PADFrame is what the networks made of one frame: see face.PAD.
type PADFrame struct {
	Live  float64 `json:"live"`
	Reach float64 `json:"reach"`
}

// The surroundings that a frame must show to count, in boxes of the face. The
// networks were trained on 2.7 and 4.0; on pictures cut off at 1.07 others found
// 36 % of the living called attacks. Between 1.5 and 2.0 ours were no worse than
// above (docs/evaluation.md): the bound errs towards no vote.
const minReach = 2.0

// PADFrames is how many frames of a session are looked at, at most.
const PADFrames = 5

// PADOf sums up the frames of an attempt, of which least must count; nil: there
// are none.
func PADOf(frames []PADFrame, least int) *PADEvidence {
	if len(frames) == 0 {
		return nil
	}
	var e PADEvidence
	var live, reach []float64
	for _, f := range frames {
		if reach = append(reach, f.Reach); f.Reach < minReach {
			e.Near++
			continue
		}
		live = append(live, f.Live)
	}
	e.Frames, e.Unsure, e.Reach = len(live), len(live) < max(least, 1), median(reach)
	if len(live) > 0 {
		e.Score, e.Low, e.High = median(live), slices.Min(live), slices.Max(live)
		e.Percentile = bonaFideShare(e.Score)
	}
	return &e
}

// median sorts v, which is not empty.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	return (v[(n-1)/2] + v[n/2]) / 2
}

// PADPolicy says what passive PAD may weigh. It never passes anything alone, and
// unless PADReject says so it never rejects.
type PADPolicy struct {
	PADSpoof  float64 `json:"pad_spoof"`  // a score below speaks for an attack
	PADWeight float64 `json:"pad_weight"` // what that takes from L where L must be enough to pass
	PADLive   float64 `json:"pad_live"`   // paced digits with lips are of the level standard from this score on, whatever the light; above 1: never
	PADReject float64 `json:"pad_reject"` // a score below rejects by itself; 0: none does
}

// DefaultPADPolicy is the published default; docs/evaluation.md has the
// measurement. PADWeight is the logarithm of how much oftener an attack scores
// below PADSpoof than a live face does, from the unfavourable ends of both
// intervals: 3 of 4 attacks (19 % at least) and 5 of 128 live faces (8.9 % at most)
// give .78. Four attacks prove nothing, so that it is small.
func DefaultPADPolicy() PADPolicy {
	return PADPolicy{PADSpoof: .3, PADWeight: .75, PADLive: .9, PADReject: 0}
}

// votes says whether there is a vote at all.
func (e *PADEvidence) votes() bool { return e != nil && !e.Unsure }

// against is what the vote takes from L; 0 or more.
func (e *PADEvidence) against(p Policy) float64 {
	if e.votes() && e.Score < p.PADSpoof {
		return max(p.PADWeight, 0)
	}
	return 0
}

// live says whether the vote is for a live face.
func (e *PADEvidence) live(p Policy) bool { return e.votes() && e.Score >= p.PADLive }

// rejects says whether the policy lets the vote reject by itself.
func (e *PADEvidence) rejects(p Policy) bool { return e.votes() && e.Score < p.PADReject }

// bonaFide are quantiles of the scores of 128 live faces, at 0, 5, 10 … 100 %
// (docs/evaluation.md): published photos, none of a customer's phone.
var bonaFide = []float64{.029, .438, .556, .798, .859, .914, .942, .966, .980, .991, .992, .994, .995, .997, .998, .9987, .9993, .9995, .9997, .9999, 1}

// bonaFideShare reads a score off those quantiles, in percent.
func bonaFideShare(score float64) float64 {
	n := len(bonaFide) - 1
	i, _ := slices.BinarySearch(bonaFide, score)
	switch {
	case i == 0:
		return 0
	case i > n:
		return 100
	}
	low, high := bonaFide[i-1], bonaFide[i]
	at := float64(i)
	if high > low {
		at = float64(i-1) + (score-low)/(high-low)
	}
	return math.Round(1000*at/float64(n)) / 10
}
