package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"faceproof"
)

// purposeSubject is that of the index by which verifications know a person
// (internal/verify).
const purposeSubject = "subject"

// Remove is Delete without the receipt.
func (l *Local) Remove(ctx context.Context, id, actor string) error {
	_, err := l.Delete(ctx, id, actor)
	return err
}

// Delete deletes a person for good and gives the receipt: identity, template,
// the name and number in their finished verifications, and both keys, without
// which no backup of the database can be read. Errors: CodeInvalid: no id;
// CodeNotFound.
func (l *Local) Delete(ctx context.Context, id, actor string) (faceproof.Deletion, error) {
	if b, err := hex.DecodeString(id); err != nil || len(b) != 16 {
		return faceproof.Deletion{}, faceproof.Errorf(faceproof.CodeInvalid, "person_id", "must be 32 hex digits, as the list shows")
	}
	p, err := l.c.Store.PersonByID(ctx, id)
	if err != nil {
		return faceproof.Deletion{}, err
	}
	var subject, destroyed []byte
	if !p.Keys.Absent() {
		sum := sha256.Sum256(append(append([]byte{}, p.Keys.Identity...), p.Keys.Biometric...))
		destroyed = sum[:]
	}
	// What does not open is deleted all the same.
	if number, err := l.cipher(ctx, p).Open(purposeNumber, "", p.NumberSealed); err == nil {
		subject = l.c.Keys.Index(purposeSubject, number)
		clear(number)
	}
	now := l.c.Now().UnixMilli()
	d := l.c.Keys.NewDeletion(id, subject, destroyed, now)
	a := faceproof.AuditEntry{At: now, Actor: actor, Action: "person.remove", Object: id, Detail: d.Receipt}
	if err := l.c.Store.DeletePerson(ctx, d, a); err != nil {
		return faceproof.Deletion{}, err
	}
	return d, nil
}
