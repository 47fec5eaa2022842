package verify

import (
	"context"
	"regexp"
	"testing"

	"faceproof"
)

// A verify_result is 128 characters of base64url, as WeChat's, passed or not,
// and never the same twice.
func TestCredentialForm(t *testing.T) {
	form, seen := regexp.MustCompile(`^[A-Za-z0-9_-]{128}$`), map[string]bool{}
	for _, similarity := range []float64{0, .1, .1} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t)
			if similarity > 0 {
				e := goodEvidence()
				e.Match.Similarity = similarity
				w.analysis.evidence = func(int) faceproof.Evidence { return e }
			}
			token, _ := w.play(context.Background(), w.start1()).attempt(1)["verify_result"].(string)
			if !form.MatchString(token) || seen[token] {
				t.Errorf("%d characters", len(token))
			}
			seen[token] = true
		})
	}
}
