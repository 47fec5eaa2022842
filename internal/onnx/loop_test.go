package onnx

import (
	"context"
	"slices"
	"sync"
	"testing"

	"faceproof"
)

// loop makes one of the network of these tests.
func loop(tb testing.TB, side int) (*Session, *Loop) {
	tb.Helper()
	s := open(tb, side)
	l, err := s.Loop([]int64{1, 3, int64(side), int64(side)})
	if err != nil {
		tb.Fatal(err)
	}
	return s, l
}

// A Loop gives what Run gives, run after run and from many callers at once: nobody
// sees another's numbers.
func TestLoopAsRun(t *testing.T) {
	const side = 8
	s, l := loop(t, side)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for k := range 20 {
				in := picture(1, side, float32(100*i+k))
				want, err := s.Run(context.Background(), in)
				if err != nil {
					t.Error(err)
					return
				}
				err = l.Run(context.Background(), func(to []Tensor) { copy(to[0].Data, in.Data) }, func(out []Tensor) error {
					for j := range want {
						if !slices.Equal(out[j].Shape, want[j].Shape) || !slices.Equal(out[j].Data, want[j].Data) {
							t.Errorf("caller %d, run %d: output %d differs", i, k, j)
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(l.free); n < 1 || n > cap(s.runtime.slot) {
		t.Errorf("%d sets are kept", n)
	}
}

// After the first run a Loop allocates only what the wrapper does: two lists of
// pointers, and a pointer for each tensor.
func TestLoopAllocates(t *testing.T) {
	s, l := loop(t, 64)
	fill := func(in []Tensor) { in[0].Data[0]++ }
	use := func([]Tensor) error { return nil }
	n := testing.AllocsPerRun(20, func() {
		if err := l.Run(context.Background(), fill, use); err != nil {
			t.Fatal(err)
		}
	})
	if t.Logf("%v allocations a run", n); int(n) > 2+len(s.inputs)+len(s.outputs) {
		t.Errorf("%v allocations a run", n)
	}
}

func TestLoopRefuses(t *testing.T) {
	s := open(t, 8)
	for _, shape := range [][]int64{nil, {1, 3, 8}, {1, 3, 8, 9}, {0, 3, 8, 8}, {1, 3, -8, 8}, {1 << 40, 3, 8, 8}} {
		if _, err := s.Loop(shape); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%v: %v", shape, err)
		}
	}
	if _, err := s.Loop(); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("no input: %v", err)
	}
}

// Close waits for runs and refuses later ones, also those that have their memory
// already.
func TestLoopClose(t *testing.T) {
	s, l := loop(t, 8)
	none := func([]Tensor) error { return nil }
	if err := l.Run(context.Background(), func([]Tensor) {}, none); err != nil {
		t.Fatal(err)
	}
	err := l.Run(context.Background(), func([]Tensor) {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}, none)
	if faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("closed while it was filled: %v", err)
	}
	if err := l.Run(context.Background(), func([]Tensor) {}, none); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
	if _, err := s.Loop([]int64{1, 3, 8, 8}); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("a new one after Close: %v", err)
	}
	if len(l.free) != 0 {
		t.Errorf("%d sets are kept", len(l.free))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx, func([]Tensor) {}, none); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func BenchmarkLoop(b *testing.B) {
	s, l := loop(b, 192)
	in := picture(1, 192, 0)
	b.Run("run", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Run(context.Background(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("loop", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Run(context.Background(), func(to []Tensor) { copy(to[0].Data, in.Data) }, func([]Tensor) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
}
