package verify

import (
	"testing"
	"time"

	"faceproof"
)

// The store commits and the connection to it breaks: the business asks again
// under its number and loses nothing; without one the credential is gone.
func TestRedeemAfterALostCommit(t *testing.T) {
	w := newWorld(t)
	_, token := w.decided(w.app, faceproof.Gen1)
	w.store.fault = func(op string) outcome { return map[bool]outcome{true: persisted}[op == "Redeem"] }
	if _, err := w.s.Redeem(ctx, w.app, token, "order-1"); err == nil || err == errCredential {
		t.Fatalf("a lost answer: %v", err)
	}
	w.store.fault = nil
	if _, err := w.s.Redeem(ctx, w.app, token, ""); err != errCredential {
		t.Errorf("without its number: %v", err)
	}
	first, err := w.s.Redeem(ctx, w.app, token, "order-1")
	if err != nil || !first.Replayed || !first.Decision.Pass() || first.Subject != w.subject {
		t.Fatalf("%+v, %v", first, err)
	}
	w.ahead = 24*time.Hour - time.Second
	again, err := w.s.Redeem(ctx, w.app, token, "order-1")
	if err != nil || again.UserIDKey.Reveal() != first.UserIDKey.Reveal() {
		t.Errorf("%+v, %v", again, err)
	}
	if sub, err := w.s.SubjectOf(ctx, w.app.ID, again.UserIDKey.Reveal()); err != nil || sub != w.subject {
		t.Errorf("the key of a late replay: %v", err)
	}
	w.ahead = 24 * time.Hour
	if _, err := w.s.Redeem(ctx, w.app, token, "order-1"); err != errCredential {
		t.Errorf("a day later: %v", err)
	}
}

// A key that could not be kept costs no answer; a replay mends it.
func TestRedeemWithoutAKey(t *testing.T) {
	w := newWorld(t)
	_, token := w.decided(w.app, faceproof.Gen1)
	w.store.fault = func(op string) outcome { return map[bool]outcome{true: fails}[op == "PutUserIDKey"] }
	first, err := w.s.Redeem(ctx, w.app, token, "order-1")
	if err != nil || first.Replayed || len(first.UserIDKey.Reveal()) != 32 {
		t.Fatalf("%+v, %v", first, err)
	}
	w.store.fault = nil
	key := first.UserIDKey.Reveal()
	if _, err := w.s.SubjectOf(ctx, w.app.ID, key); faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		t.Fatalf("the key was kept: %v", err)
	}
	if again, err := w.s.Redeem(ctx, w.app, token, "order-1"); err != nil || again.UserIDKey.Reveal() != key {
		t.Fatalf("%+v, %v", again, err)
	}
	if sub, err := w.s.SubjectOf(ctx, w.app.ID, key); err != nil || sub != w.subject {
		t.Errorf("after the replay: %v", err)
	}
}

// A mismatch that cannot be counted is not answered either: else a broken store
// would lift the limit.
func TestMismatchIsCountedOrFails(t *testing.T) {
	w := newWorld(t)
	c, err := w.s.Create(ctx, w.request("order-1"))
	if err != nil {
		t.Fatal(err)
	}
	w.store.fault = func(op string) outcome { return map[bool]outcome{true: fails}[op == "Mismatch"] }
	for _, id := range []string{c.VerifyID.Reveal(), "unknown"} {
		if _, err := w.s.Query(ctx, w.app, id, "order-2", w.certHash(), "o-1"); err == nil || err == errVerifyID {
			t.Errorf("%v", err)
		}
	}
}
