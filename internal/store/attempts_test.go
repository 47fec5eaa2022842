package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"faceproof"
)

// A budget is exact however many spend it at once, counts each verification
// once, and keeps apps and keys apart.
func TestSpend(t *testing.T) {
	s := open(t)
	full := errors.New("full")
	spend := func(app faceproof.AppID, ref string, at, since int64, inApp, overall int) error {
		added, err := s.Spend(ctx, faceproof.Attempt{Kind: faceproof.AttemptSubject, Key: []byte("k"), AppID: app, Ref: ref, At: at}, since, inApp, overall)
		if err == nil && !added {
			return full
		}
		return err
	}
	added := make(chan error, 60)
	for i := range cap(added) {
		go func() { added <- spend(app1, fmt.Sprint("r", i), t0+int64(i), t0-1, 5, 10) }()
	}
	n := 0
	for range cap(added) {
		switch err := <-added; {
		case err == nil:
			n++
		case err != full:
			t.Error(err)
		}
	}
	if n != 5 {
		t.Errorf("%d of 5 were spent", n)
	}
	for i := range 5 {
		must(t, spend(app2, fmt.Sprint("q", i), t0+100+int64(i), t0-1, 0, 10))
	}
	if err := spend(app2, "q5", t0+110, t0-1, 0, 10); err != full {
		t.Errorf("the eleventh over all apps: %v", err)
	}
	must(t, spend(app2, "q6", t0+110, t0+60, 0, 10)) // the first five are out of the window
	must(t, spend(app2, "q6", t0+111, t0+60, 0, 10)) // the same verification
	got, err := s.Attempts(ctx, faceproof.AttemptSubject, []byte("k"), t0+99)
	must(t, err)
	if len(got) != 6 || got[0].At != t0+100 || got[5].Ref != "q6" || got[0].AppID != app2 {
		t.Errorf("%+v", got)
	}
	must(t, s.Forgive(ctx, faceproof.AttemptSubject, []byte("k"), app2))
	got, err = s.Attempts(ctx, faceproof.AttemptSubject, []byte("k"), 0)
	must(t, err)
	if len(got) != 5 || got[0].AppID != app1 {
		t.Errorf("forgiven: %+v", got)
	}
	must(t, second(s.Sweep(ctx, t0+1000+(48*time.Hour).Milliseconds())))
	if left := count(t, s, `SELECT COUNT(*) FROM attempts`); left != 0 {
		t.Errorf("%d attempts left", left)
	}
}

// A day's calls end at the limit and begin again at midnight in China.
func TestCalls(t *testing.T) {
	s := open(t)
	midnight := int64(1_795_363_200_000) // 2026-11-23 00:00 in China
	call := func(app faceproof.AppID, name string, at int64) bool {
		ok, err := s.Call(ctx, app, name, at, 2)
		must(t, err)
		return ok
	}
	got := []bool{call(app1, "getinfo", midnight-2), call(app1, "getinfo", midnight-1), call(app1, "getinfo", midnight-1),
		call(app2, "getinfo", midnight-1), call(app1, "getimage", midnight-1), call(app1, "getinfo", midnight)}
	if fmt.Sprint(got) != "[true true false true true true]" {
		t.Error(got)
	}
}
