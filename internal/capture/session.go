package capture

import (
	"errors"
	"time"

	"faceproof"
)

// Config of a Session.
type Config struct {
	Receipt      string                                                 // of the consent, for the person; empty: none
	Attempts     int                                                    // captures in the session; 0: 3
	Opening      faceproof.FlashChallenge                               // the lead and the pre-roll, asked for before the colours are drawn
	NewChallenge func(faceproof.Plan) (faceproof.FlashChallenge, error) // needed; with that opening
	Method       string                                                 // of the first attempt; empty: faceproof.MethodFlash
	NewDigits    func() (faceproof.DigitsChallenge, error)              // needed for faceproof.MethodDigits
	Plan         faceproof.Plan                                         // of the challenges, where it is not asked for; zero: faceproof.PlanUsual
	Forecast     bool                                                   // ask before each challenge for its plan, or whether to show none
	CheckFrame   func(jpeg []byte) error                                // header check of every frame; nil: first bytes only
	Limits       Limits                                                 // zero: DefaultLimits
	Start        time.Time                                              // when the connection opened; zero: the first call's now
}

// ErrEnded is the answer to a message after the end.
var ErrEnded = faceproof.Errorf(faceproof.CodeConflict, "", "the session has ended")

type phase int

const (
	phaseHello     phase = iota // waits for hello
	phaseOpening                // waits for Opened
	phaseReady                  // waits for ready
	phasePreview                // waits for a good picture
	phasePreroll                // prepare is out, the challenge is not
	phaseForecast               // waits for Forecasted
	phaseFlash                  // the challenge is out
	phasePrompts                // of the digits: they leave one by one
	phaseListened               // all are out, the client stops
	phaseAnalysing              // waits for Result
	phaseEnded
)

// Session is one capture; not for concurrent use. Whatever the client sends,
// the challenge leaves only after a pre-roll, a digit only when it is due and
// the one before was shown, and an attempt is Analysed as complete only when
// every segment was shown and framed, or every digit shown, framed and heard.
type Session struct {
	cfg   Config
	lim   Limits
	phase phase

	deadline        time.Time // of the phase; zero: none
	attemptDeadline time.Time // ready to result; zero: none

	clock    clock
	previews stream
	frames   stream
	nPreview int
	bytes    int // of all JPEGs and all sound of the session

	screen  Screen
	n       int // the attempt, from 1
	method  string
	attempt attempt
	cut     bool // the attempt was closed by us: what the client sent before it knew is dropped
}

// attempt is the state of the current one.
type attempt struct {
	good       int                      // previews in a row
	challenge  faceproof.FlashChallenge // of flash: the opening, until the colours leave
	digits     faceproof.DigitsChallenge
	prompted   int           // prompts that have left
	shift      time.Duration // by which the prompts to come are late
	sound      sound
	display    []DisplayEvent
	frames     int // received in any form
	kept       int
	keptT      float64 // t of the last one kept
	fast       int     // dropped for their rate
	bytes      int     // of those kept
	lastSeq    uint32
	prepared   time.Time
	preFrames  int     // since the display of the pre-roll
	preFirst   float64 // t of the first of them
	preLast    float64 // t of the last of them
	sentAt     time.Time
	sentAfterT float64 // t of the last frame before the challenge, or the last prompt, left
	drift      drift
	t          Transcript
}

// New makes a Session that waits for the hello.
func New(c Config) *Session {
	if c.Attempts == 0 {
		c.Attempts = faceproof.DefaultPolicy().MaxAttempts
	}
	if c.Plan == (faceproof.Plan{}) {
		c.Plan = faceproof.PlanUsual
	}
	if c.Limits == (Limits{}) {
		c.Limits = DefaultLimits()
	}
	if c.Method == "" {
		c.Method = faceproof.MethodFlash
	}
	s := &Session{cfg: c, lim: c.Limits, method: c.Method}
	if !c.Start.IsZero() {
		s.deadline = c.Start.Add(s.lim.Hello)
	}
	return s
}

// Ended says whether the session is over.
func (s *Session) Ended() bool { return s.phase == phaseEnded }

// Attempt gives the number of the current attempt, from 1.
func (s *Session) Attempt() int { return max(s.n, 1) }

// Handle takes one message of the client. An error is the client's fault, has
// ended the session, and is said to the client by the effects that come with
// it.
func (s *Session) Handle(now time.Time, binary bool, data []byte) ([]Effect, error) {
	effects := s.Tick(now)
	if s.phase == phaseEnded {
		return effects, ErrEnded
	}
	var more []Effect
	var err error
	switch {
	case binary && len(data) > 0 && data[0] == audioKind:
		more, err = s.audio(now, data)
	case binary:
		more, err = s.frame(now, data)
	default:
		var m ClientMessage
		if m, err = Parse(data, s.lim.TextBytes); err == nil {
			more, err = s.message(now, m)
		}
	}
	if err != nil {
		return append(effects, s.Fail(now, err)...), err
	}
	return append(append(effects, more...), s.prompts(now)...), nil
}

func (s *Session) message(now time.Time, m ClientMessage) ([]Effect, error) {
	if _, ok := m.(ClientHello); !ok && s.phase < phaseReady {
		return nil, invalid("type", "the first message must be hello")
	}
	switch m := m.(type) {
	case ClientHello:
		return s.Hello(now, m)
	case ClientReady:
		return s.ready(now, m)
	case ClientDisplay:
		if s.late(m.Attempt) {
			return nil, nil
		}
		return nil, s.display(now, m)
	case ClientEnd:
		if s.late(m.Attempt) {
			return nil, nil
		}
		return s.end(now, m)
	case ClientAbort:
		return s.abort(m), nil
	}
	return nil, invalid("type", "is unknown")
}

// Hello is Handle for a hello that was parsed before.
func (s *Session) Hello(now time.Time, h ClientHello) ([]Effect, error) {
	if s.phase != phaseHello {
		return nil, invalid("type", "hello comes once")
	}
	s.screen = h.Screen
	s.enter(phaseOpening, time.Time{})
	return []Effect{Open{h}}, nil
}

// Opened answers Open: the session is this socket's.
func (s *Session) Opened(now time.Time) []Effect {
	if s.phase != phaseOpening {
		return nil
	}
	s.n = 1
	s.enter(phaseReady, now.Add(s.lim.Ready))
	return []Effect{Send{Welcome{
		Receipt: s.cfg.Receipt,
		V:       Version, Method: methodWord(s.method), Attempt: s.n, Attempts: s.cfg.Attempts, ExpiresMS: int(s.lim.Ready.Milliseconds()),
		Preview: s.lim.PreviewAsk, Capture: s.lim.CaptureAsk, Portrait: s.lim.PortraitAsk,
		Limits: Quota{FrameBytes: s.lim.FrameBytes, SessionBytes: s.lim.SessionBytes, Frames: s.lim.Frames},
	}}}
}

// methodWord is a method as a message says it: flash is said by silence, as
// older servers do.
func methodWord(method string) string {
	if method == faceproof.MethodFlash {
		return ""
	}
	return method
}

// late says that a message belongs to an attempt that we closed and that the
// client had not yet heard so.
func (s *Session) late(attempt int) bool {
	return s.cut && (s.phase == phaseAnalysing && attempt == s.n || s.phase == phaseReady && attempt == s.n-1)
}

func (s *Session) enter(p phase, deadline time.Time) { s.phase, s.deadline = p, deadline }

func (s *Session) ready(now time.Time, r ClientReady) ([]Effect, error) {
	if s.phase != phaseReady {
		return nil, invalid("type", "ready is not awaited now")
	}
	if r.Attempt != s.n {
		return nil, invalid("ready.attempt", "is not the current attempt")
	}
	s.attempt, s.cut = attempt{}, false
	s.previews.restart()
	s.frames.restart()
	s.attemptDeadline = now.Add(s.lim.Attempt)
	s.enter(phasePreview, time.Time{})
	return nil, nil
}

// Guide answers Preview. It counts while a good picture is awaited and is
// dropped after.
func (s *Session) Guide(now time.Time, g faceproof.Guidance) []Effect {
	if s.phase != phasePreview {
		return nil
	}
	effects := []Effect{Send{Guide{g}}}
	if !g.OK {
		s.attempt.good = 0
		return effects
	}
	if s.attempt.good++; s.attempt.good < s.lim.GoodPreviews {
		return effects
	}
	if s.method == faceproof.MethodDigits {
		return append(effects, s.prepareDigits(now)...)
	}
	ch := s.cfg.Opening
	s.attempt.challenge, s.attempt.prepared = ch, now
	s.enter(phasePreroll, now.Add(s.lim.Preroll))
	return append(effects, Send{Prepare{Attempt: s.n, Neutral: ch.Neutral, LeadMS: ch.LeadMS, FadeMS: ch.FadeMS, PrerollMS: ch.PrerollMS}})
}

// Forecasted answers Forecast: a challenge of this plan leaves, or, of the zero
// plan, the attempt is closed without one. Verdict.Method says how the next one
// goes.
func (s *Session) Forecasted(now time.Time, plan faceproof.Plan) []Effect {
	switch {
	case s.phase != phaseForecast:
		return nil // too late: a deadline has closed the attempt
	case plan != faceproof.Plan{}:
		return s.sendChallenge(now, plan)
	}
	s.cut = true
	return s.analyse(now, Analyse{Declined: true})
}

func (s *Session) abort(m ClientAbort) []Effect {
	reason := faceproof.ReasonCancelled
	if m.Reason == "alternative" {
		reason = faceproof.ReasonAlternative
	}
	s.enter(phaseEnded, time.Time{})
	return []Effect{End{Reason: reason, Code: CloseDone, Text: "aborted"}}
}

// Fail ends the session with an error, the client's or ours.
func (s *Session) Fail(_ time.Time, err error) []Effect {
	if s.phase == phaseEnded {
		return nil
	}
	s.enter(phaseEnded, time.Time{})
	m := ErrorFor(err)
	code, _, reason := closing(m.Code)
	return []Effect{Send{m}, End{Reason: reason, Code: code, Text: string(m.Code)}}
}

// Result answers Analyse.
func (s *Session) Result(now time.Time, v Verdict) []Effect {
	if s.phase != phaseAnalysing {
		return nil
	}
	m := ResultMessage{Outcome: v.Outcome, Attempt: s.n, AttemptsLeft: s.cfg.Attempts - s.n, ErrCode: v.ErrCode, VerifyResult: v.VerifyResult.Reveal()}
	switch {
	case v.Outcome == ResultPass || v.Outcome == ResultFail:
		m.AttemptsLeft = 0
		s.enter(phaseEnded, time.Time{})
		return []Effect{Send{m}, End{Code: CloseDone, Text: "finished"}}
	case v.Outcome == ResultRetry && s.n < s.cfg.Attempts:
		m.Hint, m.ErrCode, m.VerifyResult = v.Hint, 0, ""
		if v.Method != "" {
			s.method = v.Method
		}
		m.Method = methodWord(s.method)
		s.n++
		s.attempt = attempt{} // the frames' numbers and the challenge are gone
		s.attemptDeadline = time.Time{}
		s.enter(phaseReady, now.Add(s.lim.Ready))
		return []Effect{Send{m}}
	}
	return s.Fail(now, errors.New("capture: a verdict that the protocol does not know"))
}

// Next tells when Tick has a prompt to send; zero: none is due before another
// message or deadline. Deadlines are content with a few calls a second.
func (s *Session) Next() time.Time {
	if s.phase != phasePrompts {
		return time.Time{}
	}
	due, _ := s.due()
	return due
}

// Tick lets deadlines pass and prompts leave; see Next.
func (s *Session) Tick(now time.Time) []Effect {
	if s.phase == phaseHello && s.deadline.IsZero() {
		s.deadline = now.Add(s.lim.Hello)
	}
	passed := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case s.phase == phaseEnded:
		return nil
	case passed(s.attemptDeadline):
		return s.Fail(now, faceproof.Errorf(faceproof.CodeExpired, "attempt", "the attempt took too long"))
	case !passed(s.deadline):
		return s.prompts(now)
	case s.phase == phaseHello:
		return s.Fail(now, faceproof.Errorf(faceproof.CodeExpired, "hello", "no hello came"))
	case s.phase == phaseReady:
		return s.Fail(now, faceproof.Errorf(faceproof.CodeExpired, "ready", "no ready came"))
	case s.phase == phasePreroll || s.phase == phaseForecast || s.phase == phaseFlash, s.phase == phasePrompts || s.phase == phaseListened:
		// Slow, not dishonest: judged as not measurable, so that it may be retried.
		s.cut = true
		return s.analyse(now, Analyse{})
	}
	return nil
}
