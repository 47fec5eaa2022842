package verify

import (
	"fmt"
	"testing"

	"faceproof"
)

// What the client wishes never widens what the app allows, also when the policy
// changes after the verification was created: 3 wishes, 3 policies before, 3 after,
// with and without a recogniser.
func TestMethodNeverWidensThePolicy(t *testing.T) {
	all := []faceproof.AliveType{faceproof.AliveDigits, faceproof.AliveFlash, faceproof.AliveAuto}
	for _, digits := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.Digits = digits })
		n := 0
		for _, wish := range all {
			for _, before := range all {
				for _, after := range all {
					n++
					app, r := w.app, w.request(fmt.Sprintf("order-%d-%v", n, digits))
					app.Alive, r.Alive = before, wish
					r.App = app
					want, refused := faceproof.MethodsOf(before, wish, digits)
					created, err := w.s.Create(ctx, r)
					if faceproof.ErrorCode(err) != faceproof.ErrorCode(refused) {
						t.Fatalf("wish %d, policy %d, %v: %v, want %v", wish, before, digits, err, refused)
					}
					if st, err := w.s.Start1(ctx, app, w.subject, wish, "", false); faceproof.ErrorCode(err) != faceproof.ErrorCode(refused) || st.Methods != want {
						t.Fatalf("wish %d, policy %d, %v: %+v, %v", wish, before, digits, st, err)
					}
					if refused != nil {
						continue
					}
					app.Alive = after
					want, refused = faceproof.MethodsOf(after, wish, digits)
					st, err := w.s.Start2(ctx, app, created.VerifyID.Reveal(), nil, false)
					if faceproof.ErrorCode(err) != faceproof.ErrorCode(refused) || st.Methods != want {
						t.Fatalf("wish %d, policy %d, then %d, %v: %+v, %v", wish, before, after, digits, st, err)
					}
				}
			}
		}
	}
}

// A decision states its method; before there is one, what the capture begins with
// is told. What digits were read is told of a pass by digits.
func TestInfoMethod(t *testing.T) {
	for _, c := range []struct {
		asked  faceproof.AliveType
		method string
		want   faceproof.AliveType
	}{
		{faceproof.AliveAuto, "", faceproof.AliveFlash}, {faceproof.AliveDigits, "", faceproof.AliveDigits}, {faceproof.AliveFlash, "", faceproof.AliveFlash},
		{faceproof.AliveAuto, faceproof.MethodDigits, faceproof.AliveDigits}, {faceproof.AliveAuto, faceproof.MethodFlash, faceproof.AliveFlash},
		{faceproof.AliveDigits, faceproof.MethodDigits, faceproof.AliveDigits},
	} {
		i := Info{Verification: faceproof.Verification{Alive: c.asked}, Decision: faceproof.Decision{Method: c.method}}
		if got := i.Method(); got != c.want {
			t.Errorf("asked for %d, decided by %q: %d", c.asked, c.method, got)
		}
	}
}

// Digits that could never pass are not offered: under a policy too strict for
// them, and all at once where more than low is asked for.
func TestImpossibleDigitsAreNotOffered(t *testing.T) {
	usual := faceproof.DefaultPolicy()
	for _, c := range []struct {
		policy faceproof.Policy
		atOnce bool
		want   bool
	}{
		{usual, false, true}, {usual, true, true}, {usual.Strict(), false, false}, {usual.Strict(), true, false},
		{usual.Strict().WithMinLevel(faceproof.LevelLow), false, true}, {usual.WithMinLevel(faceproof.LevelStandard), false, true},
		{usual.WithMinLevel(faceproof.LevelStandard), true, false},
	} {
		w := newWorld(t, func(g *Config) { g.Digits, g.Policy = true, c.policy })
		app := w.app
		app.Reading.AtOnce = c.atOnce
		if m, err := w.s.methods(app, faceproof.AliveDigits); (err == nil) != c.want || m.Digits != c.want {
			t.Errorf("%s, at once %v: %+v, %v", c.policy.ID, c.atOnce, m, err)
		}
		if m, err := w.s.methods(app, faceproof.AliveAuto); err != nil || m.Digits != c.want || m.First != faceproof.AliveFlash {
			t.Errorf("%s, at once %v: %+v, %v", c.policy.ID, c.atOnce, m, err)
		}
	}
}

// A policy that no pass could satisfy stops the start of a server.
func TestNewRefusesLevels(t *testing.T) {
	w := newWorld(t)
	for level, ok := range map[faceproof.Level]bool{"": true, faceproof.LevelLow: true, faceproof.LevelStandard: true, "high": false} {
		c := w.s.cfg
		c.Policy.MinLevel = level
		if _, err := New(c); (err == nil) != ok {
			t.Errorf("%q: %v", level, err)
		}
	}
}
