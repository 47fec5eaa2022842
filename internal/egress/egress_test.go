package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
)

// addresses that must not be connected to, in the usual form. Public ones of
// the same shape are in TestPublic.
func specials() (out []string) {
	four := []string{
		"0.0.0.0", "0.0.0.1", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.64.0.1", "100.100.100.200", "100.127.255.255",
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.255.255",
		"172.16.0.1", "172.17.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.1.1",
		"192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "224.0.0.251", "239.255.255.250", "240.0.0.1", "255.255.255.255",
	}
	for _, a := range four {
		ip := netip.MustParseAddr(a)
		b := ip.As4()
		h1, h2 := binary.BigEndian.Uint16(b[:2]), binary.BigEndian.Uint16(b[2:])
		out = append(out, a,
			fmt.Sprintf("[::ffff:%s]", a), fmt.Sprintf("[::ffff:%x:%x]", h1, h2), // mapped
			fmt.Sprintf("[::%x:%x]", h1, h2),          // compatible
			fmt.Sprintf("[64:ff9b::%x:%x]", h1, h2),   // NAT64
			fmt.Sprintf("[2002:%x:%x::1]", h1, h2),    // 6to4
			fmt.Sprintf("[64:ff9b:1::%x:%x]", h1, h2), // NAT64 of a network
			fmt.Sprintf("[2400::5efe:%x:%x]", h1, h2)) // ISATAP
	}
	return append(out, "[::]", "[::1]", "[fe80::1]", "[fe80::a9fe:a9fe]", "[febf::1]", "[fc00::1]", "[fd00::1]", "[fd00:ec2::254]", "[fdff:ffff::1]", "[fec0::1]",
		"[ff02::1]", "[ff0e::1]", "[100::1]", "[2001::1]", "[2001:10::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[4000::1]", "[200::1]", "[e000::1]",
		"[::2]", "[::ffff:0:0]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:ffff:7f00:0001]")
}

// texts are other ways to write or to hide an address of this machine or of a
// metadata service, and URLs that are read in two ways.
func texts() []string {
	hosts := []string{
		"2130706433", "017700000001", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "127.1", "127.0.1", "127.0.0.1.", "127.000.000.001", "0127.0.0.1",
		"00000177.0.0.1", "0", "0.0", "0x0", "00", "2852039166", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
		"425.510.425.510", "4294967296", "18446744071545159681", "127.0.0.1%00", "127.0.0.1%20", "127.0.0.1%2f", "①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1",
		"[::1%25lo]", "[fe80::1%25eth0]", "[::ffff:127.0.0.1%25lo]", "localhost", "LOCALHOST", "localhost.", "loc\u00adalhost", "ⓛocalhost", "a_b\u2028.example",
		"rebind.test", "two.test", "alias.test", "mapped.test", "private.test", "meta.test", "v6.test", "[::]", "[0::1]",
	}
	var out []string
	for _, h := range hosts {
		out = append(out, "https://"+h+":PORT/")
	}
	for _, scheme := range []string{"http", "HTTP", "ftp", "file", "gopher", "dict", "ws", "wss", "unix", "ldap", "jar", "data", "javascript", "netdoc", ""} {
		out = append(out, scheme+"://127.0.0.1:PORT/")
	}
	return append(out, "https:127.0.0.1:PORT", "https:/127.0.0.1:PORT/", "https:///127.0.0.1:PORT/", "//127.0.0.1:PORT/", `https:\\127.0.0.1:PORT\`, `https://public.test\@127.0.0.1:PORT/`,
		"https://public.test@127.0.0.1:PORT/", "https://public.test:80@127.0.0.1:PORT/", "https://public.test#@127.0.0.1:PORT/", "https://public.test%23@127.0.0.1:PORT/",
		"https://127.0.0.1:PORT#.public.test/", "https://127.0.0.1:PORT?.public.test/", "https://127.0.0.1:PORT;public.test/", "https://127.0.0.1 :PORT/", "https://127.0.0.1\t:PORT/",
		"https://127.0.0.1:PORT/\r\nHost: public.test", "https://127.0.0.1:0PORT/", "https://127.0.0.1:/", "https://[127.0.0.1]:PORT/", "https://:PORT/", "https://", "", "PORT", "file:///etc/passwd")
}

// payloads are URLs; PORT stands where the test's own server listens.
func payloads() (out []string) {
	for _, a := range specials() {
		out = append(out, "https://"+a+":PORT/")
	}
	return append(out, texts()...)
}

// world counts what reaches loopback, and what a dialer would have connected to.
type world struct {
	server    *httptest.Server
	port      string
	hits      atomic.Int64 // connections that the servers took
	mu        sync.Mutex
	connected []netip.AddrPort // addresses that the dialer was let through to
	asked     atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{}
	w.server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			w.hits.Add(1)
		}
	}
	w.server.Config.ErrorLog = nil
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	_, w.port, _ = net.SplitHostPort(w.server.Listener.Addr().String())
	return w
}

// note remembers an address, and connects to this machine alone.
func (w *world) note(a netip.AddrPort) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connected = append(w.connected, a)
	if a.Addr().Unmap().IsLoopback() {
		return nil
	}
	return errors.New("the test does not leave this machine")
}

func (w *world) transport() *http.Transport {
	t := w.server.Client().Transport.(*http.Transport).Clone()
	t.TLSClientConfig.InsecureSkipVerify = true
	t.DisableKeepAlives = true
	return t
}

// resolver answers like a name server of an attacker.
func (w *world) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		a, b := net.Pipe()
		go w.dns(b)
		return a, nil
	}}
}

var names = map[string][]string{
	"two.test.": {"93.184.216.34", "127.0.0.1"}, "mapped.test.": {"::ffff:127.0.0.1"}, "private.test.": {"10.0.0.1", "192.168.1.1"},
	"meta.test.": {"169.254.169.254", "fd00:ec2::254"}, "v6.test.": {"::1"}, "alias.test.": {"127.0.0.1"}, "public.test.": {"93.184.216.34"},
}

// dns serves one stream of DNS over TCP (the resolver takes net.Pipe for one):
// RFC 1035, one question, A and AAAA.
func (w *world) dns(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	head := make([]byte, 2)
	for {
		if _, err := readFull(c, head); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := readFull(c, q); err != nil || len(q) < 17 {
			return
		}
		name, i := "", 12
		for q[i] != 0 {
			name += string(q[i+1:i+1+int(q[i])]) + "."
			i += 1 + int(q[i])
		}
		kind := binary.BigEndian.Uint16(q[i+1:])
		question := q[12 : i+5]
		list := names[strings.ToLower(name)]
		if name == "rebind.test." {
			list = []string{"93.184.216.34"}
			if kind == 1 && w.asked.Add(1)%2 == 0 {
				list = []string{"127.0.0.1"}
			}
		}
		var answers []byte
		n := 0
		for _, s := range list {
			ip := netip.MustParseAddr(s)
			data := ip.AsSlice()
			if (kind == 1) != (len(data) == 4) {
				continue
			}
			answers = append(answers, 0xc0, 12, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
			answers = append(answers, data...)
			n++
		}
		m := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, byte(n), 0, 0, 0, 0}, question...)
		m = append(m, answers...)
		if _, err := c.Write(append([]byte{byte(len(m) >> 8), byte(len(m))}, m...)); err != nil {
			return
		}
	}
}

func readFull(c net.Conn, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = c.Read(b[n:])
		n += m
	}
	return n, err
}

// try asks a client for a payload, as a webhook would.
func (w *world) try(c *http.Client, payload string) error {
	payload = strings.ReplaceAll(payload, "PORT", w.port)
	u, err := url.Parse(payload)
	if err != nil {
		return err
	}
	resp, err := c.Do(&http.Request{Method: http.MethodPost, URL: u, Header: http.Header{}})
	if err != nil {
		return err
	}
	resp.Body.Close()
	return nil
}

// No payload makes the client connect; a plain dialer is led to this machine and
// to the metadata service by the same list.
func TestSSRF(t *testing.T) {
	list := payloads()
	if len(list) < 300 {
		t.Fatalf("%d payloads", len(list))
	}
	w := newWorld(t)
	safe := New(Config{Transport: w.transport(), resolver: w.resolver(), passed: w.note})
	for _, p := range list {
		if err := w.try(safe, p); err == nil {
			t.Errorf("%q was answered", p)
		}
	}
	for _, a := range w.connected {
		if a.Addr() != netip.MustParseAddr("93.184.216.34") { // rebind.test and two.test have a public address too
			t.Errorf("let through to %v", a)
		}
	}
	if n := w.hits.Load(); n != 0 {
		t.Errorf("%d connects", n)
	}

	plain := newWorld(t)
	naive := plain.transport()
	naive.DialContext = (&net.Dialer{Resolver: plain.resolver(), Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			a = netip.AddrPortFrom(netip.IPv6Loopback(), 0) // ":port" is this machine
		}
		return plain.note(a)
	}}).DialContext
	led := map[netip.Addr]bool{}
	for _, p := range list {
		_ = plain.try(&http.Client{Transport: naive, Timeout: 5 * time.Second}, p)
	}
	for _, a := range plain.connected {
		led[a.Addr().Unmap()] = true
	}
	if plain.hits.Load() < 10 || !led[netip.MustParseAddr("169.254.169.254")] || len(led) < 40 {
		t.Errorf("the plain dialer: %d connects to this machine, %d addresses; the test shows nothing", plain.hits.Load(), len(led))
	}
	acceptance.Record(t, acceptance.Row{Area: "SSRF", N: len(list), Failures: int(w.hits.Load()), Result: fmt.Sprintf("%d payloads, %d connections; a plain dialer made %d to this machine by the same list and was led to %d special addresses",
		len(list), w.hits.Load(), plain.hits.Load(), len(led))})
	t.Logf("%d payloads: %d connects; a plain dialer: %d to this machine, led to %d special addresses", len(list), w.hits.Load(), plain.hits.Load(), len(led))
}

// A name server that changes its mind is asked 1,000 times.
func TestRebinding(t *testing.T) {
	const tries = 1000
	w := newWorld(t)
	c := New(Config{Transport: w.transport(), resolver: w.resolver(), passed: w.note})
	for range tries {
		if w.try(c, "https://rebind.test:PORT/") == nil {
			t.Fatal("answered")
		}
	}
	for _, a := range w.connected {
		if a.Addr().IsLoopback() {
			t.Errorf("let through to %v", a)
		}
	}
	if w.hits.Load() != 0 || len(w.connected) == 0 || len(w.connected) == tries {
		t.Errorf("%d connects, %d of %d were public", w.hits.Load(), len(w.connected), tries)
	}
	acceptance.Record(t, acceptance.Row{Area: "SSRF", N: tries, Failures: int(w.hits.Load()), Result: fmt.Sprintf("%d rebindings, %d of them to this machine's address: %d connections", tries, tries-len(w.connected), w.hits.Load())})
	t.Logf("%d tries, %d answered with this machine's address: %d connects", tries, tries-len(w.connected), w.hits.Load())
}

// A public server that redirects is not followed, and its answer is seen as it is.
func TestNoRedirect(t *testing.T) {
	inner := newWorld(t)
	for _, code := range []int{301, 302, 303, 307, 308} {
		outer := httptest.NewTLSServer(http.RedirectHandler(inner.server.URL, code))
		c := New(Config{Transport: outer.Client().Transport.(*http.Transport).Clone(), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		resp, err := c.Post(outer.URL, "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != code {
			t.Errorf("%d became %d", code, resp.StatusCode)
		}
		outer.Close()
	}
	if inner.hits.Load() != 0 {
		t.Error("followed")
	}
}

// The operator's list opens its networks and no others.
func TestAllow(t *testing.T) {
	w := newWorld(t)
	for allow, want := range map[string]bool{"127.0.0.1/32": true, "127.0.0.0/8": true, "10.0.0.0/8": false, "127.0.0.2/32": false} {
		c := New(Config{Transport: w.transport(), Allow: []netip.Prefix{netip.MustParsePrefix(allow)}})
		err := w.try(c, "https://127.0.0.1:PORT/")
		if (err == nil) != want || err != nil && !Refused(err) {
			t.Errorf("%s: %v", allow, err)
		}
		if mapped := w.try(c, "https://[::ffff:127.0.0.1]:PORT/"); (mapped == nil) != want {
			t.Errorf("%s, mapped: %v", allow, mapped)
		}
	}
	if err := w.try(New(Config{Transport: w.transport(), Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}), "http://127.0.0.1:PORT/"); !Refused(err) {
		t.Errorf("http: %v", err)
	}
}

func TestPublic(t *testing.T) {
	for _, a := range []string{"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255",
		"172.32.0.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2400:3200::1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"} {
		if why := Special(netip.MustParseAddr(a)); why != "" {
			t.Errorf("%s: %s", a, why)
		}
	}
	// The standard library's own classes, over addresses drawn at random.
	r := rand.New(rand.NewPCG(1, 28))
	for range 100_000 {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], r.Uint64())
		binary.BigEndian.PutUint64(b[8:], r.Uint64())
		for _, a := range []netip.Addr{netip.AddrFrom4([4]byte(b[:4])), netip.AddrFrom16(b)} {
			if (a.IsPrivate() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsUnspecified() || !a.IsGlobalUnicast()) && Special(a) == "" {
				t.Errorf("%s passes", a)
			}
		}
	}
}

func TestCheckURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://Hooks.Example.org/a?b=c": "https://hooks.example.org/a?b=c", "https://hooks.example:8443": "https://hooks.example:8443", "https://xn--fiq228c.example/": "https://xn--fiq228c.example/",
		"https://[2400:3200::1]/": "https://[2400:3200::1]/", "https://10.1.2.3/in": "https://10.1.2.3/in",
	} {
		if got, err := CheckURL(in, "webhook"); err != nil || got != want {
			t.Errorf("%s: %q %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "x", "http://a.example/", "https://", "https://u:p@a.example/", "https://a.example/#x", "https://2130706433/", "https://0x7f.1/", "https://a.example\r\n/",
		"https://例子.example/", "https://a.example/" + strings.Repeat("x", MaxURL), "https://[fe80::1%25eth0]/", "https://a b/", "https:a.example"} {
		_, err := CheckURL(bad, "webhook")
		var e *faceproof.Error
		if !errors.As(err, &e) || e.Code != faceproof.CodeInvalid || e.Field != "webhook" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, p := range texts() {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		out, err := CheckURL(raw, "url")
		if err != nil {
			return
		}
		again, err := CheckURL(out, "url")
		u, parse := url.Parse(out)
		if err != nil || again != out || parse != nil || u.Scheme != "https" || u.User != nil || u.Hostname() == "" {
			t.Errorf("%q is kept as %q: %v", raw, out, err)
		}
	})
}
