//go:build failpoint

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/failpoint"
	"faceproof/internal/registry"
	"faceproof/internal/server"
	"faceproof/internal/store"
	"faceproof/internal/verify"
	"faceproof/internal/wechat"
	"faceproof/web"
)

// The person of every session here; nobody has such a number.
const (
	faultName   = "测试员"
	faultNumber = "99000019900307003X"
)

// faultCommands are what make faults breaks: the server with everything but
// the networks and the camera.
func faultCommands(g *globals) []*cobra.Command {
	whole := false
	c := &cobra.Command{
		Use: "faultserver", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return faultServe(ctx, g, whole)
		},
	}
	c.Flags().BoolVar(&whole, "whole", false, "with budgets, signed heads, recorded denials and routes to enrol and to play (faults_load.go)")
	return []*cobra.Command{c}
}

// faultServe is serve with an analysis that always finds the right person, and
// one route more: POST /fault/verify plays a whole session, of which it gives
// the last message. It prints the address and the app's id and secret as JSON.
func faultServe(ctx context.Context, g *globals, whole bool) error {
	log := newLog(g, false)
	b := &backend{}
	defer b.close()
	var done func()
	var err error
	if b.store, b.keys, done, err = openStoreAs(ctx, g, store.Config{Actor: "server", Log: log}); err != nil {
		return err
	}
	b.closers = append(b.closers, done)
	if b.blobs, err = openBlobs(g, b.keys); err != nil {
		return err
	}
	b.closers = append(b.closers, func() { _ = b.blobs.Close() })
	if b.registry, err = registry.New(registry.Config{Store: b.store, Keys: b.keys, Enroller: faultEnroller{}}); err != nil {
		return err
	}
	config := verify.Config{Store: b.store, Subjects: b.store, Apps: b.store, Audit: b.store, Registry: b.registry, Keys: b.keys, Blob: b.blobs, Traces: b.store, Now: time.Now,
		Analyzer: verify.AnalyzerFunc(func() verify.Analysis { return faultAnalysis{} }), Log: log}
	api := wechat.Config{Store: b.store, Keys: b.keys, Log: log}
	if whole {
		if done, err = completeFault(g, b, &config, &api, log); err != nil {
			return err
		}
		b.closers = append(b.closers, done)
	}
	if b.verify, err = verify.New(config); err != nil {
		return err
	}
	d, err := faultApp(ctx, g, b, !whole)
	if err != nil {
		return err
	}
	api.Verify = b.verify
	spoken, err := wechat.New(api)
	if err != nil {
		return err
	}
	h, err := server.New(server.Config{Captures: b.verify, WeChat: spoken, Denied: api.Denied, WeChatPaths: wechat.Prefixes(), LimitedPaths: []string{wechat.SDKPrefix}, Web: web.FS(),
		Version: version, Ready: func() error { return b.store.Ping(ctx) }, Log: log})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return err
	}
	fault = func(next http.Handler) http.Handler { return faultHandler(next, config, d.AppID) }
	if whole {
		fault = func(next http.Handler) http.Handler { return loadHandler(next, config, b.registry, d.AppID) }
	}
	_ = json.NewEncoder(g.Out).Encode(map[string]string{"url": "http://" + ln.Addr().String(), "app_id": string(d.AppID), "secret": d.AppSecret})
	return runServer(ctx, h, ln, b.verify, log)
}

// faultApp makes the app and its person on the first start. With portraits a picture of
// who passed is kept for getimage, in a file.
func faultApp(ctx context.Context, g *globals, b *backend, portraits bool) (demoSecret, error) {
	path := filepath.Join(g.DataDir, demoFile)
	d, err := readDemo(path)
	if err != nil || d.AppID != "" {
		return d, err
	}
	app := demoApp()
	if portraits {
		app.Permissions = append(app.Permissions, faceproof.PermGetImage)
	}
	d.AppSecret = newApp(&app).Reveal()
	d.AppID = app.ID
	if err := b.store.CreateApp(ctx, app, hashOf(d.AppSecret)); err != nil {
		return d, err
	}
	sub, err := faultSubject()
	if err != nil {
		return d, err
	}
	if _, err := b.registry.Add(ctx, sub, [][]byte{{0xff, 0xd8, 0xff}}, "test"); err != nil && faceproof.ErrorCode(err) != faceproof.CodeConflict {
		return d, err
	}
	return d, writeDemo(path, d)
}

func faultSubject() (s faceproof.Subject, err error) {
	if s.Name, err = faceproof.ParseName(faultName, "name"); err == nil {
		s.IDNumber, err = faceproof.ParseIDNumber(faultNumber, "number", time.Now())
	}
	return s, err
}

// faultHandler adds /fault/verify, and loses answers: of a request with the
// header X-Fault: drop when everything was done, and where the failpoint
// "answer" says so.
func faultHandler(next http.Handler, c verify.Config, app faceproof.AppID) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answered{header: http.Header{}, status: 200}
		if r.URL.Path == "/fault/verify" {
			a.play(r.Context(), c, app)
		} else {
			next.ServeHTTP(a, r)
		}
		if failpoint.Hit("answer") != nil || r.Header.Get("X-Fault") == "drop" {
			panic(http.ErrAbortHandler)
		}
		for k, v := range a.header {
			w.Header()[k] = v
		}
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body)
	})
}

// answered is an answer before it is sent.
type answered struct {
	header http.Header
	status int
	body   []byte
}

func (a *answered) Header() http.Header { return a.header }
func (a *answered) WriteHeader(s int)   { a.status = s }
func (a *answered) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// play answers with the result of a session.
func (a *answered) play(ctx context.Context, c verify.Config, app faceproof.AppID) {
	m, err := faultSession(ctx, c, app)
	if err != nil {
		a.status = http.StatusServiceUnavailable
		m = map[string]any{"error": faceproof.LogText(err)}
	}
	a.body, _ = json.Marshal(m)
}

// faultSession conducts a session as a browser does that does everything
// right. The clock of its conductor is its own and jumps from frame to frame, so
// that it takes milliseconds; its store, keys and files are the server's.
func faultSession(ctx context.Context, c verify.Config, id faceproof.AppID) (map[string]any, error) {
	p := &faultPlayer{ctx: ctx, t: 1000, seq: map[bool]uint32{}}
	s, err := p.conductor(c)
	if err != nil {
		return nil, err
	}
	app, _, err := c.Apps.App(ctx, id)
	if err != nil {
		return nil, err
	}
	sub, err := faultSubject()
	if err != nil {
		return nil, err
	}
	st, err := s.Start1(ctx, app, sub, faceproof.AliveFlash, "", false)
	if err != nil {
		return nil, err
	}
	m, err := p.play(s, st.SessionID, st.CaptureToken, app.Shown(st.Methods.Digits).Hash())
	if err == nil {
		m["session"] = st.SessionID
	}
	return m, err
}

// conductor is a service whose clock is the player's.
func (p *faultPlayer) conductor(c verify.Config) (*verify.Service, error) {
	p.now.Store(c.Now().UnixMilli())
	c.Now = func() time.Time { return time.UnixMilli(p.now.Load()) }
	return verify.New(c)
}

// play goes through a session that was created, and gives its result.
func (p *faultPlayer) play(s *verify.Service, session string, token faceproof.Token, notice string) (map[string]any, error) {
	var err error
	p.live, err = s.Capture(p.ctx, capture.ClientHello{SessionID: session, CaptureToken: token, SDK: "faults", Lang: "zh",
		Consent: capture.Consent{Notice: notice, Separate: true, Transfer: true}})
	if err != nil {
		return nil, err
	}
	defer p.live.Close(faceproof.ReasonDisconnected)
	return p.run()
}

// faultPlayer is a client of a capture.
type faultPlayer struct {
	ctx  context.Context
	live *verify.Live
	now  atomic.Int64 // unix milliseconds
	t    float64      // its own clock, ms
	seq  map[bool]uint32
	sent int
}

var errFaultEnded = errors.New("the session ended without a result")

// read gives the next message of a type.
func (p *faultPlayer) read(kind string) (map[string]any, error) {
	for b := range p.live.Out() {
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			return nil, err
		}
		if m["type"] == kind {
			return m, nil
		}
		if m["type"] == "error" {
			return nil, fmt.Errorf("%w: %s", errFaultEnded, b)
		}
	}
	return nil, errFaultEnded
}

func (p *faultPlayer) say(format string, args ...any) error {
	return p.live.Message(p.ctx, false, fmt.Appendf(nil, format, args...))
}

// frames sends n pictures, a fifteenth of a second apart.
func (p *faultPlayer) frames(n int, preview bool) error {
	for range n {
		p.t += 66
		p.now.Add(66)
		f := capture.AppendFrame(nil, capture.Frame{Attempt: 1, Seq: p.seq[preview], T: p.t, Preview: preview, JPEG: []byte("\xff\xd8\xffpicture")})
		p.seq[preview]++
		if !preview {
			p.sent++
		}
		if err := p.live.Message(p.ctx, true, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *faultPlayer) show(event string, index int) error {
	return p.say(`{"type":"display","attempt":1,"event":%q,"index":%d,"t":%f}`, event, index, p.t+1)
}

// run goes through one attempt and gives the result.
func (p *faultPlayer) run() (map[string]any, error) {
	if _, err := p.read("welcome"); err != nil {
		return nil, err
	}
	if err := p.say(`{"type":"ready","attempt":1}`); err != nil {
		return nil, err
	}
	for range 3 {
		if err := p.frames(1, true); err != nil {
			return nil, err
		}
		if _, err := p.read("guide"); err != nil {
			return nil, err
		}
	}
	if _, err := p.read("prepare"); err != nil {
		return nil, err
	}
	if err := errors.Join(p.show("preroll", 0), p.frames(20, false)); err != nil {
		return nil, err
	}
	ch, err := p.read("challenge")
	if err != nil {
		return nil, err
	}
	segments, _ := ch["segments"].([]any)
	for i := range segments {
		if err := errors.Join(p.show("segment", i), p.frames(6, false)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(p.show("postroll", 0), p.frames(4, false), p.say(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":0}`, p.sent, p.sent)); err != nil {
		return nil, err
	}
	return p.read("result")
}
