package eval

import (
	"context"
	"io"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/face"
)

// measurement is the server's analysis of one capture, frame by frame.
type measurement struct {
	run    *analysis.Run
	engine *face.Engine
	frames int // it has seen
	sounds int // it has heard
}

// measure begins one, with n candidates from random bytes of our own. speech may be
// nil where no digits are read.
func measure(e *face.Engine, speech digits.Recogniser, n int, random io.Reader) *measurement {
	return &measurement{run: analysis.New(analysis.Config{Engine: e, Speech: speech, Rand: random, Candidates: n, Concurrency: 1}).Begin(), engine: e}
}

// see takes the frames and the sound of rec that it has not had, in the order in
// which they would come; those before are the same.
func (m *measurement) see(ctx context.Context, rec capture.Recording) error {
	for _, f := range rec.Frames[m.frames:] {
		if err := m.hear(ctx, rec, f.T); err != nil {
			return err
		}
		if err := m.run.Frame(ctx, f); err != nil {
			return err
		}
		m.frames++
	}
	return nil
}

// hear takes the sound that has ended by a time (ms).
func (m *measurement) hear(ctx context.Context, rec capture.Recording, until float64) error {
	for m.sounds < len(rec.Sounds) && rec.Sounds[m.sounds].EndT() <= until {
		if err := m.run.Sound(ctx, rec.Sounds[m.sounds]); err != nil {
			return err
		}
		m.sounds++
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
// Errors are those of the analysis: CodeUnavailable, field "speech", for digits
// without a recogniser.
func (m *measurement) finish(ctx context.Context, rec capture.Recording) (faceproof.Evidence, error) {
	if err := m.see(ctx, rec); err != nil {
		return faceproof.Evidence{}, err
	}
	if n := len(rec.Sounds); n > 0 {
		if err := m.hear(ctx, rec, rec.Sounds[n-1].EndT()); err != nil {
			return faceproof.Evidence{}, err
		}
	}
	ev, portrait, err := m.run.Finish(ctx, rec.Transcript(), faceproof.Reference{State: faceproof.ReferenceAbsent})
	if err == nil && portrait != nil {
		row := m.engine.Pack().Threshold(1, 1)
		ev.Reference = faceproof.ReferenceFound
		ev.Match = &faceproof.MatchEvidence{ModelID: m.engine.ModelID(), Similarity: 1, Threshold: row.Threshold, FMR: row.FMR, ProbeFrames: 1, ReferenceFrames: 1}
	}
	return ev, err
}
