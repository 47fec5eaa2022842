package capture

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"faceproof"
)

// digitsScribe is a session of digits that waits for sound.
func digitsScribe(t *testing.T) *scribe {
	w := newScribe(t)
	w.s = vectorSession(script{Method: faceproof.MethodDigits})
	w.open()
	w.guided(1)
	w.at += 20
	w.record()
	w.at += 20
	w.display(1, DisplayPreroll, 0)
	return w
}

func (w *scribe) send(a Audio) ([]Effect, error) {
	return w.s.Handle(epoch.Add(time.Duration(w.at)*time.Millisecond), true, AppendAudio(nil, a))
}

// A stream that does not end is cut at 20 s, whatever the session waits for.
func TestEndlessSound(t *testing.T) {
	w := digitsScribe(t)
	for i := 0; ; i++ {
		w.at += 200 // two and a half times as much as time has passed: the clock allows 5 s
		_, err := w.send(Audio{Attempt: 1, Seq: uint32(i), T: w.heard.T + 500*float64(i), PCM: make([]byte, 16000)})
		if err == nil {
			continue
		}
		if got := err.(*faceproof.Error); i < 16 || i > 40 || got.Field != "audio.t" && got.Field != "audio" || !w.s.Ended() {
			t.Errorf("%d pieces: %v", i, err)
		}
		break
	}
	w = digitsScribe(t)
	w.s.deadline = time.Time{} // no other limit
	for i := 0; ; i++ {
		w.at += 500
		_, err := w.send(Audio{Attempt: 1, Seq: uint32(i), T: w.heard.T + 500*float64(i), PCM: make([]byte, 16000)})
		if err == nil {
			continue
		}
		if faceproof.ErrorCode(err) != faceproof.CodeRateLimited || i != 40 || !w.s.Ended() {
			t.Errorf("%d pieces: %v", i, err)
		}
		break
	}
}

// The rate is not said. Sound of another rate has more samples than its time
// holds, or fewer: it is refused, or full of gaps.
func TestSoundOfAnotherRate(t *testing.T) {
	for rate, refused := range map[int]bool{8000: false, 16000: false, 44100: true, 48000: true} {
		w := digitsScribe(t)
		var err error
		var gaps float64
		for i := 0; i < 12 && err == nil; i++ {
			w.at += 100
			var effects []Effect
			effects, err = w.send(Audio{Attempt: 1, Seq: uint32(i), T: w.heard.T + 100*float64(i), PCM: make([]byte, rate/10*2)})
			if err == nil && len(effects) == 0 {
				t.Fatalf("%d: no sound", rate)
			}
			gaps = w.s.attempt.sound.Gaps()
		}
		if (err != nil) != refused || (gaps > .3) != (rate == 8000) {
			t.Errorf("%d samples a second: %v, gaps %.2f", rate, err, gaps)
		}
	}
}

// What the microphone lost is counted, not filled; small jitter is none.
func TestGaps(t *testing.T) {
	var s sound
	at := 1000.
	for i, late := range []float64{0, 60, -60, 100, 0, 101, 0, 450} {
		if late > audioGapMS {
			at += late
			late = 0
		}
		if err := s.next(Audio{Seq: uint32(i), T: at + late, PCM: make([]byte, 3200)}); err != nil {
			t.Fatalf("piece %d: %v", i, err)
		}
		at += 100
	}
	if s.GapMS != 551 || s.Messages != 8 || s.Samples != 8*1600 || s.T0 != 1000 || s.EndT != 2351 || len(s.runs) != 3 {
		t.Errorf("%+v, %d runs", s.AudioCounts, len(s.runs))
	}
	if got := s.Gaps(); got < .40 || got > .41 {
		t.Errorf("share %v", got)
	}
	if got := s.covers(1400, 1800); got != 200+99 {
		t.Errorf("%v ms of 400 heard", got)
	}
	if (AudioCounts{}).Gaps() != 0 {
		t.Error("gaps in nothing")
	}
}

// Whose microphone or page loses a digit tries again; the others are measured.
func TestLostDigits(t *testing.T) {
	for _, c := range []struct {
		name string
		lose func(w *scribe)
		want bool
	}{
		{"nothing", func(*scribe) {}, true},
		{"a sound of 300 ms", func(w *scribe) { w.at += 310; w.frame(1, false); w.heard.T += 300 }, true},
		{"most of a digit", func(w *scribe) { w.at += 760; w.frame(1, false); w.heard.T += 750 }, false},
	} {
		w := digitsScribe(t)
		lost := false
		for range 200 {
			if told(w.media(1), "listened") {
				break
			}
			if w.shown == 2 && !lost {
				c.lose(w)
				lost = true
			}
		}
		w.quiet(1, 15)
		want := "analyse"
		if !c.want {
			want = "analyse-incomplete"
		}
		if got := w.steps[len(w.steps)-1].Effects; len(got) != 1 || got[0] != want {
			t.Errorf("%s lost: %v", c.name, got)
		}
	}
}

// A prompt leaves at the millisecond, and the ones after a late one keep their
// pauses.
func TestPromptsAreOnTime(t *testing.T) {
	for _, late := range []int{0, 80, 2000} {
		w := digitsScribe(t)
		for w.s.phase != phasePrompts {
			w.media(1)
		}
		start := w.s.attempt.sentAt
		w.at = int(start.Sub(epoch).Milliseconds()) + 249
		if effects := w.s.Tick(start.Add(249 * time.Millisecond)); len(effects) != 0 {
			t.Fatal("too early")
		}
		at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
		if effects := w.s.Tick(at(250 + late)); len(effects) != 1 {
			t.Fatalf("late by %d: %d effects", late, len(effects))
		}
		if !w.s.Next().IsZero() {
			t.Error("a prompt is due before the first was shown")
		}
		w.at += 30 + late
		w.display(1, DisplayPrompt, 0)
		w.at += 100
		w.frame(1, false)
		for w.clock()-w.heard.T > 20 {
			n := min(w.clock()-w.heard.T, 500)
			a := audioStep(vectorAudio{Attempt: 1, Seq: w.heard.Seq, T: w.heard.T, Samples: int(n * audioPerMS)})
			w.in(a)
			w.heard.Seq, w.heard.T = w.heard.Seq+1, w.heard.T+n
		}
		want := at(1250)
		if late > 100 {
			want = at(1250 + late)
		}
		if got := w.s.Next(); !got.Equal(want) {
			t.Errorf("late by %d: the next is due %v after the start, want %v", late, got.Sub(start), want.Sub(start))
		}
	}
}

// Every deadline of a digits attempt.
func TestDigitsDeadlines(t *testing.T) {
	silent := func(w *scribe) { w.open(); w.guided(1) }
	for _, c := range []struct {
		name  string
		play  func(w *scribe)
		after time.Duration
	}{
		{"no pre-roll", silent, 15 * time.Second},
		{"no end", func(w *scribe) { silent(w); w.aloud(1) }, 15 * time.Second},
	} {
		w := newScribe(t)
		w.s = vectorSession(script{Method: faceproof.MethodDigits})
		c.play(w)
		w.at += int(c.after.Milliseconds()) - 1
		if got := w.in(step{Tick: true}); len(got.Effects) != 0 || len(got.Server) != 0 {
			t.Errorf("%s: too early: %+v", c.name, got)
		}
		w.at++
		if got := w.in(step{Tick: true}); len(got.Effects) != 1 || got.Effects[0] != "analyse-incomplete" {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	w := digitsScribe(t) // a prompt that is never shown: 19 s after prepare
	prepared := w.s.attempt.prepared
	for w.s.phase != phasePrompts {
		w.media(1)
	}
	w.in(step{Tick: true})
	if effects := w.s.Tick(prepared.Add(19*time.Second - 1)); len(effects) > 1 {
		t.Errorf("too early: %v", effects)
	}
	effects := w.s.Tick(prepared.Add(19 * time.Second))
	if a, ok := effects[len(effects)-1].(Analyse); !ok || a.Complete {
		t.Errorf("%v", effects)
	}
}

// A challenge of ours that cannot be played ends the session as our failure.
func TestImpossibleDigits(t *testing.T) {
	for name, change := range map[string]func(c *faceproof.DigitsChallenge){
		"none":            func(c *faceproof.DigitsChallenge) { *c = faceproof.DigitsChallenge{} },
		"letters":         func(c *faceproof.DigitsChallenge) { c.Digits = "7a0" },
		"fewer times":     func(c *faceproof.DigitsChallenge) { c.ShowMS = c.ShowMS[:2] },
		"times backwards": func(c *faceproof.DigitsChallenge) { c.ShowMS = []int{0, 900, 900} },
		"negative":        func(c *faceproof.DigitsChallenge) { c.ShowMS = []int{-1, 900, 1900} },
		"no end":          func(c *faceproof.DigitsChallenge) { c.EndMS = 0 },
		"endless":         func(c *faceproof.DigitsChallenge) { c.EndMS = 60_000 },
		"times unpaced":   func(c *faceproof.DigitsChallenge) { c.Paced = false },
	} {
		w := newScribe(t)
		w.s = vectorSession(script{Method: faceproof.MethodDigits})
		w.s.cfg.NewDigits = func() (faceproof.DigitsChallenge, error) {
			c := testDigits
			change(&c)
			return c, nil
		}
		if name == "none" {
			w.s.cfg.NewDigits = nil
		}
		w.open()
		w.guided(1)
		if last := w.steps[len(w.steps)-1]; last.Close != CloseInternal || !w.s.Ended() {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

// All digits at once are one prompt.
func TestDigitsAtOnce(t *testing.T) {
	w := newScribe(t)
	w.s = vectorSession(script{Method: faceproof.MethodDigits})
	w.s.cfg.NewDigits = func() (faceproof.DigitsChallenge, error) {
		return faceproof.DigitsChallenge{Nonce: "00", Digits: "4071", ShowMS: []int{0}, EndMS: 5000, Neutral: testDigits.Neutral, FadeMS: 300, PrerollMS: 1000}, nil
	}
	w.open()
	w.guided(1)
	w.at += 20
	w.record()
	w.at += 20
	w.display(1, DisplayPreroll, 0)
	for w.s.phase != phasePrompts {
		w.media(1)
	}
	i := slices.IndexFunc(w.steps, func(st step) bool { return told(st, "prompt") })
	if got := string(w.steps[i].Server[0]); got != `{"type":"prompt","attempt":1,"index":0,"digits":"4071"}` {
		t.Errorf("%s", got)
	}
	w.at += 30
	w.display(1, DisplayPrompt, 0)
	w.shown = 1
	for !told(w.media(1), "listened") {
	}
	w.quiet(1, 0)
	w.verdict(vectorVerdict{Outcome: ResultPass})
}

func TestAudioRoundTrip(t *testing.T) {
	a := Audio{Attempt: 2, Seq: 9, T: 12.5}
	for i := range 400 {
		v := int16(i*163 - 32768)
		a.PCM = append(a.PCM, byte(v), byte(uint16(v)>>8))
	}
	got, err := ParseAudio(AppendAudio(nil, a))
	if err != nil || fmt.Sprint(got) != fmt.Sprint(a) || got.Len() != 400 || got.EndT() != 37.5 {
		t.Errorf("%+v, %v", got, err)
	}
	if s := got.AppendSamples([]int16{5}); len(s) != 401 || s[1] != -32768 || s[2] != 163-32768 || s[400] != int16(399*163-32768) {
		t.Errorf("%v", s[:3])
	}
}
