package convert_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"faceproof/internal/modelpack/convert"
	"faceproof/internal/onnx"
)

// npmDir gives the installed npm packages, or skips the test; in CI, where they
// must be there, it fails instead.
func npmDir(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("FACEPROOF_NPM")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "models", "npm", "node_modules")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "@vladmandic", "human")); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
		}
		tb.Skip("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
	}
	return dir
}

// network is one converter, its input in the packages and in ONNX.
type network struct {
	name          string
	json, weights string // under node_modules
	convert       func(convert.Files) ([]byte, error)
	side          int
	scale, shift  float32 // input = pixel × scale + shift
	outputs       []string
}

var networks = []network{
	{"blazeface", "@vladmandic/human/models/blazeface.json", "@vladmandic/human/models/blazeface.bin", convert.BlazeFace,
		256, 1 / 127.5, -1, []string{"scores512", "boxes512", "scores384", "boxes384"}},
	{"facemesh", "@vladmandic/human/models/facemesh.json", "@vladmandic/human/models/facemesh.bin", convert.FaceMesh,
		192, 1. / 255, 0, []string{"mesh", "flag"}},
	{"dlib-resnet", "@vladmandic/face-api/model/face_recognition_model-weights_manifest.json", "@vladmandic/face-api/model/face_recognition_model.bin", convert.DlibResNet,
		150, 1, 0, []string{"descriptor"}},
}

func (n network) files(tb testing.TB, npm string) convert.Files {
	tb.Helper()
	var f convert.Files
	var err error
	if f.JSON, err = os.ReadFile(filepath.Join(npm, n.json)); err == nil {
		f.Weights, err = os.ReadFile(filepath.Join(npm, n.weights))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// pixels is a smooth deterministic picture with noise, 0 to 255, NHWC.
func (n network) pixels() []float32 {
	out := make([]float32, n.side*n.side*3)
	state := uint32(2463534242)
	for i := range out {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		x, y, c := i/3%n.side, i/3/n.side, i%3
		wave := math.Sin(float64(x*(c+1))/17) * math.Cos(float64(y)/(11+float64(c)))
		out[i] = float32(math.Round(127.5 + 80*wave + float64(state%64) - 32))
	}
	return out
}

func (n network) session(tb testing.TB, npm string) *onnx.Session {
	tb.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	rt, err := onnx.Open(filepath.Join(npm, "onnxruntime-node", "bin", "napi-v6", "linux", arch, "libonnxruntime.so.1"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	model, err := n.convert(n.files(tb, npm))
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), n.name+".onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		tb.Fatal(err)
	}
	s, err := rt.Load(path, onnx.SessionConfig{Outputs: n.outputs})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// input gives the network's input in NHWC and in NCHW.
func (n network) input() (nhwc, nchw []float32) {
	nhwc = n.pixels()
	nchw = make([]float32, len(nhwc))
	for i := range nhwc {
		nhwc[i] = nhwc[i]*n.scale + n.shift
		nchw[i%3*n.side*n.side+i/3] = nhwc[i]
	}
	return nhwc, nchw
}

// TestParity compares each converted network with the npm package itself, run
// by TensorFlow.js in Node on one picture: at most 1e-4 of each output's range.
func TestParity(t *testing.T) {
	npm := npmDir(t)
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("Node is needed to run the npm packages")
	}
	for _, n := range networks {
		t.Run(n.name, func(t *testing.T) {
			nhwc, nchw := n.input()
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			var raw bytes.Buffer
			if err := binary.Write(&raw, binary.LittleEndian, nhwc); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(in, raw.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if log, err := exec.Command("node", filepath.Join("testdata", "parity.mjs"), npm, n.name, in, out).CombinedOutput(); err != nil {
				t.Fatalf("node: %v\n%.2000s", err, log)
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			got, err := n.session(t, npm).Run(context.Background(), onnx.Tensor{Shape: []int64{1, 3, int64(n.side), int64(n.side)}, Data: nchw})
			if err != nil {
				t.Fatal(err)
			}
			for i, g := range got {
				if len(want) < 4*len(g.Data) {
					t.Fatalf("%s: the package gives fewer numbers", n.outputs[i])
				}
				compare(t, n.outputs[i], g.Data, want[:4*len(g.Data)])
				want = want[4*len(g.Data):]
			}
			if len(want) != 0 {
				t.Errorf("the package gives %d numbers more", len(want)/4)
			}
		})
	}
}

func compare(t *testing.T, name string, got []float32, raw []byte) {
	t.Helper()
	want := make([]float32, len(got))
	if err := binary.Read(bytes.NewReader(raw), binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	low, high, worst := math.Inf(1), math.Inf(-1), 0.0
	for i, w := range want {
		low, high = min(low, float64(w)), max(high, float64(w))
		worst = max(worst, math.Abs(float64(w)-float64(got[i])))
	}
	scale := high - low
	if len(want) == 1 {
		scale = 1 // a probability
	}
	t.Logf("%-10s %5d numbers, %.3g to %.3g: largest difference %.2g = %.2g of the range", name, len(want), low, high, worst, worst/scale)
	if !(scale > 0) || math.IsNaN(worst) || worst > 1e-4*scale {
		t.Errorf("%s differs from the npm package by %g of its range", name, worst/scale)
	}
}

func BenchmarkRun(b *testing.B) {
	npm := npmDir(b)
	for _, n := range networks {
		b.Run(n.name, func(b *testing.B) {
			s := n.session(b, npm)
			_, nchw := n.input()
			in := onnx.Tensor{Shape: []int64{1, 3, int64(n.side), int64(n.side)}, Data: nchw}
			for b.Loop() {
				if _, err := s.Run(context.Background(), in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkConvert(b *testing.B) {
	npm := npmDir(b)
	for _, n := range networks {
		b.Run(n.name, func(b *testing.B) {
			f := n.files(b, npm)
			for b.Loop() {
				if _, err := n.convert(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
