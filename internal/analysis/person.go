package analysis

import (
	"faceproof"
	"faceproof/internal/face"
)

// maxProbes is how many embeddings of the pre-roll are averaged.
const maxProbes = 5

// probe is who is compared with the reference: the mean of the last embeddings of
// the largest pictures in neutral light that are good enough (face.Comparable).
type probe struct {
	faceproof.Template
	vectors [][]float32
	best    *shot // of the best quality, among those that are good enough where there are any; nil: no face
	poor    bool  // there were faces, and none was good enough: nothing is averaged
}

// probe looks between from and first (ms), when the neutral light and the colours
// began.
func (r *Run) probe(from, first float64) probe {
	var p probe
	good := false
	for i := len(r.shots) - 1; i >= 0; i-- {
		s := &r.shots[i]
		if s.t < from || s.t >= first || s.width < r.largest || len(p.vectors) == maxProbes {
			continue
		}
		fine := face.Comparable(s.quality)
		if fine {
			p.vectors = append(p.vectors, s.vector)
		}
		if s.jpeg != nil && (p.best == nil || fine && !good || fine == good && s.better(p.best)) {
			p.best, good = s, fine
		}
	}
	p.poor = p.best != nil && len(p.vectors) == 0
	p.Template = face.Mean(r.a.engine.ModelID(), p.vectors)
	return p
}

// better says whether s is the better portrait: nothing to improve, open eyes,
// sharp.
func (s *shot) better(o *shot) bool {
	score := func(q faceproof.Quality) float64 {
		v := q.Sharpness + min(q.EyesOpen, .5)
		if q.Hint == faceproof.HintNone {
			v += 2
		}
		return v
	}
	return score(s.quality) > score(o.quality)
}

// continuity is the lowest similarity of a face of the capture to the probe, and of
// any two faces that the probe was made of: a mean of two persons resembles both.
// Faces before the colours that are not good enough are left out: a head that
// turns away on the way in is nobody else. 0 when nothing was seen in the colours.
func (r *Run) continuity(p probe, first float64) (float64, error) {
	lowest, later := 1., false
	e := r.a.engine
	compare := func(a, b faceproof.Template) error {
		v, err := e.Similarity(a, b)
		lowest = min(lowest, v)
		return err
	}
	single := func(v []float32) faceproof.Template { return face.Mean(p.ModelID, [][]float32{v}) }
	for i, v := range p.vectors {
		for _, w := range p.vectors[:i] {
			if err := compare(single(v), single(w)); err != nil {
				return 0, err
			}
		}
	}
	for _, s := range r.shots {
		if s.t < first && !face.Comparable(s.quality) {
			continue
		}
		later = later || s.t >= first
		if err := compare(p.Template, single(s.vector)); err != nil {
			return 0, err
		}
	}
	if !later {
		return 0, nil
	}
	return lowest, nil
}

// absence is how long nobody was there, by the looks; ms.
type absence struct {
	seen, gone     bool
	since, longest float64
}

// look takes whether a look found a face. Who has not come yet is not away.
func (a *absence) look(t float64, found bool) {
	switch {
	case found:
		a.seen, a.gone = true, false
	case !a.seen:
	case !a.gone:
		a.gone, a.since = true, t
	default:
		a.longest = max(a.longest, t-a.since)
	}
}
