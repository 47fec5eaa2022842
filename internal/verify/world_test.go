package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

// lockedBuffer is where the log of a test goes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a service with everything around it in memory.
type world struct {
	t        testing.TB
	s        *Service
	store    *memStore
	blobs    *memBlobs
	registry *fakeRegistry
	analysis *fakeAnalysis
	log      *lockedBuffer
	app      faceproof.App
	other    faceproof.App // without getimage
	subject  faceproof.Subject
	ahead    time.Duration // of the clock
	plans    []faceproof.Plan
}

var testChallenge = faceproof.FlashChallenge{
	Nonce: "00", Neutral: faceproof.RGB{200, 200, 200}, LeadMS: 600, FadeMS: 300, PrerollMS: 1000, SegmentMS: 400, WipeMS: 200, PostMS: 300,
	Segments: []faceproof.FlashSegment{{Color: faceproof.RGB{0, 255, 0}}, {Color: faceproof.RGB{255, 0, 255}, Forward: true}},
}

func testNotice() faceproof.Notice {
	return faceproof.Notice{Handler: "h", Contact: "c", Purpose: "p", Necessity: "n", RetentionDays: 1, Alternative: "a"}
}

// imageNotice is what people read of an app that holds getimage.
func imageNotice() faceproof.Notice {
	n := testNotice()
	n.KeepsImage = true
	return n
}

// testSubject is invented; its check character is right.
func testSubject(t testing.TB, name, number string) faceproof.Subject {
	t.Helper()
	n, err := faceproof.ParseName(name, "name")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range "0123456789X" {
		if id, err := faceproof.ParseIDNumber(number+string(c), "id", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil {
			return faceproof.Subject{Name: n, IDNumber: id}
		}
	}
	t.Fatal("no such number")
	return faceproof.Subject{}
}

func newWorld(t testing.TB, change ...func(c *Config)) *world {
	w := &world{t: t, blobs: &memBlobs{b: map[string][]byte{}}, registry: &fakeRegistry{state: faceproof.ReferenceFound}, log: &lockedBuffer{}}
	w.app = faceproof.App{ID: "wx00000000000000a1", Name: "one", Notice: testNotice(), Permissions: faceproof.Permissions(), Alive: faceproof.AliveAuto}
	w.other = faceproof.App{ID: "wx00000000000000b2", Name: "two", Notice: testNotice(), Permissions: faceproof.DefaultPermissions(), Alive: faceproof.AliveFlash}
	w.subject = testSubject(t, "张三", "99000019500307123")
	w.store = newMemStore(w.app, w.other)
	w.analysis = &fakeAnalysis{t: t}
	c := Config{Store: w.store, Subjects: w.store, Apps: w.store, Audit: w.store, Registry: w.registry, Keys: fakeKeys{}, Blob: w.blobs,
		Analyzer: AnalyzerFunc(func() Analysis { return w.analysis }),
		NewChallenge: func(p faceproof.Plan) (faceproof.FlashChallenge, error) {
			w.plans = append(w.plans, p)
			return testChallenge, nil
		},
		Now: func() time.Time { return time.Now().Add(w.ahead) },
		Log: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	w.s = s
	return w
}

func (w *world) start1() Started {
	w.t.Helper()
	st, err := w.s.Start1(context.Background(), w.app, w.subject, faceproof.AliveAuto, "", false)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func hello(st Started) capture.ClientHello {
	return capture.ClientHello{SessionID: st.SessionID, CaptureToken: st.CaptureToken, SDK: "test", Lang: "zh",
		Consent: capture.Consent{Notice: imageNotice().Hash(), Separate: true, Transfer: true}}
}

// player is a client on a running capture, in a synctest bubble.
type player struct {
	t    testing.TB
	w    *world
	live *Live
	from time.Time
	seq  uint32
	sent int
	got  []map[string]any

	spoilt bool // random calls played an attempt
}

func (w *world) play(ctx context.Context, st Started) *player {
	w.t.Helper()
	h := hello(st)
	v, err := w.s.cfg.Store.Verification(ctx, faceproof.VerificationKey{ID: st.SessionID})
	if err != nil {
		w.t.Fatal(err)
	}
	if v.AppID == w.other.ID {
		h.Consent.Notice = w.other.Shown(false).Hash()
	}
	live, err := w.s.Capture(ctx, h)
	if err != nil {
		w.t.Fatal(err)
	}
	return &player{t: w.t, w: w, live: live, from: time.Now()}
}

func (p *player) clock() float64 { return float64(time.Since(p.from))/1e6 + 1000 }

func (p *player) text(format string, args ...any) error {
	return p.live.Message(context.Background(), false, []byte(fmt.Sprintf(format, args...)))
}

func (p *player) frame(attempt int, preview bool) error {
	f := capture.Frame{Attempt: attempt, Seq: p.seq, T: p.clock(), Preview: preview, JPEG: []byte{0xff, 0xd8, 0xff, byte(p.seq)}}
	p.seq++
	if !preview {
		p.sent++
	}
	return p.live.Message(context.Background(), true, capture.AppendFrame(nil, f))
}

// drain lets everything settle and reads what the server said.
func (p *player) drain() {
	for {
		synctest.Wait()
		select {
		case b, ok := <-p.live.Out():
			if !ok {
				return
			}
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				p.t.Fatalf("%s: %v", b, err)
			}
			p.got = append(p.got, m)
		default:
			return
		}
	}
}

// last gives the last message of a type, nil when there is none.
func (p *player) last(kind string) map[string]any {
	p.drain()
	for i := len(p.got) - 1; i >= 0; i-- {
		if p.got[i]["type"] == kind {
			return p.got[i]
		}
	}
	return nil
}

func (p *player) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *player) display(attempt int, event string, index int) error {
	return p.text(`{"type":"display","attempt":%d,"event":%q,"index":%d,"t":%v}`, attempt, event, index, p.clock())
}

// guided plays until prepare.
func (p *player) guided(attempt int) {
	p.t.Helper()
	time.Sleep(time.Second)
	p.must(p.text(`{"type":"ready","attempt":%d}`, attempt))
	p.seq, p.sent, p.got = 0, 0, nil
	for i := 0; p.last("prepare") == nil; i++ {
		if i == 5 {
			p.t.Fatal("no prepare")
		}
		time.Sleep(200 * time.Millisecond)
		p.must(p.frame(attempt, true))
	}
	p.seq = 0
}

// preroll plays until the challenge, or until there is to be none.
func (p *player) preroll(attempt int) {
	p.t.Helper()
	time.Sleep(20 * time.Millisecond)
	p.must(p.display(attempt, capture.DisplayLead, 0))
	for range 8 {
		time.Sleep(75 * time.Millisecond)
		p.must(p.frame(attempt, false))
	}
	p.must(p.display(attempt, capture.DisplayPreroll, 0))
	for i := 0; p.last("challenge") == nil && p.last("result") == nil; i++ {
		if i == 25 {
			p.t.Fatal("no challenge")
		}
		time.Sleep(70 * time.Millisecond)
		p.must(p.frame(attempt, false))
	}
}

// flash plays the colours, to the last frame.
func (p *player) flash(attempt int) {
	p.t.Helper()
	time.Sleep(30 * time.Millisecond)
	for i := range testChallenge.Segments {
		p.must(p.display(attempt, capture.DisplaySegment, i))
		for range 5 {
			time.Sleep(80 * time.Millisecond)
			p.must(p.frame(attempt, false))
		}
	}
	p.must(p.display(attempt, capture.DisplayPostroll, 0))
	for range 4 {
		time.Sleep(80 * time.Millisecond)
		p.must(p.frame(attempt, false))
	}
}

func (p *player) end(attempt int) error {
	return p.text(`{"type":"end","attempt":%d,"captured":%d,"sent":%d,"dropped":0}`, attempt, p.sent, p.sent)
}

// attempt plays one whole attempt and gives its result, nil for none.
func (p *player) attempt(n int) map[string]any {
	p.t.Helper()
	if p.drain(); p.live.ctx.Err() != nil {
		return nil
	}
	p.guided(n)
	p.preroll(n)
	if r := p.last("result"); r != nil {
		return r
	}
	p.flash(n)
	p.must(p.end(n))
	return p.last("result")
}

// bubble runs a test with a fake clock; a goroutine that is left makes it fail.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
