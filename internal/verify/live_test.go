package verify

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

func TestPassIsRedeemedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		st := w.start1()
		if st.MaskedName != "*三" || st.Methods.First != faceproof.AliveFlash || st.ExpiresIn != StartTTL {
			t.Errorf("started %+v", st)
		}
		p := w.play(context.Background(), st)
		r := p.attempt(1)
		if r["outcome"] != "pass" || r["err_code"] != 0. || r["attempts_left"] != 0. {
			t.Fatalf("result %v", r)
		}
		p.live.Close(faceproof.ReasonDisconnected) // too late to change anything
		if code, _ := p.live.CloseCode(); code != capture.CloseDone {
			t.Errorf("close code %d", code)
		}
		v := w.store.get(st.SessionID)
		if v.State != faceproof.StateDecided || v.Consent != imageNotice().Hash() || v.EndReason != "" {
			t.Errorf("stored %+v", v)
		}
		if w.registry.who != w.subject {
			t.Error("the registry was asked about somebody else")
		}
		credential := r["verify_result"].(string)
		if len(credential) != 128 {
			t.Errorf("credential of %d characters", len(credential))
		}
		info, err := w.s.Redeem(context.Background(), w.app, credential, "")
		if err != nil || !info.Decision.Pass() || info.Subject != w.subject || info.Verification.State != faceproof.StateRedeemed {
			t.Fatalf("redeemed %+v, %v", info, err)
		}
		if _, err := w.s.Redeem(context.Background(), w.app, credential, ""); err != errCredential {
			t.Errorf("the second time: %v", err)
		}
		if !w.analysis.released || len(w.analysis.frames) != 0 {
			t.Error("the pictures were not forgotten")
		}
		if n := w.blobs.count(); n != 1 {
			t.Errorf("%d portraits", n)
		}
	})
}

// Failing for whatever reason looks the same to the front end.
func TestFailuresLookTheSame(t *testing.T) {
	var want string
	for name, change := range map[string]func(w *world){
		"absent":     func(w *world) { w.registry.state = faceproof.ReferenceAbsent },
		"other name": func(w *world) { w.registry.state = faceproof.ReferenceNameMismatch },
		"other face": func(w *world) {
			w.analysis.evidence = func(int) faceproof.Evidence { e := goodEvidence(); e.Match.Similarity = .1; return e }
		},
		"replay": func(w *world) {
			w.analysis.evidence = func(int) faceproof.Evidence { e := goodEvidence(); e.Flash.P = .5; return e }
		},
	} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			change(w)
			p := w.play(context.Background(), w.start1())
			r := p.attempt(1)
			token := r["verify_result"].(string)
			delete(r, "verify_result")
			got := strings.Join([]string{r["outcome"].(string), r["hint"].(string)}, "/")
			if r["err_code"] != float64(capture.ErrCodeFail) || len(token) != 128 {
				t.Errorf("%s: %v", name, r)
			}
			if want == "" {
				want = got
			}
			if got != want || got != "fail/" {
				t.Errorf("%s: %s, another: %s", name, got, want)
			}
			info, err := w.s.Redeem(context.Background(), w.app, token, "")
			if err != nil || info.Decision.Outcome != faceproof.OutcomeReject {
				t.Errorf("%s: %+v, %v", name, info, err)
			}
			if w.blobs.count() != 0 {
				t.Errorf("%s: the portrait of a person who failed was kept", name)
			}
		})
	}
}

func TestRetriesThenFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.analysis.evidence = func(int) faceproof.Evidence { return weakEvidence() }
		st := w.start1()
		p := w.play(context.Background(), st)
		for n := 1; n <= 2; n++ {
			r := p.attempt(n)
			if r["outcome"] != "retry" || r["hint"] != string([]faceproof.Hint{faceproof.HintRaiseBrightness, faceproof.HintTooBright}[n-1]) || r["verify_result"] != nil || r["attempts_left"] != float64(3-n) {
				t.Fatalf("attempt %d: %v", n, r)
			}
			if v := w.store.get(st.SessionID); v.State != faceproof.StateCapturing || len(v.Evidence) == 0 {
				t.Fatalf("attempt %d: stored %s", n, v.State)
			}
		}
		r := p.attempt(3)
		if r["outcome"] != "fail" || r["hint"] != "" {
			t.Fatalf("result %v", r)
		}
		if !slices.Equal(w.analysis.asked, []bool{false, true, true}) {
			t.Errorf("asked to come closer: %v", w.analysis.asked)
		}
		if w.registry.asked != 3 || w.analysis.resets < 3 {
			t.Errorf("asked %d times, reset %d times", w.registry.asked, w.analysis.resets)
		}
	})
}

// An attempt that was cut short is never measured, never passes, and may be
// repeated.
func TestCutShortIsRetried(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.play(context.Background(), w.start1())
		p.guided(1)
		p.preroll(1)
		time.Sleep(20 * time.Second) // nothing comes any more
		r := p.last("result")
		if r["outcome"] != "retry" || r["hint"] != string(faceproof.HintSlowNetwork) || len(w.analysis.finished) != 0 {
			t.Fatalf("result %v", r)
		}
		if r := p.attempt(2); r["outcome"] != "pass" {
			t.Fatalf("result %v", r)
		}
	})
}

func TestSecondSocketLoses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		st := w.start1()
		p := w.play(context.Background(), st)
		before := w.store.get(st.SessionID)
		if _, err := w.s.Capture(context.Background(), hello(st)); faceproof.ErrorCode(err) != faceproof.CodeConflict {
			t.Fatalf("second socket: %v", err)
		}
		if w.store.get(st.SessionID).State != before.State {
			t.Error("the second socket changed the session")
		}
		if r := p.attempt(1); r["outcome"] != "pass" {
			t.Errorf("the first socket got %v", r)
		}
	})
}

// Of many sockets that say hello at once, one gets the session.
func TestOneSocketWins(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		st := w.start1()
		won := make(chan *Live, 50)
		for range 50 {
			go func() {
				l, err := w.s.Capture(context.Background(), hello(st))
				if err != nil && faceproof.ErrorCode(err) != faceproof.CodeConflict {
					t.Error(err)
				}
				won <- l
			}()
		}
		n := 0
		for range 50 {
			if l := <-won; l != nil {
				n++
				l.Close(faceproof.ReasonCancelled)
			}
		}
		if n != 1 {
			t.Errorf("%d sockets won", n)
		}
	})
}

func TestCaptureIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world, h *capture.ClientHello)
		code   faceproof.Code
	}{
		"unknown":     {func(_ *world, h *capture.ClientHello) { h.SessionID = strings.Repeat("0", 32) }, faceproof.CodeNotFound},
		"wrong token": {func(_ *world, h *capture.ClientHello) { h.CaptureToken = faceproof.NewToken("AAAA") }, faceproof.CodeNotFound},
		// The app holds getimage: a consent that does not name the image kept is another one.
		"no image":     {func(_ *world, h *capture.ClientHello) { h.Consent.Notice = testNotice().Hash() }, faceproof.CodeInvalid},
		"other notice": {func(_ *world, h *capture.ClientHello) { h.Consent.Notice = strings.Repeat("0", 64) }, faceproof.CodeInvalid},
		"late":         {func(w *world, _ *capture.ClientHello) { w.ahead = StartTTL }, faceproof.CodeExpired},
		"revoked": {func(w *world, _ *capture.ClientHello) {
			a := w.app
			a.Revoked = true
			w.store.apps[a.ID] = a
		}, faceproof.CodeForbidden},
	} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			st := w.start1()
			h := hello(st)
			c.change(w, &h)
			_, err := w.s.Capture(context.Background(), h)
			if faceproof.ErrorCode(err) != c.code {
				t.Errorf("%s: %v", name, err)
			}
			if v := w.store.get(st.SessionID); v.State != faceproof.StateCreated || v.Consent != "" {
				t.Errorf("%s changed the session to %s", name, v.State)
			}
		})
	}
}

// Whatever ends a session, it is over in the store, with the reason, and
// nothing of it runs.
func TestEndsAreRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(w *world, p *player, cancel func())
		reason faceproof.Reason
		close  int
	}{
		"cancel": {func(_ *world, p *player, _ func()) {
			p.must(p.text(`{"type":"abort","reason":"cancel","stage":90004}`))
		}, faceproof.ReasonCancelled, 1000},
		"alternative": {func(_ *world, p *player, _ func()) {
			p.must(p.text(`{"type":"abort","reason":"alternative","stage":90003}`))
		}, faceproof.ReasonAlternative, 1000},
		"socket":  {func(_ *world, p *player, _ func()) { p.live.Close(faceproof.ReasonDisconnected) }, faceproof.ReasonDisconnected, 1000},
		"context": {func(_ *world, _ *player, cancel func()) { cancel() }, faceproof.ReasonDisconnected, 1000},
		"timeout": {func(*world, *player, func()) { time.Sleep(140 * time.Second) }, faceproof.ReasonTimeout, 4410},
		"protocol": {func(_ *world, p *player, _ func()) {
			if err := p.text(`{"type":"end"}`); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				p.t.Error(err)
			}
		}, faceproof.ReasonInvalidCapture, 4400},
		"bad frame": {func(w *world, p *player, _ func()) {
			w.analysis.frameErr = faceproof.Errorf(faceproof.CodeInvalid, "frame", "is damaged")
			p.must(p.display(1, "preroll", 0))
			p.must(p.frame(1, false))
		}, faceproof.ReasonInvalidCapture, 4400},
		"panic in a frame": {func(w *world, p *player, _ func()) {
			w.analysis.panics = "frame"
			p.must(p.display(1, "preroll", 0))
			p.must(p.frame(1, false))
		}, faceproof.ReasonInternal, 4500},
		"panic at the end": {func(w *world, p *player, _ func()) {
			w.analysis.panics = "finish"
			p.preroll(1)
			p.flash(1)
			p.must(p.end(1))
		}, faceproof.ReasonInternal, 4500},
		"registry": {func(w *world, p *player, _ func()) {
			w.registry.err = faceproof.Errorf(faceproof.CodeUnavailable, "", "down")
			p.preroll(1)
			p.flash(1)
			p.must(p.end(1))
		}, faceproof.ReasonInternal, 4500},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				w := newWorld(t)
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				st := w.start1()
				p := w.play(ctx, st)
				p.guided(1)
				c.end(w, p, cancel)
				p.drain()
				time.Sleep(flushTime)
				p.drain()
				if _, open := <-p.live.Out(); open {
					t.Error("Out is open")
				}
				if code, _ := p.live.CloseCode(); code != c.close {
					t.Errorf("close code %d", code)
				}
				v := w.store.get(st.SessionID)
				if v.State != faceproof.StateEnded || v.EndReason != c.reason {
					t.Errorf("stored %s, %s", v.State, v.EndReason)
				}
				if err := p.text(`{"type":"ready","attempt":1}`); err != capture.ErrEnded {
					t.Errorf("a message after the end: %v", err)
				}
				if l := w.log.String(); strings.Contains(l, "张") || strings.Contains(l, "9900001990") {
					t.Errorf("the log names the person: %s", l)
				}
				if len(w.store.cred) != 0 || len(w.analysis.frames) != 0 && w.analysis.panics == "" {
					t.Error("something is left")
				}
			})
		})
	}
}

// A number that is none compares as false with every threshold; it must not
// become a pass.
func TestNaNNeverPasses(t *testing.T) {
	for name, change := range map[string]func(e *faceproof.Evidence){
		"similarity": func(e *faceproof.Evidence) { e.Match.Similarity = math.NaN() },
		"fps":        func(e *faceproof.Evidence) { e.Capture.FPS = math.NaN() },
		"latency":    func(e *faceproof.Evidence) { e.Flash.LatencyMS = math.NaN() },
		"ratio":      func(e *faceproof.Evidence) { e.Flash.BackgroundRatio = math.Inf(-1) },
	} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			w.analysis.evidence = func(int) faceproof.Evidence { e := goodEvidence(); change(&e); return e }
			st := w.start1()
			p := w.play(context.Background(), st)
			if r := p.attempt(1); r != nil {
				t.Errorf("%s: result %v", name, r)
			}
			if e := p.last("error"); e["code"] != "internal" || w.store.get(st.SessionID).State != faceproof.StateEnded {
				t.Errorf("%s: %v", name, e)
			}
		})
	}
}

// While the analysis is behind, previews are dropped and frames of the
// challenge are not: their sender waits.
func TestSlowAnalysis(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.analysis.delay = 300 * time.Millisecond
		st := w.start1()
		p := w.play(context.Background(), st)
		p.must(p.text(`{"type":"ready","attempt":1}`))
		for range 40 {
			time.Sleep(50 * time.Millisecond)
			p.must(p.frame(1, true))
		}
		if p.last("prepare") == nil || w.analysis.previews > 8 {
			t.Fatalf("%d previews analysed", w.analysis.previews)
		}
		p.seq, p.sent = 0, 0
		start := time.Now()
		p.must(p.display(1, "preroll", 0))
		for range 40 {
			time.Sleep(25 * time.Millisecond)
			p.must(p.frame(1, false))
		}
		if waited := time.Since(start); waited < 8*time.Second {
			t.Errorf("40 frames of 300 ms were taken in %v", waited)
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(w.analysis.frames) != 40 {
			t.Errorf("%d of 40 frames were analysed", len(w.analysis.frames))
		}
		p.live.Close(faceproof.ReasonDisconnected)
	})
}

// A client that reads nothing cannot stop the deadlines nor the end.
func TestDeafClient(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t)
		st := w.start1()
		live, err := w.s.Capture(context.Background(), hello(st))
		if err != nil {
			t.Fatal(err)
		}
		p := &player{t: t, w: w, live: live, from: time.Now()}
		p.must(p.text(`{"type":"ready","attempt":1}`))
		for range 300 {
			time.Sleep(50 * time.Millisecond)
			_ = p.frame(1, true)
		}
		time.Sleep(130 * time.Second)
		if v := w.store.get(st.SessionID); v.State != faceproof.StateEnded {
			t.Errorf("stored %s", v.State)
		}
		live.Close(faceproof.ReasonDisconnected)
	})
}

// Messages from several goroutines, and Close at any moment.
func TestCloseRaces(t *testing.T) {
	for i := range 30 {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			st := w.start1()
			p := w.play(context.Background(), st)
			done := make(chan struct{}, 3)
			for range 2 {
				go func() {
					for j := 0; p.live.Message(context.Background(), false, []byte(`{"type":"ready","attempt":1}`)) == nil && j < 5; j++ {
						time.Sleep(time.Millisecond)
					}
					done <- struct{}{}
				}()
			}
			go func() {
				time.Sleep(time.Duration(i) * 100 * time.Microsecond)
				p.live.Close(faceproof.ReasonDisconnected)
				done <- struct{}{}
			}()
			for range p.live.Out() {
			}
			for range 3 {
				<-done
			}
			if v := w.store.get(st.SessionID); v.State != faceproof.StateEnded {
				t.Errorf("stored %s", v.State)
			}
		})
	}
}
