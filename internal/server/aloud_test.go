package server

import (
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"sync"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/verify"
)

var testDigits = faceproof.DigitsChallenge{
	Nonce: "00d1", Digits: "730518", ShowMS: []int{200, 1200, 2250, 3300, 4400, 5500}, EndMS: 7000, Paced: true,
	Neutral: faceproof.RGB{200, 200, 200}, FadeMS: 300, PrerollMS: 1000,
}

// onceDigits are shown together, to apps that ask for it.
var onceDigits = faceproof.DigitsChallenge{
	Nonce: "00d4", Digits: "4071", ShowMS: []int{0}, EndMS: 5100, Neutral: faceproof.RGB{200, 200, 200}, FadeMS: 300, PrerollMS: 1000,
}

// readDigits is the evidence of somebody who read them.
func readDigits(t capture.Transcript) *faceproof.DigitsEvidence {
	return &faceproof.DigitsEvidence{Model: "test", Expect: len(t.Digits.Digits), Paced: t.Digits.Paced, Scored: true,
		Audio: faceproof.AudioEvidence{DurationMS: 9000, PeakDB: -12, SNRDB: 22, ActiveMS: 2600},
		Score: -.8, MinA: -2.5, MinFAR: 1e-3, Better: 5, Heard: 6, InTime: 6,
		Lips: faceproof.LipsEvidence{Frames: 90, Range: .15, Sync: .45, LagMS: 20, Null: 3, Onsets: 6}}
}

// index is the store's index of captures, counted.
type index struct {
	verify.Traces
	mu    sync.Mutex
	asked int
}

func (x *index) Recall(ctx context.Context, kind faceproof.TraceKind, ref string, marks [][]byte, since, at int64) (int, int, error) {
	x.mu.Lock()
	x.asked++
	x.mu.Unlock()
	return x.Traces.Recall(ctx, kind, ref, marks, since, at)
}

func (x *index) count() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.asked
}

// aloudFixture is a server that reads digits, its index and its blobs.
func aloudFixture(t *testing.T) (f *fixture, x *index, blobs verify.Blobs) {
	x = &index{}
	f = newFixtureOf(t, func(f *fixture, c *verify.Config) {
		c.Digits, x.Traces, c.Traces, blobs = true, f.store, x, c.Blob
		c.NewDigits = func(atOnce bool) (faceproof.DigitsChallenge, error) {
			if atOnce {
				return onceDigits, nil
			}
			return testDigits, nil
		}
	})
	f.enrol(testNumber)
	return f, x, blobs
}

// A whole session by digits over a socket: each digit is told when it is due and
// not before, the analysis hears every sample, the business gets the digits once.
func TestDigitsOverSocket(t *testing.T) {
	f, x, _ := aloudFixture(t)
	r := f.reader()
	if w := r.wait("welcome"); w["method"] != "digits" {
		t.Fatalf("%v", w)
	}
	r.prepare()
	if p := r.wait("prepare"); p["method"] != "digits" || p["digits"] != 6. || p["paced"] != true {
		t.Errorf("%v", p)
	}
	began := f.now.Load()
	came := r.aloud()
	for i, at := range came {
		due := began + 1000 + int64(testDigits.ShowMS[i]) // the pre-roll lasts a second
		if at < due || i > 0 && at-came[i-1] < int64(testDigits.ShowMS[i]-testDigits.ShowMS[i-1])-200 {
			t.Errorf("digit %d came %d ms before it was due; %v", i, due-at, came)
		}
	}
	told := ""
	for i, m := range r.all("prompt") {
		if m["index"] != float64(i) {
			t.Errorf("%v", m)
		}
		told += m["digits"].(string)
	}
	if told != testDigits.Digits {
		t.Errorf("told %q", told)
	}
	r.mu.Lock()
	for _, m := range r.got { // none before its time, the whole never
		if b, _ := json.Marshal(m); m["type"] != "prompt" && strings.Contains(string(b), `"digits":"`) || strings.Contains(string(b), testDigits.Digits) || strings.Contains(string(b), testDigits.Nonce) {
			t.Errorf("tells the digits: %s", b)
		}
	}
	r.mu.Unlock()
	result := r.finish()
	<-r.done
	if result["outcome"] != "pass" || r.code != capture.CloseDone {
		t.Fatalf("%v, closed with %d", result, r.code)
	}
	if n := f.heard.Load(); n != int64(r.heard) {
		t.Errorf("%d of %d samples were heard", n, r.heard)
	}
	if x.count() == 0 {
		t.Error("the index was not asked")
	}
	if m := f.info(result["verify_result"]); m["errcode"] != 0. || m["validate_data"] != testDigits.Digits {
		t.Errorf("getinfo %v", m)
	}
	if m := f.info(result["verify_result"]); m["errcode"] == 0. {
		t.Errorf("twice: %v", m)
	}
}

// The compatibility mode, by the policy of an app: four digits in one prompt, without
// light, and told to the business as a pass of the low level.
func TestAtOnceOverSocket(t *testing.T) {
	f, _, _ := aloudFixture(t)
	reads := func(how faceproof.Reading) {
		t.Helper()
		var c struct {
			App faceproof.AppID `json:"appId"`
		}
		f.post("/demo/api/config", map[string]string{"url": f.url + "/demo/"}, &c)
		if _, err := f.store.SetReading(t.Context(), c.App, how, "cli"); err != nil {
			t.Fatal(err)
		}
	}
	reads(faceproof.Reading{AtOnce: true})
	r := f.reader()
	r.prepare()
	if p := r.wait("prepare"); p["digits"] != 4. || p["paced"] == true || p["light"] == true {
		t.Errorf("%v", p)
	}
	if came := r.aloud(); len(came) != 1 {
		t.Errorf("%d prompts", len(came))
	}
	if m := r.wait("prompt"); m["digits"] != onceDigits.Digits || m["rgb"] != nil {
		t.Errorf("%v", m)
	}
	result := r.finish()
	<-r.done
	if result["outcome"] != "pass" {
		t.Fatalf("%v", result)
	}
	if m := f.info(result["verify_result"]); m["errcode"] != 0. || m["validate_data"] != onceDigits.Digits || m["liveness_level"] != "low" {
		t.Errorf("getinfo %v", m)
	}
	// Six digits without light are worth no more, and an app may ask for more.
	reads(faceproof.Reading{MinLevel: faceproof.LevelStandard})
	r = f.reader()
	r.prepare()
	r.aloud()
	if result := r.finish(); result["outcome"] == "pass" {
		t.Errorf("digits without light at level standard: %v", result)
	}
}

// Sound that breaks the protocol: each kind has its code, ends its session and
// its socket, leaves no decision, no evidence, no mark and no picture, and takes
// no other session with it.
func TestBadSoundOverSocket(t *testing.T) {
	f, x, blobs := aloudFixture(t)
	const (
		atWelcome = iota
		atPreview
		atPreroll
		atAnalysis
	)
	edit := func(change func(a *capture.Audio)) func(*reader) []byte {
		return func(r *reader) []byte {
			r.t += 66
			f.now.Add(66)
			a := r.next()
			change(&a)
			return capture.AppendAudio(nil, a)
		}
	}
	whole := edit(func(*capture.Audio) {})
	pcm := func(n int) []byte { return make([]byte, n) }
	cases := []struct {
		name        string
		at          int
		message     func(*reader) []byte
		code, field string
		close       int
	}{
		{"before ready", atWelcome, whole, "invalid", "audio", 4400},
		{"before prepare", atPreview, whole, "invalid", "audio", 4400},
		{"after the end", atAnalysis, whole, "invalid", "audio", 4400},
		{"another attempt", atPreroll, edit(func(a *capture.Audio) { a.Attempt = 2 }), "invalid", "audio.attempt", 4400},
		{"number again", atPreroll, edit(func(a *capture.Audio) { a.Seq-- }), "invalid", "audio.seq", 4400},
		{"out of order", atPreroll, edit(func(a *capture.Audio) { a.T -= 200 }), "invalid", "audio.t", 4400},
		{"from the future", atPreroll, edit(func(a *capture.Audio) { a.T += 5200 }), "invalid", "audio.t", 4400},
		{"no time", atPreroll, func(r *reader) []byte {
			b := whole(r)
			copy(b[8:], "\x7f\xf8\x00\x00\x00\x00\x00\x00")
			return b
		}, "invalid", "audio.t", 4400},
		{"unknown flags", atPreroll, func(r *reader) []byte { b := whole(r); b[3] = 1; return b }, "invalid", "audio.flags", 4400},
		{"half a sample", atPreroll, edit(func(a *capture.Audio) { a.PCM = a.PCM[:len(a.PCM)-1] }), "invalid", "audio", 4400},
		{"zero length", atPreroll, edit(func(a *capture.Audio) { a.PCM = nil }), "invalid", "audio", 4400},
		{"only half a header", atPreroll, func(r *reader) []byte { return whole(r)[:9] }, "invalid", "audio", 4400},
		{"too long a piece", atPreroll, edit(func(a *capture.Audio) { a.PCM = pcm(2*capture.MaxAudioSamples + 2) }), "invalid", "audio", 4400},
		{"ten minutes in one message", atPreroll, edit(func(a *capture.Audio) { a.PCM = pcm(600 * 2 * capture.AudioRate) }), "", "", 1009},
		{"larger than any message", atPreroll, edit(func(a *capture.Audio) { a.PCM = pcm(capture.MaxMessage - capture.FrameHeader + 1) }), "invalid", "audio", 4400},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			asked := x.count()
			r := f.reader()
			switch c.at {
			case atWelcome:
				r.wait("welcome")
				r.soundT = r.t
			case atPreview:
				r.wait("welcome")
				r.send(map[string]any{"type": "ready", "attempt": 1})
				r.soundT = r.t
			case atPreroll:
				r.prepare()
				for range 3 {
					r.step()
				}
			case atAnalysis:
				r.prepare()
				r.aloud()
				r.display(capture.DisplayPostroll, 0)
				for range 4 {
					r.step()
				}
				asked = -1 // judged by then: only the order is looked at
				r.send(map[string]any{"type": "end", "attempt": 1, "captured": r.sent, "sent": r.sent, "dropped": 0, "samples": r.heard})
				r.wait("result")
				r.raw(c.message(r))
				<-r.done
				if len(r.all("result")) != 1 || len(r.all("error")) > 0 || r.code != capture.CloseDone {
					t.Errorf("%d results, %v, closed with %d", len(r.all("result")), r.all("error"), r.code)
				}
				return
			}
			r.raw(c.message(r))
			<-r.done
			errs := r.all("error")
			if c.code == "" && len(errs) != 0 || c.code != "" && (len(errs) != 1 || errs[0]["code"] != c.code || errs[0]["field"] != c.field) || r.code != c.close {
				t.Errorf("%v, closed with %d; want %s %s, %d", errs, r.code, c.code, c.field, c.close)
			}
			why := faceproof.ReasonInvalidCapture
			if c.code == "" {
				why = faceproof.ReasonDisconnected // nothing was read
			}
			f.ended(r.id, blobs, why)
			if x.count() != asked {
				t.Error("the index was asked about a capture that was not judged")
			}
		})
	}
	// The next session is as good as any.
	f.t = t
	r := f.reader()
	r.prepare()
	r.aloud()
	if result := r.finish(); result["outcome"] != "pass" {
		t.Errorf("afterwards: %v", result)
	}
}

// A microphone of another rate, or of eight channels, does not keep the clock.
func TestOtherRatesOverSocket(t *testing.T) {
	f, _, blobs := aloudFixture(t)
	for name, faster := range map[string]int{"24 kHz, or 48 in two": 3, "48 kHz": 6, "eight channels": 16} { // halves of 16 kHz
		r := f.reader()
		r.prepare()
		for range 40 {
			r.t += 50
			f.now.Add(50)
			r.raw(capture.AppendAudio(nil, capture.Audio{Attempt: 1, Seq: r.sounds, T: r.t, PCM: make([]byte, 800*faster)}))
			if r.sounds++; !r.sync() {
				break
			}
		}
		<-r.done
		if m := r.all("error"); len(m) != 1 || m[0]["code"] != "invalid" || m[0]["field"] != "audio.t" && m[0]["field"] != "audio" || r.code != 4400 {
			t.Errorf("%s: %v, closed with %d", name, m, r.code)
		}
		f.ended(r.id, blobs, faceproof.ReasonInvalidCapture)
	}
	// Of half the rate half is missing everywhere: nobody is accused, and the person tries again.
	r := f.reader()
	r.prepare()
	r.display(capture.DisplayPreroll, 0)
	shown := 0
	for i := 0; len(r.all("listened")) == 0 && len(r.all("result")) == 0 && i < 300; i++ {
		r.frame(false)
		r.sent++
		a := r.next()
		r.soundT, r.sounds = r.t, r.sounds+1
		a.PCM = a.PCM[:len(a.PCM)/4*2]
		r.heard += a.Len()
		r.raw(capture.AppendAudio(nil, a))
		r.sync()
		if n := len(r.all("prompt")); n > shown {
			r.display(capture.DisplayPrompt, shown)
			shown = n
		}
	}
	if len(r.all("result")) == 0 {
		r.display(capture.DisplayPostroll, 0)
		for range 4 {
			r.frame(false)
			r.sent++
		}
		r.send(map[string]any{"type": "end", "attempt": 1, "captured": r.sent, "sent": r.sent, "dropped": 0, "samples": r.heard})
	}
	if m := r.wait("result"); m["outcome"] != "retry" || m["hint"] != string(faceproof.HintSlowNetwork) {
		t.Errorf("8 kHz: %v", m)
	}
}

// Sound that never ends: after the digits twenty seconds are taken, after the
// attempt no more than a session may send; neither is kept.
func TestEndlessSoundOverSocket(t *testing.T) {
	f, _, blobs := aloudFixture(t)
	piece := make([]byte, 2*capture.MaxAudioSamples)
	flood := func(r *reader, clock int64) (sent int) {
		for sent = 0; sent < 1200; sent++ { // ten minutes
			f.now.Add(clock)
			r.raw(capture.AppendAudio(nil, capture.Audio{Attempt: 1, Seq: r.sounds, T: r.soundT, PCM: piece}))
			r.sounds, r.soundT = r.sounds+1, r.soundT+500
			if sent%8 == 7 && !r.sync() {
				break
			}
		}
		<-r.done
		return sent
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, c := range map[string]struct {
		over  bool // the attempt was closed by us, and the client goes on
		clock int64
		most  int // pieces of half a second
	}{
		"after listened":    {false, 500, 200},
		"after the attempt": {true, 0, 16<<20/(2*capture.MaxAudioSamples) + 150},
	} {
		r := f.reader()
		r.prepare()
		if c.over {
			f.now.Add(20_000) // nothing came in time
			r.wait("result")
		} else {
			r.aloud()
		}
		before := heap()
		sent := flood(r, c.clock)
		if m := r.all("error"); len(m) != 1 || m[0]["code"] != "rate_limited" || m[0]["field"] != "audio" || r.code != 4429 || sent > c.most {
			t.Errorf("%s: %v, closed with %d after %d pieces, want at most %d", name, m, r.code, sent, c.most)
		}
		if !c.over {
			f.ended(r.id, blobs, faceproof.ReasonInvalidCapture)
		}
		if grown := heap() - before; grown > 4<<20 {
			t.Errorf("%s: %d kB are kept", name, grown>>10)
		}
	}
	if n := f.heard.Load(); n > 2*(20+5)*capture.AudioRate {
		t.Errorf("the analysis got %d s", n/capture.AudioRate)
	}
}
