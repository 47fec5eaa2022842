package verify

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// TestFaults breaks one operation of the store or the blobs, the first time or
// every time, so that it either did not happen or happened without an answer,
// and plays a whole verification on it. Whatever breaks: a front end is told
// pass only for a committed decision with its one credential, a verification
// has at most one credential, nothing stays in the middle, and no face is left.
func TestFaults(t *testing.T) {
	ops := []string{"CreateVerification", "Verification", "App", "BeginCapture", "Advance captured", "Advance capturing", "Advance ended",
		"Decide", "Redeem", "Audit", "Sweep", "Put", "Get", "Delete", "List", "Decide+Verification", "Put+Delete", "Decide+Advance ended"}
	told := map[string]int{}
	for _, op := range ops {
		for _, how := range []outcome{fails, persisted} {
			for _, always := range []bool{false, true} {
				for _, evidence := range []string{"pass", "weak first", "reject"} {
					name := fmt.Sprintf("%s/%d/always=%v/%s", op, how, always, evidence)
					t.Run(name, func(t *testing.T) {
						bubble(t, func(t *testing.T) {
							told[faulty(t, op, how, always, evidence)]++
						})
					})
				}
			}
		}
	}
	// The table must reach both ends, or it shows nothing.
	if told["pass"] == 0 || told["fail"] == 0 || told[""] == 0 {
		t.Errorf("told %v", told)
	}
	t.Logf("told %v", told)
}

// faulty plays one row and gives what the client was told.
func faulty(t *testing.T, op string, how outcome, always bool, evidence string) string {
	w := newWorld(t)
	w.analysis.evidence = func(attempt int) faceproof.Evidence {
		switch {
		case evidence == "weak first" && attempt == 1:
			return weakEvidence()
		case evidence == "reject":
			e := goodEvidence()
			e.Match.Similarity = 0
			return e
		}
		return goodEvidence()
	}
	broken := map[string]bool{}
	fault := func(o string) outcome {
		for _, part := range strings.Split(op, "+") {
			if o == part && (always || !broken[o]) {
				broken[o] = true
				return how
			}
		}
		return works
	}
	w.store.fault, w.blobs.fault = fault, fault
	result := w.tryOnce(t)
	credential := ""
	if result != nil {
		credential, _ = result["verify_result"].(string)
		// What the front end was told is what the store holds.
		v := w.store.only(t)
		var d faceproof.Decision
		if err := json.Unmarshal(v.Decision, &d); err != nil || v.State != faceproof.StateDecided || d.Pass() != (result["outcome"] == "pass") {
			t.Errorf("told %v, stored %s %s", result["outcome"], v.State, v.Decision)
		}
	}
	if op == "Decide" && how == persisted && result == nil {
		t.Error("a committed decision was not told")
	}
	if begun := len(w.analysis.finished)+w.analysis.previews > 0; begun && !strings.Contains(op, "Advance ended") {
		// The session ended itself; it did not wait for the sweep.
		switch s := w.store.only(t).State; s {
		case faceproof.StateCapturing, faceproof.StateCaptured:
			t.Errorf("the session left %s", s)
		}
	}
	first := w.tryRedeem(credential)
	w.store.fault, w.blobs.fault = nil, nil
	second := w.tryRedeem(credential)
	if first && second {
		t.Error("redeemed twice")
	}
	if credential != "" && !first && !second && op != "Redeem" {
		t.Error("a credential that was handed out cannot be redeemed")
	}
	w.nothingLeft(t)
	if result == nil {
		return ""
	}
	return result["outcome"].(string)
}

// tryOnce plays up to two attempts and gives the final result, nil when the
// session ended without one.
func (w *world) tryOnce(t *testing.T) map[string]any {
	st, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveFlash, "", false)
	if err != nil {
		return nil
	}
	live, err := w.s.Capture(ctx, hello(st))
	if err != nil {
		return nil
	}
	p := &player{t: t, w: w, live: live, from: time.Now()}
	defer p.live.Close(faceproof.ReasonDisconnected)
	for n := 1; n <= 3; n++ {
		r := p.attempt(n)
		if r == nil || r["outcome"] != "retry" {
			return r
		}
	}
	return nil
}

func (w *world) tryRedeem(credential string) bool {
	if credential == "" {
		return false
	}
	_, err := w.s.Redeem(ctx, w.app, credential, "")
	_, _ = w.s.Portrait(ctx, w.app, PortraitKey{Credential: credential})
	return err == nil
}

// nothingLeft lets the retention run and looks for what should have gone.
func (w *world) nothingLeft(t *testing.T) {
	w.ahead = 20 * time.Minute
	if err := w.s.Retain(ctx); err != nil {
		t.Error(err)
	}
	if n := w.blobs.count(); n != 0 {
		t.Errorf("%d portraits left", n)
	}
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for _, v := range w.store.v {
		switch v.State {
		case faceproof.StateDecided, faceproof.StateRedeemed, faceproof.StateEnded:
		default:
			t.Errorf("a verification stays %s", v.State)
		}
		if (v.State == faceproof.StateEnded) != (len(v.Decision) == 0) {
			t.Errorf("half written: %s with decision %q", v.State, v.Decision)
		}
	}
	decided := 0
	for _, s := range w.store.steps {
		if strings.HasSuffix(s, " "+string(faceproof.StateDecided)) {
			decided++
		}
	}
	if decided > len(w.store.v) || w.store.minted != decided {
		t.Errorf("%d decisions, %d credentials", decided, w.store.minted)
	}
	if len(w.analysis.frames) != 0 {
		t.Error("pictures are left")
	}
	if l := w.log.String(); strings.Contains(l, "张") || strings.Contains(l, "99000019") {
		t.Errorf("the log names the person: %s", l)
	}
}
