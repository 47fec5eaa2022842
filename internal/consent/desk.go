package consent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"time"

	"faceproof"
)

// Store keeps consents; *store.Store does.
type Store interface {
	Consent(ctx context.Context, receiptHash []byte) (faceproof.Consent, error)
	ConsentOf(ctx context.Context, verification string) (faceproof.Consent, error)
	WithdrawSession(ctx context.Context, verification string, a faceproof.AuditEntry) (int64, error)
	Withdraw(ctx context.Context, personIndex, subjectIndex []byte, w faceproof.Withdrawal, a faceproof.AuditEntry) (faceproof.Withdrawal, []string, error)
	WithdrawalDone(ctx context.Context, personIndex []byte, a faceproof.AuditEntry) error
	PendingWithdrawals(ctx context.Context) ([][]byte, error)
	Withdrawn(ctx context.Context, subjectIndex []byte) (bool, error)
	PersonNear(ctx context.Context, index []byte) (faceproof.Person, error)
}

// Registry deletes a person with everything that it keeps of them;
// *registry.Local does. CodeNotFound: there is no such person.
type Registry interface {
	Remove(ctx context.Context, id, actor string) error
}

// Config of a Desk.
type Config struct {
	Store    Store
	Registry Registry
	// Forget deletes the kept pictures of verifications now; *verify.Service does,
	// as does whoever opens the folder of sealed files.
	Forget func(ctx context.Context, verifications []string) error
	Now    func() time.Time // nil: time.Now
}

// Desk is where a person, or an operator for them, reads a consent and takes it
// back.
type Desk struct{ c Config }

// NewDesk makes a Desk.
func NewDesk(c Config) *Desk {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Desk{c}
}

// Taken is the answer to a withdrawal.
type Taken struct {
	Receipt   string `json:"receipt"`      // of the withdrawal: names it, opens nothing
	At        int64  `json:"withdrawn_at"` // unix milliseconds
	Deleted   bool   `json:"deleted"`      // the person's face data is gone from this server
	DeletedAt int64  `json:"deleted_at"`   // unix milliseconds; 0: Deleted is false
}

// Read finds the consent of a receipt. Errors: CodeInvalid with field "receipt",
// CodeNotFound.
func (d *Desk) Read(ctx context.Context, receipt string) (faceproof.Consent, error) {
	hash, err := HashReceipt(receipt, "receipt")
	if err != nil {
		return faceproof.Consent{}, err
	}
	c, err := d.c.Store.Consent(ctx, hash)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		err = faceproof.Errorf(faceproof.CodeNotFound, "receipt", "is unknown")
	}
	return c, err
}

// Withdraw takes a consent back by its receipt. One whose capture showed the
// person speaks for them: every consent of theirs ends, their sessions end, and
// their face data is deleted. Another one ends its own session alone, for
// anybody can claim a number. Asked again, it gives the first answer. Errors:
// those of Read, and of the store: then it is recorded, and Finish goes on with
// what is left.
func (d *Desk) Withdraw(ctx context.Context, receipt, actor string) (Taken, error) {
	c, err := d.Read(ctx, receipt)
	if err != nil {
		return Taken{}, err
	}
	if c.Proven && c.WithdrawnAt > 0 {
		// Taken back before, and enrolled anew since: that consent is another one.
		if still, err := d.c.Store.Withdrawn(ctx, c.SubjectIndex); err != nil || !still {
			return Taken{Receipt: "W-" + c.VerificationID[:16], At: c.WithdrawnAt, Deleted: true, DeletedAt: c.WithdrawnAt}, err
		}
	}
	return d.withdraw(ctx, c, c.Proven, actor)
}

// WithdrawSession is Withdraw for an operator who knows the session and has
// made sure who asks.
func (d *Desk) WithdrawSession(ctx context.Context, verification, actor string) (Taken, error) {
	c, err := d.c.Store.ConsentOf(ctx, verification)
	if err != nil {
		return Taken{}, err
	}
	return d.withdraw(ctx, c, true, actor)
}

func (d *Desk) withdraw(ctx context.Context, c faceproof.Consent, speaks bool, actor string) (Taken, error) {
	now := d.c.Now().UnixMilli()
	name := newName()
	a := faceproof.AuditEntry{At: now, Actor: actor, Action: "consent.withdraw", Object: c.VerificationID, Detail: name}
	if !speaks {
		a.Detail = "session"
		at, err := d.c.Store.WithdrawSession(ctx, c.VerificationID, a)
		// Named after the session, so that it is the same when asked again.
		return Taken{Receipt: "W-" + c.VerificationID[:16], At: at}, err
	}
	return d.WithdrawPerson(ctx, c.PersonIndex, c.SubjectIndex, faceproof.Withdrawal{Receipt: name, At: now}, a)
}

// WithdrawPerson takes back every consent of the person of two indexes, for an
// operator who has made sure who asks.
func (d *Desk) WithdrawPerson(ctx context.Context, personIndex, subjectIndex []byte, w faceproof.Withdrawal, a faceproof.AuditEntry) (Taken, error) {
	if w.Receipt == "" {
		w = faceproof.Withdrawal{Receipt: newName(), At: d.c.Now().UnixMilli()}
		a.At, a.Detail = w.At, w.Receipt
	}
	out, pictures, err := d.c.Store.Withdraw(ctx, personIndex, subjectIndex, w, a)
	if err != nil {
		return Taken{}, err
	}
	t := Taken{Receipt: out.Receipt, At: out.At, Deleted: out.DeletedAt > 0, DeletedAt: out.DeletedAt}
	if len(pictures) > 0 && d.c.Forget != nil {
		if err := d.c.Forget(ctx, pictures); err != nil {
			return t, err
		}
	}
	if t.Deleted {
		return t, nil
	}
	if err := d.finish(ctx, personIndex, a.Actor); err != nil {
		return t, err
	}
	t.Deleted, t.DeletedAt = true, d.c.Now().UnixMilli()
	return t, nil
}

// finish deletes the person from the registry, if they are there, and notes it.
func (d *Desk) finish(ctx context.Context, personIndex []byte, actor string) error {
	p, err := d.c.Store.PersonNear(ctx, personIndex)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(p.SubjectIndex, personIndex) == 1 {
		if err := d.c.Registry.Remove(ctx, p.ID, actor); err != nil && faceproof.ErrorCode(err) != faceproof.CodeNotFound {
			return err
		}
	}
	return d.c.Store.WithdrawalDone(ctx, personIndex, faceproof.AuditEntry{At: d.c.Now().UnixMilli(), Actor: actor, Action: "consent.deleted"})
}

// finishEvery is how long after a failure the deletion is tried again.
const finishEvery = time.Minute

// Run is Finish every minute until ctx ends: a person who has withdrawn need not
// ask again because a disk was full. failed is told of each error.
func (d *Desk) Run(ctx context.Context, failed func(error)) {
	tick := time.NewTicker(finishEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := d.Finish(ctx); err != nil && ctx.Err() == nil {
			failed(err)
		}
	}
}

// Finish deletes what a withdrawal left because the server was stopped between,
// or something failed.
func (d *Desk) Finish(ctx context.Context) error {
	pending, err := d.c.Store.PendingWithdrawals(ctx)
	if err != nil {
		return err
	}
	for _, index := range pending {
		err = errors.Join(err, d.finish(ctx, index, "retention"))
	}
	return err
}

// newName names a withdrawal: 64 random bits, no secret.
func newName() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails
	return "W-" + hex.EncodeToString(b)
}
