package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/capture"
	"faceproof/internal/keys"
	"faceproof/internal/onboarding"
	"faceproof/internal/registry"
	"faceproof/internal/store"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
)

// Invented people: area 990000 does not exist, the check characters are right.
const (
	testName    = "古丽·测试"
	testNumber  = "99000019900307003X"
	otherNumber = "990000199003070048"
	testSecret  = "3f9c1d0e5b7a48629c0d1e2f3a4b5c6d"
)

const (
	demoID  = faceproof.AppID("wx00000000000000aa")
	otherID = faceproof.AppID("wx00000000000000bb")
)

// analysis finds what the test wants it to find.
type analysis struct{ f *fixture }

func (a *analysis) Preview(context.Context, []byte) (faceproof.Guidance, error) {
	if a.f.panics.Load() {
		panic("a picture of " + testName)
	}
	return faceproof.Guidance{OK: true, Box: [4]float64{.3, .2, .4, .5}}, nil
}
func (a *analysis) Frame(context.Context, capture.Frame) error { return nil }
func (a *analysis) Sound(_ context.Context, s capture.Audio) error {
	a.f.heard.Add(int64(s.Len()))
	return nil
}
func (a *analysis) Reset()         {}
func (a *analysis) Approach(bool)  {}
func (a *analysis) Target(float64) {}

func (a *analysis) Light(capture.Transcript) faceproof.LightEvidence {
	return faceproof.LightEvidence{Frames: 24, FPS: 15, Brightness: .5, Predicted: true, Amplitude: .1, BackgroundCells: 60}
}

func (a *analysis) Finish(_ context.Context, t capture.Transcript, r faceproof.Reference) (faceproof.Evidence, []byte, error) {
	e := faceproof.Evidence{
		PackID: "test", Method: "flash", Assurance: faceproof.AssuranceWebUnattested, Attempt: t.Attempt, Reference: r.State,
		Capture: faceproof.CaptureEvidence{Captured: t.Captured, Received: t.Received, FPS: 15, JPEGQ: 88, DurationMS: 5000, ServerMS: 5000},
		Face:    faceproof.FaceEvidence{Analysed: 60, WithFace: 60, Continuity: .9, Quality: faceproof.Quality{Faces: 1}},
		Flash: &faceproof.FlashEvidence{P: 1e-5, Candidates: 1e5, Z: 6, R2: .97, Amplitude: .1, LatencyMS: 80, BackgroundRatio: .1,
			BackgroundCells: 60, SkinCells: 80, Measurable: true,
			L: 8, Cut: 1, Shape: faceproof.ShapeEvidence{Cells: 80, HeadCells: 200, B: .6, BSE: .1, D: .8, DSE: .6, Spread: .3, Kappa: .05, KappaSE: .05}},
		Match: &faceproof.MatchEvidence{ModelID: "test", Similarity: a.f.similarity, Threshold: .5, FMR: 1e-4, Score: 87.3, ProbeFrames: 8, ReferenceFrames: 5},
	}
	if r.State != faceproof.ReferenceFound {
		e.Match = nil
	}
	if t.Method == faceproof.MethodDigits {
		e.Digits = readDigits(t)
		e.Provenance = &faceproof.ProvenanceEvidence{Frames: t.Received, Traces: faceproof.Traces{Frames: [][]byte{[]byte(t.Digits.Nonce + time.Now().String())}}}
	}
	return e, []byte("\xff\xd8\xffbest"), nil
}

// enroller takes any photos but those that say "bad".
type enroller struct{}

func (enroller) Enrol(_ context.Context, photos [][]byte) (faceproof.Template, error) {
	for i, p := range photos {
		if bytes.Contains(p, []byte("bad")) {
			return faceproof.Template{}, faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d: the eyes seem to be shut: open them", i+1)
		}
	}
	v := make([]float32, 128)
	v[0] = 1
	return faceproof.Template{ModelID: "test", Frames: len(photos), Vector: v}, nil
}
func (enroller) ModelID() string { return "test" }

// fixture is the whole server but for the models: real store, keys, blobs,
// registry, verify and wechat behind it, and a clock that the client moves.
type fixture struct {
	t          *testing.T
	url        string
	server     *Server
	store      *store.Store
	registry   *registry.Local
	similarity float64
	panics     atomic.Bool
	heard      atomic.Int64 // samples
	ready      error
	now        atomic.Int64 // unix milliseconds
	log        lockedBuffer
	overheard  func(string) // is told every answer and message; nil: nobody
}

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

func testNotice() faceproof.Notice {
	return faceproof.Notice{Handler: "示例公司", Contact: "privacy@example.com", Purpose: "开户", Necessity: "法律要求实名", RetentionDays: 30, Alternative: "到柜台办理"}
}

var testAssets = fstest.MapFS{
	"faceproof.js":       {Data: []byte("var faceproof = {}" + strings.Repeat(" // sdk", 400))},
	"faceproof.mjs":      {Data: []byte("export const wx = {}")},
	"faceproof-sound.js": {Data: []byte("registerProcessor('x', X)")},
	"faceproof.d.ts":     {Data: []byte("export declare const wx: {}")},
	"demo/index.html":    {Data: []byte("<!doctype html><title>demo</title>")},
	"demo/demo.css":      {Data: []byte("body{}")},
	"placeholder.txt":    {Data: []byte("not for the web")},
}

func newFixture(t *testing.T, change ...func(*Config)) *fixture {
	t.Helper()
	return newFixtureOf(t, func(*fixture, *verify.Config) {}, change...)
}

// newFixtureOf is newFixture with another verify.
func newFixtureOf(t *testing.T, of func(*fixture, *verify.Config), change ...func(*Config)) *fixture {
	t.Helper()
	ctx := t.Context()
	f := &fixture{t: t, similarity: .9}
	f.now.Store(time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).UnixMilli())
	now := func() time.Time { return time.UnixMilli(f.now.Load()) }
	log := slog.New(slog.NewJSONHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	check(t, err)
	f.store, err = store.Open(ctx, store.Config{Path: filepath.Join(dir, "db"), Actor: "test", Now: now, Log: log})
	check(t, err)
	t.Cleanup(func() { _ = f.store.Close() })
	blobs, err := blob.OpenDir(filepath.Join(dir, "blobs"), ring)
	check(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	f.registry, err = registry.New(registry.Config{Store: f.store, Keys: ring, Enroller: enroller{}, Now: now})
	check(t, err)
	for _, id := range []faceproof.AppID{demoID, otherID} {
		check(t, f.store.CreateApp(ctx, faceproof.App{ID: id, Name: "示例", Notice: testNotice(), Permissions: faceproof.DefaultPermissions(),
			Origins: []string{"https://shop.example"}, Alive: faceproof.AliveAuto, CreatedAt: f.now.Load()}, keys.HashToken(testSecret)))
	}
	vc := verify.Config{Store: f.store, Subjects: f.store, Apps: f.store, Audit: f.store, Registry: f.registry, Keys: ring, Blob: blobs, Attempts: f.store,
		Analyzer: verify.AnalyzerFunc(func() verify.Analysis { return &analysis{f} }), Now: now, Log: log}
	of(f, &vc)
	v, err := verify.New(vc)
	check(t, err)
	api, err := wechat.New(wechat.Config{Store: f.store, Verify: v, Keys: ring, Digits: vc.Digits, Now: now, Log: log})
	check(t, err)
	c := Config{Captures: v, WeChat: api, WeChatPaths: wechat.Prefixes(), LimitedPaths: []string{wechat.SDKPrefix}, Web: testAssets, Version: "test", Now: now, Log: log,
		Ready: func() error { return f.ready },
		AllowOrigin: func(r *http.Request, sessionID, origin string) bool {
			v, err := f.store.Verification(r.Context(), faceproof.VerificationKey{ID: sessionID})
			if err != nil {
				return true
			}
			app, _, err := f.store.App(r.Context(), v.AppID)
			return err == nil && wechat.OriginAllowed(r, "", app, origin)
		},
		Demo: &Demo{AppID: demoID, Secret: faceproof.NewToken(testSecret), Registrar: f.registry, Sign: wechat.Signature, CertHash: verify.CertHash}}
	for _, ch := range change {
		ch(&c)
	}
	if c.Admin != nil && c.Admin.Desk == nil { // at the apps' own database
		c.Admin.Desk, err = onboarding.New(onboarding.Config{Store: f.store, Blobs: blobs})
		check(t, err)
	}
	f.server, err = New(c)
	check(t, err)
	ts := httptest.NewServer(f.server)
	t.Cleanup(func() {
		_ = f.server.Shutdown(context.Background())
		ts.Close()
	})
	f.url = ts.URL
	return f
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// do sends a request; a nil body is a GET.
func (f *fixture) do(method, path, body string, header ...string) (*http.Response, string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, f.url+path, strings.NewReader(body))
	check(f.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := c.Do(r)
	check(f.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(f.t, err)
	f.overhear(b)
	return resp, string(b)
}

func (f *fixture) overhear(text []byte) {
	if f.overheard != nil {
		f.overheard(string(text))
	}
}

// post sends JSON and decodes the answer.
func (f *fixture) post(path string, body any, into any, header ...string) int {
	f.t.Helper()
	b, err := json.Marshal(body)
	check(f.t, err)
	resp, text := f.do("POST", path, string(b), append(header, "Content-Type", "application/json")...)
	if into != nil {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			f.t.Fatalf("%s: %v in %q", path, err, text)
		}
	}
	return resp.StatusCode
}

// pageToken runs wx.config as a page of the demo does.
func (f *fixture) pageToken() string {
	f.t.Helper()
	var c map[string]any
	if s := f.post("/demo/api/config", map[string]string{"url": f.url + "/demo/?x=1#top"}, &c); s != 200 {
		f.t.Fatalf("config: %d %v", s, c)
	}
	var a struct {
		PageToken string `json:"page_token"`
	}
	s := f.post("/v1/sdk/config", map[string]any{"appId": c["appId"], "timestamp": c["timestamp"], "nonceStr": c["nonceStr"],
		"signature": c["signature"], "url": f.url + "/demo/?x=1", "jsApiList": c["jsApiList"]}, &a)
	if s != 200 || a.PageToken == "" {
		f.t.Fatalf("/v1/sdk/config: %d", s)
	}
	return a.PageToken
}

// session is what /v1/sdk/sessions answers.
type session struct {
	ID     string `json:"session_id"`
	Token  string `json:"capture_token"`
	Notice string `json:"notice_hash"`
}

func (f *fixture) start(body map[string]any) session {
	f.t.Helper()
	var s session
	if code := f.post("/v1/sdk/sessions", body, &s, "Authorization", "Bearer "+f.pageToken()); code != 200 || s.ID == "" {
		f.t.Fatalf("sessions: %d", code)
	}
	return s
}

func (f *fixture) start1(number string) session {
	f.t.Helper()
	return f.start(map[string]any{"api": "startFacialRecognitionVerify", "name": testName, "id_card_number": number, "check_alive_type": 2})
}

func (s session) hello() map[string]any {
	return map[string]any{"type": "hello", "v": 1, "session_id": s.ID, "capture_token": s.Token, "sdk": "test 1", "lang": "zh",
		"consent": map[string]any{"notice": s.Notice, "separate": true, "transfer": true},
		"camera":  map[string]any{"width": 640, "height": 480, "fps": 30}, "screen": map[string]any{"width": 390, "height": 844, "dpr": 3}}
}

// dial opens the capture socket.
func (f *fixture) dial(origin string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	o := &websocket.DialOptions{Subprotocols: protocols, HTTPHeader: http.Header{}}
	if origin != "" {
		o.HTTPHeader.Set("Origin", origin)
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	return websocket.Dial(ctx, strings.Replace(f.url, "http", "ws", 1)+"/v1/capture", o)
}

// client is a capture of a browser that does everything right.
type client struct {
	f    *fixture
	conn *websocket.Conn
	t    float64
	seq  map[bool]uint32
}

func (f *fixture) connect(s session) *client {
	f.t.Helper()
	conn, _, err := f.dial("", capture.Subprotocol)
	check(f.t, err)
	f.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	c := &client{f: f, conn: conn, t: 1000, seq: map[bool]uint32{}}
	c.send(s.hello())
	return c
}

func (c *client) send(v any) {
	c.f.t.Helper()
	b, err := json.Marshal(v)
	check(c.f.t, err)
	check(c.f.t, c.conn.Write(c.f.t.Context(), websocket.MessageText, b))
}

// frame moves the clock by a fifteenth of a second and sends a picture.
func (c *client) frame(preview bool) {
	c.f.t.Helper()
	c.t += 66
	c.f.now.Add(66)
	b := capture.AppendFrame(nil, capture.Frame{Attempt: 1, Seq: c.seq[preview], T: c.t, Preview: preview, JPEG: []byte("\xff\xd8\xffpicture")})
	c.seq[preview]++
	check(c.f.t, c.conn.Write(c.f.t.Context(), websocket.MessageBinary, b))
}

// read gives the next message of one of the types.
func (c *client) read(types ...string) map[string]any {
	c.f.t.Helper()
	ctx, cancel := context.WithTimeout(c.f.t.Context(), 30*time.Second)
	defer cancel()
	for {
		_, data, err := c.conn.Read(ctx)
		if err != nil {
			c.f.t.Fatalf("waiting for %v: %v", types, err)
		}
		c.f.overhear(data)
		var m map[string]any
		check(c.f.t, json.Unmarshal(data, &m))
		for _, want := range types {
			if m["type"] == want {
				return m
			}
		}
		if m["type"] == "error" {
			c.f.t.Fatalf("waiting for %v: %s", types, data)
		}
	}
}

// closed gives the code with which the server closed.
func (c *client) closed() int {
	c.f.t.Helper()
	ctx, cancel := context.WithTimeout(c.f.t.Context(), 30*time.Second)
	defer cancel()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			return int(websocket.CloseStatus(err))
		}
	}
}

// run goes through one attempt and gives the result.
func (c *client) run() map[string]any {
	c.f.t.Helper()
	c.read("welcome")
	c.send(map[string]any{"type": "ready", "attempt": 1})
	for range 3 {
		c.frame(true)
		c.read("guide")
	}
	c.read("prepare")
	display := func(event string, index int) {
		c.send(map[string]any{"type": "display", "attempt": 1, "event": event, "index": index, "t": c.t + 1})
	}
	display("preroll", 0)
	sent := 0
	for range 20 {
		c.frame(false)
		sent++
	}
	ch := c.read("challenge")
	for i := range ch["segments"].([]any) {
		display("segment", i)
		for range 6 {
			c.frame(false)
			sent++
		}
	}
	display("postroll", 0)
	for range 4 {
		c.frame(false)
		sent++
	}
	c.send(map[string]any{"type": "end", "attempt": 1, "captured": sent, "sent": sent, "dropped": 0})
	return c.read("result")
}

// enrol puts the test person into the registry.
func (f *fixture) enrol(number string) {
	f.t.Helper()
	n, err := faceproof.ParseName(testName, "name")
	check(f.t, err)
	id, err := faceproof.ParseIDNumber(number, "id", time.UnixMilli(f.now.Load()))
	check(f.t, err)
	_, err = f.registry.Replace(f.t.Context(), faceproof.Subject{Name: n, IDNumber: id}, [][]byte{[]byte("x")}, "test")
	check(f.t, err)
}
