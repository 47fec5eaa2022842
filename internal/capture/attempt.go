package capture

import (
	"errors"
	"math"
	"slices"
	"time"

	"faceproof"
)

// frame takes one binary message with a picture.
func (s *Session) frame(now time.Time, data []byte) ([]Effect, error) {
	f, err := ParseFrame(data, s.lim.FrameBytes)
	if err != nil {
		return nil, err
	}
	if s.bytes += len(f.JPEG); s.bytes > s.lim.SessionBytes {
		return nil, limited("frame", "the session sent too many bytes")
	}
	if s.late(f.Attempt) {
		return nil, nil
	}
	switch s.phase {
	case phasePreview, phasePreroll, phaseForecast, phaseFlash, phasePrompts, phaseListened:
	case phaseAnalysing:
		return nil, invalid("frame", "came after the end")
	default:
		return nil, invalid("frame", "came before ready")
	}
	if f.Attempt != s.n {
		return nil, invalid("frame.attempt", "is not the current attempt")
	}
	if err := s.clock.check(now, f.T, s.lim.AheadMS, "frame.t"); err != nil {
		return nil, err
	}
	if f.Preview {
		return s.preview(f)
	}
	return s.record(now, f)
}

// preview hands a preview frame out; after prepare, the last ones are still
// under way and are dropped.
func (s *Session) preview(f Frame) ([]Effect, error) {
	if s.nPreview++; s.nPreview > s.lim.Previews {
		return nil, limited("frame", "too many previews")
	}
	keep, err := s.previews.next(f, &s.lim)
	if err != nil || !keep || s.phase != phasePreview {
		return nil, err
	}
	if err := s.checkFrame(f); err != nil {
		return nil, err
	}
	return []Effect{Preview{f}}, nil
}

// record hands a frame of the challenge out, and goes on when the pre-roll is
// long enough.
func (s *Session) record(now time.Time, f Frame) ([]Effect, error) {
	if s.phase == phasePreview {
		return nil, invalid("frame", "came before prepare")
	}
	a := &s.attempt
	if a.frames++; a.frames > s.lim.Frames {
		return nil, limited("frame", "too many frames")
	}
	keep, err := s.frames.next(f, &s.lim)
	if err != nil {
		return nil, err
	}
	a.lastSeq = f.Seq
	if !keep {
		a.fast++
		return nil, nil
	}
	if err := s.checkFrame(f); err != nil {
		return nil, err
	}
	a.kept++
	a.keptT = f.T
	a.bytes += len(f.JPEG)
	a.drift.frame(now, a.prepared, f.T)
	s.countPreroll(f)
	return append([]Effect{Record{f}}, s.proceed(now)...), nil
}

// proceed follows the pre-roll with the challenge, the question for its plan, or
// the digits.
func (s *Session) proceed(now time.Time) []Effect {
	switch {
	case s.phase != phasePreroll || !s.prerollDone(now):
		return nil
	case s.method == faceproof.MethodDigits:
		return s.listen(now)
	case s.cfg.Forecast:
		s.phase = phaseForecast // the deadline stays
		return []Effect{Forecast{s.transcript(now)}}
	}
	return s.sendChallenge(now, s.cfg.Plan)
}

// countPreroll counts the frames since the pre-roll was displayed.
func (s *Session) countPreroll(f Frame) {
	a := &s.attempt
	led := a.led()
	if s.phase != phasePreroll || len(a.display) == led || f.T < a.display[led].T {
		return
	}
	if a.preFrames == 0 {
		a.preFirst = f.T
	}
	a.preFrames++
	a.preLast = f.T
}

// prerollDone says whether the pre-roll is long enough. Whatever the client's
// clock says, it takes its time.
func (s *Session) prerollDone(now time.Time) bool {
	a := &s.attempt
	asked, lead := a.challenge.PrerollMS, a.led()*a.challenge.LeadMS
	if s.method == faceproof.MethodDigits {
		if asked = a.digits.PrerollMS; a.sound.Samples < int(s.lim.PreSoundMS*audioPerMS) {
			return false
		}
	}
	least := max(s.lim.PrerollMS, float64(asked))
	return a.preFrames >= s.lim.PrerollFrames && a.preLast-a.preFirst >= least &&
		millis(now.Sub(a.prepared)) >= (least+float64(lead))*9/10
}

// led counts the lead among the display events: 1, or 0 when the client showed
// none, which an older one does not.
func (a *attempt) led() int {
	if len(a.display) > 0 && a.display[0].Event == DisplayLead {
		return 1
	}
	return 0
}

// sendChallenge draws the colours, which nobody knew before.
func (s *Session) sendChallenge(now time.Time, plan faceproof.Plan) []Effect {
	ch, err := s.cfg.NewChallenge(plan)
	if err != nil {
		return s.Fail(now, err)
	}
	a := &s.attempt
	a.challenge, a.sentAt, a.sentAfterT = ch, now, a.keptT
	s.enter(phaseFlash, now.Add(Duration(ch)+s.lim.ChallengeSlack))
	return []Effect{Send{ChallengeMessage{Attempt: s.n, FlashChallenge: ch}}}
}

// Duration of a challenge from its first segment to the end of the post-roll.
func Duration(c faceproof.FlashChallenge) time.Duration {
	return time.Duration(len(c.Segments)*c.SegmentMS+c.PostMS) * time.Millisecond
}

func (s *Session) checkFrame(f Frame) error {
	if s.cfg.CheckFrame == nil {
		return nil
	}
	err := s.cfg.CheckFrame(f.JPEG)
	if err == nil {
		return nil
	}
	why := "is no acceptable JPEG"
	var e *faceproof.Error
	if errors.As(err, &e) && e.Code == faceproof.CodeInvalid {
		why = e.Message
	}
	return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "frame", Message: why, Err: err}
}

// display takes one display event: lead, pre-roll, each segment or prompt in
// turn, post-roll.
func (s *Session) display(now time.Time, d ClientDisplay) error {
	a := &s.attempt
	switch s.phase {
	case phasePreroll, phaseForecast, phaseFlash, phasePrompts, phaseListened:
	default:
		return invalid("display.event", "nothing is to be displayed now")
	}
	if d.Attempt != s.n {
		return invalid("display.attempt", "is not the current attempt")
	}
	if err := s.checkEvent(d.DisplayEvent); err != nil {
		return err
	}
	if err := s.clock.check(now, d.T, s.lim.AheadMS, "display.t"); err != nil {
		return err
	}
	if n := len(a.display); n > 0 && d.T <= a.display[n-1].T {
		return invalid("display.t", "must increase")
	}
	if s.phase >= phaseFlash && d.T <= a.sentAfterT {
		return invalid("display.t", "is before the challenge or the prompt was known")
	}
	if last, ok := s.lastT(); ok && math.Abs(d.T-last) > s.lim.DisplayMS {
		return invalid("display.t", "disagrees with the frames' clock")
	}
	a.display = append(a.display, d.DisplayEvent)
	return nil
}

// lastT is the time of the last frame of any kind.
func (s *Session) lastT() (float64, bool) {
	return max(s.frames.t, s.previews.t), s.frames.started || s.previews.started
}

// checkEvent holds the events to their order.
func (s *Session) checkEvent(d DisplayEvent) error {
	a := &s.attempt
	shown, all := len(a.display)-a.led()-1, len(a.challenge.Segments) // segments
	switch d.Event {
	case DisplayLead:
		if len(a.display) > 0 || a.challenge.LeadMS == 0 {
			return invalid("display.event", "the lead comes once, before the pre-roll, where prepare asks for one")
		}
	case DisplayPreroll:
		if shown != -1 {
			return invalid("display.event", "the pre-roll comes once")
		}
	case DisplaySegment:
		if s.phase != phaseFlash {
			return invalid("display.event", "a segment before the challenge")
		}
		if d.Index != shown || shown >= all { // after the post-roll shown is all + 1
			return invalid("display.index", "the segments come in order, each once")
		}
	case DisplayPrompt:
		if s.phase != phasePrompts && s.phase != phaseListened {
			return invalid("display.event", "a prompt before one was sent")
		}
		if d.Index != shown || shown >= a.prompted {
			return invalid("display.index", "the prompts come in order, each once, none before it was sent")
		}
	case DisplayPostroll:
		if s.method == faceproof.MethodDigits {
			all = len(a.digits.ShowMS)
		}
		if s.phase != phaseFlash && s.phase != phaseListened || shown != all {
			return invalid("display.event", "the post-roll follows the last segment, or the end of listening, once")
		}
	}
	return nil
}

// end checks the client's account of the attempt against what came.
func (s *Session) end(now time.Time, e ClientEnd) ([]Effect, error) {
	a := &s.attempt
	if s.phase != phaseFlash && s.phase != phaseListened {
		return nil, invalid("type", "end is not awaited now")
	}
	if e.Attempt != s.n {
		return nil, invalid("end.attempt", "is not the current attempt")
	}
	switch missing := len(a.challenge.Segments) + len(a.digits.ShowMS) + 2 + a.led() - len(a.display); {
	case missing > 1:
		return nil, invalid("display.index", "a segment was not reported as displayed")
	case missing == 1:
		return nil, invalid("display.event", "the post-roll was not reported as displayed")
	}
	if e.Captured != e.Sent+e.Dropped || e.Captured <= int(a.lastSeq) {
		return nil, invalid("end.captured", "must be sent + dropped, and more than the last sequence number")
	}
	if e.Sent != a.frames {
		return nil, invalid("end.sent", "is not the number of frames that came")
	}
	if e.Samples != a.sound.Samples {
		return nil, invalid("end.samples", "is not the number of samples that came")
	}
	// Whatever the client's clock says, the colours take their time; the digits
	// took it before.
	if s.phase == phaseFlash && now.Sub(a.sentAt) < Duration(a.challenge)*9/10 {
		return nil, invalid("end", "came sooner than the challenge lasts")
	}
	a.t.Captured, a.t.Sent, a.t.Dropped = e.Captured, e.Sent, e.Dropped
	whole := a.complete
	if s.method == faceproof.MethodDigits {
		whole = a.read
	}
	return s.analyse(now, Analyse{Complete: whole()}), nil
}

// complete says whether the script was played and seen whole; a script cut
// short is not a completed one. Without a frame of the post-roll the last
// segment was not seen to its end, and a page that stalled may show a segment
// for an instant only. Neither is the person's fault.
func (a *attempt) complete() bool {
	for i := a.led() + 2; i < len(a.display); i++ {
		if a.display[i].T-a.display[i-1].T < float64(a.challenge.SegmentMS)/2 {
			return false
		}
	}
	return a.keptT >= a.display[len(a.display)-1].T
}

// analyse hands the attempt out to be judged.
func (s *Session) analyse(now time.Time, as Analyse) []Effect {
	as.Transcript = s.transcript(now)
	s.enter(phaseAnalysing, time.Time{})
	return []Effect{Send{Analysing{Attempt: s.n}}, as}
}

// transcript is the account of the attempt so far.
func (s *Session) transcript(now time.Time) Transcript {
	a := &s.attempt
	t := a.t
	t.Attempt, t.Method, t.Display, t.Screen = s.n, s.method, slices.Clone(a.display), s.screen
	t.Challenge, t.Digits, t.Audio = a.challenge, a.digits, a.sound.AudioCounts
	t.Received, t.RateDropped, t.Bytes, t.DriftMS = a.kept, a.fast, a.bytes, a.drift.largest-a.drift.least
	if !a.sentAt.IsZero() {
		t.ServerMS = millis(now.Sub(a.sentAt))
	}
	return t
}
