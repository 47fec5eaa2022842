package verify

import (
	"context"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/capture"
)

const (
	tickEvery  = 250 * time.Millisecond
	queueLen   = 8  // frames that wait for the analysis before Message blocks
	outLen     = 16 // messages that wait for the socket
	guideLimit = 32 // above, guides are dropped: the client does not read
	flushTime  = 5 * time.Second
)

// Live is one running capture: a goroutine that owns the protocol's state and
// one that analyses. Both end with the session.
type Live struct {
	s      *Service
	parent context.Context // the socket's
	ctx    context.Context // the session's
	cancel context.CancelFunc

	in      chan message
	jobs    chan job
	reports chan report
	out     chan []byte
	done    chan struct{} // closed last

	closing    sync.Once
	closed     chan struct{} // closed by Close
	closeCause faceproof.Reason

	end capture.End // valid once out is closed
}

type message struct {
	binary bool
	data   []byte
	reply  chan error // room for one
}

// goLive starts the two goroutines of a begun capture; leave is called when
// nothing of it runs any more.
func (s *Service) goLive(ctx context.Context, w *worker, leave func()) *Live {
	l := &Live{s: s, parent: ctx, in: make(chan message), jobs: make(chan job), reports: make(chan report),
		out: make(chan []byte, outLen), done: make(chan struct{}), closed: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(ctx)
	go func() {
		defer close(l.done)
		defer leave()
		l.run(w)
	}()
	return l
}

// Message takes one message of the client, in order, from one goroutine; it
// blocks while the analysis is behind, so that the socket slows the client
// down. The buffer must not be reused. The error is the one that ended the
// session, capture.ErrEnded when it was over, or ctx's.
func (l *Live) Message(ctx context.Context, binary bool, data []byte) error {
	m := message{binary: binary, data: data, reply: make(chan error, 1)}
	select {
	case l.in <- m:
	case <-l.ctx.Done():
		return capture.ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-m.reply // the owner answers what it took
}

// Out gives the messages for the client, JSON; closed when the session is over
// and no more is to be sent.
func (l *Live) Out() <-chan []byte { return l.out }

// CloseCode gives the WebSocket close code and text; call it after Out was
// closed.
func (l *Live) CloseCode() (int, string) { return l.end.Code, l.end.Text }

// Close ends the session, if it still runs, for a reason such as
// ReasonDisconnected, and waits until nothing of it runs.
func (l *Live) Close(reason faceproof.Reason) {
	l.closing.Do(func() {
		l.closeCause = reason
		close(l.closed)
	})
	<-l.done
}

// pump is the state that the owner goroutine needs.
type pump struct {
	*Live
	session  *capture.Session
	preview  *capture.Frame // the newest one that waits
	queue    []job          // frames, sound and verdicts that wait, in order
	pictures int            // of them
	pending  [][]byte       // messages that wait for out
	ended    bool
}

// run owns the session until it ends, then lets nothing behind.
func (l *Live) run(w *worker) {
	limits := l.s.cfg.Limits
	if w.video { // somebody may look at it
		limits.CaptureAsk, limits.PortraitAsk = limits.VideoAsk, capture.Picture{}
	}
	p := &pump{Live: l, session: capture.New(capture.Config{Attempts: l.s.cfg.Policy.MaxAttempts, Receipt: w.receipt, Method: methodWord(w.methods.First),
		NewDigits: func() (faceproof.DigitsChallenge, error) { return l.s.cfg.NewDigits(w.atOnce) },
		Opening:   l.s.cfg.Opening, NewChallenge: l.s.cfg.NewChallenge, Forecast: true, CheckFrame: l.s.cfg.CheckFrame, Limits: limits})}
	workerDone := make(chan struct{})
	go func() {
		defer close(workerDone)
		w.run(l.ctx, l.jobs, l.reports)
	}()
	p.guard(w, func() {
		now := l.s.now()
		_, _ = p.session.Hello(now, capture.ClientHello{}) // parsed and checked before
		p.apply(p.session.Opened(now))
		p.loop(w)
	})
	l.cancel()
	<-workerDone
	w.finish(l.end.Reason)
	p.queue, p.preview = nil, nil
	p.flush()
	close(l.out)
}

// guard turns a panic into an end of the session.
func (p *pump) guard(w *worker, f func()) {
	defer func() {
		if r := recover(); r != nil {
			w.logPanic("capture", r)
			p.ended = true
			p.end = capture.End{Reason: faceproof.ReasonInternal, Code: capture.CloseInternal, Text: string(faceproof.CodeInternal)}
		}
	}()
	f()
}

// loop ends when the session has ended.
func (p *pump) loop(w *worker) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	prompt := time.NewTimer(tickEvery) // a prompt is due to the millisecond
	defer prompt.Stop()
	for !p.ended {
		var due <-chan time.Time
		if next := p.session.Next(); !next.IsZero() {
			prompt.Reset(next.Sub(p.s.now()))
			due = prompt.C
		}
		in := p.in
		if p.pictures >= queueLen {
			in = nil
		}
		jobs, next := p.next()
		out, first := p.firstOut()
		select {
		case m := <-in:
			p.handle(m)
		case jobs <- next:
			p.took(next)
		case r := <-p.reports:
			p.apply(p.answer(r))
		case out <- first:
			p.pending = p.pending[1:]
		case <-tick.C:
			p.apply(p.session.Tick(p.s.now()))
		case <-due:
			p.apply(p.session.Tick(p.s.now()))
		case <-p.closed:
			p.stop(p.closeCause)
		case <-p.ctx.Done():
			p.stop(faceproof.ReasonDisconnected)
		}
	}
}

// handle answers the message whatever happens, or its sender would hang.
func (p *pump) handle(m message) {
	err := error(capture.ErrEnded)
	defer func() { m.reply <- err }()
	var effects []capture.Effect
	effects, err = p.session.Handle(p.s.now(), m.binary, m.data)
	p.apply(effects)
}

// next is what the worker should get, and a nil channel when nothing waits.
// Frames of the challenge go before previews, which are out of date then.
func (p *pump) next() (chan<- job, job) {
	switch {
	case len(p.queue) > 0:
		return p.jobs, p.queue[0]
	case p.preview != nil:
		return p.jobs, job{frame: p.preview}
	}
	return nil, job{}
}

func (p *pump) took(j job) {
	if j.frame != nil && j.frame.Preview {
		p.preview = nil
		return
	}
	if j.frame != nil {
		p.pictures--
	}
	p.queue[0] = job{} // frees the picture
	p.queue = p.queue[1:]
}

func (p *pump) firstOut() (chan<- []byte, []byte) {
	if len(p.pending) == 0 {
		return nil, nil
	}
	return p.out, p.pending[0]
}

// answer hands the worker's report to the session.
func (p *pump) answer(r report) []capture.Effect {
	now := p.s.now()
	switch {
	case r.err != nil:
		return p.session.Fail(now, r.err)
	case r.verdict != nil:
		return p.session.Result(now, *r.verdict)
	case r.guidance != nil:
		return p.session.Guide(now, *r.guidance)
	case r.plan != nil:
		return p.session.Forecasted(now, *r.plan)
	}
	return nil
}

// stop ends the session without a word to the client.
func (p *pump) stop(r faceproof.Reason) {
	p.ended = true
	p.end = capture.End{Reason: r, Code: capture.CloseDone, Text: "closed"}
}

func (p *pump) apply(effects []capture.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case capture.Send:
			p.send(e.Message)
		case capture.Preview:
			p.preview = &e.Frame
		case capture.Record:
			p.preview = nil
			p.queue = append(p.queue, job{frame: &e.Frame})
			p.pictures++
		case capture.Sound:
			p.queue = append(p.queue, job{sound: &e.Audio})
		case capture.Forecast:
			p.queue = append(p.queue, job{forecast: &e})
		case capture.Analyse:
			if !e.Complete {
				p.queue, p.pictures = nil, 0 // not to be measured
			}
			p.queue = append(p.queue, job{analyse: &e})
		case capture.End:
			p.ended, p.end = true, e
		}
	}
}

func (p *pump) send(m capture.ServerMessage) {
	if _, ok := m.(capture.Guide); ok && len(p.pending) >= guideLimit {
		return
	}
	b, err := capture.Marshal(m)
	if err != nil {
		panic(err) // a message of ours that has no JSON
	}
	p.pending = append(p.pending, b)
}

// flush gives the last messages to a socket that still reads.
func (p *pump) flush() {
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	for _, b := range p.pending {
		select {
		case p.out <- b:
			continue
		default:
		}
		select {
		case p.out <- b:
		case <-p.closed:
			return
		case <-p.parent.Done():
			return
		case <-timer.C:
			return
		}
	}
}
