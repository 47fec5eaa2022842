package wechat

import (
	"context"
	"testing"
	"unsafe"

	"faceproof/internal/keys"
	"faceproof/internal/timetest"
)

// T23: neither the signature of a page nor the look-up of a token tells by its time how
// much of a guess is right: one that is wrong at its beginning against one that is wrong
// at its end. FACEPROOF_MEASURE: 1,000,000 measurements each, judged; else a few.
func TestLookUpsTakeTheSameTime(t *testing.T) {
	n := timetest.Count(1000)
	f := newFixture(t)
	token := keys.NewHex(nil, 32).Reveal()
	if err := f.api.put(t.Context(), appA, kindAccess, token, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := f.api.lookup(t.Context(), token, kindAccess); err != nil {
		t.Fatal(err)
	}
	tickets := []string{token}
	signature := Signature(token, "n", "1", "https://shop.example/")
	if !signatureMatches(tickets, signature, "n", "1", "https://shop.example/") {
		t.Fatal("the right signature does not match")
	}
	right := 0
	for name, c := range map[string]struct {
		secret string
		takes  func(guess string) bool
	}{
		"signature of wx.config": {signature, func(g string) bool { return signatureMatches(tickets, g, "n", "1", "https://shop.example/") }},
		"access token":           {token, func(g string) bool { _, err := f.api.lookup(context.Background(), g, kindAccess); return err == nil }},
	} {
		guess, prepare := timetest.Guesses(c.secret, timetest.Seed)
		text := unsafe.String(&guess[0], len(guess)) // the guess in one place in memory, whatever it is
		got := timetest.T(n, 4, timetest.Seed, prepare, func() {
			if c.takes(text) {
				right++
			}
		})
		timetest.Judge(t, t.Name()+"/"+name, "measurements", n, got)
	}
	if right != 0 {
		t.Errorf("%d wrong guesses are right", right)
	}
}
