package pace

import (
	"testing"
	"time"
)

var from = time.Unix(1e9, 0)

func TestTake(t *testing.T) {
	b := New[string](Rate{PerSecond: 2, Burst: 3}, 10)
	took := func(who string, after time.Duration) (n int) {
		for range 100 {
			if b.Take(who, from.Add(after)) {
				n++
			}
		}
		return n
	}
	if !b.Has("a", from) || b.Len() != 0 {
		t.Error("a question took something")
	}
	for _, c := range []struct {
		who   string
		after time.Duration
		want  int
	}{{"a", 0, 3}, {"a", 0, 0}, {"b", 0, 3}, {"a", time.Second, 2}, {"a", time.Hour, 3}} {
		if n := took(c.who, c.after); n != c.want {
			t.Errorf("%s after %v: %d, want %d", c.who, c.after, n, c.want)
		}
		if b.Has(c.who, from.Add(c.after)) {
			t.Errorf("%s has some left", c.who)
		}
	}
	if none := New[string](Rate{}, 1); !none.Take("a", from) || !none.Take("b", from) || none.Len() != 0 {
		t.Error("a zero rate bounds")
	}
}

// The memory of the limit is bounded, whoever comes, and those who are limited
// stay so while others' buckets have filled up again.
func TestBucketsAreBounded(t *testing.T) {
	const most = 1000
	b := New[int](Rate{PerSecond: 10, Burst: 100}, most)
	for i := range 3 * most {
		b.Take(i, from)
		if b.Len() > most {
			t.Fatalf("%d buckets", b.Len())
		}
	}
	b = New[int](Rate{PerSecond: 10, Burst: 100}, most)
	for i := range most {
		b.Take(i, from)
	}
	later := from.Add(time.Second)
	for b.Take(0, later) {
	}
	if b.Take(most, later); b.Len() != 2 || b.Take(0, later) {
		t.Errorf("%d buckets; who was limited is not any more", b.Len())
	}
}
