package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/clock"
	"faceproof/internal/pace"
	"faceproof/internal/store"
	"faceproof/internal/verify"
)

func TestLimitFlags(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, bad := range []limitFlags{{retain: []string{"audit=1"}}, {retain: []string{"evidence"}}, {retain: []string{"evidence=0"}}, {totalFailures: -1}, {appSessions: 1e6}, {connections: -1}} {
		if _, err := bad.open(0, log); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	f := limitFlags{maxWaiting: -1, totalFailures: 50, retain: []string{"evidence=30", "marks=7"}}
	h, err := f.open(12, log)
	if err != nil || h.admission.Running != 12 || h.admission.Waiting != 3 || h.sockets() != 18 || h.retain[faceproof.RetainMarks] != 7 || h.meter != nil {
		t.Errorf("%+v, %v", h, err)
	}
	for set, want := range map[float64]pace.Rate{-1: {PerSecond: 6, Burst: 60}, 0: {}, .5: {PerSecond: .5, Burst: 5}, .01: {PerSecond: .01, Burst: 1}} {
		f.appSessions = set
		if h, err := f.open(12, log); err != nil || h.perApp != want {
			t.Errorf("--app-sessions %v: %+v, %v", set, h.perApp, err)
		}
	}
	if b := f.budget(5); b.Subject != 5 || b.SubjectAll != 10 || b.Total != 50 || b.Free != 5 {
		t.Errorf("%+v", b)
	}
	if b := f.budget(0); b.Subject != 0 || b.Total != 0 || b.Free != 0 {
		t.Errorf("unlimited: %+v", b)
	}
}

// A server does not start with a clock that is behind what has happened, unless
// told that it was wrong before; a little behind, it begins at that moment.
func TestClockBehindTheLog(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "db")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	for ahead, want := range map[time.Duration]faceproof.Code{time.Minute: "", 10 * time.Minute: faceproof.CodeConflict} {
		if err := s.Audit(t.Context(), faceproof.AuditEntry{At: now.Add(ahead).UnixMilli(), Actor: "a", Action: "b"}); err != nil {
			t.Fatal(err)
		}
		h := house{clock: clock.New(clock.Config{})}
		if err := h.checkClock(t.Context(), s); faceproof.ErrorCode(err) != want {
			t.Errorf("%v behind: %v", ahead, err)
		}
		if want == "" && h.clock.Now().Before(now.Add(ahead).Truncate(time.Millisecond)) {
			t.Error("begins before what has happened")
		}
		h.accept = true
		if err := h.checkClock(t.Context(), s); err != nil {
			t.Errorf("accepted: %v", err)
		}
	}
}

// The metrics have an address of their own, and nothing else is there.
func TestMetricsListen(t *testing.T) {
	f := limitFlags{metrics: "127.0.0.1:0", maxWaiting: -1}
	var log lines
	h, err := f.open(2, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	stop, err := f.watch(h, &verify.Service{}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	_, address, _ := strings.Cut(strings.TrimSpace(log.String()), "address=")
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/healthz": 404} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://"+address+path, nil)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(a.Body)
		_ = a.Body.Close()
		cancel()
		if a.StatusCode != want || want == 200 && !strings.Contains(string(b), "faceproof_captures_in_flight 0") {
			t.Errorf("%s: %d %s", path, a.StatusCode, b)
		}
	}
	if _, err := (&limitFlags{metrics: "no such address"}).watch(h, &verify.Service{}, slog.New(slog.DiscardHandler)); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("a bad address: %v", err)
	}
}

type lines struct{ strings.Builder }
