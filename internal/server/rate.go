package server

import (
	"net/http"

	"faceproof"
	"faceproof/internal/pace"
)

// The rate at which one subscriber may call what writes to the database
// without a business's token. Many people share an address behind a carrier's
// or an office's translator, and one verification is three calls.
const (
	callsPerSecond = 10
	callsAtOnce    = 100
	maxSubscribers = 10_000 // remembered at once; about 2 MiB
)

// subscriberPace is that rate.
var subscriberPace = pace.Rate{PerSecond: callsPerSecond, Burst: callsAtOnce}

// limited puts the limit in front of a handler.
func (s *Server) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.rates.Take(network(s.clientIP(r)), s.cfg.Now()) {
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
