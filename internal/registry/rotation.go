package registry

import (
	"cmp"
	"context"
	"sync"

	"faceproof"
)

// rewrapBatch is how many people's keys one transaction stores, so that a
// server that enrols waits for the writer some tens of milliseconds at most.
const rewrapBatch = 2000

// Reseal gives people of before keys of their own, a batch at a time, and calls
// progress with how many are done; it may be interrupted and begun again. failed
// counts those who did not open or were being changed. progress's error ends it.
func (l *Local) Reseal(ctx context.Context, actor string, progress func(done int) error) (done, failed int, err error) {
	const page = 200
	for after := ""; ; {
		persons, err := l.c.Store.SealedByRing(ctx, after, page)
		if err != nil {
			return done, failed, err
		}
		for _, old := range persons {
			after = old.ID
			name, number, t, err := l.open(ctx, old)
			if err != nil {
				failed++
				continue
			}
			p, err := l.seal(ctx, old, name, number, t)
			if err != nil {
				return done, failed, err
			}
			alias, err := l.c.Keys.Person(ctx, p.ID, p.Keys).Pseudonym()
			if err != nil {
				return done, failed, err
			}
			a := faceproof.AuditEntry{At: l.c.Now().UnixMilli(), Actor: actor, Action: "person.reseal", Object: alias}
			if err := l.c.Store.Reseal(ctx, old, p, a); faceproof.ErrorCode(err) == faceproof.CodeConflict {
				failed++ // somebody else is changing this person
				continue
			} else if err != nil {
				return done, failed, err
			}
			done++
		}
		if err := progress(done); err != nil {
			return done, failed, err
		}
		if len(persons) < page {
			return done, failed, nil
		}
	}
}

// Rewrap wraps everybody's keys under the key-encryption key of now, a batch at
// a time, and calls progress with how many are done; it may be interrupted and
// begun again. What the keys seal stays as it is, and readers find keys that
// open at every moment. failed counts those whose keys do not open, which are
// left as they are. progress's error ends it.
func (l *Local) Rewrap(ctx context.Context, progress func(done int) error) (done, failed int, err error) {
	kek, err := l.c.Keys.KEK(ctx)
	if err != nil {
		return 0, 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// One batch is stored while the next one is wrapped.
	for b := range l.rewrapped(ctx, kek) {
		failed += b.failed
		if b.err != nil {
			return done, failed, b.err
		}
		if err := l.c.Store.PutRewrapped(ctx, b.old, b.now); err != nil {
			return done, failed, err
		}
		done += len(b.now)
		if err := progress(done); err != nil {
			return done, failed, err
		}
	}
	return done, failed, ctx.Err()
}

// wrapped is a batch of keys before and after; err ends the rotation.
type wrapped struct {
	old, now []faceproof.KeyedPerson
	failed   int
	err      error
}

// rewrapped reads and wraps all that another key wraps, until ctx ends.
func (l *Local) rewrapped(ctx context.Context, kek string) <-chan wrapped {
	out := make(chan wrapped)
	go func() {
		defer close(out)
		for after := int64(0); ; {
			some, err := l.c.Store.KeysNotUnder(ctx, kek, after, rewrapBatch)
			if err == nil && len(some) == 0 {
				return
			}
			b := wrapped{err: err}
			if err == nil {
				after = some[len(some)-1].Place
				b = l.wrapBatch(ctx, some)
			}
			select {
			case out <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil {
				return
			}
		}
	}()
	return out
}

// rewrapAtOnce is how many wrap a batch together: more than there are
// processors, since a key service answers over the network.
const rewrapAtOnce = 8

// wrapBatch wraps keys anew; those that are wrapped so already are left out.
func (l *Local) wrapBatch(ctx context.Context, some []faceproof.KeyedPerson) wrapped {
	parts := make([]wrapped, rewrapAtOnce)
	var all sync.WaitGroup
	for i := range parts {
		all.Go(func() {
			for _, k := range some[i*len(some)/rewrapAtOnce : (i+1)*len(some)/rewrapAtOnce] {
				w, same, err := l.c.Keys.Rewrap(ctx, k.ID, k.Keys)
				switch p := &parts[i]; {
				case faceproof.ErrorCode(err) == faceproof.CodeInternal:
					p.failed++
				case err != nil:
					p.err = err
					return
				case !same:
					p.old, p.now = append(p.old, k), append(p.now, faceproof.KeyedPerson{ID: k.ID, Place: k.Place, Keys: w})
				}
			}
		})
	}
	all.Wait()
	var b wrapped
	for _, p := range parts {
		b.old, b.now, b.failed = append(b.old, p.old...), append(b.now, p.now...), b.failed+p.failed
		b.err = cmp.Or(b.err, p.err)
	}
	return b
}
