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

// Tensor is a dense float32 array, the last dimension varying fastest.
// len(Data) is the product of Shape.
type Tensor struct {
	Shape []int64
	Data  []float32
}

// SessionConfig says which inputs and outputs Run takes and gives, in which
// order. Empty: the model's own, in its order.
type SessionConfig struct {
	Inputs, Outputs []string
}

// Port is one input or output of a network. A dimension of -1 is free.
type Port struct {
	Name  string
	Shape []int64
}

// Session is one loaded network. It is safe for concurrent use.
type Session struct {
	runtime *Runtime
	inputs  []Port
	outputs []Port

	mu    sync.RWMutex // write: Close, Loop
	s     *ort.DynamicAdvancedSession
	loops []*Loop
}

// maxElements bounds one input; the largest of a pack has 307,200.
const maxElements = 1 << 26

// Load reads a network from a file whose digest the caller has checked: a
// hostile network is arbitrary computation. Errors: CodeInvalid, field "model".
func (r *Runtime) Load(path string, c SessionConfig) (*Session, error) {
	return r.load(c, func(o *ort.SessionOptions) ([]ort.InputOutputInfo, []ort.InputOutputInfo, error) {
		return ort.GetInputOutputInfoWithOptions(path, o)
	}, func(in, out []string, o *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
		return ort.NewDynamicAdvancedSession(path, in, out, o)
	})
}

// LoadBytes is Load of a network that is in memory, such as one that the program
// carries. Errors: CodeInvalid, field "model".
func (r *Runtime) LoadBytes(network []byte, c SessionConfig) (*Session, error) {
	return r.load(c, func(*ort.SessionOptions) ([]ort.InputOutputInfo, []ort.InputOutputInfo, error) {
		if len(network) == 0 {
			return nil, nil, fmt.Errorf("the network is empty")
		}
		return ort.GetInputOutputInfoWithONNXData(network)
	}, func(in, out []string, o *ort.SessionOptions) (*ort.DynamicAdvancedSession, error) {
		return ort.NewDynamicAdvancedSessionWithONNXData(network, in, out, o)
	})
}

// load asks what a network takes and gives, and opens it.
func (r *Runtime) load(c SessionConfig, info func(*ort.SessionOptions) (in, out []ort.InputOutputInfo, err error),
	open func(in, out []string, o *ort.SessionOptions) (*ort.DynamicAdvancedSession, error)) (*Session, error) {
	options, err := sessionOptions()
	if err != nil {
		return nil, fmt.Errorf("onnx: session options: %w", err)
	}
	defer options.Destroy()
	bad := func(err error) (*Session, error) {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "model", Message: "ONNX Runtime cannot load this network", Err: err}
	}
	in, out, err := info(options)
	if err != nil {
		return bad(err)
	}
	s := &Session{runtime: r}
	if s.inputs, err = ports(in, c.Inputs); err != nil {
		return bad(err)
	}
	if s.outputs, err = ports(out, c.Outputs); err != nil {
		return bad(err)
	}
	if s.s, err = open(names(s.inputs), names(s.outputs), options); err != nil {
		return bad(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions == nil {
		_ = s.s.Destroy()
		return nil, faceproof.Errorf(faceproof.CodeUnavailable, "runtime", "is closed")
	}
	r.sessions[s] = struct{}{}
	return s, nil
}

func sessionOptions() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	for _, set := range []func() error{
		func() error { return o.SetIntraOpNumThreads(1) },
		func() error { return o.SetInterOpNumThreads(1) },
		func() error { return o.AddSessionConfigEntry("session.intra_op.allow_spinning", "0") },
		func() error { return o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0") },
		func() error { return o.SetLogSeverityLevel(ort.LoggingLevelFatal) },
	} {
		if err := set(); err != nil {
			_ = o.Destroy()
			return nil, err
		}
	}
	return o, nil
}

// ports picks the wanted ports (all when wanted is empty) and checks that they
// are float32 tensors.
func ports(have []ort.InputOutputInfo, wanted []string) ([]Port, error) {
	var all []Port
	for _, p := range have {
		if len(wanted) > 0 && !slices.Contains(wanted, p.Name) {
			continue
		}
		if p.OrtValueType != ort.ONNXTypeTensor || p.DataType != ort.TensorElementDataTypeFloat {
			return nil, fmt.Errorf("%q is not a float32 tensor", p.Name)
		}
		all = append(all, Port{p.Name, slices.Clone(p.Dimensions)})
	}
	if len(wanted) == 0 {
		return all, nil
	}
	picked := make([]Port, len(wanted))
	for i, name := range wanted {
		at := slices.IndexFunc(all, func(p Port) bool { return p.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no input or output %q", name)
		}
		picked[i] = all[at]
	}
	return picked, nil
}

func names(ports []Port) []string {
	out := make([]string, len(ports))
	for i, p := range ports {
		out[i] = p.Name
	}
	return out
}

// Inputs gives what Run takes, in order.
func (s *Session) Inputs() []Port { return slices.Clone(s.inputs) }

// Outputs gives what Run gives, in order.
func (s *Session) Outputs() []Port { return slices.Clone(s.outputs) }

// Run computes the outputs. It waits for a slot of the Runtime until ctx ends;
// a network that has started is not interrupted, for it takes milliseconds.
// The tensors given are only read, the tensors returned belong to the caller.
// Errors: CodeInvalid with field "input" for a wrong number or shape,
// CodeUnavailable after Close, ctx.Err.
func (s *Session) Run(ctx context.Context, in ...Tensor) ([]Tensor, error) {
	if err := s.check(in); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.runtime.acquire(ctx.Done()) {
		return nil, ctx.Err()
	}
	defer s.runtime.release()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.s == nil {
		return nil, closed()
	}

	// C holds these Go arrays until the values are destroyed.
	var pin runtime.Pinner
	defer pin.Unpin()
	values := make([]ort.Value, 0, len(in))
	results := make([]ort.Value, len(s.outputs))
	defer func() {
		for _, v := range append(values, results...) {
			if v != nil {
				_ = v.Destroy() // Go's collector does not
			}
		}
	}()
	for _, t := range in {
		pin.Pin(&t.Data[0])
		v, err := ort.NewTensor(ort.Shape(t.Shape), t.Data)
		if err != nil {
			return nil, fmt.Errorf("onnx: %w", err)
		}
		values = append(values, v)
	}
	if err := s.s.Run(values, results); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	out := make([]Tensor, len(results))
	for i, v := range results {
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return nil, fmt.Errorf("onnx: output %q is not a float32 tensor", s.outputs[i].Name)
		}
		// The wrapper has already copied the data into Go memory.
		out[i] = Tensor{Shape: t.GetShape(), Data: t.GetData()}
	}
	return out, nil
}

// check refuses what the C library would answer with an obscure message, or
// would read past the end of.
func (s *Session) check(in []Tensor) error {
	if len(in) != len(s.inputs) {
		return faceproof.Errorf(faceproof.CodeInvalid, "input", "%d tensors given, the network takes %d", len(in), len(s.inputs))
	}
	for i, t := range in {
		p := s.inputs[i]
		bad := len(t.Shape) != len(p.Shape)
		n := int64(1)
		for d := 0; d < len(t.Shape) && !bad; d++ {
			bad = t.Shape[d] < 1 || t.Shape[d] > maxElements || (p.Shape[d] > 0 && p.Shape[d] != t.Shape[d])
			n *= t.Shape[d]
			bad = bad || n > maxElements
		}
		if bad {
			return faceproof.Errorf(faceproof.CodeInvalid, "input", "%q has shape %v, the network takes %v", p.Name, t.Shape, p.Shape)
		}
		if n != int64(len(t.Data)) {
			return faceproof.Errorf(faceproof.CodeInvalid, "input", "%q has %d numbers for shape %v", p.Name, len(t.Data), t.Shape)
		}
	}
	return nil
}

// Close frees the network, after the runs that have started. A second Close
// does nothing.
func (s *Session) Close() error {
	s.runtime.mu.Lock()
	delete(s.runtime.sessions, s)
	s.runtime.mu.Unlock()
	return s.close()
}

func (s *Session) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s == nil {
		return nil
	}
	for _, l := range s.loops {
		l.close()
	}
	err := s.s.Destroy()
	s.s, s.loops = nil, nil
	return err
}
