// Package clock keeps the time by which things expire. The wall clock of a
// machine may be stepped, by an operator or by whoever speaks for its time
// server; a credential must not live an hour longer for that, and no challenge
// end an hour sooner.
package clock

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// Follow is the largest difference from the wall clock that is made good,
	// slowly. A larger one is a step, and is not followed (security.md T37: 300 s).
	Follow = 5 * time.Minute
	// slew is how fast: one part in a thousand, as slow as 0.3 s in the life of a
	// credential.
	slew = 1000
)

// Config of a Steady; the zero value is the machine's clocks.
type Config struct {
	Wall    func() time.Time     // nil: time.Now
	Elapsed func() time.Duration // since any moment, never stepped, running while the machine sleeps; nil: the machine's
	Log     *slog.Logger         // nil: silent
}

// Steady is a clock that begins at the wall clock's time and from then on is
// moved by elapsed time alone: it never goes back, and a step of the wall clock
// changes it by nothing. It is safe for concurrent use.
type Steady struct {
	c Config

	mu      sync.Mutex
	now     time.Time
	elapsed time.Duration // when now was taken
	stepped bool          // the wall clock is further away than Follow; logged once
}

// New starts a clock.
func New(c Config) *Steady {
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Elapsed == nil {
		c.Elapsed = machine()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Steady{c: c, now: c.Wall().Round(0), elapsed: c.Elapsed()}
	return s
}

// Now gives the time. It has no monotonic part: differences of two of them are
// as steady as the clock.
func (s *Steady) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.c.Elapsed()
	dt := max(e-s.elapsed, 0)
	s.elapsed = e
	s.now = s.now.Add(dt)
	off := s.c.Wall().Round(0).Sub(s.now)
	if off.Abs() > Follow {
		if !s.stepped {
			s.stepped = true
			s.c.Log.Error("the machine's clock was stepped; times go on as before: set it right, then start again", "seconds", int64(off.Seconds()))
		}
		return s.now
	}
	s.stepped = false
	s.now = s.now.Add(min(max(off, -dt/slew), dt/slew))
	return s.now
}

// AtLeast moves the clock forward to a time that is known to be over.
func (s *Steady) AtLeast(t time.Time) {
	s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.Before(t) {
		s.now = t.Round(0)
	}
}

// Drift is how far the wall clock is ahead.
func (s *Steady) Drift() time.Duration {
	now := s.Now()
	return s.c.Wall().Sub(now)
}
