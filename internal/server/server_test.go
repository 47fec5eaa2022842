package server

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"
)

func TestHealthz(t *testing.T) {
	f := newFixture(t)
	resp, body := f.do("GET", "/healthz", "")
	if resp.StatusCode != 200 || strings.TrimSpace(body) != `{"status":"ok","version":"test"}` {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	f.ready = errors.New("the disk at /secret/path is full")
	resp, body = f.do("GET", "/healthz", "")
	if resp.StatusCode != 503 || strings.Contains(body, "secret") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Every answer carries the headers that bind a browser; a page also the ones
// that bind the camera.
func TestSecurityHeaders(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/healthz", "/nothing", "/demo/", "/sdk/faceproof.js", "/cgi-bin/token", "/v1/sdk/config"} {
		resp, _ := f.do("GET", path, "")
		csp := resp.Header.Get("Content-Security-Policy")
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "no-referrer" ||
			!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	resp, _ := f.do("GET", "/demo/", "")
	csp := resp.Header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "script-src 'self';") || !strings.Contains(resp.Header.Get("Permissions-Policy"), "camera=(self), microphone=(self), ") {
		t.Errorf("%v", resp.Header)
	}
	if resp, _ = f.do("GET", "/demo/", "", "Host", "a;script-src *"); strings.Contains(resp.Header.Get("Content-Security-Policy"), "script-src *") {
		t.Error("the Host header gets into the policy")
	}
}

func TestAssets(t *testing.T) {
	f := newFixture(t)
	resp, body := f.do("GET", "/sdk/faceproof.js", "", "Accept-Encoding", "gzip, br")
	if resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Content-Encoding") != "gzip" ||
		resp.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(body))
	check(t, err)
	plain, err := io.ReadAll(z)
	check(t, err)
	if !bytes.Equal(plain, testAssets["faceproof.js"].Data) {
		t.Error("the zipped script differs")
	}
	if again, _ := f.do("GET", "/sdk/faceproof.js", "", "Accept-Encoding", "gzip", "If-None-Match", resp.Header.Get("Etag")); again.StatusCode != 304 {
		t.Errorf("asked again: %d", again.StatusCode)
	}
	if plain, body := f.do("GET", "/sdk/faceproof.js", ""); plain.Header.Get("Content-Encoding") != "" || body != string(testAssets["faceproof.js"].Data) ||
		plain.Header.Get("Etag") == resp.Header.Get("Etag") {
		t.Error("the plain script differs, or shares its tag with the zipped one")
	}
	for path, status := range map[string]int{"/": 302, "/demo/": 200, "/demo/demo.css": 200, "/demo": 301, "/demo/none.js": 404, "/demo/../placeholder.txt": 301,
		"/placeholder.txt": 404, "/demo/%2e%2e/placeholder.txt": 404, "/sdk/": 404, "/sdk/faceproof.mjs": 200, "/sdk/faceproof-sound.js": 200, "/sdk/faceproof.d.ts": 200} {
		if resp, _ := f.do("GET", path, ""); resp.StatusCode != status && !(status == 301 && resp.StatusCode == 307) {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, status)
		}
	}
	empty := newFixture(t, func(c *Config) { c.Web = fstest.MapFS{"placeholder.txt": {}} })
	for _, path := range []string{"/demo/", "/sdk/faceproof.js", "/sdk/faceproof-sound.js"} {
		if resp, body := empty.do("GET", path, ""); resp.StatusCode != 503 || !strings.Contains(body, "make build") {
			t.Errorf("%s without assets: %d %s", path, resp.StatusCode, body)
		}
	}
	none := newFixture(t, func(c *Config) { c.Demo = nil })
	for _, path := range []string{"/", "/demo/", "/demo/api/config"} {
		if resp, _ := none.do("POST", path, "{}"); resp.StatusCode != 404 && resp.StatusCode != 405 {
			t.Errorf("%s without the demo: %d", path, resp.StatusCode)
		}
	}
}

func TestDemoRegister(t *testing.T) {
	f := newFixture(t)
	picture := base64.StdEncoding.EncodeToString([]byte("\xff\xd8\xffgood"))
	pictures := func(n int, one string) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = one
		}
		return out
	}
	bad := pictures(5, picture)
	bad[2] = base64.StdEncoding.EncodeToString([]byte("\xff\xd8\xffbad"))
	cases := []struct {
		name   string
		body   any
		status int
		field  string
		says   string
	}{
		{"good", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(5, picture)}, 200, "", `"frames":5`},
		{"again, as data URLs", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(10, "data:image/jpeg;base64,"+picture)}, 200, "", `"frames":10`},
		{"too few", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(4, picture)}, 400, "frames", "5 to 10"},
		{"too many", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(11, picture)}, 400, "frames", "5 to 10"},
		{"no name", map[string]any{"idCardNumber": testNumber, "frames": pictures(5, picture)}, 400, "name", "empty"},
		{"bad number", map[string]any{"name": testName, "idCardNumber": "990000199003070030", "frames": pictures(5, picture)}, 400, "idCardNumber", "check character"},
		{"no Base64", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(5, "***")}, 400, "frames", "Base64"},
		{"large picture", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(5, strings.Repeat("A", 800<<10))}, 400, "frames", "bytes"},
		{"large body", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": pictures(5, strings.Repeat("A", 2<<20))}, 400, "body", "bytes"},
		{"shut eyes", map[string]any{"name": testName, "idCardNumber": testNumber, "frames": bad}, 400, "frames", "eyes"},
		{"wrong type", map[string]any{"name": 5}, 400, "name", "type"},
		{"unknown member", map[string]any{"names": ""}, 400, "body", "known members"},
	}
	for _, c := range cases {
		b, err := json.Marshal(c.body)
		check(t, err)
		resp, text := f.do("POST", "/demo/api/register", string(b), "Content-Type", "application/json")
		var e errorAnswer
		_ = json.Unmarshal([]byte(text), &e)
		if resp.StatusCode != c.status || e.Field != c.field || !strings.Contains(text, c.says) || strings.Contains(text, testName) {
			t.Errorf("%s: %d %s", c.name, resp.StatusCode, text)
		}
	}
}

// The demo signs for its own pages only, and pages of other sites can't use it.
func TestDemoIsForItsOwnPages(t *testing.T) {
	f := newFixture(t)
	for _, page := range []string{"https://evil.example/demo/", f.url + "/other/", "", "::", f.url + "@evil.example/demo/"} {
		if s := f.post("/demo/api/config", map[string]string{"url": page}, nil); s != 400 {
			t.Errorf("signed for %q: %d", page, s)
		}
	}
	for _, path := range []string{"config", "register", "redeem", "verifyid", "query"} {
		resp, _ := f.do("POST", "/demo/api/"+path, "{}", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if resp.StatusCode != 403 {
			t.Errorf("%s from another site: %d", path, resp.StatusCode)
		}
	}
	if s := f.post("/demo/api/query", map[string]string{"verifyId": "x"}, nil); s != 404 {
		t.Errorf("an order that is not the demo's: %d", s)
	}
}

// No log line holds a person, a token or a query string.
func TestLogsHoldNoSecrets(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	page := f.pageToken()
	s := f.start1(testNumber)
	result := f.connect(s).run()
	credential := result["verify_result"].(string)
	f.info(credential)
	f.do("GET", "/cgi-bin/token?grant_type=client_credential&appid="+string(demoID)+"&secret="+testSecret, "")
	f.do("GET", "/nothing/"+testNumber+"?q="+testNumber, "")
	f.do(testNumber, "/healthz", "")
	log := f.log.String()
	if !strings.Contains(log, `"route":"/cgi-bin/token"`) && !strings.Contains(log, `"route":"/cgi-bin/"`) {
		t.Fatalf("requests are not logged: %s", log)
	}
	for name, secret := range map[string]string{"name": testName, "number": testNumber, "page token": page, "capture token": s.Token,
		"verify_result": credential, "secret": testSecret, "query": "grant_type", "name in JSON": `\u53e4`,
		"base64": base64.StdEncoding.EncodeToString([]byte(testNumber))[:20]} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds the %s", name)
		}
	}
}

// A handler that panics answers 500 without details, and the log does not
// quote the panic's value.
func TestPanic(t *testing.T) {
	f := newFixture(t, func(c *Config) {
		c.WeChat = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("token of " + testName) })
		c.Demo = nil
	})
	resp, body := f.do("GET", "/cgi-bin/token", "")
	var e errorAnswer
	check(t, json.Unmarshal([]byte(body), &e))
	if resp.StatusCode != 500 || e.Code != "internal" || strings.Contains(body+f.log.String(), testName) {
		t.Errorf("%d %s\n%s", resp.StatusCode, body, f.log.String())
	}
	if !strings.Contains(f.log.String(), "server_test.go") {
		t.Error("the log does not say where")
	}
}

// What has no log-in answers to names of this machine and to those it was
// given, so that no foreign name that points here reaches it.
func TestHosts(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Hosts = []string{"face.example", "192.0.2.7"} })
	for _, h := range []string{"localhost", "LocalHost.:8080", "app.localhost:1", "127.0.0.1:8080", "127.9.9.9", "[::1]:8080", "[::1]", "[::ffff:127.0.0.1]:8080", "face.example", "Face.Example:443", "192.0.2.7:80"} {
		if resp, body := f.do("GET", "/demo/", "", "Host", h); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", h, resp.StatusCode, body)
		}
	}
	for _, h := range []string{"evil.example", "face.example.evil.example", "evil.face.example", "localhost.evil.example", "notlocalhost", "127.0.0.1.evil.example", "192.0.2.8", "[2001:db8::1]:80", "0.0.0.0", "2130706433"} {
		for _, path := range []string{"/demo/", "/demo/api/config", "/cgi-bin/token", "/v1/sdk/config", "/v1/capture", "/healthz", "/v1/admin/categories"} {
			resp, body := f.do("GET", path, "", "Host", h)
			if resp.StatusCode != 403 || !strings.Contains(body, "serve --host") || strings.Contains(body, h) {
				t.Errorf("%s %s: %d %s", h, path, resp.StatusCode, body)
			}
		}
	}
	any := newFixture(t)
	if resp, _ := any.do("GET", "/demo/", "", "Host", "any.example"); resp.StatusCode != 200 {
		t.Errorf("without a list: %d", resp.StatusCode)
	}
}

func TestClientIP(t *testing.T) {
	f := newFixture(t)
	f.server.cfg.TrustedProxies = append(f.server.cfg.TrustedProxies, netip.MustParsePrefix("10.0.0.0/8"))
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "203.0.113.9", "192.0.2.1"}, // not a proxy of ours
		{"127.0.0.1:5", "203.0.113.9", "203.0.113.9"},
		{"10.1.1.1:5", "6.6.6.6, 203.0.113.9, 10.2.2.2", "203.0.113.9"}, // the leftmost is anyone's claim
		{"127.0.0.1:5", "nonsense", "127.0.0.1"},
		{"127.0.0.1:5", "", "127.0.0.1"},
		{"[::1]:5", "2001:db8::5", "2001:db8::5"},
		{"[::ffff:192.0.2.1]:5", "", "192.0.2.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := f.server.clientIP(r).String(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if network(netip.MustParseAddr("2001:db8::5")) != network(netip.MustParseAddr("2001:db8::6:7")) {
		t.Error("one subscriber's IPv6 addresses count apart")
	}
}

func TestHTTPServerHasTimeouts(t *testing.T) {
	f := newFixture(t)
	s := f.server.HTTPServer(":0")
	if s.ReadHeaderTimeout == 0 || s.ReadHeaderTimeout > 5e9 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("%+v", s)
	}
}

// One address can't flood what browsers call; another is not held up by it,
// and the business servers' paths are not counted.
func TestRateLimit(t *testing.T) {
	f := newFixture(t)
	call := func(path, ip string) int {
		resp, body := f.do("POST", path, "{}", "X-Forwarded-For", ip, "Origin", "https://shop.example")
		if resp.StatusCode == 429 && (!strings.Contains(body, "rate_limited") || resp.Header.Get("Access-Control-Allow-Origin") == "") {
			t.Errorf("a page can't read why: %s", body)
		}
		return resp.StatusCode
	}
	for range callsAtOnce {
		if s := call("/v1/sdk/config", "203.0.113.9"); s != 400 {
			t.Fatalf("%d within the limit", s)
		}
	}
	if s := call("/v1/sdk/config", "203.0.113.9"); s != 429 {
		t.Errorf("above the limit: %d", s)
	}
	if a, b := call("/v1/sdk/config", "203.0.113.10"), call("/cgi-bin/token", "203.0.113.9"); a != 400 || b != 200 {
		t.Errorf("another address %d, a business server %d", a, b)
	}
	f.now.Add(1000)
	if s := call("/v1/sdk/config", "203.0.113.9"); s != 400 {
		t.Errorf("a second later: %d", s)
	}
}
