// Package registry is the local source of identities: who is enrolled, under
// which name, and what their face template is. Nothing is kept readable: name,
// ID number and template are sealed apart, each bound to its person, and a
// person is found by the blind index of their ID number.
//
// A template is never replaced unless that is asked for, and never learns from
// a verification: who can change it can become that person.
package registry

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"faceproof"
)

// Limits of one enrolment.
const (
	MaxPhotos     = 20
	MaxPhotoBytes = 16 << 20 // of one file, before it is decoded
)

// Purposes bind sealed values and indexes to their use.
const (
	purposeIndex    = "person.number"
	purposeName     = "person.name"
	purposeNumber   = "person.number"
	purposeTemplate = "person.template"
)

// Store keeps persons; *store.Store does.
type Store interface {
	// PutPerson adds a person or, with replace, takes the place of the one with
	// the same id. CodeConflict: the index is enrolled. CodeNotFound: nothing to
	// replace.
	PutPerson(ctx context.Context, p faceproof.Person, replace bool, a faceproof.AuditEntry) error
	// PersonNear gives the first person whose index is not below the given one.
	PersonNear(ctx context.Context, index []byte) (faceproof.Person, error)
	// Persons gives up to limit persons after an id, by id.
	Persons(ctx context.Context, after string, limit int) ([]faceproof.Person, error)
	// PersonByID gives one person. CodeNotFound.
	PersonByID(ctx context.Context, id string) (faceproof.Person, error)
	// SealedByRing gives up to limit persons after an id who have no keys of their
	// own yet; Reseal stores one of them sealed anew, unless changed meanwhile.
	SealedByRing(ctx context.Context, after string, limit int) ([]faceproof.Person, error)
	Reseal(ctx context.Context, old, p faceproof.Person, a faceproof.AuditEntry) error
	// KeysNotUnder gives up to limit persons after a place whose keys another
	// key-encryption key wraps; PutRewrapped stores them wrapped anew, now[i] for old[i].
	KeysNotUnder(ctx context.Context, kek string, after int64, limit int) ([]faceproof.KeyedPerson, error)
	PutRewrapped(ctx context.Context, old, now []faceproof.KeyedPerson) error
	// DeletePerson deletes all of a person at once, destroys their keys and keeps
	// the receipt, so that no restore brings them back. CodeNotFound.
	DeletePerson(ctx context.Context, d faceproof.Deletion, a faceproof.AuditEntry) error
	// Audit records a search 1:N.
	Audit(ctx context.Context, a faceproof.AuditEntry) error
}

// Keys seals, indexes and signs receipts; *keys.Ring does.
type Keys interface {
	Index(purpose string, value []byte) []byte
	// NewPerson makes keys for one person; Person works with them, or, without
	// any, opens what is older than keys of one's own.
	NewPerson(ctx context.Context, id string) (faceproof.PersonKeys, faceproof.PersonCipher, error)
	Person(ctx context.Context, id string, k faceproof.PersonKeys) faceproof.PersonCipher
	// KEK names the key-encryption key of now; Rewrap wraps keys under it, and says
	// when they are already.
	KEK(ctx context.Context) (string, error)
	Rewrap(ctx context.Context, id string, k faceproof.PersonKeys) (faceproof.PersonKeys, bool, error)
	NewDeletion(personID string, subject, destroyed []byte, at int64) faceproof.Deletion
}

// Enroller makes a template of photos of one person, behind a quality gate.
type Enroller interface {
	Enrol(ctx context.Context, photos [][]byte) (faceproof.Template, error)
	ModelID() string
}

// Judge is an Enroller that tells how good each photo was, in order, also when it
// refuses: then up to the one at fault.
type Judge interface {
	Judge(ctx context.Context, photos [][]byte) (faceproof.Template, []faceproof.Quality, error)
}

// Config is what a registry works with.
type Config struct {
	Store    Store
	Keys     Keys
	Enroller Enroller // nil: persons can be listed and removed only
	// Dimensions is the length of the model's embeddings, for the template that
	// stands in for somebody who is not enrolled. Default 128.
	Dimensions int
	// Search, when there is one, is made 1:N at every enrolment, before anything is
	// stored; where it cannot be made nobody is enrolled. nil: none.
	Search *Search
	Now    func() time.Time // nil: time.Now
}

// Local is the registry of this server. It is safe for concurrent use.
type Local struct {
	c     Config
	dummy faceproof.Template
	decoy faceproof.Person // sealed like a person, opened when there is none
}

// New makes the registry. Errors: CodeInternal when the keys do not work.
func New(c Config) (*Local, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Dimensions == 0 {
		c.Dimensions = 128
	}
	l := &Local{c: c}
	l.dummy = dummyTemplate(c.Dimensions)
	if c.Enroller != nil {
		l.dummy.ModelID = c.Enroller.ModelID()
	}
	var err error
	l.decoy, err = l.seal(context.Background(), faceproof.Person{ID: newID()}, "某某某", "000000000000000000", l.dummy)
	return l, err
}

// Add enrols a person from 1 to MaxPhotos photos of them and gives the person's
// id. actor goes into the audit log. Errors: CodeConflict, Field "id_number",
// when the ID number is enrolled already; CodeInvalid, Field "photo", with what
// to improve.
func (l *Local) Add(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string) (string, error) {
	e, err := l.Enrol(ctx, s, photos, actor, false)
	return e.ID, err
}

// Replace is Add, except that a person who is enrolled already gets this name
// and template instead, under the same id.
func (l *Local) Replace(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string) (string, error) {
	e, err := l.Enrol(ctx, s, photos, actor, true)
	return e.ID, err
}

// Enrolled is what an enrolment tells.
type Enrolled struct {
	ID       string
	Replaced bool
	Leads    []Lead              // who is like them, where Config.Search asks; for the operator, never for a front end
	Searched int                 // templates that Leads were looked for in
	Photos   []faceproof.Quality // of each, in order; when it failed, of those that were looked at; nil: the Enroller is no Judge
}

// Enrol is Replace with replace, else Add, and tells how good the photos were.
func (l *Local) Enrol(ctx context.Context, s faceproof.Subject, photos [][]byte, actor string, replace bool) (Enrolled, error) {
	var out Enrolled
	if err := checkPhotos(photos); err != nil {
		return out, err
	}
	if l.c.Enroller == nil {
		return out, faceproof.Errorf(faceproof.CodeUnavailable, "", "no face model is loaded")
	}
	index := l.index(s)
	near, err := l.c.Store.PersonNear(ctx, index)
	if err != nil {
		return out, err
	}
	enrolled := subtle.ConstantTimeCompare(near.SubjectIndex, index) == 1
	if enrolled && shredded(near) {
		return out, faceproof.Errorf(faceproof.CodeConflict, "id_number", "this person is being deleted")
	}
	if enrolled && !replace {
		return out, faceproof.Errorf(faceproof.CodeConflict, "id_number", "this person is enrolled already; replacing must be asked for")
	}
	var template faceproof.Template
	if j, ok := l.c.Enroller.(Judge); ok {
		template, out.Photos, err = j.Judge(ctx, photos)
	} else {
		template, err = l.c.Enroller.Enrol(ctx, photos)
	}
	if err != nil {
		return out, err
	}
	id, now := newID(), l.c.Now().UnixMilli()
	if enrolled {
		id = near.ID
	}
	was := faceproof.Person{ID: id}
	if enrolled {
		was.Keys = near.Keys
	}
	if was.Keys.Absent() {
		if was.Keys, _, err = l.c.Keys.NewPerson(ctx, id); err != nil {
			return out, err
		}
	}
	alias, err := l.c.Keys.Person(ctx, id, was.Keys).Pseudonym()
	if err != nil {
		return out, err
	}
	if l.c.Search != nil {
		if out.Leads, out.Searched, err = l.leads(ctx, *l.c.Search, id, alias, template, actor); err != nil {
			return out, err
		}
	}
	p, err := l.seal(ctx, was, s.Name.Reveal(), s.IDNumber.Reveal(), template)
	if err != nil {
		return out, err
	}
	p.SubjectIndex, p.CreatedAt, p.UpdatedAt = index, now, now
	a := faceproof.AuditEntry{At: now, Actor: actor, Action: "person.add", Object: alias, Detail: template.ModelID}
	if enrolled {
		a.Action = "person.replace"
	}
	if err := l.c.Store.PutPerson(ctx, p, enrolled, a); err != nil {
		return out, err
	}
	out.ID, out.Replaced = id, enrolled
	return out, nil
}

func checkPhotos(photos [][]byte) error {
	if len(photos) == 0 {
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "at least one photo is needed")
	}
	if len(photos) > MaxPhotos {
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "at most %d photos", MaxPhotos)
	}
	for i, p := range photos {
		if len(p) == 0 || len(p) > MaxPhotoBytes {
			return faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d must be 1 to %d bytes", i+1, MaxPhotoBytes)
		}
	}
	return nil
}

// index is the blind index by which a person is found.
func (l *Local) index(s faceproof.Subject) []byte {
	return l.c.Keys.Index(purposeIndex, []byte(s.IDNumber.Reveal()))
}

// cipher works with a person's keys, or with the ring for whom has none yet.
func (l *Local) cipher(ctx context.Context, p faceproof.Person) faceproof.PersonCipher {
	if p.Sealing == faceproof.SealedByRing {
		p.Keys = faceproof.PersonKeys{}
	}
	return l.c.Keys.Person(ctx, p.ID, p.Keys)
}

// shredded says that a person's keys are destroyed: they are being deleted.
func shredded(p faceproof.Person) bool {
	return p.Sealing != faceproof.SealedByRing && p.Keys.Absent()
}

// seal makes the sealed parts of a person, of whom ID and, when there are any,
// Keys are given.
func (l *Local) seal(ctx context.Context, was faceproof.Person, name, number string, t faceproof.Template) (faceproof.Person, error) {
	p := faceproof.Person{ID: was.ID, Keys: was.Keys, Sealing: faceproof.SealedByKeys, ModelID: t.ModelID, Frames: t.Frames}
	var err error
	c := l.c.Keys.Person(ctx, p.ID, p.Keys)
	if p.Keys.Absent() {
		if p.Keys, c, err = l.c.Keys.NewPerson(ctx, p.ID); err != nil {
			return p, err
		}
	}
	if p.NameSealed, err = c.Seal(purposeName, "", []byte(name)); err != nil {
		return p, err
	}
	if p.NumberSealed, err = c.Seal(purposeNumber, "", []byte(number)); err != nil {
		return p, err
	}
	plain, err := encodeTemplate(t)
	if err != nil {
		return p, err
	}
	p.TemplateSealed, err = c.Seal(purposeTemplate, t.ModelID, plain)
	clear(plain)
	return p, err
}

// Info is what a list shows of a person.
type Info struct {
	ID         string `json:"person_id"`
	MaskedName string `json:"masked_name"` // last character only
	ModelID    string `json:"model_id"`
	Frames     int    `json:"frames"`     // photos averaged
	CreatedAt  int64  `json:"created_at"` // unix milliseconds
	UpdatedAt  int64  `json:"updated_at"` // unix milliseconds
}

// List calls f for every person, in no telling order. f's error ends it.
func (l *Local) List(ctx context.Context, f func(Info) error) error {
	return l.each(ctx, func(p faceproof.Person) error {
		name, err := l.cipher(ctx, p).Open(purposeName, "", p.NameSealed)
		if err != nil {
			return err
		}
		n, err := faceproof.ParseName(string(name), "name")
		if err != nil {
			return err
		}
		return f(Info{p.ID, n.Masked(), p.ModelID, p.Frames, p.CreatedAt, p.UpdatedAt})
	})
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
