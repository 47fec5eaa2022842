package convert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"

	"faceproof"
)

// Limits on what a converter reads. The files are pinned by digest before they
// come here; the limits keep a mistake, or a fuzzer, from exhausting memory.
const (
	maxJSON     = 4 << 20  // bytes
	maxWeights  = 64 << 20 // bytes of a weights file
	maxTensors  = 4096
	maxRank     = 6
	maxDim      = 1 << 20
	maxElements = 1 << 24 // of one tensor
)

// array is one weight, as it is in the file; exactly one of f and i is set.
type array struct {
	shape []int
	f     []float32
	i     []int32
}

// manifest is a tfjs weights manifest, which face-api uses as well: groups of
// tensors that lie one behind the other in the group's file.
type manifest []struct {
	Paths   []string `json:"paths"`
	Weights []entry  `json:"weights"`
}

type entry struct {
	Name         string `json:"name"`
	Shape        []int  `json:"shape"`
	DType        string `json:"dtype"`
	Quantization *struct {
		DType string  `json:"dtype"`
		Scale float64 `json:"scale"`
		Min   float64 `json:"min"`
	} `json:"quantization"`
}

// decode reads every tensor of the manifest from data, which it must use up
// exactly. The one-file layout is the only one that the packages use.
func (m manifest) decode(data []byte) (map[string]array, error) {
	if len(m) != 1 || len(m[0].Paths) != 1 {
		return nil, bad("weights", "want one group with one file")
	}
	if len(m[0].Weights) > maxTensors {
		return nil, bad("weights", "%d tensors, more than %d", len(m[0].Weights), maxTensors)
	}
	if len(data) > maxWeights {
		return nil, bad("weights", "%d bytes, more than %d", len(data), maxWeights)
	}
	out := make(map[string]array, len(m[0].Weights))
	for _, e := range m[0].Weights {
		if _, twice := out[e.Name]; twice || e.Name == "" {
			return nil, bad("weights", "tensor name %.64q is empty or used twice", e.Name)
		}
		a, rest, err := e.decode(data)
		if err != nil {
			return nil, err
		}
		out[e.Name], data = a, rest
	}
	if len(data) != 0 {
		return nil, bad("weights", "%d bytes too many", len(data))
	}
	return out, nil
}

// decode takes one tensor off the front of data.
func (e entry) decode(data []byte) (array, []byte, error) {
	n, err := elements(e.Shape)
	if err != nil {
		return array{}, nil, fmt.Errorf("tensor %.64q: %w", e.Name, err)
	}
	stored := e.DType
	if e.Quantization != nil {
		stored = e.Quantization.DType
	}
	size, ok := map[string]int{"float32": 4, "int32": 4, "float16": 2, "uint8": 1}[stored]
	if !ok || (e.DType != "float32" && e.DType != "int32") || (e.DType == "int32" && stored != "int32") || (stored == "int32") != (e.DType == "int32") {
		return array{}, nil, bad("weights", "tensor %.64q has type %.16q stored as %.16q, which no network of ours uses", e.Name, e.DType, stored)
	}
	if len(data) < n*size {
		return array{}, nil, bad("weights", "the file ends inside tensor %.64q", e.Name)
	}
	a := array{shape: e.Shape}
	if e.DType == "int32" {
		a.i = make([]int32, n)
		for k := range a.i {
			a.i[k] = int32(binary.LittleEndian.Uint32(data[4*k:]))
		}
		return a, data[n*size:], nil
	}
	a.f = make([]float32, n)
	for k := range a.f {
		switch stored {
		case "float32":
			a.f[k] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*k:]))
		case "float16":
			a.f[k] = half(binary.LittleEndian.Uint16(data[2*k:]))
		case "uint8":
			// In float64, then rounded once, as tfjs does. The conversion of
			// the product forbids a fused multiply-add, which some machines
			// would use: the bytes that we write are pinned.
			a.f[k] = float32(float64(float64(data[k])*e.Quantization.Scale) + e.Quantization.Min)
		}
		if v := float64(a.f[k]); math.IsNaN(v) || math.IsInf(v, 0) {
			return array{}, nil, bad("weights", "tensor %.64q holds a number that is not finite", e.Name)
		}
	}
	return a, data[n*size:], nil
}

// half converts an IEEE 754 half-precision number.
func half(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&1023)
	switch exp {
	case 0: // zero and subnormal: frac × 2⁻²⁴, exact in float32
		v := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | uint32(exp+127-15)<<23 | frac<<13)
}

// elements is the product of shape, which must be positive and within limits.
func elements(shape []int) (int, error) {
	if len(shape) > maxRank {
		return 0, bad("weights", "rank %d is above %d", len(shape), maxRank)
	}
	n := 1
	for _, d := range shape {
		if d < 1 || d > maxDim {
			return 0, bad("weights", "dimension %d is not in 1 to %d", d, maxDim)
		}
		if n *= d; n > maxElements {
			return 0, bad("weights", "more than %d numbers", maxElements)
		}
	}
	return n, nil
}

// unmarshal reads one JSON value from at most maxJSON bytes. Unknown keys are
// allowed: the files belong to others.
func unmarshal(data []byte, v any) error {
	if len(data) > maxJSON {
		return bad("json", "%d bytes, more than %d", len(data), maxJSON)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "json", Message: "is not the JSON of a network", Err: err}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, field, format, args...)
}
