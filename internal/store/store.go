// Package store keeps everything that must survive a restart.
package store

import (
	"context"
	"log/slog"
	"time"

	"faceproof"
)

// Config says where the database is.
type Config struct {
	Path  string           // the SQLite file; made when absent, its folder must exist
	KeyID string           // keys.Ring.ID; a database opened with other keys is refused. Empty: not checked
	Actor string           // who acts where no audit entry is given: "cli" (default), "server"
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: silent
}

// Store is the database.
type Store struct{}

// Open opens the database.
func Open(ctx context.Context, c Config) (*Store, error) { panic("not yet") }

// Close closes it.
func (s *Store) Close() error { return nil }

// Ping says whether the database answers and can be written.
func (s *Store) Ping(ctx context.Context) error { panic("not yet") }

// CreateApp adds an app.
func (s *Store) CreateApp(ctx context.Context, a faceproof.App, secretHash []byte) error {
	panic("not yet")
}

// App finds an app and the hash of its secret.
func (s *Store) App(ctx context.Context, id faceproof.AppID) (faceproof.App, []byte, error) {
	panic("not yet")
}

// ListApps lists all, oldest first.
func (s *Store) ListApps(ctx context.Context) ([]faceproof.App, error) { panic("not yet") }

// UpdateApp changes everything but id, secret and creation.
func (s *Store) UpdateApp(ctx context.Context, a faceproof.App) error { panic("not yet") }

// PutToken adds a token, or changes the expiry of one that exists.
func (s *Store) PutToken(ctx context.Context, t faceproof.TokenRecord) error { panic("not yet") }

// Token finds a token by hash, also an expired one: the caller compares ExpiresAt.
func (s *Store) Token(ctx context.Context, hash []byte) (faceproof.TokenRecord, error) {
	panic("not yet")
}

// CurrentToken gives the token of a kind that was issued last, also an expired
// one: the caller compares ExpiresAt.
func (s *Store) CurrentToken(ctx context.Context, app faceproof.AppID, kind string) (faceproof.TokenRecord, error) {
	panic("not yet")
}

// PutUserIDKey keeps a sealed subject.
func (s *Store) PutUserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, sealed []byte, expires int64) error {
	panic("not yet")
}

// UserIDKey finds a sealed subject of the app that has not expired at now.
func (s *Store) UserIDKey(ctx context.Context, hash []byte, app faceproof.AppID, now int64) ([]byte, error) {
	panic("not yet")
}

// CreateVerification adds a verification.
func (s *Store) CreateVerification(ctx context.Context, v faceproof.Verification, a faceproof.AuditEntry) error {
	panic("not yet")
}

// Verification finds one.
func (s *Store) Verification(ctx context.Context, by faceproof.VerificationKey) (faceproof.Verification, error) {
	panic("not yet")
}

// RotateToken changes the capture token while created.
func (s *Store) RotateToken(ctx context.Context, id string, tokenHash []byte, at int64) error {
	panic("not yet")
}

// BeginCapture goes from created to capturing.
func (s *Store) BeginCapture(ctx context.Context, id string, tokenHash []byte, consent string, at int64, a faceproof.AuditEntry) (faceproof.Verification, error) {
	panic("not yet")
}

// Advance changes the state by compare-and-swap.
func (s *Store) Advance(ctx context.Context, id string, from, to faceproof.State, evidence []byte, reason faceproof.Reason, at int64, a faceproof.AuditEntry) error {
	panic("not yet")
}

// Decide goes from captured to decided.
func (s *Store) Decide(ctx context.Context, id string, decision, evidence []byte, hasPortrait bool, c faceproof.Credential, at int64, a faceproof.AuditEntry) error {
	panic("not yet")
}

// Redeem uses a credential, once.
func (s *Store) Redeem(ctx context.Context, credentialHash []byte, app faceproof.AppID, at int64, a faceproof.AuditEntry) (faceproof.Verification, error) {
	panic("not yet")
}

// Sweep ends what is overdue and deletes what has expired.
func (s *Store) Sweep(ctx context.Context, now int64) ([]string, error) { panic("not yet") }

// Audit records an access that changes nothing else.
func (s *Store) Audit(ctx context.Context, a faceproof.AuditEntry) error { panic("not yet") }
