package flash

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"reflect"
	"testing"
	"testing/iotest"

	"faceproof"
)

func drawOne(t testing.TB, r io.Reader) faceproof.FlashChallenge {
	t.Helper()
	ch, err := New(r, faceproof.PlanUsual)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

const segments = 10 // of the usual plan

// 10⁵ challenges: the sequence rules, the safety limits by a second analyser
// that samples the screen, and the distribution of what is drawn.
func TestGenerator(t *testing.T) {
	const n = 100_000
	r := seeded(7)
	nonces := map[string]bool{}
	codes := map[string]int{}
	var first, forward [segments][len(palette)]int
	var follows [len(palette)][len(palette)]int
	for i := range n {
		ch := drawOne(t, r)
		seq, err := indexes(ch)
		if err != nil {
			t.Fatalf("challenge %d: %v", i, err)
		}
		if len(seq) != 10 || ch.SegmentMS != 400 || ch.WipeMS != 200 || ch.PrerollMS != 1000 || ch.PostMS != 300 || ch.FadeMS != 300 || ch.LeadMS != 600 {
			t.Fatalf("timing %+v", ch)
		}
		// New has asked CheckSafety; the second opinion is slow.
		if i%100 == 0 {
			if w := sampledFlashes(ch); w > 2 {
				t.Fatalf("challenge %d: %d flashes in a second by the sampling analyser", i, w)
			}
		}
		if b, err := hex.DecodeString(ch.Nonce); err != nil || len(b) != 16 || nonces[ch.Nonce] {
			t.Fatalf("challenge %d: nonce %q", i, ch.Nonce)
		}
		nonces[ch.Nonce] = true
		codes[string(seq)]++
		for k, c := range seq {
			first[k][c]++
			if ch.Segments[k].Forward {
				forward[k][c]++
			}
			if k > 0 {
				follows[seq[k-1]][c]++
			}
		}
	}
	// χ² of the colour at each place (5 degrees of freedom; 20.5 is 0.1 %),
	// of the wipe direction, and of what follows each colour (4; 18.5).
	var way [2]float64
	for k := range first {
		if x := chi2(first[k][:], -1); x > 25.7 { // 10 places: .01 % each
			t.Errorf("colours of segment %d: χ² = %.1f", k, x)
		}
		for c := range forward[k] {
			way[0] += float64(forward[k][c])
			way[1] += float64(first[k][c] - forward[k][c])
		}
	}
	if d := (way[0] - way[1]) / math.Sqrt(way[0]+way[1]); math.Abs(d) > 3.9 {
		t.Errorf("forward %v against backward %v: %.1f σ", way[0], way[1], d)
	}
	for c := range follows {
		if follows[c][c] != 0 {
			t.Errorf("colour %d repeats", c)
		}
		if x := chi2(follows[c][:], c); x > 23.5 {
			t.Errorf("after colour %d: χ² = %.1f", c, x)
		}
	}
	// Birthdays: the pairs among n draws of the 11.7 million sequences (a few
	// fewer for the rule of four colours).
	pairs := 0.0
	for _, m := range codes {
		pairs += float64(m*(m-1)) / 2
	}
	all := float64(countSequences())
	want := float64(n) * float64(n-1) / 2 / all
	if math.Abs(pairs-want) > 4.5*math.Sqrt(want) {
		t.Errorf("%.0f pairs of equal sequences, want %.0f ± %.0f", pairs, want, math.Sqrt(want))
	}
}

// 10⁵ challenges of each other plan: the rules, and the safety limits by both
// analysers. Their opening is what was shown before the plan was known.
func TestEveryPlan(t *testing.T) {
	for _, plan := range faceproof.Plans()[1:] {
		r := seeded(8)
		uses := [len(palette)]int{}
		for i := range 100_000 {
			ch, err := New(r, plan) // asks CheckSafety
			if err != nil {
				t.Fatalf("%+v, challenge %d: %v", plan, i, err)
			}
			seq, err := indexes(ch)
			if err != nil || len(seq) != plan.Segments || ch.SegmentMS != plan.SegmentMS || ch.WipeMS != plan.SegmentMS/2 {
				t.Fatalf("%+v, challenge %d: %+v, %v", plan, i, ch, err)
			}
			if i%200 == 0 {
				if w := sampledFlashes(ch); w > 2 {
					t.Fatalf("%+v, challenge %d: %d flashes in a second by the sampling analyser", plan, i, w)
				}
			}
			open := ch
			open.Nonce, open.SegmentMS, open.WipeMS, open.Segments = "", 0, 0, nil
			if i == 0 && !reflect.DeepEqual(open, Opening()) {
				t.Errorf("%+v: the opening is %+v", plan, open)
			}
			for _, c := range seq {
				uses[c]++
			}
		}
		if x := chi2(uses[:], -1); x > 25.7 {
			t.Errorf("%+v: colours %v, χ² = %.1f", plan, uses, x)
		}
	}
	for _, plan := range []faceproof.Plan{{}, {Segments: 3, SegmentMS: 400}, {Segments: 33, SegmentMS: 400}, {Segments: 10, SegmentMS: 349}, {Segments: -1, SegmentMS: 400}} {
		if _, err := New(seeded(1), plan); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%+v: %v, want CodeInternal", plan, err)
		}
	}
}

// chi2 against equal shares, without the place skip.
func chi2(n []int, skip int) (x float64) {
	sum, k := 0, 0
	for i, v := range n {
		if i != skip {
			sum, k = sum+v, k+1
		}
	}
	want := float64(sum) / float64(k)
	for i, v := range n {
		if i != skip {
			x += (float64(v) - want) * (float64(v) - want) / want
		}
	}
	return x
}

// countSequences counts the sequences of the generator by the set of colours
// used so far and the last colour.
func countSequences() int {
	type state struct {
		set  uint8
		last int
	}
	now := map[state]int{}
	for c := range palette {
		now[state{1 << c, c}] = 1
	}
	for range segments - 1 {
		next := map[state]int{}
		for s, n := range now {
			for c := range palette {
				if c != s.last {
					next[state{s.set | 1<<c, c}] += n
				}
			}
		}
		now = next
	}
	total := 0
	for s, n := range now {
		if distinct(s.set) >= minColors {
			total += n
		}
	}
	return total
}

// sampledFlashes is a second, slower analyser: the screen as 31 strips at 120
// pictures a second, each strip's luminance turned into runs of one direction.
func sampledFlashes(ch faceproof.FlashChallenge) int {
	rest, bright := luminance(linearRGB(ch.Neutral)), make([]float64, len(ch.Segments))
	for k, s := range ch.Segments {
		bright[k] = luminance(linearRGB(s.Color))
	}
	worst := 0
	for strip := range 31 {
		x := (float64(strip) + .5) / 31
		var ends []float64 // times at which a change of 10 % has been reached
		peak, dip, dir := 1.0, 1.0, 0
		for i := -80; float64(i)/120 < 1.7+.4*float64(len(ch.Segments)); i++ {
			t := float64(i) / 120
			y := stripAt(ch, rest, bright, x, t)
			peak, dip = max(peak, y), min(dip, y)
			switch {
			case dir >= 0 && peak-y >= .1 && y < .8:
				dir, dip = -1, y
				ends = append(ends, t)
			case dir <= 0 && y-dip >= .1 && dip < .8:
				dir, peak = 1, y
				ends = append(ends, t)
			}
		}
		for i := range ends {
			k := i
			for k < len(ends) && ends[k] <= ends[i]+1 {
				k++
			}
			worst = max(worst, (k-i)/2)
		}
	}
	return worst
}

// stripAt is the luminance of the strip at x after t seconds of the pre-roll: a
// white page before, .6 s of lead with .3 s of fade, 1 s of pre-roll with .3 s of
// fade, so many times .4 s with .2 s of wipe, .3 s of post-roll.
func stripAt(ch faceproof.FlashChallenge, rest float64, bright []float64, x, t float64) float64 {
	switch k := int(math.Floor((t - 1) / .4)); {
	case t < -.6:
		return 1
	case t < -.3:
		return (-.3 - t) / .3
	case t < 0:
		return 0
	case t < .3:
		return t / .3 * rest
	case t >= 1.3+.4*float64(len(ch.Segments)):
		return 0
	case k < 0 || k >= len(ch.Segments):
		return rest
	default:
		at := x
		if !ch.Segments[k].Forward {
			at = 1 - x
		}
		if t-1-.4*float64(k) >= .2*at {
			return bright[k]
		}
		if k == 0 {
			return rest
		}
		return bright[k-1]
	}
}

// The analyser must be able to say no.
func TestCheckSafetyRefuses(t *testing.T) {
	good := drawOne(t, seeded(3))
	strobe := func(ms int, a, b faceproof.RGB) faceproof.FlashChallenge {
		ch := good
		ch.SegmentMS, ch.WipeMS, ch.Segments = ms, 0, nil
		for i := range 10 {
			ch.Segments = append(ch.Segments, faceproof.FlashSegment{Color: []faceproof.RGB{a, b}[i%2]})
		}
		return ch
	}
	white, black := faceproof.RGB{255, 255, 255}, faceproof.RGB{}
	with := func(f func(*faceproof.FlashChallenge)) faceproof.FlashChallenge {
		ch := good
		ch.Segments = append([]faceproof.FlashSegment(nil), good.Segments...)
		f(&ch)
		return ch
	}
	for name, ch := range map[string]faceproof.FlashChallenge{
		"fast strobe":    strobe(100, white, black),
		"short segments": strobe(250, white, black),
		"saturated red":  with(func(c *faceproof.FlashChallenge) { c.Segments[4].Color = faceproof.RGB{255, 0, 0} }),
		"red neutral":    with(func(c *faceproof.FlashChallenge) { c.Neutral = faceproof.RGB{255, 30, 30} }),
		"long wipe":      with(func(c *faceproof.FlashChallenge) { c.WipeMS = 500 }),
		"negative wipe":  with(func(c *faceproof.FlashChallenge) { c.WipeMS = -1 }),
		"short lead":     with(func(c *faceproof.FlashChallenge) { c.LeadMS = 299 }),
		"no pre-roll":    with(func(c *faceproof.FlashChallenge) { c.PrerollMS = 0 }),
		"no segments":    with(func(c *faceproof.FlashChallenge) { c.Segments = nil }),
		"too many":       with(func(c *faceproof.FlashChallenge) { c.Segments = make([]faceproof.FlashSegment, 1000) }),
	} {
		if err := CheckSafety(ch); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%s: %v, want CodeInternal", name, err)
		}
	}
	// The lead is looked at: down to black and up again is one flash.
	if n := flashes(opening(good, luminance(linearRGB(good.Neutral)))); n != 1 {
		t.Errorf("the lead has %d flashes", n)
	}
	// Slow black and white is ugly and safe.
	if err := CheckSafety(strobe(600, white, black)); err != nil {
		t.Error(err)
	}
}

func TestFlashes(t *testing.T) {
	seq := func(step float64, y ...float64) (l []level) {
		for i, v := range y {
			l = append(l, level{step * float64(i), v})
		}
		return l
	}
	for name, c := range map[string]struct {
		l    []level
		want int
	}{
		"nothing":                    {nil, 0},
		"constant":                   {seq(.1, .5, .5, .5), 0},
		"one change":                 {seq(.1, 0, 1), 0},
		"one flash":                  {seq(.1, 0, 1, 0), 1},
		"three a second":             {seq(.16, 0, 1, 0, 1, 0, 1, 0), 3},
		"too small":                  {seq(.1, .5, .59, .5, .59, .5), 0},
		"small steps add up":         {seq(.1, .5, .45, .41, .39, .45, .51), 1},
		"both states bright":         {seq(.1, .81, 1, .81, 1, .81), 0},
		"an interruption is no turn": {seq(.1, 0, .5, .45, .9, .3), 1},
		"slow":                       {seq(.6, 0, 1, 0, 1, 0, 1), 1},
	} {
		if got := flashes(c.l); got != c.want {
			t.Errorf("%s: %d flashes, want %d", name, got, c.want)
		}
	}
}

func TestNewReportsABrokenSource(t *testing.T) {
	broken := errors.New("broken")
	for name, r := range map[string]io.Reader{
		"at once": iotest.ErrReader(broken),
		"late":    io.MultiReader(bytes.NewReader(make([]byte, 20)), iotest.ErrReader(broken)),
		"short":   bytes.NewReader(make([]byte, 17)),
	} {
		ch, err := New(r, faceproof.PlanUsual)
		if faceproof.ErrorCode(err) != faceproof.CodeInternal || ch.Nonce != "" {
			t.Errorf("%s: %v, %q", name, err, ch.Nonce)
		}
	}
}

// A reader may return little at a time.
func TestNewReadsSlowSources(t *testing.T) {
	a, b := drawOne(t, seeded(5)), drawOne(t, iotest.OneByteReader(seeded(5)))
	if a.Nonce != b.Nonce {
		t.Error("the source's chunks change the challenge")
	}
}

func TestBelowIsUnbiased(t *testing.T) {
	for n := uint8(1); n <= 6; n++ {
		var count [6]int
		used := 0
		for v := range 256 {
			done := false
			got := below(n, func() byte {
				if done {
					return 0 // the value before was refused
				}
				done = true
				return byte(v)
			})
			if v < 256-256%int(n) {
				count[got]++
				used++
			}
		}
		for k := range n {
			if count[k] != used/int(n) {
				t.Errorf("below(%d): %v", n, count)
			}
		}
	}
}
