package timetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"faceproof/internal/acceptance"
)

// t of drawn times: near 0 for one distribution, far from it for two.
func TestWelch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	took, class := make([]float64, 20000), make([]uint8, 20000)
	draw := func(shift float64) {
		for i := range took {
			class[i] = uint8(r.IntN(2))
			took[i] = 100 + 5*r.NormFloat64() + shift*float64(class[i])
		}
	}
	draw(0)
	if got := welch(took, class, math.Inf(1)); math.Abs(got) > 4 {
		t.Errorf("one distribution: t = %.1f", got)
	}
	draw(.5)
	// (0.5 of 5) over 10,000 of each: t = 0.5 / (5 √(2/10000)) ≈ 7.1
	if got := welch(took, class, math.Inf(1)); math.Abs(got+7.1) > 3.5 {
		t.Errorf("two distributions: t = %.1f", got)
	}
	if got := worst(took[:1], class[:1]); got != 0 {
		t.Errorf("one measurement: t = %.1f", got)
	}
}

// earlyExit compares as nobody should.
func earlyExit(a, b []byte) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

var found bool

// T23, control: a comparison that ends at the first difference is told from the time.
func TestEarlyExitIsFound(t *testing.T) {
	n := Count(20_000)
	secret := []byte("0123456789abcdef0123456789abcdef")
	guess, prepare := Guesses(string(secret), Seed)
	got := T(n, 16, Seed, prepare, func() { found = earlyExit(secret, guess) })
	row := acceptance.Row{Area: "T23", Control: true, Seed: Seed, N: 1, Gate: "N", Number: "a comparison of 32 bytes that ends at the first difference: |t| > 4.5",
		Result: fmt.Sprintf("|t| = %.1f over %d measurements", got, n)}
	t.Log(row.Result)
	if got < Limit {
		row.Failures = 1
		t.Error("not told apart")
	}
	acceptance.Record(t, row)
}
