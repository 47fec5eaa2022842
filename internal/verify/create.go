package verify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"time"
	"unicode/utf8"

	"faceproof"
	"faceproof/internal/keys"
)

// CreateRequest asks for a 2.0 verification.
type CreateRequest struct {
	App        faceproof.App
	Generation faceproof.Generation // Gen2
	Subject    faceproof.Subject
	Alive      faceproof.AliveType
	OutSeqNo   string // the business's own number, unique in the app
	OpenID     string // the business user
	CertHash   string // CertHash of what the business sent, as it sent it; empty: of Subject
}

// Created is a verification that waits for its person.
type Created struct {
	ID        string
	VerifyID  faceproof.Token
	ExpiresIn time.Duration
}

// Started is what the person's browser needs to open the capture.
type Started struct {
	SessionID    string
	CaptureToken faceproof.Token // for one hello within ExpiresIn
	ExpiresIn    time.Duration
	Methods      faceproof.Methods
	MaskedName   string // for the person's own eyes
	OpenID       string
	Video        bool // the capture will be kept for getvideo, if the person passes
	// Minor says how a person under 14 goes on; MinorRefused: not at all, and
	// SessionID and CaptureToken are empty.
	Minor faceproof.MinorGate
}

// ValidOutSeqNo says whether a business number has the contract's form: 5 to 32
// letters, digits, _ or -.
func ValidOutSeqNo(s string) bool { return outSeqNoForm.MatchString(s) }

var outSeqNoForm = regexp.MustCompile(`^[A-Za-z0-9_-]{5,32}$`)

// maxOpenID bounds an openid, in bytes; WeChat's are 28.
const maxOpenID = 128

// CertHash is the contract's cert_hash: SHA-256, lower-case hex, of
// "cert_type=B64&cert_name=B64&cert_no=B64" with standard base64 of each value
// as the business sent it.
func CertHash(certType, name, number string) string {
	b := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	h := sha256.Sum256([]byte("cert_type=" + b(certType) + "&cert_name=" + b(name) + "&cert_no=" + b(number)))
	return hex.EncodeToString(h[:])
}

// IdentityCard is the only cert_type.
const IdentityCard = "IDENTITY_CARD"

// methods are the liveness tests of a verification: never more than the app's
// policy allows today, whatever was asked for when it was created.
func (s *Service) methods(app faceproof.App, asked faceproof.AliveType) (faceproof.Methods, error) {
	possible := s.cfg.Digits && (!app.Reading.AtOnce || faceproof.LevelLow.AtLeast(app.Reading.Policy(s.cfg.Policy).MinLevel))
	return faceproof.MethodsOf(app.Alive, asked, possible)
}

// ReadsDigits says whether digits can be read aloud here.
func (s *Service) ReadsDigits() bool { return s.cfg.Digits }

// Create adds a 2.0 verification. The same request again gives the same
// verify_id; the same out_seq_no with anything else is CodeConflict.
func (s *Service) Create(ctx context.Context, r CreateRequest) (Created, error) {
	if r.Generation != faceproof.Gen2 {
		return Created{}, faceproof.Errorf(faceproof.CodeInvalid, "generation", "a 1.0 verification is made by its start")
	}
	if !ValidOutSeqNo(r.OutSeqNo) {
		return Created{}, faceproof.Errorf(faceproof.CodeInvalid, "out_seq_no", "must be 5 to 32 letters, digits, _ or -")
	}
	if r.OpenID == "" {
		return Created{}, faceproof.Errorf(faceproof.CodeInvalid, "openid", "must not be empty")
	}
	if r.CertHash == "" {
		r.CertHash = CertHash(IdentityCard, r.Subject.Name.Reveal(), r.Subject.IDNumber.Reveal())
	}
	v, err := s.draft(r.App, r.Subject, r.Alive, r.OpenID, VerifyIDTTL)
	if err != nil {
		return Created{}, err
	}
	v.Generation, v.OutSeqNo, v.CertHash = faceproof.Gen2, r.OutSeqNo, s.certIndex(r.CertHash)
	verifyID := s.verifyID(v.ID)
	v.VerifyIDHash = keys.HashToken(verifyID)
	err = s.cfg.Store.CreateVerification(ctx, v, s.created(v))
	if faceproof.ErrorCode(err) == faceproof.CodeConflict {
		return s.again(ctx, v)
	}
	if err != nil {
		return Created{}, err
	}
	s.log.Info("verification created", "session", v.ID, "app", v.AppID, "generation", int(v.Generation))
	return Created{ID: v.ID, VerifyID: faceproof.NewToken(verifyID), ExpiresIn: VerifyIDTTL}, nil
}

// again answers a repeated Create.
func (s *Service) again(ctx context.Context, want faceproof.Verification) (Created, error) {
	conflict := faceproof.Errorf(faceproof.CodeConflict, "out_seq_no", "was used before")
	v, err := s.cfg.Store.Verification(ctx, faceproof.VerificationKey{AppID: want.AppID, OutSeqNo: want.OutSeqNo})
	if err != nil {
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			return Created{}, conflict
		}
		return Created{}, err
	}
	left := time.Duration(v.ExpiresAt-s.millis()) * time.Millisecond
	verifyID := s.verifyID(v.ID)
	same := v.Generation == want.Generation && v.OpenID == want.OpenID && v.CertHash == want.CertHash && v.Alive == want.Alive &&
		bytes.Equal(v.SubjectIndex, want.SubjectIndex) && bytes.Equal(v.VerifyIDHash, keys.HashToken(verifyID))
	if !same || left <= 0 || v.Mismatches >= MaxMismatches {
		return Created{}, conflict
	}
	return Created{ID: v.ID, VerifyID: faceproof.NewToken(verifyID), ExpiresIn: left}, nil
}

// draft makes a verification with what both generations have.
func (s *Service) draft(app faceproof.App, sub faceproof.Subject, wish faceproof.AliveType, openID string, ttl time.Duration) (faceproof.Verification, error) {
	var v faceproof.Verification
	if app.Revoked || !app.ID.Valid() {
		return v, faceproof.Errorf(faceproof.CodeForbidden, "app", "is revoked")
	}
	if len(openID) > maxOpenID || !utf8.ValidString(openID) {
		return v, faceproof.Errorf(faceproof.CodeInvalid, "openid", "must be at most %d bytes of UTF-8", maxOpenID)
	}
	if sub.Name.Reveal() == "" {
		return v, faceproof.Errorf(faceproof.CodeInvalid, "name", "must not be empty")
	}
	if sub.IDNumber.Reveal() == "" {
		return v, faceproof.Errorf(faceproof.CodeInvalid, "id_card_number", "must not be empty")
	}
	if _, err := s.methods(app, wish); err != nil {
		return v, err
	}
	id, err := s.random(idBytes)
	if err != nil {
		return v, err
	}
	now := s.millis()
	v = faceproof.Verification{
		ID: hex.EncodeToString(id), AppID: app.ID, State: faceproof.StateCreated, Alive: wish, OpenID: openID,
		SubjectIndex: s.cfg.Keys.Index("subject", []byte(sub.IDNumber.Reveal())),
		CreatedAt:    now, ExpiresAt: now + ttl.Milliseconds(),
	}
	v.SubjectSealed, err = s.sealSubject(sub, subjectAAD(v.ID))
	return v, err
}

func (s *Service) created(v faceproof.Verification) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: v.CreatedAt, Actor: appActor(v.AppID), Action: "verification.create", Object: v.ID}
}

// verifyID is the 2.0 bearer name of a verification. It is derived, so that a
// repeated Create can give it again although only its hash is stored.
func (s *Service) verifyID(id string) string {
	return base64url(s.cfg.Keys.Index("verify_id", []byte(id)))
}

// certIndex hides a cert_hash, which a plain hash of an ID number does not.
func (s *Service) certIndex(certHash string) string {
	return hex.EncodeToString(s.cfg.Keys.Index("cert_hash", []byte(certHash)))
}

// facts are what a capture token says about its capture.
type facts struct {
	until int64 // it must begin before
	video bool  // it is to be kept for getvideo
}

// captureToken is 256 random bits and the facts. The stored hash covers all of
// it, so that nothing can be changed.
func (s *Service) captureToken(f facts) (faceproof.Token, error) {
	b, err := s.random(tokenBytes)
	if err != nil {
		return faceproof.Token{}, err
	}
	b = binary.BigEndian.AppendUint64(b, uint64(f.until))
	if f.video {
		b = append(b, 1)
	}
	return faceproof.NewToken(base64url(b)), nil
}

// tokenFacts reads a token that was found to be ours.
func tokenFacts(token string) facts {
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < tokenBytes+8 || len(b) > tokenBytes+9 {
		return facts{}
	}
	return facts{int64(binary.BigEndian.Uint64(b[tokenBytes:])), len(b) > tokenBytes+8}
}

// Start1 creates a verification for the 1.0 client call and hands out its
// capture token; video asks to keep the capture for getvideo. Errors:
// CodeRateLimited when a budget of failures is used up.
func (s *Service) Start1(ctx context.Context, app faceproof.App, sub faceproof.Subject, alive faceproof.AliveType, openID string, video bool) (Started, error) {
	v, err := s.draft(app, sub, alive, openID, StartTTL)
	if err != nil {
		return Started{}, err
	}
	if err := s.turnAway(app.ID); err != nil {
		return Started{}, err
	}
	if err := s.allowed(ctx, app.ID, v.SubjectIndex); err != nil {
		return Started{}, err
	}
	methods, err := s.methods(app, v.Alive)
	if err != nil {
		return Started{}, err
	}
	gate := app.Minor(sub.IDNumber, s.now())
	if gate == faceproof.MinorRefused {
		return s.refuseMinor(ctx, app, string(app.ID), Started{Methods: methods, MaskedName: sub.Name.Masked(), OpenID: openID, Video: video})
	}
	v.Generation = faceproof.Gen1
	token, err := s.captureToken(facts{v.ExpiresAt, video})
	if err != nil {
		return Started{}, err
	}
	v.TokenHash = keys.HashToken(token.Reveal())
	if err := s.cfg.Store.CreateVerification(ctx, v, s.created(v)); err != nil {
		return Started{}, err
	}
	s.log.Info("verification created", "session", v.ID, "app", v.AppID, "generation", int(v.Generation))
	return Started{SessionID: v.ID, CaptureToken: token, ExpiresIn: StartTTL, Methods: methods,
		MaskedName: sub.Name.Masked(), OpenID: openID, Video: video, Minor: gate}, nil
}

// errVerifyID is the one answer for a verify_id that is unknown, another app's,
// or asked for with another order, user or person.
var errVerifyID = faceproof.Errorf(faceproof.CodeNotFound, "verify_id", "is unknown or not this app's, order's and user's")

// Start2 hands out the capture token of a created verification; each call makes
// a new one and kills the one before. The browser that asks first (WithBrowser)
// is the only one that may: a link that was opened is worth nothing to others. mayStart says whether the browser that
// asks may act for the verification's openid; nil: any may. Errors:
// CodeNotFound, CodeExpired, CodeConflict once the capture has begun,
// CodeRateLimited.
func (s *Service) Start2(ctx context.Context, app faceproof.App, verifyID string, mayStart func(openID string) bool, video bool) (Started, error) {
	if app.Revoked {
		return Started{}, faceproof.Errorf(faceproof.CodeForbidden, "app", "is revoked")
	}
	v, err := s.cfg.Store.Verification(ctx, faceproof.VerificationKey{VerifyIDHash: keys.HashToken(verifyID)})
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound ||
		err == nil && (v.AppID != app.ID || v.Generation != faceproof.Gen2 || v.Mismatches >= MaxMismatches) {
		return Started{}, errVerifyID
	}
	if err != nil {
		return Started{}, err
	}
	if mayStart != nil && !mayStart(v.OpenID) {
		s.log.Warn("verification opened in another browser", "session", v.ID, "app", v.AppID)
		return Started{}, errVerifyID
	}
	now := s.millis()
	if v.State != faceproof.StateCreated {
		return Started{}, faceproof.Errorf(faceproof.CodeConflict, "verify_id", "has been used")
	}
	if v.ExpiresAt <= now {
		return Started{}, faceproof.Errorf(faceproof.CodeExpired, "verify_id", "has expired")
	}
	methods, err := s.methods(app, v.Alive)
	if err != nil {
		return Started{}, err // the policy has changed
	}
	if err := s.turnAway(app.ID); err != nil {
		return Started{}, err
	}
	if err := s.allowed(ctx, app.ID, v.SubjectIndex); err != nil {
		return Started{}, err
	}
	sub, err := s.openSubject(v.SubjectSealed, subjectAAD(v.ID))
	if err != nil {
		return Started{}, err
	}
	gate := app.Minor(sub.IDNumber, s.now())
	if gate == faceproof.MinorRefused {
		return s.refuseMinor(ctx, app, v.ID, Started{Methods: methods, MaskedName: sub.Name.Masked(), OpenID: v.OpenID, Video: video})
	}
	until := min(v.ExpiresAt, now+StartTTL.Milliseconds())
	token, err := s.captureToken(facts{until, video})
	if err != nil {
		return Started{}, err
	}
	if err := s.cfg.Store.RotateToken(ctx, v.ID, keys.HashToken(token.Reveal()), s.browserKey(ctx, v.ID), now); err != nil {
		return Started{}, err
	}
	return Started{SessionID: v.ID, CaptureToken: token, ExpiresIn: time.Duration(until-now) * time.Millisecond,
		Methods: methods, MaskedName: sub.Name.Masked(), OpenID: v.OpenID, Video: video, Minor: gate}, nil
}

var userIDKeyForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// UserIDKey keeps a subject for UserIDKeyTTL under a random key, so that name
// and number need not pass through the front end.
func (s *Service) UserIDKey(ctx context.Context, app faceproof.App, sub faceproof.Subject) (faceproof.Token, time.Duration, error) {
	b, err := s.random(userIDKeyBytes)
	if err != nil {
		return faceproof.Token{}, 0, err
	}
	key := hex.EncodeToString(b)
	if err := s.keep(ctx, app.ID, key, sub); err != nil {
		return faceproof.Token{}, 0, err
	}
	return faceproof.NewToken(key), UserIDKeyTTL, nil
}

// keep seals a subject under a user_id_key of an app, for UserIDKeyTTL.
func (s *Service) keep(ctx context.Context, app faceproof.AppID, key string, sub faceproof.Subject) error {
	hash := keys.HashToken(key)
	sealed, err := s.sealSubject(sub, userIDKeyAAD(app, hash))
	if err != nil {
		return err
	}
	return s.cfg.Subjects.PutUserIDKey(ctx, hash, app, sealed, s.millis()+UserIDKeyTTL.Milliseconds())
}

func userIDKeyAAD(app faceproof.AppID, hash []byte) []byte {
	return keys.AAD("user_id_key", string(app)+hex.EncodeToString(hash))
}

// SubjectOf gives the subject of a user_id_key of this app. Unknown, expired
// and another app's are the same CodeNotFound.
func (s *Service) SubjectOf(ctx context.Context, app faceproof.AppID, key string) (faceproof.Subject, error) {
	unknown := faceproof.Errorf(faceproof.CodeNotFound, "user_id_key", "is unknown, expired or not this app's")
	if !userIDKeyForm.MatchString(key) {
		return faceproof.Subject{}, unknown
	}
	hash := keys.HashToken(key)
	sealed, err := s.cfg.Subjects.UserIDKey(ctx, hash, app, s.millis())
	switch faceproof.ErrorCode(err) {
	case "":
		return s.openSubject(sealed, userIDKeyAAD(app, hash))
	case faceproof.CodeNotFound, faceproof.CodeExpired:
		return faceproof.Subject{}, unknown
	}
	return faceproof.Subject{}, err
}

// equalHash compares two hex indexes without telling where they differ.
func equalHash(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
