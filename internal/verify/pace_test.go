package verify

import (
	"fmt"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/pace"
)

// security.md T46: an app that opens sessions far faster than its pace gets its
// pace and no more, is told that the house is busy, and costs other apps nothing;
// what it was refused left no trace, and after RetryAfter it is served again.
func TestAppsHaveAPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		each := pace.Rate{PerSecond: 2, Burst: 10}
		w := newWorld(t, func(c *Config) { c.PerApp = each })
		open := func(app faceproof.App) bool {
			_, err := w.s.Start1(ctx, app, w.subject, faceproof.AliveFlash, "", false)
			if err != nil && err != errBusy {
				t.Fatal(err)
			}
			return err == nil
		}
		const seconds, aSecond = 60, 100
		served, refused, others, late := 0, 0, 0, 0
		for range seconds {
			for i := range aSecond {
				if open(w.app) {
					served++
				} else {
					refused++
				}
				if i%(aSecond/2) == 0 { // another app, at half of its own pace
					if open(w.other) {
						others++
					} else {
						late++
					}
				}
				time.Sleep(time.Second / aSecond)
			}
		}
		want := each.Burst + int(each.PerSecond*seconds)
		if served < want-1 || served > want+1 || late > 0 || others != 2*seconds {
			t.Errorf("%d of %d served, want %d; another app %d, %d refused", served, served+refused, want, others, late)
		}
		if n := len(w.store.v); n != served+others {
			t.Errorf("%d sessions are stored, %d were opened", n, served+others)
		}
		time.Sleep(RetryAfter)
		if !open(w.app) {
			t.Error("refused after the time that it was told to wait")
		}
		acceptance.Record(t, acceptance.Row{Area: "Pace of an app", Number: "an app that asks 50 times as fast as it may gets its pace; another app loses nothing", N: served + refused + others + late, Failures: late + max(0, served-want-1),
			Gate: "C", Result: fmt.Sprintf("%d asked in a minute by one app, %d let in (10 and 2 a second), %d told to come again; of %d of another app none", served+refused, served, refused, others)})
	})
}

// Sessions that were saved up are not begun at once: captures have the same pace,
// and a refusal leaves the session as it was.
func TestCapturesHaveAPace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		var saved []Started
		for range 6 {
			saved = append(saved, w.start1())
		}
		w.s.runs = pace.New[faceproof.AppID](pace.Rate{PerSecond: .5, Burst: 4}, 10)
		for _, st := range saved[:4] {
			w.play(ctx, st).live.Close(faceproof.ReasonDisconnected)
		}
		if _, err := w.s.Capture(ctx, hello(saved[4])); err != errBusy {
			t.Fatalf("a fifth at once: %v", err)
		}
		time.Sleep(2 * time.Second)
		w.play(ctx, saved[4]).live.Close(faceproof.ReasonDisconnected)
		// Who shows a wrong token costs the app nothing.
		for range 100 {
			h := hello(saved[5])
			h.CaptureToken = faceproof.NewToken("x")
			if _, err := w.s.Capture(ctx, h); err != errSession {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		w.play(ctx, saved[5]).live.Close(faceproof.ReasonDisconnected)
	})
}
