// Package draw hands out random bytes for rejection sampling: challenges are drawn
// by it.
package draw

import "io"

// Bytes reads a source. After an error it counts on, so that rejection sampling
// ends; its owner looks at Err and throws all away.
type Bytes struct {
	Err  error
	r    io.Reader
	buf  [64]byte
	n, i int
	fake byte
}

// From reads r.
func From(r io.Reader) *Bytes { return &Bytes{r: r} }

// Next is one byte.
func (b *Bytes) Next() byte {
	if b.i == b.n && b.Err == nil {
		b.i = 0
		b.n, b.Err = io.ReadFull(b.r, b.buf[:])
	}
	if b.Err != nil {
		b.fake += 43
		return b.fake
	}
	b.i++
	return b.buf[b.i-1]
}
