package verify

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
)

// security.md T08: guesses of session ids, of capture tokens for a known id, and
// of credentials: none opens anything, and all of a kind get one answer.
func TestGuesses(t *testing.T) {
	n := 30_000
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 1_000_000
	}
	w := newWorld(t)
	st := w.start1()
	hits := 0
	bytes := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		return b
	}
	for i := range n {
		var err error
		switch h := hello(st); i % 3 {
		case 0: // both
			h.SessionID, h.CaptureToken = hex.EncodeToString(bytes(idBytes)), faceproof.NewToken(base64url(bytes(tokenBytes+8)))
			if _, err = w.s.Capture(ctx, h); err != errSession {
				hits++
			}
		case 1: // the id is known: alone it is worth nothing
			h.CaptureToken = faceproof.NewToken(base64url(bytes(tokenBytes + 8)))
			if _, err = w.s.Capture(ctx, h); err != errSession {
				hits++
			}
		default:
			if _, err = w.s.Redeem(ctx, w.app, base64url(bytes(credentialBytes)), ""); err != errCredential {
				hits++
			}
		}
	}
	if hits > 0 {
		t.Errorf("%d hits", hits)
	}
	if v, err := w.s.cfg.Store.Verification(ctx, faceproof.VerificationKey{ID: st.SessionID}); err != nil || v.State != faceproof.StateCreated {
		t.Errorf("the session that was guessed at is %s, %v", v.State, err)
	}
	acceptance.Record(t, acceptance.Row{Area: "Guessing", N: n, Failures: hits, Result: fmt.Sprintf("%d guesses of ids, capture tokens and credentials (crypto/rand): %d hits, one answer", n, hits)})
}
