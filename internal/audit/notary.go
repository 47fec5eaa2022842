package audit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"faceproof"

	"golang.org/x/mod/sumdb/tlog"
)

// A head is signed when so many records are new, or when there is a new one and
// the last head is so old.
const (
	EveryRecords = 256
	EveryTime    = 60 * time.Second
)

// DefaultGrace is how long a log goes on that can be written but anchored
// nowhere.
const DefaultGrace = 15 * time.Minute

// Log is what a Notary needs of the log.
type Log interface {
	AuditSize(ctx context.Context) (int64, error)
	// AuditRoot is the head of the first size records by the stored hashes.
	AuditRoot(ctx context.Context, size int64) (tlog.Hash, error)
	// AuditHead is the newest signed head; its Note is "" when there is none, and
	// its Root need not be there.
	AuditHead(ctx context.Context) (Checkpoint, error)
	// PutAuditHead keeps a signed head beside the log.
	PutAuditHead(ctx context.Context, c Checkpoint) error
	// HoldAudit makes every change fail with err until it is called with nil.
	HoldAudit(err error)
	// Audit appends a record.
	Audit(ctx context.Context, e faceproof.AuditEntry) error
}

// NotaryConfig says whose heads are signed and where they go.
type NotaryConfig struct {
	Log     Log      // needed
	Signer  *Signer  // needed
	Anchors []Anchor // none: heads stay with the log
	// Known are heads that were anchored before, to be met again at the start.
	Known []string
	// Grace is how long changes go on while no anchor takes a head; then they
	// are refused until one does. 0: for ever.
	Grace time.Duration
	Now   func() time.Time // nil: time.Now
	Out   *slog.Logger     // nil: silent
}

// Notary signs heads of a log and anchors them. It never signs two histories:
// a head that does not grow out of the one before stops the log.
type Notary struct {
	c  NotaryConfig
	mu sync.Mutex

	last     Checkpoint // newest signed head
	anchored int64      // size of the newest head that an anchor has
	since    time.Time  // from when on heads are not anchored; zero: they are
	retry    time.Time  // not before
	started  bool
	forked   error // the log was changed behind the last head: the end until a restart
	wrote    atomic.Int64
	poke     chan struct{}
}

// NewNotary makes a Notary.
func NewNotary(c NotaryConfig) (*Notary, error) {
	if c.Log == nil || c.Signer == nil {
		return nil, errors.New("audit: a notary needs Log and Signer")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Out == nil {
		c.Out = slog.New(slog.DiscardHandler)
	}
	return &Notary{c: c, poke: make(chan struct{}, 1)}, nil
}

// Wrote says that something was written; it never waits. Every so often it
// wakes Run, which otherwise looks once a second.
func (n *Notary) Wrote() {
	if n.wrote.Add(1)%(EveryRecords/4) != 0 {
		return
	}
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

// Run signs and anchors until ctx ends, and then a last time what is new.
func (n *Notary) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := n.Step(ctx, false); err != nil && ctx.Err() == nil {
			n.c.Out.Error("audit head not signed", "error", faceproof.LogText(err))
		}
		select {
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), webhookTimeout)
			defer cancel()
			if err := n.Step(end, true); err != nil {
				n.c.Out.Error("last audit head not signed", "error", faceproof.LogText(err))
			}
			return
		case <-tick.C:
		case <-n.poke:
		}
	}
}

// Step signs a head if one is due, or with now if anything is new, and anchors
// what is not yet.
func (n *Notary) Step(ctx context.Context, now bool) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.start(ctx); err != nil {
		return err
	}
	if n.forked != nil {
		return n.forked
	}
	size, err := n.c.Log.AuditSize(ctx)
	if err != nil {
		return err
	}
	at := n.c.Now()
	age := at.Sub(time.UnixMilli(n.last.At))
	// A clock that was set back must not put the next head off.
	if fresh := size - n.last.Size; fresh > 0 && (now || fresh >= EveryRecords || age >= EveryTime || age < 0) {
		if err := n.sign(ctx, size, at); err != nil {
			return err
		}
	}
	n.anchor(ctx, at, now)
	return nil
}

// start meets the heads of before: a log that is shorter than one of them, or
// another, was put back or rewritten. It goes on, since a restored backup is an
// honest reason, but its own record says so from then on.
func (n *Notary) start(ctx context.Context) error {
	if n.started {
		return nil
	}
	last, err := n.c.Log.AuditHead(ctx)
	if err != nil {
		return err
	}
	keys, err := ParseKeys(n.c.Signer.Key())
	if err != nil {
		return err
	}
	known := append([]string{}, n.c.Known...)
	if last.Note != "" {
		known = append(known, last.Note)
	}
	size, err := n.c.Log.AuditSize(ctx)
	if err != nil {
		return err
	}
	var odd string
	for i, text := range known {
		h, err := keys.Open(text)
		if err != nil {
			odd = "foreign" // an anchor file of another installation, or another key file
			continue
		}
		if i < len(n.c.Known) { // the log's own head may be in no anchor yet
			n.anchored = max(n.anchored, h.Size)
		}
		if h.Size > size {
			odd = "shorter"
			continue
		}
		root, err := n.c.Log.AuditRoot(ctx, h.Size)
		if err != nil {
			return err
		}
		if root != h.Root {
			odd = "another"
		}
		if text == last.Note {
			last.Root = h.Root
		}
	}
	if odd != "" {
		n.c.Out.Error("the audit log is not the one whose heads were kept: run faceproof audit verify", "log", odd)
		e := faceproof.AuditEntry{At: n.c.Now().UnixMilli(), Actor: "audit", Action: "audit.mismatch", Object: n.c.Signer.Name(), Detail: odd}
		if err := n.c.Log.Audit(ctx, e); err != nil {
			return err
		}
		n.anchored = 0
		last = Checkpoint{} // what was signed before binds nobody here
	}
	n.last, n.started = last, true
	return nil
}

// sign makes the next head, if it grows out of the last one.
func (n *Notary) sign(ctx context.Context, size int64, at time.Time) error {
	if n.last.Size > 0 {
		root, err := n.c.Log.AuditRoot(ctx, n.last.Size)
		if err != nil {
			return err
		}
		if root != n.last.Root {
			n.forked = faceproof.Errorf(faceproof.CodeUnavailable, "audit", "the audit log was changed behind record %d; nothing is answered until an operator has looked (faceproof audit verify)", n.last.Size)
			n.c.Log.HoldAudit(n.forked)
			return n.forked
		}
	}
	root, err := n.c.Log.AuditRoot(ctx, size)
	if err != nil {
		return err
	}
	head, err := n.c.Signer.Checkpoint(size, root, at.UnixMilli())
	if err != nil {
		return err
	}
	if err := n.c.Log.PutAuditHead(ctx, head); err != nil {
		return err
	}
	n.last = head
	return nil
}

// anchor gives the newest head to every anchor; one that keeps it is enough.
func (n *Notary) anchor(ctx context.Context, at time.Time, now bool) {
	if len(n.c.Anchors) == 0 || n.last.Note == "" || n.anchored >= n.last.Size || at.Before(n.retry) && !now {
		return
	}
	kept := 0
	for _, a := range n.c.Anchors {
		if err := a.Put(ctx, n.last); err != nil {
			n.c.Out.Error("audit head not anchored", "anchor", a.String(), "error", faceproof.LogText(err))
			continue
		}
		kept++
	}
	if kept > 0 {
		n.anchored = n.last.Size
		if !n.since.IsZero() {
			n.since = time.Time{}
			n.c.Log.HoldAudit(nil)
		}
		return
	}
	n.retry = at.Add(time.Second)
	if n.since.IsZero() {
		n.since = at
	}
	if n.c.Grace > 0 && at.Sub(n.since) >= n.c.Grace {
		n.c.Log.HoldAudit(faceproof.Errorf(faceproof.CodeUnavailable, "audit", "no anchor of the audit log has taken a head for %v", n.c.Grace))
	}
}
