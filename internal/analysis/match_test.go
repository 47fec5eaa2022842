package analysis

import (
	"testing"

	"faceproof"
	"faceproof/internal/face/facetest"
)

// The threshold is that of the target and of the numbers of frames; the target
// stays when the attempt is over, and the score does not depend on it.
func TestTarget(t *testing.T) {
	for _, pack := range facetest.Packs {
		e := facetest.Open(t, pack)
		r := New(Config{Engine: e}).Begin()
		probe := faceproof.Template{ModelID: e.ModelID(), Frames: 5, Vector: make([]float32, 128)}
		probe.Vector[0] = 1
		ref := faceproof.Reference{State: faceproof.ReferenceFound, Template: probe}
		for _, c := range []struct {
			target float64 // 0: none is named
			frames int     // of the reference
		}{{0, 1}, {0, 5}, {1e-2, 1}, {1e-2, 5}, {1e-3, 5}} {
			if c.target > 0 {
				r.Target(c.target)
			}
			r.Reset()
			ref.Template.Frames = c.frames
			m, _, err := r.match(probe, ref)
			if err != nil {
				t.Fatal(err)
			}
			want := c.target
			if want == 0 {
				want = e.Pack().Match.FMR
			}
			at := e.Pack().ThresholdFor(want, 5, c.frames)
			if m.Threshold != at.Threshold || m.FMR != at.FMR || m.FMR > want || m.Similarity != 1 || m.Score != e.Pack().Score(1, 5, c.frames) || m.Score < faceproof.MatchScore(m.FMR) {
				t.Errorf("%s, %+v: %+v, want %+v", pack, c, m, at)
			}
		}
	}
}
