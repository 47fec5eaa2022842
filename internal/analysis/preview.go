package analysis

import (
	"context"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Where a face must be for the flash to be measured, narrower than for
// matching: the width of the detector's box over that of the picture, and the
// background cells around it.
const (
	minFaceShare   = .28
	maxFaceShare   = .70
	roomyFaceShare = .40 // with less, more background comes from moving aside
	minRoom        = 40  // cells; a third of them may turn out clipped or dark
)

// Preview judges a preview frame. A JPEG that cannot be used is CodeInvalid,
// field "frame".
func (r *Run) Preview(ctx context.Context, jpeg []byte) (faceproof.Guidance, error) {
	work, err := r.a.begin(ctx, turnPreview, StagePreview)
	if err != nil {
		return faceproof.Guidance{}, err
	}
	defer work.done()
	m, err := r.a.decode(jpeg)
	if err != nil {
		return faceproof.Guidance{}, err
	}
	defer r.a.pics.Put(m)
	e := r.a.engine
	faces, err := e.Detect(ctx, m)
	if err != nil {
		return faceproof.Guidance{}, err
	}
	if len(faces) == 0 {
		return faceproof.Guidance{Hint: faceproof.HintFaceScreen}, nil
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		return faceproof.Guidance{}, err
	}
	b, w, h := faces[0].Box, float64(m.W), float64(m.H)
	q := e.Quality(m, faces, l)
	g := faceproof.Guidance{Hint: r.approach.guide(m, jpeg, &l, q.WidthShare, hint(m, q, l)), Box: [4]float64{b.X / w, b.Y / h, b.W / w, b.H / h}}
	g.OK = g.Hint == faceproof.HintNone
	return g, nil
}

// hint chooses the first thing to improve, in the order of faceproof's list.
func hint(m *imaging.Image, q faceproof.Quality, l face.Landmarks) faceproof.Hint {
	switch {
	case l.Score < face.MinMeshScore:
		return faceproof.HintFaceScreen
	case q.Faces > 1:
		return faceproof.HintOnePerson
	case q.WidthShare < minFaceShare:
		return faceproof.HintCloser
	case q.WidthShare > maxFaceShare:
		return faceproof.HintFarther
	case q.Hint != faceproof.HintNone:
		return q.Hint
	}
	if face.BackgroundRoom(&l, m.W, m.H) < minRoom {
		if q.WidthShare > roomyFaceShare {
			return faceproof.HintFarther
		}
		return faceproof.HintCenter
	}
	return faceproof.HintNone
}
