//go:build failpoint

package main

import (
	"context"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/keys"
)

func hashOf(secret string) []byte { return keys.HashToken(secret) }

// faultEnroller takes any photo.
type faultEnroller struct{}

func (faultEnroller) ModelID() string { return "stand-in" }

func (faultEnroller) Enrol(context.Context, [][]byte) (faceproof.Template, error) {
	v := make([]float32, 128)
	v[0] = 1
	return faceproof.Template{ModelID: "stand-in", Frames: 5, Vector: v}, nil
}

// faultAnalysis finds the right person in any picture.
type faultAnalysis struct{}

func (faultAnalysis) Preview(context.Context, []byte) (faceproof.Guidance, error) {
	return faceproof.Guidance{OK: true, Box: [4]float64{.3, .2, .4, .5}}, nil
}
func (faultAnalysis) Frame(context.Context, capture.Frame) error { return nil }
func (faultAnalysis) Sound(context.Context, capture.Audio) error { return nil }
func (faultAnalysis) Reset()                                     {}
func (faultAnalysis) Approach(bool)                              {}
func (faultAnalysis) Target(float64)                             {}

func (faultAnalysis) Light(capture.Transcript) faceproof.LightEvidence {
	return faceproof.LightEvidence{Frames: 24, FPS: 15, Brightness: .5, Predicted: true, Amplitude: .1, BackgroundCells: 60}
}

func (faultAnalysis) Finish(_ context.Context, t capture.Transcript, r faceproof.Reference) (faceproof.Evidence, []byte, error) {
	return faceproof.Evidence{
		PackID: "stand-in", Method: "flash", Assurance: faceproof.AssuranceWebUnattested, Attempt: t.Attempt, Reference: r.State,
		Capture: faceproof.CaptureEvidence{Captured: t.Captured, Received: t.Received, FPS: 15, JPEGQ: 88, DurationMS: 5000, ServerMS: 5000},
		Face:    faceproof.FaceEvidence{Analysed: 60, WithFace: 60, Continuity: .9, Quality: faceproof.Quality{Faces: 1}},
		Flash: &faceproof.FlashEvidence{P: 1e-5, Candidates: 1e5, Z: 6, R2: .97, Amplitude: .1, LatencyMS: 80, BackgroundRatio: .1,
			BackgroundCells: 60, SkinCells: 80, Measurable: true,
			L: 8, Cut: 1, Shape: faceproof.ShapeEvidence{Cells: 80, HeadCells: 200, B: .6, BSE: .1, D: .8, DSE: .6, Spread: .3, Kappa: .05, KappaSE: .05}},
		Match: &faceproof.MatchEvidence{ModelID: "stand-in", Similarity: .9, Threshold: .5, FMR: 1e-4, Score: 87.3, ProbeFrames: 8, ReferenceFrames: 5},
	}, []byte("\xff\xd8\xffbest"), nil
}
