package capture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
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

func checkComplete(t Transcript, frames []Frame) error {
	n := len(t.Challenge.Segments)
	if len(t.Display) > 0 && t.Display[0].Event == DisplayLead {
		if len(t.Display) < 2 || t.Display[1].T <= t.Display[0].T {
			return fmt.Errorf("a lead out of order was analysed: %+v", t.Display)
		}
		t.Display = t.Display[1:]
	}
	if n == 0 || len(t.Display) != n+2 || t.Display[0].Event != DisplayPreroll || t.Display[n+1].Event != DisplayPostroll {
		return fmt.Errorf("an incomplete display was analysed: %+v", t.Display)
	}
	for i := 1; i < len(t.Display); i++ {
		d := t.Display[i]
		if d.T <= t.Display[i-1].T || i <= n && (d.Event != DisplaySegment || d.Index != i-1) {
			return fmt.Errorf("a display out of order was analysed: %+v", t.Display)
		}
	}
	if t.Captured != t.Sent+t.Dropped || t.Sent != t.Received+t.RateDropped {
		return fmt.Errorf("the counts do not agree: %+v", t)
	}
	if frames[len(frames)-1].T < t.Display[n+1].T || t.ServerMS < .9*float64(Duration(t.Challenge).Milliseconds()) {
		return fmt.Errorf("a script cut short was analysed")
	}
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

// maxSteps is enough for three attempts.
const maxSteps = 400

func TestSessionHoldsAgainstRandomClients(t *testing.T) {
	n, seed := 100_000, uint64(20261122)
	if raceEnabled || testing.Short() {
		n = 10_000
	}
	var complete, ended, retried, declined, read int
	for i := range n {
		a := newActor(fastChoices{rand.New(rand.NewPCG(seed, uint64(i)))})
		for range maxSteps {
			if err := a.step(); err != nil {
				t.Fatalf("seed %d, sequence %d: %v", seed, i, err)
			}
			if a.log.over {
				ended++
				break
			}
		}
		if a.log.complete > 0 {
			complete++
		}
		if a.log.read > 0 {
			read++
		}
		if a.log.declines > 0 {
			declined++
		}
		if a.attempt > 1 {
			retried++
		}
	}
	t.Logf("%d sequences: %d with a complete attempt, %d retried, %d declined, %d read, %d ended", n, complete, retried, declined, read, ended)
	// The clients must get everywhere, or the invariants were not tested.
	if complete < n/100 || retried < n/100 || declined < n/100 || read < n/100 {
		t.Errorf("only %d complete, %d retried, %d declined and %d read attempts", complete, retried, declined, read)
	}
}

func TestSessionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := newActor(rapidChoices{t})
		for i := 0; i < maxSteps && !a.log.over; i++ {
			if err := a.step(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
