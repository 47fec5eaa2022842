package imaging

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The budget is kept, whoever is larger than it comes in alone, and a large claim
// is not overtaken for ever by small ones.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{all: 100}
		var mu sync.Mutex
		in, most, large, collected := 0, 0, 0, 0
		b.collect = func() { collected++ } // under b.mu
		var wg sync.WaitGroup
		for i := range 60 {
			n := 10 + i%30
			if i == 7 {
				n = 150
			}
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				b.take(n)
				b.mu.Lock()
				if b.used+b.loose > max(b.all, n) {
					t.Errorf("%d held and %d not collected", b.used, b.loose)
				}
				b.mu.Unlock()
				mu.Lock()
				in += n
				if most = max(most, in); n > 100 && in != n {
					t.Errorf("%d beside one that is too large", in-n)
				}
				if n > 100 {
					large = i
				}
				mu.Unlock()
				time.Sleep(20 * time.Millisecond)
				mu.Lock()
				in -= n
				mu.Unlock()
				b.give(n)
			})
		}
		wg.Wait()
		if collected == 0 || collected >= 60 {
			t.Errorf("collected %d times", collected)
		}
		if most != 150 || large != 7 || b.used != 0 || len(b.waiting) != 0 {
			t.Errorf("at most %d, %d left, %d waiting", most, b.used, len(b.waiting))
		}
	})
}
