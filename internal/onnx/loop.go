package onnx

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"faceproof"
)

// Loop runs a Session again and again with inputs of one size, in memory that it
// keeps: as many sets of tensors as networks may run at once. What is left of garbage
// is the wrapper's, a few pointers a run. It is safe for concurrent use.
type Loop struct {
	s      *Session
	shapes [][]int64

	mu     sync.Mutex // not the Session's, which runs hold
	free   []*tensors
	closed bool
}

// tensors are the inputs and outputs of one run, in Go's memory, which C knows of
// until destroy.
type tensors struct {
	in, out         []Tensor
	values, results []ort.Value
	pin             runtime.Pinner
}

// Loop makes one for inputs of these shapes. Errors: CodeInvalid, field "input".
func (s *Session) Loop(shapes ...[]int64) (*Loop, error) {
	l := &Loop{s: s}
	in := make([]Tensor, len(shapes))
	for i, shape := range shapes {
		l.shapes = append(l.shapes, slices.Clone(shape))
		in[i] = Tensor{Shape: shape, Data: make([]float32, elements(shape))}
	}
	if err := s.check(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil, closed()
	}
	s.loops = append(s.loops, l)
	return l, nil
}

// Run lets fill write the inputs, which hold anything before, computes, and lets use
// read the outputs, which are only its own until it returns. Errors are those of
// Session.Run, or use's.
func (l *Loop) Run(ctx context.Context, fill func(in []Tensor), use func(out []Tensor) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := l.take()
	if err != nil {
		return err
	}
	defer l.give(t)
	fill(t.in)
	if err := l.compute(ctx, t); err != nil {
		return err
	}
	return use(t.out)
}

// compute waits for a slot and runs the network.
func (l *Loop) compute(ctx context.Context, t *tensors) error {
	if !l.s.runtime.acquire(ctx.Done()) {
		return ctx.Err()
	}
	defer l.s.runtime.release()
	l.s.mu.RLock()
	defer l.s.mu.RUnlock()
	if l.s.s == nil {
		return closed()
	}
	if t.out == nil { // the first run says how large the outputs are
		return t.first(l.s)
	}
	if err := l.s.s.Run(t.values, t.results); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	return nil
}

func closed() error { return faceproof.Errorf(faceproof.CodeUnavailable, "model", "is closed") }

// take gives a set that nobody uses.
func (l *Loop) take() (*tensors, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, closed()
	}
	if n := len(l.free); n > 0 {
		t := l.free[n-1]
		l.free = l.free[:n-1]
		return t, nil
	}
	t := &tensors{values: make([]ort.Value, len(l.shapes))}
	for i, shape := range l.shapes {
		v, in, err := t.tensor(shape)
		if err != nil {
			t.destroy()
			return nil, err
		}
		t.values[i], t.in = v, append(t.in, in)
	}
	return t, nil
}

// give keeps a set, or destroys it where there are enough of them or the network is
// closed.
func (l *Loop) give(t *tensors) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.free) >= cap(l.s.runtime.slot) || t.out == nil {
		t.destroy()
		return
	}
	l.free = append(l.free, t)
}

// tensor makes one that C and Go share.
func (t *tensors) tensor(shape []int64) (ort.Value, Tensor, error) {
	data := make([]float32, elements(shape))
	t.pin.Pin(&data[0])
	v, err := ort.NewTensor(ort.Shape(shape), data)
	if err != nil {
		return nil, Tensor{}, fmt.Errorf("onnx: %w", err)
	}
	return v, Tensor{Shape: slices.Clone(shape), Data: data}, nil
}

// close destroys what is kept; a set that is in use goes when it is given back.
func (l *Loop) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.free {
		t.destroy()
	}
	l.free, l.closed = nil, true
}

// first runs the network into memory of the library's and copies the outputs to
// memory for all later runs.
func (t *tensors) first(s *Session) error {
	made := make([]ort.Value, len(s.outputs))
	defer func() {
		for _, v := range made {
			if v != nil {
				_ = v.Destroy()
			}
		}
	}()
	if err := s.s.Run(t.values, made); err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	var out []Tensor
	for i, v := range made {
		from, ok := v.(*ort.Tensor[float32])
		if !ok || len(from.GetData()) == 0 {
			return fmt.Errorf("onnx: output %q is not a float32 tensor", s.outputs[i].Name)
		}
		result, o, err := t.tensor(from.GetShape())
		if err != nil {
			return err
		}
		copy(o.Data, from.GetData())
		t.results, out = append(t.results, result), append(out, o)
	}
	t.out = out
	return nil
}

// destroy takes the memory back from C.
func (t *tensors) destroy() {
	for _, v := range slices.Concat(t.values, t.results) {
		if v != nil {
			_ = v.Destroy()
		}
	}
	t.pin.Unpin()
}

func elements(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		if d < 1 || d > maxElements || n > maxElements/d {
			return 0
		}
		n *= d
	}
	return n
}
