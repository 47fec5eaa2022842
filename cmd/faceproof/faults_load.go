//go:build failpoint

package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/registry"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
)

// completeFault gives the server what serve has beside the networks: budgets of failures,
// withdrawals, recorded denials, and a notary that signs and anchors the audit log.
func completeFault(g *globals, b *backend, c *verify.Config, api *wechat.Config, log *slog.Logger) (stop func(), err error) {
	c.Attempts, c.Withdrawals = b.store, b.store
	api.Denied = audit.NewDenials(b.store).Record
	return keepAudit(g, b, anchorFlags{grace: audit.DefaultGrace}, log)
}

// loadHandler adds POST /fault/enrol, which takes a person without a photo, POST
// /fault/play, which plays the session that its caller has created, and the profiles of
// net/http/pprof. Nothing of it is in a release.
func loadHandler(next http.Handler, c verify.Config, people *registry.Local, id faceproof.AppID) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.Handle("/debug/pprof/heap", pprof.Handler("heap"))
	mux.Handle("/debug/pprof/allocs", pprof.Handler("allocs"))
	mux.HandleFunc("POST /fault/enrol", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Name, Number string }
		err := json.NewDecoder(r.Body).Decode(&q)
		var s faceproof.Subject
		if err == nil {
			s.Name, err = faceproof.ParseName(q.Name, "name")
		}
		if err == nil {
			s.IDNumber, err = faceproof.ParseIDNumber(q.Number, "number", time.Now())
		}
		if err == nil {
			_, err = people.Add(r.Context(), s, [][]byte{{0xff, 0xd8, 0xff}}, "test")
		}
		sayLoad(w, map[string]any{}, err)
	})
	mux.HandleFunc("POST /fault/play", func(w http.ResponseWriter, r *http.Request) {
		m, err := playCreated(r, c)
		sayLoad(w, m, err)
	})
	return mux
}

// playCreated plays the session in the body of the request.
func playCreated(r *http.Request, c verify.Config) (map[string]any, error) {
	var q struct {
		Session string `json:"session_id"`
		Token   string `json:"capture_token"`
		Notice  string `json:"notice_hash"`
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	p := &faultPlayer{ctx: ctx, t: 1000, seq: map[bool]uint32{}}
	s, err := p.conductor(c)
	if err != nil {
		return nil, err
	}
	return p.play(s, q.Session, faceproof.NewToken(q.Token), q.Notice)
}

func sayLoad(w http.ResponseWriter, m map[string]any, err error) {
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		m = map[string]any{"error": faceproof.LogText(err)}
	}
	_ = json.NewEncoder(w).Encode(m)
}
