package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"faceproof"
	"faceproof/internal/egress"
)

const (
	// acmeFolder of the data folder keeps account keys and certificates, apart
	// for each directory: those of a trial are not shown to the public.
	acmeFolder = "tls/acme"
	// acmePort is where a CA looks for the answer to tls-alpn-01 (RFC 8737, 3).
	acmePort = "443"
	// maxACMEHosts bounds --acme; a certificate and a goroutine each.
	maxACMEHosts = 50
	// acmeFirstRetry and acmeLastRetry bound the wait after a failure, doubled
	// each time: a public CA forgives five failures of a name in an hour.
	acmeFirstRetry, acmeLastRetry = 10 * time.Minute, 4 * time.Hour
	// acmeHandshake is how long a handshake waits for the first answer of the CA;
	// the server gives it 5 s in all.
	acmeHandshake = 4 * time.Second
	// acmeWatch is how often a certificate is looked at that should have been renewed.
	acmeWatch = 6 * time.Hour
	// maxACMEAnswer bounds an answer of the CA in bytes.
	maxACMEAnswer = 1 << 20
)

// acmeFlags are those of `serve` that let a CA sign this server's certificates
// (ACME, RFC 8555, by tls-alpn-01 alone, RFC 8737).
type acmeFlags struct {
	hosts            []string
	email, directory string
	accept           bool // the CA's terms

	base  *http.Transport // tests: one that knows the CA's own certificate
	retry time.Duration   // tests: instead of acmeFirstRetry
}

func (a *acmeFlags) add(f *pflag.FlagSet) {
	f.StringSliceVar(&a.hosts, "acme", nil, "host name for which a CA is asked for a certificate (ACME); serves HTTPS, and port 443 of that name must lead here;\n"+
		"counts as --host; may be repeated (default: none, and no CA is asked)")
	f.BoolVar(&a.accept, "acme-accept-terms", false, "you accept the CA's terms of service; needed by --acme")
	f.StringVar(&a.directory, "acme-directory", "", "the CA's directory, https://…; one in your own network needs --allow-outgoing (default Let's Encrypt's)")
	f.StringVar(&a.email, "acme-email", "", "address that the CA may write to (default: none)")
}

// check refuses flags that can't be meant and fills in what is left out.
func (a *acmeFlags) check(selfSigned bool) (err error) {
	if len(a.hosts) == 0 {
		if a.email+a.directory != "" || a.accept {
			return faceproof.Errorf(faceproof.CodeInvalid, "--acme", "is needed by the other --acme flags")
		}
		return nil
	}
	if selfSigned {
		return faceproof.Errorf(faceproof.CodeInvalid, "--acme", "and --tls-self-signed exclude each other: a certificate is either a CA's or made here")
	}
	if len(a.hosts) > maxACMEHosts {
		return faceproof.Errorf(faceproof.CodeInvalid, "--acme", "must be at most %d names", maxACMEHosts)
	}
	hosts := make([]string, 0, len(a.hosts))
	for _, h := range a.hosts {
		h = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(h), "."))
		if !publicName(h) {
			return faceproof.Errorf(faceproof.CodeInvalid, "--acme", "must be a host name such as face.example.org, in ASCII, without scheme, port and wildcard, and no address")
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	a.hosts = hosts
	if a.email != "" {
		if m, err := mail.ParseAddress(a.email); err != nil || m.Address != a.email || len(a.email) > 254 {
			return faceproof.Errorf(faceproof.CodeInvalid, "--acme-email", "must be an e-mail address")
		}
	}
	if a.directory == "" {
		a.directory = autocert.DefaultACMEDirectory
	}
	if a.directory, err = egress.CheckURL(a.directory, "--acme-directory"); err != nil {
		return err
	}
	if !a.accept {
		return faceproof.Errorf(faceproof.CodeInvalid, "--acme-accept-terms", "is needed by --acme: read the terms of service that the CA names in its directory, %s, and say that you accept them", a.directory)
	}
	return nil
}

// publicName says whether a CA could be asked for the name: labels of letters,
// digits and hyphens, two at least, the last one no number.
func publicName(name string) bool {
	labels := strings.Split(name, ".")
	if _, err := netip.ParseAddr(name); err == nil || len(name) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	return last[0] < '0' || last[0] > '9'
}

// listen wraps the listener in TLS with the CA's certificates, which it begins
// to ask for where the data folder has none. The CA is asked in the background
// and never because of a handshake: whoever connects can't use up what the CA
// allows. Ends with ctx.
func (a acmeFlags) listen(ctx context.Context, dataDir string, ln net.Listener, e edgeFlags, log *slog.Logger) (net.Listener, error) {
	allow, err := e.prefixes()
	if err != nil {
		return nil, err
	}
	folder, err := a.folder(dataDir)
	if err != nil {
		return nil, err
	}
	if a.retry == 0 {
		a.retry = acmeFirstRetry
	}
	client := egress.New(egress.Config{Allow: allow, Transport: a.base})
	client.Transport = boundedAnswers{client.Transport}
	s := &acmeSite{flags: a, client: client, cache: autocert.DirCache(folder), log: log, hosts: map[string]*acmeHost{}}
	for _, name := range a.hosts {
		h := &acmeHost{name: name, tried: make(chan struct{}), ready: make(chan struct{})}
		h.manager.Store(s.newManager(name))
		s.hosts[name] = h
	}
	for _, h := range s.hosts {
		go s.keep(ctx, h)
	}
	return tls.NewListener(ln, &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1", acme.ALPNProto}}), nil
}

// urls are those of the server, the one to tell people first. A CA looks at
// port 443 of a name, so that is where the names of --acme are served, whatever
// the port is here.
func (f serveFlags) urls(addr net.Addr) (out []string) {
	for _, h := range f.acme.hosts {
		out = append(out, "https://"+h)
	}
	if out == nil {
		out = addresses(addr, f.https())
	}
	return out
}

// folder makes the place for what this CA gives.
func (a acmeFlags) folder(dataDir string) (string, error) {
	u, err := url.Parse(a.directory)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(a.directory)) // a CA may have several directories
	path := filepath.Join(dataDir, filepath.FromSlash(acmeFolder))
	folder := filepath.Join(path, strings.NewReplacer(":", "_", "[", "", "]", "").Replace(u.Host)+"-"+hex.EncodeToString(sum[:4]))
	if err = os.MkdirAll(folder, 0o700); err == nil {
		err = errors.Join(os.Chmod(path, 0o700), os.Chmod(folder, 0o700))
	}
	if err != nil {
		return "", &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--acme", Message: "the folder for certificates cannot be made: " + err.Error(), Err: err}
	}
	return folder, nil
}

// acmeSite has the certificates of the names of --acme.
type acmeSite struct {
	flags  acmeFlags
	client *http.Client
	cache  autocert.DirCache
	log    *slog.Logger
	hosts  map[string]*acmeHost
	asking sync.Mutex // one name at a time, so that the first ones share an account
}

// acmeHost is one name. Its manager is another after each failure: one keeps
// its failures for a minute.
type acmeHost struct {
	name    string
	manager atomic.Pointer[autocert.Manager]
	tried   chan struct{} // closed once the first answer is there, good or bad
	ready   chan struct{} // closed, before tried, once there is a certificate
}

func (s *acmeSite) newManager(name string) *autocert.Manager {
	return &autocert.Manager{
		Prompt: func(string) bool { return s.flags.accept }, Cache: s.cache, HostPolicy: autocert.HostWhitelist(name), Email: s.flags.email,
		Client: &acme.Client{DirectoryURL: s.flags.directory, HTTPClient: s.client, UserAgent: "faceproof/" + version,
			RetryBackoff: func(n int, _ *http.Request, _ *http.Response) time.Duration {
				if n > 3 {
					return 0 // no more; keep asks again later
				}
				return time.Duration(n) * time.Second
			}},
	}
}

// ask gives the certificate of memory or of the folder, or has one made.
func (s *acmeSite) ask(ctx context.Context, h *acmeHost) (*tls.Certificate, error) {
	if _, err := s.cache.Get(ctx, h.name); err != nil {
		s.asking.Lock()
		defer s.asking.Unlock()
	}
	return h.manager.Load().GetCertificate(helloOf(h.name))
}

// helloOf is the greeting of a client that takes ECDSA, as all do: a second
// certificate for others would be asked for whenever one of them comes by.
func helloOf(name string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: name, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

// keep gets the certificate of a name, and then says when its renewal, which
// the manager does by itself, is overdue.
func (s *acmeSite) keep(ctx context.Context, h *acmeHost) {
	tried := sync.OnceFunc(func() { close(h.tried) })
	for wait := s.flags.retry; ; wait = min(2*wait, acmeLastRetry) {
		cert, err := s.ask(ctx, h)
		if err == nil {
			s.log.Info("certificate", "host", h.name, "until", cert.Leaf.NotAfter.UTC().Format(time.DateTime))
			close(h.ready)
			tried()
			break
		}
		s.log.Warn("no certificate", "host", h.name, "error", faceproof.LogText(s.why(err)), "again_in", wait.String())
		h.manager.Store(s.newManager(h.name))
		tried()
		if !sleep(ctx, wait) {
			return
		}
	}
	for sleep(ctx, acmeWatch) {
		if cert, err := s.ask(ctx, h); err == nil && overdue(cert.Leaf.NotBefore, cert.Leaf.NotAfter, time.Now()) {
			s.log.Warn("certificate was not renewed", "host", h.name, "until", cert.Leaf.NotAfter.UTC().Format(time.DateTime))
		}
	}
}

// overdue says whether less than a sixth of the life is left; the manager
// renews at a third, or 30 days before the end.
func overdue(from, until, now time.Time) bool { return until.Sub(now) < until.Sub(from)/6 }

// sleep says whether ctx is still there after d.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// why is the error as the log may have it: no address of a person, a bounded
// text, and what to do where that is known.
func (s *acmeSite) why(err error) error {
	text := err.Error()
	switch {
	case egress.Refused(err):
		text = "the CA is not at a public address; if it is your own: --allow-outgoing"
	case strings.Contains(text, "no viable challenge type"):
		text = "the CA did not confirm tls-alpn-01: port " + acmePort + " of the name must lead to this server, past any proxy that ends TLS"
	}
	if s.flags.email != "" {
		text = strings.ReplaceAll(text, s.flags.email, "(--acme-email)")
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "") + "…"
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "--acme", Message: text, Err: err}
}

var (
	errACMEName  = errors.New("no name of --acme is asked for")
	errACMENoYet = errors.New("there is no certificate for this name yet; the log says why")
)

// certificate answers a handshake.
func (s *acmeSite) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	h := s.hosts[strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))]
	if h == nil {
		return nil, errACMEName
	}
	if only := []string{acme.ALPNProto}; slices.Equal(hello.SupportedProtos, only) { // the CA looks
		return h.manager.Load().GetCertificate(&tls.ClientHelloInfo{ServerName: h.name, SupportedProtos: only})
	}
	select {
	case <-h.tried:
	case <-hello.Context().Done():
	case <-time.After(acmeHandshake):
	}
	select {
	case <-h.ready:
		return h.manager.Load().GetCertificate(helloOf(h.name))
	default:
		return nil, errACMENoYet
	}
}

// boundedAnswers cuts what a CA sends at maxACMEAnswer.
type boundedAnswers struct{ next http.RoundTripper }

func (b boundedAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxACMEAnswer), resp.Body}
	}
	return resp, err
}
