package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"faceproof/internal/capture"
)

// The budgets of failures see the browser that holds the socket: five failures
// stop it, the person behind another one is told to come back tomorrow, and
// somebody else there is not stopped.
func TestFailuresAreCounted(t *testing.T) {
	f := newFixture(t)
	f.enrol(testNumber)
	f.similarity = .1
	browser := func(agent string) []string {
		return []string{"Authorization", "Bearer " + f.pageToken(), "X-Forwarded-For", "203.0.113.9", "User-Agent", agent}
	}
	start := func(number, agent string) (s session, code float64) {
		var m struct {
			session
			ErrCode float64 `json:"errCode"`
		}
		f.post("/v1/sdk/sessions", map[string]any{"api": "startFacialRecognitionVerify", "name": testName, "id_card_number": number}, &m, browser(agent)...)
		return m.session, m.ErrCode
	}
	for range 5 {
		s, code := start(testNumber, "a")
		if code != 0 {
			t.Fatalf("refused with %v", code)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		conn, _, err := websocket.Dial(ctx, strings.Replace(f.url, "http", "ws", 1)+"/v1/capture", &websocket.DialOptions{Subprotocols: []string{capture.Subprotocol},
			HTTPHeader: http.Header{"X-Forwarded-For": {"203.0.113.9"}, "User-Agent": {"a"}}})
		cancel()
		check(t, err)
		conn.SetReadLimit(1 << 20)
		c := &client{f: f, conn: conn, t: 1000, seq: map[bool]uint32{}}
		c.send(s.hello())
		if r := c.run(); r["outcome"] != "fail" {
			t.Fatal(r)
		}
		c.closed()
		_ = conn.CloseNow()
	}
	if _, code := start(otherNumber, "a"); code != 10042 {
		t.Errorf("the browser: %v", code)
	}
	if _, code := start(testNumber, "b"); code != 10052 {
		t.Errorf("the person: %v", code)
	}
	if _, code := start(otherNumber, "b"); code != 0 {
		t.Errorf("somebody else: %v", code)
	}
	f.now.Add((30 * time.Minute).Milliseconds())
	if _, code := start(otherNumber, "a"); code != 0 {
		t.Errorf("the browser after the pause: %v", code)
	}
}
