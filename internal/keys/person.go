package keys

import (
	"context"
	"encoding/hex"
	"strings"

	"faceproof"
)

// The parts of a person that have a key of their own.
const (
	partIdentity  = "identity"
	partBiometric = "biometric"
)

// parts says which key seals what; a purpose that is not listed is refused.
var parts = map[string]string{
	"person.name":     partIdentity,
	"person.number":   partIdentity,
	"person.template": partBiometric,
}

// keyPlace binds a wrapped key to its person and part.
func keyPlace(id, part string) []byte { return AAD("person.key", id+"\x00"+part) }

// valuePlace binds a person's value to person ‖ purpose ‖ model.
func valuePlace(id, purpose, model string) []byte {
	return []byte("person\x00" + id + "\x00" + purpose + "\x00" + model)
}

// NewPerson makes the two keys of a person and gives them wrapped, with the
// cipher that works with them. Errors: CodeUnavailable: the key-encryption key
// cannot be reached.
func (r *Ring) NewPerson(ctx context.Context, id string) (faceproof.PersonKeys, faceproof.PersonCipher, error) {
	c := &personCipher{ctx: ctx, ring: r, id: id, keys: map[string][]byte{partIdentity: r.suite.newKey(), partBiometric: r.suite.newKey()}}
	c.suites = map[string]*suite{partIdentity: r.suite, partBiometric: r.suite}
	w, err := r.wrap(ctx, c)
	if err != nil {
		return faceproof.PersonKeys{}, nil, err
	}
	c.wrapped = w
	w.Fresh = true
	return w, c, nil
}

// wrap wraps both keys under one key-encryption key, which may be replaced in
// between.
func (r *Ring) wrap(ctx context.Context, c *personCipher) (faceproof.PersonKeys, error) {
	var out faceproof.PersonKeys
	for range 3 {
		kek, identity, err := r.wrapOne(ctx, c, partIdentity)
		if err != nil {
			return out, err
		}
		other, biometric, err := r.wrapOne(ctx, c, partBiometric)
		if err != nil {
			return out, err
		}
		if kek == other {
			return faceproof.PersonKeys{KEK: kek, Identity: identity, Biometric: biometric}, nil
		}
	}
	return out, faceproof.Errorf(faceproof.CodeUnavailable, "", "the key-encryption key changes all the time")
}

func (r *Ring) wrapOne(ctx context.Context, c *personCipher, part string) (kek string, wrapped []byte, err error) {
	// The suite of the key goes before it, so that the key says what it is for.
	plain := append([]byte{c.suites[part].id}, c.keys[part]...)
	defer clear(plain)
	return r.kms.Wrap(ctx, plain, keyPlace(c.id, part))
}

// Person gives the cipher of a person with these keys; a key is unwrapped when
// it is first needed. Without keys it opens what the ring itself sealed, before
// there were keys of a person, and seals nothing.
func (r *Ring) Person(ctx context.Context, id string, w faceproof.PersonKeys) faceproof.PersonCipher {
	if w.Absent() {
		return byRing{r, id}
	}
	return &personCipher{ctx: ctx, ring: r, id: id, wrapped: w, keys: map[string][]byte{}, suites: map[string]*suite{}}
}

// Rewrap wraps a person's keys under the key-encryption key of now. What they
// sealed stays as it is. With true nothing was to be done.
func (r *Ring) Rewrap(ctx context.Context, id string, w faceproof.PersonKeys) (faceproof.PersonKeys, bool, error) {
	now, err := r.kms.Current(ctx)
	if err != nil || w.KEK == now {
		return w, err == nil, err
	}
	c := &personCipher{ctx: ctx, ring: r, id: id, wrapped: w, keys: map[string][]byte{}, suites: map[string]*suite{}}
	defer c.wipe()
	for _, part := range []string{partIdentity, partBiometric} {
		if err := c.unwrap(part); err != nil {
			return w, false, err
		}
	}
	out, err := r.wrap(ctx, c)
	return out, false, err
}

// KEK names the key-encryption key that wraps new keys.
func (r *Ring) KEK(ctx context.Context) (string, error) { return r.kms.Current(ctx) }

// personCipher lives for one use of a person's data; it is not safe for
// concurrent use.
type personCipher struct {
	ctx     context.Context
	ring    *Ring
	id      string
	wrapped faceproof.PersonKeys
	keys    map[string][]byte // unwrapped, by part
	suites  map[string]*suite
}

func (c *personCipher) unwrap(part string) error {
	if c.keys[part] != nil {
		return nil
	}
	w := c.wrapped.Identity
	if part == partBiometric {
		w = c.wrapped.Biometric
	}
	plain, err := c.ring.kms.Unwrap(c.ctx, c.wrapped.KEK, w, keyPlace(c.id, part))
	if err != nil {
		return err
	}
	s := suiteOf(plain)
	if s == nil || len(plain) != 1+s.size {
		return notSealed(nil)
	}
	c.keys[part], c.suites[part] = plain[1:], s
	return nil
}

// Pseudonym is HMAC(key, id), cut to 128 bits; the key is derived from the one of
// the identity, so that it goes with it.
func (c *personCipher) Pseudonym() (string, error) {
	if err := c.unwrap(partIdentity); err != nil {
		return "", err
	}
	s := c.suites[partIdentity]
	key := s.mac(c.keys[partIdentity], "person.pseudonym\x001")
	defer clear(key)
	return hex.EncodeToString(s.mac(key, c.id)[:16]), nil
}

func (c *personCipher) wipe() {
	for _, k := range c.keys {
		clear(k)
	}
}

func (c *personCipher) key(purpose, model string) ([]byte, *suite, error) {
	part := parts[purpose]
	if part == "" || strings.ContainsRune(model, 0) {
		return nil, nil, faceproof.Errorf(faceproof.CodeInternal, "", "no key of a person is for this purpose")
	}
	if err := c.unwrap(part); err != nil {
		return nil, nil, err
	}
	return c.keys[part], c.suites[part], nil
}

// Seal is 29 bytes longer than plain: suite id, nonce and tag.
func (c *personCipher) Seal(purpose, model string, plain []byte) ([]byte, error) {
	key, s, err := c.key(purpose, model)
	if err != nil {
		return nil, err
	}
	sealed, err := s.seal(key, plain, valuePlace(c.id, purpose, model))
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "sealing failed", Err: err}
	}
	return sealed, nil
}

func (c *personCipher) Open(purpose, model string, sealed []byte) ([]byte, error) {
	key, s, err := c.key(purpose, model)
	if err != nil {
		return nil, err
	}
	if suiteOf(sealed) != s {
		return nil, notSealed(nil)
	}
	plain, err := s.open(key, sealed, valuePlace(c.id, purpose, model))
	if err != nil {
		return nil, notSealed(err)
	}
	return plain, nil
}

// byRing opens what was sealed before persons had keys.
type byRing struct {
	ring *Ring
	id   string
}

func (c byRing) Seal(string, string, []byte) ([]byte, error) {
	return nil, faceproof.Errorf(faceproof.CodeInternal, "", "this person has no keys to seal with")
}

func (c byRing) Open(purpose, _ string, sealed []byte) ([]byte, error) {
	return c.ring.Open(sealed, AAD(purpose, c.id))
}

func (c byRing) Pseudonym() (string, error) { return c.id, nil }
