package server

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"faceproof"
)

// The rate at which one subscriber may call what writes to the database
// without a business's token. Many people share an address behind a carrier's
// or an office's translator, and one verification is three calls.
const (
	callsPerSecond = 10
	callsAtOnce    = 100
	maxSubscribers = 10_000 // remembered at once; about 2 MiB
)

// rates limits calls by subscriber.
type rates struct {
	now func() time.Time

	mu  sync.Mutex
	per map[netip.Addr]*rate.Limiter
}

// allow takes one call of a subscriber.
func (l *rates) allow(ip netip.Addr) bool {
	ip = network(ip)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	r, ok := l.per[ip]
	if !ok {
		if len(l.per) >= maxSubscribers {
			l.forget(now)
		}
		r = rate.NewLimiter(callsPerSecond, callsAtOnce)
		l.per[ip] = r
	}
	return r.AllowN(now, 1)
}

// forget drops those whose bucket is full again; when that frees nothing, all:
// an attacker with ten thousand networks is not what this limit is for.
func (l *rates) forget(now time.Time) {
	for ip, r := range l.per {
		if r.TokensAt(now) >= callsAtOnce {
			delete(l.per, ip)
		}
	}
	if len(l.per) >= maxSubscribers {
		clear(l.per)
	}
}

// limited puts the limit in front of a handler.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.rates.allow(s.clientIP(r)) {
			// A page of another origin must be able to read why.
			if origin := r.Header.Get("Origin"); origin != "" {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Add("Vary", "Origin")
			}
			s.cfg.Limited("address_calls")
			writeError(w, faceproof.Errorf(faceproof.CodeRateLimited, "", "too many calls from one address"))
			return
		}
		next.ServeHTTP(w, r)
	})
}
