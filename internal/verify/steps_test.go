package verify

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/clock"
	"faceproof/internal/keys"
)

// steppedWorld is a service on a machine whose wall clock a test steps; steady
// says whether it keeps its time by internal/clock, as `faceproof serve` does.
func steppedWorld(t testing.TB, steady bool) (w *world, step func(time.Duration)) {
	var off atomic.Int64 // ns
	begun := time.Now()
	now := func() time.Time { return time.Now().Add(time.Duration(off.Load())) }
	if steady {
		now = clock.New(clock.Config{Wall: now, Elapsed: func() time.Duration { return time.Since(begun) }}).Now
	}
	w = newWorld(t, func(c *Config) { c.Now = now })
	return w, func(d time.Duration) { off.Add(int64(d)) }
}

// stepped plays a session in which the clock is stepped at a moment of its
// course, and counts what was wrong: the session did not pass, its credential
// was refused a second before its end, or taken a second after it.
func stepped(t *testing.T, rng *rand.Rand, steady bool) (wrong int) {
	w, step := steppedWorld(t, steady)
	by := []time.Duration{time.Hour, -time.Hour}[rng.IntN(2)]
	at := rng.IntN(5)
	moment := func(i int) {
		if i == at {
			step(by)
		}
	}
	st := w.start1()
	moment(0)
	live, err := w.s.Capture(ctx, hello(st))
	if err != nil {
		return 1
	}
	passed, token := impatient(live, func(i int) { moment(i + 1) })
	if !passed {
		t.Logf("step %v at %d: did not pass", by, at)
		return 1
	}
	moment(4)
	// A second use is refused anyway, so one of the two moments is tried.
	early := rng.IntN(2) == 0
	if early {
		time.Sleep(CredentialTTL - time.Second)
	} else {
		time.Sleep(CredentialTTL + time.Second)
	}
	if _, err := w.s.Redeem(ctx, w.app, token, ""); (err == nil) != early {
		t.Logf("step %v at %d: early %t, %v", by, at, early, err)
		wrong++
	}
	return wrong
}

// security.md T37: the clock is stepped by an hour in the middle of a hundred
// sessions, either way: each is as if it had not been. With the wall clock
// alone they are not.
func TestClockSteps(t *testing.T) {
	const seed, n = 37, 100
	wrong := map[bool]int{}
	for _, steady := range []bool{true, false} {
		rng := rand.New(rand.NewPCG(seed, 0))
		for range n {
			synctest.Test(t, func(t *testing.T) { wrong[steady] += min(stepped(t, rng, steady), 1) })
		}
	}
	if wrong[true] != 0 {
		t.Errorf("%d of %d sessions were wrong", wrong[true], n)
	}
	if wrong[false] < n/4 {
		t.Errorf("the control: with the wall clock only %d of %d were wrong", wrong[false], n)
	}
	acceptance.Record(t, acceptance.Row{Area: "Clock steps", Number: "no early accept, no eternal credential", Gate: "C", Seed: seed, N: n, Failures: wrong[true],
		Result: fmt.Sprintf("±1 h at a random moment of %d sessions: %d wrong", n, wrong[true])})
	acceptance.Record(t, acceptance.Row{Area: "Clock steps", Control: true, Seed: seed, N: n,
		Result: fmt.Sprintf("by the wall clock %d of %d sessions or credentials were wrong", wrong[false], n)})
}

// A credential is taken a second before its end and refused a second after it, a
// thousand times, with the clock stepped by an hour in between.
func TestExpiryTable(t *testing.T) {
	const seed, n = 306, 1000
	wrong := 0
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 0))
		w, step := steppedWorld(t, true)
		for i := range n {
			clear(w.store.v)
			clear(w.store.cred)
			v, err := w.s.draft(w.app, w.subject, faceproof.AliveAuto, "", StartTTL)
			if err != nil {
				t.Fatal(err)
			}
			v.State, v.FinishedAt = faceproof.StateDecided, w.s.millis()
			v.Decision = []byte(`{"outcome":"pass","reasons":["pass"]}`)
			token := fmt.Sprintf("%0128d", i)
			hash := keys.HashToken(token)
			w.store.v[v.ID] = v
			w.store.cred[fmt.Sprintf("%x", hash)] = faceproof.Credential{Hash: hash, VerificationID: v.ID, AppID: v.AppID, ExpiresAt: v.FinishedAt + CredentialTTL.Milliseconds()}
			early := i%2 == 0
			left := CredentialTTL + time.Second
			if early {
				left = CredentialTTL - time.Second
			}
			first := time.Duration(rng.Int64N(int64(left)))
			time.Sleep(first)
			step([]time.Duration{time.Hour, -time.Hour}[rng.IntN(2)])
			time.Sleep(left - first)
			if _, err := w.s.Redeem(ctx, w.app, token, ""); (err == nil) != early {
				wrong++
			}
		}
	})
	if wrong != 0 {
		t.Errorf("%d of %d wrong", wrong, n)
	}
	acceptance.Record(t, acceptance.Row{Area: "Expiry", Seed: seed, N: n, Failures: wrong, Result: fmt.Sprintf("%d at TTL − 1 s taken, %d at TTL + 1 s refused, the clock stepped ±1 h before each: %d wrong", n/2, n/2, wrong)})
}
