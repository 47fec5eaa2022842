package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// madeCertificate writes a certificate with its key into a file, and gives both.
func madeCertificate(t *testing.T, path string) []byte {
	t.Helper()
	data, err := makeCertificate(time.Now())
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestServeCertificate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.pem")
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(madeCertificate(t, path))
	url, _, _ := start(t, installedModels(t), serveFlags{addr: "localhost:0", files: certFlags{path, path}})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Get(url + "/healthz")
	if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(url, "https://") {
		t.Fatalf("%s: %v %v", url, resp, err)
	}
	resp.Body.Close()
}

// A certificate that is replaced is shown without a restart; a bad one is not,
// and the log says so once.
func TestCertificateIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.pem")
	madeCertificate(t, path)
	flags := certFlags{path, path}
	var log bytes.Buffer
	now := time.Now()
	s := &certSite{flags: flags, log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now }, seen: flags.state(), looked: now}
	first, err := flags.load()
	if err != nil {
		t.Fatal(err)
	}
	s.current = first
	shown := func(after time.Duration) *tls.Certificate {
		t.Helper()
		now = now.Add(after)
		cert, err := s.certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	if shown(time.Minute) != first {
		t.Error("read again without a change")
	}
	if err := os.WriteFile(path, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown(time.Second) != first || shown(time.Minute) != first || shown(time.Minute) != first || strings.Count(log.String(), "cannot be used") != 1 {
		t.Error(log.String())
	}
	madeCertificate(t, path)
	if shown(time.Second) != first {
		t.Error("looked at too often")
	}
	if second := shown(time.Minute); bytes.Equal(second.Certificate[0], first.Certificate[0]) {
		t.Error("the new certificate is not shown")
	}
}

func TestCertificateFlags(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.pem")
	madeCertificate(t, good)
	other := filepath.Join(dir, "other.pem")
	madeCertificate(t, other)
	text := filepath.Join(dir, "text")
	large := filepath.Join(dir, "large")
	for path, size := range map[string]int{text: 10, large: maxCertificate + 1} {
		if err := os.WriteFile(path, bytes.Repeat([]byte("s"), size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		flags      certFlags
		selfSigned bool
		acme       int
		want       string
	}{
		{certFlags{"", good}, false, 0, "--tls-cert"},
		{certFlags{good, ""}, false, 0, "--tls-key"},
		{certFlags{good, good}, true, 0, "excludes"},
		{certFlags{good, good}, false, 1, "excludes"},
		{certFlags{filepath.Join(dir, "none"), good}, false, 0, "--tls-cert"},
		{certFlags{good, dir}, false, 0, "--tls-key"},
		{certFlags{large, good}, false, 0, "--tls-cert"},
		{certFlags{text, good}, false, 0, "no certificate and its key"},
		{certFlags{good, other}, false, 0, "no certificate and its key"},
	} {
		err := c.flags.check(c.selfSigned, c.acme)
		if err == nil {
			_, err = c.flags.load()
		}
		if err == nil || !strings.HasPrefix(err.Error(), "invalid: --tls-") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), dir) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
