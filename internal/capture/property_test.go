package capture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"faceproof"

	"pgregory.net/rapid"
)

// choices is where a random client gets its decisions from: rapid, which can
// shrink a failure, or a plain generator, which is fast.
type choices interface {
	below(n int) int // 0 ≤ … < n
}

type rapidChoices struct{ t *rapid.T }

func (c rapidChoices) below(n int) int { return rapid.IntRange(0, n-1).Draw(c.t, "choice") }

type fastChoices struct{ *rand.Rand }

func (c fastChoices) below(n int) int { return c.IntN(n) }

// actor is a client that mostly does what the protocol wants next and
// sometimes something else, and a server around the Session that keeps to its
// own contract. After every step it checks what must always hold.
type actor struct {
	c   choices
	s   *Session
	lim Limits
	now time.Time

	wants  int  // colours that the last forecast asked for
	asks   bool // the session asks for forecasts
	temper int  // one step in so many is out of place
	depth  int  // of answers to answers
	cheat  cheat

	// the client's view
	next     string // what the protocol wants next
	attempt  int
	seq      uint32
	t        float64
	segments int // shown
	colours  int // of the challenge
	sent     int
	until    float64 // t at which the current phase has enough frames
	aloud    bool    // the attempt is of digits
	soundT   float64 // until when sound was sent
	soundSeq uint32
	samples  int
	prompts  int // sent to us
	shown    int // of them

	// what came out
	log struct {
		opens, previews, analyses, ends, fails int
		bytes                                  int
		records                                []Frame // of this attempt
		preroll                                float64 // display of this attempt, 0 none
		challenged, over                       bool
		asked, shown, declined                 bool // of this attempt: the forecast and its answer
		declines                               int
		complete                               int
		read                                   int     // complete ones of digits
		sounds                                 []Audio // of this attempt
		digits                                 faceproof.DigitsChallenge
		prompted, listened, drawn              int
		due                                    time.Time // before which no prompt may leave
	}
}

// cheat is how a client leaves out a part and claims the whole.
type cheat int

const (
	honest      cheat = iota
	skipSegment       // one is not reported
	skipPost          // the post-roll is not reported
	skipTail          // no frame after the post-roll
	skipBoth          // neither the last segment nor the post-roll is reported
	miscount          // one frame more sent than came
	misclaim          // more captured than sent and dropped
	mute              // no sound of the second digit
	missample         // more samples than came
	cheats
)

func newActor(c choices) *actor {
	l := DefaultLimits()
	switch c.below(6) { // small limits, so that they are met
	case 3:
		l.Frames = 12
	case 4:
		l.SessionBytes = 150
	case 5:
		l.Previews = 4
	}
	a := &actor{c: c, cheat: max(0, cheat(c.below(16))-16+cheats), temper: []int{1000, 100, 30, 8}[c.below(4)], lim: l, now: epoch, next: "hello", attempt: 1, t: 100}
	a.asks = c.below(2) == 1
	method := []string{"", faceproof.MethodDigits}[c.below(2)]
	a.aloud = method != ""
	a.s = New(Config{Limits: l, Start: epoch, Forecast: a.asks, Method: method, NewDigits: a.draw, Plan: a.plan(), Opening: testOpening(), NewChallenge: func(p faceproof.Plan) (faceproof.FlashChallenge, error) {
		if c.below(50) == 49 {
			return faceproof.FlashChallenge{}, fmt.Errorf("no randomness")
		}
		return testChallengeOf(p), nil
	}})
	return a
}

// plan is a length, mostly a short one: the number of steps is limited.
func (a *actor) plan() faceproof.Plan {
	return faceproof.Plan{Segments: []int{3, 1, 4, 3, 3, 10, 16}[a.c.below(7)], SegmentMS: testPlan.SegmentMS}
}

// step makes one move; a broken invariant is an error.
func (a *actor) step() error {
	// The odd choices are the high numbers: rapid prefers and shrinks to low ones.
	switch most := 5 * a.temper; a.c.below(most) {
	case most - 1:
		a.pass(a.c.below(130_000))
	case most - 2:
		a.t -= float64(a.c.below(500))
	case most - 3:
		a.t += float64(a.c.below(9000))
	}
	if a.c.below(a.temper) == a.temper-1 {
		return a.stray()
	}
	return a.wanted()
}

func (a *actor) pass(ms int) {
	a.now = a.now.Add(time.Duration(ms) * time.Millisecond)
	a.t += float64(ms)
}

func (a *actor) text(format string, args ...any) error {
	effects, err := a.s.Handle(a.now, false, []byte(fmt.Sprintf(format, args...)))
	return a.took(effects, err)
}

func (a *actor) frame(attempt int, preview bool) error {
	f := Frame{Attempt: attempt, Seq: a.seq, T: a.t, Preview: preview, JPEG: []byte{0xff, 0xd8, 0xff, 0xd9}}
	a.seq++
	if !preview {
		a.sent++
	}
	effects, err := a.s.Handle(a.now, true, AppendFrame(nil, f))
	return a.took(effects, err)
}

func (a *actor) display(event string, index int) error {
	if event == DisplayPreroll {
		a.log.preroll = a.t
	}
	return a.text(`{"type":"display","attempt":%d,"event":%q,"index":%d,"t":%v}`, a.attempt, event, index, a.t)
}

func (a *actor) end(captured, sent, dropped int) error {
	if a.aloud {
		samples := a.samples
		if a.cheat == missample {
			samples++
		}
		return a.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":%d,"samples":%d}`, a.attempt, captured, sent, dropped, samples)
	}
	return a.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":%d}`, a.attempt, captured, sent, dropped)
}

// wanted does what the protocol wants next.
func (a *actor) wanted() error {
	a.pass(1 + a.c.below(90))
	if a.c.below(4) > 0 { // the server's clock goes on by itself
		if bad := a.took(a.s.Tick(a.now), nil); bad != nil || a.log.over {
			return bad
		}
	}
	if a.aloud {
		if done, bad := a.wantedAloud(); done {
			return bad
		}
	}
	switch a.next {
	case "hello":
		return a.text(testHello)
	case "ready":
		a.seq, a.sent, a.segments = 0, 0, 0
		a.next = "preview"
		return a.text(`{"type":"ready","attempt":%d}`, a.attempt)
	case "preview":
		return a.frame(a.attempt, true)
	case "lead":
		a.seq, a.next, a.until = 0, "led", a.t+600
		if a.c.below(4) == 3 { // an older client
			a.next, a.until = "preroll", 0
			return nil
		}
		return a.display(DisplayLead, 0)
	case "led":
		if a.t < a.until {
			return a.frame(a.attempt, false)
		}
		a.next = "preroll"
		return nil
	case "preroll":
		a.next = "frames"
		return a.display(DisplayPreroll, 0)
	case "frames":
		return a.frame(a.attempt, false)
	case "segment":
		if a.t < a.until {
			return a.frame(a.attempt, false)
		}
		if a.segments == a.colours {
			a.next, a.until = "post", a.t+300
			if a.cheat == skipPost || a.cheat == skipBoth {
				return nil
			}
			return a.display(DisplayPostroll, 0)
		}
		a.until = a.t + 400
		a.segments++
		if (a.cheat == skipSegment || a.cheat == skipBoth) && a.segments == a.colours {
			return nil
		}
		return a.display(DisplaySegment, a.segments-1)
	case "post":
		switch {
		case a.t < a.until && a.cheat == skipTail:
			return nil
		case a.t < a.until:
			return a.frame(a.attempt, false)
		case a.cheat == miscount:
			return a.end(a.sent+4, a.sent+1, 3)
		case a.cheat == misclaim:
			return a.end(a.sent+4, a.sent, 3)
		}
		return a.end(a.sent+3, a.sent, 3)
	}
	return a.took(a.s.Tick(a.now), nil) // the server's turn
}

// stray does something else.
func (a *actor) stray() error {
	switch a.c.below(17) {
	case 14:
		return a.sound(a.attempt)
	case 15:
		a.soundT += float64(a.c.below(400)) - 100
		return a.sound(a.c.below(5))
	case 16:
		return a.display(DisplayPrompt, a.c.below(5))
	case 12: // an answer that nobody asked for
		return a.forecast()
	case 0:
		return a.text(testHello)
	case 1:
		return a.text(`{"type":"ready","attempt":%d}`, a.c.below(5))
	case 2:
		return a.frame(a.c.below(5), a.c.below(2) == 0)
	case 3:
		return a.frame(a.attempt, a.c.below(2) == 0)
	case 4:
		return a.display([]string{DisplayPreroll, DisplaySegment, DisplayPostroll, DisplayLead}[a.c.below(4)], a.c.below(4))
	case 5:
		return a.end(a.sent, a.sent, 0)
	case 6:
		return a.end(a.c.below(60), a.c.below(60), a.c.below(5))
	case 7:
		if a.c.below(6) == 0 {
			return a.text(`{"type":"abort","reason":"hidden","stage":90004}`)
		}
		return a.took(a.s.Tick(a.now), nil)
	case 8:
		return a.took(a.s.Guide(a.now, faceproof.Guidance{OK: a.c.below(2) == 0}), nil)
	case 9: // an answer that nobody asked for
		return a.took(a.s.Opened(a.now), nil)
	case 10:
		return a.text("%s", []string{`{`, `{"type":"display"}`, `[1]`, "\xff"}[a.c.below(4)])
	case 11:
		effects, err := a.s.Handle(a.now, true, []byte{1, 1, 0, 0, 0})
		return a.took(effects, err)
	}
	return a.took(a.s.Tick(a.now), nil)
}

// took looks at what came out and answers as a server would.
func (a *actor) took(effects []Effect, err error) error {
	if err != nil && !a.s.Ended() {
		return fmt.Errorf("an error that does not end the session: %w", err)
	}
	if len(effects) > 0 && a.log.over {
		return fmt.Errorf("effects after the end: %v", effects)
	}
	a.depth++
	for i, e := range effects {
		if bad := a.effect(e, i == len(effects)-1); bad != nil {
			return bad
		}
	}
	if a.depth--; a.depth > 0 {
		return nil // an end may be among the effects that the caller still looks at
	}
	return a.limits()
}

func (a *actor) effect(e Effect, last bool) error {
	switch e := e.(type) {
	case Open:
		if a.log.opens++; a.log.opens > 1 {
			return fmt.Errorf("opened twice")
		}
		a.next = "ready"
		return a.took(a.s.Opened(a.now), nil)
	case Preview:
		a.log.previews++
		return a.took(a.s.Guide(a.now, faceproof.Guidance{OK: a.c.below(5) < 4}), nil)
	case Record:
		return a.recorded(e.Frame)
	case Sound:
		return a.heard(e.Audio)
	case Forecast:
		if t := e.Transcript; !a.asks || a.log.asked || t.Attempt != a.s.Attempt() || t.Received != len(a.log.records) || len(t.Display) == 0 {
			return fmt.Errorf("a bad forecast %+v", t)
		}
		a.log.asked = true
		for a.c.below(3) == 2 { // thinks, while frames come
			a.pass(50)
			if bad := a.frame(a.attempt, false); bad != nil || a.log.over || !a.log.asked {
				return bad
			}
		}
		return a.forecast()
	case Analyse:
		return a.analysed(e)
	case Send:
		return a.sentOut(e.Message)
	case End:
		a.log.ends++
		a.log.over = true
		if !last || a.log.ends > 1 || e.Code == 0 {
			return fmt.Errorf("a bad end %+v", e)
		}
	}
	return nil
}

// forecast answers, whether or not there is a question.
func (a *actor) forecast() error {
	var plan faceproof.Plan
	if a.c.below(4) < 3 {
		plan = a.plan()
	}
	show := plan.Segments > 0
	if a.log.asked && !a.log.shown && !a.log.declined {
		a.log.shown, a.log.declined, a.wants = show, !show, plan.Segments
	}
	return a.took(a.s.Forecasted(a.now, plan), nil)
}

func (a *actor) sentOut(m ServerMessage) error {
	b, err := Marshal(m)
	if err != nil || !json.Valid(b) || len(b) > 4096 {
		return fmt.Errorf("message %s: %v", b, err)
	}
	if bad := a.secret(m, b); bad != nil {
		return bad
	}
	switch m := m.(type) {
	case Prepare:
		a.next, a.prompts, a.shown = "lead", 0, 0
		a.log.due = time.Time{}
		if a.aloud != (m.Method == faceproof.MethodDigits) {
			return fmt.Errorf("another method: %s", b)
		}
	case Prompt:
		if bad := a.prompt(m); bad != nil {
			return bad
		}
		a.prompts++
	case Listened:
		if bad := a.paced(a.log.digits.EndMS); bad != nil || a.log.prompted != len(a.log.digits.ShowMS) {
			return fmt.Errorf("listened after %d prompts: %v", a.log.prompted, bad)
		}
		a.log.listened++
		a.next = "listened"
	case ErrorMessage:
		if a.log.fails++; a.log.fails > 1 {
			return fmt.Errorf("two errors")
		}
	case ChallengeMessage:
		if bad := a.prerolled(); bad != nil || a.log.challenged {
			return fmt.Errorf("a challenge, before: %t: %v", a.log.challenged, bad)
		}
		if a.asks && !a.log.shown {
			return fmt.Errorf("a challenge that nobody wanted shown")
		}
		if a.colours = len(m.Segments); a.asks && a.colours != a.wants {
			return fmt.Errorf("%d colours, wanted %d", a.colours, a.wants)
		}
		a.log.challenged = true
		a.next = "segment"
	}
	return nil
}

func (a *actor) recorded(f Frame) error {
	r := a.log.records
	if n := len(r); n > 0 && (f.Seq <= r[n-1].Seq || f.T <= r[n-1].T) {
		return fmt.Errorf("frames out of order")
	}
	if f.Attempt != a.s.Attempt() || f.Preview {
		return fmt.Errorf("a frame of another attempt")
	}
	a.log.records = append(r, f)
	return nil
}

func (a *actor) analysed(e Analyse) error {
	t := e.Transcript
	if a.log.analyses++; a.log.analyses > 3 || t.Attempt != a.s.Attempt() {
		return fmt.Errorf("analysis %d of attempt %d", a.log.analyses, t.Attempt)
	}
	if t.Received != len(a.log.records) {
		return fmt.Errorf("%d received, %d recorded", t.Received, len(a.log.records))
	}
	samples := 0
	for _, s := range a.log.sounds {
		samples += s.Len()
	}
	if aloud := t.Method == faceproof.MethodDigits; aloud != a.aloud || t.Audio.Samples != samples || t.Audio.Messages != len(a.log.sounds) || aloud && t.Digits.Digits != a.log.digits.Digits {
		return fmt.Errorf("another account: %s, %+v, %d samples heard", t.Method, t.Audio, samples)
	}
	if e.Declined {
		if a.log.declines++; e.Complete || a.log.challenged || !a.log.declined {
			return fmt.Errorf("declined, but complete %t, challenged %t, declined %t", e.Complete, a.log.challenged, a.log.declined)
		}
	}
	if e.Complete {
		a.log.complete++
		check := checkComplete
		if a.aloud {
			a.log.read++
			check = func(t Transcript, frames []Frame) error { return checkRead(t, frames, a.log.sounds) }
		}
		if bad := check(t, a.log.records); bad != nil {
			return bad
		}
	}
	a.log.records, a.log.challenged, a.log.preroll = nil, false, 0
	a.log.asked, a.log.shown, a.log.declined = false, false, false
	a.log.sounds, a.log.digits, a.log.prompted, a.log.listened = nil, faceproof.DigitsChallenge{}, 0, 0
	v := Verdict{Outcome: []ResultOutcome{ResultRetry, ResultRetry, ResultPass, ResultFail}[a.c.below(4)]}
	if a.attempt == 3 && v.Outcome == ResultRetry && a.c.below(10) > 0 {
		v.Outcome = ResultFail
	}
	if v.Outcome == ResultRetry {
		a.attempt++
		a.next = "ready"
		v.Method = []string{"", faceproof.MethodFlash, faceproof.MethodDigits}[a.c.below(3)]
	}
	if a.c.below(4) == 3 { // something under way
		if bad := a.stray(); bad != nil {
			return bad
		}
	}
	if v.Method != "" && a.s.phase == phaseAnalysing && a.attempt <= 3 {
		a.aloud = v.Method == faceproof.MethodDigits
	}
	return a.took(a.s.Result(a.now, v), nil)
}

func (a *actor) limits() error {
	if sounds := a.log.sounds; len(sounds) > 0 {
		samples := 0
		for _, s := range sounds {
			samples += s.Len()
		}
		if samples > int(a.lim.AudioMS)*16 {
			return fmt.Errorf("over the limit of sound: %d samples", samples)
		}
	}

	if len(a.log.records) > a.lim.Frames || a.log.previews > a.lim.Previews {
		return fmt.Errorf("over a limit: %d frames, %d previews", len(a.log.records), a.log.previews)
	}
	if (a.log.previews+len(a.log.records))*4 > a.lim.SessionBytes {
		return fmt.Errorf("over the limit of bytes")
	}
	if a.s.Ended() != a.log.over {
		return fmt.Errorf("ended without an end")
	}
	return nil
}
