// Package onboarding is the desk at which a business applies, a reviewer
// decides and an operator switches interfaces on. The command line and the
// admin API share it, so that both take the same steps in the same order and
// leave the same audit rows.
package onboarding

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"faceproof"
)

// Store keeps applications and apps; *store.Store is one.
type Store interface {
	CreateApplication(ctx context.Context, a faceproof.Application, e faceproof.AuditEntry) error
	UpdateApplication(ctx context.Context, a faceproof.Application, e faceproof.AuditEntry) error
	ApproveApplication(ctx context.Context, a faceproof.Application, app faceproof.App, secretHash []byte, e faceproof.AuditEntry) error
	Application(ctx context.Context, id string) (faceproof.Application, error)
	Applications(ctx context.Context, state faceproof.ApplicationState) ([]faceproof.Application, error)
	SwitchPermissions(ctx context.Context, id faceproof.AppID, which []faceproof.Permission, on bool, actor string) (faceproof.App, error)
	SetDailyCalls(ctx context.Context, id faceproof.AppID, n int, actor string) (faceproof.App, error)
	SetOrigins(ctx context.Context, id faceproof.AppID, origins []string, actor string) (faceproof.App, error)
	SetReading(ctx context.Context, id faceproof.AppID, r faceproof.Reading, actor string) (faceproof.App, error)
	SetRetention(ctx context.Context, id faceproof.AppID, r faceproof.Retention, actor string) (faceproof.App, error)
	ReplaceSecret(ctx context.Context, id faceproof.AppID, secretHash []byte, endAll bool, actor string) error
	Audit(ctx context.Context, e faceproof.AuditEntry) error
}

// Blobs keeps the licence files, sealed; *blob.Dir is one.
type Blobs interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
}

// Config of a Desk; Store and Blobs are needed.
type Config struct {
	Store Store
	Blobs Blobs
	Now   func() time.Time // nil: time.Now
}

// Desk takes the steps. It is safe for concurrent use. Every step names its
// actor for the audit log: "cli", "admin".
type Desk struct{ c Config }

// New makes a Desk.
func New(c Config) (*Desk, error) {
	if c.Store == nil || c.Blobs == nil {
		return nil, errors.New("onboarding: Store and Blobs are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Desk{c}, nil
}

// Draft records a new application; only what the form says is taken from it.
// Errors: CodeInvalid, see Application.Check.
func (d *Desk) Draft(ctx context.Context, form faceproof.Application, actor string) (faceproof.Application, error) {
	now := d.c.Now().UnixMilli()
	a := fill(faceproof.Application{ID: "ap_" + random(8), State: faceproof.ApplicationDraft, Source: faceproof.SourceApplicant,
		Version: 1, CreatedAt: now, UpdatedAt: now}, form)
	if err := a.Check(); err != nil {
		return faceproof.Application{}, err
	}
	return a, d.c.Store.CreateApplication(ctx, a, d.entry(actor, "draft", a.ID, ""))
}

// Revise replaces what a draft says, or makes a rejected application a draft
// again. Its licences stay. Errors: CodeNotFound, CodeInvalid, CodeConflict.
func (d *Desk) Revise(ctx context.Context, id string, form faceproof.Application, actor string) (faceproof.Application, error) {
	a, err := d.Application(ctx, id)
	if err != nil {
		return a, err
	}
	if a.State != faceproof.ApplicationDraft {
		if a, err = a.Step(faceproof.ActionRevise, ""); err != nil {
			return a, err
		}
	}
	a = fill(a, form)
	if err := a.Check(); err != nil {
		return a, err
	}
	return d.save(ctx, a, "revise", "", actor)
}

// fill takes what a form says, and nothing of what only steps may change.
func fill(a, form faceproof.Application) faceproof.Application {
	a.Name, a.Notice, a.Category, a.DailyVolume, a.Peak = form.Name, form.Notice, form.Category, form.DailyVolume, form.Peak
	a.Interfaces, a.ImageBasis, a.Origins, a.Alive = form.Interfaces, form.ImageBasis, form.Origins, form.Alive
	return a
}

// Attach adds a licence file to a draft. Errors: CodeInvalid for a file that
// is no PDF, JPEG or PNG or too large, CodeConflict, CodeNotFound.
func (d *Desk) Attach(ctx context.Context, id string, kind faceproof.LicenceKind, data []byte, actor string) (faceproof.Application, error) {
	if !slices.Contains(faceproof.LicenceKinds(), kind) {
		return faceproof.Application{}, faceproof.Errorf(faceproof.CodeInvalid, "kind", "must be one of %v", faceproof.LicenceKinds())
	}
	mime, err := faceproof.LicenceType(data)
	if err != nil {
		return faceproof.Application{}, err
	}
	a, err := d.Application(ctx, id)
	switch {
	case err != nil:
		return a, err
	case a.State != faceproof.ApplicationDraft:
		return a, faceproof.Errorf(faceproof.CodeConflict, "state", "a %s application takes no more files", a.State)
	case len(a.Licences) >= faceproof.MaxLicences:
		return a, faceproof.Errorf(faceproof.CodeInvalid, "licences", "must be at most %d files", faceproof.MaxLicences)
	}
	sum := sha256.Sum256(data)
	l := faceproof.Licence{ID: random(8), Kind: kind, Type: mime, Bytes: len(data), SHA256: hex.EncodeToString(sum[:])}
	if err := d.c.Blobs.Put(ctx, blobKey(id, l.ID), data); err != nil {
		return a, err
	}
	a.Licences = append(slices.Clone(a.Licences), l)
	saved, err := d.save(ctx, a, "licence", string(kind), actor)
	if err != nil {
		// Nobody could find the file any more.
		return saved, errors.Join(err, d.c.Blobs.Delete(context.WithoutCancel(ctx), blobKey(id, l.ID)))
	}
	return saved, nil
}

// Licence reads a licence file; the reading is audited.
func (d *Desk) Licence(ctx context.Context, id, licence, actor string) (faceproof.Licence, []byte, error) {
	a, err := d.Application(ctx, id)
	if err != nil {
		return faceproof.Licence{}, nil, err
	}
	i := slices.IndexFunc(a.Licences, func(l faceproof.Licence) bool { return l.ID == licence })
	if i < 0 {
		return faceproof.Licence{}, nil, faceproof.Errorf(faceproof.CodeNotFound, "licence", "no such licence")
	}
	if err := d.c.Store.Audit(ctx, d.entry(actor, "licence.read", id, string(a.Licences[i].Kind))); err != nil {
		return faceproof.Licence{}, nil, err
	}
	data, err := d.c.Blobs.Get(ctx, blobKey(id, licence))
	return a.Licences[i], data, err
}

// Submit hands a draft to the reviewer. Errors: CodeInvalid when something is
// missing, CodeConflict, CodeNotFound.
func (d *Desk) Submit(ctx context.Context, id, actor string) (faceproof.Application, error) {
	return d.step(ctx, id, faceproof.ActionSubmit, "", actor)
}

// Reject sends an application back, with the reason that the applicant reads.
func (d *Desk) Reject(ctx context.Context, id, reason, actor string) (faceproof.Application, error) {
	return d.step(ctx, id, faceproof.ActionReject, reason, actor)
}

// Approve puts the application on the white-list: it gets an app without any
// permission. The secret is given this once; only its hash is kept.
func (d *Desk) Approve(ctx context.Context, id, actor string) (faceproof.Application, faceproof.Token, error) {
	a, err := d.Application(ctx, id)
	if err != nil {
		return a, faceproof.Token{}, err
	}
	if a, err = a.Step(faceproof.ActionApprove, ""); err != nil {
		return a, faceproof.Token{}, err
	}
	secret, hash := newSecret()
	a.AppID, a.UpdatedAt = faceproof.AppID("wx"+random(8)), d.c.Now().UnixMilli()
	app := faceproof.App{ID: a.AppID, Name: a.Name, Notice: a.Notice, Origins: a.Origins, Alive: a.Alive, CreatedAt: a.UpdatedAt}
	if err := d.c.Store.ApproveApplication(ctx, a, app, hash, d.entry(actor, "approve", id, "")); err != nil {
		return a, faceproof.Token{}, err
	}
	a.Version++
	return a, secret, nil
}

// CheckSwitch refuses what names no interfaces. Errors: CodeInvalid with field
// "permissions".
func CheckSwitch(which []faceproof.Permission) error {
	if len(which) == 0 || len(which) > len(faceproof.Permissions()) {
		return faceproof.Errorf(faceproof.CodeInvalid, "permissions", "must name 1 to %d interfaces", len(faceproof.Permissions()))
	}
	for _, p := range which {
		if !slices.Contains(faceproof.Permissions(), p) {
			return faceproof.Errorf(faceproof.CodeInvalid, "permissions", "must be among %v", faceproof.Permissions())
		}
	}
	return nil
}

// Switch switches interfaces of an app on or off, all of them or none.
func (d *Desk) Switch(ctx context.Context, id faceproof.AppID, which []faceproof.Permission, on bool, actor string) (faceproof.App, error) {
	if err := cmp.Or(checkID(id), CheckSwitch(which)); err != nil {
		return faceproof.App{}, err
	}
	return d.c.Store.SwitchPermissions(ctx, id, which, on, actor)
}

// SetDailyCalls changes how often an app may call each interface on one day;
// 0: as often as the server lets every app. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) SetDailyCalls(ctx context.Context, id faceproof.AppID, n int, actor string) (faceproof.App, error) {
	if err := checkID(id); err != nil {
		return faceproof.App{}, err
	}
	return d.c.Store.SetDailyCalls(ctx, id, n, actor)
}

// SetOrigins replaces the origins whose pages may run the SDK for an app; none
// leaves this server's own. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) SetOrigins(ctx context.Context, id faceproof.AppID, origins []string, actor string) (faceproof.App, error) {
	if err := checkID(id); err != nil {
		return faceproof.App{}, err
	}
	origins, err := faceproof.ParseOrigins(origins, "origins")
	if err != nil {
		return faceproof.App{}, err
	}
	return d.c.Store.SetOrigins(ctx, id, origins, actor)
}

// SetReading replaces what an app's policy says of reading digits aloud, and of
// what a pass must be worth. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) SetReading(ctx context.Context, id faceproof.AppID, r faceproof.Reading, actor string) (faceproof.App, error) {
	if err := checkID(id); err != nil {
		return faceproof.App{}, err
	}
	return d.c.Store.SetReading(ctx, id, r, actor)
}

// SetRetention replaces what an app asks to keep for less time than the server
// does. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) SetRetention(ctx context.Context, id faceproof.AppID, r faceproof.Retention, actor string) (faceproof.App, error) {
	if err := checkID(id); err != nil {
		return faceproof.App{}, err
	}
	return d.c.Store.SetRetention(ctx, id, r, actor)
}

// ReplaceSecret gives an app another secret, shown this once. The one before
// stays valid for faceproof.SecretOverlap and the app's tokens to their ends;
// with endAll, for a secret that has leaked, all of them end at once. Errors:
// CodeInvalid, CodeNotFound, CodeConflict when the app is revoked.
func (d *Desk) ReplaceSecret(ctx context.Context, id faceproof.AppID, endAll bool, actor string) (faceproof.Token, error) {
	if err := checkID(id); err != nil {
		return faceproof.Token{}, err
	}
	secret, hash := newSecret()
	if err := d.c.Store.ReplaceSecret(ctx, id, hash, endAll, actor); err != nil {
		return faceproof.Token{}, err
	}
	return secret, nil
}

func checkID(id faceproof.AppID) error {
	if !id.Valid() {
		return faceproof.Errorf(faceproof.CodeInvalid, "app_id", "must be wx and 16 hex digits")
	}
	return nil
}

// newSecret makes 256 random bits in hex, and the hash that is kept of them.
func newSecret() (faceproof.Token, []byte) {
	secret := random(32)
	hash := sha256.Sum256([]byte(secret))
	return faceproof.NewToken(secret), hash[:]
}

// Application finds an application. Errors: CodeInvalid, CodeNotFound.
func (d *Desk) Application(ctx context.Context, id string) (faceproof.Application, error) {
	if !faceproof.ApplicationID(id) {
		return faceproof.Application{}, faceproof.Errorf(faceproof.CodeInvalid, "application", "must be ap_ and 16 hex digits")
	}
	return d.c.Store.Application(ctx, id)
}

// Applications lists the applications in a state, or with "" all of them,
// newest first.
func (d *Desk) Applications(ctx context.Context, state faceproof.ApplicationState) ([]faceproof.Application, error) {
	switch state {
	case "", faceproof.ApplicationDraft, faceproof.ApplicationSubmitted, faceproof.ApplicationApproved, faceproof.ApplicationRejected:
		return d.c.Store.Applications(ctx, state)
	}
	return nil, faceproof.Errorf(faceproof.CodeInvalid, "state", "must be draft, submitted, approved or rejected")
}

func (d *Desk) step(ctx context.Context, id string, action faceproof.ApplicationAction, reason, actor string) (faceproof.Application, error) {
	a, err := d.Application(ctx, id)
	if err != nil {
		return a, err
	}
	if a, err = a.Step(action, reason); err != nil {
		return a, err
	}
	return d.save(ctx, a, string(action), "", actor)
}

func (d *Desk) save(ctx context.Context, a faceproof.Application, action, detail, actor string) (faceproof.Application, error) {
	a.UpdatedAt = d.c.Now().UnixMilli()
	if err := d.c.Store.UpdateApplication(ctx, a, d.entry(actor, action, a.ID, detail)); err != nil {
		return a, err
	}
	a.Version++
	return a, nil
}

// entry is a step's audit row. The reason of a rejection is free text, so it
// stays out.
func (d *Desk) entry(actor, action, id, detail string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: d.c.Now().UnixMilli(), Actor: actor, Action: "application." + action, Object: id, Detail: detail}
}

func blobKey(application, licence string) string { return "licence/" + application + "/" + licence }

// random gives 8n random bits in hex.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
