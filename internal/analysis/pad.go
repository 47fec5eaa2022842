package analysis

import (
	"context"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Passive PAD looks at a few frames of the opening, before any colour, that lie
// this far apart, ms; of fewer than padLeast there is no vote.
const (
	padEvery = 250
	padLeast = 3
)

// padLook is what passive PAD made of one frame.
type padLook struct {
	t float64 // ms
	faceproof.PADFrame
}

// passive asks what the face of a look looks like, if it is the turn of that. The
// box must be the detector's: the crops were learnt from such.
func (r *Run) passive(ctx context.Context, m *imaging.Image, f capture.Frame, found face.Face) error {
	n := len(r.pads)
	if !r.a.engine.HasPAD() || !r.early(f) || n >= faceproof.PADFrames || n > 0 && f.T-r.pads[n-1].t < padEvery {
		return nil
	}
	defer r.a.lap(StagePAD, time.Now())
	p, err := r.a.engine.PAD(ctx, m, found.Box)
	if err != nil {
		return err
	}
	r.pads = append(r.pads, padLook{f.T, faceproof.PADFrame{Live: p.Live, Reach: p.Reach}})
	return nil
}

// pad sums up the frames before first, ms, when the colours or the digits began.
func (r *Run) pad(first float64) *faceproof.PADEvidence {
	var frames []faceproof.PADFrame
	for _, p := range r.pads {
		if p.t < first {
			frames = append(frames, p.PADFrame)
		}
	}
	return faceproof.PADOf(frames, padLeast)
}
