package store

import (
	"fmt"
	"os"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/keys"
	"faceproof/internal/timetest"
)

// T23: a token is found by its SHA-256 in the database's index, and the time of that
// does not tell how much of a guess is right: a real token but for its
// first eight digits against one but for its last. FACEPROOF_MEASURE: 1,000,000
// measurements, judged; else a few, which only run.
func TestTokenIsFoundInTheSameTime(t *testing.T) {
	n := 500
	full := os.Getenv("FACEPROOF_MEASURE") != ""
	if full {
		n = 1_000_000
	}
	s := open(t)
	token := keys.NewHex(nil, 32).Reveal()
	for i := range 50 { // an index of more than one page's depth would only add the same
		must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: keys.HashToken(fmt.Sprint(i)), AppID: app1, Kind: "access", ExpiresAt: t0 + 1000}))
	}
	must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: keys.HashToken(token), AppID: app1, Kind: "access", ExpiresAt: t0 + 1000}))
	guess, prepare := timetest.Guesses(token, 23)
	right := 0
	got := timetest.T(n, 1, 23, prepare, func() {
		if _, err := s.Token(ctx, keys.HashToken(string(guess))); err == nil {
			right++
		}
	})
	if right != 0 {
		t.Errorf("%d wrong guesses are right", right)
	}
	row := acceptance.Row{Area: "T23", Seed: 23, N: n, Gate: "N", Number: "1,000,000 look-ups of a token in SQLite, the beginning against the end wrong: |t| < 4.5", Result: fmt.Sprintf("|t| = %.2f", got)}
	t.Log(row.Result)
	if !full {
		return
	}
	if got >= timetest.Limit {
		row.Failures = 1
	}
	acceptance.Record(t, row)
}
