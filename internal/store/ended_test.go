package store

import (
	"testing"
	"time"

	"faceproof"
)

// Whoever ends a capture that had begun, the app is told: the sweep, after a
// crash, and a withdrawal, of the person or of the session. Of one that nobody
// began it is not (docs/webhooks.md).
func TestEveryEndIsTold(t *testing.T) {
	s := hooked(t)
	begun := func(id string) {
		t.Helper()
		must(t, s.CreateVerification(ctx, newVerification(id, app1), entry("create")))
		must(t, second(s.BeginCapture(ctx, id, []byte("token-"+id), faceproof.Consent{VerificationID: id, AppID: app1, ReceiptHash: []byte(id),
			SubjectIndex: []byte("index"), PersonIndex: []byte("person"), Notice: "c", GivenAt: t0}, t0+1, entry("begin"))))
	}
	told := func(how string, want ...string) {
		t.Helper()
		list, err := s.WebhookEvents(ctx, "", "", 100)
		must(t, err)
		for _, id := range want {
			n := 0
			for _, e := range list {
				if e.VerificationID == id && e.Kind == faceproof.EventEnded {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s: %d events of %s", how, n, id)
			}
		}
		if len(list) != len(want) {
			t.Errorf("%s: %d events in all", how, len(list))
		}
	}
	begun("swept")
	must(t, s.Advance(ctx, "swept", faceproof.StateCapturing, faceproof.StateCaptured, nil, "", t0+2, entry("captured")))
	must(t, s.CreateVerification(ctx, newVerification("never", app1), entry("create")))
	must(t, second(s.Sweep(ctx, t0+time.Hour.Milliseconds())))
	told("sweep", "swept")

	begun("session")
	must(t, second(s.WithdrawSession(ctx, "session", entry("withdraw"))))
	told("session", "swept", "session")

	begun("person")
	must(t, s.CreateVerification(ctx, newVerification("waits", app1), entry("create")))
	must(t, second2(s.Withdraw(ctx, []byte("person"), []byte("index"), faceproof.Withdrawal{Receipt: "W-1", At: t0 + 5}, entry("withdraw"))))
	told("person", "swept", "session", "person")
	for _, id := range []string{"never", "waits"} {
		if got := state(t, s, id).State; got != faceproof.StateEnded {
			t.Errorf("%s is %s", id, got)
		}
	}
}
