package voicebank

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"io"
	"strings"
)

// codeLetters has no I, L, O and U, which are mistaken for others.
const codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const codeBytes = 10 // 80 bits: nobody guesses one

var coding = base32.NewEncoding(codeLetters).WithPadding(base32.NoPadding)

// newCode draws what a speaker keeps: XXXX-XXXX-XXXX-XXXX. With it they go on,
// and withdraw; it is stored nowhere.
func newCode(random io.Reader) (string, error) {
	var b [codeBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	s := coding.EncodeToString(b[:])
	return s[:4] + "-" + s[4:8] + "-" + s[8:12] + "-" + s[12:], nil
}

// ParseCode reads a code as a person types it, and gives the speaker that it is
// of. Errors: CodeInvalid, field "code"; the message never holds what was typed.
func ParseCode(typed string) (id string, err error) {
	const why = "must be the 16 letters and digits that were shown at the end"
	if len(typed) > 64 {
		return "", invalid("code", why)
	}
	s := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(strings.TrimSpace(typed)))
	if len(s) != coding.EncodedLen(codeBytes) {
		return "", invalid("code", why)
	}
	b, err := coding.DecodeString(s)
	if err != nil {
		return "", invalid("code", why)
	}
	return speakerOf(b), nil
}

// speakerOf makes the number of a speaker from their code: from the number
// nobody finds the code.
func speakerOf(code []byte) string {
	h := sha256.Sum256(append([]byte("faceproof recordings speaker\x00"), code...))
	return "s" + hex.EncodeToString(h[:6])
}

// The uses of a voice, for ever.
const (
	Train = "train"
	Test  = "test"
)

// SplitOf says what a speaker's voice is for: one in four is never trained on. It
// follows from the number, so that nobody chooses.
func SplitOf(id string) string {
	if h := sha256.Sum256([]byte("faceproof recordings split\x00" + id)); h[0] < 64 {
		return Test
	}
	return Train
}

// foldOf is the third of the trained voices that a speaker belongs to, 1 to 3.
func foldOf(id string) int {
	h := sha256.Sum256([]byte("faceproof recordings fold\x00" + id))
	return 1 + (int(h[0])<<8|int(h[1]))%3
}
