package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/digits/asr"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
	"faceproof/internal/simcam"
)

// toneTalkers are two voices of tones of 200 ms, nobody's.
func toneTalkers() []aloud.Talker {
	var clips []aloud.Clip
	for _, id := range []string{"a", "b"} {
		for d := range 10 {
			c := aloud.Clip{Lang: "zh", Voice: id, Label: fmt.Sprint(d), Sound: make([]int16, digits.Rate/5)}
			for i := range c.Sound {
				c.Sound[i] = int16(9000 * math.Sin(float64(i)/4))
			}
			clips = append(clips, c)
		}
	}
	return aloud.Talkers(clips, nil)
}

// begins gives when the mouth opens, and when the sound rises, in ms.
func begins(p simcam.Performance, from, to float64) (mouth, sound []float64) {
	shut, quiet := true, 1e9
	for t := from; t < to; t += 5 {
		if p.Mouth != nil {
			if open := p.Mouth(t) > .3; open && shut {
				mouth = append(mouth, t)
				shut = false
			} else if !open {
				shut = true
			}
		}
		loud := 0.
		for i := range 160 {
			if k := int((t-from)*16) + i; k >= 0 && k < len(p.Sound) {
				loud = max(loud, math.Abs(float64(p.Sound[k])))
			}
		}
		if loud > 1500 && quiet > 50 {
			sound = append(sound, t)
		}
		if quiet += 5; loud > 1500 {
			quiet = 0
		}
	}
	return mouth, sound
}

// What each kind shows and says is what its name promises.
func TestActs(t *testing.T) {
	c := &Camera{Talkers: toneTalkers()}
	for kind, a := range acts {
		j := Job{Cell: &Cell{Method: faceproof.MethodDigits}, Kind: kind, Seed: 77}
		rd, err := c.newReading(j, "1")
		if err != nil {
			t.Fatal(err)
		}
		events := func(ch faceproof.DigitsChallenge, from float64) (out []capture.DisplayEvent) {
			out = append(out, capture.DisplayEvent{Event: capture.DisplayPreroll, T: from})
			for i, ms := range ch.ShowMS {
				out = append(out, capture.DisplayEvent{Event: capture.DisplayPrompt, Index: i, T: from + 1000 + float64(ms)})
			}
			return append(out, capture.DisplayEvent{Event: capture.DisplayPostroll, T: from + 1000 + float64(ch.EndMS)})
		}
		const from = 5000.
		told := events(rd.ch, from)
		filmed := told
		if a.earlier {
			filmed = events(rd.earlier, from)
		}
		end := told[7].T + 600
		mouth, sound := begins(rd.perform(told, filmed, end), from, end)
		after := func(starts []float64, e []capture.DisplayEvent) (n int) {
			if len(starts) != 6 {
				return 0
			}
			for i, at := range starts {
				if late := at - e[i+1].T; late > 100 && late < 1400 {
					n++
				}
			}
			return n
		}
		switch {
		case a.says == saysNothing && len(sound) != 0, a.says != saysNothing && len(sound) < 5:
			t.Errorf("%s: heard at %v", kind, sound)
		case a.mouth != (len(mouth) > 0):
			t.Errorf("%s: the mouth opens at %v", kind, mouth)
		case a.says == saysRight && a.lateMS <= 0 && after(sound, told) < 6:
			t.Errorf("%s: heard at %v, asked at %v", kind, sound, told)
		case a.mouth && !a.earlier && a.lateMS >= 0 && after(mouth, told) < 6:
			t.Errorf("%s: the mouth opens at %v, asked at %v", kind, mouth, told)
		case a.mouth && a.earlier && len(mouth) == 6 && after(mouth, filmed) < 6:
			t.Errorf("%s: the mouth opens at %v, asked at %v", kind, mouth, filmed)
		}
		if a.mouth && len(sound) == len(mouth) && !(a.earlier && a.says == saysRight) {
			for i := range mouth {
				if late := sound[i] - mouth[i]; math.Abs(late-a.lateMS) > 150 {
					t.Errorf("%s: the sound is %.0f ms after the mouth", kind, late)
				}
			}
		}
	}
	rd, _ := c.newReading(Job{Cell: &Cell{Method: faceproof.MethodDigits}, Kind: "other_digits", Seed: 3}, "1")
	other := rd.others(rd.ch.Digits)
	for i := range other {
		if other[i] == rd.ch.Digits[i] || other[i] < '0' || other[i] > '9' {
			t.Errorf("%s for %s", other, rd.ch.Digits)
		}
	}
}

// speech opens the recogniser of an engine's pack.
func speech(t *testing.T, e *face.Engine) digits.Recogniser {
	t.Helper()
	rt, err := onnx.Open(e.Pack().Runtime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	r, err := asr.Open(asr.Config{Model: e.Pack().Models[modelpack.RoleSpeech], Runtime: rt})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A video is dubbed, in a campaign; somebody reads before the test camera, as a
// recording: both through the product's analysis and decision. Without a recogniser it
// is said what is missing.
func TestSmokeDigits(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of simulation")
	}
	if _, err := exec.LookPath(espeak); err != nil {
		t.Skip("no espeak-ng: build/setup.sh speech")
	}
	e := facetest.Open(t, "offline")
	portraits, info := demoPortraits(t, e)
	talkers, said, err := Voices(t.Context(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(talkers) != 8 || len(said.Voices) != 8 || !said.Voices[0].Trained {
		t.Fatalf("%+v", said)
	}
	policy := faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR)
	policy.MinContinuity, policy.ShapePolicy = e.Pack().Continuity, e.Pack().Flash
	p := parse(t, string(builtin(t, "digits-smoke")))
	limits := Limits{Sessions: 1, Kinds: []string{"dubbed"}}
	jobs, err := p.List(limits)
	if err != nil || !p.Aloud(limits) {
		t.Fatal(err)
	}
	camera := &Camera{Engine: e, Portraits: portraits, Policy: policy, Speech: speech(t, e), Talkers: talkers}
	c := &Campaign{Dir: t.TempDir(), Protocol: p, Jobs: jobs, Workers: 1, Judge: camera.Judge,
		Header: Header{Format: 1, Campaign: p.ID, Protocol: p.Digest, Limits: limits, Simulated: true, Portraits: info, Speech: &said, Pack: e.Pack().ID, Version: "test", Date: "2026-11-22", Policy: policy}}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := Publish(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if s := r.trials[0]; len(r.trials) != 1 || s.Pass() || s.Attempts[0].Digits.Score < s.Attempts[0].Digits.MinA || s.Attempts[0].Digits.Lips.Range < .04 {
		t.Errorf("%s: %s %v, %+v", s.Kind, s.Outcome, s.Reasons, *s.Attempts[0].Digits)
	}
	live, err := p.List(Limits{Sessions: 1, Cells: []string{"live"}})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := camera.Present(t.Context(), live[0])
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "recordings")
	if err := os.MkdirAll(filepath.Join(dir, "live"), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "live", "a.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(rec.Write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
	rs, err := ListRecordings(e, dir)
	if err != nil || !rs.Aloud || !rs.Simulated {
		t.Fatalf("%+v, %v", rs, err)
	}
	if _, err := rs.Judge(t.Context(), rs.Jobs[0]); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("without a recogniser: %v", err)
	}
	rs.Speech = camera.Speech
	was, err := rs.Judge(t.Context(), rs.Jobs[0])
	if err != nil {
		t.Fatal(err)
	}
	ev := was.Attempts[0]
	d := faceproof.Decide(policy, ev)
	t.Logf("live: %s %v %s, A %.2f, s %.2f, range %.3f, p %.2g", d.Outcome, d.Reasons, d.Level, ev.Digits.Score, ev.Digits.Lips.Sync, ev.Digits.Lips.Range, ev.Flash.P)
	if !d.Pass() || ev.Digits.Lips.Sync < .5 || ev.Flash.P > 1e-3 {
		t.Errorf("%s %v, %+v", d.Outcome, d.Reasons, *ev.Digits)
	}
}

func TestVoicesRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Voices(t.Context(), dir, nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("no recordings: %v", err)
	}
	t.Setenv("PATH", dir)
	if _, _, err := Voices(t.Context(), "", nil); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("no synthesiser: %v", err)
	}
}

const fakeDigits = `
id = "fake-digits"
title = { en = "Fake campaign of digits", zh = "假想读数字活动" }
portraits = "report"
seed = 1_000_000

[[cell]]
name = "live"
title = { en = "Reads", zh = "朗读者" }
method = "digits"
kinds = ["live"]
sessions = 12
params = { lux = { log = [80, 1000] } }
  [[cell.bar]]
  metric = "refused_for"
  reasons = ["misread"]
  at_most = 0.02

[[cell]]
name = "attacks"
title = { en = "Attacks", zh = "攻击" }
method = "digits"
kinds = ["dubbed", "other_light"]
sessions = 5
  [[cell.bar]]
  metric = "standard"
  at_most = 0
  [[cell.bar]]
  metric = "accepted"
  pooled = true
  at_most = 0.05

[[cell]]
name = "at-once"
title = { en = "At once", zh = "同时显示" }
method = "digits"
at_once = true
kinds = ["live"]
sessions = 3

[[cell]]
name = "limit"
title = { en = "Limit", zh = "局限" }
method = "digits"
kinds = ["animated"]
sessions = 3
`

// fakeReader measures nothing: numbers that look like those of somebody who reads,
// by the job alone.
func fakeReader(ctx context.Context, j Job) (Trial, error) {
	t, err := fake(ctx, j)
	r := rand.New(rand.NewPCG(j.Seed, 8))
	t.Params[voiceParam] = []string{"en/b", "zh/a"}[j.Index%2]
	e := &t.Attempts[0]
	d := &faceproof.DigitsEvidence{Model: "fake", Expect: 6, Paced: !j.Cell.AtOnce, Scored: true, Score: -math.Round(1000*3*r.Float64()*r.Float64()) / 1000, MinA: -2.2, MinFAR: 1e-3,
		Better: 6, Heard: 6, InTime: 6, LightOn: !j.Cell.AtOnce, Lips: faceproof.LipsEvidence{Frames: 90, Range: .12, Sync: .6, LagMS: 40, Onsets: 6}}
	e.Method, e.Digits, e.Flash.L, e.Flash.LatencyMS = faceproof.MethodDigits, d, 9, 100
	switch {
	case j.Cell.AtOnce:
		d.Expect, d.Heard, e.Flash = 4, 4, nil
	case j.Kind == bonaFide:
		e.Flash.P = 6e-5
	case j.Kind == "dubbed":
		d.Lips.Sync = .25
	case j.Kind == "other_light":
		e.Flash.P = .4
	case j.Kind == "animated":
		e.Flash.P, e.Flash.Amplitude = .7, .001
	}
	return t, err
}

// The report of digits, in both languages: its levels, its voices, its recogniser.
func TestDigitsReportGolden(t *testing.T) {
	dir := filepath.Join("testdata", "digits")
	if _, err := os.Stat(filepath.Join(dir, trialsFile)); *update && err != nil {
		p := parse(t, fakeDigits)
		jobs, err := p.List(Limits{})
		if err != nil {
			t.Fatal(err)
		}
		c := &Campaign{Dir: dir, Protocol: p, Jobs: jobs, Workers: 3, Judge: fakeReader, Header: Header{
			Format: 1, Campaign: p.ID, Protocol: p.Digest, Simulated: true, Pack: "fake", Version: "test", Date: "2026-11-22", Policy: faceproof.DefaultPolicy(),
			Portraits: PortraitsInfo{Half: "report", Persons: 3, Photos: 4},
			Speech:    &SpeechInfo{Model: "fake", Network: "00", Calibration: "11", Source: "recordings", Digest: "22", Voices: []VoiceInfo{{"zh/a", false}, {"en/b", true}}},
		}}
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if *update {
		if _, err := Publish(dir); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Check(dir)
	if err != nil {
		t.Fatal(err, " (go test ./internal/eval -update)")
	}
	files, err := r.files()
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string][]string{
		"report.md":    {"`standard`", "`low`", "No real reader", "never trained on: `zh/a`", "`en/b`", "network sha256 `00`", "documented limit"},
		"report.zh.md": {"`standard`", "`low`", "没有录制任何真人朗读", "未参与训练：`zh/a`", "已声明的局限"},
	} {
		for _, s := range says {
			if !strings.Contains(string(files[name]), s) {
				t.Errorf("%s does not say %q", name, s)
			}
		}
	}
	for _, s := range r.Species {
		if s.Kind == r.Worst && slices.Contains(byNature, s.Kind) {
			t.Errorf("the worst species is %s, a documented limit", s.Kind)
		}
	}
	if r.Live == nil || r.Live.N() != 12 {
		t.Errorf("the summary has %+v: digits at once do not belong", r.Live)
	}
}
