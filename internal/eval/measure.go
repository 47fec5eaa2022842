package eval

import (
	"context"
	"io"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/capture"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// forecast is what the server measures before the colours. The recording has none:
// its post-roll stands where they would begin.
func forecast(ctx context.Context, e *face.Engine, rec capture.Recording) (faceproof.LightEvidence, error) {
	run := analysis.New(analysis.Config{Engine: e, Concurrency: 1}).Begin()
	t := rec.Transcript()
	end := len(t.Display) - 1
	for _, f := range rec.Frames {
		if f.T >= t.Display[end].T {
			break
		}
		if err := run.Frame(ctx, f); err != nil {
			return faceproof.LightEvidence{}, err
		}
	}
	t.Display = t.Display[:end]
	return run.Light(t), nil
}

// measure is the server's analysis of one capture, with n candidates from random
// bytes of our own.
// The reference is the face of the capture's own pre-roll: matching always
// succeeds, whatever the light does to a face, and liveness alone decides.
func measure(ctx context.Context, e *face.Engine, rec capture.Recording, n int, random io.Reader) (faceproof.Evidence, error) {
	run := analysis.New(analysis.Config{Engine: e, Rand: random, Candidates: n, Concurrency: 1}).Begin()
	for _, f := range rec.Frames {
		if err := run.Frame(ctx, f); err != nil {
			return faceproof.Evidence{}, err
		}
	}
	ev, portrait, err := run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceAbsent})
	if err != nil {
		return ev, err
	}
	if t, ok := ownTemplate(ctx, e, portrait); ok {
		ev, _, err = run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceFound, Template: t})
	}
	return ev, err
}

// ownTemplate enrols the face of a frame, whatever its quality; false: there is
// none.
func ownTemplate(ctx context.Context, e *face.Engine, jpeg []byte) (faceproof.Template, bool) {
	if jpeg == nil {
		return faceproof.Template{}, false
	}
	m, err := imaging.Decode(jpeg, imaging.FrameLimits)
	if err != nil {
		return faceproof.Template{}, false
	}
	faces, err := e.Detect(ctx, m)
	if err != nil || len(faces) == 0 {
		return faceproof.Template{}, false
	}
	l, err := e.Landmarks(ctx, m, faces[0])
	if err != nil {
		return faceproof.Template{}, false
	}
	v, err := e.Embed(ctx, m, faces[0], l)
	return face.Mean(e.ModelID(), [][]float32{v}), err == nil
}
