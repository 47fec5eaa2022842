package digits

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"faceproof"
)

// Ten thousand challenges keep the rules, and their digits and gaps are uniform.
func TestChallenges(t *testing.T) {
	const n = 10_000
	var count [6][10]float64
	var gaps [7]float64
	nonces, colors := map[string]bool{}, map[faceproof.RGB]float64{}
	for range n {
		ch, err := New(rand.Reader, Options{Paced: true, Light: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range ch.Light {
			colors[c]++
			if i > 0 && c == ch.Light[i-1] {
				t.Fatalf("the same colour twice: %v", ch.Light)
			}
		}
		if len(ch.Light) != 6 {
			t.Fatalf("%d colours", len(ch.Light))
		}
		if len(ch.Nonce) != 32 || nonces[ch.Nonce] {
			t.Fatalf("nonce %q", ch.Nonce)
		}
		nonces[ch.Nonce] = true
		if len(ch.Digits) != 6 || len(ch.ShowMS) != 6 || ch.ShowMS[0] != 0 || !ch.Paced || ch.PrerollMS < 800 {
			t.Fatalf("%+v", ch)
		}
		for i, d := range ch.Digits {
			count[i][d-'0']++
		}
		for d := '0'; d <= '9'; d++ {
			if strings.Contains(ch.Digits, strings.Repeat(string(d), 3)) {
				t.Fatalf("three running: %s", ch.Digits)
			}
		}
		for i := 1; i < 6; i++ {
			gap := ch.ShowMS[i] - ch.ShowMS[i-1]
			if gap < minGapMS || gap > maxGapMS {
				t.Fatalf("gap of %d ms", gap)
			}
			gaps[(gap-minGapMS)/101]++
		}
		if ch.EndMS < minLongMS || ch.EndMS > maxLongMS || ch.EndMS-ch.ShowMS[5] < latestMS {
			t.Fatalf("%d ms after %v", ch.EndMS, ch.ShowMS)
		}
	}
	for i := range count {
		var chi float64
		for _, c := range count[i] {
			chi += (c - n/10) * (c - n/10) / (n / 10)
		}
		if chi > 33.7 { // 9 degrees of freedom, one in 10,000
			t.Errorf("place %d: χ² = %.1f, %v", i, chi, count[i])
		}
	}
	for c, k := range colors {
		if len(colors) != 6 || math.Abs(k/(6*n)-1./6) > .01 {
			t.Errorf("colour %v: %.3f of %d", c, k/(6*n), len(colors))
		}
	}
	for i, c := range gaps { // not quite uniform: the whole has its bounds
		if math.Abs(c/(5*n)-1./7) > .02 {
			t.Errorf("gaps from %d ms on: %.3f", minGapMS+101*i, c/(5*n))
		}
	}
}

// A hundred thousand strings meet as often as chance has it among all that are
// allowed: the next one cannot be guessed better than by 1 in 963,000.
func TestStringsMeetByChance(t *testing.T) {
	const n = 100_000
	// run[k] counts the strings that end in k equal digits.
	run := [2]float64{10, 0}
	for range 5 {
		run = [2]float64{9 * (run[0] + run[1]), run[0]}
	}
	all := run[0] + run[1]
	random := bufio.NewReaderSize(rand.Reader, 1<<16)
	met := map[string]bool{}
	for range n {
		ch, err := New(random, Options{Paced: true})
		if err != nil {
			t.Fatal(err)
		}
		met[ch.Digits] = true
	}
	share := n / all
	want := all * (1 - math.Exp(-share))
	sigma := math.Sqrt(all * math.Exp(-share) * (1 - (1+share)*math.Exp(-share)))
	if d := float64(len(met)) - want; math.Abs(d) > 4.9*sigma { // one in a million
		t.Errorf("%d different strings, want %.0f ± %.0f", len(met), want, sigma)
	}
	if math.Round(all) != 963_090 {
		t.Errorf("%.0f strings are allowed", all)
	}
}

func TestChallengeOptions(t *testing.T) {
	ch, err := New(rand.Reader, Options{})
	if err != nil || len(ch.Digits) != 4 || len(ch.ShowMS) != 1 || ch.Paced || ch.EndMS < 4000 {
		t.Errorf("at once: %+v, %v", ch, err)
	}
	for n := minCount; n <= maxCount; n++ {
		for _, paced := range []bool{false, true} {
			ch, err := New(rand.Reader, Options{Count: n, Paced: paced, Light: true})
			if lit := paced && n >= lightCount; err != nil || len(ch.Digits) != n || (len(ch.Light) == n) != lit || ch.PrerollMS+ch.EndMS > 1000*MaxSeconds-2000 {
				t.Errorf("%d, %v: %+v, %v", n, paced, ch, err)
			}
		}
	}
	for _, n := range []int{-1, 1, 3, 9, 1 << 40} {
		if _, err := New(rand.Reader, Options{Count: n, Paced: true}); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("%d digits: %v", n, err)
		}
	}
	broken := errors.New("no entropy")
	for name, r := range map[string]io.Reader{"failing": iotest.ErrReader(broken), "short": bytes.NewReader(make([]byte, 20))} {
		ch, err := New(r, Options{Paced: true})
		if faceproof.ErrorCode(err) != faceproof.CodeInternal || ch.Digits != "" {
			t.Errorf("%s source: %+v, %v", name, ch, err)
		}
	}
}

func TestInTime(t *testing.T) {
	prompts := []float64{0, 1000, 2200, 3300, 4500, 6000}
	for _, c := range []struct {
		onsets []float64
		want   int
	}{
		{[]float64{400, 1500, 2600, 3800, 5000, 6500}, 6},
		{[]float64{150, 2400, 2349, 3300, 5000, 7400}, 4},
		{[]float64{0, 500, 1000, 1500, 2000, 2500}, 0},
		{[]float64{400, 1500}, 0},
		{nil, 0},
		{[]float64{math.NaN(), 1500, math.Inf(1), 3800, math.Inf(-1), 6500}, 3},
	} {
		if got := InTime(c.onsets, prompts); got != c.want {
			t.Errorf("%v: %d, want %d", c.onsets, got, c.want)
		}
	}
	if InTime([]float64{500, 900, 1200, 1600}, []float64{0}) != 0 {
		t.Error("digits at once are in time")
	}
}
