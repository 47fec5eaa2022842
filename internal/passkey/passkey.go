// Package passkey is the two ceremonies of WebAuthn, and the only package that
// knows the library behind them. A passkey is bound by the browser to the name
// of this server: a page that looks alike under another name gets nothing that
// opens this one (security.md T32).
package passkey

import (
	"crypto/sha256"
	"encoding/json"
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"faceproof"
)

// Site is the server as browsers know it.
type Site struct{ w *webauthn.WebAuthn }

// New makes a Site: host is the name of the server without port, origins the
// pages of it that may ask, "https://host[:port]" (http for localhost alone,
// which browsers accept).
func New(host string, origins []string) (*Site, error) {
	required := true
	w, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: "Faceproof", RPOrigins: origins,
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired,
			UserVerification: protocol.VerificationRequired},
	})
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "--public-origin", Message: "passkeys need a server with a name", Err: err}
	}
	return &Site{w}, nil
}

// Passkey is what a server keeps of one: nothing that could log in elsewhere.
type Passkey struct {
	Hash   []byte // SHA-256 of its id
	Record []byte // public key, counter, flags; JSON of the library
}

// person is the library's view of somebody.
type person struct {
	id, name    string
	credentials []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return []byte(p.id) }
func (p person) WebAuthnName() string                       { return p.name }
func (p person) WebAuthnDisplayName() string                { return p.name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.credentials }

// refused is the one answer to everything that does not check.
func refused(err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnauthenticated, Field: "credential", Message: "the passkey does not check", Err: err}
}

func failed(err error) error {
	return &faceproof.Error{Code: faceproof.CodeInternal, Message: "the ceremony cannot begin", Err: err}
}

// BeginEnrol gives what the browser needs to make a passkey for a person, and
// the state that FinishEnrol needs; the state must not be changed by others.
func (s *Site) BeginEnrol(id, name string) (options, state []byte, err error) {
	o, session, err := s.w.BeginRegistration(person{id: id, name: name})
	if err != nil {
		return nil, nil, failed(err)
	}
	return pair(o, session)
}

// FinishEnrol checks the browser's answer. Errors: CodeUnauthenticated.
func (s *Site) FinishEnrol(id, name string, state, answer []byte) (Passkey, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return Passkey{}, refused(err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, refused(err)
	}
	c, err := s.w.CreateCredential(person{id: id, name: name}, session, parsed)
	if err != nil {
		return Passkey{}, refused(err)
	}
	return record(c)
}

// BeginLogin is BeginEnrol for somebody who has a passkey; who, the browser says.
func (s *Site) BeginLogin() (options, state []byte, err error) {
	o, session, err := s.w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, nil, failed(err)
	}
	return pair(o, session)
}

// FinishLogin checks the browser's answer; find gives the records of a person.
// Errors: CodeUnauthenticated, for an unknown person and for a passkey whose
// counter went back too (a copy of it is in use).
func (s *Site) FinishLogin(state, answer []byte, find func(id string) ([][]byte, error)) (id string, p Passkey, err error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return "", p, refused(err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return "", p, refused(err)
	}
	u, c, err := s.w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		records, err := find(string(handle))
		if err != nil {
			return nil, err
		}
		who := person{id: string(handle)}
		for _, r := range records {
			var c webauthn.Credential
			if err := json.Unmarshal(r, &c); err != nil {
				return nil, err
			}
			who.credentials = append(who.credentials, c)
		}
		return who, nil
	}, session, parsed)
	if err != nil {
		return "", p, refused(err)
	}
	if c.Authenticator.CloneWarning {
		return "", p, refused(errors.New("the counter went back"))
	}
	p, err = record(c)
	return string(u.WebAuthnID()), p, err
}

func record(c *webauthn.Credential) (Passkey, error) {
	b, err := json.Marshal(c)
	hash := sha256.Sum256(c.ID)
	if err != nil {
		return Passkey{}, refused(err)
	}
	return Passkey{hash[:], b}, nil
}

func pair(o any, session *webauthn.SessionData) (options, state []byte, err error) {
	if options, err = json.Marshal(o); err == nil {
		state, err = json.Marshal(session)
	}
	if err != nil {
		return nil, nil, failed(err)
	}
	return options, state, nil
}
