package keys

import (
	"crypto/hmac"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"

	"faceproof"
)

const purposeDeletion = "person.deletion"

// deletionForm is what a receipt may hold, so that joining its parts with zero
// bytes is unambiguous.
var deletionForm = map[string]*regexp.Regexp{
	"receipt":   regexp.MustCompile(`^del_[0-9a-f]{32}$`),
	"person_id": regexp.MustCompile(`^[0-9a-f]{32}$`),
	"subject":   regexp.MustCompile(`^([0-9a-f]{64})?$`),
	"keys":      regexp.MustCompile(`^([0-9a-f]{64})?$`),
}

// NewDeletion makes the receipt of a person's deletion: a new number, and a MAC
// over all of it under the key file. subject and destroyed are as in
// faceproof.Deletion, raw; nil: unknown.
func (r *Ring) NewDeletion(personID string, subject, destroyed []byte, at int64) faceproof.Deletion {
	d := faceproof.Deletion{Receipt: "del_" + hex.EncodeToString(randomBytes(nil, 16)), PersonID: personID,
		Subject: hex.EncodeToString(subject), Keys: hex.EncodeToString(destroyed), DeletedAt: at}
	d.MAC = hex.EncodeToString(r.deletionMAC(d))
	return d
}

// CheckDeletion says whether a receipt was made with this key file and not
// changed since. Errors: CodeInvalid with the field, "mac" when only that is
// wrong.
func (r *Ring) CheckDeletion(d faceproof.Deletion) error {
	for field, value := range map[string]string{"receipt": d.Receipt, "person_id": d.PersonID, "subject": d.Subject, "keys": d.Keys} {
		if !deletionForm[field].MatchString(value) {
			return faceproof.Errorf(faceproof.CodeInvalid, field, "is not that of a receipt")
		}
	}
	mac, err := hex.DecodeString(d.MAC)
	if err != nil || !hmac.Equal(mac, r.deletionMAC(d)) {
		return faceproof.Errorf(faceproof.CodeInvalid, "mac", "the receipt was changed, or made with another key file")
	}
	return nil
}

func (r *Ring) deletionMAC(d faceproof.Deletion) []byte {
	return r.Index(purposeDeletion, []byte(strings.Join([]string{"1", d.Receipt, d.PersonID, d.Subject, d.Keys, strconv.FormatInt(d.DeletedAt, 10)}, "\x00")))
}
