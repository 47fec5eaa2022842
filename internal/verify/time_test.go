package verify

import (
	"fmt"
	"os"
	"testing"
	"unsafe"

	"faceproof/internal/acceptance"
	"faceproof/internal/keys"
	"faceproof/internal/timetest"
)

// T23: the time of a comparison does not tell how much of a guess is right: one that
// is wrong at its beginning against one that is wrong at its end. FACEPROOF_MEASURE:
// 1,000,000 measurements, judged; else a few, which only run.
func TestComparisonsTakeTheSameTime(t *testing.T) {
	n := 2000
	full := os.Getenv("FACEPROOF_MEASURE") != ""
	if full {
		n = 1_000_000
	}
	secret := keys.NewHex(nil, 32).Reveal() // as cert_hash is compared, and capture tokens by their hashes
	guess, prepare := timetest.Guesses(secret, 23)
	text := unsafe.String(&guess[0], len(guess)) // the guess in one place in memory, whatever it is
	same := 0
	got := timetest.T(n, 16, 23, prepare, func() {
		if equalHash(text, secret) {
			same++
		}
	})
	if same != 0 {
		t.Errorf("%d wrong guesses are right", same)
	}
	row := acceptance.Row{Area: "T23", Test: t.Name() + "/cert_hash", Seed: 23, N: n, Gate: "N", Number: "1,000,000 measurements, the beginning against the end wrong: |t| < 4.5", Result: fmt.Sprintf("|t| = %.2f", got)}
	t.Log(row.Result)
	if !full {
		return
	}
	if got >= timetest.Limit {
		row.Failures = 1
	}
	acceptance.Record(t, row)
}
