package analysis

import (
	"context"
	"slices"
	"sync"
)

// turn says who goes first where all work at once would not: the person whose
// capture is over waits for the answer, a frame of a capture only for the next
// frame, and a preview that is late is out of date anyway.
type turn int

const (
	turnFinish turn = iota
	turnFrame
	turnPreview
	turns
)

// gate bounds what runs at once and lets those who wait in by their turn, then
// by how long they have waited.
type gate struct {
	mu      sync.Mutex
	free    int
	waiting [turns][]chan struct{} // each with room for the one word that it is in
}

func newGate(n int) *gate { return &gate{free: n} }

// enter waits for room until ctx ends. leave must follow a nil error.
func (g *gate) enter(ctx context.Context, t turn) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	in := make(chan struct{}, 1)
	g.waiting[t] = append(g.waiting[t], in)
	g.mu.Unlock()
	select {
	case <-in:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	at := slices.Index(g.waiting[t], in)
	if at >= 0 {
		g.waiting[t] = slices.Delete(g.waiting[t], at, at+1)
	}
	g.mu.Unlock()
	if at < 0 { // it was let in meanwhile
		g.leave()
	}
	return ctx.Err()
}

// leave makes room for the next one.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for t, w := range g.waiting {
		if len(w) > 0 {
			in := w[0]
			g.waiting[t] = slices.Delete(w, 0, 1)
			in <- struct{}{}
			return
		}
	}
	g.free++
}
