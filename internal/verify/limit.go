package verify

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"faceproof"
)

// Budget bounds failures. In every field 0 means: not limited.
type Budget struct {
	// Subject failures of one ID number in one app, and SubjectAll in all apps,
	// within Window. Only failures after a passed liveness test count: nobody
	// can use up another person's budget without showing a live face, again and
	// again. A pass forgives those of its app.
	Subject, SubjectAll int
	// Names answers within Window, over all apps, tell that an ID number is
	// registered under another name; after that the answer is that of another
	// face, so that a name cannot be guessed.
	Names  int
	Window time.Duration
	// Total failures of one ID number in a row, over all apps, without a pass
	// between them, leave the other method alone, until the operator unlocks the
	// person; after Free of them each further one waits Delay.
	Free, Total int
	Delay       time.Duration
	// Misses answers a minute tell an app what the registry does not hold.
	Misses int
	// Device failures of one browser, or Address ones of one address, within
	// Short stop it for Pause.
	Device, Address int
	Short, Pause    time.Duration
}

// DefaultBudget: NIST SP 800-63B-4 sections 3.2.2 and 3.2.3 (5 in a row, then at
// least 30 s each, 50 at most; the twice as many that it allows with PAD are not
// used) and AWS Rekognition's advice, as security.md section 2.2 takes them
// over; T14 and T15 for Misses and Names. Ten browsers may share an address
// before it counts as one.
func DefaultBudget() Budget {
	return Budget{Subject: 5, SubjectAll: 10, Names: 5, Window: 24 * time.Hour, Misses: 20,
		Free: 5, Total: 50, Delay: 30 * time.Second,
		Device: 5, Address: 50, Short: 3 * time.Minute, Pause: 30 * time.Minute}
}

// Attempts counts what Budget bounds; *store.Store does.
type Attempts interface {
	// Spend adds an attempt unless inApp are there since a time in its app, or overall in all apps (0: not limited).
	Spend(ctx context.Context, a faceproof.Attempt, since int64, inApp, overall int) (bool, error)
	// Fail counts one more failure in a row of a subject, unless total are there, or free and the last one less than delay ago.
	Fail(ctx context.Context, key []byte, at int64, free, total int, delay time.Duration) (bool, error)
	// Failures gives their number and the time of the last one.
	Failures(ctx context.Context, key []byte) (n int, at int64, err error)
	// Forgive forgets the attempts at a key in an app; of a subject, the failures in a row too.
	Forgive(ctx context.Context, kind faceproof.AttemptKind, key []byte, app faceproof.AppID) error
	// Attempts lists those at a key since a time, oldest first.
	Attempts(ctx context.Context, kind faceproof.AttemptKind, key []byte, since int64) ([]faceproof.Attempt, error)
}

// Caller is where a person's browser calls from.
type Caller struct {
	Address netip.Addr // a subscriber's; zero or loopback: not limited
	Agent   string     // User-Agent
	Browser string     // a secret that this browser alone keeps; empty: it has shown none
}

type callerKey struct{}

// WithCaller puts the caller into a request's context.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// WithBrowser adds to the caller of a context the secret that its browser keeps.
func WithBrowser(ctx context.Context, secret string) context.Context {
	c := callerOf(ctx)
	c.Browser = secret
	return WithCaller(ctx, c)
}

// browserKey names the caller's browser to one verification; nil when it has
// shown no secret.
func (s *Service) browserKey(ctx context.Context, id string) []byte {
	c := callerOf(ctx)
	if c.Browser == "" {
		return nil
	}
	return s.cfg.Keys.Index("browser", []byte(id+"\x00"+c.Browser))
}

func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// keys of the device and of the address; nil for an address that stands for
// many people or for the operator's own machine.
func (s *Service) callerKeys(c Caller) (device, address []byte) {
	if !c.Address.IsValid() || c.Address.IsLoopback() {
		return nil, nil
	}
	ip := c.Address.String()
	return s.cfg.Keys.Index("device", []byte(ip+"\x00"+c.Agent)), s.cfg.Keys.Index("address", []byte(ip))
}

// errSubjectLimit is the answer for a person who may not be captured now.
var errSubjectLimit = faceproof.Errorf(faceproof.CodeRateLimited, "subject", "too many failures for this person; try again tomorrow or use the other method")

// allowed says whether a capture may be begun for a subject. Errors:
// CodeRateLimited with field "subject", "delay", "device" or "ip". It looks at
// nothing that depends on the registry.
func (s *Service) allowed(ctx context.Context, app faceproof.AppID, subject []byte) error {
	err := s.withinBudget(ctx, app, subject)
	var e *faceproof.Error
	if errors.As(err, &e) && e.Code == faceproof.CodeRateLimited {
		s.cfg.Meter.Limited(e.Field)
	}
	return err
}

// withinBudget is allowed, uncounted.
func (s *Service) withinBudget(ctx context.Context, app faceproof.AppID, subject []byte) error {
	if s.cfg.Withdrawals != nil {
		// The answer of a used-up budget: whoever knows a number must not learn
		// that its owner has withdrawn.
		if gone, err := s.cfg.Withdrawals.Withdrawn(ctx, subject); err != nil {
			return err
		} else if gone {
			return errSubjectLimit
		}
	}
	if s.cfg.Attempts == nil {
		return nil
	}
	b, now := s.cfg.Budget, s.millis()
	device, address := s.callerKeys(callerOf(ctx))
	for _, l := range []struct {
		kind faceproof.AttemptKind
		key  []byte
		max  int
	}{{faceproof.AttemptDevice, device, b.Device}, {faceproof.AttemptAddress, address, b.Address}} {
		if l.key == nil || l.max == 0 {
			continue
		}
		list, err := s.cfg.Attempts.Attempts(ctx, l.kind, l.key, now-(b.Short+b.Pause).Milliseconds())
		if err != nil {
			return err
		}
		if paused(list, l.max, b.Short, b.Pause, now) {
			return faceproof.Errorf(faceproof.CodeRateLimited, string(l.kind), "too many failures in a short time; try again in half an hour")
		}
	}
	list, err := s.cfg.Attempts.Attempts(ctx, faceproof.AttemptSubject, subject, now-b.Window.Milliseconds())
	if err != nil {
		return err
	}
	own := 0
	for _, a := range list {
		if a.AppID == app {
			own++
		}
	}
	if b.Subject > 0 && own >= b.Subject || b.SubjectAll > 0 && len(list) >= b.SubjectAll {
		return errSubjectLimit
	}
	n, last, err := s.cfg.Attempts.Failures(ctx, subject)
	switch {
	case err != nil:
		return err
	case b.Total > 0 && n >= b.Total:
		return faceproof.Errorf(faceproof.CodeRateLimited, "subject", "too many failures in a row for this person; only the other method is left")
	case b.Free > 0 && n >= b.Free && now < last+b.Delay.Milliseconds():
		return faceproof.Errorf(faceproof.CodeRateLimited, "delay", "wait %d seconds between attempts", int(b.Delay.Seconds()))
	}
	return nil
}

// paused says whether max attempts fell within short of each other, less than
// pause ago. The list is in order of time.
func paused(list []faceproof.Attempt, limit int, short, pause time.Duration, now int64) bool {
	for i := limit - 1; i < len(list); i++ {
		at := list[i].At
		if at-list[i-limit+1].At < short.Milliseconds() && now < at+pause.Milliseconds() {
			return true
		}
	}
	return false
}

// afterLiveness says whether a decision was made by the registry or the face:
// Decide looks at them last.
func afterLiveness(d faceproof.Decision) bool {
	switch d.Reasons[0] {
	case faceproof.ReasonPass, faceproof.ReasonAbsent, faceproof.ReasonNameMismatch, faceproof.ReasonOtherModel, faceproof.ReasonFaceMismatch:
		return true
	}
	return false
}

// charge counts a final decision and gives the one that may be told. What is
// counted is added before it is known to pass, so that captures that run side
// by side cannot outrun a budget; forgive takes a pass back.
func (s *Service) charge(ctx context.Context, v faceproof.Verification, c Caller, d faceproof.Decision) (faceproof.Decision, error) {
	if s.cfg.Attempts == nil {
		return d, nil
	}
	b, now := s.cfg.Budget, s.millis()
	spend := func(kind faceproof.AttemptKind, key []byte, window time.Duration, inApp, overall int) (bool, error) {
		return s.cfg.Attempts.Spend(ctx, faceproof.Attempt{Kind: kind, Key: key, AppID: v.AppID, Ref: v.ID, At: now}, now-window.Milliseconds(), inApp, overall)
	}
	told := d
	if afterLiveness(d) {
		ok, err := spend(faceproof.AttemptSubject, v.SubjectIndex, b.Window, b.Subject, b.SubjectAll)
		if ok && err == nil && (b.Free > 0 || b.Total > 0) {
			ok, err = s.cfg.Attempts.Fail(ctx, v.SubjectIndex, now, b.Free, b.Total, b.Delay)
		}
		if err != nil {
			return d, err
		}
		if !ok {
			s.cfg.Meter.Limited(string(faceproof.AttemptSubject))
			told = faceproof.Decision{Outcome: faceproof.OutcomeReject, Reasons: []faceproof.Reason{faceproof.ReasonLimit},
				PolicyID: d.PolicyID, Method: d.Method, Light: d.Light}
		}
	}
	silent := false
	for _, l := range []struct {
		kind   faceproof.AttemptKind
		key    []byte
		window time.Duration
		max    int
		on     bool
	}{
		{faceproof.AttemptName, v.SubjectIndex, b.Window, b.Names, told.Reasons[0] == faceproof.ReasonNameMismatch},
		{faceproof.AttemptMiss, s.cfg.Keys.Index("misses", []byte(v.AppID)), time.Minute, b.Misses,
			told.Reasons[0] == faceproof.ReasonNameMismatch || told.Reasons[0] == faceproof.ReasonAbsent},
	} {
		if !l.on {
			continue
		}
		ok, err := spend(l.kind, l.key, l.window, 0, l.max)
		if err != nil {
			return d, err
		}
		if !ok {
			s.cfg.Meter.Limited(string(l.kind))
		}
		silent = silent || !ok
	}
	if silent {
		s.log.Warn("registry budget used up: the answer is a generic one", "session", v.ID, "app", v.AppID, "reason", told.Reasons[0])
		told.Reasons = []faceproof.Reason{faceproof.ReasonFaceMismatch}
	}
	if device, address := s.callerKeys(c); device != nil && !told.Pass() {
		if _, err := spend(faceproof.AttemptDevice, device, 0, 0, 0); err != nil {
			return d, err
		}
		if _, err := spend(faceproof.AttemptAddress, address, 0, 0, 0); err != nil {
			return d, err
		}
	}
	return told, nil
}

// forgive is called when a pass was committed: the person has shown who they
// are, so earlier failures in the app were theirs, or nobody's gain.
func (s *Service) forgive(ctx context.Context, v faceproof.Verification) {
	if s.cfg.Attempts == nil {
		return
	}
	if err := s.cfg.Attempts.Forgive(ctx, faceproof.AttemptSubject, v.SubjectIndex, v.AppID); err != nil {
		s.log.Error("attempts not forgiven", "session", v.ID, "error", faceproof.LogText(err))
	}
}
