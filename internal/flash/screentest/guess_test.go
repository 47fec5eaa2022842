package screentest

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/digits"
	"faceproof/internal/flash"
)

// security.md T05: how hard a code is to guess, from codes alone. bits is the
// collision entropy, from how many pairs of n codes are equal: who guesses one code
// is right once in 2^bits times at the best.
func TestCodesAreHardToGuess(t *testing.T) {
	n := 10_000
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 100_000
	}
	src := source(*seed + 20)
	nonces := map[string]bool{}
	once := func(nonce string) {
		if nonces[nonce] || len(nonce) != 32 {
			t.Errorf("nonce %q", nonce)
		}
		nonces[nonce] = true
	}
	judge := func(what string, codes []string, marks [][]int, bits, most float64) {
		got, low := entropy(codes), 1.
		for _, m := range marks {
			low = min(low, pValue(m))
		}
		low = 1 - math.Pow(1-low, float64(len(marks))) // of the smallest of so many
		result := fmt.Sprintf("%s: %.1f bits, χ² over %d places p = %.3f, %d nonces, none twice", what, got, len(marks), low, len(nonces))
		t.Log(result)
		failures := 0
		if got < bits || got > most || low <= .01 {
			t.Errorf("%s; want %.1f to %.1f bits", result, bits, most)
			failures++
		}
		acceptance.Record(t, acceptance.Row{Area: "Challenge", Seed: *seed, N: n, Failures: failures, Result: result})
	}
	for _, plan := range faceproof.Plans() {
		colours := map[faceproof.RGB]int{}
		codes, marks := make([]string, n), make([][]int, plan.Segments+1)
		for i := range codes {
			ch, err := flash.New(src, plan)
			if err != nil {
				t.Fatal(err)
			}
			once(ch.Nonce)
			code := make([]byte, plan.Segments)
			for k, s := range ch.Segments {
				c, ok := colours[s.Color]
				if !ok {
					c = len(colours)
					colours[s.Color] = c
				}
				code[k] = byte(c)
				mark(&marks[k], 6, c)
				mark(&marks[plan.Segments], 2, map[bool]int{true: 1}[s.Forward])
			}
			codes[i] = string(code[:10]) // what the first ten alone are worth: of all there are no pairs
		}
		judge(fmt.Sprintf("%d colours, the first 10", plan.Segments), codes, marks, 21, 26)
	}
	codes, marks := make([]string, n), make([][]int, 6)
	for i := range codes {
		ch, err := digits.New(src, digits.Options{Paced: true, Light: true})
		if err != nil {
			t.Fatal(err)
		}
		once(ch.Nonce)
		codes[i] = ch.Digits
		for k, d := range ch.Digits {
			mark(&marks[k], 10, int(d-'0'))
		}
	}
	judge("6 digits", codes, marks, 19, 21)

	// What is easy to guess is found out: four digits, and a place that has a favourite.
	for i := range codes {
		codes[i] = codes[i][:4]
	}
	if got := entropy(codes); got > 14 {
		t.Errorf("4 digits have %.1f bits", got)
	}
	marks[0][3] += n / 50
	if p := pValue(marks[0]); p > .01 {
		t.Errorf("a favourite digit: p = %.3f", p)
	}
}

func mark(m *[]int, kinds, k int) {
	if *m == nil {
		*m = make([]int, kinds)
	}
	(*m)[k]++
}

// entropy is −log₂ of the share of equal pairs; with none it is what fewer than
// one pair would be.
func entropy(codes []string) float64 {
	slices.Sort(codes)
	pairs, run := 0., 0.
	for i := 1; i < len(codes); i++ {
		if run++; codes[i] != codes[i-1] {
			run = 0
		}
		pairs += run
	}
	n := float64(len(codes))
	return -math.Log2(max(pairs, 1) / (n * (n - 1) / 2))
}

// pValue is that of χ² against equal shares, by Wilson and Hilferty's cube root.
func pValue(m []int) float64 {
	sum := 0
	for _, v := range m {
		sum += v
	}
	x, want, k := 0., float64(sum)/float64(len(m)), float64(len(m)-1)
	for _, v := range m {
		x += (float64(v) - want) * (float64(v) - want) / want
	}
	z := (math.Cbrt(x/k) - 1 + 2/(9*k)) / math.Sqrt(2/(9*k))
	return math.Erfc(z/math.Sqrt2) / 2
}
