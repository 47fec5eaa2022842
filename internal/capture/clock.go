package capture

import (
	"time"

	"faceproof"
)

// clock bounds the client's clock by the server's: both are monotonic and only
// durations are compared, from the first time that the client told.
type clock struct {
	set    bool
	t      float64
	server time.Time
}

// check refuses a time that runs ahead of the server by more than lead, in
// milliseconds. A slow network makes the client look late, never early, but the
// first message may have been the slowest: that is what lead allows.
func (c *clock) check(now time.Time, t, lead float64, field string) error {
	if !c.set {
		*c = clock{set: true, t: t, server: now}
		return nil
	}
	if t-c.t > millis(now.Sub(c.server))+lead {
		return invalid(field, "is ahead of the server's clock")
	}
	return nil
}

// drift is how the delay of frames varies: of arrival, by the server's clock,
// over capture, by the client's. The clocks' difference cancels.
type drift struct {
	set            bool
	least, largest float64
}

func (d *drift) frame(now, since time.Time, t float64) {
	late := millis(now.Sub(since)) - t
	if !d.set {
		*d = drift{true, late, late}
		return
	}
	d.least, d.largest = min(d.least, late), max(d.largest, late)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// stream orders the frames of one kind and holds them to a rate by their own
// times, not by arrival: a jittery network delivers good frames in bunches.
type stream struct {
	started bool // ever
	numbers bool // in this attempt
	seq     uint32
	t       float64
	credit  float64
}

// restart begins a new count of sequence numbers; the clock goes on.
func (s *stream) restart() { s.numbers = false }

// next checks the order; keep is false when the frame came too fast.
func (s *stream) next(f Frame, l *Limits) (keep bool, err error) {
	if s.numbers && f.Seq <= s.seq {
		return false, invalid("frame.seq", "must increase")
	}
	if s.started && f.T <= s.t {
		return false, invalid("frame.t", "must increase")
	}
	if !s.started {
		s.credit = l.Burst
	} else {
		s.credit = min(l.Burst, s.credit+(f.T-s.t)*l.FPS/1000)
	}
	s.started, s.numbers, s.seq, s.t = true, true, f.Seq, f.T
	if s.credit < 1 {
		return false, nil
	}
	s.credit--
	return true, nil
}

// limited is the answer to a client that sends more than it may.
func limited(field, why string) error {
	return faceproof.Errorf(faceproof.CodeRateLimited, field, "%s", why)
}
