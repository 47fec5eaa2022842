// Package timetest asks, for tests, whether how long a function takes tells what it was
// given, as dudect does (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?",
// DATE 2017): two classes of input in random order, Welch's t-test on their times, of all
// measurements and of the faster ones alone, since slow ones are mostly the machine's.
package timetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// Seed is of the guesses and of the order of the classes.
const Seed = 23

// Count gives how often a test measures: small times, which only runs the code, or
// with FACEPROOF_MEASURE 1,000,000 times, which Judge judges.
func Count(small int) int {
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		return full
	}
	return small
}

const full = 1_000_000

// Judge logs the |t| of n measurements of what, and records it (T23) when there were
// enough to judge by.
func Judge(t *testing.T, name, what string, n int, got float64) {
	t.Helper()
	row := acceptance.Row{Area: "T23", Test: name, Seed: Seed, N: n, Gate: "N", Number: "1,000,000 " + what + ", the beginning against the end wrong: |t| < 4.5", Result: fmt.Sprintf("|t| = %.2f", got)}
	t.Log(name, row.Result)
	if n < full {
		return
	}
	if got >= Limit {
		row.Failures = 1
	}
	acceptance.Record(t, row)
}

// Limit is the |t| above which the two classes are told apart (TVLA's and dudect's 4.5).
const Limit = 4.5

// parts of the measurements, fastest first, that are tested beside all of them.
var parts = []float64{.5, .8, .95, .99, 1}

// T gives the largest |t| over the parts of n measurements. prepare makes the input of
// class 0 or 1 ready, untimed, in the same place in memory for both; call is timed,
// repeat times a measurement: one call may be shorter than the clock's own step.
func T(n, repeat int, seed uint64, prepare func(class int), call func()) float64 {
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	took, class := make([]float64, n), make([]uint8, n)
	for i := range n {
		class[i] = uint8(r.IntN(2))
		prepare(int(class[i]))
		began := time.Now()
		for range repeat {
			call()
		}
		took[i] = float64(time.Since(began))
	}
	return worst(took, class)
}

// Guesses gives a buffer and a function that fills it with secret, hexadecimal digits, but
// wrong ones drawn for its first eight (class 0) or its last eight (class 1). Drawn: what
// looks a guess up by its hash takes another way for each, which must come out even. It
// copies the whole: bytes changed in place would themselves be slower to read where they
// come first.
func Guesses(secret string, seed uint64) (guess []byte, prepare func(class int)) {
	const digits, drawn = "0123456789abcdef", 8
	r := rand.New(rand.NewPCG(seed, 1))
	wrong := make([]byte, len(secret))
	guess = make([]byte, len(secret))
	return guess, func(class int) {
		copy(wrong, secret)
		part := wrong[class*(len(secret)-drawn):][:drawn]
		for i := range part {
			part[i] = digits[r.IntN(16)]
		}
		if string(wrong) == secret { // 1 of 4 billion
			part[0] = '-'
		}
		copy(guess, wrong)
	}
}

func worst(took []float64, class []uint8) (t float64) {
	sorted := slices.Clone(took)
	slices.Sort(sorted)
	for _, p := range parts {
		limit := sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
		t = max(t, math.Abs(welch(took, class, limit)))
	}
	return t
}

// welch is Welch's t of the measurements up to limit, by Welford's recurrence.
func welch(took []float64, class []uint8, limit float64) float64 {
	var n, mean, squares [2]float64
	for i, v := range took {
		if v > limit {
			continue
		}
		c := class[i]
		n[c]++
		d := v - mean[c]
		mean[c] += d / n[c]
		squares[c] += d * (v - mean[c])
	}
	if n[0] < 2 || n[1] < 2 {
		return 0
	}
	variance := squares[0]/(n[0]-1)/n[0] + squares[1]/(n[1]-1)/n[1]
	if variance == 0 {
		return 0
	}
	return (mean[0] - mean[1]) / math.Sqrt(variance)
}
