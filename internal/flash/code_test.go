package flash

import (
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"testing/iotest"

	"faceproof"
)

// read draws a challenge of six digits with light; the times are those of
// internal/digits in kind.
func read(t testing.TB, r *rand.Rand, seed uint64) faceproof.DigitsChallenge {
	t.Helper()
	ch := faceproof.DigitsChallenge{Digits: "314159", Paced: true, Neutral: neutral, FadeMS: 300, PrerollMS: 1000, ShowMS: []int{0}}
	for i := range 5 {
		ch.ShowMS = append(ch.ShowMS, ch.ShowMS[i]+minGentleGapMS+r.IntN(701))
	}
	ch.EndMS = ch.ShowMS[5] + 1800
	var err error
	if ch.Light, err = Gentle(seeded(seed), 6); err != nil {
		t.Fatal(err)
	}
	return ch
}

// readClock is when a client shows it: each prompt is late by its own way.
func readClock(ch faceproof.DigitsChallenge, r *rand.Rand) Timeline {
	var tl Timeline
	at := func(ms int) float64 { return 2 + float64(ms)/1000 + .02 + .1*r.Float64() }
	for _, ms := range ch.ShowMS {
		tl.Segment = append(tl.Segment, at(ms))
	}
	tl.Post = at(ch.EndMS)
	return tl
}

// readLight is the screen's linear colour at t, written for the simulation alone.
func readLight(ch faceproof.DigitsChallenge, tl Timeline, t float64) (c [3]float64) {
	colors := append(slices.Clone(ch.Light), ch.Neutral)
	at := append(slices.Clone(tl.Segment), tl.Post)
	before, now, since := ch.Neutral, ch.Neutral, math.Inf(-1)
	for i := range at {
		if t >= at[i] {
			before, now, since = now, colors[i], at[i]
		}
	}
	f := math.Min(1000*(t-since)/float64(ch.FadeMS), 1)
	for i := range c {
		c[i] = f*srgb(now[i]) + (1-f)*srgb(before[i])
	}
	return c
}

func (w world) filmRead(shown faceproof.DigitsChallenge, tl Timeline, r *rand.Rand) Series {
	return w.filmUnder(func(t float64) [3]float64 { return readLight(shown, tl, t) }, tl, .6, r)
}

// The gentle colours are what their comment says, and as bright as the neutral
// light: no change of them is a change of brightness.
func TestGentleColours(t *testing.T) {
	n := linearRGB(neutral)
	y := luminance(n)
	weight := [3]float64{.2126, .7152, .0722}
	for i, c := range gentle {
		got := linearRGB(c)
		if d := math.Abs(luminance(got)/y - 1); d > .01 {
			t.Errorf("colour %d is %.1f %% off the neutral luminance", i, 100*d)
		}
		if red(got) {
			t.Errorf("colour %d is saturated red", i)
		}
		w, full := 0., [3]bool{}
		for k, v := range palette[i] {
			if full[k] = v == 255; full[k] {
				w += weight[k]
			}
		}
		on, off := 1., (y-w)/(1-w)
		if off < 0 {
			on, off = y/w, 0
		}
		for k := range got {
			want := off
			if full[k] {
				want = on
			}
			if want = n[k] + gentleness*(want-n[k]); math.Abs(got[k]-want) > .004 {
				t.Errorf("colour %d, channel %d: %.3f, want %.3f", i, k, got[k], want)
			}
		}
	}
}

// 10⁵ lights: the rules of the sequence, the safety limits by both analysers, the
// distribution.
func TestGentleGenerator(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	src, r := seeded(21), rand.New(rand.NewPCG(21, 1))
	var first [6][len(palette)]int
	codes := map[string]int{}
	for i := range n {
		ch := read(t, r, uint64(i))
		var err error
		if ch.Light, err = Gentle(src, 6); err != nil {
			t.Fatal(err)
		}
		if err := CheckGentle(ch); err != nil {
			t.Fatalf("%+v: %v", ch, err)
		}
		seq, why := indexesOf(ch.Light, &gentle)
		if why != "" {
			t.Fatalf("%v: %s", ch.Light, why)
		}
		codes[string(seq)]++
		for k, c := range seq {
			first[k][c]++
		}
		if i%200 == 0 {
			if d := brightest(ch); d >= flashStep/2 {
				t.Fatalf("%+v: the luminance changes by %.3f", ch, d)
			}
		}
	}
	for k := range first {
		if x := chi2(first[k][:], -1); x > 25.7 {
			t.Errorf("colours of digit %d: χ² = %.1f", k, x)
		}
	}
	all := 0
	everyCode(6, func([]uint8) { all++ })
	if len(codes) > all || n == 100_000 && float64(len(codes)) < .99*float64(all) {
		t.Errorf("%d codes were drawn, there are %d", len(codes), all)
	}
	// The number of draws of a code is Poisson: its variance is its mean.
	mean, squares := float64(n)/float64(all), 0.
	for _, c := range codes {
		squares += (float64(c) - mean) * (float64(c) - mean)
	}
	squares += float64(all-len(codes)) * mean * mean
	if v := squares / float64(all) / mean; math.Abs(v-1) > 5*math.Sqrt(2/float64(all)) {
		t.Errorf("draws of a code vary %.3f times as much as they should", v)
	}
}

// brightest samples the screen a hundred times a second from the first digit to the
// neutral light, and gives the largest less the smallest luminance.
func brightest(ch faceproof.DigitsChallenge) float64 {
	tl := Timeline{Post: float64(ch.EndMS) / 1000}
	for _, ms := range ch.ShowMS {
		tl.Segment = append(tl.Segment, float64(ms)/1000)
	}
	lo, hi := 1., 0.
	for t := 0.; t < tl.Post+.4; t += .01 {
		y := luminance(readLight(ch, tl, t))
		lo, hi = min(lo, y), max(hi, y)
	}
	return hi - lo
}

// The analyser of the gentle light must be able to say no.
func TestCheckGentleRefuses(t *testing.T) {
	good := read(t, rand.New(rand.NewPCG(1, 1)), 1)
	if err := CheckGentle(faceproof.DigitsChallenge{}); err != nil {
		t.Error("without light:", err)
	}
	for name, spoil := range map[string]func(*faceproof.DigitsChallenge){
		"saturated red": func(c *faceproof.DigitsChallenge) { c.Light[2] = faceproof.RGB{255, 40, 40} },
		"red neutral":   func(c *faceproof.DigitsChallenge) { c.Neutral = faceproof.RGB{255, 0, 0} },
		"bright and dark": func(c *faceproof.DigitsChallenge) {
			c.Light[2], c.Light[3], c.Light[4] = faceproof.RGB{}, faceproof.RGB{255, 255, 255}, faceproof.RGB{}
			c.ShowMS[3], c.ShowMS[4] = c.ShowMS[2]+900, c.ShowMS[2]+1800
			c.FadeMS = 900
		},
		"two at once":   func(c *faceproof.DigitsChallenge) { c.ShowMS[3] = c.ShowMS[2] + 899 },
		"a short end":   func(c *faceproof.DigitsChallenge) { c.EndMS = c.ShowMS[5] + 500 },
		"a long fade":   func(c *faceproof.DigitsChallenge) { c.FadeMS = 1000 },
		"too few":       func(c *faceproof.DigitsChallenge) { c.Light, c.ShowMS = c.Light[:5], c.ShowMS[:5] },
		"one too many":  func(c *faceproof.DigitsChallenge) { c.Light = append(c.Light, c.Light[0]) },
		"all at once":   func(c *faceproof.DigitsChallenge) { c.Paced = false },
		"before it all": func(c *faceproof.DigitsChallenge) { c.ShowMS[0] = -1 },
	} {
		ch := good
		ch.Light, ch.ShowMS = slices.Clone(good.Light), slices.Clone(good.ShowMS)
		spoil(&ch)
		if err := CheckGentle(ch); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: %v, want CodeInternal", name, err)
		}
		if _, err := AnalyseCode(ch, Timeline{}, Series{}, 0, nil); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: the analysis says %v, want CodeInternal", name, err)
		}
	}
	if _, err := AnalyseCode(faceproof.DigitsChallenge{}, Timeline{}, Series{}, 0, nil); faceproof.ErrorCode(err) != faceproof.CodeInternal {
		t.Errorf("without light: %v, want CodeInternal", err)
	}
	for _, n := range []int{-1, 0, 5, 33} {
		if _, err := Gentle(seeded(1), n); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%d colours: %v", n, err)
		}
	}
	if _, err := Gentle(iotest.ErrReader(io.ErrUnexpectedEOF), 6); faceproof.ErrorCode(err) != faceproof.CodeInternal {
		t.Error("a broken source:", err)
	}
}

// p of videos that know nothing of the colours is small no oftener than chance has it
// (simulated), over steady light, a television, and the answers to other lights at the
// same times. Where no code fits at all they tie and p is 1: so it is not uniform
// there, 1 comes too often.
func TestCodeCalibration(t *testing.T) {
	sessions := 120 // all codes are tried in each
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		sessions = 520
	}
	if testing.Short() {
		sessions = 40
	}
	var p []float64
	for i := range sessions {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		w := room(r)
		ch := read(t, r, uint64(i))
		shown := ch
		switch i % 4 {
		case 0:
			shown.Light = slices.Repeat([]faceproof.RGB{neutral}, 6)
		case 1:
			shown.Light, w.flicker, w.drift = slices.Repeat([]faceproof.RGB{neutral}, 6), .02, .03
		default:
			shown = read(t, rand.New(rand.NewPCG(5, uint64(i))), uint64(i)+1e9)
		}
		tl := readClock(ch, r)
		ev, err := AnalyseCode(ch, tl, w.filmRead(shown, tl, r), 0, nil)
		if err != nil || !ev.Measurable {
			t.Fatalf("session %d: %+v, %v", i, ev, err)
		}
		p = append(p, ev.P)
	}
	slices.Sort(p)
	d, limit := 0., 1.517/math.Sqrt(float64(sessions)) // Kolmogorov and Smirnov's of one side
	for i, v := range p {
		d = max(d, float64(i+1)/float64(sessions)-v)
	}
	t.Logf("simulated: D+ = %.4f, 1 %% limit %.4f, n = %d", d, limit, sessions)
	if d > limit {
		t.Errorf("p is small too often: D+ = %.4f", d)
	}
	for _, a := range []float64{.001, .01, .05} {
		k := 0
		for k < len(p) && p[k] <= a {
			k++
		}
		lo, hi := binomialInterval(sessions, a)
		t.Logf("simulated: p ≤ %g in %d of %d, 99 %% interval %d to %d", a, k, sessions, lo, hi)
		if k < lo || k > hi {
			t.Errorf("p ≤ %g in %d of %d", a, k, sessions)
		}
	}
}

// Live series are found fresh (simulated), and their strength and latency measured;
// with more colours the candidates are drawn.
func TestCodePower(t *testing.T) {
	const sessions = 60
	var p, off, late []float64
	for i := range sessions {
		r := rand.New(rand.NewPCG(6, uint64(i)))
		w := room(r)
		w.motion /= 2
		ch := read(t, r, uint64(i))
		tl := readClock(ch, r)
		ev, err := AnalyseCode(ch, tl, w.filmRead(ch, tl, r), 0, nil)
		if err != nil || !ev.Measurable || ev.Segments != 6 || ev.Cut != 0 || ev.Candidates != 16_919 {
			t.Fatalf("session %d: %+v, %v", i, ev, err)
		}
		p = append(p, ev.P)
		off = append(off, ev.Amplitude/((w.q[0]+w.q[1]+w.q[2])/3)-1)
		late = append(late, ev.LatencyMS-1000*w.latency)
		if again, err := AnalyseCode(ch, tl, w.filmRead(ch, tl, r), 0, nil); err != nil || again.Candidates != ev.Candidates {
			t.Fatal(again, err)
		}
	}
	slices.Sort(p)
	slices.Sort(off)
	slices.Sort(late)
	t.Logf("simulated: p at 50, 90, 95 %%: %.2g %.2g %.2g; amplitude off by %.0f %% in the middle; latency by %.0f ms", p[30], p[54], p[57], 100*off[30], late[30])
	if p[54] > 1e-3/3 {
		t.Errorf("p of live series: %v", p[50:])
	}
	if math.Abs(off[30]) > .15 || math.Abs(late[30]) > 20 {
		t.Errorf("amplitude off by %.2f, latency by %.0f ms", off[30], late[30])
	}
}

// Eight colours have too many codes to try all.
func TestCodeOfEight(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	ch := read(t, r, 8)
	for range 2 {
		ch.ShowMS = append(ch.ShowMS, ch.EndMS)
		ch.EndMS += 1500
	}
	var err error
	if ch.Light, err = Gentle(seeded(88), 8); err != nil {
		t.Fatal(err)
	}
	w := room(r)
	w.q = [3]float64{.1, .1, .1}
	tl := readClock(ch, r)
	ev, err := AnalyseCode(ch, tl, w.filmRead(ch, tl, r), 999, r)
	if err != nil || !ev.Measurable || ev.Candidates != 999 || ev.Segments != 8 || ev.P > .002 {
		t.Errorf("%+v, %v", ev, err)
	}
}

// What a client reports cannot make the analysis fail, only the capture.
func TestAnalyseCodeBadInput(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	ch := read(t, r, 9)
	tl := readClock(ch, r)
	s := room(r).filmRead(ch, tl, r)
	nan := math.NaN()
	with := func(f func(*Timeline, *Series)) (Timeline, Series) {
		tl, s := Timeline{Segment: slices.Clone(tl.Segment), Post: tl.Post}, Series{
			Times: slices.Clone(s.Times), Face: slices.Clone(s.Face), Background: slices.Clone(s.Background), BackgroundCells: 9}
		f(&tl, &s)
		return tl, s
	}
	for name, f := range map[string]func(*Timeline, *Series){
		"no times":         func(tl *Timeline, _ *Series) { *tl = Timeline{} },
		"NaN":              func(tl *Timeline, _ *Series) { tl.Segment[2] = nan },
		"infinite":         func(tl *Timeline, _ *Series) { tl.Post = math.Inf(1) },
		"one short":        func(tl *Timeline, _ *Series) { tl.Segment = tl.Segment[:5] },
		"backwards":        func(tl *Timeline, _ *Series) { tl.Segment[3] = tl.Segment[1] },
		"half a second on": func(tl *Timeline, _ *Series) { tl.Segment[3] += .6 },
		"stretched":        func(tl *Timeline, _ *Series) { tl.Post += 3 },
		"no frames":        func(_ *Timeline, s *Series) { *s = Series{} },
		"lengths differ":   func(_ *Timeline, s *Series) { s.Face = s.Face[:9] },
		"no clock":         func(_ *Timeline, s *Series) { s.Times[40] = s.Times[39] },
		"no face":          func(_ *Timeline, s *Series) { clear(s.Face) },
	} {
		tl, s := with(f)
		ev, err := AnalyseCode(ch, tl, s, 99, r)
		if err != nil || ev.Measurable || ev.P != 1 || ev.Hint == faceproof.HintNone {
			t.Errorf("%s: %+v, %v", name, ev, err)
		}
	}
}
