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

	"faceproof/internal/digits"
	"faceproof/internal/face"
)

// Config of an Analyzer.
type Config struct {
	Engine      *face.Engine
	Speech      digits.Recogniser // nil: digits cannot be judged
	Rand        io.Reader         // seeds the randomisation test; nil: crypto/rand
	Candidates  int               // of the randomisation test; 0: 10,000
	Concurrency int               // frames worked on at once, over all runs; 0: 2
}

// Analyzer makes Runs. It is safe for concurrent use.
type Analyzer struct {
	engine *face.Engine
	speech digits.Recogniser
	random io.Reader // nil: the system's
	tries  int       // candidates
	slots  chan struct{}
}

// New makes an Analyzer.
func New(c Config) *Analyzer {
	if c.Concurrency <= 0 {
		c.Concurrency = 2
	}
	return &Analyzer{engine: c.Engine, speech: c.Speech, random: c.Rand, tries: c.Candidates, slots: make(chan struct{}, c.Concurrency)}
}

// Begin starts the analysis of one session.
func (a *Analyzer) Begin() *Run { return &Run{a: a, tracker: face.NewTracker()} }

// acquire waits for a turn.
func (a *Analyzer) acquire(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case a.slots <- struct{}{}:
		return func() { <-a.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
