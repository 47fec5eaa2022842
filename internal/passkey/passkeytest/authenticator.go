// Package passkeytest is an authenticator in software: it makes and uses
// passkeys as a browser and a security key do together (WebAuthn level 2,
// sections 6.1 and 6.5, attestation "none", ES256), so that tests log in without
// either.
package passkeytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
)

// Authenticator holds one passkey.
type Authenticator struct {
	Origin  string // of the page that asks
	Host    string // the relying party that it believes to talk to
	Counter uint32
	Lazy    bool // does not ask the person (no user verification)

	id, user []byte
	key      *ecdsa.PrivateKey
}

var b64 = base64.RawURLEncoding

// flags of authenticator data.
const (
	present, verified, attested = 1, 4, 64
)

func (a *Authenticator) data(flags byte) []byte {
	if !a.Lazy {
		flags |= verified
	}
	hash := sha256.Sum256([]byte(a.Host))
	return binary.BigEndian.AppendUint32(append(hash[:], flags|present), a.Counter)
}

func (a *Authenticator) client(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.Origin, "crossOrigin": false})
	return b
}

// Create answers navigator.credentials.create.
func (a *Authenticator) Create(options []byte) ([]byte, error) {
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
			User      struct {
				ID string `json:"id"`
			} `json:"user"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	var err error
	if a.user, err = b64.DecodeString(o.PublicKey.User.ID); err != nil {
		return nil, err
	}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	a.id = make([]byte, 32)
	_, _ = rand.Read(a.id)
	point, err := a.key.PublicKey.Bytes() // 4 ‖ x ‖ y
	if err != nil {
		return nil, err
	}
	data := a.data(attested)
	data = append(data, make([]byte, 16)...) // AAGUID
	data = append(data, 0, byte(len(a.id)))
	data = append(data, a.id...)
	// The COSE key {1: 2, 3: -7, -1: 1, -2: x, -3: y} in CBOR.
	data = append(data, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32)
	data = append(data, point[1:33]...)
	data = append(data, 0x22, 0x58, 32)
	data = append(data, point[33:]...)
	// {"fmt": "none", "attStmt": {}, "authData": data}
	object := []byte{0xa3, 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e', 0x67, 'a', 't', 't', 'S', 't', 'm', 't', 0xa0, 0x68, 'a', 'u', 't', 'h', 'D', 'a', 't', 'a', 0x58, byte(len(data))}
	object = append(object, data...)
	return a.answer(map[string]any{"clientDataJSON": b64.EncodeToString(a.client("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64.EncodeToString(object)})
}

// Get answers navigator.credentials.get.
func (a *Authenticator) Get(options []byte) ([]byte, error) {
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		return nil, err
	}
	if a.key == nil {
		return nil, errors.New("passkeytest: no passkey was made")
	}
	a.Counter++
	data, client := a.data(0), a.client("webauthn.get", o.PublicKey.Challenge)
	clientHash := sha256.Sum256(client)
	hash := sha256.Sum256(append(append([]byte{}, data...), clientHash[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, a.key, hash[:])
	if err != nil {
		return nil, err
	}
	return a.answer(map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(a.user)})
}

func (a *Authenticator) answer(response map[string]any) ([]byte, error) {
	return json.Marshal(map[string]any{"id": b64.EncodeToString(a.id), "rawId": b64.EncodeToString(a.id), "type": "public-key", "response": response})
}

// Claim makes the passkey say that it is another user's.
func (a *Authenticator) Claim(user string) { a.user = []byte(user) }
