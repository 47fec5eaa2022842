package capture

import (
	"fmt"
	"strings"

	"faceproof"
)

// draw is a short challenge of digits, sometimes all at once.
func (a *actor) draw() (faceproof.DigitsChallenge, error) {
	ch := testDigits
	ch.Digits = "730518"[:3+a.c.below(2)]
	ch.ShowMS = []int{a.c.below(2) * 250, 900, 1700, 2600}[:len(ch.Digits)]
	ch.EndMS = ch.ShowMS[len(ch.ShowMS)-1] + 900
	switch a.c.below(12) {
	case 9, 10:
		ch.Paced, ch.ShowMS, ch.Light = false, ch.ShowMS[:1], nil
	case 11:
		return faceproof.DigitsChallenge{}, fmt.Errorf("no randomness")
	}
	a.log.drawn++
	a.log.digits = ch
	return ch, nil
}

// sound sends what was recorded since the last time, up to half a second.
func (a *actor) sound(attempt int) error {
	n := min(int((a.t-a.soundT)*audioPerMS), MaxAudioSamples)
	if n < MinAudioSamples {
		n = MinAudioSamples
	}
	m := Audio{Attempt: attempt, Seq: a.soundSeq, T: a.soundT, PCM: make([]byte, 2*n)}
	a.soundSeq++
	a.soundT += float64(n) / audioPerMS
	a.samples += n
	effects, err := a.s.Handle(a.now, true, AppendAudio(nil, m))
	return a.took(effects, err)
}

// wantedAloud does what only a digits attempt wants.
func (a *actor) wantedAloud() (done bool, err error) {
	switch a.next {
	case "ready":
		a.soundSeq, a.samples, a.shown = 0, 0, 0
		return false, nil
	case "lead": // prepare has come
		a.seq, a.next, a.soundT = 0, "preroll", a.t
		return false, nil
	case "frames":
		if a.shown < a.prompts {
			a.shown++
			return true, a.display(DisplayPrompt, a.shown-1)
		}
		if a.cheat == mute && a.prompts == 2 {
			a.soundT = a.t
		}
		if a.t-a.soundT > 100+float64(a.c.below(300)) {
			return true, a.sound(a.attempt)
		}
	case "listened":
		if a.t-a.soundT > 20 {
			return true, a.sound(a.attempt)
		}
		a.next, a.until = "post", a.t+200
		if a.cheat == skipPost || a.cheat == skipBoth {
			return true, nil
		}
		return true, a.display(DisplayPostroll, 0)
	}
	return false, nil
}

// secret looks for what no message may tell yet, or ever.
func (a *actor) secret(m ServerMessage, b []byte) error {
	ch := a.log.digits
	if ch.Digits == "" {
		return nil
	}
	p, isPrompt := m.(Prompt)
	switch {
	case strings.Contains(string(b), ch.Nonce):
		return fmt.Errorf("the nonce is told: %s", b)
	case isPrompt && ch.Paced && p.Digits != ch.Digits[p.Index:p.Index+1], isPrompt && !ch.Paced && p.Digits != ch.Digits:
		return fmt.Errorf("another digit: %s", b)
	case !isPrompt && strings.Contains(string(b), `"`+ch.Digits+`"`):
		return fmt.Errorf("the digits are told: %s", b)
	}
	return nil
}

// prerolled says what is wrong with the pre-roll that is over.
func (a *actor) prerolled() error {
	n, first := 0, 0.
	for _, f := range a.log.records {
		if f.T >= a.log.preroll {
			if n == 0 {
				first = f.T
			}
			n++
		}
	}
	if n < a.lim.PrerollFrames || a.log.records[len(a.log.records)-1].T-first < 1000 || a.log.preroll == 0 {
		return fmt.Errorf("%d frames", n)
	}
	return nil
}

// prompt checks that it is the next, due, and that the one before was shown, and
// seen and heard until then.
func (a *actor) prompt(m Prompt) error {
	ch := a.log.digits
	if m.Index != a.log.prompted || m.Index >= len(ch.ShowMS) || m.Attempt != a.s.Attempt() || !a.aloud || a.log.listened > 0 {
		return fmt.Errorf("a prompt out of order: %+v", m)
	}
	if m.Index == 0 {
		samples := 0
		for _, s := range a.log.sounds {
			samples += s.Len()
		}
		if bad := a.prerolled(); bad != nil || samples < 800*16 {
			return fmt.Errorf("prompts after %d samples: %v", samples, bad)
		}
		a.log.due = a.s.attempt.sentAt
	}
	if bad := a.paced(ch.ShowMS[m.Index]); bad != nil {
		return bad
	}
	a.log.prompted++
	return nil
}

// paced checks what leaves so many milliseconds after the first could.
func (a *actor) paced(ms int) error {
	if a.log.due.IsZero() || a.now.Before(a.log.due.Add(after(ms))) {
		return fmt.Errorf("something of %d ms left %v after the pre-roll", ms, a.now.Sub(a.log.due))
	}
	if n := a.log.prompted; n > 0 {
		shown := a.s.attempt.display
		if len(shown) != n+1 || shown[n].Event != DisplayPrompt || shown[n].Index != n-1 {
			return fmt.Errorf("the prompt before was not shown: %+v", shown)
		}
		frames, sounds := a.log.records, a.log.sounds
		if frames[len(frames)-1].T < shown[n].T || sounds[len(sounds)-1].EndT() < shown[n].T-audioGapMS {
			return fmt.Errorf("neither seen nor heard until the prompt before")
		}
	}
	return nil
}

// heard takes a piece of sound that the session let through.
func (a *actor) heard(m Audio) error {
	s := a.log.sounds
	if n := len(s); n > 0 && (m.Seq <= s[n-1].Seq || m.T < s[n-1].EndT()-2*audioGapMS) {
		return fmt.Errorf("sound out of order")
	}
	if m.Attempt != a.s.Attempt() || !a.aloud || a.log.preroll == 0 && a.log.digits.Digits == "" {
		return fmt.Errorf("sound that nobody asked for")
	}
	a.log.sounds = append(s, m)
	return nil
}

// checkRead holds a complete attempt of digits to what was let through.
func checkRead(t Transcript, frames []Frame, sounds []Audio) error {
	n := len(t.Digits.ShowMS)
	if n == 0 || len(t.Display) != n+2 || t.Display[0].Event != DisplayPreroll || t.Display[n+1].Event != DisplayPostroll || len(t.Challenge.Segments) > 0 {
		return fmt.Errorf("an incomplete display was analysed: %+v", t.Display)
	}
	for i := range n {
		d, next := t.Display[i+1], t.Display[i+2]
		if d.Event != DisplayPrompt || d.Index != i || next.T <= d.T {
			return fmt.Errorf("a display out of order was analysed: %+v", t.Display)
		}
		framed, heard := false, 0.
		for _, f := range frames {
			framed = framed || f.T >= d.T && f.T < next.T
		}
		for _, s := range sounds {
			heard += max(0, min(next.T, s.EndT())-max(d.T, s.T))
		}
		// Pieces may lie over each other, or apart, by their jitter.
		if slack := 2 * audioGapMS; !framed || heard < (next.T-d.T)/2-slack {
			return fmt.Errorf("prompt %d: framed %t, %.0f of %.0f ms heard", i, framed, heard, next.T-d.T)
		}
	}
	if t.Captured != t.Sent+t.Dropped || t.Sent != t.Received+t.RateDropped || t.ServerMS < float64(t.Digits.EndMS) {
		return fmt.Errorf("the account does not agree: %+v", t)
	}
	return nil
}
