// Package pace bounds how often each of many callers may do something: a token
// bucket for each, and never more than so many buckets, whoever comes. It is of
// one process; what must hold over several is counted in the database.
package pace

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is what one bucket gives: Burst at once, then PerSecond. Zero: not bounded.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Buckets are the buckets of callers that K names. They are safe for concurrent
// use.
type Buckets[K comparable] struct {
	rate Rate
	most int

	mu  sync.Mutex
	per map[K]*rate.Limiter
}

// New makes buckets, at most most of them at once; some 200 bytes each.
func New[K comparable](r Rate, most int) *Buckets[K] {
	return &Buckets[K]{rate: r, most: most, per: map[K]*rate.Limiter{}}
}

// Take takes one token of a caller's, and says whether there was one.
func (b *Buckets[K]) Take(who K, now time.Time) bool {
	if b.rate == (Rate{}) {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.per[who]
	if !ok {
		if len(b.per) >= b.most {
			b.forget(now)
		}
		l = rate.NewLimiter(rate.Limit(b.rate.PerSecond), b.rate.Burst)
		b.per[who] = l
	}
	return l.AllowN(now, 1)
}

// Has says whether there is a token for a caller, and takes none.
func (b *Buckets[K]) Has(who K, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.per[who]
	return !ok || l.TokensAt(now) >= 1
}

// forget drops those whose bucket is full again; when that frees nothing, all:
// so many callers at once are not what a bucket for each is for.
func (b *Buckets[K]) forget(now time.Time) {
	for who, l := range b.per {
		if l.TokensAt(now) >= float64(b.rate.Burst) {
			delete(b.per, who)
		}
	}
	if len(b.per) >= b.most {
		clear(b.per)
	}
}

// Len is how many callers are remembered.
func (b *Buckets[K]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.per)
}
