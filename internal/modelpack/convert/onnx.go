package convert

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// The version of the format that we write: old enough for every ONNX Runtime
// that the product can load.
const (
	irVersion = 8
	opset     = 13
)

// graph collects an ONNX graph. Nodes must be added in topological order.
// Its bytes depend on nothing but what was added, in which order.
type graph struct {
	name    string
	nodes   [][]byte
	weights [][]byte
	inputs  [][]byte
	outputs [][]byte
}

// attr is one attribute of a node: an integer or a list of integers.
type attr struct {
	name string
	ints []int64
	list bool
}

func integer(name string, v int64) attr      { return attr{name, []int64{v}, false} }
func integers(name string, v ...int64) attr  { return attr{name, v, true} }
func (g *graph) input(name string, d ...int) { g.inputs = append(g.inputs, valueInfo(name, d)) }
func (g *graph) output(name string, d ...int) {
	g.outputs = append(g.outputs, valueInfo(name, d))
}

// node adds an operation with one output, which also names it, and gives the
// name back. Fields: onnx.proto, NodeProto and AttributeProto.
func (g *graph) node(op, out string, in []string, attrs ...attr) string {
	var b []byte
	for _, name := range in {
		b = text(b, 1, name)
	}
	b = text(b, 2, out)
	b = text(b, 3, out)
	b = text(b, 4, op)
	for _, a := range attrs {
		m := text(nil, 1, a.name)
		kind := uint64(2) // INT
		if a.list {
			kind = 7 // INTS
			for _, v := range a.ints {
				m = varint(m, 8, uint64(v))
			}
		} else {
			m = varint(m, 3, uint64(a.ints[0]))
		}
		b = message(b, 5, varint(m, 20, kind))
	}
	g.nodes = append(g.nodes, b)
	return out
}

// floats adds a constant and gives its name back.
func (g *graph) floats(name string, shape []int, v []float32) string {
	raw := make([]byte, 0, 4*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return g.constant(name, 1, shape, raw)
}

// int64s adds a constant vector and gives its name back.
func (g *graph) int64s(name string, v ...int64) string {
	raw := make([]byte, 0, 8*len(v))
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return g.constant(name, 7, []int{len(v)}, raw)
}

// constant writes a TensorProto.
func (g *graph) constant(name string, kind uint64, shape []int, raw []byte) string {
	var b []byte
	for _, d := range shape {
		b = varint(b, 1, uint64(d))
	}
	b = varint(b, 2, kind)
	b = text(b, 8, name)
	b = protowire.AppendTag(b, 9, protowire.BytesType)
	b = protowire.AppendBytes(b, raw)
	g.weights = append(g.weights, b)
	return name
}

// valueInfo declares a float32 tensor; a dimension of -1 is the free batch "n".
func valueInfo(name string, dims []int) []byte {
	var shape []byte
	for _, d := range dims {
		if d < 0 {
			shape = message(shape, 1, text(nil, 2, "n"))
		} else {
			shape = message(shape, 1, varint(nil, 1, uint64(d)))
		}
	}
	tensor := message(varint(nil, 1, 1), 2, shape)
	return message(text(nil, 1, name), 2, message(nil, 1, tensor))
}

// marshal writes the ModelProto.
func (g *graph) marshal() []byte {
	var b []byte
	for _, n := range g.nodes {
		b = message(b, 1, n)
	}
	b = text(b, 2, g.name)
	for _, n := range g.weights {
		b = message(b, 5, n)
	}
	for _, n := range g.inputs {
		b = message(b, 11, n)
	}
	for _, n := range g.outputs {
		b = message(b, 12, n)
	}
	model := varint(nil, 1, irVersion)
	model = text(model, 2, "faceproof")
	model = message(model, 7, b)
	return message(model, 8, varint(text(nil, 1, ""), 2, opset))
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}
