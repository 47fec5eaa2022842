package analysis

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Who waits is let in by turn, then in order; who gives up takes no room.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ctx := newGate(1), context.Background()
		if err := g.enter(ctx, turnPreview); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		wait := func(ctx context.Context, name string, k turn) {
			go func() {
				if err := g.enter(ctx, k); err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				g.leave()
			}()
			synctest.Wait()
		}
		gone, cancel := context.WithCancel(ctx)
		wait(ctx, "preview", turnPreview)
		wait(ctx, "frame 1", turnFrame)
		wait(gone, "gone", turnFinish)
		wait(ctx, "frame 2", turnFrame)
		wait(ctx, "finish", turnFinish)
		cancel()
		synctest.Wait()
		g.leave()
		time.Sleep(time.Second)
		synctest.Wait()
		if want := []string{"finish", "frame 1", "frame 2", "preview"}; !slices.Equal(order, want) {
			t.Errorf("%v, want %v", order, want)
		}
		if g.free != 1 {
			t.Errorf("%d free", g.free)
		}
		if err := g.enter(gone, turnFinish); !errors.Is(err, context.Canceled) || g.free != 1 {
			t.Errorf("after the end of the context: %v", err)
		}
	})
}

// However many come and give up, never more than the room are in, and all of it is
// free in the end.
func TestGateBound(t *testing.T) {
	g := newGate(3)
	var mu sync.Mutex
	in, most := 0, 0
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%3 == 0 {
				go cancel()
			}
			if g.enter(ctx, turn(i)%turns) != nil {
				return
			}
			mu.Lock()
			in++
			most = max(most, in)
			mu.Unlock()
			time.Sleep(10 * time.Microsecond)
			mu.Lock()
			in--
			mu.Unlock()
			g.leave()
		})
	}
	wg.Wait()
	if most > 3 || g.free != 3 {
		t.Errorf("%d in at once, %d free in the end", most, g.free)
	}
}
