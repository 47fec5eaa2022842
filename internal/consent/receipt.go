package consent

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"faceproof"
)

// ReceiptBits is what a receipt is made of: too many to guess.
const ReceiptBits = 120

var alphabet = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding) // Crockford's: no I, L, O, U

// Receipt writes 15 bytes or more, which nobody can guess, as a person can copy
// them: six groups of four.
func Receipt(secret []byte) string {
	s := alphabet.EncodeToString(secret[:ReceiptBits/8])
	var groups []string
	for len(s) > 0 {
		groups = append(groups, s[:4])
		s = s[4:]
	}
	return strings.Join(groups, "-")
}

// HashReceipt reads a receipt as people type it and gives its SHA-256, under
// which it is found. Errors: CodeInvalid with field when it has not the form.
func HashReceipt(s, field string) ([]byte, error) {
	if len(s) > 128 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, field, "must be 24 letters and digits")
	}
	s = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(s)))
	b, err := alphabet.DecodeString(s)
	if err != nil || len(s) != ReceiptBits/5 || len(b) != ReceiptBits/8 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, field, "must be 24 letters and digits")
	}
	h := sha256.Sum256(b)
	return h[:], nil
}
