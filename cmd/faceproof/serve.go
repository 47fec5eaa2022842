package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/audit"
	"faceproof/internal/failpoint"
	"faceproof/internal/server"
	"faceproof/internal/store"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
	"faceproof/web"
)

// serveFlags are the settings of `faceproof serve`.
type serveFlags struct {
	addr         string
	demo         bool
	record       recordFlags
	audit        anchorFlags
	selfSigned   bool
	acme         acmeFlags
	files        certFlags
	pack         string
	liveness     string
	minLevel     string
	fmr          float64
	digits       bool
	publicOrigin string
	hosts        []string
	proxies      []string
	maxCaptures  int
	dailyCalls   int

	edges          edgeFlags
	oidc           oidcFlags
	limits         limitFlags
	personFailures int
	verbose        bool
}

// compatFile is the operator's table of devices and versions, in the data
// folder. It is read again when it changes.
const compatFile = "compat.toml"

// defaultPort is the server's when PORT says nothing.
const defaultPort = "8080"

func serveCommand(g *globals) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Start the server",
		Long: "Serves the WeChat-compatible interfaces, the browser SDK and the capture socket.\n\n" +
			"A browser gives a page the camera only over HTTPS or on localhost. Without --addr the\n" +
			"server therefore listens on localhost; behind a proxy that ends TLS, or in a container,\n" +
			"use --addr :8080. To try it on a phone use --tls-self-signed, which listens everywhere.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return serve(ctx, g, f)
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.addr, "addr", "", "host:port to listen on (default localhost:8080, :8080 with --tls-self-signed or --tls-cert, :443 with --acme; PORT changes the port)")
	fs.BoolVar(&f.demo, "demo", false, "add the demo: a page where anyone who can reach it may register and verify")
	f.record.add(c)
	f.audit.add(c)
	fs.BoolVar(&f.selfSigned, "tls-self-signed", false, "serve HTTPS with a certificate made here, to try it on a phone")
	f.acme.add(fs)
	f.files.add(fs)
	fs.StringVar(&f.pack, "pack", "", "model pack; empty: the active one")
	fs.StringVar(&f.liveness, "liveness", livenessUsual, livenessHelp)
	fs.BoolVar(&f.digits, "digits", false, "experimental: offer reading digits aloud to apps whose policy allows it; docs/evaluation.md has the error rates")
	fs.StringVar(&f.minLevel, "min-level", "", levelUsage+" (default low; with --liveness strict standard, and no digits)")
	fs.Float64Var(&f.fmr, "fmr", 0, fmrHelp+" (default: the pack's, 1e-4 where it can; faceproof models list)")
	fs.StringVar(&f.publicOrigin, "public-origin", "", "how browsers reach this server, https://host[:port]; empty: by each request's Host")
	fs.StringSliceVar(&f.hosts, "host", nil, "host name under which this server may be asked, beside localhost; may be repeated\n"+
		"(default: any, but with --demo on localhost none; --public-origin's is one)")
	fs.StringSliceVar(&f.proxies, "trust-proxy", nil, "address range of proxies whose X-Forwarded-For is believed (default: this machine)")
	fs.IntVar(&f.maxCaptures, "max-captures", 0, "captures at once (default 8 for each processor)")
	fs.IntVar(&f.dailyCalls, "daily-calls", 0, "calls of each interface by one app on one day (0: not limited)")
	fs.IntVar(&f.personFailures, "person-failures", verify.DefaultBudget().Subject,
		"failures of one person in one app in 24 hours after a live face was seen, twice as many over all apps (0: not limited)")
	f.edges.add(fs)
	f.oidc.add(fs)
	f.limits.add(fs)
	fs.BoolVar(&f.verbose, "verbose", false, "log debug messages")
	return c
}

// allowedHosts are server.Config.Hosts. A demo on localhost has no log-in, and
// a browser there would carry any page's calls to it.
func (f serveFlags) allowedHosts(addr net.Addr) ([]string, error) {
	if len(f.hosts)+len(f.acme.hosts) == 0 && !(f.demo && loopback(addr)) {
		return nil, nil
	}
	hosts := append([]string{}, f.acme.hosts...)
	for _, h := range f.hosts {
		h = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(h), "."))
		if h == "" || strings.ContainsAny(h, "/:*@ []") {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--host", "must be a host name or an IPv4 address, without scheme and port")
		}
		hosts = append(hosts, h)
	}
	if u, err := url.Parse(f.publicOrigin); err == nil && u.Hostname() != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts, nil
}

// listenAddr is where to listen when the flags and PORT are taken together.
func listenAddr(f serveFlags, port string) string {
	if f.addr != "" {
		return f.addr
	}
	if port == "" {
		port = defaultPort
		if len(f.acme.hosts) > 0 {
			port = acmePort
		}
	}
	if f.https() || len(f.acme.hosts) > 0 {
		return ":" + port
	}
	return net.JoinHostPort("localhost", port)
}

// check refuses flags that can't be meant, normalises the public origin and
// gives the trusted proxies.
func (f *serveFlags) check() ([]netip.Prefix, error) {
	if f.personFailures < 0 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--person-failures", "must be 0 or more")
	}
	if _, err := f.edges.prefixes(); err != nil {
		return nil, err
	}
	if err := f.acme.check(f.selfSigned); err != nil {
		return nil, err
	}
	if err := f.files.check(f.selfSigned, len(f.acme.hosts)); err != nil {
		return nil, err
	}
	if err := checkLiveness(f.liveness); err != nil {
		return nil, err
	}
	if f.minLevel != "" {
		if err := checkLevel(f.minLevel); err != nil {
			return nil, err
		}
	}
	if f.fmr != 0 {
		if err := faceproof.CheckFMR(f.fmr, "--fmr"); err != nil {
			return nil, err
		}
	}
	if err := f.record.check(f.demo); err != nil {
		return nil, err
	}
	if f.dailyCalls < 0 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "--daily-calls", "must be 0 or more")
	}
	if f.publicOrigin != "" {
		origin, err := faceproof.ParseOrigin(f.publicOrigin, "--public-origin")
		if err != nil {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--public-origin", "must be https://host[:port] and nothing more")
		}
		f.publicOrigin = origin
	}
	var proxies []netip.Prefix
	for _, s := range f.proxies {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--trust-proxy", "must be an address range such as 10.0.0.0/8")
		}
		proxies = append(proxies, p)
	}
	return proxies, nil
}

// serve runs until ctx ends, then lets running requests finish.
func serve(ctx context.Context, g *globals, f serveFlags) error {
	log := newLog(g, f.verbose)
	proxies, err := f.check()
	if err != nil {
		return err
	}
	// The port first: a mistake shows before the models are loaded.
	ln, err := net.Listen("tcp", listenAddr(f, os.Getenv("PORT")))
	if err != nil {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--addr", Message: "cannot listen: " + err.Error(), Err: err}
	}
	defer ln.Close()
	ln = server.LimitListener(ln, f.limits.connections, proxies)
	hosts, err := f.allowedHosts(ln.Addr())
	if err != nil {
		return err
	}
	house, err := f.limits.open(f.maxCaptures, log)
	if err != nil {
		return err
	}
	b, err := openBackend(ctx, g, f.pack, f.liveness, f.digits, faceproof.Level(f.minLevel), f.fmr, f.limits.budget(f.personFailures), house, log)
	if err != nil {
		return err
	}
	defer b.close()
	stopWatching, err := f.limits.watch(house, b.verify, log)
	if err != nil {
		return err
	}
	defer stopWatching()
	f.audit.outgoing = f.edges
	signed, err := keepAudit(g, b, f.audit, log)
	if err != nil {
		return err
	}
	defer signed()
	compat, err := wechat.OpenCompat(filepath.Join(g.DataDir, compatFile), log)
	if err != nil {
		return err
	}
	denials := audit.NewDenials(b.store)
	api, err := wechat.New(wechat.Config{Denied: denials.Record, Compat: compat, Store: b.store, Verify: b.verify, Keys: b.keys, PublicOrigin: f.publicOrigin, Log: log,
		DailyCalls: f.dailyCalls, Calls: b.store, Digits: b.verify.ReadsDigits(), Now: house.clock.Now, Limited: house.meter.Limited})
	if err != nil {
		return err
	}
	c := server.Config{
		Denied:   denials.Record,
		Captures: b.verify, WeChat: api, WeChatPaths: wechat.Prefixes(), LimitedPaths: []string{wechat.SDKPrefix}, Web: web.FS(), Version: version,
		Ready: everySecond(func() error { return b.store.Ping(ctx) }), MaxCaptures: house.sockets(), Now: house.clock.Now, Limited: house.meter.Limited, TrustedProxies: proxies, Hosts: hosts, Log: log,
		AllowOrigin: func(r *http.Request, sessionID, origin string) bool {
			return b.allowOrigin(r, f.publicOrigin, sessionID, origin)
		},
	}
	desk := consentDesk(b.store, b.registry, b.verify.ForgetPictures, b.now)
	c.Consents, c.AppName = desk, b.appName
	defer keepWithdrawals(ctx, desk, log)()
	origin := originOf(f, ln.Addr())
	c.PublicOrigin = f.publicOrigin
	if c.Admin, err = openAdmin(ctx, g, b, f, origin, log); err != nil {
		return err
	}
	stopWebhooks, err := sendWebhooks(ctx, b, f.edges, log)
	if err != nil {
		return err
	}
	defer stopWebhooks()
	if f.demo {
		if c.Demo, err = openDemo(ctx, g, b); err != nil {
			return err
		}
		stop, err := f.record.open(ctx, g, b, c.Demo, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	h, err := server.New(c)
	if err != nil {
		return err
	}
	switch {
	case f.selfSigned:
		ln, err = selfSigned(g, ln)
	case f.files.cert != "":
		ln, err = f.files.listen(ln, log)
	case len(f.acme.hosts) > 0:
		ln, err = f.acme.listen(ctx, g.DataDir, ln, f.edges, log)
	}
	if err != nil {
		return err
	}
	greet(g, ln.Addr(), f, c, b)
	if !f.demo {
		if err := firstAdmin(ctx, g, c.Admin.Gate, origin); err != nil {
			return err
		}
	}
	return runServer(ctx, h, ln, b.verify, log)
}

// fault stands before the handler in a build that can be broken.
var fault func(http.Handler) http.Handler

// runServer serves and keeps house until ctx ends.
func runServer(ctx context.Context, h *server.Server, ln net.Listener, v *verify.Service, log *slog.Logger) error {
	srv := h.HTTPServer(ln.Addr().String())
	if failpoint.On && fault != nil {
		srv.Handler = fault(srv.Handler)
	}
	var house sync.WaitGroup
	keep, stopKeeping := context.WithCancel(ctx)
	house.Go(func() {
		if err := v.Run(keep); err != nil && keep.Err() == nil {
			log.Error("retention has stopped", "error", faceproof.LogText(err))
		}
	})
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	log.Info("stopping")
	wait, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	requests := make(chan error, 1)
	go func() { requests <- srv.Shutdown(wait) }() // no new request from here on
	captures := h.Shutdown(wait)                   // sockets are no longer srv's
	stopped := <-requests
	stopKeeping()
	house.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, captures, stopped)
}

// newLog logs to Err: a line of text, or with --json one of JSON.
func newLog(g *globals, verbose bool) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if verbose {
		o.Level = slog.LevelDebug
	}
	if g.JSON {
		return slog.New(slog.NewJSONHandler(g.Err, o))
	}
	return slog.New(slog.NewTextHandler(g.Err, o))
}

// everySecond remembers f's answer for a second: a probe writes to the
// database, and anybody may ask.
func everySecond(f func() error) func() error {
	var mu sync.Mutex
	var at time.Time
	var last error
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.Sub(at) > time.Second {
			last, at = f(), now
		}
		return last
	}
}

// allowOrigin says whether a page may open a session's socket. A session that
// is not there is let through: the socket then says so.
func (b *backend) allowOrigin(r *http.Request, publicOrigin, sessionID, origin string) bool {
	v, err := b.store.Verification(r.Context(), faceproof.VerificationKey{ID: sessionID})
	if err != nil {
		return faceproof.ErrorCode(err) == faceproof.CodeNotFound
	}
	app, _, err := b.store.App(r.Context(), v.AppID)
	return err == nil && wechat.OriginAllowed(r, publicOrigin, app, origin)
}

// greet says in both languages what to open next.
func greet(g *globals, addr net.Addr, f serveFlags, c server.Config, b *backend) {
	demo := c.Demo
	out := g.Out
	if g.JSON {
		out = io.Discard
	}
	urls := f.urls(addr)
	fmt.Fprintf(out, "\nFaceproof %s · %s · %s\n", version, b.engine.Pack().Title, dataOf(g))
	if w := b.engine.Pack().Warning; w.En != "" {
		fmt.Fprintf(out, "\n! %s\n! %s\n", w.Zh, w.En)
	}
	for _, w := range fmrWarnings(b.engine.Pack(), b.policy.MaxFMR) {
		fmt.Fprintf(out, "\n! %s\n! %s\n", w.Zh, w.En)
	}
	if web.Placeholder() {
		fmt.Fprintln(out, "\n! 浏览器 SDK 未构建，请先运行 make build\n! built without the browser SDK; run make build")
	}
	if c.Admin.TokenHash != nil {
		fmt.Fprintf(out, "\n管理接口的令牌在 · the admin API's token is in %s\n", filepath.Join(g.DataDir, adminFile))
	}
	if demo == nil {
		fmt.Fprintf(out, "\n服务已启动 · serving on %s\n\n", urls[0])
		return
	}
	fmt.Fprintln(out, "\n打开演示页面 · open the demo:")
	for _, u := range urls {
		fmt.Fprintf(out, "    %s/demo/\n", u)
	}
	if demo.Voices != nil {
		fmt.Fprintf(out, "录音页面 · collecting voices:\n    %s/record/\n", urls[len(urls)-1])
	}
	fmt.Fprintf(out, "演示应用 · demo app:\n    AppID      %s\n    AppSecret  %s\n", demo.AppID, demo.Secret.Reveal())
	if f.selfSigned {
		fmt.Fprintln(out, "自签名证书，浏览器会提示不安全，选择继续即可 · the certificate is self-made: let the browser go on")
	}
	if !loopback(addr) {
		fmt.Fprintln(out, "! 演示接口没有登录：能访问此地址的人都可以登记人脸，请勿在公网运行\n"+
			"! the demo has no log-in: whoever reaches this address may register a face; never run it on the open internet")
	}
	fmt.Fprintln(out)
}

func dataOf(g *globals) string { return "data in " + g.DataDir }

// loopback says whether only this machine can reach the address.
func loopback(addr net.Addr) bool {
	t, ok := addr.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// addresses are the URLs under which the server can be reached, localhost first.
func addresses(addr net.Addr, secure bool) []string {
	scheme := "http"
	if secure {
		scheme = "https"
	}
	t, ok := addr.(*net.TCPAddr)
	if !ok {
		return []string{scheme + "://" + addr.String()}
	}
	port := fmt.Sprint(t.Port)
	if !t.IP.IsUnspecified() && !t.IP.IsLoopback() {
		return []string{scheme + "://" + net.JoinHostPort(t.IP.String(), port)}
	}
	urls := []string{scheme + "://" + net.JoinHostPort("localhost", port)}
	if t.IP.IsUnspecified() && secure { // over plain HTTP another device gets no camera
		for _, ip := range lanAddresses() {
			urls = append(urls, scheme+"://"+net.JoinHostPort(ip.String(), port))
		}
	}
	return urls
}

// https says whether this process ends TLS under whatever name it is called by.
func (f serveFlags) https() bool { return f.selfSigned || f.files.cert != "" }

// selfSigned wraps the listener in TLS.
func selfSigned(g *globals, ln net.Listener) (net.Listener, error) {
	cert, err := ownCertificate(g.DataDir, time.Now())
	if err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}), nil
}

var _ wechat.Store = (*store.Store)(nil)
