package keys

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"errors"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// SuiteGM is SM4-GCM (GB/T 32907, RFC 8998) and HMAC-SM3 (GB/T 32905). It says
// nothing about an assessment of the whole system.
const SuiteGM = "gm"

var gmSuite = &suite{id: 0xa2, name: SuiteGM, hash: sm3.New, size: 16, aead: newSM4GCM}

// gmIndexSize is the length of the key of a blind index by HMAC-SM3, bytes.
const gmIndexSize = 32

// sm4GCM gives nonce ‖ ciphertext ‖ tag, as tink's AES-GCM does.
type sm4GCM struct{ gcm cipher.AEAD }

func newSM4GCM(key []byte) (tink.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return sm4GCM{gcm}, nil
}

func (a sm4GCM) Encrypt(plain, aad []byte) ([]byte, error) {
	n := a.gcm.NonceSize()
	out := make([]byte, n, n+len(plain)+a.gcm.Overhead())
	_, _ = rand.Read(out) // never fails
	return a.gcm.Seal(out, out, plain, aad), nil
}

func (a sm4GCM) Decrypt(sealed, aad []byte) ([]byte, error) {
	n := a.gcm.NonceSize()
	if len(sealed) < n+a.gcm.Overhead() {
		return nil, errors.New("too short")
	}
	return a.gcm.Open(nil, sealed[:n], sealed[n:], aad)
}

// gmKeys are the two keys of a ring of suite gm in the key file.
type gmKeys struct {
	Sealing []byte `json:"sealing"`
	Index   []byte `json:"index"`
}

func newGMKeys() *gmKeys {
	k := &gmKeys{Sealing: gmSuite.newKey(), Index: make([]byte, gmIndexSize)}
	_, _ = rand.Read(k.Index) // never fails
	return k
}

// newGMRing makes a ring of suite gm.
func newGMRing(k *gmKeys) (*Ring, error) {
	if k == nil || len(k.Sealing) != gmSuite.size || len(k.Index) != gmIndexSize {
		return nil, errors.New("no keys of suite gm")
	}
	if err := sm4.SelfTest(); err != nil {
		return nil, err
	}
	sealing, err := newSM4GCM(k.Sealing)
	if err != nil {
		return nil, err
	}
	return &Ring{suite: gmSuite, sealing: sealing, index: func(in []byte) []byte {
		h := hmac.New(sm3.New, k.Index)
		h.Write(in)
		return h.Sum(nil)
	}}, nil
}
