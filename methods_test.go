package faceproof

import "testing"

// What the client wishes never widens what the app allows: every wish, every
// policy, and a server with and without a recogniser.
func TestMethodsNeverWiden(t *testing.T) {
	f, d, auto := AliveFlash, AliveDigits, AliveAuto
	colours, both, aloud := Methods{First: f}, Methods{First: f, Digits: true}, Methods{First: d, Digits: true}
	for _, c := range []struct {
		policy, wish AliveType
		with         Methods // a recogniser
		code         Code
		without      Methods
		codeWithout  Code
	}{
		{f, f, colours, "", colours, ""},
		{f, d, Methods{}, CodeForbidden, Methods{}, CodeForbidden},
		{f, auto, colours, "", colours, ""},
		{d, f, Methods{}, CodeForbidden, Methods{}, CodeForbidden},
		{d, d, aloud, "", Methods{}, CodeUnavailable},
		{d, auto, aloud, "", Methods{}, CodeUnavailable},
		{auto, f, colours, "", colours, ""},
		{auto, d, aloud, "", Methods{}, CodeUnavailable},
		{auto, auto, both, "", colours, ""},
		{auto, 3, Methods{}, CodeInvalid, Methods{}, CodeInvalid},
		{auto, -1, Methods{}, CodeInvalid, Methods{}, CodeInvalid},
		{9, f, Methods{}, CodeForbidden, Methods{}, CodeForbidden},
		{9, d, Methods{}, CodeForbidden, Methods{}, CodeForbidden},
		{9, auto, Methods{}, CodeForbidden, Methods{}, CodeForbidden},
	} {
		for _, digits := range []bool{true, false} {
			want, code := c.with, c.code
			if !digits {
				want, code = c.without, c.codeWithout
			}
			got, err := MethodsOf(c.policy, c.wish, digits)
			if got != want || ErrorCode(err) != code {
				t.Errorf("policy %d, wish %d, recogniser %v: %+v, %v", c.policy, c.wish, digits, got, err)
			}
			allowed := func(m AliveType) bool { return c.policy == auto || c.policy == m }
			if err == nil && (!allowed(got.First) || got.Digits && (!allowed(d) || !digits)) {
				t.Errorf("policy %d, wish %d, recogniser %v: %+v is wider", c.policy, c.wish, digits, got)
			}
		}
	}
}

func TestReading(t *testing.T) {
	for _, c := range []struct {
		r    Reading
		want Code
	}{
		{Reading{}, ""}, {Reading{AtOnce: true}, ""}, {Reading{MinLevel: LevelLow}, ""}, {Reading{MinLevel: LevelStandard}, ""},
		{Reading{AtOnce: true, MinLevel: LevelLow}, ""}, {Reading{AtOnce: true, MinLevel: LevelStandard}, CodeInvalid}, {Reading{MinLevel: "high"}, CodeInvalid},
	} {
		if err := c.r.Check(); ErrorCode(err) != c.want {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
	for _, c := range []struct{ server, app, want Level }{
		{LevelLow, LevelNone, LevelLow}, {LevelLow, LevelStandard, LevelStandard}, {LevelStandard, LevelLow, LevelStandard}, {LevelNone, LevelLow, LevelLow},
	} {
		p := DefaultPolicy()
		p.MinLevel = c.server
		got := Reading{MinLevel: c.app}.Policy(p)
		if got.MinLevel != c.want || (got.ID == p.ID) != (c.want == c.server) {
			t.Errorf("server %q, app %q: %q, %s", c.server, c.app, got.MinLevel, got.ID)
		}
	}
}

// Digits are offered only where one could pass.
func TestCanRead(t *testing.T) {
	usual := DefaultPolicy()
	for _, c := range []struct {
		p    Policy
		want bool
	}{
		{usual, true}, {usual.WithMinLevel(LevelStandard), true}, {usual.Strict(), false}, {usual.Strict().WithMinLevel(LevelLow), true}, {usual.WithMinLevel("high"), false},
	} {
		e := genuineDigits()
		e.Flash.P = 1. / gentleCodes
		if got := c.p.CanRead(); got != c.want || Decide(c.p, e).Pass() != c.want {
			t.Errorf("%s: %v, %+v", c.p.ID, got, Decide(c.p, e))
		}
	}
}

// The notice speaks of sound where sound may be recorded, and the consent is to
// that very notice.
func TestShownSound(t *testing.T) {
	a := App{ID: "wx00000000000000a1", Notice: Notice{Handler: "h", Contact: "c", Purpose: "p", Necessity: "n", Alternative: "a"}}
	quiet, loud := a.Shown(false), a.Shown(true)
	if quiet.Sound || !loud.Sound || quiet.Hash() == loud.Hash() {
		t.Errorf("%+v, %+v", quiet, loud)
	}
	a.Notice.Sound = true // never the operator's to say
	if a.Shown(false).Sound {
		t.Error("the operator's word counts")
	}
}
