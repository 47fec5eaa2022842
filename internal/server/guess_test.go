package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/capture"
	"faceproof/internal/verify"
)

const guessSeed = 8

// security.md T08: sessions, capture tokens and credentials are not guessed, and
// what is known of one (its id, its length, all of it but a character) does not
// help. Half of the guesses are random, half begin with a real value. All answers
// to wrong ones are the same. 1,000,000 with FACEPROOF_MEASURE=1.
func TestGuessedSessions(t *testing.T) {
	n := 3000
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 1_000_000
	}
	f := newFixture(t)
	f.enrol(testNumber)
	s := f.start1(testNumber)
	done := f.start1(testNumber)
	credential, ok := f.connect(done).run()["verify_result"].(string)
	if !ok {
		t.Fatal("no credential")
	}
	service := f.server.cfg.Captures.(*verify.Service)
	app, _, err := f.store.App(t.Context(), demoID)
	check(t, err)
	var random [32]byte
	copy(random[:], fmt.Sprint("guesses ", guessSeed))
	r := rand.NewChaCha8(random)
	draw := func(n int) []byte { b := make([]byte, n); _, _ = r.Read(b); return b }
	spoil := func(s string) string { // one character of a right value, or half of it
		i := int(r.Uint64() % uint64(len(s)))
		if r.Uint64()%2 == 0 {
			return s[:i] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[r.Uint64()%26]) + s[i+1:]
		}
		return s[:i] + base64.RawURLEncoding.EncodeToString(draw(len(s)))[:len(s)-i]
	}
	ctx, answers, found := context.Background(), map[string]int{}, 0
	note := func(what string, err error) {
		if err == nil {
			found++
			t.Errorf("a %s was guessed", what)
			return
		}
		answers[what+": "+err.Error()]++
	}
	for i := range n {
		token, id := base64.RawURLEncoding.EncodeToString(draw(len(s.Token)))[:len(s.Token)], hex.EncodeToString(draw(len(s.ID)/2))
		switch i % 4 {
		case 0: // an unknown session
			hello := capture.ClientHello{SessionID: id, CaptureToken: faceproof.NewToken(token)}
			_, err := service.Capture(ctx, hello)
			note("session", err)
		case 1: // a session that exists, and another token
			if token = spoil(s.Token); token == s.Token {
				continue
			}
			_, err := service.Capture(ctx, capture.ClientHello{SessionID: s.ID, CaptureToken: faceproof.NewToken(token)})
			note("session", err)
		case 2:
			_, err := service.Redeem(ctx, app, base64.RawURLEncoding.EncodeToString(draw(len(credential)))[:len(credential)], "")
			note("credential", err)
		case 3:
			guess := spoil(credential)
			if guess == credential {
				continue
			}
			_, err := service.Redeem(ctx, app, guess, "")
			note("credential", err)
		}
	}
	kinds := map[string]bool{}
	for a := range answers {
		kinds[strings.SplitN(a, ":", 2)[0]] = true
	}
	if len(answers) != len(kinds) {
		t.Errorf("answers differ: %v", answers)
	}
	// The right ones are still good.
	if c := f.connect(s); c.read("welcome") == nil {
		t.Error("the session is gone")
	}
	if m := f.info(credential); m["errcode"] != nil && m["errcode"] != float64(0) {
		t.Errorf("the credential is gone: %v", m)
	}
	acceptance.Record(t, acceptance.Row{Area: "Guessing", Seed: guessSeed, N: n, Failures: found, Result: fmt.Sprintf("%d guesses of sessions, capture tokens and credentials, half of them from a real value: %d found, one answer each; the real ones still hold", n, found)})
}
