package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"faceproof"
	"faceproof/internal/acceptance"
	"faceproof/internal/capture"
)

// cores are what the analyses of a simulated machine share.
type cores struct{ free chan struct{} }

func newCores(n int) *cores {
	c := &cores{make(chan struct{}, n)}
	for range n {
		c.free <- struct{}{}
	}
	return c
}

// work takes a core for a while.
func (c *cores) work(ctx context.Context, d time.Duration) error {
	select {
	case <-c.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	time.Sleep(d)
	c.free <- struct{}{}
	return nil
}

// slowAnalysis is a fake analysis that costs processor time as a real one does.
type slowAnalysis struct {
	*fakeAnalysis
	cores                   *cores
	preview, frame, finish_ time.Duration
}

func (a *slowAnalysis) Preview(ctx context.Context, jpeg []byte) (faceproof.Guidance, error) {
	if err := a.cores.work(ctx, a.preview); err != nil {
		return faceproof.Guidance{}, err
	}
	return a.fakeAnalysis.Preview(ctx, jpeg)
}

func (a *slowAnalysis) Frame(ctx context.Context, f capture.Frame) error {
	if err := a.cores.work(ctx, a.frame); err != nil {
		return err
	}
	return a.fakeAnalysis.Frame(ctx, f)
}

func (a *slowAnalysis) Finish(ctx context.Context, t capture.Transcript, r faceproof.Reference) (faceproof.Evidence, []byte, error) {
	if err := a.cores.work(ctx, a.finish_); err != nil {
		return faceproof.Evidence{}, nil, err
	}
	return a.fakeAnalysis.Finish(ctx, t, r)
}

// load is what came of people who arrived at a rate.
type load struct {
	passed, busy, failed int
	slowest              time.Duration // from the begin of a capture to its answer
	goroutines           int           // most at once
}

// person goes through one verification; a busy server is asked again twice,
// politely.
func (w *world) person(l *load, mu *sync.Mutex, wait func() time.Duration) {
	note := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
	for try := 0; ; try++ {
		st, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", false)
		if err == nil {
			time.Sleep(8 * time.Second) // reads and consents
			h := hello(st)
			var live *Live
			if live, err = w.s.Capture(ctx, h); err == nil {
				begun := time.Now()
				ok, _ := impatient(live, func(int) {})
				note(func() {
					if ok {
						l.passed++
					} else {
						l.failed++
					}
					l.slowest = max(l.slowest, time.Since(begun))
				})
				return
			}
		}
		if faceproof.ErrorCode(err) != faceproof.CodeUnavailable || try == 2 {
			note(func() {
				if faceproof.ErrorCode(err) == faceproof.CodeUnavailable {
					l.busy++
				} else {
					l.failed++
				}
			})
			return
		}
		time.Sleep(wait())
	}
}

// impatient plays a capture as a client does, and says whether it passed within
// the time that people wait for, and with which credential. moment is called at
// three moments of it.
func impatient(live *Live, moment func(i int)) (passed bool, token string) {
	defer live.Close(faceproof.ReasonDisconnected)
	from := time.Now()
	var mu sync.Mutex
	seen := map[string]int{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := range live.Out() {
			m := said(b)
			mu.Lock()
			seen[m.Type]++
			mu.Unlock()
			if m.Outcome == "pass" {
				passed, token = true, m.Token
			}
		}
	}()
	has := func(kind string) bool { mu.Lock(); defer mu.Unlock(); return seen[kind] > 0 }
	clock := func() float64 { return float64(time.Since(from))/1e6 + 1000 }
	text := func(format string, args ...any) bool {
		return live.Message(ctx, false, fmt.Appendf(nil, format, args...)) == nil
	}
	var seq uint32
	sent := 0
	frame := func(preview bool) bool {
		f := capture.Frame{Attempt: 1, Seq: seq, T: clock(), Preview: preview, JPEG: []byte{0xff, 0xd8, 0xff, byte(seq)}}
		seq++
		if !preview {
			sent++
		}
		return live.Message(ctx, true, capture.AppendFrame(nil, f)) == nil
	}
	show := func(event string, i int) bool {
		return text(`{"type":"display","attempt":1,"event":%q,"index":%d,"t":%v}`, event, i, clock())
	}
	time.Sleep(time.Second)
	moment(0)
	ok := text(`{"type":"ready","attempt":1}`)
	for i := 0; ok && !has("prepare") && i < 60; i++ {
		time.Sleep(200 * time.Millisecond)
		ok = frame(true)
	}
	seq = 0
	time.Sleep(20 * time.Millisecond) // a screen takes a moment
	ok = ok && has("prepare") && show(capture.DisplayLead, 0)
	for i := 0; ok && i < 8; i++ {
		time.Sleep(75 * time.Millisecond)
		ok = frame(false)
	}
	ok = ok && show(capture.DisplayPreroll, 0)
	for i := 0; ok && !has("challenge") && i < 60; i++ {
		time.Sleep(70 * time.Millisecond)
		ok = frame(false)
	}
	moment(1)
	time.Sleep(30 * time.Millisecond)
	for i := range testChallenge.Segments {
		ok = ok && show(capture.DisplaySegment, i)
		for range 5 {
			time.Sleep(80 * time.Millisecond)
			ok = ok && frame(false)
		}
	}
	ok = ok && show(capture.DisplayPostroll, 0)
	for range 4 {
		time.Sleep(80 * time.Millisecond)
		ok = ok && frame(false)
	}
	moment(2)
	if ok {
		text(`{"type":"end","attempt":1,"captured":%d,"sent":%d,"dropped":0}`, sent, sent)
		select {
		case <-done:
		case <-time.After(15 * time.Second):
		}
	}
	live.Close(faceproof.ReasonDisconnected)
	<-done
	return passed, token
}

// arrivals lets people come at a rate for a while, and gives what came of them.
func arrivals(t *testing.T, a Admission, perSecond float64, during time.Duration, seed uint64) load {
	c := newCores(2)
	w := newWorld(t, func(cfg *Config) {
		cfg.Admission = a
		cfg.Analyzer = AnalyzerFunc(func() Analysis {
			return &slowAnalysis{fakeAnalysis: &fakeAnalysis{t: t}, cores: c, preview: 15 * time.Millisecond, frame: 20 * time.Millisecond, finish_: 150 * time.Millisecond}
		})
		cfg.NewChallenge = func(faceproof.Plan) (faceproof.FlashChallenge, error) { return testChallenge, nil }
	})
	rng := rand.New(rand.NewPCG(seed, 0))
	var mu sync.Mutex
	wait := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return RetryAfter + time.Duration(rng.Int64N(int64(RetryAfter)))
	}
	var l load
	var all sync.WaitGroup
	for range int(perSecond * during.Seconds()) {
		all.Go(func() { w.person(&l, &mu, wait) })
		mu.Lock()
		l.goroutines = max(l.goroutines, runtime.NumGoroutine())
		gap := time.Duration(rng.ExpFloat64() / perSecond * float64(time.Second))
		mu.Unlock()
		time.Sleep(gap)
		if running, waiting := w.s.Load(); a.Running > 0 && (running > a.Running || waiting > a.Waiting) {
			t.Errorf("%d captures run and %d wait", running, waiting)
		}
	}
	all.Wait()
	synctest.Wait()
	if running, waiting := w.s.Load(); running != 0 || waiting != 0 {
		t.Errorf("%d captures run and %d wait at the end", running, waiting)
	}
	return l
}

// security.md T46: ten times as many people as there is room for come, for a
// simulated while, to a machine of two cores. Those who are let in are served
// as if nobody else were there; as many are served as the machine can; the rest
// are told. Without admission everybody is let in and hardly anybody served.
func TestOverload(t *testing.T) {
	const seed = 46
	during := 45 * time.Second
	if os.Getenv("FACEPROOF_MEASURE") != "" {
		during = 5 * time.Minute
	}
	room := Admission{Running: 12, Waiting: 4}
	run := func(a Admission, perSecond float64) (l load) {
		during := during
		if a.Running == 0 {
			during = 30 * time.Second // it is enough to fall
		}
		synctest.Test(t, func(t *testing.T) { l = arrivals(t, a, perSecond, during, seed) })
		return l
	}
	// What the machine can: as many as it takes without turning many away.
	calm := run(room, 1)
	full := run(room, 2.5)
	capacity := max(calm.passed, full.passed)
	over := run(room, 25)
	none := run(Admission{}, 25)
	t.Logf("1/s: %+v\n2.5/s: %+v\n25/s: %+v\n25/s without admission: %+v", calm, full, over, none)
	if over.failed > 0 {
		t.Errorf("%d people who were let in were not served", over.failed)
	}
	goodput := float64(over.passed) / float64(capacity)
	if goodput < .9 {
		t.Errorf("goodput %.2f of capacity", goodput)
	}
	if over.slowest > 2*calm.slowest {
		t.Errorf("the slowest took %v, with few people %v", over.slowest, calm.slowest)
	}
	failures := over.failed
	if goodput < .9 {
		failures++
	}
	acceptance.Record(t, acceptance.Row{Area: "Overload", Number: "goodput ≥ 90 % of capacity at ×10, no starvation", Gate: "C", Seed: seed, N: int(25 * during.Seconds()), Failures: failures,
		Result: fmt.Sprintf("%d passed where %d are capacity (%.0f %%), %d told to come again, 0 let in and not served; slowest %.1f s, with few people %.1f s", over.passed, capacity, 100*goodput, over.busy, over.slowest.Seconds(), calm.slowest.Seconds())})
	if share := float64(none.passed) / float64(capacity); share >= .9 {
		t.Errorf("the control: without admission %.2f of capacity are served", share)
	} else {
		acceptance.Record(t, acceptance.Row{Area: "Overload", Control: true, Seed: seed, N: none.passed + none.busy + none.failed,
			Result: fmt.Sprintf("without admission %d passed, %.0f %% of capacity", none.passed, 100*share)})
	}
}

// The gate is exact, first come first served, and leaks no place.
func TestGate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := &gate{a: Admission{Running: 2, Waiting: 3, Within: time.Second}}
		a, err := g.enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.enter(ctx); err != nil {
			t.Fatal(err)
		}
		if g.full() {
			t.Error("full with an empty queue")
		}
		order := make(chan int, 3)
		for i := range 3 {
			go func() {
				if leave, err := g.enter(ctx); err == nil {
					order <- i
					leave()
				} else {
					order <- -1
				}
			}()
			synctest.Wait()
		}
		if !g.full() {
			t.Error("not full")
		}
		if _, err := g.enter(ctx); err != errBusy {
			t.Errorf("the sixth: %v", err)
		}
		a()
		a() // once only
		for i := range 3 {
			if got := <-order; got != i {
				t.Errorf("%d came as number %d", got, i)
			}
		}
		synctest.Wait()
		g.mu.Lock()
		if g.running != 1 || len(g.queue) != 0 {
			t.Errorf("%d run, %d wait", g.running, len(g.queue))
		}
		g.mu.Unlock()
		if _, err := g.enter(ctx); err != nil {
			t.Fatal(err)
		}
		from := time.Now()
		if _, err := g.enter(ctx); err != errBusy || time.Since(from) != time.Second {
			t.Errorf("%v after %v", err, time.Since(from))
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := g.enter(gone); err != context.Canceled {
			t.Error(err)
		}
		if g.running != 2 || len(g.queue) != 0 {
			t.Errorf("%d run, %d wait", g.running, len(g.queue))
		}
	})
}

// A session that found no place is as it was, and can be begun a moment later.
func TestBusyChangesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Admission = Admission{Running: 1, Within: time.Second} })
		first, second := w.start1(), w.start1()
		p := w.play(ctx, first)
		if _, err := w.s.Capture(ctx, hello(second)); err != errBusy {
			t.Fatal(err)
		}
		if _, err := w.s.Start1(ctx, w.app, w.subject, faceproof.AliveAuto, "", false); err != errBusy {
			t.Errorf("a start into a full house: %v", err)
		}
		p.live.Close(faceproof.ReasonDisconnected)
		w.play(ctx, second).live.Close(faceproof.ReasonDisconnected)
	})
}

// serverSaid is what a test reads of a server's message.
type serverSaid struct {
	Type, Outcome string
	Token         string `json:"verify_result"`
}

func said(b []byte) (m serverSaid) {
	_ = json.Unmarshal(b, &m)
	return m
}
