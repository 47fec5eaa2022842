package verify

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

// security.md T08: a session has another secret at each step of the browser's
// life, and none of an earlier step is taken at a later one: opened, opened again
// (a reload, a lost answer, a session renewed after long reading), begun (consent
// and capture are one step, which uses the token up), decided, redeemed. The
// answer of an opening that was lost is asked for again by the same browser, and
// only the newest token works. What is stored is hashes.
func TestTokensRotateWithTheSteps(t *testing.T) {
	n := 20
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 500
	}
	tried, wrong := 0, 0
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		browser := WithBrowser(ctx, "this browser")
		for i := range n {
			// refused: nothing of an earlier step opens the capture now.
			refused := func(step string, earlier []Started) {
				t.Helper()
				for _, st := range earlier {
					state := w.store.get(st.SessionID).State
					_, err := w.s.Capture(ctx, hello(st))
					code := faceproof.ErrorCode(err)
					if tried++; code != faceproof.CodeNotFound && code != faceproof.CodeConflict || w.store.get(st.SessionID).State != state {
						wrong++
						t.Errorf("%s: a token of before: %v", step, err)
					}
					if _, err := w.s.Redeem(ctx, w.app, st.CaptureToken.Reveal(), ""); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
						wrong++
						t.Errorf("%s: a capture token redeems: %v", step, err)
					}
				}
			}
			created, err := w.s.Create(ctx, w.request(fmt.Sprintf("order-%d", i)))
			if err != nil {
				t.Fatal(err)
			}
			var past []Started
			open := func() Started {
				t.Helper()
				st, err := w.s.Start2(browser, w.app, created.VerifyID.Reveal(), nil, false)
				if err != nil {
					t.Fatal(err)
				}
				return st
			}
			now := open()
			for range 2 { // a lost answer, a reload
				past = append(past, now)
				now = open()
				refused("opened again", past)
			}
			if string(w.store.get(now.SessionID).TokenHash) == now.CaptureToken.Reveal() {
				t.Fatal("the token itself is stored")
			}
			p := w.play(context.Background(), now)
			past = append(past, now)
			refused("begun", past)
			if _, err := w.s.Start2(browser, w.app, created.VerifyID.Reveal(), nil, false); faceproof.ErrorCode(err) != faceproof.CodeConflict {
				t.Errorf("opened after it has begun: %v", err)
			}
			if r := p.attempt(1); r["outcome"] != "pass" {
				t.Fatalf("the capture itself was disturbed: %v", r)
			}
			p.live.Close(faceproof.ReasonDisconnected)
			refused("decided", past)
			time.Sleep(time.Second)
		}
	})
	row := acceptance.Row{Area: "Rotation of the capture token", Number: "a token of step n is refused at n + 1", N: tried, Failures: wrong, Gate: "C/N",
		Result: fmt.Sprintf("%d sessions, opened three times each, begun, decided: %d tries with tokens of earlier steps, all refused and nothing disturbed", n, tried)}
	t.Log(row.Result)
	acceptance.Record(t, row)
}
