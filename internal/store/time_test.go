package store

import (
	"fmt"
	"testing"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/timetest"
)

// T23: a token is found by its SHA-256 in the database's index, and the time of that
// does not tell how much of a guess is right: a real token but for its
// first eight digits against one but for its last. FACEPROOF_MEASURE: 1,000,000
// measurements, judged; else a few, which only run.
func TestTokenIsFoundInTheSameTime(t *testing.T) {
	n := timetest.Count(500)
	s := open(t)
	token := keys.NewHex(nil, 32).Reveal()
	for i := range 50 { // an index of more than one page's depth would only add the same
		must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: keys.HashToken(fmt.Sprint(i)), AppID: app1, Kind: "access", ExpiresAt: t0 + 1000}))
	}
	must(t, s.PutToken(ctx, faceproof.TokenRecord{Hash: keys.HashToken(token), AppID: app1, Kind: "access", ExpiresAt: t0 + 1000}))
	guess, prepare := timetest.Guesses(token, timetest.Seed)
	right := 0
	got := timetest.T(n, 1, timetest.Seed, prepare, func() {
		if _, err := s.Token(ctx, keys.HashToken(string(guess))); err == nil {
			right++
		}
	})
	if right != 0 {
		t.Errorf("%d wrong guesses are right", right)
	}
	timetest.Judge(t, t.Name(), "look-ups of a token in SQLite", n, got)
}
