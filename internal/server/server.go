// Package server is everything HTTP that is ours: the one table of routes, the
// capture socket, the browser assets, the demo and the limits in front of them.
// The WeChat-compatible interfaces come in as a handler (internal/wechat).
package server

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/pace"
	"faceproof/internal/verify"
)

// Captures opens captures; *verify.Service is one.
type Captures interface {
	Capture(ctx context.Context, hello capture.ClientHello) (*verify.Live, error)
}

// Config of a Server.
type Config struct {
	Captures Captures     // needed
	WeChat   http.Handler // needed; answers WeChatPaths
	// WeChatPaths are the path prefixes given to WeChat, such as "/cgi-bin/".
	WeChatPaths []string
	// LimitedPaths are those of them that browsers call, so that each address
	// is limited in its rate.
	LimitedPaths []string
	Web          fs.FS        // built assets: faceproof.js, faceproof.mjs, faceproof-sound.js, demo/…; what is missing answers 404
	Ready        func() error // nil, or why the server can't serve yet
	Version      string
	Demo         *Demo  // nil: no demo
	Admin        *Admin // nil: no admin API
	// Consents reads consents and takes them back by their receipts, and AppName
	// names an app to the person. Nil: neither the calls nor the page are there.
	Consents Consents
	AppName  func(ctx context.Context, id faceproof.AppID) (string, error)
	// AllowOrigin says whether a page of this origin may open a session's
	// socket. Nil: only pages of this server may.
	AllowOrigin func(r *http.Request, sessionID, origin string) bool

	// PublicOrigin is how browsers reach this server, "https://host[:port]", when
	// a proxy changes the Host header; empty: by that header.
	PublicOrigin string

	// Hosts are the names under which the server may be asked, beside this
	// machine's own (localhost, loopback addresses). Nil: any name. It keeps a
	// foreign page whose name was made to point here (DNS rebinding) away from
	// what has no log-in.
	Hosts []string

	// Limited is told which limit turned a call away; nil: nobody is.
	Limited func(limit string)

	MaxCaptures      int            // sockets at once; 0: CapturesPerCPU for each processor
	MaxCapturesPerIP int            // 0: DefaultMaxCapturesPerIP
	TrustedProxies   []netip.Prefix // whose X-Forwarded-For is believed; nil: loopback

	// Denied records a refusal of the admin API or of a capture in the audit log
	// before it is answered, and known says that its actor is; its error is
	// answered instead. nil: none is.
	Denied func(ctx context.Context, e faceproof.AuditEntry, known bool) error

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: silent
}

// The defaults of Config. A capture is analysed at 15 frames a second, 10 to
// 20 ms each, for a fifth of its life; DefaultMaxCapturesPerIP: security.md T26.
const (
	CapturesPerCPU          = 8
	DefaultMaxCapturesPerIP = 10
)

// thisMachine are the proxies that are trusted where none is named.
var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Server answers every request. It is safe for concurrent use.
type Server struct {
	cfg     Config
	handler http.Handler
	slots   slots
	rates   *pace.Buckets[netip.Addr]

	ctx   context.Context // ends with Shutdown
	stop  context.CancelFunc
	pumps sync.WaitGroup
}

// New makes a Server.
func New(c Config) (*Server, error) {
	if c.Captures == nil || c.WeChat == nil {
		return nil, errors.New("server: Captures and WeChat are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Limited == nil {
		c.Limited = func(string) {}
	}
	if c.Ready == nil {
		c.Ready = func() error { return nil }
	}
	if c.MaxCaptures == 0 {
		c.MaxCaptures = CapturesPerCPU * runtime.NumCPU()
	}
	if c.MaxCapturesPerIP == 0 {
		c.MaxCapturesPerIP = DefaultMaxCapturesPerIP
	}
	if c.TrustedProxies == nil {
		c.TrustedProxies = thisMachine
	}
	s := &Server{cfg: c, rates: pace.New[netip.Addr](subscriberPace, maxSubscribers), slots: slots{max: c.MaxCaptures, maxPerIP: c.MaxCapturesPerIP, perIP: map[netip.Addr]int{}}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	mux := http.NewServeMux()
	table, err := s.routes()
	if err != nil {
		return nil, err
	}
	for _, r := range table {
		who, err := s.access(r.pattern)
		if err != nil {
			return nil, err
		}
		mux.Handle(r.pattern, s.sameSite(who, r.handler))
	}
	s.handler = s.guard(mux)
	return s, nil
}

// route is one row of the table.
type route struct {
	pattern string // of http.ServeMux
	handler http.Handler
}

// routes is the whole table.
func (s *Server) routes() ([]route, error) {
	assets, err := newAssets(s.cfg.Web)
	if err != nil {
		return nil, err
	}
	table := []route{
		{"GET /healthz", http.HandlerFunc(s.healthz)},
		{"GET /v1/capture", http.HandlerFunc(s.capture)},
		{"GET /sdk/faceproof.js", assets.script("faceproof.js")},
		{"GET /sdk/faceproof.mjs", assets.script("faceproof.mjs")},
		{"GET /sdk/faceproof-sound.js", assets.script("faceproof-sound.js")},
		{"GET /sdk/faceproof.d.ts", assets.script("faceproof.d.ts")},
		{"/", http.HandlerFunc(s.notFound)},
	}
	for _, prefix := range s.cfg.WeChatPaths {
		h := s.cfg.WeChat
		if slices.Contains(s.cfg.LimitedPaths, prefix) {
			h = s.limited(h)
		}
		table = append(table, route{prefix, h})
	}
	if s.cfg.Consents != nil {
		table = append(table, s.consentRoutes(assets.pages("consent"))...)
	}
	if s.cfg.Admin != nil {
		admin, err := newAdmin(s, s.cfg.Admin)
		if err != nil {
			return nil, err
		}
		table = append(table, admin.routes()...)
	}
	if s.cfg.Demo != nil {
		demo, err := newDemo(s, s.cfg.Demo)
		if err != nil {
			return nil, err
		}
		table = append(table, route{"GET /{$}", http.RedirectHandler("/demo/", http.StatusFound)},
			route{"GET /demo/", assets.pages("demo")})
		if s.cfg.Demo.Voices != nil {
			table = append(table, route{"GET /record/", assets.pages("record")})
		}
		table = append(table, demo.routes()...)
	}
	return table, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "//") {
		// A client's base URL ends with a slash. The mux would redirect, and
		// WeChat's clients take any status but 200 for a network error.
		u := *r.URL
		u.Path, u.RawPath = "/"+strings.TrimLeft(u.Path, "/"), ""
		r = r.WithContext(r.Context())
		r.URL = &u
	}
	s.handler.ServeHTTP(w, r)
}

// HTTPServer wraps the Server with the time limits that a slow or idle peer
// meets. A capture socket leaves them when it is taken over, and has its own.
func (s *Server) HTTPServer(addr string) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second, // the demo's registration analyses ten pictures
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug), // TLS handshakes of passers-by
	}
}

// Shutdown ends the captures and waits for them, or for ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	done := make(chan struct{})
	go func() { s.pumps.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// healthz answers 200 only when a verification could be made.
func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.cfg.Ready(); err != nil {
		s.cfg.Log.WarnContext(r.Context(), "not ready", "error", faceproof.LogText(err))
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "version": s.cfg.Version})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": s.cfg.Version})
}

func (s *Server) notFound(w http.ResponseWriter, r *http.Request) {
	writeError(w, faceproof.Errorf(faceproof.CodeNotFound, "path", "nothing is here"))
}

// errorAnswer is an error of our own API.
type errorAnswer struct {
	Code    faceproof.Code `json:"code"`
	Field   string         `json:"field"`
	Message string         `json:"message"`
}

// statuses translates the classes of failure to HTTP.
var statuses = map[faceproof.Code]int{
	faceproof.CodeInvalid:         http.StatusBadRequest,
	faceproof.CodeNotFound:        http.StatusNotFound,
	faceproof.CodeConflict:        http.StatusConflict,
	faceproof.CodeExpired:         http.StatusGone,
	faceproof.CodeUnauthenticated: http.StatusUnauthorized,
	faceproof.CodeForbidden:       http.StatusForbidden,
	faceproof.CodeRateLimited:     http.StatusTooManyRequests,
	faceproof.CodeUnavailable:     http.StatusServiceUnavailable,
}

// writeError says err to the caller. What went wrong inside stays inside.
func writeError(w http.ResponseWriter, err error) {
	var e *faceproof.Error
	status, known := statuses[faceproof.ErrorCode(err)]
	if !known || !errors.As(err, &e) {
		writeJSON(w, http.StatusInternalServerError, errorAnswer{faceproof.CodeInternal, "", "the server failed"})
		return
	}
	if e.Code == faceproof.CodeUnavailable || e.Code == faceproof.CodeRateLimited {
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, status, errorAnswer{e.Code, e.Field, e.Message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}
