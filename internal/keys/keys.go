// Package keys is the only code that sees key material. A Ring seals what must
// not be read from a stolen database or backup (authenticated encryption,
// AES-256-GCM by tink) and makes the blind indexes by which a sealed value is
// found (HMAC-SHA-256 as a pseudo-random function); in a data folder of suite gm
// with SM4-GCM and HMAC-SM3. The package also mints
// bearer tokens and hashes them.
//
// An identity number is not a secret: all of them can be hashed in hours. Only
// a keyed index, with the key outside the database, hides one.
package keys

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"faceproof"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// IndexSize is the length of a blind index in bytes.
const IndexSize = 32

// Ring seals, opens and indexes. It is safe for concurrent use and prints as
// ***.
type Ring struct {
	sealing tink.AEAD
	index   func(in []byte) []byte // IndexSize bytes
	suite   *suite                 // of new keys and values
	kms     KMS
}

// AAD is what binds a sealed value to its place: a constant purpose and the id
// of the owner, with a zero byte between. A purpose must not hold a zero byte.
func AAD(purpose, id string) []byte { return []byte(purpose + "\x00" + id) }

// Seal encrypts plain for the place that aad names; aad must not be empty. The
// result is 34 bytes longer than plain: suite id, tink's prefix, nonce and tag; 29
// with suite gm, which has no prefix.
func (r *Ring) Seal(plain, aad []byte) ([]byte, error) {
	if len(aad) == 0 {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "a sealed value must be bound to its place")
	}
	sealed, err := r.sealing.Encrypt(plain, aad)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "sealing failed", Err: err}
	}
	return append([]byte{r.suite.id}, sealed...), nil
}

// Open decrypts what Seal made for the same aad. Anything else is CodeInternal:
// the value was changed, moved to another owner, or sealed under other keys.
func (r *Ring) Open(sealed, aad []byte) ([]byte, error) {
	if len(aad) == 0 {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "a sealed value must be bound to its place")
	}
	if suiteOf(sealed) == r.suite {
		sealed = sealed[1:]
	}
	// Else it is older than the suite ids, and begins with tink's prefix.
	plain, err := r.sealing.Decrypt(sealed, aad)
	if err != nil {
		return nil, notSealed(err)
	}
	return plain, nil
}

// Index gives the blind index of value: IndexSize bytes that are the same for
// the same purpose and value under the same key file, and say nothing else.
// A purpose must not hold a zero byte.
func (r *Ring) Index(purpose string, value []byte) []byte {
	return r.index(append(AAD(purpose, ""), value...))
}

// Suite names the algorithms of the ring, which never change.
func (r *Ring) Suite() string { return r.suite.name }

// ID names the ring without telling anything about its keys, so that a
// database can remember with which key file it was made.
func (r *Ring) ID() string { return hex.EncodeToString(r.Index("keys.id", nil)[:16]) }

// Format hides the ring under every verb.
func (*Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "***") }

// LogValue hides the ring.
func (*Ring) LogValue() slog.Value { return slog.StringValue("***") }

// MarshalJSON hides the ring.
func (*Ring) MarshalJSON() ([]byte, error) { return []byte(`"***"`), nil }

// NewToken mints a bearer secret of n random bytes, in base64url without
// padding. A nil random source is the system's. It panics when the source
// fails: nothing may go on without randomness.
func NewToken(random io.Reader, n int) faceproof.Token {
	return faceproof.NewToken(base64.RawURLEncoding.EncodeToString(randomBytes(random, n)))
}

// NewHex mints a bearer secret of n random bytes, in lower-case hex, where the
// foreign interface wants that form.
func NewHex(random io.Reader, n int) faceproof.Token {
	return faceproof.NewToken(hex.EncodeToString(randomBytes(random, n)))
}

func randomBytes(random io.Reader, n int) []byte {
	if random == nil {
		random = rand.Reader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		panic("keys: no randomness: " + err.Error())
	}
	return b
}

// HashToken gives the SHA-256 of a bearer secret, the only form in which one is
// stored. No key is needed: a token has at least 128 random bits.
func HashToken(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// newKeysets makes fresh keys and gives them as tink's JSON.
func newKeysets() (sealing, index []byte, err error) {
	if sealing, err = newKeyset(aead.AES256GCMKeyTemplate()); err != nil {
		return nil, nil, err
	}
	index, err = newKeyset(prf.HMACSHA256PRFKeyTemplate())
	return sealing, index, err
}

func newKeyset(t *keyTemplate) ([]byte, error) {
	h, err := keyset.NewHandle(t)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b))
	return b.Bytes(), err
}

// newRing reads two keysets in tink's JSON.
func newRing(sealing, index []byte) (*Ring, error) {
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(sealing)))
	if err != nil {
		return nil, err
	}
	r := &Ring{suite: stdSuite}
	if r.sealing, err = aead.New(h); err != nil {
		return nil, err
	}
	if h, err = insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(index))); err != nil {
		return nil, err
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return nil, err
	}
	r.index = func(in []byte) []byte {
		out, err := set.ComputePrimaryPRF(in, IndexSize)
		if err != nil {
			// Only a wrong length makes tink fail, and the length is ours.
			panic("keys: blind index: " + err.Error())
		}
		return out
	}
	return r, nil
}
