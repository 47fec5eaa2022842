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

// TokenRecord is a bearer token that the server gave to a business: an access
// token, a ticket or a page's token. Only its hash is needed to check it;
// Sealed holds the token itself where an interface must give the same one out
// again (stable_token, getticket), else it is nil.
type TokenRecord struct {
	Hash      []byte // SHA-256 of the token
	AppID     AppID
	Kind      string // "access", "stable", "jsapi_ticket", "page"
	Sealed    []byte // AAD "token" ‖ kind ‖ app id; a page token keeps its origin here
	IssuedAt  int64  // unix milliseconds
	ExpiresAt int64  // unix milliseconds
}
