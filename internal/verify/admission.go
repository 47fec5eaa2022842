package verify

import (
	"context"
	"slices"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/pace"
)

// Admission bounds the captures that are analysed at once, which is what costs
// processor time and memory. Whoever is in is never put off for others: each
// has a place until the end. Who comes then waits in a queue, first come first
// served, and is told at once when that is full. Zero: not bounded.
type Admission struct {
	Running int           // captures at once
	Waiting int           // further ones that wait for a place
	Within  time.Duration // the longest wait; a person who has consented looks at a page meanwhile
}

// AdmitWithin is a wait that ends before a client gives up on its socket.
const AdmitWithin = 6 * time.Second

// RetryAfter is what a client is told to wait before it asks again.
const RetryAfter = 5 * time.Second

// errBusy says that there is no place now. Nothing was changed: the same call
// may be made again.
var errBusy = faceproof.Errorf(faceproof.CodeUnavailable, "busy", "too many people are being verified at once; try again in a few seconds")

// gate gives out the places.
type gate struct {
	a Admission

	mu      sync.Mutex
	running int
	queue   []chan struct{} // each is closed when it has a place
}

// enter takes a place, waiting for one where there is room to wait; the
// function given gives it back, once. Errors: errBusy, ctx's.
func (g *gate) enter(ctx context.Context) (leave func(), err error) {
	if g.a.Running == 0 {
		return func() {}, nil
	}
	g.mu.Lock()
	if g.running < g.a.Running && len(g.queue) == 0 {
		g.running++
		g.mu.Unlock()
		return sync.OnceFunc(g.leave), nil
	}
	if len(g.queue) >= g.a.Waiting {
		g.mu.Unlock()
		return nil, errBusy
	}
	mine := make(chan struct{})
	g.queue = append(g.queue, mine)
	g.mu.Unlock()
	timer := time.NewTimer(g.a.Within)
	defer timer.Stop()
	select {
	case <-mine:
		return sync.OnceFunc(g.leave), nil
	case <-timer.C:
		err = errBusy
	case <-ctx.Done():
		err = ctx.Err()
	}
	g.mu.Lock()
	i := slices.Index(g.queue, mine)
	if i >= 0 {
		g.queue = slices.Delete(g.queue, i, i+1)
	}
	g.mu.Unlock()
	if i < 0 { // the place came at the same moment
		g.leave()
	}
	return nil, err
}

// leave hands the place to the first in the queue.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.queue) == 0 {
		g.running--
		return
	}
	close(g.queue[0])
	g.queue = slices.Delete(g.queue, 0, 1)
}

// full says whether whoever comes now would be turned away: then no session is
// made for them, which is cheaper for both.
func (g *gate) full() bool {
	if g.a.Running == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running >= g.a.Running && len(g.queue) >= g.a.Waiting
}

// admit takes a place, and tells how long that took.
func (s *Service) admit(ctx context.Context) (leave func(), err error) {
	from := time.Now()
	leave, err = s.gate.enter(ctx)
	s.cfg.Meter.Stage("wait", time.Since(from))
	if err == errBusy {
		s.cfg.Meter.Limited("busy")
	}
	return leave, err
}

// turnAway is errBusy when whoever begins now would find no place, or their app
// opens sessions too fast: the others' people would wait for it.
func (s *Service) turnAway(app faceproof.AppID) error {
	if s.gate.full() {
		s.cfg.Meter.Limited("busy")
		return errBusy
	}
	return s.paced(s.opens, app)
}

// paced takes a token of the app's; errBusy: there is none.
func (s *Service) paced(b *pace.Buckets[faceproof.AppID], app faceproof.AppID) error {
	if b.Take(app, s.now()) {
		return nil
	}
	s.cfg.Meter.Limited("app_sessions")
	return errBusy
}

// Load says how many captures run and how many wait.
func (s *Service) Load() (running, waiting int) {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.gate.running, len(s.gate.queue)
}
