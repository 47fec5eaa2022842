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

// Reseal gives people of before keys of their own, a batch at a time, and calls
// progress with how many are done; it may be interrupted and begun again. failed
// counts those who did not open or were being changed. progress's error ends it.
func (l *Local) Reseal(ctx context.Context, actor string, progress func(done int) error) (done, failed int, err error) {
	const page = 200
	for after := ""; ; {
		persons, err := l.c.Store.SealedByRing(ctx, after, page)
		if err != nil {
			return done, failed, err
		}
		for _, old := range persons {
			after = old.ID
			name, number, t, err := l.open(ctx, old)
			if err != nil {
				failed++
				continue
			}
			p, err := l.seal(ctx, old, name, number, t)
			if err != nil {
				return done, failed, err
			}
			a := faceproof.AuditEntry{At: l.c.Now().UnixMilli(), Actor: actor, Action: "person.reseal", Object: old.ID}
			if err := l.c.Store.Reseal(ctx, old, p, a); faceproof.ErrorCode(err) == faceproof.CodeConflict {
				failed++ // somebody else is changing this person
				continue
			} else if err != nil {
				return done, failed, err
			}
			done++
		}
		if err := progress(done); err != nil {
			return done, failed, err
		}
		if len(persons) < page {
			return done, failed, nil
		}
	}
}
