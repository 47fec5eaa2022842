package imaging

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
)

// budget bounds what the decoders hold at once and what they have left lying for the
// collector, together: the peak depends neither on how many people send large pictures
// nor on when the collector runs. Who asks for more than all of it is let in alone. In
// order of coming: nobody waits for ever.
type budget struct {
	mu      sync.Mutex
	all     int // bytes
	used    int
	loose   int    // given back since the last collection: it still takes up memory
	collect func() // frees what is loose, down to the system
	waiting []*claim
}

type claim struct {
	bytes int
	in    chan struct{}
}

// smallMemory is what a frame of a capture needs at most, as a rule: such pictures
// never wait behind a large one, only for a processor.
const smallMemory = 2 << 20

var (
	memory    = &budget{all: 96 << 20, collect: debug.FreeOSMemory}
	processor = make(chan struct{}, max(runtime.GOMAXPROCS(0), 2))
)

// acquire waits until a picture whose decoder needs mem bytes may be decoded.
func acquire(mem int) lease {
	if mem > smallMemory {
		memory.take(mem)
	}
	processor <- struct{}{}
	return lease{mem}
}

// lease is what acquire gave.
type lease struct{ mem int }

func (l lease) release() {
	<-processor
	if l.mem > smallMemory {
		memory.give(l.mem)
	}
}

func (b *budget) take(n int) {
	b.mu.Lock()
	if len(b.waiting) == 0 && b.enter(n) {
		b.mu.Unlock()
		return
	}
	c := &claim{n, make(chan struct{})}
	b.waiting = append(b.waiting, c)
	b.mu.Unlock()
	<-c.in
}

func (b *budget) give(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.loose += n
	for len(b.waiting) > 0 && b.enter(b.waiting[0].bytes) {
		close(b.waiting[0].in)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// enter lets n bytes in where there is room for them; where only what is loose is in the
// way, that goes first.
func (b *budget) enter(n int) bool {
	if b.used > 0 && b.used+n > b.all {
		return false
	}
	if b.loose > 0 && b.used+b.loose+n > b.all {
		b.collect()
		b.loose = 0
	}
	b.used += n
	return true
}
