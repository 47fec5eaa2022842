package faceproof

import "testing"

// The rule: weak light gets more colours; few frames and the unknown do not.
func TestPlanColours(t *testing.T) {
	usual := DefaultPolicy()
	amplitude := func(a, err float64) LightEvidence {
		return lightOf(func(e *LightEvidence) { e.Amplitude, e.Error = a, err })
	}
	for _, c := range []struct {
		name         string
		e            LightEvidence
		want, strict Plan
	}{
		{"enough", amplitude(.1, .003), PlanUsual, PlanStrict},
		{"surely enough", amplitude(.0374, .003), PlanUsual, PlanStrict},
		{"perhaps enough", amplitude(.0371, .003), PlanLong, PlanLong},
		{"a vague forecast", amplitude(.08, .03), PlanLong, PlanLong},
		{"thin", amplitude(.02, .003), PlanLong, PlanLong},
		{"weak, shown all the same", amplitude(0, .001), PlanLong, PlanLong},
		{"bright", lightOf(func(e *LightEvidence) { e.Brightness = .95 }), PlanLong, PlanLong},
		{"dark", lightOf(func(e *LightEvidence) { e.Brightness = .05 }), PlanUsual, PlanStrict},
		{"few frames", lightOf(func(e *LightEvidence) { e.FPS, e.Amplitude = 5, .02 }), PlanUsual, PlanStrict},
		{"no forecast", lightOf(func(e *LightEvidence) { e.Predicted, e.Amplitude = false, 0 }), PlanUsual, PlanStrict},
		{"nothing", LightEvidence{}, PlanUsual, PlanStrict},
	} {
		for _, p := range []Policy{usual, usual.Strict()} {
			want := c.want
			if p.MinSegments > PlanUsual.Segments {
				want = c.strict
			}
			if got := PlanColours(p, PredictLight(p, c.e), c.e); got != want {
				t.Errorf("%s, %s: %+v, want %+v", c.name, p.ID, got, want)
			}
		}
	}
	for _, p := range Plans() {
		if p.SegmentMS < 350 || p.Segments < 10 {
			t.Errorf("%+v", p)
		}
	}
}

// Strict asks for more of everything, can be met with its candidates, and is not
// stricter than itself.
func TestStrict(t *testing.T) {
	usual := DefaultPolicy()
	s := usual.Strict()
	if s.ID == usual.ID || s.Alpha != 1e-4 || s.MinL <= usual.MinL || s.SureL <= s.MinL || s.MinLevel != LevelStandard || s.Strict() != s {
		t.Errorf("%+v", s)
	}
	for _, p := range []Policy{usual, s} {
		if least := 1 / float64(p.Candidates+1); least > p.Alpha/float64(p.MaxAttempts) {
			t.Errorf("%s: p cannot be under %g, asked for %g", p.ID, least, p.Alpha/float64(p.MaxAttempts))
		}
	}
	e := genuine()
	if e.Flash.L = 20; !Decide(usual, e).Pass() || Decide(s, e).Outcome != OutcomeInconclusive {
		t.Error("p of 1e-4 is enough for the usual policy only")
	}
	if e.Flash.P = 1e-5; !Decide(s, e).Pass() {
		t.Errorf("%+v", Decide(s, e))
	}
}
