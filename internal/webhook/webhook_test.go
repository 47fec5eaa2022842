package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/egress"
	"faceproof/internal/keys"
)

func ring(t testing.TB) *keys.Ring {
	t.Helper()
	r, err := keys.Open(filepath.Join(t.TempDir(), "keys.json"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outbox is a Store in memory.
type outbox struct {
	mu    sync.Mutex
	hook  faceproof.Webhook
	event faceproof.WebhookEvent
}

func (o *outbox) Webhook(context.Context, faceproof.AppID) (faceproof.Webhook, error) {
	if o.hook.URL == "" {
		return o.hook, faceproof.Errorf(faceproof.CodeNotFound, "", "none")
	}
	return o.hook, nil
}

func (o *outbox) ClaimWebhooks(_ context.Context, at int64, lease time.Duration, _ int) ([]faceproof.WebhookEvent, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.event.State != faceproof.WebhookWaiting || o.event.DueAt > at {
		return nil, nil
	}
	o.event.Tries++
	o.event.DueAt = at + lease.Milliseconds()
	return []faceproof.WebhookEvent{o.event}, nil
}

func (o *outbox) WebhookTried(_ context.Context, e faceproof.WebhookEvent, status int, next, at int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.event.Status, o.event.DueAt = status, next
	if status/100 == 2 {
		o.event.State = faceproof.WebhookDelivered
	} else if next == 0 {
		o.event.State = faceproof.WebhookFailed
	}
	return nil
}

const eventID = "evt_00112233445566778899aabbccddeeff"

// A receiver that is down gets the message later, with the same id and a fresh
// signature, until it is given up after a day and a quarter.
func TestRetries(t *testing.T) {
	k := ring(t)
	now := time.Unix(1_800_000_000, 0)
	o := &outbox{event: faceproof.WebhookEvent{ID: eventID, AppID: "wx00000000000000a1", VerificationID: "v1", OutSeqNo: "order-1", Kind: faceproof.EventDecided, State: faceproof.WebhookWaiting, CreatedAt: now.UnixMilli()}}
	var seen []string
	var up atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := Check(r, Secret(k, o.hook).Reveal(), now, func(id string) bool { seen = append(seen, id); return true })
		var m map[string]any
		if err != nil || json.Unmarshal(body, &m) != nil || len(m) != 6 || m["id"] != eventID || m["out_seq_no"] != "order-1" || m["type"] != "verification.decided" {
			t.Errorf("%v %s", err, body)
		}
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	defer server.Close()
	o.hook = faceproof.Webhook{AppID: o.event.AppID, URL: server.URL + "/in", Nonce: "n"}
	s, err := New(Config{Store: o, Keys: k, Now: func() time.Time { return now },
		Client: egress.New(egress.Config{Transport: server.Client().Transport.(*http.Transport), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})})
	if err != nil {
		t.Fatal(err)
	}
	once := func(want int) {
		t.Helper()
		if n, err := s.Once(t.Context()); err != nil || n != want {
			t.Fatal(n, err)
		}
	}
	start := now
	for try := range Tries {
		once(1)
		if o.event.Tries != try+1 {
			t.Fatal(o.event)
		}
		if try+1 < Tries {
			once(0) // not before its time
			now = time.UnixMilli(o.event.DueAt)
		}
	}
	if o.event.State != faceproof.WebhookFailed || o.event.Status != 502 || len(seen) != Tries || now.Sub(start) < 24*time.Hour || now.Sub(start) > 36*time.Hour {
		t.Errorf("%+v after %v, %d messages", o.event, now.Sub(start), len(seen))
	}
	once(0)
	up.Store(true)
	o.event.State, o.event.DueAt, o.event.Tries = faceproof.WebhookWaiting, 0, 0 // what a replay does
	once(1)
	if o.event.State != faceproof.WebhookDelivered || seen[len(seen)-1] != eventID {
		t.Errorf("replayed: %+v", o.event)
	}
	// The app's webhook is gone meanwhile: nobody is told.
	o.hook.URL = ""
	o.event.State, o.event.DueAt = faceproof.WebhookWaiting, 0
	once(1)
	if o.event.State != faceproof.WebhookFailed || len(seen) != Tries+1 {
		t.Errorf("%+v", o.event)
	}
}

// A webhook to this machine is not called: the sender has no way around the dialer.
func TestSenderRefusesInside(t *testing.T) {
	hit := false
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit = true }))
	defer server.Close()
	o := &outbox{hook: faceproof.Webhook{URL: server.URL}, event: faceproof.WebhookEvent{ID: eventID, State: faceproof.WebhookWaiting}}
	s, err := New(Config{Store: o, Keys: ring(t), Client: egress.New(egress.Config{Transport: server.Client().Transport.(*http.Transport)})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Once(t.Context()); err != nil || hit || o.event.Status != 0 {
		t.Error(err, hit, o.event)
	}
}

// The receiver of the documentation refuses 10,000 forged, changed, old and
// repeated messages, and takes the right one.
func TestForged(t *testing.T) {
	const seed, n = 29, 10_000
	k := ring(t)
	secret := Secret(k, faceproof.Webhook{AppID: "wx00000000000000a1", Nonce: "1"})
	others := []faceproof.Token{Secret(k, faceproof.Webhook{AppID: "wx00000000000000a2", Nonce: "1"}), Secret(k, faceproof.Webhook{AppID: "wx00000000000000a1", Nonce: "2"}),
		Secret(ring(t), faceproof.Webhook{AppID: "wx00000000000000a1", Nonce: "1"}), faceproof.NewToken("")}
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"id":"` + eventID + `","type":"verification.decided"}`)
	seen := map[string]bool{}
	first := func(id string) bool {
		fresh := !seen[id]
		seen[id] = true
		return fresh
	}
	send := func(id, stamp, signature string, body []byte) error {
		r := httptest.NewRequest(http.MethodPost, "/in", bytes.NewReader(body))
		r.Header.Set(HeaderID, id)
		r.Header.Set(HeaderTimestamp, stamp)
		r.Header.Set(HeaderSignature, signature)
		_, err := Check(r, secret.Reveal(), now, first)
		return err
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	right := Sign(secret, now.Unix(), eventID, body)
	if err := send(eventID, stamp, right, body); err != nil {
		t.Fatalf("the right one: %v", err)
	}
	r := rand.New(rand.NewPCG(seed, 0))
	let, kinds := 0, map[int]int{}
	for i := range n {
		id, at, sig, b := fmt.Sprintf("evt_%032x", i), now.Unix(), "", bytes.Clone(body)
		kind := i % 9
		switch kind {
		case 0: // repeated as it was
			id, sig = eventID, right
		case 1: // signed with another secret
			sig = Sign(others[r.IntN(len(others))], at, id, b)
		case 2: // another body
			sig = Sign(secret, at, id, b)
			b[r.IntN(len(b))] ^= byte(1 + r.IntN(255))
		case 3: // another id under the signature of the first
			sig = right
		case 4: // older or newer than five minutes
			at += int64(301+r.IntN(1_000_000)) * int64(1-2*r.IntN(2))
			sig = Sign(secret, at, id, b)
		case 5: // another time under an old signature
			sig = Sign(secret, at-1-int64(r.IntN(1000)), id, b)
		case 6: // a bit of the signature
			raw := []byte(Sign(secret, at, id, b))
			raw[3+r.IntN(64)] = "0123456789abcdefg"[r.IntN(17)]
			if sig = string(raw); sig == Sign(secret, at, id, b) {
				sig = "v1="
			}
		case 7: // none, short, not hex
			sig = []string{"", "v1=", "v1=00", "v1=zz", "v2=" + right[3:], right[:40]}[r.IntN(6)]
		case 8: // the parts moved: time and id joined otherwise
			sig = Sign(secret, at, id+"."+id, b)
		}
		kinds[kind]++
		if err := send(id, strconv.FormatInt(at, 10), sig, b); err == nil {
			let++
			t.Errorf("kind %d was taken: %s %d %s", kind, id, at, sig)
		}
	}
	if err := send("evt_new", stamp, Sign(secret, now.Unix(), "evt_new", body), body); err != nil || len(kinds) != 9 {
		t.Errorf("the next right one: %v", err)
	}
	acceptance.Record(t, acceptance.Row{Area: "Signed-request replay", Seed: seed, N: n, Failures: let, Result: fmt.Sprintf("%d forged, changed, old and repeated webhooks of 9 kinds: %d taken by the receiver of docs/webhooks.md; the right one before and after was", n, let)})
}

// The sample of the documentation is the code that is tested here.
func TestSampleIsDocumented(t *testing.T) {
	code, err := os.ReadFile("receiver.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	body := string(code[bytes.Index(code, []byte("func Check(")):])
	if !strings.Contains(string(text), body) {
		t.Error("docs/webhooks.md does not hold the function Check of receiver.go")
	}
}

func TestBackoff(t *testing.T) {
	for try := 1; try < 20; try++ {
		if d := Backoff(try, eventID); d < 10*time.Second || d > 8*time.Hour || try > 1 && try < 8 && d < Backoff(try-1, eventID) {
			t.Errorf("%d: %v", try, d)
		}
	}
}

func TestDeskRefuses(t *testing.T) {
	d, err := NewDesk(struct{ Outbox }{}, ring(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ app, url, field string }{{"wx1", "https://a.example/", "app_id"}, {"wx00000000000000a1", "http://a.example/", "url"}, {"wx00000000000000a1", "https://2130706433/", "url"}} {
		_, _, err := d.Set(t.Context(), faceproof.AppID(c.app), c.url, "cli")
		if e, ok := err.(*faceproof.Error); !ok || e.Code != faceproof.CodeInvalid || e.Field != c.field {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := d.Replay(t.Context(), "evt_1' OR 1=1", "cli"); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Error(err)
	}
	if _, err := d.List(t.Context(), "", "open", 1); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Error(err)
	}
}
