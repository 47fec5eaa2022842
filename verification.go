package faceproof

// State of a verification. Only internal/verify changes it, by compare-and-swap
// in internal/store.
type State string

// The states.
const (
	StateCreated   State = "created"   // waits for the capture
	StateCapturing State = "capturing" // one socket owns it
	StateCaptured  State = "captured"  // the last frame is in
	StateDecided   State = "decided"   // final; a credential exists
	StateRedeemed  State = "redeemed"  // the business backend has read it
	StateEnded     State = "ended"     // cancelled, timed out or abandoned, without a decision
)

// Can says whether a verification may go from s to t. It is the whole state
// machine.
func (s State) Can(t State) bool {
	switch s {
	case StateCreated:
		return t == StateCapturing || t == StateEnded
	case StateCapturing:
		return t == StateCaptured || t == StateEnded
	case StateCaptured:
		return t == StateDecided || t == StateCapturing || t == StateEnded
	case StateDecided:
		return t == StateRedeemed
	}
	return false
}

// Generation of WeChat's interface.
type Generation int

// The generations.
const (
	Gen1 Generation = 1 // startFacialRecognitionVerify → verifyResult → getinfo
	Gen2 Generation = 2 // getverifyid → requestFacialVerify → queryverifyinfo
)

// Verification is one try to prove that a person is who they claim to be.
// Times are unix milliseconds. Hashes are SHA-256, indexes keyed HMACs; nothing
// here reveals a person without the key ring.
type Verification struct {
	ID            string // 128 random bits, hex; not a secret
	AppID         AppID
	Generation    Generation
	State         State
	Alive         AliveType // what was asked; of AliveAuto the Decision tells the method
	OutSeqNo      string    // Gen2: the business's own number, unique in the app
	OpenID        string    // the business user
	SubjectSealed []byte    // Name and IDNumber, sealed, AAD "subject" ‖ ID; empty when the person was deleted
	SubjectIndex  []byte    // blind index of the ID number
	CertHash      string    // Gen2: the contract's cert_hash as a keyed index, hex
	VerifyIDHash  []byte    // Gen2: of the verify_id
	TokenHash     []byte    // of the capture token
	CreatedAt     int64
	ExpiresAt     int64  // the capture must start before
	Consent       string // hash of the notice the person agreed to; empty before
	StartedAt     int64  // capture
	FinishedAt    int64  // decision or end
	Decision      []byte // JSON of Decision; nil before
	Evidence      []byte // JSON of Evidence of the last attempt; nil before
	EndReason     Reason // when ended
	HasPortrait   bool   // a sealed best frame is kept for getimage
	RedeemedAt    int64
	Mismatches    int // Gen2: questions of its app that named another order, user or person
}

// VerificationKey says which verification is meant: exactly one of the four.
type VerificationKey struct {
	ID             string // by id alone
	AppID          AppID  // with OutSeqNo
	OutSeqNo       string // Gen2: the business's own number
	VerifyIDHash   []byte // Gen2: SHA-256 of the verify_id
	CredentialHash []byte // SHA-256 of its credential, used or not; the caller checks the app and the time
}
