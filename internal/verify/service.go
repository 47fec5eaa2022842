package verify

import (
	"context"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

// Service conducts verifications. It is safe for concurrent use.
type Service struct{ cfg Config }

// New checks the configuration.
func New(c Config) (*Service, error) { return &Service{cfg: c}, nil }

// CreateRequest asks for a verification.
type CreateRequest struct {
	App        faceproof.App
	Generation faceproof.Generation
	Subject    faceproof.Subject
	Alive      faceproof.AliveType
	OutSeqNo   string // Gen2
	OpenID     string
	CertHash   string // Gen2: CertHash of what the business sent; empty: of Subject
}

// Created is a verification that waits for its person.
type Created struct {
	ID        string
	VerifyID  faceproof.Token // Gen2
	ExpiresIn time.Duration
}

// Started is what the person's browser needs to open the capture.
type Started struct {
	SessionID    string
	CaptureToken faceproof.Token
	ExpiresIn    time.Duration
	Method       faceproof.AliveType
	MaskedName   string
	OpenID       string
}

// Info is what a business backend may know.
type Info struct {
	Verification faceproof.Verification
	Decision     faceproof.Decision // Outcome "" before the decision
	Subject      faceproof.Subject
}

// PortraitKey says whose portrait is meant: by Credential (1.0), or by all four
// others (2.0).
type PortraitKey struct {
	Credential                           string
	VerifyID, OutSeqNo, CertHash, OpenID string
}

// Create adds a verification.
func (s *Service) Create(ctx context.Context, r CreateRequest) (Created, error) { panic("not yet") }

// UserIDKey keeps a subject for an hour under a key that reveals nothing.
func (s *Service) UserIDKey(ctx context.Context, app faceproof.App, sub faceproof.Subject) (faceproof.Token, time.Duration, error) {
	panic("not yet")
}

// SubjectOf gives the subject of a user_id_key.
func (s *Service) SubjectOf(ctx context.Context, app faceproof.AppID, key string) (faceproof.Subject, error) {
	panic("not yet")
}

// Start1 creates a verification for the 1.0 client call.
func (s *Service) Start1(ctx context.Context, app faceproof.App, sub faceproof.Subject, alive faceproof.AliveType, openID string) (Started, error) {
	panic("not yet")
}

// Start2 opens a created verification for the 2.0 client call.
func (s *Service) Start2(ctx context.Context, app faceproof.App, verifyID string) (Started, error) {
	panic("not yet")
}

// Redeem uses a credential, once.
func (s *Service) Redeem(ctx context.Context, app faceproof.App, credential string) (Info, error) {
	panic("not yet")
}

// Query tells the state of a 2.0 verification.
func (s *Service) Query(ctx context.Context, app faceproof.App, verifyID, outSeqNo, certHash, openID string) (Info, error) {
	panic("not yet")
}

// Portrait gives the kept face image, JPEG.
func (s *Service) Portrait(ctx context.Context, app faceproof.App, by PortraitKey) ([]byte, error) {
	panic("not yet")
}

// Retain deletes what is due.
func (s *Service) Retain(ctx context.Context) error { panic("not yet") }

// Run calls Retain every minute until ctx ends.
func (s *Service) Run(ctx context.Context) error { panic("not yet") }

// Capture takes over a socket whose first message was hello. The session ends
// with ctx.
func (s *Service) Capture(ctx context.Context, hello capture.ClientHello) (*Live, error) {
	panic("not yet")
}

// CertHash is the contract's cert_hash: SHA-256, lower-case hex, of
// "cert_type=B64&cert_name=B64&cert_no=B64" with standard base64 of each value
// as the business sent it.
func CertHash(certType, name, number string) string { panic("not yet") }
