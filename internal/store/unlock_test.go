package store

import (
	"sync"
	"testing"
	"time"

	"faceproof"
)

// Failures in a row are exact for any number of callers, wait when they must,
// stop at the cap, and are forgotten by a pass and by the operator alone.
func TestFail(t *testing.T) {
	s := open(t)
	k := []byte("k")
	counted := func(at int64, free, total int) bool {
		ok, err := s.Fail(ctx, k, at, free, total, 30*time.Second)
		must(t, err)
		return ok
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	n := 0
	for range 60 {
		all.Go(func() {
			if counted(t0, 5, 50) {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if n != 5 {
		t.Errorf("%d at one moment, want 5", n)
	}
	if counted(t0+29_999, 5, 50) || !counted(t0+30_000, 5, 50) || counted(t0+30_001, 5, 50) {
		t.Error("the delay does not hold")
	}
	for i := range 100 {
		if counted(t0+int64(i+2)*30_000, 5, 50) {
			n++
		}
	}
	if got, at, err := s.Failures(ctx, k); err != nil || got != 50 || at == 0 || n+1 != 50 {
		t.Errorf("%d in a row, %d counted, %v", got, n+1, err)
	}
	if !counted(t0+1e9, 0, 0) {
		t.Error("without limits it does not count")
	}
	must(t, second(s.Spend(ctx, faceproof.Attempt{Kind: faceproof.AttemptSubject, Key: k, AppID: app1, Ref: "v", At: t0}, 0, 0, 0)))
	if found, err := s.Unlock(ctx, k, entry("unlock")); err != nil || !found {
		t.Error(found, err)
	}
	if found, err := s.Unlock(ctx, k, entry("unlock")); err != nil || found {
		t.Error(found, err)
	}
	if left := count(t, s, `SELECT (SELECT COUNT(*) FROM failures) + (SELECT COUNT(*) FROM attempts)`); left != 0 {
		t.Errorf("%d rows left", left)
	}
	counted(t0, 5, 50)
	must(t, s.Forgive(ctx, faceproof.AttemptSubject, k, app1))
	if got, _, err := s.Failures(ctx, k); err != nil || got != 0 {
		t.Errorf("after a pass: %d, %v", got, err)
	}
	if got, _, err := s.Failures(ctx, []byte("x")); err != nil || got != 0 {
		t.Errorf("of nobody: %d, %v", got, err)
	}
}

func TestNewestAudit(t *testing.T) {
	s := open(t)
	must(t, s.Audit(ctx, faceproof.AuditEntry{At: t0 + 77, Actor: "a", Action: "b"}))
	if at, err := s.NewestAudit(ctx); err != nil || at != t0+77 {
		t.Errorf("%d, %v", at, err)
	}
}
