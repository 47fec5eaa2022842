package faceproof

// Credential is the proof that a verification was decided: an opaque random
// token, WeChat's verifyResult, of which only the hash is kept. It is bound to
// the app and the verification (and through it to order and subject).
type Credential struct {
	Hash           []byte // SHA-256 of the token
	VerificationID string
	AppID          AppID
	ExpiresAt      int64 // unix milliseconds; CredentialTTL after the decision
	UsedAt         int64 // 0: not yet redeemed
}
