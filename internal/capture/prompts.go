package capture

import (
	"errors"
	"time"

	"faceproof"
)

const (
	audioJitterMS = 60.  // by which t of a message may be before the end of the one before
	audioGapMS    = 100. // by which it may be after it; more is a gap
	audioEarlyMS  = 500. // sound that was under way when prepare came
	promptLate    = 100 * time.Millisecond
	stopWithin    = time.Second // from listened until no more sound comes
	maxPrompts    = 16
)

// sound orders the sound of one attempt and holds it to its own clock: samples
// are time. A gap is counted, never filled.
type sound struct {
	AudioCounts
	seq  uint32
	runs []run
}

// run is sound without a gap.
type run struct {
	from    float64 // ms
	samples int
}

func (r run) to() float64 { return r.from + float64(r.samples)/audioPerMS }

// next takes a message, or refuses its number or time.
func (s *sound) next(a Audio) error {
	if s.Messages > 0 {
		if a.Seq <= s.seq {
			return invalid("audio.seq", "must increase")
		}
		late := a.T - s.EndT
		if late < -audioJitterMS {
			return invalid("audio.t", "is before the end of the sound that came: the rate is 16 kHz")
		}
		if late > audioGapMS {
			s.GapMS += late
			s.runs = append(s.runs, run{from: a.T})
		}
	} else {
		s.T0 = a.T
		s.runs = append(s.runs, run{from: a.T})
	}
	last := &s.runs[len(s.runs)-1]
	last.samples += a.Len()
	s.seq, s.EndT = a.Seq, last.to()
	s.Messages++
	s.Samples += a.Len()
	return nil
}

// covers gives the milliseconds of a span that were heard.
func (s *sound) covers(from, to float64) (ms float64) {
	for _, r := range s.runs {
		ms += max(0, min(to, r.to())-max(from, r.from))
	}
	return ms
}

// audio takes one binary message with sound.
func (s *Session) audio(now time.Time, data []byte) ([]Effect, error) {
	a, err := ParseAudio(data)
	if err != nil {
		return nil, err
	}
	if s.bytes += len(a.PCM); s.bytes > s.lim.SessionBytes {
		return nil, limited("audio", "the session sent too many bytes")
	}
	if s.late(a.Attempt) {
		return nil, nil
	}
	switch {
	case s.phase < phaseReady:
		return nil, invalid("audio", "came before ready")
	case s.method != faceproof.MethodDigits:
		return nil, invalid("audio", "is not asked for: the colours are silent")
	case s.phase == phaseAnalysing:
		return nil, invalid("audio", "came after the end")
	case s.phase < phasePreroll:
		return nil, invalid("audio", "came before prepare")
	case a.Attempt != s.n:
		return nil, invalid("audio.attempt", "is not the current attempt")
	case a.T < s.previews.t-audioEarlyMS:
		return nil, invalid("audio.t", "is from before prepare")
	}
	if err := s.clock.check(now, a.EndT(), s.lim.AheadMS, "audio.t"); err != nil {
		return nil, err
	}
	heard := &s.attempt.sound
	if err := heard.next(a); err != nil {
		return nil, err
	}
	if heard.EndT-heard.T0 > s.lim.AudioMS {
		return nil, limited("audio", "too much sound")
	}
	return append([]Effect{Sound{a}}, s.proceed(now)...), nil
}

// prepareDigits draws the digits, which stay here until each is due, and asks
// for the pre-roll.
func (s *Session) prepareDigits(now time.Time) []Effect {
	if s.cfg.NewDigits == nil {
		return s.Fail(now, errors.New("capture: no digits to ask for"))
	}
	ch, err := s.cfg.NewDigits()
	most := time.Duration(s.lim.AudioMS)*time.Millisecond - stopWithin // of prepare to listened
	if err == nil {
		err = checkDigits(ch, most)
	}
	if err != nil {
		return s.Fail(now, err)
	}
	s.attempt.digits, s.attempt.prepared = ch, now
	// Whoever is so slow that the digits would not fit tries again.
	s.enter(phasePreroll, now.Add(min(s.lim.Preroll, most-after(ch.EndMS))))
	return []Effect{Send{Prepare{Attempt: s.n, Method: s.method, Neutral: ch.Neutral, FadeMS: ch.FadeMS, PrerollMS: ch.PrerollMS,
		Digits: len(ch.Digits), Paced: ch.Paced, Light: len(ch.Light) > 0}}}
}

func after(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

// checkDigits keeps out a challenge of ours that cannot be played.
func checkDigits(c faceproof.DigitsChallenge, most time.Duration) error {
	prompts, last := 1, -1
	if c.Paced {
		prompts = len(c.Digits)
	}
	ok := len(c.Digits) >= 1 && len(c.Digits) <= maxPrompts && len(c.ShowMS) == prompts
	for _, ms := range append(append([]int(nil), c.ShowMS...), c.EndMS) {
		ok = ok && ms > last
		last = ms
	}
	for _, d := range c.Digits {
		ok = ok && d >= '0' && d <= '9'
	}
	if !ok || after(c.PrerollMS+c.EndMS) > most {
		return errors.New("capture: digits that cannot be played")
	}
	return nil
}

// listen begins the prompts.
func (s *Session) listen(now time.Time) []Effect {
	a := &s.attempt
	a.sentAt = now
	s.enter(phasePrompts, a.prepared.Add(time.Duration(s.lim.AudioMS)*time.Millisecond-stopWithin))
	return s.prompts(now)
}

// due is when the next prompt, or the end of listening, is to leave; false: it
// waits until the one before was reported as shown and frames and sound until
// then came. So nothing that was said before is still open when a digit is told,
// and a slow network delays the prompts instead of bunching them.
func (s *Session) due() (time.Time, bool) {
	a := &s.attempt
	i := a.prompted
	if i > 0 {
		if len(a.display) != 1+i || a.keptT < a.display[i].T || a.sound.EndT < a.display[i].T {
			return time.Time{}, false
		}
	}
	ms := a.digits.EndMS
	if i < len(a.digits.ShowMS) {
		ms = a.digits.ShowMS[i]
	}
	return a.sentAt.Add(after(ms) + a.shift), true
}

// prompts sends what is due, never two prompts at once: the second waits for the
// first to be shown.
func (s *Session) prompts(now time.Time) []Effect {
	var effects []Effect
	for s.phase == phasePrompts {
		due, ok := s.due()
		if !ok || now.Before(due) {
			break
		}
		a := &s.attempt
		if late := now.Sub(due); late > promptLate {
			a.shift += late // the pauses stay as they were drawn
		}
		a.sentAfterT = a.keptT
		i := a.prompted
		if i == len(a.digits.ShowMS) {
			s.enter(phaseListened, now.Add(s.lim.ChallengeSlack))
			effects = append(effects, Send{Listened{Attempt: s.n}})
			break
		}
		a.prompted++
		effects = append(effects, Send{promptOf(s.n, a.digits, i)})
	}
	return effects
}

// promptOf is the i-th prompt of a challenge.
func promptOf(attempt int, c faceproof.DigitsChallenge, i int) Prompt {
	p := Prompt{Attempt: attempt, Index: i, Digits: c.Digits}
	if c.Paced {
		p.Digits = c.Digits[i : i+1]
	}
	if i < len(c.Light) {
		p.RGB = &c.Light[i]
	}
	return p
}

// read says whether every digit was shown, framed and heard for at least half of
// its time; a frame of each is what due waited for. What a page or a network in
// trouble lost is nobody's fault.
func (a *attempt) read() bool {
	marks := append(append([]int(nil), a.digits.ShowMS...), a.digits.EndMS)
	for i := range a.digits.ShowMS {
		from, to := a.display[1+i].T, a.display[2+i].T
		if to-from < float64(marks[i+1]-marks[i])/2 || a.sound.covers(from, to) < (to-from)/2 {
			return false
		}
	}
	n := len(a.digits.ShowMS)
	return a.keptT >= (a.display[n].T+a.display[n+1].T)/2
}
