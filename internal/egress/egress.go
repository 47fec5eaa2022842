// Package egress makes the connections that leave this server for an address
// that an app or a setting names: webhooks, identity providers. Such an address
// is somebody else's text, and a server that follows it blindly is a door into
// its own network (SSRF, security.md T28).
//
// The text of a URL is checked for its form only. What decides is the address
// that the socket is about to be connected to, after the name was resolved: a
// name that resolves to another address the second time (DNS rebinding), a
// number in octal or an IPv4 address inside an IPv6 one is that address by then.
package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"faceproof"
)

// MaxURL bounds a URL in bytes.
const MaxURL = 1024

// Config of a client.
type Config struct {
	// Allow lists the operator's own networks that may be reached although they
	// are not public: a provider in the same data centre. Nil: none.
	Allow []netip.Prefix
	// Timeout bounds one request from the look-up to the last byte. Default 10 s.
	Timeout time.Duration
	// Transport is changed into the safe one before its first use: its TLS
	// settings are kept, its dialers and proxy are not. Nil: the usual one.
	Transport *http.Transport

	resolver *net.Resolver              // tests: a name server that lies
	passed   func(netip.AddrPort) error // tests: an address that was let through
}

// errRefused is the cause of every refusal here.
var errRefused = errors.New("egress: refused")

// Refused says whether a request failed because its target is not allowed, so
// that trying again is of no use.
func Refused(err error) bool { return errors.Is(err, errRefused) }

// New makes a client that speaks HTTPS to public addresses and to those of
// Allow, follows no redirect (the answer 3xx is the answer), sends no cookie and
// uses no proxy of the environment.
func New(c Config) *http.Client {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	t := c.Transport
	if t == nil {
		t = &http.Transport{MaxIdleConns: 16, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: true}
	}
	d := &net.Dialer{Timeout: 5 * time.Second, Resolver: c.resolver, Control: c.control}
	t.Proxy, t.DialTLSContext = nil, nil
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if network != "tcp" && network != "tcp4" && network != "tcp6" {
			return nil, refuse("network")
		}
		return d.DialContext(ctx, network, addr)
	}
	t.MaxResponseHeaderBytes = 16 << 10
	return &http.Client{
		Timeout:       c.Timeout,
		Transport:     httpsOnly{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// httpsOnly refuses what CheckURL would, whoever built the request.
type httpsOnly struct{ next http.RoundTripper }

func (h httpsOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkURL(r.URL, "url"); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, errors.Join(err, errRefused)
	}
	return h.next.RoundTrip(r)
}

func (h httpsOnly) CloseIdleConnections() {
	if t, ok := h.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

// control is asked by the dialer for each address of a name, once the name is
// resolved and before anything is sent.
func (c Config) control(network, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("address")
	}
	if !slices.ContainsFunc(c.Allow, func(p netip.Prefix) bool { return p.Contains(to.Addr().Unmap().WithZone("")) }) {
		if why := Special(to.Addr()); why != "" {
			return refuse(why)
		}
	}
	if c.passed != nil {
		return c.passed(to)
	}
	return nil
}

func refuse(why string) error {
	return &faceproof.Error{Code: faceproof.CodeForbidden, Field: "url", Message: "the address is not public: " + why, Err: errRefused}
}

// CheckURL gives the URL as it is kept: https, a host, and neither a user, nor a
// fragment. It says nothing about where the host is; that is decided when it is
// dialled. Errors: CodeInvalid with field.
func CheckURL(raw, field string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > MaxURL || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return "", faceproof.Errorf(faceproof.CodeInvalid, field, "must be a URL of at most %d printable ASCII characters", MaxURL)
	}
	if err := checkURL(u, field); err != nil {
		return "", err
	}
	u.Host = strings.ToLower(u.Host)
	return u.String(), nil
}

func checkURL(u *url.URL, field string) error {
	switch {
	case u.Scheme != "https":
		return faceproof.Errorf(faceproof.CodeInvalid, field, "must begin with https://")
	case u.Opaque != "" || u.Hostname() == "":
		return faceproof.Errorf(faceproof.CodeInvalid, field, "must name a host")
	case u.User != nil:
		return faceproof.Errorf(faceproof.CodeInvalid, field, "must not hold a user or password")
	case u.Fragment != "":
		return faceproof.Errorf(faceproof.CodeInvalid, field, "must not have a fragment")
	}
	host := strings.TrimSuffix(u.Hostname(), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		if strings.Contains(host, "%") {
			return faceproof.Errorf(faceproof.CodeInvalid, field, "must not name a network interface")
		}
		return nil
	}
	// A resolver of the C library reads 0x7f.1, 0177.1 and 2130706433 as
	// addresses; no name of the public DNS ends with a number.
	if last := host[strings.LastIndexByte(host, '.')+1:]; last == "" || last[0] >= '0' && last[0] <= '9' {
		return faceproof.Errorf(faceproof.CodeInvalid, field, "must name a host by its name, or by its address in the usual form")
	}
	for _, r := range host {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' || r == '_') {
			return faceproof.Errorf(faceproof.CodeInvalid, field, "must name a host in ASCII (punycode for other scripts)")
		}
	}
	return nil
}
