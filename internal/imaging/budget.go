package imaging

import (
	"runtime"
	"slices"
	"sync"
)

// budget bounds what the decoders hold at once, so that the peak depends on the
// machine and not on how many people send large pictures. Who asks for more than
// all of it is let in alone. In order of coming: nobody waits for ever.
type budget struct {
	mu      sync.Mutex
	all     int // bytes
	used    int
	loose   int // given back since the last collection
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
	memory    = &budget{all: 96 << 20}
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
	if len(b.waiting) == 0 && b.fits(n) {
		b.used += n
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
	if b.loose += n; b.loose > b.all/3 {
		b.loose = 0
		runtime.GC() // what is given back is only free when it was collected
	}
	b.used -= n
	for len(b.waiting) > 0 && b.fits(b.waiting[0].bytes) {
		b.used += b.waiting[0].bytes
		close(b.waiting[0].in)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

func (b *budget) fits(n int) bool { return b.used == 0 || b.used+n <= b.all }
