// Package statedicttest writes state dicts as torch.save does, for tests: in the
// container before PyTorch 1.6, and in the ZIP archive after it.
package statedicttest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
)

// Tensor is one entry; exactly one of Floats and Ints is set.
type Tensor struct {
	Name   string
	Shape  []int
	Floats []float32
	Ints   []int64
}

// Write gives the file. change, if any, is applied to the pickle of the tensors.
func Write(tensors []Tensor, asZip bool, change func([]byte) []byte) []byte {
	var p, keys, raw bytes.Buffer
	storages := make([][]byte, len(tensors))
	p.WriteString("\x80\x02ccollections\nOrderedDict\n)R(")
	keys.WriteString("\x80\x02](")
	for i, v := range tensors {
		key := fmt.Sprintf("k%d", i)
		entry(&p, v, key, asZip)
		word(&keys, key)
		var b bytes.Buffer
		if v.Ints != nil {
			write(&b, v.Ints)
			write(&raw, int64(len(v.Ints)))
		} else {
			write(&b, v.Floats)
			write(&raw, int64(len(v.Floats)))
		}
		raw.Write(b.Bytes())
		storages[i] = b.Bytes()
	}
	p.WriteString("u.")
	keys.WriteString("e.")
	object := p.Bytes()
	if change != nil {
		object = change(object)
	}
	if asZip {
		return archive(object, storages)
	}
	var out bytes.Buffer
	out.WriteString("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}(")
	word(&out, "little_endian")
	out.WriteString("\x88u.")
	out.Write(object)
	out.Write(keys.Bytes())
	out.Write(raw.Bytes())
	return out.Bytes()
}

// entry writes a name and the call that makes its tensor.
func entry(p *bytes.Buffer, v Tensor, key string, asZip bool) {
	kind, n := "FloatStorage", len(v.Floats)
	if v.Ints != nil {
		kind, n = "LongStorage", len(v.Ints)
	}
	word(p, v.Name)
	p.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
	word(p, "storage")
	p.WriteString("ctorch\n" + kind + "\n")
	word(p, key)
	word(p, "cpu")
	number(p, n)
	if !asZip {
		p.WriteByte('N')
	}
	p.WriteString("tQK\x00")
	strides, s := make([]int, len(v.Shape)), 1
	for k := len(v.Shape) - 1; k >= 0; k-- {
		strides[k] = s
		s *= v.Shape[k]
	}
	for _, dims := range [][]int{v.Shape, strides} {
		if len(dims) != 1 {
			p.WriteByte('(')
		}
		for _, d := range dims {
			number(p, d)
		}
		p.WriteByte(map[bool]byte{false: 't', true: 0x85}[len(dims) == 1])
	}
	p.WriteString("\x89ccollections\nOrderedDict\n)RtR")
}

func archive(object []byte, storages [][]byte) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	stored := func(name string, b []byte) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "net/" + name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(b)
		}
		if err != nil {
			panic(err) // into memory: it cannot
		}
	}
	stored("data.pkl", object)
	for i, b := range storages {
		stored(fmt.Sprintf("data/k%d", i), b)
	}
	stored("version", []byte("3\n"))
	if err := z.Close(); err != nil {
		panic(err)
	}
	return out.Bytes()
}

func word(w *bytes.Buffer, s string) {
	w.WriteByte('X')
	write(w, uint32(len(s)))
	w.WriteString(s)
}

func number(w *bytes.Buffer, n int) {
	if n < 256 {
		w.Write([]byte{'K', byte(n)})
		return
	}
	w.WriteByte('J')
	write(w, int32(n))
}

func write(w *bytes.Buffer, v any) { _ = binary.Write(w, binary.LittleEndian, v) }
