package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"faceproof"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// SeedSize is the length of the secret that a Signer is made from.
const SeedSize = ed25519.SeedSize

// MaxNote bounds a signed checkpoint in bytes; ours have under 400.
const MaxNote = 4 << 10

// Checkpoint is the signed head of the log at a time.
type Checkpoint struct {
	Size int64     // records
	Root tlog.Hash // over them
	At   int64     // unix milliseconds, of the signature
	Note string    // the signed text, as others keep it
}

// Signer signs checkpoints. It is safe for concurrent use and prints as its
// public name.
type Signer struct {
	name string
	vkey string
	hash uint32
	key  ed25519.PrivateKey
}

// NewSigner makes a signer from a secret of SeedSize bytes. Its name is taken
// from its public key, so that the logs of two installations cannot be mixed up.
func NewSigner(seed []byte) (*Signer, error) {
	if len(seed) != SeedSize {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "a signing secret has %d bytes, not %d", SeedSize, len(seed))
	}
	s := &Signer{key: ed25519.NewKeyFromSeed(seed)}
	public := s.key.Public().(ed25519.PublicKey)
	id := sha256.Sum256(public)
	s.name = "faceproof-audit-" + hex.EncodeToString(id[:8])
	var err error
	if s.vkey, err = note.NewEd25519VerifierKey(s.name, public); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "no verifier key", Err: err}
	}
	v, err := note.NewVerifier(s.vkey)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "no verifier", Err: err}
	}
	s.hash = v.KeyHash()
	return s, nil
}

// Name, KeyHash and Sign are a note.Signer.
func (s *Signer) Name() string                    { return s.name }
func (s *Signer) KeyHash() uint32                 { return s.hash }
func (s *Signer) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

// Key is the public key in text, name+hash+key, for whoever checks the log.
func (s *Signer) Key() string { return s.vkey }

// Format hides the secret under every verb.
func (s *Signer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.name)) }

// Checkpoint signs a head.
func (s *Signer) Checkpoint(size int64, root tlog.Hash, at int64) (Checkpoint, error) {
	text := fmt.Sprintf("%s\n%d\n%s\nat %d\n", s.name, size, root, at)
	signed, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return Checkpoint{}, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the head of the audit log cannot be signed", Err: err}
	}
	return Checkpoint{size, root, at, string(signed)}, nil
}

// Keys are the public keys that a reader trusts.
type Keys struct{ known note.Verifiers }

// ParseKeys reads public keys as Signer.Key gives them. Errors: CodeInvalid with
// field "key".
func ParseKeys(texts ...string) (Keys, error) {
	var list []note.Verifier
	seen := map[string]bool{}
	for _, t := range texts {
		t = strings.TrimSpace(t)
		v, err := note.NewVerifier(t)
		if err != nil {
			return Keys{}, faceproof.Errorf(faceproof.CodeInvalid, "key", "is not a public key of an audit log, name+hash+key")
		}
		if !seen[t] {
			list = append(list, v)
		}
		seen[t] = true
	}
	return Keys{note.VerifierList(list...)}, nil
}

// Open checks the signature of a checkpoint and reads it. Every byte counts: a
// note that says the same in another form is refused too. Errors: CodeForbidden
// with field "checkpoint" when no trusted key signed it, CodeInvalid when it is
// none.
func (k Keys) Open(text string) (Checkpoint, error) {
	bad := faceproof.Errorf(faceproof.CodeInvalid, "checkpoint", "is not a signed head of an audit log")
	if len(text) > MaxNote || k.known == nil {
		return Checkpoint{}, bad
	}
	n, err := note.Open([]byte(text), k.known)
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return Checkpoint{}, faceproof.Errorf(faceproof.CodeForbidden, "checkpoint", "is not signed by a key that is trusted, or was changed")
	}
	sig := n.Sigs[0]
	// base64 has bits that mean nothing; a changed one is a changed byte.
	raw, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
	if err != nil || text != n.Text+"\n— "+sig.Name+" "+base64.StdEncoding.EncodeToString(raw)+"\n" {
		return Checkpoint{}, bad
	}
	c := Checkpoint{Note: text}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 || lines[0] != sig.Name || lines[4] != "" {
		return Checkpoint{}, bad
	}
	at, isAt := strings.CutPrefix(lines[3], "at ")
	var errs [3]error
	c.Size, errs[0] = strconv.ParseInt(lines[1], 10, 64)
	c.Root, errs[1] = tlog.ParseHash(lines[2])
	c.At, errs[2] = strconv.ParseInt(at, 10, 64)
	if errs != [3]error{} || !isAt || c.Size < 0 {
		return Checkpoint{}, bad
	}
	return c, nil
}

// PointLine is a checkpoint as one line of JSON without its end.
func PointLine(signed string) []byte {
	return append(quote([]byte(`{"checkpoint":`), signed), '}')
}

// ParsePointLine reads a line that PointLine wrote, and nothing that differs
// from one in a single byte; the signature is not looked at. Errors: CodeInvalid
// with field "checkpoint".
func ParsePointLine(line []byte) (string, error) {
	bad := faceproof.Errorf(faceproof.CodeInvalid, "checkpoint", "is not a line of a checkpoint")
	if len(line) > 2*MaxNote {
		return "", bad
	}
	var p struct {
		Checkpoint string `json:"checkpoint"`
	}
	if json.Unmarshal(line, &p) != nil || !bytes.Equal(PointLine(p.Checkpoint), line) {
		return "", bad
	}
	return p.Checkpoint, nil
}
