package store

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"faceproof"

	"pgregory.net/rapid"
)

const (
	created   = faceproof.StateCreated
	capturing = faceproof.StateCapturing
	captured  = faceproof.StateCaptured
	stDecided = faceproof.StateDecided
	redeemed  = faceproof.StateRedeemed
	ended     = faceproof.StateEnded
)

// T10: however many redeem at once, each credential is redeemed once.
func TestRedeemOnce(t *testing.T) {
	s := open(t)
	const credentials, callers = 5, 1000
	for c := range credentials {
		decided(t, s, fmt.Sprint("v", c), app1)
	}
	for c := range credentials {
		hash := []byte(fmt.Sprint("cred-v", c))
		won := race(t, callers, func(int) error { return second(s.Redeem(ctx, hash, app1, "", t0+10, entry("redeem"))) }, faceproof.CodeNotFound)
		if won != 1 {
			t.Errorf("credential %d: %d of %d redemptions succeeded", c, won, callers)
		}
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'redeem'`); n != credentials {
		t.Errorf("%d audit rows of %d redemptions", n, credentials)
	}
}

// T11: another app, another time and another token get the same answer, and
// change nothing.
func TestRedeemRefuses(t *testing.T) {
	s := open(t)
	decided(t, s, "v", app1)
	decided(t, s, "used", app1)
	v, err := s.Redeem(ctx, []byte("cred-used"), app1, "", t0+10, entry("redeem"))
	must(t, err)
	if v.State != redeemed || v.RedeemedAt != t0+10 || v.ID != "used" || string(v.SubjectSealed) != "sealed" {
		t.Errorf("got %+v", v)
	}
	cases := map[string]error{
		"unknown":       second(s.Redeem(ctx, []byte("cred-x"), app1, "", t0+10, entry("redeem"))),
		"foreign":       second(s.Redeem(ctx, []byte("cred-v"), app2, "", t0+10, entry("redeem"))),
		"expired":       second(s.Redeem(ctx, []byte("cred-v"), app1, "", t0+300_000, entry("redeem"))),
		"used":          second(s.Redeem(ctx, []byte("cred-used"), app1, "", t0+11, entry("redeem"))),
		"empty":         second(s.Redeem(ctx, nil, app1, "", t0+10, entry("redeem"))),
		"no app":        second(s.Redeem(ctx, []byte("cred-v"), "", "", t0+10, entry("redeem"))),
		"id, not token": second(s.Redeem(ctx, []byte("v"), app1, "", t0+10, entry("redeem"))),
	}
	for name, err := range cases {
		if err == nil || err.Error() != cases["unknown"].Error() {
			t.Errorf("%s: %v, want %v", name, err, cases["unknown"])
		}
	}
	if v := state(t, s, "v"); v.State != stDecided {
		t.Errorf("a refused redemption changed it to %s", v.State)
	}
	must(t, second(s.Redeem(ctx, []byte("cred-v"), app1, "", t0+299_999, entry("redeem"))))
}

func TestCaptureToken(t *testing.T) {
	s := open(t)
	must(t, s.CreateVerification(ctx, newVerification("v", app1), entry("create")))
	must(t, s.RotateToken(ctx, "v", []byte("second"), nil, t0+1))
	begin := func(id, token string, at int64) error {
		var hash []byte
		if token != "" {
			hash = []byte(token)
		}
		return second(s.BeginCapture(ctx, id, hash, faceproof.Consent{Notice: "c"}, at, entry("begin")))
	}
	want(t, begin("v", "token-v", t0+2), faceproof.CodeNotFound) // rotated away
	want(t, begin("v", "", t0+2), faceproof.CodeNotFound)
	want(t, begin("x", "second", t0+2), faceproof.CodeNotFound)
	want(t, begin("v", "second", t0+180_000), faceproof.CodeExpired)
	want(t, s.RotateToken(ctx, "v", []byte("late"), nil, t0+180_000), faceproof.CodeExpired)
	want(t, s.RotateToken(ctx, "x", []byte("none"), nil, t0), faceproof.CodeNotFound)
	if won := race(t, 50, func(int) error { return begin("v", "second", t0+3) }, faceproof.CodeConflict); won != 1 {
		t.Errorf("%d sockets got the session", won)
	}
	want(t, s.RotateToken(ctx, "v", []byte("third"), nil, t0+4), faceproof.CodeConflict)
	if v := state(t, s, "v"); v.State != capturing || v.Consent != "c" || v.StartedAt != t0+3 {
		t.Errorf("got %+v", v)
	}
	// A wrong token looks like an unknown id in every state.
	want(t, begin("v", "wrong", t0+5), faceproof.CodeNotFound)
}

// Of two processes' worth of callers for every step of the state machine, one
// wins.
func TestAdvanceIsCompareAndSwap(t *testing.T) {
	s := open(t)
	put := func(id string, st faceproof.State) {
		v := newVerification(id, app1)
		v.State, v.Generation = st, faceproof.Gen2
		must(t, s.CreateVerification(ctx, v, entry("create")))
	}
	all := []faceproof.State{created, capturing, captured, stDecided, redeemed, ended}
	for _, from := range all {
		for _, to := range all {
			id := string(from + "-" + to)
			put(id, from)
			advance := func(int) error {
				return s.Advance(ctx, id, from, to, []byte(`{}`), faceproof.ReasonCancelled, t0+5, entry("advance"))
			}
			allowed := 0
			if from.Can(to) && to != stDecided {
				allowed = 1
			}
			if won := race(t, 20, advance, faceproof.CodeConflict); won != allowed {
				t.Errorf("%s → %s: %d of 20 won, want %d", from, to, won, allowed)
			}
		}
	}
	v := state(t, s, "captured-ended")
	if v.EndReason != faceproof.ReasonCancelled || v.FinishedAt != t0+5 || string(v.Evidence) != "{}" {
		t.Errorf("ended: %+v", v)
	}
	if v := state(t, s, "captured-capturing"); v.EndReason != "" || v.FinishedAt != 0 {
		t.Errorf("retry: %+v", v)
	}
	want(t, s.Advance(ctx, "none", created, ended, nil, "", t0, entry("advance")), faceproof.CodeNotFound)
	// Generation 1 has a credential; only redeeming it redeems.
	decided(t, s, "gen1", app1)
	want(t, s.Advance(ctx, "gen1", stDecided, redeemed, nil, "", t0, entry("advance")), faceproof.CodeConflict)
}

func TestDecide(t *testing.T) {
	s := open(t)
	cred := faceproof.Credential{Hash: []byte("c"), VerificationID: "v", AppID: app1, ExpiresAt: t0 + 300_000}
	decide := func(c faceproof.Credential) error {
		return s.Decide(ctx, "v", []byte(`{}`), []byte(`{}`), false, c, t0+3, entry("decide"))
	}
	want(t, decide(cred), faceproof.CodeNotFound)
	must(t, s.CreateVerification(ctx, newVerification("v", app1), entry("create")))
	want(t, decide(cred), faceproof.CodeConflict)
	must(t, second(s.BeginCapture(ctx, "v", []byte("token-v"), faceproof.Consent{}, t0, entry("begin"))))
	must(t, s.Advance(ctx, "v", capturing, captured, nil, "", t0, entry("captured")))
	foreign := cred
	foreign.AppID = app2
	want(t, decide(foreign), faceproof.CodeInternal)
	foreign = cred
	foreign.VerificationID = "w"
	want(t, decide(foreign), faceproof.CodeInternal)
	if v := state(t, s, "v"); v.State != captured || v.Decision != nil {
		t.Fatalf("a refused decision changed it: %+v", v)
	}
	n := atomic.Int64{}
	if won := race(t, 20, func(int) error {
		c := cred
		c.Hash = []byte{byte(n.Add(1))}
		return decide(c)
	}, faceproof.CodeConflict); won != 1 {
		t.Errorf("%d decisions", won)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM credentials`); n != 1 {
		t.Errorf("%d credentials", n)
	}
}

// T09: whatever is called in whatever order, a verification only ever takes the
// steps of State.Can, and every step has its audit row.
func TestRandomCalls(t *testing.T) {
	s := open(t)
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++
		id := fmt.Sprint("r", round)
		must(t, s.CreateVerification(ctx, newVerification(id, app1), entry("create")))
		have, steps, at := created, 0, t0
		for i := range rapid.IntRange(1, 12).Draw(r, "calls") {
			at += int64(rapid.SampledFrom([]int{1, 1000, 200_000}).Draw(r, "pause"))
			a := faceproof.AuditEntry{At: at, Actor: "test", Action: "step", Object: id}
			var err error
			switch rapid.IntRange(0, 4).Draw(r, "call") {
			case 0:
				err = second(s.BeginCapture(ctx, id, []byte("token-"+id), faceproof.Consent{}, at, a))
			case 1:
				states := []faceproof.State{created, capturing, captured, stDecided, redeemed, ended}
				err = s.Advance(ctx, id, rapid.SampledFrom(states).Draw(r, "from"), rapid.SampledFrom(states).Draw(r, "to"), nil, "", at, a)
			case 2:
				err = s.Decide(ctx, id, []byte(`{}`), nil, false, faceproof.Credential{Hash: []byte(fmt.Sprint(id, i)), VerificationID: id, AppID: app1, ExpiresAt: at + 300_000}, at, a)
			case 3:
				err = second(s.Redeem(ctx, []byte(fmt.Sprint(id, rapid.IntRange(0, i).Draw(r, "credential"))), app1, "", at, a))
			case 4:
				_ = s.RotateToken(ctx, id, []byte("token-"+id), nil, at)
				err = fmt.Errorf("no step")
			}
			now := state(t, s, id).State
			if err == nil {
				steps++
				if !have.Can(now) {
					r.Fatalf("%s → %s", have, now)
				}
			} else if now != have {
				r.Fatalf("a failed call went %s → %s", have, now)
			}
			have = now
		}
		if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE object = $1 AND action = 'step'`, id); n != steps {
			r.Fatalf("%d steps, %d audit rows", steps, n)
		}
	})
}

// Two processes on one file: neither sees a lock, and each credential is
// redeemed once between them.
func TestTwoProcesses(t *testing.T) {
	const credentials = 20
	if path := os.Getenv("FACEPROOF_TEST_REDEEM"); path != "" {
		s := openAt(t, path, false)
		for c := range credentials {
			if _, err := s.Redeem(ctx, []byte(fmt.Sprint("cred-v", c)), app1, "", t0+10, entry("redeem")); err == nil {
				fmt.Println("WON", c)
			} else if faceproof.ErrorCode(err) != faceproof.CodeNotFound {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "faceproof.db")
	s := openAt(t, path, true)
	for c := range credentials {
		decided(t, s, fmt.Sprint("v", c), app1)
	}
	const processes = 3
	out := make([]bytes.Buffer, processes)
	var wg sync.WaitGroup
	for p := range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
			cmd.Env = append(os.Environ(), "FACEPROOF_TEST_REDEEM="+path)
			cmd.Stdout, cmd.Stderr = &out[p], &out[p]
			if err := cmd.Run(); err != nil {
				t.Errorf("process %d: %v\n%s", p, err, &out[p])
			}
		})
	}
	wg.Wait()
	won := map[string]int{}
	for p := range processes {
		for _, line := range strings.Split(out[p].String(), "\n") {
			if strings.HasPrefix(line, "WON") {
				won[line]++
			}
		}
	}
	if len(won) != credentials {
		t.Errorf("%d of %d credentials were redeemed", len(won), credentials)
	}
	for c, n := range won {
		if n != 1 {
			t.Errorf("%s: %d times", c, n)
		}
	}
}

// Credential and verification each hold the line alone: setting one back does
// not open the other.
func TestRedeemHoldsTwice(t *testing.T) {
	s := open(t)
	redeem := func(app faceproof.AppID) error {
		return second(s.Redeem(ctx, []byte("cred-v"), app, "", t0+10, entry("redeem")))
	}
	decided(t, s, "v", app1)
	must(t, redeem(app1))
	for _, change := range []string{`UPDATE verifications SET state = 'decided'`, `UPDATE verifications SET state = 'redeemed'; UPDATE credentials SET used_at = 0`,
		`UPDATE verifications SET state = 'decided', app_id = '` + string(app2) + `'`} {
		_, err := s.writer.Exec(change)
		must(t, err)
		want(t, redeem(app1), faceproof.CodeNotFound)
		want(t, redeem(app2), faceproof.CodeNotFound)
	}
}

// T11: no app redeems any other app's credential; each redeems its own.
func TestForeignCredentials(t *testing.T) {
	s := open(t)
	const apps = 30
	id := func(i int) faceproof.AppID { return faceproof.AppID(fmt.Sprintf("wx%016x", i)) }
	for i := range apps {
		decided(t, s, fmt.Sprint("v", i), id(i))
	}
	for i := range apps {
		for j := range apps {
			if _, err := s.Redeem(ctx, []byte(fmt.Sprint("cred-v", j)), id(i), "", t0+10, entry("redeem")); i != j && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
				t.Errorf("app %d, credential %d: %v", i, j, err)
			} else if i == j && err != nil {
				t.Errorf("app %d, its own: %v", i, err)
			}
		}
	}
}

// T39: a process that is killed at any moment loses nothing that it has
// acknowledged, and never leaves a decision without its credential and audit
// row.
func TestKilled(t *testing.T) {
	if path := os.Getenv("FACEPROOF_TEST_KILL"); path != "" {
		s := openAt(t, path, false)
		for i := 0; ; i++ {
			id := fmt.Sprint(os.Getpid(), "-", i)
			decided(t, s, id, app1)
			fmt.Println("DONE", id)
		}
	}
	path := filepath.Join(t.TempDir(), "faceproof.db")
	openAt(t, path, true).Close()
	acknowledged := 0
	for range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "FACEPROOF_TEST_KILL="+path)
		pipe, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		var ids []string
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			if id, ok := strings.CutPrefix(lines.Text(), "DONE "); ok {
				if ids = append(ids, id); len(ids) == 20 {
					must(t, cmd.Process.Kill()) // while it works on the next; what it wrote by then is read below
				}
			}
		}
		_ = cmd.Wait()
		s := openAt(t, path, false)
		for _, id := range ids {
			if v := state(t, s, id); v.State != stDecided {
				t.Errorf("%s was acknowledged and is %s", id, v.State)
			}
		}
		acknowledged += len(ids)
		decisions, credentials := count(t, s, `SELECT COUNT(*) FROM verifications WHERE state = 'decided'`), count(t, s, `SELECT COUNT(*) FROM credentials`)
		if log := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = 'decide'`); log != decisions || credentials != decisions || decisions < acknowledged {
			t.Errorf("%d acknowledged, %d decisions, %d credentials, %d audit rows", acknowledged, decisions, credentials, log)
		}
		var check string
		must(t, s.reader.QueryRow(`PRAGMA integrity_check`).Scan(&check))
		if check != "ok" {
			t.Error(check)
		}
		s.Close()
	}
	if acknowledged < 100 {
		t.Errorf("only %d were acknowledged", acknowledged)
	}
}

// Several processes may start on an empty folder at once.
func TestConcurrentFirstOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "faceproof.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(ctx, Config{Path: path, KeyID: "k"})
			if err != nil {
				t.Error(err)
				return
			}
			s.Close()
		})
	}
	wg.Wait()
}

// Under the number that a credential was used with, its app reads it again for
// a day; nothing else does, and nothing changes.
func TestReplay(t *testing.T) {
	const day = 24 * 3_600_000
	s := open(t)
	for _, id := range []string{"v", "loose", "fresh"} {
		decided(t, s, id, app1)
	}
	first, err := s.Redeem(ctx, []byte("cred-v"), app1, "order-1", t0+10, entry("redeem"))
	must(t, err)
	must(t, second(s.Redeem(ctx, []byte("cred-loose"), app1, "", t0+10, entry("redeem"))))
	must(t, second(s.Sweep(ctx, t0+10+day-1))) // the credential's own 300 s are over
	again, err := s.Replay(ctx, []byte("cred-v"), app1, "order-1", t0+10+day-1, entry("replay"))
	must(t, err)
	if fmt.Sprint(again.ID, again.State, again.RedeemedAt, string(again.Decision)) != fmt.Sprint(first.ID, first.State, first.RedeemedAt, string(first.Decision)) {
		t.Errorf("%+v, first %+v", again, first)
	}
	unknown := second(s.Replay(ctx, []byte("cred-x"), app1, "order-1", t0+20, entry("replay")))
	want(t, unknown, faceproof.CodeNotFound)
	for name, err := range map[string]error{
		"another number": second(s.Replay(ctx, []byte("cred-v"), app1, "order-2", t0+20, entry("replay"))),
		"no number":      second(s.Replay(ctx, []byte("cred-v"), app1, "", t0+20, entry("replay"))),
		"another app":    second(s.Replay(ctx, []byte("cred-v"), app2, "order-1", t0+20, entry("replay"))),
		"used without":   second(s.Replay(ctx, []byte("cred-loose"), app1, "", t0+20, entry("replay"))),
		"not used":       second(s.Replay(ctx, []byte("cred-fresh"), app1, "", t0+20, entry("replay"))),
		"a day later":    second(s.Replay(ctx, []byte("cred-v"), app1, "order-1", t0+10+day, entry("replay"))),
		"redeemed again": second(s.Redeem(ctx, []byte("cred-v"), app1, "order-1", t0+20, entry("redeem"))),
	} {
		if err == nil || err.Error() != unknown.Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit WHERE action IN ('redeem', 'replay')`); n != 3 {
		t.Errorf("%d audit rows of two redemptions and a replay", n)
	}
	must(t, second(s.Sweep(ctx, t0+10+day)))
	if n := count(t, s, `SELECT COUNT(*) FROM credentials`); n != 0 {
		t.Errorf("%d credentials are left", n)
	}
}

// However many mismatches come at once, the limit is reached once.
func TestMismatch(t *testing.T) {
	s := open(t)
	decided(t, s, "v", app1)
	const callers, limit = 100, 5
	race(t, callers, func(int) error { return s.Mismatch(ctx, "v", limit, entry("mismatch")) }, "")
	must(t, s.Mismatch(ctx, "", limit, entry("mismatch")))
	if v := state(t, s, "v"); v.Mismatches != limit || v.State != stDecided {
		t.Errorf("%d mismatches, %s", v.Mismatches, v.State)
	}
	for action, n := range map[string]int{"mismatch": callers + 1, "verification.revoke": 1} {
		if got := count(t, s, `SELECT COUNT(*) FROM audit WHERE action = $1`, action); got != n {
			t.Errorf("%d audit rows %s, want %d", got, action, n)
		}
	}
}
