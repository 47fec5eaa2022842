package capture

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"faceproof"
)

// testChallenge is a short one: the protocol does not care how many segments
// there are.
var testChallenge = faceproof.FlashChallenge{
	Nonce: "00112233445566778899aabbccddeeff", Neutral: faceproof.RGB{200, 200, 200},
	LeadMS: 600, FadeMS: 300, PrerollMS: 1000, SegmentMS: 400, WipeMS: 200, PostMS: 300,
	Segments: []faceproof.FlashSegment{
		{Color: faceproof.RGB{0, 255, 0}, Forward: true},
		{Color: faceproof.RGB{32, 32, 255}},
		{Color: faceproof.RGB{255, 104, 104}, Forward: true},
	},
}

// testDigits is short for the same reason.
var testDigits = faceproof.DigitsChallenge{
	Nonce: "ffeeddccbbaa99887766554433221100", Digits: "730", ShowMS: []int{250, 1250, 2300}, EndMS: 3900, Paced: true,
	Neutral: faceproof.RGB{200, 200, 200}, FadeMS: 300, PrerollMS: 1000,
	Light: []faceproof.RGB{{210, 190, 190}, {190, 210, 190}, {190, 190, 210}},
}

var testPlan = faceproof.Plan{Segments: len(testChallenge.Segments), SegmentMS: testChallenge.SegmentMS}

// testOpening is what is known before the colours are drawn.
func testOpening() faceproof.FlashChallenge {
	ch := testChallenge
	ch.Nonce, ch.SegmentMS, ch.WipeMS, ch.Segments = "", 0, 0, nil
	return ch
}

// testChallengeOf is testChallenge with its colours again and again.
func testChallengeOf(p faceproof.Plan) faceproof.FlashChallenge {
	ch := testChallenge
	ch.SegmentMS, ch.WipeMS, ch.Segments = p.SegmentMS, p.SegmentMS/2, nil
	for i := range p.Segments {
		ch.Segments = append(ch.Segments, testChallenge.Segments[i%len(testChallenge.Segments)])
	}
	return ch
}

const (
	testSession = "0123456789abcdef0123456789abcdef"
	testNotice  = "00000000000000000000000000000000000000000000000000000000000000ff"
	testHello   = `{"type":"hello","v":1,"session_id":"` + testSession + `","capture_token":"dG9rZW4","sdk":"0.1.0","lang":"zh",` +
		`"consent":{"notice":"` + testNotice + `","separate":true,"transfer":true},` +
		`"camera":{"width":640,"height":480,"fps":30},"screen":{"width":390,"height":844,"dpr":3}}`
	tinyJPEG = "ffd8ffd9"
)

// scribe writes a script: it plays each input on a real session and keeps what
// came out. The client's clock is the server's plus skew.
type scribe struct {
	t              *testing.T
	s              *Session
	steps          []step
	at             int // ms
	seq            uint32
	sent           int
	heard          vectorAudio // the next sound that may be sent
	samples, shown int
}

const skew = 5000.5

func newScribe(t *testing.T) *scribe { return &scribe{t: t, s: vectorSession(script{})} }

func (w *scribe) in(st step) step {
	st.At = w.at
	out, err := play(w.s, st)
	if err != nil {
		w.t.Fatal(err)
	}
	w.steps = append(w.steps, out)
	return out
}

func (w *scribe) text(format string, args ...any) step {
	return w.in(step{Client: json.RawMessage(fmt.Sprintf(format, args...))})
}

func (w *scribe) clock() float64 { return float64(w.at) + skew }

func frameStep(f vectorFrame) step {
	return step{Frame: &f, Binary: hex.EncodeToString(AppendFrame(nil, frameOf(f)))}
}

func (w *scribe) frame(attempt int, preview bool) step {
	f := vectorFrame{Attempt: attempt, Seq: w.seq, T: w.clock(), Preview: preview, JPEG: tinyJPEG}
	w.seq++
	if !preview {
		w.sent++
	}
	return w.in(frameStep(f))
}

func (w *scribe) display(attempt int, event string, index int) {
	w.text(`{"type":"display","attempt":%d,"event":%q,"index":%d,"t":%v}`, attempt, event, index, w.clock())
}

// open plays hello to welcome.
func (w *scribe) open() {
	w.at = 20
	w.text(testHello)
	w.at += 5
	w.in(step{Opened: true})
}

// guided plays ready to prepare; the first preview is not good.
func (w *scribe) guided(attempt int) {
	w.at += 1000
	w.text(`{"type":"ready","attempt":%d}`, attempt)
	w.seq, w.sent = 0, 0
	for i := range 4 {
		w.at += 200
		w.frame(attempt, true)
		w.at += 30
		g := `{"ok":true,"box":[0.3,0.25,0.4,0.5]}`
		if i == 0 {
			g = `{"ok":false,"hint":"closer","box":[0.4,0.4,0.2,0.2]}`
		}
		w.in(step{Guide: json.RawMessage(g)})
	}
	w.seq = 0
}

// preroll plays prepare to challenge, or to the question whether to show it, at
// 10 frames a second.
func (w *scribe) preroll(attempt int) {
	w.lead(attempt)
	w.neutral(attempt)
}

// lead plays the black before the pre-roll.
func (w *scribe) lead(attempt int) {
	w.at += 40
	w.display(attempt, DisplayLead, 0)
	for range testChallenge.LeadMS / 100 {
		w.at += 100
		w.frame(attempt, false)
	}
}

func (w *scribe) neutral(attempt int) {
	w.at += 10
	w.display(attempt, DisplayPreroll, 0)
	for last := w.steps[len(w.steps)-1]; len(last.Server) == 0 && !slices.Contains(last.Effects, "forecast"); {
		w.at += 100
		last = w.frame(attempt, false)
	}
}

// forecast answers the question with a number of colours.
func (w *scribe) forecast(colours int) {
	w.at += 30
	w.in(step{Forecast: &colours})
}

// flash plays the segments and the post-roll.
func (w *scribe) flash(attempt int) { w.flashes(attempt, len(testChallenge.Segments)) }

func (w *scribe) flashes(attempt, segments int) {
	w.at += 50
	for i := range segments {
		w.display(attempt, DisplaySegment, i)
		for range 4 {
			w.at += 100
			w.frame(attempt, false)
		}
	}
	w.display(attempt, DisplayPostroll, 0)
	for range 3 {
		w.at += 100
		w.frame(attempt, false)
	}
}

func (w *scribe) end(attempt, dropped int) {
	w.at += 10
	w.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":%d}`, attempt, w.sent+dropped, w.sent, dropped)
}

func (w *scribe) verdict(v vectorVerdict) {
	w.at += 150
	w.in(step{Verdict: &v})
}

var testResult = strings.Repeat("Q", 128)

// play1 plays a whole attempt but its verdict.
func (w *scribe) play1(attempt int) {
	w.guided(attempt)
	w.preroll(attempt)
	w.flash(attempt)
	w.end(attempt, 2)
}

func makeScripts(t *testing.T) []script {
	var all []script
	add := func(name string, f func(w *scribe)) {
		w := newScribe(t)
		f(w)
		all = append(all, script{Name: name, Steps: w.steps})
	}
	asked := func(name string, f func(w *scribe)) {
		w := newScribe(t)
		w.s = vectorSession(script{Forecast: true})
		f(w)
		all = append(all, script{Name: name, Forecast: true, Steps: w.steps})
	}
	aloud := func(name string, f func(w *scribe)) {
		w := newScribe(t)
		w.s = vectorSession(script{Method: faceproof.MethodDigits})
		f(w)
		all = append(all, script{Name: name, Method: faceproof.MethodDigits, Steps: w.steps})
	}
	add("pass", func(w *scribe) {
		w.open()
		w.play1(1)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	add("retry-then-fail", func(w *scribe) {
		w.open()
		w.play1(1)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintTooBright})
		w.play1(2)
		w.verdict(vectorVerdict{Outcome: ResultFail, ErrCode: ErrCodeFail, VerifyResult: testResult})
	})
	add("slow-preroll-then-pass", func(w *scribe) {
		w.open()
		w.guided(1)
		w.at += 40
		w.display(1, DisplayPreroll, 0)
		w.at += 200
		w.frame(1, false)
		w.at += 15_000
		w.in(step{Tick: true})
		w.frame(1, false) // under way when the server gave up: dropped
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintSlowNetwork})
		w.frame(1, false) // still under way
		w.play1(2)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	add("slow-flash-then-cancel", func(w *scribe) {
		w.open()
		w.guided(1)
		w.preroll(1)
		w.at += 50
		w.display(1, DisplaySegment, 0)
		w.at += 16_500
		w.in(step{Tick: true})
		w.display(1, DisplaySegment, 1) // under way
		w.end(1, 0)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintSlowNetwork})
		w.at += 500
		w.text(`{"type":"abort","reason":"cancel","stage":90004}`)
	})
	add("late-previews", func(w *scribe) {
		w.open()
		w.guided(1)
		w.seq = 100
		w.at += 30
		w.frame(1, true)
		w.sent, w.seq = 0, 0
		w.preroll(1)
		w.flash(1)
		w.end(1, 0)
		w.verdict(vectorVerdict{Outcome: ResultFail, ErrCode: ErrCodeFail})
	})
	add("cut-short", func(w *scribe) {
		w.open()
		w.guided(1)
		w.preroll(1)
		w.at += 50
		for i := range testChallenge.Segments {
			w.display(1, DisplaySegment, i)
			w.at += 200
			w.frame(1, false)
			w.at += 200
		}
		w.display(1, DisplayPostroll, 0) // no frame after it
		w.at += 300
		w.end(1, 9)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintSlowNetwork})
		w.at += 120_000
		w.in(step{Tick: true})
	})
	add("no-lead", func(w *scribe) { // an older client
		w.open()
		w.guided(1)
		w.neutral(1)
		w.flash(1)
		w.end(1, 0)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	asked("declined-then-pass", func(w *scribe) {
		w.open()
		w.guided(1)
		w.preroll(1)
		w.at += 20
		w.frame(1, false) // goes on while we think
		w.forecast(0)
		w.at += 20
		w.frame(1, false) // under way
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintRaiseBrightness})
		w.frame(1, false) // still under way
		w.guided(2)
		w.preroll(2)
		w.forecast(3)
		w.flash(2)
		w.end(2, 1)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	asked("forecast-too-late", func(w *scribe) {
		w.open()
		w.guided(1)
		w.preroll(1)
		w.at += 15_000
		w.in(step{Tick: true})
		w.forecast(3) // no challenge any more
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintSlowNetwork})
		w.at += 500
		w.text(`{"type":"abort","reason":"cancel","stage":90006}`)
	})
	asked("longer-then-pass", func(w *scribe) { // weak light: more colours
		w.open()
		w.guided(1)
		w.preroll(1)
		w.forecast(16)
		w.flashes(1, 16)
		w.end(1, 0)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	aloud("digits-pass", func(w *scribe) {
		w.open()
		w.digits(1)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	aloud("digits-retry-then-fail", func(w *scribe) {
		w.open()
		w.digits(1)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintReadClearly})
		w.digits(2)
		w.verdict(vectorVerdict{Outcome: ResultFail, ErrCode: ErrCodeFail, VerifyResult: testResult})
	})
	asked("declined-then-digits", func(w *scribe) { // no light for the colours
		w.open()
		w.guided(1)
		w.preroll(1)
		w.forecast(0)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintTooBright, Method: faceproof.MethodDigits})
		w.digits(2)
		w.verdict(vectorVerdict{Outcome: ResultPass, VerifyResult: testResult})
	})
	aloud("digits-no-sound", func(w *scribe) { // the microphone gives nothing
		w.open()
		w.guided(1)
		w.at += 40
		w.display(1, DisplayPreroll, 0)
		for range 15 {
			w.at += 100
			w.frame(1, false)
		}
		w.at += 14_000
		w.in(step{Tick: true})
		w.frame(1, false) // under way
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintMicrophone})
		w.at += 500
		w.text(`{"type":"abort","reason":"cancel","stage":90004}`)
	})
	aloud("digits-slow-network", func(w *scribe) { // the second prompt waits for the first to be shown
		w.open()
		w.guided(1)
		w.at += 20
		w.record()
		w.at += 20
		w.display(1, DisplayPreroll, 0)
		for w.s.phase != phasePrompts {
			w.at += 100
			if w.frame(1, false); w.s.phase != phasePrompts {
				w.sound(1)
			}
		}
		w.at = int(w.s.Next().Sub(epoch).Milliseconds())
		w.in(step{Tick: true})
		w.at += 1800
		w.in(step{Tick: true}) // due long ago
		drawn := w.clock() - 1700
		w.text(`{"type":"display","attempt":1,"event":"prompt","index":0,"t":%v}`, drawn)
		for w.heard.T+500 < w.clock() {
			now := w.at
			w.at = int(w.heard.T+500-skew) + 1
			a := audioStep(vectorAudio{Attempt: 1, Seq: w.heard.Seq, T: w.heard.T, Samples: 8000})
			w.at = now
			w.in(a)
			w.heard.Seq, w.heard.T, w.samples = w.heard.Seq+1, w.heard.T+500, w.samples+8000
		}
		w.frame(1, false) // with it, the next may leave
		w.at += 30
		w.display(1, DisplayPrompt, 1)
		w.shown = 2
		for !told(w.media(1), "listened") {
		}
		w.quiet(1, 15)
		w.verdict(vectorVerdict{Outcome: ResultRetry, Hint: faceproof.HintSlowNetwork})
		w.at += 120_000
		w.in(step{Tick: true})
	})
	add("alternative", func(w *scribe) {
		w.open()
		w.text(`{"type":"abort","reason":"alternative","stage":90003}`)
	})
	add("no-hello", func(w *scribe) {
		w.at = 10_000
		w.in(step{Tick: true})
	})
	return all
}
