package main

import (
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"faceproof"
)

const (
	// maxCertificate bounds each of the files, in bytes: a chain is a few kB.
	maxCertificate = 1 << 20
	// certificateLook is how often the files are looked at again, at most.
	certificateLook = 10 * time.Second
)

// certFlags are those of `serve` that name a certificate of the operator's own.
type certFlags struct{ cert, key string }

func (c *certFlags) add(f *pflag.FlagSet) {
	f.StringVar(&c.cert, "tls-cert", "", "serve HTTPS with the certificate of this PEM file, the chain behind it; read again when the file changes")
	f.StringVar(&c.key, "tls-key", "", "PEM file with the key of --tls-cert")
}

// check refuses flags that can't be meant.
func (c certFlags) check(selfSigned bool, acmeHosts int) error {
	switch {
	case c == certFlags{}:
		return nil
	case c.cert == "":
		return faceproof.Errorf(faceproof.CodeInvalid, "--tls-cert", "is needed by --tls-key")
	case c.key == "":
		return faceproof.Errorf(faceproof.CodeInvalid, "--tls-key", "is needed by --tls-cert")
	case selfSigned || acmeHosts > 0:
		return faceproof.Errorf(faceproof.CodeInvalid, "--tls-cert", "excludes --tls-self-signed and --acme: a certificate is yours, made here or a CA's")
	}
	return nil
}

// listen wraps the listener in TLS. A certificate that was replaced is used
// within certificateLook, without a restart; one that can't be read is told of,
// and the last good one stays. Errors: CodeInvalid with the flag.
func (c certFlags) listen(ln net.Listener, log *slog.Logger) (net.Listener, error) {
	s := &certSite{flags: c, log: log, now: time.Now, seen: c.state(), looked: time.Now()}
	var err error
	if s.current, err = c.load(); err != nil {
		return nil, err
	}
	return tls.NewListener(ln, &tls.Config{GetCertificate: s.certificate, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}), nil
}

func (c certFlags) load() (*tls.Certificate, error) {
	bad := func(flag, why string) error { return faceproof.Errorf(faceproof.CodeInvalid, flag, "%s", why) }
	chain, err := readBounded(c.cert, maxCertificate)
	if err != nil {
		return nil, bad("--tls-cert", "must be a PEM file that this user may read")
	}
	key, err := readBounded(c.key, maxCertificate)
	if err != nil {
		return nil, bad("--tls-key", "must be a PEM file that this user may read")
	}
	cert, err := tls.X509KeyPair(chain, key)
	if err != nil {
		// The library's text may quote what is in the files.
		return nil, bad("--tls-cert", "and --tls-key are no certificate and its key, both as PEM, the key without a password")
	}
	return &cert, nil
}

// fileState changes when a file is replaced.
type fileState struct {
	at   time.Time
	size int64
}

func (c certFlags) state() (out [2]fileState) {
	for i, path := range []string{c.cert, c.key} {
		if info, err := os.Stat(path); err == nil {
			out[i] = fileState{info.ModTime(), info.Size()}
		}
	}
	return out
}

// certSite has the certificate that is shown now.
type certSite struct {
	flags certFlags
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]fileState // of current, or of what could not be read
	looked  time.Time
}

// certificate answers a handshake.
func (s *certSite) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if now.Sub(s.looked).Abs() < certificateLook {
		return s.current, nil
	}
	s.looked = now
	state := s.flags.state()
	if state == s.seen {
		return s.current, nil
	}
	s.seen = state
	cert, err := s.flags.load()
	if err != nil {
		s.log.Warn("the new certificate cannot be used; the old one stays", "error", faceproof.LogText(err))
		return s.current, nil
	}
	s.current = cert
	s.log.Info("certificate", "until", cert.Leaf.NotAfter.UTC().Format(time.DateTime))
	return cert, nil
}
