package verify

import (
	"context"
	"io"
	"log/slog"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/pace"
)

// Store keeps verifications. Each method is one transaction that writes its
// audit entry with the change. A state other than the expected one is
// CodeConflict, an unknown id CodeNotFound.
type Store interface {
	// CreateVerification adds v; CodeConflict when the app has used OutSeqNo (unless empty).
	CreateVerification(ctx context.Context, v faceproof.Verification, a faceproof.AuditEntry) error
	// Verification finds one.
	Verification(ctx context.Context, by faceproof.VerificationKey) (faceproof.Verification, error)
	// RotateToken changes the capture token while created, for the browser that was the first to ask; else CodeConflict.
	RotateToken(ctx context.Context, id string, tokenHash, by []byte, at int64) error
	// BeginCapture goes from created to capturing when the token is right and the time has not passed.
	BeginCapture(ctx context.Context, id string, tokenHash []byte, consent faceproof.Consent, at int64, a faceproof.AuditEntry) (faceproof.Verification, error)
	// Advance goes from one state to another that needs no more than evidence and a reason.
	Advance(ctx context.Context, id string, from, to faceproof.State, evidence []byte, reason faceproof.Reason, at int64, a faceproof.AuditEntry) error
	// Decide goes from captured to decided and adds the credential.
	Decide(ctx context.Context, id string, decision, evidence []byte, hasPortrait bool, c faceproof.Credential, at int64, a faceproof.AuditEntry) error
	// Redeem uses a credential, under the business's number seq unless empty, by one conditional update: CodeNotFound when
	// unknown, used, expired or another app's.
	Redeem(ctx context.Context, credentialHash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (faceproof.Verification, error)
	// Replay gives again for a day what the app redeemed under seq; else CodeNotFound.
	Replay(ctx context.Context, credentialHash []byte, app faceproof.AppID, seq string, at int64, a faceproof.AuditEntry) (faceproof.Verification, error)
	// Mismatch counts a question that did not fit a verification, up to limit. An empty id is the same work.
	Mismatch(ctx context.Context, id string, limit int, a faceproof.AuditEntry) error
	// Sweep ends what is overdue, deletes what has expired, and names the verifications whose portrait must go.
	Sweep(ctx context.Context, now int64) ([]string, error)
}

// SubjectKeys keeps sealed subjects under the hash of a user_id_key.
type SubjectKeys interface {
	PutUserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, sealed []byte, expires int64) error
	UserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, now int64) ([]byte, error)
}

// Apps finds an app; the second value, the hash of its secret, is not used.
type Apps interface {
	App(ctx context.Context, id faceproof.AppID) (faceproof.App, []byte, error)
}

// Auditor records an access to biometric data that changes nothing else.
type Auditor interface {
	Audit(ctx context.Context, a faceproof.AuditEntry) error
}

// Registry says what is known about a subject. It does the same work whether
// the subject is known or not.
type Registry interface {
	Reference(ctx context.Context, s faceproof.Subject) (faceproof.Reference, error)
}

// Analyzer measures captures.
type Analyzer interface{ Begin() Analysis }

// AnalyzerFunc is an Analyzer by its Begin.
type AnalyzerFunc func() Analysis

// Begin calls f.
func (f AnalyzerFunc) Begin() Analysis { return f() }

// Analysis measures one session; it is used by one goroutine at a time.
// *analysis.Run is one.
type Analysis interface {
	Preview(ctx context.Context, jpeg []byte) (faceproof.Guidance, error)
	Frame(ctx context.Context, f capture.Frame) error
	Sound(ctx context.Context, a capture.Audio) error   // of digits
	Light(t capture.Transcript) faceproof.LightEvidence // from the frames so far
	Finish(ctx context.Context, t capture.Transcript, r faceproof.Reference) (faceproof.Evidence, []byte, error)
	Reset()             // forgets the frames
	Approach(on bool)   // asks the previews to come to let the person come closer
	Target(fmr float64) // the policy's MaxFMR, by which Finish takes the match threshold
}

// Keys seals and indexes; *keys.Ring is one.
type Keys interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
	Index(purpose string, value []byte) []byte
}

// Blobs keeps portraits; blob.Store is one. Deleting what is absent is no error.
type Blobs interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) ([]string, error)
}

// Meter counts for an operator; *metrics.Metrics is one. What it is told is of
// closed sets.
type Meter interface {
	Verification(result, reason string)  // one is over
	Stage(stage string, d time.Duration) // of a capture
	Limited(limit string)                // a limit turned somebody away
}

// silent is a Meter for nobody.
type silent struct{}

func (silent) Verification(string, string) {}
func (silent) Stage(string, time.Duration) {}
func (silent) Limited(string)              {}

// Config wires a Service.
type Config struct {
	Store    Store       // needed
	Subjects SubjectKeys // needed; the same *store.Store
	Apps     Apps        // needed; the same *store.Store
	Audit    Auditor     // needed; the same *store.Store
	Registry Registry    // needed
	Analyzer Analyzer    // needed
	Keys     Keys        // needed
	Blob     Blobs       // needed
	Attempts Attempts    // the same *store.Store; nil: failures are not limited
	Budget   Budget      // zero: DefaultBudget
	Meter    Meter       // nil: nobody counts
	// Admission bounds the captures at once; zero: they are not bounded here.
	Admission Admission
	// PerApp bounds how often one app may open sessions, and as often begin
	// captures; zero: as often as it likes.
	PerApp pace.Rate
	// Withdrawals: the same *store.Store; nil: nobody's sessions are stopped.
	Withdrawals Withdrawals
	Traces      Traces // the same *store.Store; nil: captures are not compared with earlier ones

	Policy       faceproof.Policy                                       // zero: faceproof.DefaultPolicy
	Opening      faceproof.FlashChallenge                               // of every challenge; zero: flash.Opening
	NewChallenge func(faceproof.Plan) (faceproof.FlashChallenge, error) // nil: flash.New with Rand
	NewDigits    func(atOnce bool) (faceproof.DigitsChallenge, error)   // nil: digits.New with Rand
	Digits       bool                                                   // the Analyzer reads digits aloud; false, or under a Policy that no reading could satisfy: only colours are offered
	CheckFrame   func(jpeg []byte) error                                // header check of every frame, such as imaging.CheckJPEG; nil: first bytes only
	Limits       capture.Limits                                         // zero: capture.DefaultLimits
	Now          func() time.Time                                       // nil: time.Now
	Rand         io.Reader                                              // nil: crypto/rand; safe for concurrent use
	Log          *slog.Logger                                           // nil: silent
}
