package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/consent"
)

// Withdrawals says who has taken their consent back; *store.Store does.
type Withdrawals interface {
	// Withdrawn is about a subject's index.
	Withdrawn(ctx context.Context, subjectIndex []byte) (bool, error)
}

// personPurpose is the purpose of the registry's index of an ID number.
// TestWithdrawalFindsThePerson holds the two together.
const personPurpose = "person.number"

// refuseMinor records that a person under age was shown the other method, and
// gives what the page needs for that. No capture can be begun with it.
func (s *Service) refuseMinor(ctx context.Context, app faceproof.App, object string, started Started) (Started, error) {
	a := faceproof.AuditEntry{At: s.millis(), Actor: appActor(app.ID), Action: "verification.refuse", Object: object, Detail: "under_14"}
	if err := s.cfg.Audit.Audit(ctx, a); err != nil {
		return Started{}, err
	}
	s.log.Info("under 14, no capture", "app", app.ID)
	started.Minor = faceproof.MinorRefused
	return started, nil
}

// checkGuardian refuses a consent that the person could not give alone.
func checkGuardian(gate faceproof.MinorGate, c capture.Consent) error {
	switch {
	case gate == faceproof.MinorRefused:
		return faceproof.Errorf(faceproof.CodeForbidden, "person", "is under 14, and the app's policy is the other method")
	case gate == faceproof.MinorGuardian && !c.Guardian.Valid():
		return faceproof.Errorf(faceproof.CodeInvalid, "hello.consent.guardian", "is needed: the person is under 14")
	case gate == faceproof.MinorNone && c.Guardian != faceproof.GuardianNone:
		return faceproof.Errorf(faceproof.CodeInvalid, "hello.consent.guardian", "is for a person under 14 alone")
	}
	return nil
}

// consentOf makes the record of what was agreed to, and the person's receipt.
// The receipt follows from the session's id, so that nothing of it is kept.
func (s *Service) consentOf(v faceproof.Verification, sub faceproof.Subject, hello capture.ClientHello, shown consent.Shown, at int64) (faceproof.Consent, string, error) {
	shown.Lang, shown.Wording = hello.Lang, hello.Consent.Wording
	text, err := consent.Text(shown)
	if err != nil {
		return faceproof.Consent{}, "", err
	}
	// 32 keyed bytes, whatever the length of the index.
	secret := sha256.Sum256(s.cfg.Keys.Index("consent.receipt", []byte(v.ID)))
	receipt := consent.Receipt(secret[:])
	hash, err := consent.HashReceipt(receipt, "receipt")
	return faceproof.Consent{VerificationID: v.ID, AppID: v.AppID, ReceiptHash: hash, SubjectIndex: v.SubjectIndex,
		PersonIndex: s.cfg.Keys.Index(personPurpose, []byte(sub.IDNumber.Reveal())),
		Notice:      hello.Consent.Notice, Text: text, Guardian: hello.Consent.Guardian, GivenAt: at}, receipt, err
}

// consentDetail is the audit record of a consent: which words, in which
// language, and how.
func consentDetail(c faceproof.Consent) string {
	return fmt.Sprintf("text=%s lang=%s wording=%d by=%s", c.Text.Hash, c.Text.Lang, c.Text.Wording, c.Method())
}

// Indexes are the two keyed indexes of an ID number: the registry's and that of
// verifications.
func Indexes(k Keys, n faceproof.IDNumber) (person, subject []byte) {
	return k.Index(personPurpose, []byte(n.Reveal())), k.Index("subject", []byte(n.Reveal()))
}

// ForgetPictures deletes what was kept of captures now: a portrait for getimage,
// a recording for getvideo.
func (s *Service) ForgetPictures(ctx context.Context, ids []string) error {
	return ForgetPictures(ctx, s.cfg.Blob, ids)
}

// ForgetPictures is the same for who has the blobs alone.
func ForgetPictures(ctx context.Context, b Blobs, ids []string) error {
	var err error
	for _, id := range ids {
		err = errors.Join(err, b.Delete(ctx, portraitKey(id)), b.Delete(ctx, videoPrefix+id))
	}
	return err
}
