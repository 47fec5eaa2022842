// Package analysis is the one pipeline from a capture to Evidence. The server
// and the evaluation both go through it: that is what makes published numbers
// honest. It measures and knows no policy.
//
// Frames are analysed as they arrive, so that little is left to do when the
// last one is in. Of each frame a grid of mean colours is kept, of a few an
// embedding, of the best of the pre-roll the JPEG: no decoded picture.
package analysis

import (
	"context"
	"io"
	"runtime"
	"sync"
	"time"

	"faceproof/internal/digits"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Config of an Analyzer.
type Config struct {
	Engine      *face.Engine
	Speech      digits.Recogniser // nil: digits cannot be judged
	Rand        io.Reader         // seeds the randomisation test; nil: crypto/rand
	Candidates  int               // of the randomisation test; 0: 10,000
	Concurrency int               // frames worked on at once, over all runs; 0: one for each processor, at least 2
	// Watch hears how long each stage of the work took, from several goroutines at
	// once; nil: nobody does.
	Watch func(Stage, time.Duration)
}

// Analyzer makes Runs. It is safe for concurrent use.
type Analyzer struct {
	engine *face.Engine
	speech digits.Recogniser
	random io.Reader // nil: the system's
	tries  int       // candidates
	gate   *gate
	watch  func(Stage, time.Duration)
	pics   sync.Pool // *imaging.Image, as many as are worked on at once
}

// New makes an Analyzer.
func New(c Config) *Analyzer {
	if c.Concurrency <= 0 {
		c.Concurrency = max(2, runtime.GOMAXPROCS(0))
	}
	return &Analyzer{engine: c.Engine, speech: c.Speech, random: c.Rand, tries: c.Candidates, gate: newGate(c.Concurrency), watch: c.Watch,
		pics: sync.Pool{New: func() any { return new(imaging.Image) }}}
}

// Begin starts the analysis of one session.
func (a *Analyzer) Begin() *Run { return &Run{a: a, tracker: face.NewTracker()} }

// begin waits for room to work; done, which must follow a nil error, gives it back.
func (a *Analyzer) begin(ctx context.Context, t turn, whole Stage) (work, error) {
	asked := time.Now()
	if err := a.gate.enter(ctx, t); err != nil {
		return work{}, err
	}
	a.lap(StageWait, asked)
	return work{a, whole, time.Now()}, nil
}

// work is what begin let in.
type work struct {
	a     *Analyzer
	whole Stage
	start time.Time
}

func (w work) done() {
	w.a.gate.leave()
	w.a.lap(w.whole, w.start)
}

// decode reads a frame into a picture that is given back with a.pics.Put: nothing
// may keep it.
func (a *Analyzer) decode(jpeg []byte) (*imaging.Image, error) {
	defer a.lap(StageDecode, time.Now())
	m := a.pics.Get().(*imaging.Image)
	if err := imaging.DecodeInto(m, jpeg, imaging.FrameLimits); err != nil {
		a.pics.Put(m)
		return nil, badFrame(err)
	}
	return m, nil
}
