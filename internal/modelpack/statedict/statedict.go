// Package statedict reads the tensors of a PyTorch state dict, the file that
// torch.save writes, and runs nothing: a pickle is a program, and of that
// program only the few steps are known that put tensors into a dict. Everything
// else is an error.
//
// Both containers are read: the one before PyTorch 1.6, pickles and storages one
// behind the other, and the ZIP archive after it.
package statedict

import (
	"encoding/binary"
	"math"

	"faceproof"
)

// Limits on what is read. A file is pinned by digest before it comes here; the
// limits keep a mistake, or a fuzzer, from exhausting memory.
const (
	maxFile    = 64 << 20 // bytes
	maxTensors = 2048
	maxRank    = 6
	maxDim     = 1 << 20
	maxSteps   = 1 << 17 // of one pickle
	maxStack   = 1 << 13
	maxMemo    = 1 << 17
	maxText    = 1 << 12 // bytes of a string
)

// Tensor is one entry: exactly one of Floats and Ints is set, Ints of a tensor of
// 64-bit integers. The last dimension varies fastest; no dimension is a scalar.
type Tensor struct {
	Shape  []int
	Floats []float32
	Ints   []int64
}

// Read gives the tensors of a state dict by name. What it gives is never larger
// than file. Every storage must belong to just one tensor, whole and in order, as
// those of a module do. Errors: CodeInvalid, field "pth".
func Read(file []byte) (map[string]Tensor, error) {
	if len(file) > maxFile {
		return nil, bad("%d bytes, more than %d", len(file), maxFile)
	}
	var top any
	var storages map[string][]byte
	var err error
	if isZip(file) {
		top, storages, err = readZip(file)
	} else {
		top, storages, err = readLegacy(file)
	}
	if err != nil {
		return nil, err
	}
	d, ok := top.(*dict)
	if !ok {
		return nil, bad("holds no dict of tensors")
	}
	if len(d.keys) > maxTensors || len(d.keys) != len(storages) {
		return nil, bad("%d tensors on %d storages", len(d.keys), len(storages))
	}
	out := make(map[string]Tensor, len(d.keys))
	for i, k := range d.keys {
		name, ok := k.(string)
		t, isTensor := d.values[i].(*view)
		if _, twice := out[name]; !ok || !isTensor || twice || name == "" {
			return nil, bad("entry %d is no tensor with a name of its own", i+1)
		}
		raw, there := storages[t.of.key]
		if !there {
			return nil, bad("tensor %.64q: its storage is missing or belongs to another tensor too", name)
		}
		delete(storages, t.of.key)
		if out[name], err = t.decode(name, raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// storage is what a pickle says of one; its numbers lie elsewhere in the file.
type storage struct {
	kind string // "torch FloatStorage" …
	key  string
	n    int64 // numbers
}

// view is a tensor on a storage.
type view struct {
	of    *storage
	shape []int
}

// sizes of the numbers of the storages that are known, in bytes.
var sizes = map[string]int{"torch FloatStorage": 4, "torch LongStorage": 8}

// decode reads the numbers; raw is the whole storage.
func (t *view) decode(name string, raw []byte) (Tensor, error) {
	n := 1
	for _, d := range t.shape {
		if n *= d; n > maxFile {
			return Tensor{}, bad("tensor %.64q is too large", name)
		}
	}
	size := sizes[t.of.kind]
	if int64(n) != t.of.n || len(raw) != n*size {
		return Tensor{}, bad("tensor %.64q: %d numbers on a storage of %d in %d bytes", name, n, t.of.n, len(raw))
	}
	out := Tensor{Shape: t.shape}
	if size == 8 {
		out.Ints = make([]int64, n)
		for i := range out.Ints {
			out.Ints[i] = int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
		return out, nil
	}
	out.Floats = make([]float32, n)
	for i := range out.Floats {
		v := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return Tensor{}, bad("tensor %.64q holds a number that is not finite", name)
		}
		out.Floats[i] = v
	}
	return out, nil
}

func bad(format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "pth", format, args...)
}
