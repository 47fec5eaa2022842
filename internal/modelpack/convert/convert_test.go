package convert

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"faceproof"
)

// half-precision numbers with what they are, from IEEE 754's own examples.
func TestHalf(t *testing.T) {
	for _, c := range []struct {
		bits uint16
		want float64
	}{
		{0x0000, 0}, {0x0001, 0x1p-24}, {0x03ff, 1023 * 0x1p-24}, {0x0400, 0x1p-14}, {0x3555, 0.333251953125},
		{0x3c00, 1}, {0x3c01, 1.0009765625}, {0xc000, -2}, {0x7bff, 65504}, {0x8001, -0x1p-24},
	} {
		if got := half(c.bits); float64(got) != c.want {
			t.Errorf("half(%#04x) = %v, want %v", c.bits, got, c.want)
		}
	}
	if math.Float32bits(half(0x8000)) != 1<<31 {
		t.Error("negative zero lost its sign")
	}
	if !math.IsInf(float64(half(0xfc00)), -1) || !math.IsNaN(float64(half(0x7e00))) {
		t.Error("infinity or NaN is lost")
	}
}

func TestWeights(t *testing.T) {
	var m manifest
	text := `[{"paths":["x.bin"],"weights":[
		{"name":"a","shape":[2],"dtype":"float32"},
		{"name":"b","shape":[2,1],"dtype":"float32","quantization":{"dtype":"uint8","scale":0.5,"min":-1}},
		{"name":"c","shape":[],"dtype":"float32","quantization":{"dtype":"float16","original_dtype":"float32"}},
		{"name":"d","shape":[2],"dtype":"int32"}]}]`
	if err := unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	data := floats32(1.5, -2)
	data = append(data, 0, 255)
	data = append(data, 0x00, 0x3c)
	data = binary.LittleEndian.AppendUint32(data, math.MaxUint32)
	data = binary.LittleEndian.AppendUint32(data, 7)
	got, err := m.decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got["a"].f, []float32{1.5, -2}) || !slices.Equal(got["b"].f, []float32{-1, 126.5}) ||
		!slices.Equal(got["c"].f, []float32{1}) || !slices.Equal(got["d"].i, []int32{-1, 7}) {
		t.Errorf("decoded %v", got)
	}
	if _, err := m.decode(data[:len(data)-1]); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("truncated weights: %v", err)
	}
	if _, err := m.decode(append(data, 0)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("weights that are too long: %v", err)
	}
}

func TestWeightsRefuses(t *testing.T) {
	for name, weights := range map[string]string{
		"no type":          `{"name":"a","shape":[1]}`,
		"bool":             `{"name":"a","shape":[1],"dtype":"bool"}`,
		"quantised int":    `{"name":"a","shape":[1],"dtype":"int32","quantization":{"dtype":"uint8","scale":1,"min":0}}`,
		"uint16":           `{"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"uint16","scale":1,"min":0}}`,
		"float as int":     `{"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"int32"}}`,
		"overflowing":      `{"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"uint8","scale":1e300,"min":1e300}}`,
		"no dimension":     `{"name":"a","shape":[0],"dtype":"float32"}`,
		"negative":         `{"name":"a","shape":[-1],"dtype":"float32"}`,
		"product too high": `{"name":"a","shape":[1000000,1000000,1000000,1000000],"dtype":"float32"}`,
		"rank too high":    `{"name":"a","shape":[1,1,1,1,1,1,1],"dtype":"float32"}`,
		"no name":          `{"name":"","shape":[1],"dtype":"float32"}`,
		"name twice":       `{"name":"a","shape":[1],"dtype":"float32","quantization":{"dtype":"uint8","scale":1,"min":0}},{"name":"a","shape":[1],"dtype":"float32"}`,
	} {
		var m manifest
		if err := unmarshal(fmt.Appendf(nil, `[{"paths":["x"],"weights":[%s]}]`, weights), &m); err != nil {
			t.Fatal(err)
		}
		if _, err := m.decode(make([]byte, 5)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, m := range []string{`[]`, `[{"paths":[],"weights":[]}]`, `[{"paths":["a","b"],"weights":[]}]`, `[{"paths":["a"],"weights":[]},{"paths":["b"],"weights":[]}]`} {
		var v manifest
		if err := unmarshal([]byte(m), &v); err != nil {
			t.Fatal(err)
		}
		if _, err := v.decode(nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", m, err)
		}
	}
	if err := unmarshal(bytes.Repeat([]byte{' '}, maxJSON+1), &manifest{}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("JSON over the limit: %v", err)
	}
}

// TensorFlow's SAME rule, by its documentation: out = ⌈size/stride⌉, and the
// odd pixel of padding goes to the end.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		padding                    string
		size, kernel, stride       int
		wantOut, wantPre, wantPost int
	}{
		{"SAME", 256, 5, 2, 128, 1, 2}, // BlazeFace's first layer
		{"SAME", 192, 3, 2, 96, 0, 1},  // FaceMesh's first layer
		{"SAME", 5, 3, 2, 3, 1, 1},
		{"SAME", 7, 3, 1, 7, 1, 1},
		{"SAME", 8, 2, 2, 4, 0, 0},
		{"SAME", 4, 1, 3, 2, 0, 0},
		{"VALID", 150, 7, 2, 72, 0, 0}, // dlib's first layer
		{"VALID", 3, 3, 3, 1, 0, 0},
		{"VALID", 2, 3, 1, -1, 0, 0},
		{"EXPLICIT", 8, 3, 1, -1, 0, 0},
	} {
		n := &tfNode{Attrs: map[string]tfAttr{"padding": {S: base64.StdEncoding.EncodeToString([]byte(c.padding))}}}
		out, pre, post, err := window(n, c.size, c.kernel, c.stride)
		if c.wantOut < 0 {
			if err == nil {
				t.Errorf("%v: no error", c)
			}
			continue
		}
		if err != nil || out != c.wantOut || pre != c.wantPre || post != c.wantPost {
			t.Errorf("%v: got %d, %d, %d, %v", c, out, pre, post, err)
		}
	}
}

func TestTranspose(t *testing.T) {
	// HWIO 1×2×2×3 to OIHW 3×2×1×2.
	in := []float32{0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112}
	want := []float32{0, 100, 10, 110, 1, 101, 11, 111, 2, 102, 12, 112}
	if got := transpose(in, [4]int{1, 2, 2, 3}, [4]int{3, 2, 0, 1}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// fold must equal the layers one after the other, on a 1×1 kernel.
func TestFold(t *testing.T) {
	w := []float32{.1, -.2, .3, .4, .5, -.6} // channels in 3, out 2
	b, s, shift := []float32{.01, .02}, []float32{2, 3}, []float32{-1, 1}
	x := []float64{200, 10, 77}
	fw, fb := fold(w, b, s, shift, 3, true)
	for o := range 2 {
		var layer, folded float64
		for i := range 3 {
			layer += (x[i] - dlibMean[i]) / 255 * float64(w[2*i+o])
			folded += x[i] * float64(fw[2*i+o])
		}
		layer = (layer+float64(b[o]))*float64(s[o]) + float64(shift[o])
		if folded += float64(fb[o]); math.Abs(layer-folded) > 1e-6 {
			t.Errorf("channel %d: %v folded, %v layer by layer", o, folded, layer)
		}
	}
}

func TestGraphRefuses(t *testing.T) {
	if _, err := FaceMesh(tiny()); err != nil {
		t.Fatalf("the graph that the cases change: %v", err)
	}
	for name, change := range map[string][2]string{
		"another format":     {`"graph-model"`, `"layers-model"`},
		"unknown operation":  {`"op":"Relu"`, `"op":"ReadFile"`},
		"cycle":              {`"input":["mesh/pool"]`, `"input":["Identity_1"]`},
		"missing node":       {`"input":["mesh/pool"]`, `"input":["nowhere"]`},
		"null node":          {`"node":[`, `"node":[null,`},
		"missing output":     {`"name":"Identity_2"`, `"name":"Identity_9"`},
		"constant as input":  {`"input":["mesh/pool"]`, `"input":["w"]`},
		"wrong arity":        {`"input":["mesh/pool"]`, `"input":["mesh/pool","mesh/pool"]`},
		"weight used twice":  {`"input":["conv","dw"]`, `"input":["conv","w"]`},
		"wrong kernel":       {`"shape":[3,3,3,4]`, `"shape":[3,3,4,3]`},
		"reshape to another": {`"size":"8"}`, `"size":"6"}`},
		"huge picture":       {`"size":"8"}`, `"size":"1000000"}`},
		"negative stride":    {`["1","2","2","1"]`, `["1","-2","-2","1"]`},
		"uneven stride":      {`["1","2","2","1"]`, `["1","2","3","1"]`},
		"two inputs":         {`"op":"Relu"`, `"op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":"1"},{"size":"1"},{"size":"1"},{"size":"1"}]}}},"x":"`},
		"not JSON":           {`{"format"`, `{"format`},
	} {
		f := tiny()
		changed := strings.ReplaceAll(string(f.JSON), change[0], change[1])
		if changed == string(f.JSON) {
			t.Fatalf("%s: nothing to change", name)
		}
		f.JSON = []byte(changed)
		if _, err := FaceMesh(f); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chain of many nodes must not exhaust the stack, and their number is bounded.
func TestOrderIsIterative(t *testing.T) {
	nodes := []*tfNode{{Name: "0"}}
	for i := 1; i < maxNodes; i++ {
		nodes = append(nodes, &tfNode{Name: fmt.Sprint(i), Inputs: []string{fmt.Sprint(i - 1)}})
	}
	slices.Reverse(nodes)
	sorted, err := order(nodes, []output{{node: fmt.Sprint(maxNodes - 1)}})
	if err != nil || len(sorted) != maxNodes || sorted[0].Name != "0" {
		t.Errorf("%d nodes, %v", len(sorted), err)
	}
	if _, err := order(append(nodes, &tfNode{Name: "x"}), nil); err == nil {
		t.Error("more nodes than the limit are taken")
	}
}

// TestDeterministic: the same input gives the same bytes, whatever the order of
// Go's maps, and nodes that no output needs leave no trace.
func TestDeterministic(t *testing.T) {
	first, err := FaceMesh(tiny())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := FaceMesh(tiny())
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("other bytes, %v", err)
		}
	}
	if bytes.Contains(first, []byte("unused")) {
		t.Error("a node that no output needs was converted")
	}
}

func floats32(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// tiny is a graph model with most of the operations: an 8×8 picture → 3×3
// convolution with stride 2 → two outputs.
func tiny() Files {
	type m = map[string]any
	s := func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }
	list := func(v ...string) m { return m{"list": m{"i": v}} }
	node := func(name, op string, attr m, in ...string) m {
		return m{"name": name, "op": op, "input": in, "attr": attr}
	}
	dims := []m{{"size": "-1"}, {"size": "8"}, {"size": "8"}, {"size": "3"}}
	weight := func(name, dtype string, shape ...int) m { return m{"name": name, "shape": shape, "dtype": dtype} }
	doc := m{
		"format": "graph-model",
		"modelTopology": m{"node": []m{
			node("Identity_2", "Identity", m{}, "mesh"),
			node("mesh", "Reshape", m{}, "mesh/relu", "to"),
			node("mesh/relu", "Relu", m{}, "mesh/pool"),
			node("mesh/pool", "MaxPool", m{"padding": m{"s": s("VALID")}, "ksize": list("1", "2", "2", "1"), "strides": list("1", "2", "2", "1")}, "sum"),
			node("sum", "AddV2", m{}, "conv", "depth"),
			node("depth", "DepthwiseConv2dNative", m{"padding": m{"s": s("SAME")}}, "conv", "dw"),
			node("conv", "_FusedConv2D", m{"padding": m{"s": s("SAME")}, "strides": list("1", "2", "2", "1"),
				"fused_ops": m{"list": m{"s": []string{s("BiasAdd"), s("Prelu")}}}}, "picture", "w", "b", "slope"),
			node("Identity_1", "Sigmoid", m{}, "mesh/pad"),
			node("mesh/pad", "Pad", m{}, "mesh/relu", "paddings"),
			node("unused", "Relu", m{}, "conv"),
			node("picture", "Placeholder", m{"shape": m{"shape": m{"dim": dims}}}),
			node("w", "Const", nil), node("b", "Const", nil), node("slope", "Const", nil), node("dw", "Const", nil),
			node("to", "Const", nil), node("paddings", "Const", nil),
		}},
		"weightsManifest": []m{{"paths": []string{"tiny.bin"}, "weights": []m{
			weight("w", "float32", 3, 3, 3, 4), weight("b", "float32", 4), weight("slope", "float32", 1, 1, 4), weight("dw", "float32", 3, 3, 4, 1),
			weight("to", "int32", 2), weight("paddings", "int32", 4, 2),
		}}},
	}
	text, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	var data []byte
	for i := range 108 + 4 + 4 + 36 {
		data = append(data, floats32(float32(i%7)/7-.4)...)
	}
	for _, v := range []int32{-1, 16, 0, 0, 0, 0, 0, 0, 0, 2} {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return Files{JSON: text, Weights: data}
}
