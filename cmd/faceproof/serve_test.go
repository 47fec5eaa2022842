package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/modelpack"
)

// installedModels copies nothing: it gives a fresh data folder that shares the
// models which make models has installed, or skips.
func installedModels(t *testing.T) string {
	t.Helper()
	from := os.Getenv("FACEPROOF_DATA")
	if from == "" {
		from = filepath.Join("..", "..", defaultDataDir)
	}
	from, err := filepath.Abs(from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := modelpack.Load(from, ""); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no models in %s: %v", from, err)
		}
		t.Skipf("no models are installed in %s (make models): %v", from, err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(from, "models"), filepath.Join(dir, "models")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// output is written by the server and read by the test.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer
	most int // bytes that are kept, the first ones; 0: all
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.most > 0 && o.b.Len() > o.most {
		return len(p), nil
	}
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

var demoURL = regexp.MustCompile(`https?://localhost:\d+`)

// start runs serve on a free port; the function given stops it and gives its error.
func start(t *testing.T, dir string, f serveFlags) (url string, out *output, stop func() error) {
	t.Helper()
	out = &output{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, &globals{DataDir: dir, Out: out, Err: out}, f) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	for range 1200 {
		if url = demoURL.FindString(out.String()); url != "" {
			return url, out, stop
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("serve ended: %v\n%s", err, out)
		case <-time.After(25 * time.Millisecond):
		}
	}
	t.Fatalf("serve did not come up:\n%s", out)
	return "", nil, nil
}

// The demo comes up, says what to open, keeps its app over a restart, and ends
// when it is told to.
func TestServeDemo(t *testing.T) {
	dir := installedModels(t)
	url, out, stop := start(t, dir, serveFlags{addr: "localhost:0", demo: true})
	resp, err := http.Get(url + "/healthz")
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("healthz: %v %v", resp, err)
	}
	resp.Body.Close()
	var first demoSecret
	data, err := os.ReadFile(filepath.Join(dir, demoFile))
	if err != nil || json.Unmarshal(data, &first) != nil {
		t.Fatalf("%v %s", err, data)
	}
	if info, _ := os.Stat(filepath.Join(dir, demoFile)); info.Mode().Perm() != 0o600 {
		t.Errorf("the secret's file has mode %v", info.Mode())
	}
	for _, want := range []string{url + "/demo/", string(first.AppID), first.AppSecret, "打开演示页面", "open the demo"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said in\n%s", want, out)
		}
	}
	// A page whose name was made to point here gets nothing.
	r, _ := http.NewRequest("GET", url+"/demo/", nil)
	r.Host = "evil.example"
	if resp, err = http.DefaultClient.Do(r); err != nil || resp.StatusCode != 403 {
		t.Fatalf("another host: %v %v", resp, err)
	}
	resp.Body.Close()
	resp, err = http.Get(url + "/cgi-bin/token?grant_type=client_credential&appid=" + string(first.AppID) + "&secret=" + first.AppSecret)
	if err != nil {
		t.Fatal(err)
	}
	var token struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil || token.Token == "" {
		t.Errorf("the demo's secret gives no token: %v", err)
	}
	resp.Body.Close()
	if err := stop(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	_, _, stop = start(t, dir, serveFlags{addr: "localhost:0", demo: true})
	data, _ = os.ReadFile(filepath.Join(dir, demoFile))
	var second demoSecret
	if err := json.Unmarshal(data, &second); err != nil || second != first {
		t.Error("the second start made another app")
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestServeTLS(t *testing.T) {
	dir := installedModels(t)
	url, _, _ := start(t, dir, serveFlags{addr: "localhost:0", selfSigned: true})
	pem, err := os.ReadFile(filepath.Join(dir, certificateFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	resp, err := client.Get(url + "/healthz")
	if err != nil || resp.StatusCode != 200 || !strings.HasPrefix(url, "https://") {
		t.Fatalf("%s: %v %v", url, resp, err)
	}
	resp.Body.Close()
}

func TestServeRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		flags serveFlags
		field string
	}{
		"origin":    {serveFlags{publicOrigin: "face.example"}, "--public-origin"},
		"path":      {serveFlags{publicOrigin: "https://face.example/a"}, "--public-origin"},
		"proxy":     {serveFlags{proxies: []string{"10.0.0.1"}}, "--trust-proxy"},
		"addr":      {serveFlags{addr: "localhost:99999"}, "--addr"},
		"liveness":  {serveFlags{liveness: "lax"}, "--liveness"},
		"level":     {serveFlags{minLevel: "high"}, "--min-level"},
		"host":      {serveFlags{addr: "localhost:0", hosts: []string{"https://face.example"}}, "--host"},
		"no models": {serveFlags{addr: "localhost:0"}, "pack"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		err := serve(t.Context(), &globals{DataDir: dir, Out: &output{}, Err: &output{}}, c.flags)
		if err == nil || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: a data folder was made", name)
		}
	}
}

func TestListenAddr(t *testing.T) {
	for _, c := range []struct {
		flags      serveFlags
		port, want string
	}{
		{serveFlags{}, "", "localhost:8080"},
		{serveFlags{}, "9000", "localhost:9000"},
		{serveFlags{addr: ":7"}, "9000", ":7"},
		{serveFlags{selfSigned: true}, "9000", ":9000"},
		{serveFlags{acme: acmeFlags{hosts: []string{"face.example"}}}, "", ":443"},
		{serveFlags{acme: acmeFlags{hosts: []string{"face.example"}}}, "9000", ":9000"},
	} {
		if got := listenAddr(c.flags, c.port); got != c.want {
			t.Errorf("%+v %s: %s", c.flags, c.port, got)
		}
	}
}

func TestAllowedHosts(t *testing.T) {
	local, all := &net.TCPAddr{IP: net.IPv6loopback}, &net.TCPAddr{IP: net.IPv6unspecified}
	for _, c := range []struct {
		flags serveFlags
		addr  net.Addr
		want  string // of the list; nil is any name
	}{
		{serveFlags{}, local, "any"},
		{serveFlags{publicOrigin: "https://face.example"}, local, "any"},
		{serveFlags{demo: true}, all, "any"},
		{serveFlags{demo: true}, local, "[]"},
		{serveFlags{demo: true, publicOrigin: "https://face.example:8443"}, local, "[face.example]"},
		{serveFlags{demo: true, hosts: []string{"Demo.Example.", "192.0.2.1"}}, local, "[demo.example 192.0.2.1]"},
		{serveFlags{hosts: []string{"face.example"}}, all, "[face.example]"},
		{serveFlags{hosts: []string{"b.example"}, acme: acmeFlags{hosts: []string{"a.example"}}}, all, "[a.example b.example]"},
	} {
		hosts, err := c.flags.allowedHosts(c.addr)
		got := fmt.Sprint(hosts)
		if hosts == nil {
			got = "any"
		}
		if err != nil || got != c.want {
			t.Errorf("%+v at %s: %s, %v", c.flags, c.addr, got, err)
		}
	}
	for _, h := range []string{"", " ", "https://face.example", "face.example:443", "*.example", "a/b", "[::1]"} {
		if _, err := (serveFlags{hosts: []string{h}}).allowedHosts(all); err == nil || !strings.Contains(err.Error(), "--host") {
			t.Errorf("%q: %v", h, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8080} }
	if got := addresses(at("127.0.0.1"), false); len(got) != 1 || got[0] != "http://localhost:8080" {
		t.Error(got)
	}
	if got := addresses(at("192.0.2.1"), true); got[0] != "https://192.0.2.1:8080" {
		t.Error(got)
	}
	if got := addresses(at("::"), true); got[0] != "https://localhost:8080" || len(got) != 1+len(lanAddresses()) {
		t.Error(got)
	}
	if !loopback(at("127.0.0.1")) || loopback(at("::")) || loopback(at("192.0.2.1")) {
		t.Error("loopback")
	}
}

// The certificate is kept while it fits, and made anew when it does not.
func TestOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	first, err := ownCertificate(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, certificateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	leaf, err := x509.ParseCertificate(first.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, ips()...) {
		if err := leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	again, err := ownCertificate(dir, now.Add(300*24*time.Hour))
	if err != nil || !bytes.Equal(again.Certificate[0], first.Certificate[0]) {
		t.Errorf("not kept: %v", err)
	}
	later, err := ownCertificate(dir, now.Add(364*24*time.Hour+time.Hour))
	if err != nil || bytes.Equal(later.Certificate[0], first.Certificate[0]) {
		t.Errorf("not renewed: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, certificateFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ownCertificate(dir, now); err != nil {
		t.Error(err)
	}
}

func ips() (out []string) {
	for _, ip := range lanAddresses() {
		out = append(out, ip.String())
	}
	return out
}

// The demo's app shows a complete notice and hands out no face image.
func TestDemoApp(t *testing.T) {
	a := demoApp()
	if a.Notice.Missing() != "" || a.Has(faceproof.PermGetImage) || a.Alive == faceproof.AliveDigits {
		t.Errorf("%+v", a)
	}
	if err := checkApp(&a); err != nil {
		t.Error(err)
	}
}

// Mistakes of the caller end with 2, and compare's answers are its own.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want int
		err  string
	}{
		{[]string{"version"}, 0, ""},
		{[]string{"--help"}, 0, ""},
		{nil, 0, ""},
		{[]string{"nothing"}, 2, "unknown command"},
		{[]string{"serve", "--nothing"}, 2, "unknown flag"},
		{[]string{"serve", "extra"}, 2, "unknown command"},
		{[]string{"compare", "a"}, 2, "arg"},
	} {
		var out, errOut bytes.Buffer
		args := append([]string{"--data", filepath.Join(t.TempDir(), "none")}, c.args...)
		if got := run(args, &out, &errOut); got != c.want || !strings.Contains(errOut.String(), c.err) {
			t.Errorf("%v: %d %s", c.args, got, errOut.String())
		}
	}
}
