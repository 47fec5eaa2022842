package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

var testDigits = faceproof.DigitsChallenge{
	Nonce: "d1", Digits: "730518", ShowMS: []int{200, 1200, 2250, 3300, 4400, 5500}, EndMS: 7000, Paced: true,
	Neutral: faceproof.RGB{200, 200, 200}, FadeMS: 300, PrerollMS: 1000,
}

// withDigits is a world whose server reads digits.
func withDigits(t *testing.T, change ...func(c *Config)) *world {
	w := newWorld(t, append(change, func(c *Config) {
		c.Digits = true
		c.NewDigits = func(atOnce bool) (faceproof.DigitsChallenge, error) {
			if atOnce {
				return faceproof.DigitsChallenge{Nonce: "d4", Digits: "4071", ShowMS: []int{0}, EndMS: 5000, PrerollMS: 1000}, nil
			}
			return testDigits, nil
		}
	})...)
	w.analysis.evidence = func(int) faceproof.Evidence { return readEvidence() }
	return w
}

// readEvidence passes by digits, and by flash.
func readEvidence() faceproof.Evidence {
	e := goodEvidence()
	e.Digits = &faceproof.DigitsEvidence{Model: "m", Expect: 6, Paced: true, Scored: true,
		Audio: faceproof.AudioEvidence{DurationMS: 9000, PeakDB: -12, SNRDB: 22, ActiveMS: 2600, Digest: "00"},
		Score: -.8, MinA: -2.5, MinFAR: 1e-3, Better: 5, Heard: 6, InTime: 6,
		Lips: faceproof.LipsEvidence{Frames: 90, Range: .15, Sync: .45, LagMS: 20, Null: 3, Onsets: 6}}
	return e
}

func (a *fakeAnalysis) Sound(ctx context.Context, s capture.Audio) error {
	defer a.enter("sound")()
	a.sounds = append(a.sounds, s)
	return a.soundErr
}

func (w *world) startDigits(asked faceproof.AliveType, video bool) *player {
	w.t.Helper()
	st, err := w.s.Start1(ctx, w.app, w.subject, asked, "", video)
	if err != nil {
		w.t.Fatal(err)
	}
	h := hello(st)
	h.Consent.Notice = w.app.Shown(st.Methods.Digits).Hash()
	live, err := w.s.Capture(ctx, h)
	if err != nil {
		w.t.Fatal(err)
	}
	return &player{t: w.t, w: w, live: live, from: time.Now()}
}

// ear is the sound of a player.
type ear struct {
	seq     uint32
	t       float64 // until when it was sent
	samples int
	due     []time.Duration // when each prompt came, after the first could
}

func (p *player) sound(attempt int, e *ear) error {
	n := int((p.clock() - e.t) * 16)
	a := capture.Audio{Attempt: attempt, Seq: e.seq, T: e.t, PCM: bytes.Repeat([]byte{byte(e.seq), 1}, n)}
	e.seq, e.t, e.samples = e.seq+1, e.t+float64(n)/16, e.samples+n
	return p.live.Message(context.Background(), true, capture.AppendAudio(nil, a))
}

// count gives the messages of a type so far.
func (p *player) count(kind string) (n int) {
	p.drain()
	for _, m := range p.got {
		if m["type"] == kind {
			n++
		}
	}
	return n
}

// aloud plays from prepare to listened, and gives its sound.
func (p *player) aloud(attempt int) *ear {
	p.t.Helper()
	e := &ear{t: p.clock()}
	time.Sleep(20 * time.Millisecond)
	p.must(p.display(attempt, capture.DisplayPreroll, 0))
	var began time.Time
	for i, shown := 0, 0; p.last("listened") == nil && p.last("result") == nil; i++ {
		if i == 2000 {
			p.t.Fatal("never listened")
		}
		time.Sleep(10 * time.Millisecond)
		for ; shown < p.count("prompt"); shown++ {
			if shown == 0 {
				began = time.Now().Add(-time.Duration(testDigits.ShowMS[0]) * time.Millisecond)
			}
			e.due = append(e.due, time.Since(began))
			p.must(p.display(attempt, capture.DisplayPrompt, shown))
		}
		if i%8 == 0 {
			p.must(p.frame(attempt, false))
		}
		if i%10 == 9 {
			p.must(p.sound(attempt, e))
		}
	}
	return e
}

// read plays a whole attempt of digits and gives its result.
func (p *player) read(n int) (map[string]any, *ear) {
	p.t.Helper()
	p.guided(n)
	e := p.aloud(n)
	if r := p.last("result"); r != nil {
		return r, e
	}
	time.Sleep(30 * time.Millisecond)
	p.must(p.sound(n, e))
	p.must(p.display(n, capture.DisplayPostroll, 0))
	for range 3 {
		time.Sleep(80 * time.Millisecond)
		p.must(p.frame(n, false))
	}
	p.must(p.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":0,"samples":%d}`, n, p.sent, p.sent, e.samples))
	return p.last("result"), e
}

// Type 0: the digits come one by one, each when it is due, and what was read is
// kept with the decision.
func TestDigitsPass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := withDigits(t)
		p := w.startDigits(faceproof.AliveDigits, false)
		if m := p.last("welcome"); m["method"] != "digits" {
			t.Fatalf("%v", m)
		}
		r, e := p.read(1)
		if r["outcome"] != "pass" {
			t.Fatalf("%v", r)
		}
		for i, at := range e.due { // the player looks every 10 ms
			if late := at - time.Duration(testDigits.ShowMS[i])*time.Millisecond; late < -10*time.Millisecond || late > 20*time.Millisecond {
				t.Errorf("prompt %d came %v late", i, late)
			}
		}
		if len(e.due) != 6 {
			t.Errorf("%d prompts", len(e.due))
		}
		p.live.Close("")
		tr := w.analysis.finished[0]
		if tr.Method != faceproof.MethodDigits || tr.Digits.Digits != testDigits.Digits || tr.Audio.Samples != e.samples || tr.Audio.GapMS != 0 || len(tr.Display) != 8 {
			t.Errorf("%+v", tr)
		}
		info := w.redeemed(t, r)
		if info.Method() != faceproof.AliveDigits || info.Decision.Method != faceproof.MethodDigits || info.Decision.Digits != testDigits.Digits || info.AliveReason() != "" {
			t.Errorf("%+v", info.Decision)
		}
		if n := len(w.analysis.lights); n != 0 {
			t.Errorf("the light was asked for %d times", n)
		}
	})
}

// An attempt whose digits were not read names none, and the next is of digits too.
func TestDigitsFail(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := withDigits(t)
		w.analysis.evidence = func(n int) faceproof.Evidence {
			e := readEvidence()
			if n == 1 {
				e.Digits.InTime = 0
			}
			if n == 2 {
				e.Digits.Score = -9 // other digits
			}
			return e
		}
		p := w.startDigits(faceproof.AliveDigits, false)
		if r, _ := p.read(1); r["outcome"] != "retry" || r["method"] != "digits" || r["hint"] != string(faceproof.HintReadClearly) {
			t.Fatalf("%v", r)
		}
		if len(w.analysis.sounds) != 0 {
			t.Error("the sound of an attempt that is over was kept")
		}
		r, _ := p.read(2)
		if r["outcome"] != "fail" {
			t.Fatalf("%v", r)
		}
		p.live.Close("")
		if info := w.redeemed(t, r); info.Decision.Digits != "" || info.Decision.Method != faceproof.MethodDigits {
			t.Errorf("%+v", info.Decision)
		}
	})
}

// Type 2 where the colours would not show: digits at once, and why is told. A
// level that only light gives is not to be had by reading: colours again.
func TestDigitsWhereColoursDoNotShow(t *testing.T) {
	for _, level := range []faceproof.Level{faceproof.LevelLow, faceproof.LevelStandard} {
		bubble(t, func(t *testing.T) {
			w := withDigits(t)
			w.app.Reading.MinLevel = level
			w.store.apps[w.app.ID] = w.app
			w.analysis.light = func(int) faceproof.LightEvidence {
				e := enoughLight()
				e.Amplitude, e.Error = .001, .002
				return e
			}
			p := w.startDigits(faceproof.AliveAuto, false)
			if m := p.last("welcome"); m["method"] != nil {
				t.Fatalf("%v", m)
			}
			r := p.attempt(1)
			if r["outcome"] != "retry" || p.last("challenge") != nil || (r["method"] == "digits") != (level == faceproof.LevelLow) {
				t.Fatalf("%s: %v", level, r)
			}
			if level == faceproof.LevelStandard {
				p.live.Close("")
				return
			}
			r, _ = p.read(2)
			if r["outcome"] != "pass" {
				t.Fatalf("%v", r)
			}
			p.live.Close("")
			info := w.redeemed(t, r)
			if info.Method() != faceproof.AliveDigits || info.AliveReason() != "light_weak" || info.Decision.Digits != testDigits.Digits {
				t.Errorf("%q, %+v", info.AliveReason(), info.Decision)
			}
			var e faceproof.Evidence
			if err := json.Unmarshal(info.Verification.Evidence, &e); err != nil || e.Light == nil || e.Method != faceproof.MethodDigits {
				t.Errorf("%s, %v", info.Verification.Evidence, err)
			}
			if bytes.Contains(info.Verification.Evidence, []byte(testDigits.Digits)) {
				t.Error("the evidence, which is numbers, holds the digits")
			}
		})
	}
}

// All at once is one prompt, for an app that asks for it.
func TestDigitsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := withDigits(t)
		w.app.Reading.AtOnce = true
		w.store.apps[w.app.ID] = w.app
		w.analysis.evidence = func(int) faceproof.Evidence {
			e := readEvidence()
			e.Digits.Paced, e.Digits.Expect, e.Digits.Heard = false, 4, 4
			return e
		}
		p := w.startDigits(faceproof.AliveDigits, false)
		r, _ := p.read(1)
		if m := p.last("prompt"); r["outcome"] != "pass" || p.count("prompt") != 1 || m["digits"] != "4071" {
			t.Errorf("%v, %v", r, m)
		}
		p.live.Close("")
		if info := w.redeemed(t, r); info.Decision.Digits != "4071" {
			t.Errorf("%+v", info.Decision)
		}
	})
}

// A microphone that gives nothing is said, and blamed on nobody.
func TestNoSound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := withDigits(t)
		p := w.startDigits(faceproof.AliveDigits, false)
		p.guided(1)
		p.must(p.display(1, capture.DisplayPreroll, 0))
		for i := 0; i < 400 && p.last("result") == nil; i++ {
			time.Sleep(80 * time.Millisecond)
			p.must(p.frame(1, false))
		}
		if r := p.last("result"); r["outcome"] != "retry" || r["hint"] != string(faceproof.HintMicrophone) || r["method"] != "digits" {
			t.Errorf("%v", r)
		}
		if p.last("prompt") != nil || len(w.analysis.finished) != 0 {
			t.Error("a prompt without a microphone")
		}
		p.live.Close("")
	})
}

// What a form with video keeps of digits has the sound; nothing else keeps any.
func TestVideoHasSound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := withDigits(t)
		p := w.startDigits(faceproof.AliveDigits, false)
		if r, _ := p.read(1); r["outcome"] != "pass" || w.videos() != 0 {
			t.Fatalf("%v, %d videos", r, w.videos())
		}
		p.live.Close("")
		p = w.startDigits(faceproof.AliveDigits, true)
		r, e := p.read(1)
		p.live.Close("")
		token, _ := r["verify_result"].(string)
		zip, err := w.s.Video(ctx, w.app, PortraitKey{Credential: token})
		if err != nil {
			t.Fatal(err)
		}
		rec, err := capture.ReadRecording(bytes.NewReader(zip), int64(len(zip)))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, a := range rec.Sounds {
			n += a.Len()
		}
		if tr := rec.Transcript(); n != e.samples || tr.Method != faceproof.MethodDigits || tr.Digits.Digits != testDigits.Digits || len(rec.Frames) != tr.Received {
			t.Errorf("%d of %d samples, %+v", n, e.samples, tr)
		}
	})
}

// Sound that cannot be taken, or that breaks the analysis, ends its session and
// no other.
func TestSoundFails(t *testing.T) {
	for name, spoil := range map[string]func(a *fakeAnalysis){
		"error": func(a *fakeAnalysis) { a.soundErr = faceproof.Errorf(faceproof.CodeInvalid, "sound", "is none") },
		"panic": func(a *fakeAnalysis) { a.panics = "sound" },
	} {
		bubble(t, func(t *testing.T) {
			w := withDigits(t)
			spoil(w.analysis)
			p := w.startDigits(faceproof.AliveDigits, false)
			p.guided(1)
			e := &ear{t: p.clock()}
			time.Sleep(100 * time.Millisecond)
			p.must(p.sound(1, e))
			p.drain()
			if m := p.last("error"); m == nil || w.store.only(t).State != faceproof.StateEnded {
				t.Errorf("%s: %v, %s", name, m, w.store.only(t).State)
			}
			p.live.Close("")
			if bytes.Contains([]byte(w.log.String()), []byte("张三")) {
				t.Error(fmt.Sprint(name, ": the log names somebody"))
			}
		})
	}
}

// A sound that was heard before of this person is a replay, sample for sample or
// copied; samples are known whoever they come from. Another reading is new, and so
// is what resembles somebody else's.
func TestHeardSoundIsReplayed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &memTraces{rows: map[string]map[string]int64{}}
		w := withDigits(t, func(c *Config) { c.Traces = m })
		heard := func(seed uint64, pcm string, flipped int) faceproof.Evidence {
			c := camera(seed) // 60 marks; a reading has 300
			for i := range uint64(4) {
				c.Provenance.Traces.Motions = append(c.Provenance.Traces.Motions, camera(1000*seed+i).Provenance.Traces.Motions...)
			}
			c = copied(c, flipped)
			e := readEvidence()
			e.Provenance = &faceproof.ProvenanceEvidence{Frames: 80, Traces: faceproof.Traces{PCM: []byte(pcm), Sounds: c.Provenance.Traces.Motions}}
			return e
		}
		first, other := w.subject, testSubject(t, "李四", "99000019500307125")
		for _, c := range []struct {
			name      string
			who       faceproof.Subject
			evidence  faceproof.Evidence
			reason    faceproof.Reason
			assurance faceproof.Assurance
		}{
			{"a reading", first, heard(1, "one", 0), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"another reading", first, heard(2, "two", 0), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"the first, compressed", first, heard(1, "three", 4), faceproof.ReasonReplayed, faceproof.AssuranceReplaySuspected},
			{"the second, sample for sample", first, heard(4, "two", 0), faceproof.ReasonReplayed, faceproof.AssuranceReplaySuspected},
			{"somebody else's, compressed", other, heard(1, "five", 4), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"somebody else's samples", other, heard(6, "one", 0), faceproof.ReasonReplayed, faceproof.AssuranceReplaySuspected},
			{"no sound that could be judged", first, heard(7, "", 0), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"and again", first, heard(7, "", 0), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
		} {
			w.subject = c.who
			w.analysis.evidence = func(int) faceproof.Evidence { return c.evidence }
			p := w.startDigits(faceproof.AliveDigits, false)
			r, _ := p.read(1)
			p.live.Close("")
			credential, _ := r["verify_result"].(string)
			info, err := w.s.Redeem(ctx, w.app, credential, "")
			if err != nil {
				t.Fatalf("%s: %v, %v", c.name, err, r)
			}
			var e faceproof.Evidence
			if err := json.Unmarshal(info.Verification.Evidence, &e); err != nil {
				t.Fatal(err)
			}
			if info.Decision.Reasons[0] != c.reason || e.Assurance != c.assurance {
				t.Errorf("%s: %v, %s, %+v; want %s, %s", c.name, info.Decision.Reasons, e.Assurance, e.Provenance, c.reason, c.assurance)
			}
		}
		for key := range m.rows { // nothing that the samples' own hash would find
			if bytes.Contains([]byte(key), []byte("one")) {
				t.Error("the index holds the hash of a sound in clear")
			}
		}
	})
}
