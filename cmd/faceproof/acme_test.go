package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
)

// testCA is an ACME server of one account and one order at a time (RFC 8555),
// which really looks at tls-alpn-01 (RFC 8737) at the address target.
type testCA struct {
	*httptest.Server
	t      *testing.T
	target string
	key    *ecdsa.PrivateKey
	root   *x509.Certificate

	mu      sync.Mutex
	down    bool
	paths   []string // that were asked for
	agreed  bool     // to the terms
	contact []string
	print   string // thumbprint of the account's key
	name    string // of the order
	looked  bool   // whether the server was looked at for the order
	valid   bool   // and what was seen
	chain   []byte // its certificate
}

func newTestCA(t *testing.T) *testCA {
	ca := &testCA{t: t}
	ca.key, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, ca.key.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	ca.root, _ = x509.ParseCertificate(der)
	ca.Server = httptest.NewTLSServer(http.HandlerFunc(ca.answer))
	t.Cleanup(ca.Close)
	return ca
}

// transport trusts the CA's own port.
func (ca *testCA) transport() *http.Transport {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate())
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
}

func (ca *testCA) flags(hosts ...string) acmeFlags {
	return acmeFlags{hosts: hosts, directory: ca.URL + "/directory", email: "ops@face.example.org", accept: true, base: ca.transport(), retry: 20 * time.Millisecond}
}

func (ca *testCA) answer(w http.ResponseWriter, r *http.Request) {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	ca.paths = append(ca.paths, r.URL.Path)
	w.Header().Set("Replay-Nonce", rand.Text())
	if ca.down {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"type":"urn:ietf:params:acme:error:unauthorized","detail":"closed today, ops@face.example.org"}`))
		return
	}
	var jws struct{ Protected, Payload string }
	var head struct {
		JWK struct{ Crv, Kty, X, Y string }
	}
	var body struct {
		TermsOfServiceAgreed bool
		Contact              []string
		Identifiers          []struct{ Value string }
		CSR                  string
	}
	if r.Method == "POST" {
		_ = json.NewDecoder(r.Body).Decode(&jws)
		protected, _ := base64.RawURLEncoding.DecodeString(jws.Protected)
		payload, _ := base64.RawURLEncoding.DecodeString(jws.Payload)
		_ = json.Unmarshal(protected, &head)
		_ = json.Unmarshal(payload, &body)
	}
	status, out := 200, any(nil)
	switch r.URL.Path {
	case "/directory":
		out = map[string]any{"newNonce": ca.URL + "/nonce", "newAccount": ca.URL + "/account", "newOrder": ca.URL + "/order", "revokeCert": ca.URL + "/revoke", "keyChange": ca.URL + "/key",
			"meta": map[string]string{"termsOfService": ca.URL + "/terms"}}
	case "/nonce":
	case "/account":
		ca.agreed, ca.contact = body.TermsOfServiceAgreed, body.Contact
		sum := sha256.Sum256([]byte(`{"crv":"` + head.JWK.Crv + `","kty":"` + head.JWK.Kty + `","x":"` + head.JWK.X + `","y":"` + head.JWK.Y + `"}`)) // RFC 7638
		ca.print = base64.RawURLEncoding.EncodeToString(sum[:])
		w.Header().Set("Location", ca.URL+"/account/1")
		status, out = 201, map[string]string{"status": "valid"}
	case "/order":
		ca.name, ca.looked, ca.valid, ca.chain = body.Identifiers[0].Value, false, false, nil
		status, out = 201, ca.order()
	case "/order/1":
		out = ca.order()
	case "/authz/1":
		out = ca.authz()
	case "/challenge/1":
		ca.looked, ca.valid = true, ca.look()
		out = ca.authz()["challenges"].([]any)[0]
	case "/finalize/1":
		ca.sign(body.CSR)
		out = ca.order()
	case "/cert/1":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(ca.chain)
		return
	default:
		status, out = 404, map[string]string{"detail": "no such path"}
	}
	w.Header().Set("Content-Type", "application/json")
	if strings.HasPrefix(r.URL.Path, "/order") || strings.HasPrefix(r.URL.Path, "/finalize") {
		w.Header().Set("Location", ca.URL+"/order/1")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(out)
}

const challengeToken = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

func (ca *testCA) order() map[string]any {
	status := map[[2]bool]string{{false, false}: "pending", {true, false}: "ready", {true, true}: "valid"}[[2]bool{ca.valid, ca.chain != nil}]
	return map[string]any{"status": status, "identifiers": []any{map[string]string{"type": "dns", "value": ca.name}},
		"authorizations": []string{ca.URL + "/authz/1"}, "finalize": ca.URL + "/finalize/1", "certificate": ca.URL + "/cert/1"}
}

func (ca *testCA) authz() map[string]any {
	status := map[[2]bool]string{{false, false}: "pending", {true, false}: "invalid", {true, true}: "valid"}[[2]bool{ca.looked, ca.valid}]
	return map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": ca.name},
		"challenges": []any{map[string]string{"type": "tls-alpn-01", "status": status, "url": ca.URL + "/challenge/1", "token": challengeToken}}}
}

// look is the validation of RFC 8737, section 3.
func (ca *testCA) look() bool {
	c, err := tls.Dial("tcp", ca.target, &tls.Config{ServerName: ca.name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true})
	if err != nil {
		return false
	}
	defer c.Close()
	state := c.ConnectionState()
	leaf := state.PeerCertificates[0]
	if state.NegotiatedProtocol != acme.ALPNProto || len(leaf.DNSNames) != 1 || leaf.DNSNames[0] != ca.name {
		return false
	}
	want := sha256.Sum256([]byte(challengeToken + "." + ca.print))
	for _, e := range leaf.Extensions {
		var got []byte
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical {
			_, err := asn1.Unmarshal(e.Value, &got)
			return err == nil && bytes.Equal(got, want[:])
		}
	}
	return false
}

func (ca *testCA) sign(csr string) {
	der, _ := base64.RawURLEncoding.DecodeString(csr)
	req, err := x509.ParseCertificateRequest(der)
	if err != nil || req.CheckSignature() != nil || !ca.valid || len(req.DNSNames) != 1 || req.DNSNames[0] != ca.name {
		ca.t.Errorf("finalize: %v, valid %v", err, ca.valid)
		return
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: req.DNSNames, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca.root, req.PublicKey, ca.key); err != nil {
		ca.t.Error(err)
		return
	}
	ca.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// asked says which paths were asked for since the last call.
func (ca *testCA) asked() []string {
	ca.mu.Lock()
	defer ca.mu.Unlock()
	out := ca.paths
	ca.paths = nil
	return out
}

func (ca *testCA) setDown(down bool) { ca.mu.Lock(); ca.down = down; ca.mu.Unlock() }

// acmeServer serves behind --acme and gives its address and its log.
func acmeServer(t *testing.T, dir string, f acmeFlags, target func(addr string)) (addr string, log *output) {
	t.Helper()
	if err := f.check(false); err != nil {
		t.Fatal(err)
	}
	log = &output{}
	ctx, cancel := context.WithCancel(t.Context())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String()
	target(addr)
	if ln, err = f.listen(ctx, dir, ln, edgeFlags{outgoing: []string{"127.0.0.0/8"}}, slog.New(slog.NewTextHandler(log, nil))); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { cancel(); _ = srv.Close() })
	return addr, log
}

// greetACME makes a handshake as a browser does.
func (ca *testCA) greetACME(addr, name string) (*x509.Certificate, error) {
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	c, err := tls.Dial("tcp", addr, &tls.Config{ServerName: name, RootCAs: pool, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

func (ca *testCA) aim(addr string) { ca.mu.Lock(); ca.target = addr; ca.mu.Unlock() }

// A certificate is asked for and shown; another start needs no CA; no other name
// gets anything, and none is asked for.
func TestACME(t *testing.T) {
	ca, dir := newTestCA(t), t.TempDir()
	const host = "face.example.org"
	addr, log := acmeServer(t, dir, ca.flags("Face.Example.org.", "two.example.org"), ca.aim)
	var first *x509.Certificate
	for _, name := range []string{"two.example.org", host} {
		leaf, err := ca.greetACME(addr, name)
		if err != nil || leaf.VerifyHostname(name) != nil || leaf.CheckSignatureFrom(ca.root) != nil {
			t.Fatalf("%s: %v\n%s\n%v", name, err, log, ca.asked())
		}
		first = leaf
	}
	ca.mu.Lock()
	if !ca.agreed || len(ca.contact) != 1 || ca.contact[0] != "mailto:ops@face.example.org" {
		t.Errorf("the account: %v %v", ca.agreed, ca.contact)
	}
	ca.mu.Unlock()
	asked := len(ca.asked())
	for _, name := range []string{"evil.example.org", "www." + host, "example.org"} {
		if _, err := ca.greetACME(addr, name); err == nil {
			t.Errorf("%s: a certificate", name)
		}
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{ServerName: host, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1")
	}
	if _, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}); err == nil { // an address: no name is sent
		t.Error("a certificate for no name")
	}
	for _, p := range ca.asked() {
		if p != "/authz/1" && p != "/nonce" { // what is left of the orders is looked at once more
			t.Errorf("a handshake made the server ask %s (%d before)", p, asked)
		}
	}
	_ = filepath.WalkDir(filepath.Join(dir, "tls"), func(path string, d fs.DirEntry, _ error) error {
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
		return nil
	})

	f := ca.flags(host)
	ca.Close()
	addr, log = acmeServer(t, dir, f, ca.aim)
	if leaf, err := ca.greetACME(addr, host); err != nil || !leaf.Equal(first) {
		t.Errorf("the second start: %v\n%s", err, log)
	}
}

// A CA that refuses leaves the server up without a certificate; the log says
// why, and the certificate comes when the CA is back.
func TestACMEDown(t *testing.T) {
	ca := newTestCA(t)
	ca.setDown(true)
	addr, log := acmeServer(t, t.TempDir(), ca.flags("face.example.org"), ca.aim)
	if _, err := ca.greetACME(addr, "face.example.org"); err == nil {
		t.Fatal("a certificate of nobody")
	}
	for _, want := range []string{"no certificate", "host=face.example.org", "closed today", "(--acme-email)"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log.String(), "ops@") {
		t.Errorf("the log has the address:\n%s", log)
	}
	ca.setDown(false)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := ca.greetACME(addr, "face.example.org"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatalf("%v\n%s", err, log)
		}
	}
}

// What stands between the CA and this server is said: another server at the
// name's port, a CA in the own network that was not allowed, no CA at all.
func TestACMEReasons(t *testing.T) {
	other := httptest.NewTLSServer(http.NotFoundHandler())
	other.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	defer other.Close()
	ca := newTestCA(t)
	reason := func(f acmeFlags, e edgeFlags) string {
		t.Helper()
		if err := f.check(false); err != nil {
			t.Fatal(err)
		}
		log := &output{}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		f.retry = time.Hour
		if _, err := f.listen(ctx, t.TempDir(), ln, e, slog.New(slog.NewTextHandler(log, nil))); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(5 * time.Second); log.String() == "" && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		return log.String()
	}
	here := edgeFlags{outgoing: []string{"127.0.0.0/8"}}
	ca.aim(other.Listener.Addr().String())
	if got := reason(ca.flags("face.example.org"), here); !strings.Contains(got, "port 443 of the name must lead to this server") {
		t.Error(got)
	}
	if got := reason(ca.flags("face.example.org"), edgeFlags{}); !strings.Contains(got, "--allow-outgoing") {
		t.Error(got)
	}
	begun := 0
	for _, p := range ca.asked() {
		if p == "/directory" {
			begun++
		}
	}
	if begun != 1 {
		t.Errorf("the CA was reached %d times, once too often or never", begun)
	}
	f := ca.flags("face.example.org")
	ca.Close()
	if got := reason(f, here); !strings.Contains(got, "connection refused") {
		t.Error(got)
	}
}

func TestACMEFlags(t *testing.T) {
	good := func() acmeFlags { return acmeFlags{hosts: []string{"face.example.org"}, accept: true} }
	f := good()
	if err := f.check(false); err != nil || f.directory != "https://acme-v02.api.letsencrypt.org/directory" {
		t.Errorf("%v %s", err, f.directory)
	}
	f.directory = "https://acme-staging-v02.api.letsencrypt.org/directory"
	trial, err := f.folder(t.TempDir())
	if real, err2 := good().folder(t.TempDir()); err != nil || err2 != nil || filepath.Base(trial) == filepath.Base(real) {
		t.Errorf("two CAs share a folder: %v %v", err, err2)
	}
	for name, c := range map[string]struct {
		change     func(*acmeFlags)
		selfSigned bool
		want       string
	}{
		"terms":       {func(f *acmeFlags) { f.accept = false }, false, "invalid: --acme-accept-terms: is needed by --acme"},
		"self-signed": {func(*acmeFlags) {}, true, "--acme: and --tls-self-signed exclude each other"},
		"alone":       {func(f *acmeFlags) { f.hosts = nil }, false, "--acme: is needed by the other --acme flags"},
		"many":        {func(f *acmeFlags) { f.hosts = make([]string, maxACMEHosts+1) }, false, "--acme: must be at most"},
		"email":       {func(f *acmeFlags) { f.email = "Ops <ops@example.org>" }, false, "invalid: --acme-email"},
		"directory":   {func(f *acmeFlags) { f.directory = "http://ca.example.org" }, false, "invalid: --acme-directory: must begin with https://"},
	} {
		f := good()
		c.change(&f)
		if err := f.check(c.selfSigned); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, h := range []string{"", "localhost", "192.0.2.1", "[::1]", "2001:db8::1", "face.example.org:443", "https://face.example.org", "*.example.org", "人脸.example.org", "-a.example", "a..b", "1.2.3", "../x.org", strings.Repeat("a", 64) + ".org"} {
		f := acmeFlags{hosts: []string{h}, accept: true}
		if err := f.check(false); err == nil || !strings.Contains(err.Error(), "invalid: --acme: must be a host name") {
			t.Errorf("%q: %v", h, err)
		}
	}
}

// A folder that can't be made is an error at start, and a renewal that does not
// come is seen in time.
func TestACMEFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tls"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (acmeFlags{directory: "https://ca.example.org/d"}).listen(t.Context(), dir, nil, edgeFlags{}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "unavailable: --acme") {
		t.Error(err)
	}
	from := time.Now()
	until := from.Add(90 * 24 * time.Hour)
	for day, want := range map[int]bool{0: false, 60: false, 74: false, 76: true, 91: true} {
		if overdue(from, until, from.Add(time.Duration(day)*24*time.Hour)) != want {
			t.Errorf("day %d", day)
		}
	}
}

// The server as it is started: under the CA's certificate, to that name alone.
func TestServeACME(t *testing.T) {
	dir, ca := installedModels(t), newTestCA(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	ca.aim(addr)
	const host = "face.example.org"
	out := &output{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, &globals{DataDir: dir, Out: out, Err: out}, serveFlags{addr: addr, acme: ca.flags(host), edges: edgeFlags{outgoing: []string{"127.0.0.0/8"}}})
	}()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), "msg=certificate"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(out)
		}
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.root)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}}
	for asked, want := range map[string]int{host: 200, "other.example.org": 403} {
		r, _ := http.NewRequest("GET", "https://"+host+"/healthz", nil)
		r.Host = asked
		resp, err := client.Do(r)
		if err != nil || resp.StatusCode != want || resp.ProtoMajor != 2 {
			t.Fatalf("%s: %v %v", asked, resp, err)
		}
		resp.Body.Close()
	}
	for _, want := range []string{"serving on https://" + host + "\n", "https://" + host + "/admin/#invite="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said in\n%s", want, out)
		}
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
