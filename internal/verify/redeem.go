package verify

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"faceproof"
	"faceproof/internal/keys"
)

// Info is what a business backend may know.
type Info struct {
	Verification faceproof.Verification
	Decision     faceproof.Decision  // Outcome "" before the decision
	Assurance    faceproof.Assurance // of the last attempt's camera; "" before the decision
	MatchScore   int                 // of a face that was compared, live: faceproof.MatchScore without its tenths; 0: none was, or it is
	Subject      faceproof.Subject
	UserIDKey    faceproof.Token // of Redeem: stands for Subject for UserIDKeyTTL
	Replayed     bool            // the decision was told before
}

// PortraitKey says whose portrait is meant: by Credential (1.0), or by all four
// others (2.0).
type PortraitKey struct {
	Credential                           string
	VerifyID, OutSeqNo, CertHash, OpenID string
}

// errCredential is the one answer for a credential that is unknown, another
// app's, expired or used: one value, so that no byte differs.
var errCredential = faceproof.Errorf(faceproof.CodeNotFound, "verify_result", "is unknown, expired, used or not this app's")

var credentialForm = regexp.MustCompile(`^[A-Za-z0-9_-]{128}$`)

// Redeem uses a credential, once, and tells what it stands for. With outSeqNo,
// a number of the business's own, the same app gets the same Info again for a
// day, Replayed; "" binds it to none. Unknown, foreign, expired and used
// credentials are the same CodeNotFound.
func (s *Service) Redeem(ctx context.Context, app faceproof.App, credential, outSeqNo string) (Info, error) {
	if !credentialForm.MatchString(credential) {
		return Info{}, errCredential
	}
	hash, now := keys.HashToken(credential), s.millis()
	entry := func(action string) faceproof.AuditEntry {
		return faceproof.AuditEntry{At: now, Actor: appActor(app.ID), Action: action}
	}
	v, err := s.cfg.Store.Redeem(ctx, hash, app.ID, outSeqNo, now, entry("credential.redeem"))
	replayed := outSeqNo != "" && faceproof.ErrorCode(err) == faceproof.CodeNotFound
	if replayed {
		v, err = s.cfg.Store.Replay(ctx, hash, app.ID, outSeqNo, now, entry("credential.replay"))
	}
	switch faceproof.ErrorCode(err) {
	case "":
	case faceproof.CodeNotFound, faceproof.CodeConflict, faceproof.CodeExpired:
		return Info{}, errCredential
	default:
		return Info{}, err
	}
	s.log.Info("credential redeemed", "session", v.ID, "app", v.AppID, "replayed", replayed)
	i, err := s.info(v)
	if err != nil {
		return Info{}, err
	}
	i.Replayed = replayed
	i.UserIDKey, err = s.keyAgain(ctx, v, i.Subject)
	if err != nil { // the credential is used by now: the answer must not be lost, and a replay tries again
		s.log.Error("user_id_key not kept", "session", v.ID, "error", faceproof.LogText(err))
	}
	return i, nil
}

// keyAgain is the user_id_key that Redeem tells, so that the business can go on
// without name and number. It is derived, so that a replay tells the same one
// although only its hash is stored.
func (s *Service) keyAgain(ctx context.Context, v faceproof.Verification, sub faceproof.Subject) (faceproof.Token, error) {
	if len(v.SubjectSealed) == 0 {
		return faceproof.Token{}, nil // the person was deleted: there is nothing to stand for
	}
	key := hex.EncodeToString(s.cfg.Keys.Index("user_id_key", []byte(v.ID))[:userIDKeyBytes])
	return faceproof.NewToken(key), s.keep(ctx, v.AppID, key, sub)
}

// info opens a verification for its business.
func (s *Service) info(v faceproof.Verification) (Info, error) {
	i := Info{Verification: v}
	if v.State == faceproof.StateDecided || v.State == faceproof.StateRedeemed {
		if err := json.Unmarshal(v.Decision, &i.Decision); err != nil || i.Decision.Outcome == "" || len(i.Decision.Reasons) == 0 {
			return Info{}, faceproof.Errorf(faceproof.CodeInternal, "", "a stored decision does not parse")
		}
		var e struct {
			Assurance faceproof.Assurance `json:"capture_assurance"`
			Match     struct {
				Score float64 `json:"score"`
			} `json:"match"`
		}
		if err := json.Unmarshal(v.Evidence, &e); err != nil && len(v.Evidence) > 0 {
			return Info{}, faceproof.Errorf(faceproof.CodeInternal, "", "stored evidence does not parse")
		}
		i.Assurance = e.Assurance
		// Of anybody else it would tell whether the person is registered before a
		// live face was seen (security.md T14).
		if r := i.Decision.Reasons[0]; r == faceproof.ReasonPass || r == faceproof.ReasonFaceMismatch {
			i.MatchScore = int(e.Match.Score)
		}
	}
	if len(v.SubjectSealed) == 0 {
		return i, nil // the person was deleted
	}
	var err error
	i.Subject, err = s.openSubject(v.SubjectSealed, subjectAAD(v.ID))
	if err != nil {
		return Info{}, err
	}
	return i, nil
}

// Query tells the state of a 2.0 verification, as often as the business asks;
// the first time that it tells the decision is recorded, the others are
// Replayed. verifyID, outSeqNo, certHash and openID must all be those of its
// creation; else CodeNotFound, whichever differs.
func (s *Service) Query(ctx context.Context, app faceproof.App, verifyID, outSeqNo, certHash, openID string) (Info, error) {
	v, err := s.find2(ctx, app.ID, verifyID, outSeqNo, certHash, openID)
	if err != nil {
		return Info{}, err
	}
	replayed := v.State == faceproof.StateRedeemed
	if v.State == faceproof.StateDecided {
		now := s.millis()
		err := s.cfg.Store.Advance(ctx, v.ID, faceproof.StateDecided, faceproof.StateRedeemed, nil, "", now,
			faceproof.AuditEntry{At: now, Actor: appActor(app.ID), Action: "verification.query", Object: v.ID})
		replayed = faceproof.ErrorCode(err) == faceproof.CodeConflict // another query was first
		if err != nil && !replayed {
			return Info{}, err
		}
		v.State, v.RedeemedAt = faceproof.StateRedeemed, now
	}
	i, err := s.info(v)
	i.Replayed = replayed
	return i, err
}

// MaxMismatches questions of its own app with another order, user or person
// revoke a verify_id: it has got into wrong hands (security.md section 2.3).
const MaxMismatches = 5

// find2 finds a verification by all that its app must know of it. A mismatch
// counts, another app's question does not; all refusals are one.
func (s *Service) find2(ctx context.Context, app faceproof.AppID, verifyID, outSeqNo, certHash, openID string) (faceproof.Verification, error) {
	v, err := s.cfg.Store.Verification(ctx, faceproof.VerificationKey{VerifyIDHash: keys.HashToken(verifyID)})
	if err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
		return faceproof.Verification{}, err
	}
	cert := equalHash(s.certIndex(certHash), v.CertHash)
	own := err == nil && v.AppID == app && v.Generation == faceproof.Gen2
	if own && cert && v.OutSeqNo == outSeqNo && v.OpenID == openID && v.Mismatches < MaxMismatches {
		return v, nil
	}
	a := faceproof.AuditEntry{At: s.millis(), Actor: appActor(app), Action: "verification.mismatch"}
	if own {
		a.Object = v.ID
	}
	if err := s.cfg.Store.Mismatch(ctx, a.Object, MaxMismatches, a); err != nil {
		return faceproof.Verification{}, err
	}
	note(ctx)
	return faceproof.Verification{}, errVerifyID
}

func portraitKey(id string) string { return portraitPrefix + id }

// What is kept of a face, by the names of the blobs.
const (
	portraitPrefix = "portrait/"
	videoPrefix    = "video/"
)

// portraitUntil is when a kept portrait or video must go.
func portraitUntil(v faceproof.Verification) int64 {
	return v.FinishedAt + CredentialTTL.Milliseconds()
}

// Portrait gives the face image, JPEG, of a passed verification while its
// credential lives, used or not. Each reading is audited first. Errors:
// CodeForbidden with field "getimage" when the app may not, CodeNotFound.
func (s *Service) Portrait(ctx context.Context, app faceproof.App, by PortraitKey) ([]byte, error) {
	if !app.Has(faceproof.PermGetImage) {
		return nil, faceproof.Errorf(faceproof.CodeForbidden, string(faceproof.PermGetImage), "the app has no such permission")
	}
	v, none, err := s.portraitOf(ctx, app.ID, by)
	if err != nil {
		return nil, err
	}
	now := s.millis()
	if !v.HasPortrait || portraitUntil(v) <= now {
		return nil, none
	}
	if err := s.cfg.Audit.Audit(ctx, faceproof.AuditEntry{At: now, Actor: appActor(app.ID), Action: "portrait.read", Object: v.ID}); err != nil {
		return nil, err
	}
	b, err := s.cfg.Blob.Get(ctx, portraitKey(v.ID))
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return nil, none
	}
	return b, err
}

// Video gives the recording, a zip, of a passed verification that was started
// with video, on the terms of Portrait. Errors: CodeForbidden with field
// "getvideo", CodeNotFound.
func (s *Service) Video(ctx context.Context, app faceproof.App, by PortraitKey) ([]byte, error) {
	if !app.Has(faceproof.PermGetVideo) {
		return nil, faceproof.Errorf(faceproof.CodeForbidden, string(faceproof.PermGetVideo), "the app has no such permission")
	}
	v, none, err := s.portraitOf(ctx, app.ID, by)
	if err != nil {
		return nil, err
	}
	now := s.millis()
	if v.FinishedAt == 0 || portraitUntil(v) <= now {
		return nil, none
	}
	b, err := s.cfg.Blob.Get(ctx, videoPrefix+v.ID)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return nil, none
	}
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Audit.Audit(ctx, faceproof.AuditEntry{At: now, Actor: appActor(app.ID), Action: "video.read", Object: v.ID}); err != nil {
		return nil, err
	}
	return b, nil
}

// portraitOf finds the verification, and the error that means "nothing kept".
func (s *Service) portraitOf(ctx context.Context, app faceproof.AppID, by PortraitKey) (v faceproof.Verification, none, err error) {
	if by.Credential == "" {
		v, err = s.find2(ctx, app, by.VerifyID, by.OutSeqNo, by.CertHash, by.OpenID)
		return v, errVerifyID, err
	}
	if !credentialForm.MatchString(by.Credential) {
		return v, errCredential, errCredential
	}
	v, err = s.cfg.Store.Verification(ctx, faceproof.VerificationKey{CredentialHash: keys.HashToken(by.Credential)})
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || err == nil && v.AppID != app {
		err = errCredential
	}
	return v, errCredential, err
}

// Retain deletes what is due: overdue sessions end, expired tokens, keys and
// credentials go, and portraits and videos whose time has passed. It also finds
// those that an earlier deletion missed.
func (s *Service) Retain(ctx context.Context) error {
	now := s.millis()
	ids, err := s.cfg.Store.Sweep(ctx, now)
	for _, id := range ids { // with an error too: they were marked as gone
		err = errors.Join(err, s.cfg.Blob.Delete(ctx, portraitKey(id)))
	}
	if err != nil {
		return err // what was not deleted is still listed below the next time
	}
	deleted := len(ids)
	for _, prefix := range []string{portraitPrefix, videoPrefix} {
		n, err := s.retain(ctx, prefix, now)
		if err != nil {
			return err
		}
		deleted += n
	}
	if deleted > 0 {
		s.log.Info("face data deleted", "count", deleted)
	}
	return nil
}

// retain deletes the blobs of a kind whose time has passed.
func (s *Service) retain(ctx context.Context, prefix string, now int64) (deleted int, err error) {
	kept, err := s.cfg.Blob.List(ctx, prefix)
	if err != nil {
		return 0, err
	}
	for _, key := range kept {
		v, err := s.cfg.Store.Verification(ctx, faceproof.VerificationKey{ID: key[len(prefix):]})
		switch {
		case changedDecision(err): // what was tampered with is not worth a face
		case err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound:
			return deleted, err
		case err == nil && (v.HasPortrait || prefix == videoPrefix) && portraitUntil(v) > now:
			continue
		}
		if err := s.cfg.Blob.Delete(ctx, key); err != nil {
			return deleted, err
		}
		deleted++
	}
	return deleted, nil
}

// changedDecision says that the store refused a row that was changed behind it.
func changedDecision(err error) bool {
	var e *faceproof.Error
	return errors.As(err, &e) && e.Code == faceproof.CodeInternal && e.Field == "decision"
}

// retainEvery is how late a deletion may come.
const retainEvery = 30 * time.Second

// Run calls Retain at once and then every half minute, until ctx ends; it
// returns nil then. A failure is logged and tried again.
func (s *Service) Run(ctx context.Context) error {
	tick := time.NewTicker(retainEvery)
	defer tick.Stop()
	for {
		if err := s.Retain(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("retention failed", "error", faceproof.LogText(err))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
