package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"faceproof"
	"faceproof/internal/modelpack/convert"
)

// library gives the runtime's library in the installed npm packages, or skips
// the test; in CI, where it must be there, it fails instead.
func library(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("FACEPROOF_NPM")
	if dir == "" {
		dir = filepath.Join("..", "..", "models", "npm", "node_modules")
	}
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	path := filepath.Join(dir, "onnxruntime-node", "bin", "napi-v6", "linux", arch, "libonnxruntime.so.1")
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
		}
		tb.Skip("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
	}
	return path
}

// network writes a small network: n×3×side×side → "mesh" n×(3·side²), the same
// numbers in channel-last order, and "flag", their sigmoid.
func network(tb testing.TB, side int) string {
	tb.Helper()
	text := fmt.Sprintf(`{"format":"graph-model","modelTopology":{"node":[
		{"name":"x","op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":"-1"},{"size":"%d"},{"size":"%[1]d"},{"size":"3"}]}}}},
		{"name":"to","op":"Const"},
		{"name":"flat","op":"Reshape","input":["x","to"]},
		{"name":"Identity_2","op":"Identity","input":["flat"]},
		{"name":"Identity_1","op":"Sigmoid","input":["flat"]}]},
		"weightsManifest":[{"paths":["x"],"weights":[{"name":"to","shape":[2],"dtype":"int32"}]}]}`, side)
	weights := binary.LittleEndian.AppendUint32([]byte{255, 255, 255, 255}, uint32(3*side*side))
	model, err := convert.FaceMesh(convert.Files{JSON: []byte(text), Weights: weights})
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "net.onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func open(tb testing.TB, side int) *Session {
	tb.Helper()
	r, err := Open(library(tb))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = r.Close() })
	s, err := r.Load(network(tb, side), SessionConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func picture(batch, side int, start float32) Tensor {
	t := Tensor{Shape: []int64{int64(batch), 3, int64(side), int64(side)}, Data: make([]float32, batch*3*side*side)}
	for i := range t.Data {
		t.Data[i] = start + float32(i)
	}
	return t
}

func TestRun(t *testing.T) {
	s := open(t, 2)
	if got := fmt.Sprint(s.Inputs(), s.Outputs()); got != "[{image [-1 3 2 2]}] [{mesh [-1 12]} {flag [-1 12]}]" {
		t.Errorf("ports %s", got)
	}
	for _, batch := range []int{1, 3} {
		out, err := s.Run(context.Background(), picture(batch, 2, 0))
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 2 || fmt.Sprint(out[0].Shape) != fmt.Sprintf("[%d 12]", batch) || len(out[0].Data) != 12*batch {
			t.Fatalf("got %v", out)
		}
		if got := fmt.Sprint(out[0].Data[:6]); got != "[0 4 8 1 5 9]" { // channel first → last
			t.Errorf("got %s", got)
		}
		if want := 1 / (1 + math.Exp(-4)); math.Abs(float64(out[1].Data[1])-want) > 1e-6 {
			t.Errorf("sigmoid(4) = %v", out[1].Data[1])
		}
	}
}

func TestOutputsAreChosen(t *testing.T) {
	s := open(t, 2)
	only, err := s.runtime.Load(network(t, 2), SessionConfig{Inputs: []string{"image"}, Outputs: []string{"flag"}})
	if err != nil {
		t.Fatal(err)
	}
	out, err := only.Run(context.Background(), picture(1, 2, 0))
	if err != nil || len(out) != 1 || out[0].Data[0] != .5 {
		t.Errorf("got %v, %v", out, err)
	}
	for _, c := range []SessionConfig{{Outputs: []string{"nothing"}}, {Inputs: []string{"nothing"}}} {
		if _, err := s.runtime.Load(network(t, 2), c); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestWrongShapes(t *testing.T) {
	s := open(t, 4)
	good := picture(1, 4, 0)
	for name, in := range map[string][]Tensor{
		"none":         nil,
		"two":          {good, good},
		"rank":         {{Shape: []int64{3, 4, 4}, Data: good.Data}},
		"side":         {picture(1, 5, 0)},
		"channel last": {{Shape: []int64{1, 4, 4, 3}, Data: good.Data}},
		"zero batch":   {{Shape: []int64{0, 3, 4, 4}}},
		"negative":     {{Shape: []int64{-1, 3, 4, 4}, Data: good.Data}},
		"overflow":     {{Shape: []int64{math.MaxInt64, 3, 4, 4}, Data: good.Data}},
		"too few":      {{Shape: good.Shape, Data: good.Data[1:]}},
		"too many":     {{Shape: good.Shape, Data: append(good.Data, 1)}},
		"empty":        {{}},
	} {
		if _, err := s.Run(context.Background(), in...); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := s.Run(context.Background(), good); err != nil {
		t.Errorf("after the wrong ones: %v", err)
	}
}

func TestParallelRun(t *testing.T) {
	s := open(t, 8)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				start := float32(1000*g + i)
				out, err := s.Run(context.Background(), picture(1, 8, start))
				if err != nil || out[0].Data[0] != start || out[0].Data[3] != start+1 {
					t.Errorf("got %v, %v, want %v", out[0].Data[:4], err, start)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestBounded holds every slot of the process: a Run waits until its context
// ends, and runs when a slot is free.
func TestBounded(t *testing.T) {
	s := open(t, 2)
	if cap(s.runtime.slot) != DefaultConcurrency {
		t.Errorf("%d slots, want %d", cap(s.runtime.slot), DefaultConcurrency)
	}
	for range DefaultConcurrency {
		if !s.runtime.acquire(nil) {
			t.Fatal("a slot is taken")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Run(ctx, picture(1, 2, 0)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with no free slot: %v", err)
	}
	s.runtime.release()
	if _, err := s.Run(context.Background(), picture(1, 2, 0)); err != nil {
		t.Errorf("with a free slot: %v", err)
	}
	s.runtime.release()
	if len(s.runtime.slot) != 0 {
		t.Error("a slot was not given back")
	}
	done, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Run(done, picture(1, 2, 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestClose(t *testing.T) {
	s := open(t, 2)
	r := s.runtime
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if _, err := s.Run(context.Background(), picture(1, 2, 0)); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("run after close: %v", err)
	}
	again, err := r.Load(network(t, 2), SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Run(context.Background(), picture(1, 2, 0)); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("run after the runtime's close: %v", err)
	}
	if _, err := r.Load(network(t, 2), SessionConfig{}); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("load after close: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

// Closing waits for the runs that have started, and later ones are refused.
func TestCloseWhileRunning(t *testing.T) {
	s := open(t, 32)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				_, err := s.Run(context.Background(), picture(1, 32, 0))
				if err == nil {
					continue
				}
				if faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
					t.Errorf("got %v", err)
				}
				return
			}
		})
	}
	time.Sleep(10 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

func TestOpenOncePerProcess(t *testing.T) {
	path := library(t)
	a, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.Version(), "1.") || a.Version() != b.Version() {
		t.Errorf("versions %q, %q", a.Version(), b.Version())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := b.Load(network(t, 2), SessionConfig{})
	if err != nil {
		t.Fatalf("after the other handle's close: %v", err)
	}
	if _, err := s.Run(context.Background(), picture(1, 2, 0)); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "other.so")); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("another library: %v", err)
	}
}

// TestLeakFree runs a network often enough that values which are not freed would
// show: ONNX Runtime keeps some hundred bytes for each of the three of a run.
func TestLeakFree(t *testing.T) {
	s := open(t, 2)
	in := picture(1, 2, 0)
	run := func(times int) {
		for range times {
			if _, err := s.Run(context.Background(), in); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
	}
	run(2000)
	before := resident(t)
	run(60000)
	if grown := resident(t) - before; grown > 8<<20 {
		t.Errorf("60,000 runs grew the process by %.1f MB", float64(grown)/(1<<20))
	}
}

// resident gives the memory of the process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestQuiet runs every kind of failure in a process of its own and wants nothing
// on its stderr but what the test writes.
func TestQuiet(t *testing.T) {
	path := library(t)
	if os.Getenv("FACEPROOF_TEST_QUIET") != "1" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestQuiet$")
		cmd.Env = append(os.Environ(), "FACEPROOF_TEST_QUIET=1")
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if errOut.Len() > 0 {
			t.Errorf("stderr is not empty:\n%.2000s", errOut.String())
		}
		return
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing.so")); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("missing library: %v", err)
	}
	garbage := filepath.Join(t.TempDir(), "garbage")
	if err := os.WriteFile(garbage, []byte("neither a library nor a network"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(garbage); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("garbage as a library: %v", err)
	}
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load(garbage, SessionConfig{}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("garbage as a network: %v", err)
	}
	failing, err := r.Load(reshaping(t), SessionConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := failing.Run(context.Background(), Tensor{Shape: []int64{4}, Data: make([]float32, 4)}); err == nil {
		t.Error("four numbers were reshaped to five")
	}
}

// reshaping writes a network that takes any vector and fails while it runs
// unless it has five numbers.
func reshaping(t *testing.T) string {
	t.Helper()
	message := func(b []byte, field protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
	}
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	port := func(name string, dim []byte) []byte {
		shape := message(nil, 1, dim)
		return message(message(nil, 1, []byte(name)), 2, message(nil, 1, message(number(nil, 1, 1), 2, shape)))
	}
	var node, five []byte
	for i, name := range []string{"x", "five", "y"} {
		node = message(node, protowire.Number(1+i/2), []byte(name))
	}
	five = number(number(nil, 1, 1), 2, 7)
	five = message(message(five, 8, []byte("five")), 9, binary.LittleEndian.AppendUint64(nil, 5))
	graph := message(nil, 1, message(node, 4, []byte("Reshape")))
	graph = message(message(graph, 2, []byte("g")), 5, five)
	graph = message(graph, 11, port("x", message(nil, 2, []byte("n"))))
	graph = message(graph, 12, port("y", number(nil, 1, 5)))
	model := message(number(nil, 1, 8), 7, graph)
	model = message(model, 8, number(nil, 2, 13))
	path := filepath.Join(t.TempDir(), "reshaping.onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func BenchmarkOverhead(b *testing.B) {
	s := open(b, 64)
	in := picture(1, 64, 0)
	for b.Loop() {
		if _, err := s.Run(context.Background(), in); err != nil {
			b.Fatal(err)
		}
	}
}
