package audit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"faceproof"

	"golang.org/x/time/rate"
)

// Refusals that are recorded one by one; what is over is counted in the next
// row, so that nobody fills the disk by being refused. A caller who has shown
// who they are has more.
const (
	knownPerSecond, knownAtOnce     = 20, 600
	strangePerSecond, strangeAtOnce = 1, 120
)

// Denials records what was refused. It is safe for concurrent use.
type Denials struct {
	log interface {
		Audit(ctx context.Context, e faceproof.AuditEntry) error
	}
	mu             sync.Mutex
	known, strange denialRate
}

type denialRate struct {
	*rate.Limiter
	over int
}

// NewDenials makes a recorder of refusals for a log.
func NewDenials(log interface {
	Audit(ctx context.Context, e faceproof.AuditEntry) error
}) *Denials {
	return &Denials{log: log, known: denialRate{Limiter: rate.NewLimiter(knownPerSecond, knownAtOnce)},
		strange: denialRate{Limiter: rate.NewLimiter(strangePerSecond, strangeAtOnce)}}
}

// Record writes a refusal: e.Actor, who; e.Object, of what; e.Detail, the code
// that they were told. known says that the actor has shown who they are. An
// error is the log's: then the refusal must not be answered either.
func (d *Denials) Record(ctx context.Context, e faceproof.AuditEntry, known bool) error {
	r := &d.strange
	if known {
		r = &d.known
	}
	d.mu.Lock()
	if !r.AllowN(time.UnixMilli(e.At), 1) {
		r.over++
		d.mu.Unlock()
		return nil
	}
	over := r.over
	r.over = 0
	d.mu.Unlock()
	if over > 0 {
		e.Detail = fmt.Sprintf("%s, %d more before", e.Detail, over)
	}
	e.Action = "denied"
	err := d.log.Audit(ctx, e)
	if err != nil { // they are for the next row that can be written
		d.mu.Lock()
		r.over += over
		d.mu.Unlock()
	}
	return err
}
