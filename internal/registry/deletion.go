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
	// Not the person's pseudonym: the list of deletions would lead to it.
	a := faceproof.AuditEntry{At: now, Actor: actor, Action: "person.remove", Object: d.Receipt}
	if err := l.c.Store.DeletePerson(ctx, d, a); err != nil {
		return faceproof.Deletion{}, err
	}
	return d, nil
}

// Pseudonyms says which person each name of the audit log stands for. Names of
// people who were deleted are left out: nobody can say so any more. It opens
// everybody's key, at a key service with a call each.
func (l *Local) Pseudonyms(ctx context.Context, names []string) (map[string]string, error) {
	out, asked := map[string]string{}, map[string]bool{}
	for _, n := range names {
		asked[n] = true
	}
	if len(asked) == 0 {
		return out, nil
	}
	return out, l.each(ctx, func(p faceproof.Person) error {
		alias, err := l.cipher(ctx, p).Pseudonym()
		if err == nil && asked[alias] {
			out[alias] = p.ID
		}
		return err
	})
}

// PseudonymOf is what the audit log calls a person; "": there is no such person.
func (l *Local) PseudonymOf(ctx context.Context, id string) (string, error) {
	p, err := l.c.Store.PersonByID(ctx, id)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || err == nil && shredded(p) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return l.cipher(ctx, p).Pseudonym()
}
