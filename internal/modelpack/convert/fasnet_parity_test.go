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
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"faceproof/internal/modelpack/convert"
	"faceproof/internal/modelpack/statedict/statedicttest"
	"faceproof/internal/onnx"
)

// fasnets are the networks, with the files that PyTorch exported of them.
var fasnets = []struct {
	name, exported string
	convert        func([]byte) ([]byte, error)
}{
	{"v2", "minifasnet_v2_2.7_80.onnx", convert.MiniFASNetV2},
	{"v1se", "minifasnet_v1se_4.0_80.onnx", convert.MiniFASNetV1SE},
}

// TestMiniFASNetExported takes the weights out of the networks that PyTorch 1.13
// exported from the upstream files, writes a state dict with them, converts that,
// and compares: at most 1e-5 of a probability, on noise and on smooth pictures.
// The export has folded the normalisations but the last, so that those of the
// state dict are the identity: what this proves is the graph, the reader and the
// last normalisation; TestMiniFASNetTorch proves the folding.
func TestMiniFASNetExported(t *testing.T) {
	for _, n := range fasnets {
		exported, err := os.ReadFile(filepath.Join(sharedModels(t), n.exported))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := n.convert(statedicttest.Write(unfold(t, exported), false, nil))
		if err != nil {
			t.Fatalf("%s: %v", n.name, err)
		}
		a, b := load(t, exported), load(t, ours)
		worst, live := 0., [2]float64{1, 0}
		for seed := range uint32(16) {
			in := fasnetInput(seed + 1)
			want, got := probabilities(t, a, in), probabilities(t, b, in)
			for i, w := range want {
				worst = max(worst, math.Abs(float64(w-got[i])))
			}
			live = [2]float64{min(live[0], float64(want[1])), max(live[1], float64(want[1]))}
		}
		t.Logf("%s: live %.2g to %.2g, largest difference %.2g", n.name, live[0], live[1], worst)
		if !(worst < 1e-5) || live[1]-live[0] < .01 {
			t.Errorf("%s differs by %g on inputs of %v live", n.name, worst, live)
		}
	}
}

// TestMiniFASNetTorch writes state dicts with PyTorch itself, in both containers,
// of networks with random weights and statistics, and compares what ours make of
// a picture with what PyTorch makes of it.
func TestMiniFASNetTorch(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE=1 compares with PyTorch (Debian's python3-torch)")
	}
	python := os.Getenv("FACEPROOF_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	for _, n := range fasnets {
		dir := t.TempDir()
		in := fasnetInput(7)
		var raw bytes.Buffer
		if err := binary.Write(&raw, binary.LittleEndian, in); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "in"), raw.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if log, err := exec.Command(python, filepath.Join("testdata", "fasnet.py"), n.name, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%.2000s", err, log)
		}
		want := make([]float32, 3)
		out, err := os.ReadFile(filepath.Join(dir, "out"))
		if err == nil {
			err = binary.Read(bytes.NewReader(out), binary.LittleEndian, want)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, container := range []string{"legacy.pth", "zip.pth"} {
			pth, err := os.ReadFile(filepath.Join(dir, container))
			if err != nil {
				t.Fatal(err)
			}
			net, err := n.convert(pth)
			if err != nil {
				t.Fatalf("%s, %s: %v", n.name, container, err)
			}
			got := probabilities(t, load(t, net), in)
			worst := 0.
			for i, w := range want {
				worst = max(worst, math.Abs(float64(w-got[i])))
			}
			t.Logf("%s, %s: PyTorch %.4f, ours %.4f, largest difference %.2g", n.name, container, want, got, worst)
			if !(worst < 1e-5) {
				t.Errorf("%s, %s differs from PyTorch by %g", n.name, container, worst)
			}
		}
	}
}

// sharedModels is where the exported networks are, or skips the test.
func sharedModels(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FACEPROOF_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	if dir = filepath.Join(dir, "models"); absent(dir) {
		if os.Getenv("CI") == "true" {
			t.Fatal("the shared models are absent (FACEPROOF_SHARED)")
		}
		t.Skip("the shared models are absent (FACEPROOF_SHARED)")
	}
	return dir
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return err != nil
}

func load(t *testing.T, network []byte) *onnx.Session {
	t.Helper()
	arch := map[string]string{"amd64": "x64", "arm64": "arm64"}[runtime.GOARCH]
	rt, err := onnx.Open(filepath.Join(npmDir(t), "onnxruntime-node", "bin", "napi-v6", "linux", arch, "libonnxruntime.so.1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	s, err := rt.LoadBytes(network, onnx.SessionConfig{Inputs: []string{"bgr"}, Outputs: []string{"prob"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func probabilities(t *testing.T, s *onnx.Session, in []float32) []float32 {
	t.Helper()
	out, err := s.Run(context.Background(), onnx.Tensor{Shape: []int64{1, 3, 80, 80}, Data: in})
	if err != nil {
		t.Fatal(err)
	}
	return out[0].Data
}

// fasnetInput is noise on a slope, 0 to 255; the seed sets how much of each.
func fasnetInput(seed uint32) []float32 {
	in := make([]float32, 3*80*80)
	state := 2463534242 + seed*7919
	for i := range in {
		state ^= state << 13
		state ^= state >> 17
		state ^= state << 5
		x, y, c := i%80, i/80%80, i/6400
		v := 128 + 90*math.Sin(float64(x)/float64(3+seed%11)+float64(c))*math.Cos(float64(y)/float64(5+seed%7))
		v += float64(seed%9) * (float64(state%64)/4 - 8)
		in[i] = float32(min(max(math.Round(v), 0), 255))
	}
	return in
}

// unfold reads the weights of an exported network and gives them as the state
// dict that it could have come from.
func unfold(t *testing.T, network []byte) []statedicttest.Tensor {
	t.Helper()
	graph := fields(t, network, 7)[0]
	weights := map[string]statedicttest.Tensor{}
	for _, b := range fields(t, graph, 5) {
		name := string(fields(t, b, 8)[0])
		v := statedicttest.Tensor{Shape: ints(t, b, 1)}
		raw := fields(t, b, 9)
		if len(raw) != 1 {
			continue
		}
		v.Floats = make([]float32, len(raw[0])/4)
		if err := binary.Read(bytes.NewReader(raw[0]), binary.LittleEndian, v.Floats); err != nil {
			t.Fatal(err)
		}
		weights[name] = v
	}
	var out []statedicttest.Tensor
	add := func(name string, shape []int, v []float32) {
		out = append(out, statedicttest.Tensor{Name: name, Shape: shape, Floats: v})
	}
	same := func(n int, v float32) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	for _, b := range fields(t, graph, 1) {
		op, name := string(fields(t, b, 4)[0]), string(fields(t, b, 3)[0])
		name = strings.ReplaceAll(strings.TrimPrefix(name, "/n/"), "/", ".")
		name = strings.Replace(name, ".model.model.", ".model.", 1)
		var in []statedicttest.Tensor
		for _, i := range fields(t, b, 1) {
			if w, ok := weights[string(i)]; ok {
				in = append(in, w)
			}
		}
		switch op {
		case "Conv":
			name = strings.TrimSuffix(name, ".Conv")
			norm := strings.TrimSuffix(name, ".conv") + ".bn"
			if at := strings.LastIndex(name, ".fc"); at >= 0 {
				norm = name[:at] + ".bn" + name[at+3:]
			}
			add(name+".weight", in[0].Shape, in[0].Floats)
			n := in[0].Shape[0]
			add(norm+".weight", []int{n}, same(n, 1))
			add(norm+".bias", []int{n}, in[1].Floats)
			add(norm+".running_mean", []int{n}, same(n, 0))
			add(norm+".running_var", []int{n}, same(n, 1-1e-5))
		case "PRelu":
			add(strings.TrimSuffix(name, ".PRelu")+".weight", in[0].Shape[:1], in[0].Floats)
		case "BatchNormalization":
			for i, part := range []string{"weight", "bias", "running_mean", "running_var"} {
				add("bn."+part, in[i].Shape, in[i].Floats)
			}
		case "MatMul":
			r, c := in[0].Shape[0], in[0].Shape[1]
			v := make([]float32, r*c)
			for i, x := range in[0].Floats {
				v[i%c*r+i/c] = x
			}
			add(strings.TrimSuffix(name, ".MatMul")+".weight", []int{c, r}, v)
		}
	}
	return out
}

// fields gives the messages or strings of one field of a protobuf message.
func fields(t *testing.T, b []byte, field protowire.Number) [][]byte {
	t.Helper()
	var out [][]byte
	each(t, b, func(n protowire.Number, kind protowire.Type, v []byte) {
		if n == field && kind == protowire.BytesType {
			s, _ := protowire.ConsumeBytes(v)
			out = append(out, s)
		}
	})
	return out
}

// ints gives the numbers of one field, packed or not.
func ints(t *testing.T, b []byte, field protowire.Number) []int {
	t.Helper()
	var out []int
	each(t, b, func(n protowire.Number, kind protowire.Type, v []byte) {
		if n != field {
			return
		}
		if kind == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		for len(v) > 0 {
			x, k := protowire.ConsumeVarint(v)
			out, v = append(out, int(x)), v[k:]
		}
	})
	return out
}

func each(t *testing.T, b []byte, f func(protowire.Number, protowire.Type, []byte)) {
	t.Helper()
	for len(b) > 0 {
		n, kind, k := protowire.ConsumeTag(b)
		if k < 0 {
			t.Fatal("not a protobuf message")
		}
		b = b[k:]
		if k = protowire.ConsumeFieldValue(n, kind, b); k < 0 {
			t.Fatal("not a protobuf message")
		}
		f(n, kind, b[:k])
		b = b[k:]
	}
}
