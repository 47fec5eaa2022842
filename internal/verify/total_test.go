package verify

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"faceproof"
)

// mismatch counts a live face that was not the person's at the present time.
func (w *world) mismatch(t *testing.T, id string) faceproof.Decision {
	t.Helper()
	v := faceproof.Verification{ID: id, AppID: w.app.ID, SubjectIndex: fakeKeys{}.Index("subject", []byte(w.subject.IDNumber.Reveal()))}
	d, err := w.s.charge(ctx, v, Caller{}, faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonFaceMismatch}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// NIST SP 800-63B-4 section 3.2.3: after five failures in a row each further one
// waits 30 s; after fifty only the other method is left, however long one
// waits. A pass before that begins the row anew. Failures without a live face
// do not count.
func TestFailuresInARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w, m := limitedWorld(t)
		w.s.cfg.Budget.Subject, w.s.cfg.Budget.SubjectAll = 0, 0 // the window is another test's
		start := func() error {
			_, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", false)
			return err
		}
		for i := range 5 {
			if err := start(); err != nil {
				t.Fatalf("after %d: %v", i, err)
			}
			w.mismatch(t, fmt.Sprint("a", i))
		}
		wantLimit(t, start(), "delay")
		if d := w.mismatch(t, "at once"); d.Reasons[0] != faceproof.ReasonLimit {
			t.Errorf("a capture that ran beside: %v", d)
		}
		time.Sleep(29*time.Second + 999*time.Millisecond)
		wantLimit(t, start(), "delay")
		time.Sleep(time.Millisecond)
		if err := start(); err != nil {
			t.Errorf("after 30 s: %v", err)
		}
		if d, err := w.session(ctx, w.app, goodEvidence()); err != nil || !d.Pass() {
			t.Fatalf("the person: %+v, %v", d, err)
		}
		if n, _, _ := m.Failures(ctx, fakeKeys{}.Index("subject", []byte(w.subject.IDNumber.Reveal()))); n != 0 {
			t.Errorf("%d failures after a pass", n)
		}
		counted := 0
		for i := range 200 {
			time.Sleep(31 * time.Second)
			if d := w.mismatch(t, fmt.Sprint("b", i)); d.Reasons[0] == faceproof.ReasonFaceMismatch {
				counted++
			}
		}
		if counted != 50 {
			t.Errorf("%d faces were compared, want 50", counted)
		}
		time.Sleep(400 * 24 * time.Hour)
		wantLimit(t, start(), "subject")
		if d := w.mismatch(t, "c"); d.Reasons[0] != faceproof.ReasonLimit {
			t.Errorf("after a year: %v", d)
		}
	})
}

// Captures that run side by side cannot outrun the cap.
func TestTotalIsExact(t *testing.T) {
	w, _ := limitedWorld(t)
	w.s.cfg.Budget.Subject, w.s.cfg.Budget.SubjectAll, w.s.cfg.Budget.Free = 0, 0, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	count := map[faceproof.Reason]int{}
	for i := range 300 {
		all.Go(func() {
			d := w.mismatch(t, fmt.Sprint("v", i))
			mu.Lock()
			count[d.Reasons[0]]++
			mu.Unlock()
		})
	}
	all.Wait()
	if count[faceproof.ReasonFaceMismatch] != 50 || count[faceproof.ReasonLimit] != 250 {
		t.Errorf("%v", count)
	}
}
