package flash

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"faceproof"
)

// freshness is the p-value alone, with n candidates.
func freshness(t testing.TB, ch faceproof.FlashChallenge, tl Timeline, s Series, n int, r *rand.Rand) outcome {
	t.Helper()
	seq, err := indexes(ch)
	if err != nil {
		t.Fatal(err)
	}
	f, hint := newFrames(tl, float64(ch.PostMS)/1000, trendOrder, s)
	if hint != faceproof.HintNone {
		t.Fatalf("not measurable: %s", hint)
	}
	return newTest(&palette, ch.Neutral, len(seq), tl.wiped(ch), f).run(seq, n, r)
}

// The p-value of videos that know nothing of the challenge is uniform
// (simulated): faces in white light with drift, noise and coloured flicker;
// recordings that answer another challenge, as strongly as a live person does;
// and neutral light. Were it not, the false accept rate would not be alpha.
func TestCalibration(t *testing.T) {
	n := 999
	if testing.Short() {
		n = 99
	}
	const sessions = 2400
	var p []float64
	for i := range sessions {
		r := rand.New(rand.NewPCG(2026, uint64(i)))
		w := room(r)
		ch := drawOne(t, seeded(uint64(i)))
		shown := ch // what lights the face, if anything
		switch i % 4 {
		case 0: // a still face under steady light
			w.q, w.motion = [3]float64{}, 0
		case 1: // a restless one beside a television
			w.q, w.flicker, w.drift = [3]float64{}, .02, .03
		default: // a genuine answer to another challenge
			shown = drawOne(t, seeded(uint64(i)+1e9))
		}
		tl := clock(ch, r)
		p = append(p, freshness(t, ch, tl, w.film(shown, tl, r), n, r).p)
	}
	slices.Sort(p)
	if d, limit := ksUniform(p), 1.628/math.Sqrt(sessions); d > limit {
		t.Errorf("Kolmogorov–Smirnov D = %.4f over %d sessions, 1 %% limit %.4f", d, sessions, limit)
	} else {
		t.Logf("simulated: D = %.4f, 1 %% limit %.4f, n = %d", d, limit, sessions)
	}
	for _, a := range []float64{.01, .05} {
		k := 0
		for k < len(p) && p[k] <= a {
			k++
		}
		lo, hi := binomialInterval(sessions, a)
		t.Logf("simulated: p ≤ %.2f in %d of %d", a, k, sessions)
		if k < lo || k > hi {
			t.Errorf("p ≤ %.2f in %d of %d, 99 %% interval %d to %d", a, k, sessions, lo, hi)
		}
	}
}

// p stays exact for every plan and number of candidates, and more colours say more
// (simulated).
func TestPlansAreCalibrated(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of simulation")
	}
	const sessions = 300
	var z [2]float64
	for k, plan := range []faceproof.Plan{faceproof.PlanUsual, faceproof.PlanLong} {
		var p []float64
		for i := range sessions {
			r := rand.New(rand.NewPCG(91, uint64(i)))
			w := room(r)
			w.q = [3]float64{.01, .01, .01}
			draw := func(seed int) faceproof.FlashChallenge {
				ch, err := New(seeded(uint64(seed)), plan)
				if err != nil {
					t.Fatal(err)
				}
				return ch
			}
			ch, other := draw(i), draw(i+sessions)
			tl := clock(ch, r)
			ev, err := Analyse(ch, tl, w.film(other, tl, r), 299, r)
			if err != nil || !ev.Measurable || ev.Candidates != 299 || ev.Segments != plan.Segments {
				t.Fatalf("%+v, session %d: %+v, %v", plan, i, ev, err)
			}
			p = append(p, ev.P)
			if i%10 == 0 {
				live, err := Analyse(ch, tl, w.film(ch, tl, r), 299, r)
				if err != nil {
					t.Fatal(err)
				}
				z[k] += live.Z / (sessions / 10)
			}
		}
		slices.Sort(p)
		d := ksUniform(p)
		t.Logf("simulated: %d colours, %d sessions, D %.3f, live z %.1f", plan.Segments, sessions, d, z[k])
		if d > 1.63/math.Sqrt(sessions) { // 1 %
			t.Errorf("%+v: p is not uniform, D %.3f", plan, d)
		}
	}
	if z[1] < z[0]+1 {
		t.Errorf("16 colours are no better than 10: z %v", z)
	}
}

// ksUniform is the distance of sorted p from the uniform distribution.
func ksUniform(p []float64) (d float64) {
	n := float64(len(p))
	for i, v := range p {
		d = max(d, float64(i+1)/n-v, v-float64(i)/n)
	}
	return d
}

// binomialInterval holds the central 99 % of Binomial(n, a).
func binomialInterval(n int, a float64) (lo, hi int) {
	lo, hi = -1, n
	sum, term := 0.0, float64(n)*math.Log1p(-a) // log of P(0)
	for k := range n + 1 {
		sum += math.Exp(term)
		if lo < 0 && sum > .005 {
			lo = k
		}
		if sum >= .995 {
			return lo, k
		}
		term += math.Log(float64(n-k)) - math.Log(float64(k+1)) + math.Log(a) - math.Log1p(-a)
	}
	return lo, hi
}

// Live sessions (simulated) pass the test that a third of a budget of 1e-3
// allows, and their latency and amplitude are measured.
func TestPower(t *testing.T) {
	sessions := 60
	if testing.Short() {
		sessions = 12
	}
	failed, late := 0, 0
	for i := range sessions {
		r := rand.New(rand.NewPCG(77, uint64(i)))
		w := room(r)
		ch := drawOne(t, seeded(uint64(i)))
		tl := clock(ch, r)
		ev, err := Analyse(ch, tl, w.film(ch, tl, r), 0, r)
		if err != nil || !ev.Measurable {
			t.Fatalf("session %d: %+v, %v", i, ev, err)
		}
		if ev.P > 3.3e-4 || ev.Z < 3 {
			t.Logf("session %d: p %.5f z %.1f R² %.2f q %.3f, %+v", i, ev.P, ev.Z, ev.R2, ev.Amplitude, w)
			failed++
		}
		// Half of the exposure belongs to the latency, as does the model's own.
		if want := 1000 * (w.latency + w.exposure/2 - .015); math.Abs(ev.LatencyMS-want) > 40 {
			t.Logf("session %d: latency %.0f ms, want %.0f", i, ev.LatencyMS, want)
			late++
		}
		q := (w.q[0] + w.q[1] + w.q[2]) / 3
		if ev.Amplitude < .5*q || ev.Amplitude > 1.5*q {
			t.Errorf("session %d: amplitude %.3f, want %.3f", i, ev.Amplitude, q)
		}
		if ev.Flicker < .5*q || ev.Flicker > 1.6*q {
			t.Errorf("session %d: flicker %.3f, want %.3f", i, ev.Flicker, q)
		}
		if math.Abs(ev.BackgroundRatio-w.bg) > .15 {
			t.Errorf("session %d: background ratio %.2f, want %.2f", i, ev.BackgroundRatio, w.bg)
		}
	}
	// By design none; one in fifty is within its claims.
	if failed > sessions/50 || late > sessions/20 {
		t.Errorf("of %d sessions %d are not fresh and %d have a wrong latency", sessions, failed, late)
	}
}

// Whatever answers another challenge, or none, is not fresh; a tint of the
// whole picture shows in the background.
func TestAttacks(t *testing.T) {
	for i := range 6 {
		r := rand.New(rand.NewPCG(5, uint64(i)))
		w := room(r)
		w.q = [3]float64{.1, .1, .1}
		ch, other := drawOne(t, seeded(uint64(i))), drawOne(t, seeded(uint64(i)+1000))
		tl := clock(ch, r)
		ev, err := Analyse(ch, tl, w.film(other, tl, r), 0, r)
		if err != nil || !ev.Measurable || ev.P < 1e-3 || ev.Flicker < .05 {
			t.Errorf("another challenge: %+v, %v", ev, err)
		}
		w.bg = 1
		ev, err = Analyse(ch, tl, w.film(ch, tl, r), 0, r)
		if err != nil || ev.P > 1e-3 || math.Abs(ev.BackgroundRatio-1) > .15 {
			t.Errorf("a tint of all: %+v, %v", ev, err)
		}
		w.bg, w.latency = 0, .42
		ev, err = Analyse(ch, tl, w.film(ch, tl, r), 0, r)
		if err != nil || ev.LatencyMS < 350 {
			t.Errorf("an answer after 420 ms: %+v, %v", ev, err)
		}
	}
}

// The verdict does not depend on who draws the candidates; a nil generator is
// seeded by the system.
func TestAnalyseSeedsItself(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	ch := drawOne(t, seeded(9))
	tl := clock(ch, r)
	s := room(r).film(ch, tl, r)
	ev, err := Analyse(ch, tl, s, 0, nil)
	if err != nil || ev.P > 1e-3 || ev.Candidates != 10000 {
		t.Fatalf("%+v, %v", ev, err)
	}
}

func TestNotMeasurable(t *testing.T) {
	base := func() (faceproof.FlashChallenge, Timeline, Series) {
		r := rand.New(rand.NewPCG(4, 4))
		w := room(r)
		w.fps, w.drop = 15, 0
		ch := drawOne(t, seeded(4))
		tl := clock(ch, r)
		return ch, tl, w.film(ch, tl, r)
	}
	nan := math.NaN()
	for name, spoil := range map[string]func(*Timeline, *Series){
		"no frames":       func(_ *Timeline, s *Series) { *s = Series{} },
		"no times":        func(_ *Timeline, s *Series) { s.Times = nil },
		"few frames":      func(_ *Timeline, s *Series) { s.Times, s.Face = s.Times[:30], s.Face[:30] },
		"lengths differ":  func(_ *Timeline, s *Series) { s.Face = s.Face[1:] },
		"time back":       func(_ *Timeline, s *Series) { s.Times[40] = s.Times[30] },
		"NaN time":        func(_ *Timeline, s *Series) { s.Times[40] = nan },
		"infinite time":   func(_ *Timeline, s *Series) { s.Times[len(s.Times)-1] = math.Inf(1) },
		"black":           func(_ *Timeline, s *Series) { clear(s.Face) },
		"NaN face":        func(_ *Timeline, s *Series) { fill(s.Face, [3]float64{nan, nan, nan}) },
		"constant":        func(_ *Timeline, s *Series) { fill(s.Face, [3]float64{.3, .2, .1}) },
		"too many frames": func(_ *Timeline, s *Series) { s.Times = make([]float64, 5000); s.Face = make([][3]float64, 5000) },
		"missing display": func(tl *Timeline, _ *Series) { tl.Segment = tl.Segment[:9] },
		"display back":    func(tl *Timeline, _ *Series) { tl.Segment[4] = tl.Segment[3] },
		"NaN display":     func(tl *Timeline, _ *Series) { tl.Segment[4] = nan },
		"NaN post":        func(tl *Timeline, _ *Series) { tl.Post = nan },
		"skipped segment": func(tl *Timeline, _ *Series) { tl.Segment[5] = tl.Segment[4] + .02 },
		"stretched": func(tl *Timeline, _ *Series) {
			for i := range tl.Segment {
				tl.Segment[i] = tl.Segment[0] + 1.4*(tl.Segment[i]-tl.Segment[0])
			}
			tl.Post = tl.Segment[9] + .5
		},
		"hole in a segment": func(tl *Timeline, s *Series) {
			var o Series
			for i, v := range s.Times {
				if v < tl.Segment[3] || v > tl.Segment[4] {
					o.Times, o.Face = append(o.Times, v), append(o.Face, s.Face[i])
				}
			}
			*s = o
		},
	} {
		ch, tl, s := base()
		spoil(&tl, &s)
		ev, err := Analyse(ch, tl, s, 0, rand.New(rand.NewPCG(1, 1)))
		if err != nil || ev.Measurable || ev.Hint == faceproof.HintNone {
			t.Errorf("%s: %+v, %v", name, ev, err)
		}
	}
	ch, tl, s := base()
	if ev, err := Analyse(ch, tl, s, 0, nil); err != nil || !ev.Measurable {
		t.Errorf("the unspoilt series: %+v, %v", ev, err)
	}
}

func fill(s [][3]float64, c [3]float64) {
	for i := range s {
		s[i] = c
	}
}

func TestForeignChallengeIsAnError(t *testing.T) {
	base := drawOne(t, seeded(4))
	r := rand.New(rand.NewPCG(4, 4))
	tl := clock(base, r)
	s := room(r).film(base, tl, r)
	for name, f := range map[string]func(*faceproof.FlashChallenge){
		"colour":  func(c *faceproof.FlashChallenge) { c.Segments[0].Color = faceproof.RGB{1, 2, 3} },
		"repeat":  func(c *faceproof.FlashChallenge) { c.Segments[1] = c.Segments[0] },
		"three":   func(c *faceproof.FlashChallenge) { c.Segments = c.Segments[:3] },
		"none":    func(c *faceproof.FlashChallenge) { c.Segments = nil },
		"timing":  func(c *faceproof.FlashChallenge) { c.SegmentMS = 0 },
		"colours": func(c *faceproof.FlashChallenge) { few(c.Segments) },
	} {
		ch := base
		ch.Segments = slices.Clone(base.Segments)
		f(&ch)
		if _, err := Analyse(ch, tl, s, 0, r); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func few(s []faceproof.FlashSegment) {
	for i := range s {
		s[i].Color = palette[i%2]
	}
}

// Without background nothing is said of it.
func TestNoBackground(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	ch := drawOne(t, seeded(4))
	tl := clock(ch, r)
	s := room(r).film(ch, tl, r)
	for _, bg := range [][][3]float64{nil, make([][3]float64, len(s.Times))} {
		s.Background = bg
		ev, err := Analyse(ch, tl, s, 0, r)
		if err != nil || ev.BackgroundRatio != 0 || ev.BackgroundCells != 0 {
			t.Errorf("%+v, %v", ev, err)
		}
	}
}

// FuzzAnalyse: no reported times or colours make Analyse panic or give numbers
// that JSON cannot hold.
func FuzzAnalyse(f *testing.F) {
	f.Add(uint64(1), 15.0, .1, .4, byte(0), 0.0)
	f.Add(uint64(2), 15.0, .1, .4, byte(7), math.Inf(1))
	f.Add(uint64(3), 30.0, 1e9, .4, byte(3), math.NaN())
	f.Add(uint64(4), 9.0, 0.0, .3, byte(9), -1e300)
	f.Fuzz(func(t *testing.T, seed uint64, fps, q, stretch float64, where byte, what float64) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := room(r)
		w.fps = min(max(math.Abs(fps), 5), 40)
		if !(w.fps >= 5) {
			w.fps = 15
		}
		w.q = [3]float64{q, q / 2, -q}
		ch := drawOne(t, seeded(seed))
		tl := clock(ch, r)
		s := w.film(ch, tl, r)
		for i := range tl.Segment {
			tl.Segment[i] += stretch * float64(i) / 100
		}
		at := int(where) % len(s.Times)
		switch where % 5 {
		case 0:
			s.Face[at][at%3] = what
		case 1:
			s.Background[at][at%3] = what
		case 2:
			s.Times[at] = what
		case 3:
			tl.Segment[at%10] = what
		default:
			fill(s.Face[at/2:at], [3]float64{what, what, 1})
		}
		ev, err := Analyse(ch, tl, s, 0, r)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []float64{ev.P, ev.Z, ev.R2, ev.Amplitude, ev.Flicker, ev.LatencyMS, ev.BackgroundRatio} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%+v", ev)
			}
		}
		if ev.P <= 0 || ev.P > 1 || ev.R2 < 0 || ev.R2 > 1 {
			t.Fatalf("%+v", ev)
		}
	})
}
