package capture

import (
	"errors"
	"math"
	"slices"
	"time"

	"faceproof"
)

// frame takes one binary message.
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
	case phasePreview, phasePreroll, phaseForecast, phaseFlash:
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

// record hands a frame of the challenge out, and the challenge, or the question
// for its plan, when the pre-roll is long enough.
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
	effects := []Effect{Record{f}}
	switch {
	case s.phase != phasePreroll || !s.prerollDone(now, f):
	case s.cfg.Forecast:
		s.phase = phaseForecast // the deadline stays
		effects = append(effects, Forecast{s.transcript(now)})
	default:
		effects = append(effects, s.sendChallenge(now, s.cfg.Plan)...)
	}
	return effects, nil
}

// prerollDone counts the frames since the pre-roll was displayed. Whatever the
// client's clock says, the pre-roll takes its time.
func (s *Session) prerollDone(now time.Time, f Frame) bool {
	a := &s.attempt
	led := a.led()
	if len(a.display) == led || f.T < a.display[led].T {
		return false
	}
	if a.preFrames == 0 {
		a.preFirst = f.T
	}
	a.preFrames++
	least := max(s.lim.PrerollMS, float64(a.challenge.PrerollMS))
	return a.preFrames >= s.lim.PrerollFrames && f.T-a.preFirst >= least &&
		millis(now.Sub(a.prepared)) >= (least+float64(led*a.challenge.LeadMS))*9/10
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

// display takes one display event: lead, pre-roll, each segment in turn,
// post-roll.
func (s *Session) display(now time.Time, d ClientDisplay) error {
	a := &s.attempt
	if s.phase != phasePreroll && s.phase != phaseForecast && s.phase != phaseFlash {
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
	if s.phase == phaseFlash && d.T <= a.sentAfterT {
		return invalid("display.t", "is before the challenge was known")
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
		if d.Index != shown || shown == all {
			return invalid("display.index", "the segments come in order, each once")
		}
	case DisplayPostroll:
		if s.phase != phaseFlash || shown != all {
			return invalid("display.event", "the post-roll follows the last segment, once")
		}
	}
	return nil
}

// end checks the client's account of the attempt against what came.
func (s *Session) end(now time.Time, e ClientEnd) ([]Effect, error) {
	a := &s.attempt
	if s.phase != phaseFlash {
		return nil, invalid("type", "end is not awaited now")
	}
	if e.Attempt != s.n {
		return nil, invalid("end.attempt", "is not the current attempt")
	}
	switch missing := len(a.challenge.Segments) + 2 + a.led() - len(a.display); {
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
	// Whatever the client's clock says, the colours take their time.
	if now.Sub(a.sentAt) < Duration(a.challenge)*9/10 {
		return nil, invalid("end", "came sooner than the challenge lasts")
	}
	a.t.Captured, a.t.Sent, a.t.Dropped = e.Captured, e.Sent, e.Dropped
	return s.analyse(now, Analyse{Complete: a.complete()}), nil
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
	t.Attempt, t.Challenge, t.Display, t.Screen = s.n, a.challenge, slices.Clone(a.display), s.screen
	t.Received, t.RateDropped, t.Bytes, t.DriftMS = a.kept, a.fast, a.bytes, a.drift.largest-a.drift.least
	if !a.sentAt.IsZero() {
		t.ServerMS = millis(now.Sub(a.sentAt))
	}
	return t
}
