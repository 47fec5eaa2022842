package digits

import (
	crand "crypto/rand"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// words is sound of 6 s with a tone of the given length at each time, ms, in
// noise of so many dB under it.
func words(at []float64, length, snr float64) Sound {
	r := rand.New(rand.NewPCG(5, 5))
	s := Sound{Samples: make([]int16, 6*Rate), T0: 1000}
	for i := range s.Samples {
		v := math.Pow(10, -snr/20) * r.NormFloat64()
		ms := float64(i) * 1000 / Rate
		for _, a := range at {
			if ms >= a && ms < a+length {
				v += math.Sqrt2 * math.Sin(float64(i))
			}
		}
		s.Samples[i] = int16(4000 * v)
	}
	return s
}

// A digit begins where its sound does, wherever in it, or shortly before it, the
// network says it.
func TestTimes(t *testing.T) {
	at := []float64{500, 1700, 2900, 4100}
	info := Info{FrameMS: 30}
	for _, c := range []struct {
		name        string
		length, snr float64
		shift       float64 // ms of the row after the beginning
		least, most float64 // of the error
	}{
		{"early", 400, 40, -90, -15, 15},
		{"in the middle", 400, 40, 150, -15, 15},
		{"drawn out", 900, 40, 450, -15, 15},
		{"at 20 dB", 400, 20, 200, -30, 30},
		{"further in than a word lasts", 1100, 40, 900, 850, 950},
		{"drowned", 400, 0, 150, 100, 200},
	} {
		s := words(at, c.length, c.snr)
		var rows []int
		for _, a := range at {
			rows = append(rows, int((a+c.shift)/info.FrameMS))
		}
		for i, got := range Times(rows, s, info) {
			if d := got - s.T0 - at[i]; d < c.least || d > c.most {
				t.Errorf("%s: digit %d is %.0f ms late", c.name, i, d)
			}
		}
	}
	if got := Times([]int{5, 9000}, words(at, 400, 40), info); len(got) != 2 || math.IsNaN(got[1]) {
		t.Errorf("a row after the end: %v", got)
	}
	if got := Times([]int{1, 2}, Sound{}, info); len(got) != 2 {
		t.Errorf("no sound: %v", got)
	}
	if got := Times(nil, Sound{}, info); got != nil {
		t.Errorf("no rows: %v", got)
	}
}

// The edge of a digit is looked for behind the digit before it only.
func TestTimesInOneBreath(t *testing.T) {
	s := words([]float64{500}, 1500, 40) // four digits without a pause
	got := Times([]int{20, 30, 40, 50}, s, Info{FrameMS: 30})
	if math.Abs(got[0]-1500) > 15 {
		t.Errorf("the first begins at %.0f ms", got[0])
	}
	for i, want := range []float64{912.5, 1212.5, 1512.5} {
		if math.Abs(got[i+1]-1000-want) > 1 {
			t.Errorf("digit %d: %.1f ms, its row is at %.1f", i+2, got[i+1]-1000, want)
		}
	}
}

// What the times of the prompts are worth against a recording that does not know
// them: onsets of a reader of another challenge, begun with the first prompt of
// this one, or spoken at an even pace.
func TestMeasureBlind(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("a measurement")
	}
	r := rand.New(rand.NewPCG(1, 2))
	times := func() []float64 {
		ch, err := New(crand.Reader, Options{Count: 6, Paced: true})
		if err != nil {
			t.Fatal(err)
		}
		var out []float64
		for _, v := range ch.ShowMS {
			out = append(out, float64(v))
		}
		return out
	}
	delay := func() float64 { return 300 + 500*r.Float64() }
	const n = 20000
	passed := map[string][2]int{}
	for range n {
		prompts, other := times(), times()
		first := delay()
		var genuine, blind, even []float64
		for i := range prompts {
			genuine = append(genuine, prompts[i]+delay())
			blind = append(blind, prompts[0]+other[i]-other[0]+delay())
			even = append(even, prompts[0]+first+1250*float64(i))
		}
		for name, onsets := range map[string][]float64{"a reader": genuine, "another session's": blind, "every 1.25 s": even} {
			p := passed[name]
			in := InTime(onsets, prompts)
			if in >= 5 {
				p[0]++
			}
			if in == 6 {
				p[1]++
			}
			passed[name] = p
		}
	}
	for name, p := range passed {
		t.Logf("%s: five of six in time %.1f %%, all %.1f %% (n %d)", name, 100*float64(p[0])/n, 100*float64(p[1])/n, n)
	}
}
