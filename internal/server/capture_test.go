package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"faceproof/internal/capture"
)

// info is getinfo's answer through the demo's backend.
func (f *fixture) info(verifyResult any) map[string]any {
	f.t.Helper()
	var m map[string]any
	f.post("/demo/api/redeem", map[string]any{"verifyResult": verifyResult}, &m)
	return m
}

// From wx.config to getinfo: who is enrolled and matches passes, once.
func TestVerification(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	c := f.connect(f.start1(testNumber))
	result := c.run()
	if result["outcome"] != "pass" || result["err_code"] != float64(0) {
		t.Fatalf("result %v", result)
	}
	if code := c.closed(); code != 1000 {
		t.Errorf("closed with %d", code)
	}
	// Another app can't redeem it, and does not burn it.
	var token struct {
		Token string `json:"access_token"`
	}
	f.post("/cgi-bin/stable_token", map[string]string{"grant_type": "client_credential", "appid": string(otherID), "secret": testSecret}, &token)
	var foreign map[string]any
	f.post("/cityservice/face/identify/getinfo?access_token="+token.Token, map[string]any{"verify_result": result["verify_result"]}, &foreign)
	if foreign["errcode"] != float64(84001) {
		t.Errorf("another app: %v", foreign)
	}
	m := f.info(result["verify_result"])
	if m["errcode"] != float64(0) || m["identify_ret"] != float64(0) || len(m["user_id_key"].(string)) != 32 || len(m["openid"].(string)) != 28 {
		t.Errorf("getinfo %v", m)
	}
	if again := f.info(result["verify_result"]); again["errcode"] != float64(84001) {
		t.Errorf("twice: %v", again)
	}
}

// What the front end sees of a failure is the same whatever the cause; the
// business backend learns it.
func TestFailures(t *testing.T) {
	type outcome struct{ front, back string }
	run := func(enrolled bool, similarity float64) outcome {
		f := newFixture(t)
		if enrolled {
			f.enrol(testNumber)
		} else {
			f.enrol(otherNumber)
		}
		f.similarity = similarity
		result := f.connect(f.start1(testNumber)).run()
		credential := result["verify_result"]
		delete(result, "verify_result")
		front, err := json.Marshal(result)
		check(t, err)
		back, err := json.Marshal(f.info(credential)["identify_ret"])
		check(t, err)
		return outcome{string(front), string(back)}
	}
	other, absent := run(true, .1), run(false, .9)
	if other.back != "10004" || absent.back != "10026" {
		t.Errorf("backend: another person %s, not enrolled %s", other.back, absent.back)
	}
	if other.front != absent.front || !strings.Contains(other.front, `"outcome":"fail"`) || !strings.Contains(other.front, `"err_code":10004`) {
		t.Errorf("front end:\n%s\n%s", other.front, absent.front)
	}
}

// 2.0: getverifyid, requestFacialVerify, queryverifyinfo.
func TestVerification2(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	var order struct {
		VerifyID string `json:"verifyId"`
	}
	if s := f.post("/demo/api/verifyid", map[string]string{"name": testName, "idCardNumber": testNumber}, &order); s != 200 || order.VerifyID == "" {
		t.Fatalf("verifyid: %d", s)
	}
	query := func() any {
		var m map[string]any
		f.post("/demo/api/query", map[string]string{"verifyId": order.VerifyID}, &m)
		if m["errcode"] != float64(0) {
			t.Fatalf("query: %v", m)
		}
		return m["verify_ret"]
	}
	if got := query(); got != float64(10300) {
		t.Errorf("before the capture: %v", got)
	}
	c := f.connect(f.start(map[string]any{"api": "requestFacialVerify", "verify_id": order.VerifyID}))
	c.read("welcome")
	if got := query(); got != float64(10005) {
		t.Errorf("while it runs: %v", got)
	}
	c.send(map[string]any{"type": "abort", "reason": "cancel", "stage": 90004})
	if code := c.closed(); code != 1000 {
		t.Errorf("closed with %d", code)
	}
	waitFor(t, func() bool { return query() == float64(10300) })
}

// waitFor waits for what another goroutine brings about.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 400 {
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("it did not come about")
}

// A second socket loses, and the first goes on.
func TestSecondSocket(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	s := f.start1(testNumber)
	first := f.connect(s)
	second := f.connect(s)
	m := second.read("error", "welcome")
	if m["type"] == "welcome" { // it was the faster one
		first, second = second, first
		m = second.read("error")
	}
	if m["code"] != "conflict" || second.closed() != 4409 {
		t.Errorf("second socket: %v", m)
	}
	first.send(map[string]any{"type": "abort", "reason": "cancel", "stage": 90003})
	if code := first.closed(); code != 1000 {
		t.Errorf("first socket closed with %d", code)
	}
}

func TestSocketRefusals(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	s := f.start1(testNumber)
	with := func(change map[string]any) []byte {
		h := s.hello()
		for k, v := range change {
			h[k] = v
		}
		b, _ := json.Marshal(h)
		return b
	}
	cases := []struct {
		name, origin, protocol string
		binary                 bool
		data                   []byte
		code, field            string
		close                  int
	}{
		{"no sub-protocol", "", "", false, nil, "invalid", "Sec-WebSocket-Protocol", 4400},
		{"other sub-protocol", "", "chat", false, nil, "invalid", "Sec-WebSocket-Protocol", 4400},
		{"a frame first", "", capture.Subprotocol, true, []byte{1, 1}, "invalid", "hello", 4400},
		{"ready first", "", capture.Subprotocol, false, []byte(`{"type":"ready","attempt":1}`), "invalid", "type", 4400},
		{"no JSON", "", capture.Subprotocol, false, []byte(`{`), "invalid", "message", 4400},
		{"version 2", "", capture.Subprotocol, false, with(map[string]any{"v": 2}), "invalid", "hello.v", 4400},
		{"unknown session", "", capture.Subprotocol, false, with(map[string]any{"session_id": strings.Repeat("0", 32)}), "not_found", "hello.session_id", 4404},
		{"wrong token", "", capture.Subprotocol, false, with(map[string]any{"capture_token": "x"}), "not_found", "hello.session_id", 4404},
		{"no separate consent", "", capture.Subprotocol, false, with(map[string]any{"consent": map[string]any{"notice": s.Notice, "separate": false, "transfer": true}}), "invalid", "hello.consent.separate", 4400},
		{"another notice", "", capture.Subprotocol, false, with(map[string]any{"consent": map[string]any{"notice": strings.Repeat("0", 64), "separate": true, "transfer": true}}), "invalid", "hello.consent.notice", 4400},
		{"foreign page", "https://evil.example", capture.Subprotocol, false, with(nil), "forbidden", "Origin", 4401},
		{"opaque origin", "null", capture.Subprotocol, false, with(nil), "forbidden", "Origin", 4401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var protocols []string
			if c.protocol != "" {
				protocols = []string{c.protocol}
			}
			conn, _, err := f.dial(c.origin, protocols...)
			check(t, err)
			defer conn.CloseNow()
			if c.data != nil {
				kind := websocket.MessageText
				if c.binary {
					kind = websocket.MessageBinary
				}
				check(t, conn.Write(t.Context(), kind, c.data))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			_, data, err := conn.Read(ctx)
			check(t, err)
			var m map[string]any
			check(t, json.Unmarshal(data, &m))
			if m["type"] != "error" || m["code"] != c.code || m["field"] != c.field {
				t.Errorf("%s", data)
			}
			if _, _, err = conn.Read(ctx); int(websocket.CloseStatus(err)) != c.close {
				t.Errorf("closed with %v, want %d", err, c.close)
			}
		})
	}
	// None of it changed anything: the session still opens, from the app's page too.
	conn, _, err := f.dial("https://shop.example", capture.Subprotocol)
	check(t, err)
	defer conn.CloseNow()
	check(t, conn.Write(t.Context(), websocket.MessageText, with(nil)))
	if _, data, err := conn.Read(t.Context()); err != nil || !bytes.Contains(data, []byte(`"welcome"`)) {
		t.Errorf("afterwards: %s %v", data, err)
	}
}

// A message larger than any that the protocol knows is refused by name.
func TestOverLargeMessage(t *testing.T) {
	f := newFixture(t)
	for name, size := range map[string]int{"text": 4<<10 + 1, "frame": capture.MaxMessage + 1} {
		c := f.connect(f.start1(testNumber))
		c.read("welcome")
		c.send(map[string]any{"type": "ready", "attempt": 1})
		kind, data := websocket.MessageText, bytes.Repeat([]byte(" "), size)
		if name == "frame" {
			kind = websocket.MessageBinary
			data = capture.AppendFrame(nil, capture.Frame{Attempt: 1, T: 1, Preview: true, JPEG: append([]byte("\xff\xd8\xff"), make([]byte, size-capture.FrameHeader-3)...)})
		}
		check(t, c.conn.Write(t.Context(), kind, data))
		m := c.read("error")
		if m["code"] != "invalid" || c.closed() != 4400 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func TestCaptureNeedsWebSocket(t *testing.T) {
	f := newFixture(t)
	resp, body := f.do("GET", "/v1/capture", "")
	if resp.StatusCode != 400 || !strings.Contains(body, "Upgrade") {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	f.ready = context.Canceled
	if _, resp, err := f.dial("", capture.Subprotocol); err == nil || resp.StatusCode != 503 {
		t.Errorf("while not ready: %v %v", resp, err)
	}
}

// Too many captures at once, from one address or together, are refused before
// the upgrade; a place that is given back can be taken.
func TestCaptureSlots(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		status int
	}{
		"one address": {func(c *Config) { c.MaxCapturesPerIP = 2 }, http.StatusTooManyRequests},
		"together":    {func(c *Config) { c.MaxCaptures = 2 }, http.StatusServiceUnavailable},
	} {
		f := newFixture(t, c.change)
		var held []*websocket.Conn
		for range 2 {
			conn, _, err := f.dial("", capture.Subprotocol)
			check(t, err)
			held = append(held, conn)
		}
		_, resp, err := f.dial("", capture.Subprotocol)
		if err == nil || resp == nil || resp.StatusCode != c.status || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %v %v", name, resp, err)
		}
		for _, conn := range held {
			_ = conn.CloseNow()
		}
		waitFor(t, func() bool {
			conn, _, err := f.dial("", capture.Subprotocol)
			if err == nil {
				_ = conn.CloseNow()
			}
			return err == nil
		})
	}
}

// Shutdown ends the captures that run, and waits for them.
func TestShutdown(t *testing.T) {
	f := newFixture(t)
	c := f.connect(f.start1(testNumber))
	c.read("welcome")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	check(t, f.server.Shutdown(ctx))
	if _, _, err := c.conn.Read(ctx); err == nil || ctx.Err() != nil {
		t.Error("the socket lives on")
	}
}

// A panic in the analysis ends that session alone, and says nothing.
func TestAnalysisPanic(t *testing.T) {
	f := newFixture(t)
	f.panics.Store(true)
	c := f.connect(f.start1(testNumber))
	c.read("welcome")
	c.send(map[string]any{"type": "ready", "attempt": 1})
	c.frame(true)
	if m := c.read("error"); m["code"] != "internal" || strings.Contains(m["message"].(string), testName) {
		t.Errorf("%v", m)
	}
	if c.closed() != 4500 {
		t.Error("not closed as internal")
	}
	if strings.Contains(f.log.String(), testName) {
		t.Error("the log quotes the panic")
	}
	if resp, _ := f.do("GET", "/healthz", ""); resp.StatusCode != 200 {
		t.Error("the server is gone")
	}
}
