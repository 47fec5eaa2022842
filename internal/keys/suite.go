package keys

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"slices"

	"faceproof"

	aeadsubtle "github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// suite is one choice of algorithms. Its id is the first byte of everything that
// is sealed with it, so that values of several suites can lie side by side.
type suite struct {
	id   byte
	name string
	size int // of a key, bytes
	aead func(key []byte) (tink.AEAD, error)
	hash func() hash.Hash // of HMAC
}

// legacyPrefix begins what was sealed before there were suite ids: it is the
// first byte of tink's own prefix, and no suite's id.
const legacyPrefix = 0x01

// Suites by name: std is AES-256-GCM, HMAC-SHA-256.
const SuiteStd = "std"

var stdSuite = &suite{id: 0xa1, name: SuiteStd, size: 32, hash: sha256.New, aead: func(key []byte) (tink.AEAD, error) { return aeadsubtle.NewAESGCM(key) }}

var suites = []*suite{stdSuite, gmSuite}

// suiteNamed gives a suite by its name. Errors: CodeInvalid.
func suiteNamed(name string) (*suite, error) {
	i := slices.IndexFunc(suites, func(s *suite) bool { return s.name == name })
	if i < 0 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "crypto", "no such suite; one of %v", SuiteNames())
	}
	return suites[i], nil
}

// SuiteNames lists what a key file may be made with.
func SuiteNames() []string {
	var out []string
	for _, s := range suites {
		out = append(out, s.name)
	}
	return out
}

// suiteOf finds the suite of a sealed value; nil: none that this version knows.
func suiteOf(sealed []byte) *suite {
	for _, s := range suites {
		if len(sealed) > 0 && sealed[0] == s.id {
			return s
		}
	}
	return nil
}

// newKey makes a fresh key of the suite.
func (s *suite) newKey() []byte {
	key := make([]byte, s.size)
	_, _ = rand.Read(key) // never fails
	return key
}

// mac is HMAC with the suite's hash.
func (s *suite) mac(key []byte, text string) []byte {
	h := hmac.New(s.hash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// seal gives id ‖ nonce ‖ ciphertext ‖ tag.
func (s *suite) seal(key, plain, aad []byte) ([]byte, error) {
	a, err := s.aead(key)
	if err != nil {
		return nil, err
	}
	sealed, err := a.Encrypt(plain, aad)
	if err != nil {
		return nil, err
	}
	return append([]byte{s.id}, sealed...), nil
}

// open is the inverse of seal; sealed is of this suite.
func (s *suite) open(key, sealed, aad []byte) ([]byte, error) {
	a, err := s.aead(key)
	if err != nil {
		return nil, err
	}
	return a.Decrypt(sealed[1:], aad)
}

func notSealed(err error) error {
	return &faceproof.Error{Code: faceproof.CodeInternal,
		Message: "a sealed value does not open: changed, moved, or sealed with another key file", Err: err}
}
