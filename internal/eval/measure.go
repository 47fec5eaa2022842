package eval

import (
	"context"
	"io"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/capture"
	"faceproof/internal/face"
)

// measurement is the server's analysis of one capture, frame by frame.
type measurement struct {
	run    *analysis.Run
	engine *face.Engine
	frames int // it has seen
}

// measure begins one, with n candidates from random bytes of our own.
func measure(e *face.Engine, n int, random io.Reader) *measurement {
	return &measurement{run: analysis.New(analysis.Config{Engine: e, Rand: random, Candidates: n, Concurrency: 1}).Begin(), engine: e}
}

// see takes the frames of rec that it has not seen; those before are the same.
func (m *measurement) see(ctx context.Context, rec capture.Recording) error {
	for _, f := range rec.Frames[m.frames:] {
		if err := m.run.Frame(ctx, f); err != nil {
			return err
		}
		m.frames++
	}
	return nil
}

// forecast is what the server measures before the colours.
func (m *measurement) forecast(ctx context.Context, opening capture.Recording) (faceproof.LightEvidence, error) {
	err := m.see(ctx, opening)
	return m.run.Light(opening.Transcript()), err
}

// finish gives the evidence. Who it is plays no part: when the capture has a
// portrait, the match is that of a face with itself, and liveness alone decides.
func (m *measurement) finish(ctx context.Context, rec capture.Recording) (faceproof.Evidence, error) {
	if err := m.see(ctx, rec); err != nil {
		return faceproof.Evidence{}, err
	}
	ev, portrait, err := m.run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceAbsent})
	if err == nil && portrait != nil {
		row := m.engine.Pack().Threshold(1, 1)
		ev.Reference = faceproof.ReferenceFound
		ev.Match = &faceproof.MatchEvidence{ModelID: m.engine.ModelID(), Similarity: 1, Threshold: row.Threshold, FMR: row.FMR, ProbeFrames: 1, ReferenceFrames: 1}
	}
	return ev, err
}
