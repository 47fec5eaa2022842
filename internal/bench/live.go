package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/verify"
)

// Live is what persons before cameras get: sessions through the whole service, in
// the time that they really take.
type Live struct {
	Sessions    int            `json:"sessions"`
	Parallel    int            `json:"parallel"`
	WallS       float64        `json:"wall_s"`
	CPUS        float64        `json:"cpu_s"`          // clients of this process included
	Cores       float64        `json:"cores"`          // CPUS over WallS
	Verdict     Times          `json:"verdict"`        // from the last frame's sending to the answer
	Challenge   Times          `json:"challenge"`      // from the last frame before it to the colours
	RSSBefore   int64          `json:"rss_before"`     // bytes, with the networks open
	RSSPeak     int64          `json:"rss_peak"`       // highest while the sessions ran
	RSSSession  int64          `json:"rss_a_session"`  // the rise over Parallel: with the garbage that is not collected yet
	LiveSession int64          `json:"live_a_session"` // the rise of what lives on Go's heap, likewise
	AllocBytes  int64          `json:"alloc_bytes_per_session"`
	Outcomes    map[string]int `json:"outcomes"` // "pass", "fail", "retry": what the first attempt came to; "cut_…", "no_preview_…": it was not even shown to its end
	Stages      []Stage        `json:"stages"`
}

// Desk is the service that the sessions go through, with its app and the persons
// that are enrolled.
type Desk struct {
	Verify   *verify.Service
	App      faceproof.App
	Subjects []faceproof.Subject // by Take.Person
	clock    *clock
}

// Lap is what a Desk's parts tell of their stages to; before the first Play it
// forgets.
func (d *Desk) Lap(stage string, t time.Duration) {
	if d.clock != nil {
		d.clock.lap(stage, t)
	}
}

// startApart is how far apart sessions begin: people do not come in step.
const startApart = 437 * time.Millisecond

// Play runs takes through the desk, so many persons at once.
func (d *Desk) Play(ctx context.Context, takes []Take, parallel int) (Live, error) {
	d.clock = newClock()
	debug.FreeOSMemory() // what the filming left
	out := Live{Sessions: len(takes), Parallel: parallel, Outcomes: map[string]int{}, RSSBefore: RSS()}
	var mu sync.Mutex
	var verdicts, challenges []time.Duration
	var failed error
	next := make(chan Take)
	highest, alive := peak(), living()
	heap, cpu, start := allocated(), CPU(), time.Now()
	var wg sync.WaitGroup
	for i := range parallel {
		wg.Go(func() {
			if !sleep(ctx, time.Duration(i)*startApart) {
				return
			}
			for take := range next {
				r, err := d.session(ctx, take)
				mu.Lock()
				if early := (*cutError)(nil); errors.As(err, &early) {
					out.Outcomes[early.outcome]++
				} else if err != nil {
					failed = errors.Join(failed, err)
				} else {
					verdicts, challenges = append(verdicts, r.verdict), append(challenges, r.challenge)
					out.Outcomes[r.outcome]++
				}
				mu.Unlock()
			}
		})
	}
feed:
	for _, take := range takes {
		select {
		case next <- take:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	failed = errors.Join(failed, ctx.Err())
	wall, used := time.Since(start).Seconds(), (CPU() - cpu).Seconds()
	out.WallS, out.CPUS, out.Cores = round(wall, 2), round(used, 2), round(used/wall, 2)
	var live int64
	out.RSSPeak, live = highest()
	at := int64(max(min(parallel, len(takes)), 1))
	out.RSSSession, out.LiveSession = (out.RSSPeak-out.RSSBefore)/at, max(live-alive, 0)/at
	out.AllocBytes = int64(allocated()-heap) / int64(max(len(takes), 1))
	out.Verdict, out.Challenge = timesOf(verdicts), timesOf(challenges)
	out.Stages = d.clock.stages(stageOrder(), len(takes))
	return out, failed
}

// answered is what one session came to.
type answered struct {
	outcome            string
	verdict, challenge time.Duration
}

// said is a message of the server, as far as a client here needs it.
type said struct {
	Type    string `json:"type"`
	Outcome string `json:"outcome"`
	Code    string `json:"code"`
	Hint    string `json:"hint"`
}

// cutError is a session that the server ended before its last frame: a machine that
// is far too slow for what is asked of it.
type cutError struct{ outcome string }

func (e *cutError) Error() string { return "bench: the session was cut: " + e.outcome }

// cut tells of what m ended; anything else is a fault of this client.
func (m said) cut() error {
	switch m.Type {
	case "result":
		return &cutError{"cut_" + m.Outcome}
	case "error":
		return &cutError{"cut_" + m.Code}
	}
	return fmt.Errorf("bench: the session ended without a word")
}

// client plays a take as a browser does.
type client struct {
	live  *verify.Live
	began time.Time
	says  chan said
	shift float64 // ms, from the take's clock to the client's
}

func (d *Desk) session(ctx context.Context, take Take) (answered, error) {
	started, err := d.Verify.Start1(ctx, d.App, d.Subjects[take.Person], faceproof.AliveFlash, "", false)
	if err != nil {
		return answered{}, err
	}
	live, err := d.Verify.Capture(ctx, capture.ClientHello{SessionID: started.SessionID, CaptureToken: started.CaptureToken, SDK: "bench", Lang: "en",
		Consent: capture.Consent{Notice: d.App.Shown(started.Methods.Digits).Hash(), Separate: true, Transfer: true},
		Camera:  take.Recording.Meta.Camera, Screen: take.Recording.Meta.Screen})
	if err != nil {
		return answered{}, err
	}
	defer live.Close(faceproof.ReasonDisconnected)
	c := &client{live: live, began: time.Now(), says: make(chan said, 64)}
	go func() {
		defer close(c.says)
		for b := range live.Out() {
			var m said
			if json.Unmarshal(b, &m) == nil {
				select {
				case c.says <- m:
				case <-ctx.Done():
				}
			}
		}
	}()
	if err := c.text(ctx, `{"type":"ready","attempt":1}`); err != nil {
		return answered{}, err
	}
	if err := c.preview(ctx, take.Recording); err != nil {
		return answered{}, err
	}
	return c.play(ctx, take.Recording)
}

func (c *client) text(ctx context.Context, format string, args ...any) error {
	return c.live.Message(ctx, false, fmt.Appendf(nil, format, args...))
}

// now is the client's clock, ms.
func (c *client) now() float64 { return 1000 + float64(time.Since(c.began))/1e6 }

// until waits for a time of the client's clock.
func (c *client) until(ctx context.Context, ms float64) error {
	if !sleep(ctx, time.Duration((ms-c.now())*1e6)) {
		return ctx.Err()
	}
	return nil
}

// hear gives the next message of some type; others are passed over.
func (c *client) hear(ctx context.Context, kind string, within time.Duration) (said, error) {
	end := time.NewTimer(within)
	defer end.Stop()
	for {
		select {
		case m, ok := <-c.says:
			switch {
			case m.Type == kind:
				return m, nil
			case !ok || m.Type == "error" || m.Type == "result":
				return m, m.cut()
			}
		case <-end.C:
			return said{}, fmt.Errorf("bench: no %q within %v", kind, within)
		case <-ctx.Done():
			return said{}, ctx.Err()
		}
	}
}

// patience bounds every wait of a client, previewPatience the one for a picture
// that the server likes.
const (
	patience        = 60 * time.Second
	previewPatience = 20 * time.Second
)

// preview shows the face in neutral light until the server is content.
func (c *client) preview(ctx context.Context, rec capture.Recording) error {
	frames := neutral(rec)
	every := 1000 / float64(capture.DefaultLimits().PreviewAsk.FPS)
	next := c.now()
	hint := ""
	for i := range int(previewPatience.Seconds() * 1000 / every) {
		f := frames[i%len(frames)]
		f.Preview, f.Seq, f.T = true, uint32(i), c.now()
		if err := c.live.Message(ctx, true, capture.AppendFrame(nil, f)); err != nil {
			return err
		}
		next += every
		for {
			m, err := c.next(ctx, next)
			if err != nil {
				return err
			}
			if m.Type == "prepare" {
				return nil
			}
			if m.Type == "guide" {
				hint = m.Hint
			}
			if m.Type == "" {
				break
			}
		}
	}
	return &cutError{"no_preview_" + hint}
}

// next gives what the server says before a time of the client's clock; the zero
// message: nothing.
func (c *client) next(ctx context.Context, ms float64) (said, error) {
	timer := time.NewTimer(max(time.Duration((ms-c.now())*1e6), 0))
	defer timer.Stop()
	select {
	case m, ok := <-c.says:
		if !ok || m.Type == "error" || m.Type == "result" {
			return m, m.cut()
		}
		return m, nil
	case <-timer.C:
		return said{}, nil
	case <-ctx.Done():
		return said{}, ctx.Err()
	}
}

// neutral are the frames after the fade to grey and before the colours.
func neutral(rec capture.Recording) []capture.Frame {
	t := rec.Transcript()
	from, to := math.Inf(1), math.Inf(1)
	for _, d := range t.Display {
		switch {
		case d.Event == capture.DisplayPreroll:
			from = d.T + float64(t.Challenge.FadeMS)
		case d.Event == capture.DisplaySegment && d.Index == 0:
			to = d.T
		}
	}
	var out []capture.Frame
	for _, f := range rec.Frames {
		if f.T >= from && f.T < to {
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return rec.Frames
	}
	return out
}

// play shows the challenge and sends the frames of the take at their times. Where
// the colours come later than they did in the take, all that follows is later.
func (c *client) play(ctx context.Context, rec capture.Recording) (answered, error) {
	events := rec.Transcript().Display
	frames := rec.Frames
	begin := events[0].T
	c.shift = c.now() + 20 - begin
	var a answered
	var lastSent time.Time
	var sent int
	for len(events) > 0 || len(frames) > 0 {
		if len(events) > 0 && (len(frames) == 0 || events[0].T <= frames[0].T) {
			e := events[0]
			events = events[1:]
			if e.Event == capture.DisplaySegment && e.Index == 0 {
				if _, err := c.hear(ctx, "challenge", patience); err != nil {
					return a, err
				}
				a.challenge = time.Since(lastSent)
				c.shift = max(c.shift, c.now()-e.T)
			}
			if err := c.until(ctx, e.T+c.shift); err != nil {
				return a, err
			}
			if err := c.text(ctx, `{"type":"display","attempt":1,"event":%q,"index":%d,"t":%v}`, e.Event, e.Index, e.T+c.shift); err != nil {
				return a, err
			}
			continue
		}
		f := frames[0]
		frames = frames[1:]
		f.T += c.shift
		f.Seq = uint32(sent)
		if err := c.until(ctx, f.T); err != nil {
			return a, err
		}
		lastSent = time.Now()
		if err := c.live.Message(ctx, true, capture.AppendFrame(nil, f)); err != nil {
			return a, err
		}
		sent++
	}
	if err := c.text(ctx, `{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":0}`, sent, sent); err != nil {
		return a, err
	}
	m, err := c.hear(ctx, "result", patience)
	a.verdict, a.outcome = time.Since(lastSent), m.Outcome
	return a, err
}

// sleep says whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
