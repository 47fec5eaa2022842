package aloud

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/pages"
)

var update = flag.Bool("update", false, "write the golden reports")

// tones is a recogniser of an invented language in which each digit is a tone,
// and then a tone that all share: features are without their mean, so that one
// tone alone is nothing.
type tones struct{ calibrated bool }

// pitch of a digit, in hertz; far enough apart for a mel band each.
func pitch(d int) float64 { return 300 * math.Pow(1.34, float64(d)) }

// band is where LogMel is loudest for a digit.
var bands = func() (b [10]int) {
	for d := range b {
		b[d] = loudest(digits.LogMel(digits.Sound{Samples: tone(d, .4)}.Float())[10])
	}
	return b
}()

func loudest(row [digits.Mels]float32) (best int) {
	for i, v := range row {
		if v > row[best] {
			best = i
		}
	}
	return best
}

func tone(d int, seconds float64) []int16 {
	w := make(wave, int(rate*seconds))
	for i := range w {
		f := pitch(d)
		if i > len(w)/2 {
			f = pitch(10)
		}
		w[i] = .7 * math.Sin(2*math.Pi*f*float64(i)/rate)
	}
	return w.samples()
}

func (f tones) Info() digits.Info {
	names := []string{"_"}
	for _, l := range []string{"zh", "en"} {
		for d := '0'; d <= '9'; d++ {
			names = append(names, l+string(d))
		}
	}
	return digits.Info{Model: "tones-1", Classes: names, FrameMS: 30, MinA: func(n int) (float64, float64, bool) { return -2.5, 1e-3, f.calibrated }}
}

func (f tones) LogProbs(_ context.Context, mel [][digits.Mels]float32) ([][]float32, error) {
	if len(mel) > 2500 {
		return nil, errors.New("too long")
	}
	var out [][]float32
	for t := 0; t+3 <= len(mel); t += 3 {
		row := mel[t+1]
		at, mean := loudest(row), float32(0)
		for _, v := range row {
			mean += v / digits.Mels
		}
		p := make([]float32, 21)
		for i := range p {
			p[i] = -5
		}
		best := 0
		if d := slices.Index(bands[:], at); d >= 0 && row[at]-mean > .8 {
			best = 1 + d
		}
		p[best] = -.1
		out = append(out, p)
	}
	return out, nil
}

// people are two who say everything as they should, one who says 8 for 3, and
// one of the training.
func people() (clips []Clip) {
	for _, v := range []string{"ann", "bo", "cy", "tr"} {
		for d := range 10 {
			said := d
			if v == "cy" && d == 3 {
				said = 8
			}
			clips = append(clips, Clip{Path: "zh/" + v + "/" + string(rune('0'+d)) + "_01.wav", Lang: "zh", Voice: v, Label: string(rune('0' + d)), Sound: tone(said, .4)})
		}
	}
	var all []int16
	for _, d := range []int{3, 1, 4, 1, 5} {
		all = append(append(all, tone(d, .4)...), make([]int16, rate/8)...)
	}
	clips = append(clips, Clip{Path: "zh/wen/3y415_01.wav", Lang: "zh", Voice: "wen", Label: "3y415", Sound: all})
	return append(clips, Clip{Path: "en/ed/o_01.wav", Lang: "en", Voice: "ed", Label: "o", Sound: tone(0, .4)})
}

func measured(t *testing.T, strings, jobs int, calibrated bool) *Digits {
	t.Helper()
	done := 0
	d, err := Measure(t.Context(), Config{
		Recogniser: tones{calibrated}, Policy: faceproof.DefaultDigitsPolicy(), Clips: people(), Trained: []string{"tr"}, Seed: 7, Strings: strings, Impostors: 30, Drawn: 2, Jobs: jobs,
		Others:   []Other{{Kind: "speech", Name: "hum.wav", Sound: tone(5, 4)}},
		Progress: func(n, total int) { done = n },
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := 41 + 1 + 3*strings + 11; done != want {
		t.Errorf("%d jobs, want %d", done, want)
	}
	d.Header = Header{Date: "2026-11-22", Version: "test", Pack: "fake", Root: "0123456789abcdef", Files: len(people())}
	return d
}

func TestMeasure(t *testing.T) {
	d := measured(t, 9, 2, true)
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	golden(t, dir, "digits")
	for _, v := range d.Voices {
		want := 0
		if v.Voice == "cy" {
			want = 1
		}
		if v.Wrong != want {
			t.Errorf("%s: %d wrong, want %d", v.Voice, v.Wrong, want)
		}
		if v.Voice == "cy" && (len(v.Confused) != 1 || v.Confused[0] != Confusion{"3", "8", 1}) {
			t.Errorf("confused %+v", v.Confused)
		}
	}
	if l := d.Languages[0]; l.Voices != 3 || l.Error.N != 30 || l.Error.Count != 1 || l.Error.ByVoice == nil {
		t.Errorf("pooled %+v: the trained voice must be out", l)
	}
	if len(d.Cells) != 21 {
		t.Fatalf("%d cells", len(d.Cells))
	}
	for _, c := range d.Cells {
		if c.Voices != 3 || c.Others.Rate > .01 || len(c.Points) != 3 || c.Points[2].Events != 0 {
			t.Errorf("%+v", c)
		}
		if c.Noise == "clean" && c.Style == stylePaced && (c.InTime.Count != 9 || math.Abs(c.Lag.Median) > 60) {
			t.Errorf("paced: in time %+v, lag %+v", *c.InTime, *c.Lag)
		}
	}
	if c := d.Connected[0]; c.Better != 5 || c.Heard != 5 || c.Digits != 5 {
		t.Errorf("connected %+v", c)
	}
	for _, g := range d.Garbage {
		if g.Rule.Count > 0 || (g.Kind == "zeros") != (g.Refused == g.Sounds && g.Kind == "zeros") {
			t.Errorf("garbage %+v", g)
		}
	}
}

// golden compares what was written with testdata.
func golden(t *testing.T, dir, name string) {
	t.Helper()
	for _, f := range []string{"report.json", "report.md", "report.zh.md"} {
		got, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name, f)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not the golden one; see it with -update", f)
		}
	}
}

// The order of the jobs must not show.
func TestMeasureIsRepeatable(t *testing.T) {
	a, b := measured(t, 2, 1, true).markdown(pages.English), measured(t, 2, 3, true).markdown(pages.English)
	if !bytes.Equal(a, b) {
		t.Error("two runs of one seed differ")
	}
}

// Without a calibration nothing passes.
func TestUncalibrated(t *testing.T) {
	d := measured(t, 2, 2, false)
	for _, c := range d.Cells {
		if c.Refused.Count != c.Refused.N || c.Others.Count > 0 {
			t.Errorf("%+v", c)
		}
	}
	if d.Rules[0].Set || !bytes.Contains(d.markdown(pages.English), []byte("nothing passes")) {
		t.Errorf("rules %+v", d.Rules)
	}
}

// What goes wrong in one job ends the run.
func TestMeasureStops(t *testing.T) {
	clips := []Clip{{Path: "zh/a/7_01.wav", Lang: "zh", Voice: "a", Label: "7", Sound: make([]int16, 30*rate)}}
	if _, err := Measure(t.Context(), Config{Recogniser: tones{}, Clips: clips}); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, Config{Recogniser: tones{}, Clips: people()}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestThreshold(t *testing.T) {
	v := make([]float64, 1000)
	for i := range v {
		v[i] = float64(i)
	}
	for far, want := range map[float64]float64{1e-2: 989, 1e-3: 998, 1e-4: 999} {
		at, events := threshold(v, far)
		above := 0
		for _, x := range v {
			if x > at {
				above++
			}
		}
		if at != want || above != events || float64(above) > far*1000 {
			t.Errorf("far %g: threshold %g, %d events, %d above", far, at, events, above)
		}
	}
	if at, _ := threshold(nil, .1); !math.IsInf(at, 1) {
		t.Errorf("without impostors %g", at)
	}
}

func TestNoise(t *testing.T) {
	r := stream(1, "test", "")
	for name, w := range map[string]wave{"white": white(r, rate), "pink": pink(r, rate), "babble": babble(r, rate, []*Clip{{Sound: tone(4, .2)}}), "music": music(r, rate), "alone": babble(r, rate, nil)} {
		if p := w.power(); math.Abs(p-1) > .05 {
			t.Errorf("%s has power %g", name, p)
		}
	}
	s := say(r, voices(people(), nil)[0], 6, stylePaced)
	if len(s.expect) != 6 || len(s.prompts) != 6 || triple(s.expect) {
		t.Errorf("%+v", s.expect)
	}
	for i, at := range s.onsets {
		if d := at - s.prompts[i]; d < 299 || d > 801 {
			t.Errorf("digit %d is said %g ms after its prompt", i, d)
		}
	}
	quiet, loud := toWave(s.in(nil, 0)).power(), toWave(s.in(white(r, len(s.sound)), 5)).power()
	if loud <= quiet {
		t.Error("noise is not louder than quiet")
	}
	for _, o := range others(r, "123456", 50) {
		if o == "123456" || len(o) != 6 || triple(o) {
			t.Errorf("another string: %s", o)
		}
	}
	for _, o := range near(r, "123456", 50) {
		n := 0
		for i := range o {
			if o[i] != "123456"[i] {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s differs in %d digits", o, n)
		}
	}
}
