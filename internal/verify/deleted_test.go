package verify

import (
	"testing"

	"faceproof"
)

// A person who was deleted between the decision and the question: the business
// hears the decision, and nobody's name or number.
func TestRedeemAfterADeletion(t *testing.T) {
	w := newWorld(t)
	v, token := w.decided(w.app, faceproof.Gen1)
	v.SubjectSealed = nil
	w.store.v[v.ID] = v
	i, err := w.s.Redeem(ctx, w.app, token, "order-1")
	if err != nil || !i.Decision.Pass() || i.Subject != (faceproof.Subject{}) || i.UserIDKey.Reveal() != "" {
		t.Errorf("%v, key %v, %v", i.Decision, i.UserIDKey.Reveal() != "", err)
	}
}
