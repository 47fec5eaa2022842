package verify

import (
	"context"
	"testing"

	"faceproof"
)

// The backend hears the score of a face that was compared after a live face was
// seen. Of any other it would tell who is registered.
func TestMatchScore(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*faceproof.Evidence)
		want   int
		reason faceproof.Reason
	}{
		"who matches":     {func(e *faceproof.Evidence) { e.Match.Score = 91.2 }, 91, faceproof.ReasonPass},
		"another person":  {func(e *faceproof.Evidence) { e.Match.Similarity, e.Match.Score = .1, 12.3 }, 12, faceproof.ReasonFaceMismatch},
		"a replay":        {func(e *faceproof.Evidence) { e.Match.Score, e.Flash.P = 91.2, .9 }, 0, faceproof.ReasonNotFresh},
		"nobody compared": {func(e *faceproof.Evidence) { e.Match = nil; e.Reference = faceproof.ReferenceAbsent }, 0, faceproof.ReasonAbsent},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				w.analysis.evidence = func(int) faceproof.Evidence { e := goodEvidence(); c.change(&e); return e }
				if c.reason == faceproof.ReasonAbsent {
					w.registry.state = faceproof.ReferenceAbsent
				}
				token, _ := w.play(context.Background(), w.start1()).attempt(1)["verify_result"].(string)
				info, err := w.s.Redeem(context.Background(), w.app, token, "")
				if err != nil || info.MatchScore != c.want || info.Decision.Reasons[0] != c.reason {
					t.Errorf("%d, %v, %v", info.MatchScore, info.Decision.Reasons, err)
				}
			})
		})
	}
}

// The analysis is told the app's false match rate where that is stricter than the
// server's.
func TestTargetOfTheApp(t *testing.T) {
	for _, c := range []struct{ app, want float64 }{{0, 1e-4}, {1e-3, 1e-4}, {1e-6, 1e-6}} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.app.Reading.MaxFMR = c.app
			w.store.apps[w.app.ID] = w.app
			w.play(context.Background(), w.start1()).attempt(1)
			if w.analysis.target != c.want {
				t.Errorf("app %g: the analysis was told %g", c.app, w.analysis.target)
			}
		})
	}
}

func (a *fakeAnalysis) Target(fmr float64) {
	defer a.enter("target")()
	a.target = fmr
}
