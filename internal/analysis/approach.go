package analysis

import (
	"context"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Coming closer: first some previews from a little farther than the colours
// need, then nearer ones. Whoever can't do that is let on without.
const (
	farLeast      = .20 // share of the picture's width of a far face
	farMost       = .34
	farGlances    = 3
	enoughGrowth  = 1.35
	patience      = 40 // previews with a face, 8 s at the 5 a second that are asked for
	focalPortrait = .9 // focal length of a phone's front camera, widths of an upright picture
	focalLying    = 1.2
)

// approach is the state of coming closer.
type approach struct {
	on       bool
	meter    face.Approach
	far      int // glances from far
	previews int
	nearest  []byte // the last good preview
	share    float64
	lying    bool // pictures wider than high
	done     *faceproof.ParallaxEvidence
	vector   []float32 // of the nearest
}

// Approach says whether the previews that come ask the person to come closer.
func (r *Run) Approach(on bool) { r.approach = approach{on: on} }

// guide takes a preview and says what is missing to the approach; own is what is
// wrong with the preview otherwise.
func (a *approach) guide(m *imaging.Image, jpeg []byte, l *face.Landmarks, share float64, own faceproof.Hint) faceproof.Hint {
	if !a.on {
		return own
	}
	a.previews++
	if steady := own == faceproof.HintNone || own == faceproof.HintCloser || own == faceproof.HintFarther; !steady {
		return own
	}
	a.meter.Add(m, l)
	if a.lying = m.W > m.H; share > a.share {
		a.nearest, a.share = jpeg, share
	}
	if a.previews > patience {
		return own
	}
	switch {
	case a.far < farGlances && share > farMost:
		return faceproof.HintFarther
	case a.far < farGlances && share < farLeast:
		return faceproof.HintCloser
	case a.far < farGlances:
		a.far++
		return faceproof.HintHoldStill
	case a.meter.Growth() < enoughGrowth:
		return faceproof.HintCloser
	}
	return own
}

// Parallax measures the approach, which is over then; nil when there was none.
func (r *Run) Parallax(ctx context.Context) (*faceproof.ParallaxEvidence, error) {
	err := r.settle(ctx)
	return r.approach.done, err
}

// settle measures the approach once it is over.
func (r *Run) settle(ctx context.Context) error {
	a := &r.approach
	if !a.on || a.done != nil || a.nearest == nil {
		return nil
	}
	focal := focalPortrait
	if a.lying {
		focal = focalLying
	}
	v := a.meter.Measure(focal)
	a.meter.Reset()
	a.done = &faceproof.ParallaxEvidence{
		Slope: v.Alone, SE: v.AloneSE, L: v.Likelihood(), Growth: v.Growth, Frames: v.Frames,
	}
	var err error
	a.vector, err = r.a.embedLargest(ctx, a.nearest)
	a.nearest = nil
	return err
}

// embedLargest embeds the largest face of a JPEG; nil: there is none.
func (a *Analyzer) embedLargest(ctx context.Context, jpeg []byte) ([]float32, error) {
	m, err := a.decode(jpeg)
	if err != nil {
		return nil, err
	}
	defer a.pics.Put(m)
	faces, err := a.engine.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return nil, err
	}
	l, err := a.engine.Landmarks(ctx, m, faces[0])
	if err != nil || l.Score < face.MinMeshScore {
		return nil, err
	}
	v, err := a.engine.Embed(ctx, m, faces[0], l)
	if faceproof.ErrorCode(err) == faceproof.CodeInvalid {
		return nil, nil
	}
	return v, err
}

// parallax is what the approach showed, nil when it was not asked for or came to
// nothing; probe is whom the colours fell on.
func (r *Run) parallax(probe faceproof.Template) (*faceproof.ParallaxEvidence, error) {
	a := &r.approach
	if a.done == nil || a.done.Frames == 0 {
		return nil, nil
	}
	ev := *a.done
	if a.vector == nil || probe.Frames == 0 {
		return &ev, nil
	}
	var err error
	ev.Continuity, err = r.a.engine.Similarity(probe, face.Mean(probe.ModelID, [][]float32{a.vector}))
	return &ev, err
}
