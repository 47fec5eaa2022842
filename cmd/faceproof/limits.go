package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/spf13/pflag"

	"faceproof"
	"faceproof/internal/clock"
	"faceproof/internal/metrics"
	"faceproof/internal/pace"
	"faceproof/internal/server"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

// limitFlags are the settings of `serve` that say how long, how much, and how
// an operator watches it.
type limitFlags struct {
	retain        []string
	metrics       string
	maxWaiting    int
	appSessions   float64
	connections   int
	totalFailures int
	acceptClock   bool
}

func (f *limitFlags) add(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.retain, "retain", nil, "how long the server keeps a class at most, such as evidence=90; may be repeated; apps may ask for less\n("+retainClasses(false)+")")
	fs.StringVar(&f.metrics, "metrics-listen", "", "host:port of its own for GET /metrics, without log-in (default: none)")
	fs.IntVar(&f.maxWaiting, "max-waiting", -1, "captures that wait for a place when --max-captures run (default a quarter of them)")
	fs.Float64Var(&f.appSessions, "app-sessions", -1, "sessions that one app may open in a second, and captures that it may begin, ten times as many at once (default half of --max-captures; 0: not limited)")
	fs.IntVar(&f.connections, "max-connections", server.DefaultMaxConnections, "connections at once, 256 of one address but a trusted proxy's (0: not limited in the whole)")
	fs.IntVar(&f.totalFailures, "person-failures-total", verify.DefaultBudget().Total,
		"failures of one person in a row, over all apps and times, after which only the other method is left (0: not limited)")
	fs.BoolVar(&f.acceptClock, "accept-clock", false, "start although the machine's clock is behind the audit log: it was wrong before and is right now")
}

// maxAppSessions bounds --app-sessions.
const maxAppSessions = 10_000

// house is what the server's parts share.
type house struct {
	retain    faceproof.Retention
	clock     *clock.Steady
	meter     *metrics.Metrics // nil: nobody watches
	admission verify.Admission
	perApp    pace.Rate
	accept    bool // of the clock
}

// open checks the flags. captures: --max-captures.
func (f *limitFlags) open(captures int, log *slog.Logger) (h house, err error) {
	if h.retain, err = parseRetain(f.retain, false); err != nil {
		return h, err
	}
	if f.totalFailures < 0 {
		return h, faceproof.Errorf(faceproof.CodeInvalid, "--person-failures-total", "must be 0 or more")
	}
	if f.connections < 0 {
		return h, faceproof.Errorf(faceproof.CodeInvalid, "--max-connections", "must be 0 or more")
	}
	if captures < 0 {
		return h, faceproof.Errorf(faceproof.CodeInvalid, "--max-captures", "must be 0 or more")
	}
	if captures == 0 {
		captures = server.CapturesPerCPU * runtime.NumCPU()
	}
	waiting := f.maxWaiting
	if waiting < 0 {
		waiting = max(captures/4, 1)
	}
	h.admission = verify.Admission{Running: captures, Waiting: waiting}
	// Half of the places a second is three times what a machine can serve: one app
	// that asks for more than that takes the others' turns.
	each := f.appSessions
	switch {
	case math.IsNaN(each) || each > maxAppSessions:
		return h, faceproof.Errorf(faceproof.CodeInvalid, "--app-sessions", "must be at most %d", maxAppSessions)
	case each < 0:
		each = float64(captures) / 2
	}
	if each > 0 {
		h.perApp = pace.Rate{PerSecond: each, Burst: max(1, int(10*each))}
	}
	h.clock, h.accept = clock.New(clock.Config{Log: log}), f.acceptClock
	if f.metrics != "" {
		h.meter = metrics.New()
	}
	return h, nil
}

// budget is the server's, with the numbers of the flags. Who does not limit the
// failures of a day does not limit those in a row.
func (f *limitFlags) budget(person int) verify.Budget {
	b := verify.DefaultBudget()
	b.Subject, b.SubjectAll, b.Total = person, 2*person, f.totalFailures
	if person == 0 {
		b.Free, b.Total = 0, 0
	}
	return b
}

// sockets is how many may be open: those that run, those that wait, and as many
// that are about to be told that there is no room.
func (h house) sockets() int { return h.admission.Running + 2*h.admission.Waiting }

// tooFarBack is how far the clock may be behind the newest audit entry
// (security.md T37).
const tooFarBack = clock.Follow

// checkClock refuses to serve with a clock that is behind what has happened:
// what has expired would be valid again.
func (h house) checkClock(ctx context.Context, s *store.Store) error {
	newest, err := s.NewestAudit(ctx)
	if err != nil || newest == 0 {
		return err
	}
	at := time.UnixMilli(newest)
	if behind := at.Sub(h.clock.Now()); behind > tooFarBack && !h.accept {
		return faceproof.Errorf(faceproof.CodeConflict, "clock", "this machine's clock is %v behind the newest entry of the audit log: set it right, or, if it was wrong before and is right now, start once with --accept-clock",
			behind.Round(time.Second))
	}
	if !h.accept {
		h.clock.AtLeast(at)
	}
	return nil
}

// watch serves the metrics until the function given is called.
func (f *limitFlags) watch(h house, v *verify.Service, log *slog.Logger) (stop func(), err error) {
	if h.meter == nil {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", f.metrics)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--metrics-listen", Message: "cannot listen: " + err.Error(), Err: err}
	}
	h.meter.Watch(v.Load, h.clock.Drift)
	srv := h.meter.Server()
	go func() {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are no longer served", "error", faceproof.LogText(err))
		}
	}()
	log.Info("metrics", "address", ln.Addr().String())
	return func() { _ = srv.Close() }, nil
}
