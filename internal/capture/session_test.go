package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"faceproof"
)

// A camera of 60 frames a second is held to 40 by its own times; the rest is
// dropped, counted, and part of the account at the end.
func TestFastFramesAreDroppedAndCounted(t *testing.T) {
	w := newScribe(t)
	w.open()
	w.guided(1)
	w.at += 40
	w.display(1, DisplayPreroll, 0)
	for len(w.steps[len(w.steps)-1].Server) == 0 {
		w.at += 16
		w.frame(1, false)
	}
	w.at += 16
	for i := range testChallenge.Segments {
		w.display(1, DisplaySegment, i)
		for range 25 {
			w.at += 16
			w.frame(1, false)
		}
	}
	w.display(1, DisplayPostroll, 0)
	for range 20 {
		w.at += 16
		w.frame(1, false)
	}
	now := epoch.Add(time.Duration(w.at+10) * time.Millisecond)
	effects, err := w.s.Handle(now, false, []byte(fmt.Sprintf(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":0}`, w.sent, w.sent)))
	if err != nil {
		t.Fatal(err)
	}
	tr := effects[1].(Analyse)
	rate := float64(tr.Transcript.Received) / (float64(w.sent) * .016)
	if !tr.Complete || tr.Transcript.RateDropped == 0 || tr.Transcript.Screen.Width == 0 || rate > 43 || rate < 38 {
		t.Errorf("%.1f frames a second kept: %+v", rate, tr.Transcript)
	}
}

// Frames that a jittery network delivers in one bunch are all good: the rate is
// by their own times.
func TestBunchedFramesAreKept(t *testing.T) {
	w := newScribe(t)
	w.open()
	w.guided(1)
	w.at += 40
	w.display(1, DisplayPreroll, 0)
	w.at += 2000 // nothing for two seconds, then all at once
	for i := range 25 {
		f := Frame{Attempt: 1, Seq: uint32(i), T: w.clock() - 2000 + float64(i)*66, JPEG: []byte{0xff, 0xd8, 0xff}}
		effects, err := w.s.Handle(epoch.Add(time.Duration(w.at)*time.Millisecond), true, AppendFrame(nil, f))
		if err != nil || len(effects) == 0 {
			t.Fatalf("frame %d: %v, %v", i, effects, err)
		}
	}
}

// A client whose clock runs fast does not get the challenge before the time of
// the pre-roll is over.
func TestPrerollCannotBeHurried(t *testing.T) {
	for _, lead := range []int{0, testChallenge.LeadMS} {
		w := newScribe(t)
		w.open()
		w.guided(1)
		w.at += 40
		if lead > 0 {
			w.display(1, DisplayLead, 0)
		}
		base := w.clock() + float64(lead)
		if _, err := w.s.Handle(epoch.Add(time.Duration(w.at)*time.Millisecond), false,
			fmt.Appendf(nil, `{"type":"display","attempt":1,"event":"preroll","index":0,"t":%v}`, base)); err != nil {
			t.Fatal(err)
		}
		send := func(i, at int) int {
			f := Frame{Attempt: 1, Seq: uint32(i), T: base + float64(i+1)*100, JPEG: []byte{0xff, 0xd8, 0xff}}
			effects, err := w.s.Handle(epoch.Add(time.Duration(at)*time.Millisecond), true, AppendFrame(nil, f))
			if err != nil {
				t.Fatal(err)
			}
			return len(effects)
		}
		for i := range 20 { // two seconds of the client's clock in none of ours
			if n := send(i, w.at); n != 1 {
				t.Fatalf("lead %d: frame %d had %d effects: the challenge left in no time", lead, i, n)
			}
		}
		due := (testChallenge.PrerollMS + lead) * 9 / 10 // since prepare, 40 ms ago
		if n := send(20, w.at-40+due-50); n != 1 {
			t.Errorf("lead %d: %d effects before the lead and the pre-roll are over", lead, n)
		}
		if n := send(21, w.at+due); n != 2 {
			t.Errorf("lead %d: %d effects after the pre-roll, want the frame and the challenge", lead, n)
		}
	}
}

// A client whose clock runs fast cannot play the challenge in less time than it
// takes.
func TestChallengeCannotBeHurried(t *testing.T) {
	w := newScribe(t)
	w.open()
	w.guided(1)
	w.preroll(1)
	base := w.clock()
	now := epoch.Add(time.Duration(w.at+50) * time.Millisecond)
	send := func(text string, args ...any) error {
		_, err := w.s.Handle(now, false, []byte(fmt.Sprintf(text, args...)))
		return err
	}
	seq := 100
	for i := range 4 {
		event, index := DisplaySegment, i
		if i == 3 {
			event, index = DisplayPostroll, 0
		}
		at := base + float64(i)*400 + 10
		if err := send(`{"type":"display","attempt":1,"event":%q,"index":%d,"t":%v}`, event, index, at); err != nil {
			t.Fatal(err)
		}
		for j := range 4 {
			f := Frame{Attempt: 1, Seq: uint32(seq), T: at + float64(j+1)*90, JPEG: []byte{0xff, 0xd8, 0xff}}
			if _, err := w.s.Handle(now, true, AppendFrame(nil, f)); err != nil {
				t.Fatal(err)
			}
			seq++
			w.sent++
		}
	}
	err := send(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":%d}`, w.sent+200, w.sent, 200)
	var e *faceproof.Error
	if !errors.As(err, &e) || e.Field != "end" {
		t.Fatalf("a challenge of 1.5 s was done in none: %v", err)
	}
}

// A stalled page that shows a segment for an instant is not measurable, and is
// not accused.
func TestStalledPageIsRetried(t *testing.T) {
	w := newScribe(t)
	w.open()
	w.guided(1)
	w.preroll(1)
	w.at += 800
	w.frame(1, false)
	w.display(1, DisplaySegment, 0)
	w.at += 20
	w.display(1, DisplaySegment, 1)
	w.at += 400
	w.display(1, DisplaySegment, 2)
	w.at += 400
	w.display(1, DisplayPostroll, 0)
	w.at += 300
	w.frame(1, false)
	w.end(1, 50)
	if got := w.steps[len(w.steps)-1].Effects; len(got) != 1 || got[0] != "analyse-incomplete" {
		t.Errorf("effects %v", got)
	}
}

func TestLimits(t *testing.T) {
	tiny := []byte{0xff, 0xd8, 0xff}
	previews := func(w *scribe, size int) error {
		for i := 0; ; i++ {
			w.at += 50
			f := Frame{Attempt: 1, Seq: uint32(i), T: w.clock(), Preview: true, JPEG: append(tiny, make([]byte, size)...)}
			if _, err := w.s.Handle(epoch.Add(time.Duration(w.at)*time.Millisecond), true, AppendFrame(nil, f)); err != nil {
				if i < 60 {
					t.Errorf("refused after %d frames", i)
				}
				return err
			}
		}
	}
	challenge := func(w *scribe) error {
		w.guided(1)
		w.preroll(1)
		for i := 1; ; i++ {
			w.at += 5
			f := Frame{Attempt: 1, Seq: uint32(100 + i), T: w.clock(), JPEG: tiny}
			if _, err := w.s.Handle(epoch.Add(time.Duration(w.at)*time.Millisecond), true, AppendFrame(nil, f)); err != nil {
				if i+w.sent != DefaultLimits().Frames+1 {
					t.Errorf("refused after %d frames", i+w.sent)
				}
				return err
			}
		}
	}
	ready := func(w *scribe) { w.at += 10; w.text(`{"type":"ready","attempt":1}`) }
	for name, f := range map[string]func(w *scribe) error{
		"previews": func(w *scribe) error { ready(w); return previews(w, 0) },
		"bytes":    func(w *scribe) error { ready(w); return previews(w, 200<<10) },
		"frames":   challenge,
	} {
		w := newScribe(t)
		w.open()
		err := f(w)
		if faceproof.ErrorCode(err) != faceproof.CodeRateLimited || err.(*faceproof.Error).Field != "frame" || !w.s.Ended() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every deadline of the table, to the millisecond.
func TestDeadlines(t *testing.T) {
	for _, c := range []struct {
		name  string
		play  func(w *scribe)
		after time.Duration
		want  string
	}{
		{"hello", func(*scribe) {}, 10 * time.Second, "error"},
		{"ready", func(w *scribe) { w.open() }, 120 * time.Second, "error"},
		{"previews", func(w *scribe) { w.open(); w.at += 5; w.text(`{"type":"ready","attempt":1}`) }, 120 * time.Second, "error"},
		{"preroll", func(w *scribe) { w.open(); w.guided(1) }, 15 * time.Second, "analyse-incomplete"},
		{"flash", func(w *scribe) { w.open(); w.guided(1); w.preroll(1) }, 16500 * time.Millisecond, "analyse-incomplete"},
	} {
		w := newScribe(t)
		c.play(w)
		w.at += int(c.after.Milliseconds()) - 1
		if got := w.in(step{Tick: true}); len(got.Effects) != 0 || len(got.Server) != 0 {
			t.Errorf("%s: too early: %+v", c.name, got)
		}
		w.at++
		got := w.in(step{Tick: true})
		if c.want == "error" && (got.Close != CloseExpired || got.Reason != faceproof.ReasonTimeout) || c.want != "error" && (len(got.Effects) != 1 || got.Effects[0] != c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// A verdict that the protocol does not know, or a retry without an attempt
// left, must not pass for anything.
func TestBadVerdicts(t *testing.T) {
	for _, v := range []Verdict{{}, {Outcome: "ok"}} {
		w := newScribe(t)
		w.open()
		w.play1(1)
		effects := w.s.Result(epoch.Add(time.Minute/2), v)
		if len(effects) != 2 || effects[1].(End).Code != CloseInternal {
			t.Errorf("%+v gave %+v", v, effects)
		}
	}
	w := newScribe(t)
	w.open()
	for i := range 3 {
		w.play1(i + 1)
		w.at += 100
		effects := w.s.Result(epoch.Add(time.Duration(w.at)*time.Millisecond), Verdict{Outcome: ResultRetry})
		if i < 2 != (len(effects) == 1) {
			t.Errorf("attempt %d: %+v", i+1, effects)
		}
	}
	if !w.s.Ended() {
		t.Error("a fourth attempt")
	}
}

// What is ours stays ours: the client learns the class and nothing else.
func TestErrorForTellsNothingOfOurs(t *testing.T) {
	secret := errors.New("row 17 of person 张三")
	for _, err := range []error{secret,
		&faceproof.Error{Code: faceproof.CodeInternal, Field: "x", Message: "secret", Err: secret},
		&faceproof.Error{Code: faceproof.CodeUnavailable, Field: "x", Message: "secret", Err: secret}} {
		b, _ := Marshal(ErrorFor(err))
		if strings.Contains(string(b), "secret") || strings.Contains(string(b), "张") || !json.Valid(b) {
			t.Errorf("%s", b)
		}
	}
	m := ErrorFor(faceproof.Errorf(faceproof.CodeInvalid, "frame.seq", "must increase"))
	if m.Field != "frame.seq" || m.ErrCode != ErrCodeCapture {
		t.Errorf("%+v", m)
	}
}

func TestHelloHidesItsToken(t *testing.T) {
	h, err := ParseHello([]byte(testHello))
	if err != nil {
		t.Fatal(err)
	}
	if h.CaptureToken.Reveal() != "dG9rZW4" || h.SessionID != testSession || h.Screen.DPR != 3 {
		t.Error("the hello was not read")
	}
	j, _ := json.Marshal(h)
	if all := fmt.Sprintf("%v %+v %#v %s", h, h, h, j); strings.Contains(all, "dG9rZW4") {
		t.Errorf("the token shows in %s", all)
	}
	if _, err := ParseHello([]byte(`{"type":"ready","attempt":1}`)); err == nil {
		t.Error("another first message was accepted")
	}
}
