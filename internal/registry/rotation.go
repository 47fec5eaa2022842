package registry

import (
	"context"

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
			a := faceproof.AuditEntry{At: l.c.Now().UnixMilli(), Actor: actor, Action: "person.reseal", Object: old.ID}
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
	for after := ""; ; {
		some, err := l.c.Store.KeysNotUnder(ctx, kek, after, rewrapBatch)
		if err != nil || len(some) == 0 {
			return done, failed, err
		}
		var old, now []faceproof.KeyedPerson
		for _, k := range some {
			after = k.ID
			w, same, err := l.c.Keys.Rewrap(ctx, k.ID, k.Keys)
			if faceproof.ErrorCode(err) == faceproof.CodeInternal {
				failed++
				continue
			}
			if err != nil {
				return done, failed, err
			}
			if !same {
				old, now = append(old, k), append(now, faceproof.KeyedPerson{ID: k.ID, Keys: w})
			}
		}
		if err := l.c.Store.PutRewrapped(ctx, old, now); err != nil {
			return done, failed, err
		}
		done += len(now)
		if err := progress(done); err != nil {
			return done, failed, err
		}
	}
}
