package verify

import (
	"testing"
	"unsafe"

	"faceproof/internal/keys"
	"faceproof/internal/timetest"
)

// T23: the time of a comparison does not tell how much of a guess is right: one that
// is wrong at its beginning against one that is wrong at its end. FACEPROOF_MEASURE:
// 1,000,000 measurements, judged; else a few, which only run.
func TestComparisonsTakeTheSameTime(t *testing.T) {
	n := timetest.Count(2000)
	secret := keys.NewHex(nil, 32).Reveal() // as cert_hash is compared, and capture tokens by their hashes
	guess, prepare := timetest.Guesses(secret, timetest.Seed)
	text := unsafe.String(&guess[0], len(guess)) // the guess in one place in memory, whatever it is
	same := 0
	got := timetest.T(n, 16, timetest.Seed, prepare, func() {
		if equalHash(text, secret) {
			same++
		}
	})
	if same != 0 {
		t.Errorf("%d wrong guesses are right", same)
	}
	timetest.Judge(t, t.Name()+"/cert_hash", "measurements", n, got)
}
