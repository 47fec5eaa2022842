package faceproof

import (
	"math"
	"slices"
	"testing"
)

// looks is PAD evidence of five frames with one score.
func looks(score float64) *PADEvidence {
	return PADOf(slices.Repeat([]PADFrame{{Live: score, Reach: 2.7}}, 5), 3)
}

func TestPADOf(t *testing.T) {
	if PADOf(nil, 3) != nil {
		t.Error("evidence of no frames")
	}
	e := PADOf([]PADFrame{{.9, 2.7}, {.2, 2.1}, {.5, 2}, {0, 1.9}, {.6, 3}}, 3)
	if e.Frames != 4 || e.Near != 1 || e.Unsure || math.Abs(e.Score-.55) > 1e-12 || e.Low != .2 || e.High != .9 || e.Reach != 2.1 {
		t.Errorf("%+v", e)
	}
	if e = PADOf([]PADFrame{{.1, 1.2}, {.1, 1.5}, {.1, 2.5}, {.1, 2.5}}, 3); !e.Unsure || e.Frames != 2 || e.Near != 2 {
		t.Errorf("a face too near: %+v", e)
	}
	if e = PADOf([]PADFrame{{.1, 1.2}}, 0); !e.Unsure || e.Frames != 0 || e.Score != 0 || e.Reach != 1.2 {
		t.Errorf("no frame that counts: %+v", e)
	}
	last := -1.
	for _, s := range []float64{0, .01, .029, .2, .438, .9, .99, .9999, 1} {
		p := bonaFideShare(s)
		if p < last || p < 0 || p > 100 {
			t.Errorf("%g: percentile %g after %g", s, p, last)
		}
		last = p
	}
	if bonaFideShare(0) != 0 || bonaFideShare(1) != 100 || bonaFideShare(.438) != 5 {
		t.Errorf("%g, %g, %g", bonaFideShare(0), bonaFideShare(1), bonaFideShare(.438))
	}
}

// Passive PAD asks for another attempt where the shape is thin, and no more: it
// rejects nobody and passes nobody.
func TestPADWeighs(t *testing.T) {
	p := DefaultPolicy()
	for _, c := range []struct {
		name   string
		change func(*Evidence)
		want   Outcome
		reason Reason
	}{
		{"a print by its looks, a clear shape", func(e *Evidence) { e.PAD = looks(.01) }, OutcomePass, ReasonPass},
		{"a print by its looks, a thin shape", func(e *Evidence) { e.PAD, e.Flash.L = looks(.01), p.MinL+.5 }, OutcomeInconclusive, ReasonShapeUnsure},
		{"the same, and looks that do not count", func(e *Evidence) { e.PAD, e.Flash.L = looks(.01), p.MinL+.5; e.PAD.Unsure = true }, OutcomePass, ReasonPass},
		{"live by its looks, a thin shape", func(e *Evidence) { e.PAD, e.Flash.L = looks(1), p.MinL+.5 }, OutcomePass, ReasonPass},
		{"live by its looks saves no flat shape", func(e *Evidence) { e.PAD, e.Flash.L = looks(1), p.MinL-.5 }, OutcomeInconclusive, ReasonShapeUnsure},
		{"a print by its looks rejects nothing", func(e *Evidence) { e.PAD, e.Flash.L = looks(0), p.SpoofL+.1 }, OutcomeInconclusive, ReasonShapeUnsure},
		{"nor an attack that glows", func(e *Evidence) { e.PAD, e.Flash.L, e.Flash.Shape.Kappa = looks(0), p.MinL+.1, p.SpoofKappa-.1 }, OutcomeInconclusive, ReasonShapeUnsure},
		{"no background to see, a shape barely sure", func(e *Evidence) { e.PAD, e.Flash.L, e.Flash.BackgroundCells = looks(0), p.SureL+.1, 0 }, OutcomeInconclusive, ReasonBackgroundUnsure},
		{"a background that answers, a shape barely sure", func(e *Evidence) {
			e.PAD, e.Flash.L, e.Flash.BackgroundRatio = looks(0), p.SureL+.1, p.BackgroundPass+.05
		}, OutcomeInconclusive, ReasonBackgroundUnsure},
		{"live by its looks, light of another challenge", func(e *Evidence) { e.PAD, e.Flash.P = looks(1), .4 }, OutcomeReject, ReasonNotFresh},
		{"not a number", func(e *Evidence) { e.PAD = looks(math.NaN()) }, OutcomeInconclusive, ReasonQuality},
	} {
		e := genuine()
		e.Parallax = nil
		c.change(&e)
		d := Decide(p, e)
		if d.Outcome != c.want || d.Reasons[0] != c.reason {
			t.Errorf("%s: %s %v, want %s %s", c.name, d.Outcome, d.Reasons, c.want, c.reason)
		}
	}
	e := genuine()
	e.Parallax, e.PAD, e.Flash.L = nil, looks(.01), p.MinL+.5
	if d := Decide(p, e); !slices.Contains(d.Reasons, ReasonPAD) {
		t.Errorf("the reason is not told: %v", d.Reasons)
	}
	// Only where the policy says so it rejects, and then by itself.
	e = genuine()
	e.PAD = looks(.01)
	p.PADReject = .05
	if d := Decide(p, e); d.Outcome != OutcomeReject || d.Reasons[0] != ReasonPAD {
		t.Errorf("a policy that rejects by the looks: %s %v", d.Outcome, d.Reasons)
	}
	if e.PAD.Unsure = true; !Decide(p, e).Pass() {
		t.Error("rejected by looks that do not count")
	}
}

// Reading aloud: the looks are the other way to the level standard where the light
// does not show, and take it away where it shows no shape.
func TestPADAndDigits(t *testing.T) {
	noLight := func(e *Evidence) { e.Digits.LightOn, e.Flash = false, nil }
	for _, c := range []struct {
		name   string
		change func(*Evidence)
		want   Level
	}{
		{"no light, live by its looks", func(e *Evidence) { noLight(e); e.PAD = looks(.95) }, LevelStandard},
		{"no light, nothing said of the looks", noLight, LevelLow},
		{"no light, looks that do not count", func(e *Evidence) { noLight(e); e.PAD = looks(.95); e.PAD.Unsure = true }, LevelLow},
		{"no light, live but not clearly", func(e *Evidence) { noLight(e); e.PAD = looks(.85) }, LevelLow},
		{"a bright room, live by its looks", func(e *Evidence) { e.Flash.P, e.Flash.Amplitude = .3, .004; e.PAD = looks(.95) }, LevelStandard},
		{"light that shows and is not clearly ours", func(e *Evidence) { e.Flash.P = .02; e.PAD = looks(.95) }, LevelLow},
		{"a flat thing in weak light, live by its looks", func(e *Evidence) { flat(e); e.Flash.Amplitude = .02; e.PAD = looks(1) }, LevelLow},
		{"digits at once, live by its looks", func(e *Evidence) { atOnce(e); noLight(e); e.PAD = looks(1) }, LevelLow},
		{"our light, a print by its looks", func(e *Evidence) { e.PAD = looks(.01) }, LevelLow},
		{"our light on a clear shape, a print by its looks", func(e *Evidence) { e.PAD = looks(.01); e.Flash.L, e.Flash.Shape.Cells = 5, 90 }, LevelStandard},
		{"our light, live by its looks", func(e *Evidence) { e.PAD = looks(1) }, LevelStandard},
	} {
		e := genuineDigits()
		c.change(&e)
		if d := Decide(DefaultPolicy(), e); !d.Pass() || d.Level != c.want {
			t.Errorf("%s: %s %v, level %q, want %q", c.name, d.Outcome, d.Reasons, d.Level, c.want)
		}
	}
	// It passes nothing alone: without lips, without the words, or where the policy
	// asks for the light.
	e := genuineDigits()
	noLight(&e)
	e.PAD = looks(1)
	if Decide(DefaultPolicy().Strict(), e).Pass() {
		t.Error("the strict policy passes by the looks")
	}
	e.Digits.Lips.Sync = .1
	if Decide(DefaultPolicy(), e).Pass() {
		t.Error("a mouth that did not say it passes by the looks")
	}
}
