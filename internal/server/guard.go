package server

import (
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

// guard stands in front of every route: headers that bind browsers, one log
// line, and an answer without details when a handler panics.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		r = r.WithContext(verify.WithCaller(r.Context(), s.caller(r)))
		rec := &recorder{ResponseWriter: w}
		h := rec.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin") // the SDK, for other sites' pages, replaces this
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Permitted-Cross-Domain-Policies", "none")
		h.Set("Permissions-Policy", noFeatures)
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		// Answers that are not pages load nothing; pages replace this.
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				// The value of a panic may quote input, so only the place is logged.
				s.cfg.Log.ErrorContext(r.Context(), "panic", "route", r.Pattern, "stack", faceproof.StackText(debug.Stack()))
				if rec.status == 0 {
					writeError(rec, faceproof.Errorf(faceproof.CodeInternal, "", ""))
				}
			}
			// The path's pattern only: a query or a path may hold a token.
			s.cfg.Log.InfoContext(r.Context(), "request", "method", method(r), "route", r.Pattern,
				"status", rec.status, "bytes", rec.bytes, "ms", time.Since(start).Milliseconds())
		}()
		if s.cfg.Hosts != nil && !s.hostAllowed(r.Host) {
			writeError(rec, faceproof.Errorf(faceproof.CodeForbidden, "Host", "this server answers to localhost and to the names given by serve --host only · 本服务只接受 localhost 和 serve --host 指定的主机名"))
			return
		}
		next.ServeHTTP(rec, r)
	})
}

// noFeatures is what answers that are not pages may use of a browser.
const noFeatures = "camera=(), microphone=(), geolocation=(), display-capture=(), payment=(), usb=()"

// hostAllowed says whether a Host header names this machine or one of
// Config.Hosts, at any port.
func (s *Server) hostAllowed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().IsLoopback() {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(s.cfg.Hosts, host)
}

// caller is who counts for the budgets of failures.
func (s *Server) caller(r *http.Request) verify.Caller {
	return verify.Caller{Address: network(s.clientIP(r)), Agent: r.UserAgent()}
}

// method keeps the log to the known ones: an invented method is a text of the
// client's choice.
func method(r *http.Request) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}, r.Method) {
		return r.Method
	}
	return "other"
}

// recorder notes the status and the size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController and the WebSocket library reach the
// connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// clientIP is the address that counts for limits. A trusted proxy's
// X-Forwarded-For is read from the right, over the trusted ones.
func (s *Server) clientIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := peer.Addr().Unmap()
	if !s.trusted(ip) {
		return ip
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		ip = hop.Unmap()
		if !s.trusted(ip) {
			break
		}
	}
	return ip
}

func (s *Server) trusted(ip netip.Addr) bool {
	return slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// slots counts the captures that run.
type slots struct {
	max, maxPerIP int

	mu    sync.Mutex
	total int
	perIP map[netip.Addr]int
}

// take reserves a place; the error says which limit is reached.
func (s *slots) take(ip netip.Addr) error {
	ip = network(ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.perIP[ip] >= s.maxPerIP:
		return faceproof.Errorf(faceproof.CodeRateLimited, "", "too many captures from one address")
	case s.total >= s.max:
		return faceproof.Errorf(faceproof.CodeUnavailable, "", "too many captures at once")
	}
	s.total++
	s.perIP[ip]++
	return nil
}

func (s *slots) give(ip netip.Addr) {
	ip = network(ip)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.perIP[ip]--; s.perIP[ip] <= 0 {
		delete(s.perIP, ip)
	}
}

// network is what one subscriber holds: an IPv4 address, or an IPv6 /64.
func network(ip netip.Addr) netip.Addr {
	if ip.Is6() && !ip.Is4In6() {
		if p, err := ip.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return ip
}
