package clock

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"log/slog"
)

// sim is a machine whose wall clock can be stepped.
type sim struct {
	passed time.Duration // what really passed
	off    time.Duration // of the wall clock
}

var start = time.UnixMilli(1_800_000_000_000)

func (m *sim) clock(log *strings.Builder) *Steady {
	c := Config{Wall: func() time.Time { return start.Add(m.passed + m.off) }, Elapsed: func() time.Duration { return m.passed }}
	if log != nil {
		c.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return New(c)
}

// A thousand steps of an hour and of seconds, both ways: the clock never goes
// back and measures what passed to a part in a thousand.
func TestSteadyThroughSteps(t *testing.T) {
	rng := rand.New(rand.NewPCG(37, 0))
	for run := range 100 {
		m := &sim{}
		s := m.clock(nil)
		last := s.Now()
		for range 10 {
			m.off += []time.Duration{time.Hour, -time.Hour, time.Second, -time.Second, 299 * time.Second}[rng.IntN(5)]
			dt := time.Duration(rng.Int64N(int64(10 * time.Minute)))
			m.passed += dt
			now := s.Now()
			if got := now.Sub(last); got < 0 || (got-dt).Abs() > dt/slew+time.Nanosecond {
				t.Fatalf("run %d: %v passed, the clock says %v", run, dt, got)
			}
			last = now
		}
	}
}

func TestSmallDifferencesAreMadeGood(t *testing.T) {
	m := &sim{}
	s := m.clock(nil)
	m.off = -2 * time.Second
	if d := s.Drift(); d != -2*time.Second {
		t.Errorf("drift %v", d)
	}
	for range 2100 {
		m.passed += time.Second
		s.Now()
	}
	if d := s.Drift(); d != 0 {
		t.Errorf("after 35 minutes still %v away", d)
	}
	var log strings.Builder
	s = m.clock(&log)
	m.off += time.Hour
	for range 100 {
		m.passed += time.Minute
		s.Now()
	}
	if d := s.Drift(); d != time.Hour {
		t.Errorf("a step was followed: %v", d)
	}
	if n := strings.Count(log.String(), "was stepped"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

func TestAtLeast(t *testing.T) {
	m := &sim{}
	s := m.clock(nil)
	s.AtLeast(start.Add(-time.Minute))
	if now := s.Now(); !now.Equal(start) {
		t.Errorf("went back to %v", now)
	}
	s.AtLeast(start.Add(time.Minute))
	if now := s.Now(); !now.Equal(start.Add(time.Minute)) {
		t.Errorf("goes on from %v", now)
	}
}

// The machine's own clocks: running, and close to Go's.
func TestMachine(t *testing.T) {
	s := New(Config{})
	a, b := time.Now(), s.Now()
	time.Sleep(20 * time.Millisecond)
	if d := s.Now().Sub(b) - time.Since(a); d.Abs() > 10*time.Millisecond {
		t.Errorf("%v apart in 20 ms", d)
	}
	if d := s.Drift(); d.Abs() > time.Second {
		t.Errorf("drift %v", d)
	}
}
