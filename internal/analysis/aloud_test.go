package analysis

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
)

// bursts stands for a recogniser: it "hears" the next of its digits whenever the
// sound becomes loud. Simulated; what the real one hears is measured elsewhere.
type bursts string

func (b bursts) Info() digits.Info {
	classes := []string{"_"}
	for d := '0'; d <= '9'; d++ {
		classes = append(classes, "zh"+string(d))
	}
	return digits.Info{Model: "bursts", Classes: classes, FrameMS: 30, MinA: func(n int) (float64, float64, bool) { return -2.5, 1e-3, n == len(b) }}
}

func (b bursts) LogProbs(_ context.Context, mel [][digits.Mels]float32) ([][]float32, error) {
	var levels []float32
	for t := 0; t+2 < len(mel); t += 3 {
		var level float32
		for _, v := range mel[t][3:30] {
			level += v
		}
		levels = append(levels, level)
	}
	half := (slices.Min(levels) + slices.Max(levels)) / 2
	var rows [][]float32
	next, was := 0, true
	for _, level := range levels {
		loud, k := level > half, 0
		if loud && !was && next < len(b) {
			k = int(b[next]-'0') + 1
			next++
		}
		was = loud
		row := make([]float32, 11)
		for i := range row {
			row[i] = -8
		}
		row[k] = -.01
		rows = append(rows, row)
	}
	return rows, nil
}

// reading is an attempt at a challenge: a demo photo whose mouth is moved by
// computer and bursts of a tone. Simulated.
type reading struct {
	ch    faceproof.DigitsChallenge
	still bool
	delay float64 // ms from a prompt to its sound
	level float64
	fps   float64
}

const readingStart = 20_000. // ms, of the pre-roll

// record gives frames, sound and transcript.
func (rd reading) record(tb testing.TB, s *scene, l [468][3]float64) (frames []capture.Frame, sound []capture.Audio, t capture.Transcript) {
	tb.Helper()
	first := readingStart + 1200
	end := first + float64(rd.ch.EndMS)
	t = capture.Transcript{Attempt: 1, Method: faceproof.MethodDigits, Digits: rd.ch, ServerMS: end - readingStart}
	t.Display = append(t.Display, capture.DisplayEvent{Event: capture.DisplayPreroll, T: readingStart})
	var said []float64
	for i, ms := range rd.ch.ShowMS {
		t.Display = append(t.Display, capture.DisplayEvent{Event: capture.DisplayPrompt, Index: i, T: first + float64(ms)})
		said = append(said, first+float64(ms)+rd.delay)
	}
	t.Display = append(t.Display, capture.DisplayEvent{Event: capture.DisplayPostroll, T: end})
	envelope := func(ms float64) float64 {
		for _, from := range said {
			if u := (ms - from) / 380; u > 0 && u < 1 {
				return math.Sqrt(math.Sin(math.Pi * u))
			}
		}
		return 0
	}
	m, err := imaging.Decode(s.jpeg, imaging.FrameLimits)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for ms := readingStart; ms < end+400; ms += 1000 / rd.fps {
		open := envelope(ms)
		if rd.still {
			open = 0
		}
		j := encode(talk(m, l, .3*open, rd.gains(ms-60), r))
		frames = append(frames, capture.Frame{Seq: uint32(len(frames)), T: ms, JPEG: j})
		t.Captured, t.Sent, t.Received, t.Bytes = t.Captured+1, t.Sent+1, t.Received+1, t.Bytes+len(j)
	}
	const piece = 100
	for ms := readingStart; ms < end; ms += piece {
		a := capture.Audio{Attempt: 1, Seq: uint32(len(sound)), T: ms + 10*r.Float64()}
		for i := range piece * digits.Rate / 1000 {
			at := ms + 1000*float64(i)/digits.Rate
			x := rd.level * (.001*r.NormFloat64() + .2*envelope(at)*(math.Sin(2*math.Pi*.16*at)+.5*math.Sin(2*math.Pi*.7*at)+.3*math.Sin(2*math.Pi*1.4*at)))
			a.PCM = binary.LittleEndian.AppendUint16(a.PCM, uint16(int16(32767*x)))
		}
		sound = append(sound, a)
	}
	t.Audio = capture.AudioCounts{Messages: len(sound), Samples: len(sound) * piece * digits.Rate / 1000, T0: readingStart, EndT: end}
	return frames, sound, t
}

// gains are what the screen's light at a time (ms) makes of the channels, a tenth
// of the room's at full light.
func (rd reading) gains(ms float64) (g [3]float64) {
	const strength = .1
	screen := [3]float64{}
	for c := range screen {
		screen[c] = float64(imaging.Linear(rd.ch.Neutral[c]))
	}
	now, rest := screen, screen
	first := readingStart + 1200
	for i, color := range rd.ch.Light {
		share := max(0, min(1, (ms-first-float64(rd.ch.ShowMS[i]))/float64(rd.ch.FadeMS)))
		for c := range now {
			now[c] += share * (float64(imaging.Linear(color[c])) - now[c])
		}
	}
	share := max(0, min(1, (ms-first-float64(rd.ch.EndMS))/float64(rd.ch.FadeMS)))
	for c := range g {
		now[c] += share * (rest[c] - now[c])
		g[c] = (1 + strength*now[c]) / (1 + strength*rest[c])
	}
	return g
}

// talk opens the mouth of a picture by a share of the distance between the eyes:
// what is below the lips moves down, and the gap is dark. gains light the whole.
func talk(m *imaging.Image, l [468][3]float64, open float64, gains [3]float64, r *rand.Rand) *imaging.Image {
	out := imaging.New(m.W, m.H)
	var lit [3][256]float64
	for c := range lit {
		for v := range lit[c] {
			lit[c][v] = 255 * math.Pow(float64(imaging.Linear(uint8(v)))*gains[c], 1/2.2)
		}
	}
	eyes := math.Hypot(l[263][0]-l[33][0], l[263][1]-l[33][1])
	left, right, lips, chin := l[78][0], l[308][0], (l[13][1]+l[14][1])/2, l[152][1]
	middle, half := (left+right)/2, (right-left)/2
	for y := range m.H {
		for x := range m.W {
			from, dark := y, false
			if u := (float64(x) - middle) / half; float64(y) > lips && float64(y) < chin && math.Abs(u) < 1.6 {
				down := open * eyes * math.Exp(-u*u*1.2)
				d := float64(y) - lips
				dark = d < down*(1-u*u)
				from = y - int(down*(1-d/(chin-lips)))
			}
			for c := range 3 {
				v := lit[c][m.Pix[3*(from*m.W+x)+c]]
				if dark {
					v *= .25
				}
				out.Pix[3*(y*m.W+x)+c] = uint8(max(0, min(255, v+1.5*r.NormFloat64())))
			}
		}
	}
	return out
}

// play sends an attempt in the order in which it would come.
func play(tb testing.TB, r *Run, frames []capture.Frame, sound []capture.Audio, t capture.Transcript, ref faceproof.Reference) faceproof.Evidence {
	tb.Helper()
	ctx := context.Background()
	for _, f := range frames {
		for len(sound) > 0 && sound[0].EndT() <= f.T {
			if err := r.Sound(ctx, sound[0]); err != nil {
				tb.Fatal(err)
			}
			sound = sound[1:]
		}
		if err := r.Frame(ctx, f); err != nil {
			tb.Fatal(err)
		}
	}
	ev, portrait, err := r.Finish(ctx, t, ref)
	if err != nil {
		tb.Fatal(err)
	}
	if len(portrait) == 0 {
		tb.Error("no portrait")
	}
	return ev
}

// A face that says the digits after their prompts, and others.
func TestAloud(t *testing.T) {
	e := facetest.Open(t, "")
	s := newScene(t, e, "sample3.jpg", 1599, 430)
	ctx := context.Background()
	m, err := imaging.Decode(s.jpeg, imaging.FrameLimits)
	if err != nil {
		t.Fatal(err)
	}
	l, err := e.Landmarks(ctx, m, s.face)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := digits.New(rand.NewChaCha8([32]byte{7}), digits.Options{Paced: true, Light: true})
	if err != nil {
		t.Fatal(err)
	}
	ch.Digits, ch.ShowMS, ch.EndMS = "314159", []int{0, 1250, 2240, 3700, 4650, 6000}, 7800
	r := New(Config{Engine: e, Speech: bursts("314159")}).Begin()
	deaf := New(Config{Engine: e, Speech: bursts("999999")}).Begin()
	ref := reference(t, e, s)
	live := reading{ch: ch, delay: 500, level: 1, fps: 8.5}
	heard := func(delay, level float64) reading { return reading{ch: ch, delay: delay, level: level, fps: 2} } // few pictures: the sound is judged
	for _, c := range []struct {
		name string
		run  *Run
		rd   reading
		ok   func(d *faceproof.DigitsEvidence) bool
	}{
		{"live", r, live, func(d *faceproof.DigitsEvidence) bool {
			return d.Scored && d.Audio.Fault == "" && d.Score > -1 && d.Better == 6 && d.Heard == 6 && d.InTime == 6 && d.Expect == 6 && d.MinA == -2.5 &&
				d.Lips.Sync > .5 && d.Lips.Range > .06 && d.Lips.Onsets >= 5 && d.Lips.Frames > 60 && d.Lips.Null > 2
		}},
		{"other digits", deaf, heard(500, 1), func(d *faceproof.DigitsEvidence) bool { return d.Scored && d.Score < -4 && d.Better < 3 }},
		{"a photo", r, reading{ch: ch, delay: 500, level: 1, fps: 8.5, still: true}, func(d *faceproof.DigitsEvidence) bool { return d.Score > -1 && d.Lips.Range < .02 }},
		{"late", r, heard(1450, 1), func(d *faceproof.DigitsEvidence) bool { return d.Scored && d.InTime < 4 }},
		{"silent", r, heard(500, 0), func(d *faceproof.DigitsEvidence) bool {
			return d.Audio.Fault == faceproof.AudioSilent && !d.Scored && d.InTime == 0
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "live" {
				t.Skip("-short: the same code runs in the other case")
			}
			c.run.Reset()
			frames, sound, tr := c.rd.record(t, s, l.Points)
			ev := play(t, c.run, frames, sound, tr, ref)
			t.Logf("simulated: %+v", *ev.Digits)
			if marks := ev.Provenance.Traces; len(marks.Sounds) > 0 != ev.Digits.Scored || len(marks.PCM) > 0 != ev.Digits.Scored {
				t.Errorf("scored %v, %d marks of sound", ev.Digits.Scored, len(marks.Sounds))
			}
			if ev.Method != faceproof.MethodDigits || ev.Match == nil || !c.ok(ev.Digits) {
				t.Errorf("%+v", *ev.Digits)
			}
			if f := ev.Flash; !ev.Digits.LightOn || f == nil || f.Measurable && (f.P > 1e-3/3 || f.Amplitude < .05) || !f.Measurable && c.rd.fps > 5 {
				t.Errorf("light %+v", f)
			}
			if ev.Match != nil && ev.Match.Similarity < ev.Match.Threshold || ev.Face.Continuity < e.Pack().Continuity {
				t.Errorf("match %+v, continuity %.2f", ev.Match, ev.Face.Continuity)
			}
		})
	}
	r.Reset()
	if r.listens || len(r.sound.Sound().Samples) != 0 {
		t.Error("the sound was not forgotten")
	}
}

// Nothing that comes panics, and a pack without a recogniser says so.
func TestAloudWithoutAnything(t *testing.T) {
	e := facetest.Open(t, "")
	ctx := context.Background()
	tr := capture.Transcript{Method: faceproof.MethodDigits, Digits: faceproof.DigitsChallenge{Digits: "1234", ShowMS: []int{0}, EndMS: 5000}}
	r := New(Config{Engine: e, Speech: bursts("1234")}).Begin()
	ev, _, err := r.Finish(ctx, tr, faceproof.Reference{State: faceproof.ReferenceAbsent})
	if err != nil || ev.Digits == nil || ev.Digits.Audio.Fault != faceproof.AudioAbsent || ev.Digits.Scored {
		t.Errorf("nothing came: %+v, %v", ev.Digits, err)
	}
	_, _, err = New(Config{Engine: e}).Begin().Finish(ctx, tr, faceproof.Reference{State: faceproof.ReferenceAbsent})
	if faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("without a recogniser: %v", err)
	}
	long := capture.Audio{PCM: make([]byte, 2*digits.Rate)}
	var codes []faceproof.Code
	for i := range digits.MaxSeconds + 1 {
		long.T = 1000 * float64(i)
		codes = append(codes, faceproof.ErrorCode(r.Sound(ctx, long)))
	}
	if i := slices.Index(codes, faceproof.CodeInvalid); i != digits.MaxSeconds {
		t.Errorf("refused after %d seconds", i)
	}
}
