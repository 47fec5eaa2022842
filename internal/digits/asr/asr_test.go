package asr

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"sync"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/face/facetest"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// classes are those of the product's recogniser.
func classes() []string {
	all := []string{"_"}
	for d := '0'; d <= '9'; d++ {
		all = append(all, "zh"+string(d))
	}
	all = append(all, "zhy")
	for d := '0'; d <= '9'; d++ {
		all = append(all, "en"+string(d))
	}
	return append(all, "eno")
}

// network is a fake: the logarithm of the softmax of a matrix times the features,
// for some number of classes. Class k answers to band k.
func network(n int) []byte {
	message := func(b []byte, field protowire.Number, m []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
	}
	number := func(b []byte, field protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
	}
	port := func(name string, last int) []byte {
		var shape []byte
		for _, dim := range [][]byte{number(nil, 1, 1), message(nil, 2, []byte("t")), number(nil, 1, uint64(last))} {
			shape = message(shape, 1, dim)
		}
		return message(message(nil, 1, []byte(name)), 2, message(nil, 1, message(number(nil, 1, 1), 2, shape)))
	}
	node := func(op string, names ...string) []byte {
		var b []byte
		for i, name := range names {
			field := protowire.Number(1)
			if i == len(names)-1 {
				field = 2
			}
			b = message(b, field, []byte(name))
		}
		return message(b, 4, []byte(op))
	}
	axis := number(message(nil, 1, []byte("axis")), 20, 2)
	axis = number(axis, 3, 2)
	var raw []byte
	for row := range digits.Mels {
		for k := range n {
			v := float32(0)
			if row == k {
				v = 5
			}
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
		}
	}
	weights := number(number(number(nil, 1, digits.Mels), 1, uint64(n)), 2, 1)
	weights = message(message(weights, 8, []byte("w")), 9, raw)
	graph := message(nil, 1, node("MatMul", "logmel", "w", "x"))
	graph = message(graph, 1, message(node("LogSoftmax", "x", "logp"), 5, axis))
	graph = message(message(graph, 2, []byte("g")), 5, weights)
	graph = message(message(graph, 11, port("logmel", digits.Mels)), 12, port("logp", n))
	return message(message(number(nil, 1, 8), 7, graph), 8, number(nil, 2, 13))
}

func model(change func(*calibration)) modelpack.Model {
	c := calibration{Model: "fake", SHA256: "digest", Features: digits.FrontEnd, FrameMS: 10, Classes: classes(),
		Thresholds: []threshold{{6, 1e-3, -2.5}, {6, 1e-4, -2}, {6, 1e-2, -3}, {4, 1e-2, -3}}}
	if change != nil {
		change(&c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return modelpack.Model{ID: "fake", Role: modelpack.RoleSpeech, Kind: modelpack.KindCTCLogMel40, SHA256: "digest", Data: network(23), Calibration: b}
}

func open(tb testing.TB) *onnx.Runtime {
	tb.Helper()
	pack, err := modelpack.Load(facetest.DataDir(), "")
	if err != nil {
		tb.Skip("no model pack is installed")
	}
	rt, err := onnx.Open(pack.Runtime)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	return rt
}

func TestLogProbs(t *testing.T) {
	rt := open(t)
	r, err := Open(Config{Model: model(nil), Runtime: rt})
	if err != nil {
		t.Fatal(err)
	}
	mel := make([][digits.Mels]float32, 30)
	for i := range mel {
		mel[i][i%23] = 1
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			rows, err := r.LogProbs(context.Background(), mel)
			if err != nil || len(rows) != 30 {
				t.Errorf("%d rows, %v", len(rows), err)
				return
			}
			for i, row := range rows {
				var sum float64
				for _, v := range row {
					sum += math.Exp(float64(v))
				}
				if math.Abs(sum-1) > 1e-4 || row[i%23] < -.3 {
					t.Errorf("row %d: %v", i, row)
				}
			}
		})
	}
	wg.Wait()
	for _, n := range []int{0, maxRows + 1, 60 * 6000} {
		if _, err := r.LogProbs(context.Background(), make([][digits.Mels]float32, n)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%d rows: %v", n, err)
		}
	}
	if _, err := r.LogProbs(context.Background(), make([][digits.Mels]float32, maxRows)); err != nil {
		t.Errorf("20 seconds: %v", err)
	}
	mel[3][2] = float32(math.NaN())
	if _, err := r.LogProbs(context.Background(), mel); err == nil {
		t.Error("no number was taken")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := r.LogProbs(context.Background(), mel); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("after close: %v", err)
	}
}

func TestThresholds(t *testing.T) {
	rt := open(t)
	for _, c := range []struct {
		far float64
		n   int
		a   float64
		ok  bool
	}{{0, 6, -2.5, true}, {1e-4, 6, -2, true}, {5e-3, 6, -2.5, true}, {1e-5, 6, 0, false}, {0, 4, 0, false}, {1e-2, 4, -3, true}, {0, 5, 0, false}} {
		r, err := Open(Config{Model: model(nil), Runtime: rt, FAR: c.far})
		if err != nil {
			t.Fatal(err)
		}
		a, far, ok := r.Info().MinA(c.n)
		if a != c.a || ok != c.ok || ok && far > max(c.far, 1e-3) {
			t.Errorf("%d digits at %g: %g, %g, %v", c.n, c.far, a, far, ok)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	rt := open(t)
	for name, m := range map[string]modelpack.Model{
		"another network": model(func(c *calibration) { c.SHA256 = "other" }),
		"no model":        model(func(c *calibration) { c.Model = "" }),
		"other features":  model(func(c *calibration) { c.Features = "logmel40-v1" }),
		"no time":         model(func(c *calibration) { c.FrameMS = 0 }),
		"no classes":      model(func(c *calibration) { c.Classes = nil }),
		"fewer classes":   model(func(c *calibration) { c.Classes = c.Classes[:22] }),
		"a threshold":     model(func(c *calibration) { c.Thresholds[0].MinA = 1 }),
		"a rate":          model(func(c *calibration) { c.Thresholds[0].FAR = 0 }),
		"a number":        model(func(c *calibration) { c.Thresholds[0].N = 0 }),
	} {
		if _, err := Open(Config{Model: m, Runtime: rt}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*modelpack.Model){
		"another role":       func(m *modelpack.Model) { m.Role = modelpack.RoleEmbedder },
		"another kind":       func(m *modelpack.Model) { m.Kind = modelpack.KindFaceMesh },
		"no JSON":            func(m *modelpack.Model) { m.Calibration = []byte("{") },
		"no network":         func(m *modelpack.Model) { m.Data = nil },
		"a broken network":   func(m *modelpack.Model) { m.Data = m.Data[:100] },
		"a smaller network":  func(m *modelpack.Model) { m.Data = network(22) },
		"no calibration":     func(m *modelpack.Model) { m.Calibration = nil },
		"text, not networks": func(m *modelpack.Model) { m.Data = []byte("hello") },
	} {
		m := model(nil)
		change(&m)
		if _, err := Open(Config{Model: m, Runtime: rt}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
