package statedict

import (
	"archive/zip"
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/modelpack/statedict/statedicttest"
)

// Files that PyTorch 1.13 wrote of a network of two layers, whose numbers are
// known: see testdata/README.md.
func TestFilesOfTorch(t *testing.T) {
	for _, name := range []string{"legacy.pth", "zip.pth"} {
		file := read(t, name)
		got, err := Read(file)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w := got["conv.weight"]
		if !slices.Equal(w.Shape, []int{3, 2, 3, 3}) || len(w.Floats) != 54 || w.Floats[0] != -3 || w.Floats[53] != 53./8-3 {
			t.Errorf("%s: weight %v", name, w)
		}
		n := got["bn.num_batches_tracked"]
		if len(n.Shape) != 0 || !slices.Equal(n.Ints, []int64{1}) || n.Floats != nil {
			t.Errorf("%s: scalar %v", name, n)
		}
		if m := got["bn.running_mean"].Floats; !slices.Equal(m, []float32{.5, -1, 2}) || len(got) != 6 {
			t.Errorf("%s: mean %v, %d tensors", name, m, len(got))
		}
		// Cut short anywhere: an error.
		for n := range file {
			if _, err := Read(file[:n]); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatalf("%s, %d bytes of it: %v", name, n, err)
			}
		}
	}
}

// What our own writer writes comes back.
func TestRoundTrip(t *testing.T) {
	in := []statedicttest.Tensor{
		{Name: "a", Shape: []int{2, 1, 300}, Floats: make([]float32, 600)},
		{Name: "b.c", Shape: []int{}, Ints: []int64{-7}},
		{Name: "b.d", Shape: []int{1}, Floats: []float32{float32(math.SmallestNonzeroFloat32)}},
	}
	in[0].Floats[599] = -2
	for _, asZip := range []bool{false, true} {
		got, err := Read(statedicttest.Write(in, asZip, nil))
		if err != nil || len(got) != len(in) {
			t.Fatalf("zip %v: %d tensors, %v", asZip, len(got), err)
		}
		for _, w := range in {
			g := got[w.Name]
			if !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Floats, w.Floats) || !slices.Equal(g.Ints, w.Ints) {
				t.Errorf("zip %v, %s: got %v, want %v", asZip, w.Name, g, w)
			}
		}
	}
}

// Nothing is run, and nothing is taken that a state dict does not hold.
func TestRefuses(t *testing.T) {
	one := []statedicttest.Tensor{{Name: "a", Shape: []int{2}, Floats: []float32{1, 2}}}
	replace := func(from, to string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b, []byte(from)) {
				t.Fatalf("there is no %q to replace", from)
			}
			return bytes.Replace(b, []byte(from), []byte(to), 1)
		}
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		says   string
	}{
		"a command":          {replace("ctorch._utils\n_rebuild_tensor_v2\n", "cposix\nsystem\n"), `"posix system"`},
		"another builtin":    {replace("ccollections\nOrderedDict\n", "c__builtin__\neval\n"), `"__builtin__ eval"`},
		"a class":            {replace("ctorch\nFloatStorage\n", "ctorch\nHalfStorage\n"), "HalfStorage"},
		"an instance":        {replace("ccollections\nOrderedDict\n", "i"), "0x69"},
		"another protocol":   {replace("\x80\x02", "\x80\x04"), "protocol 4"},
		"other strides":      {replace("K\x02\x85K\x01\x85", "K\x02\x85K\x02\x85"), "not in order"},
		"an offset":          {replace("QK\x00", "QK\x01"), "does not begin"},
		"a negative size":    {replace("K\x02\x85K\x01\x85", "J\xff\xff\xff\xff\x85K\x01\x85"), "dimension -1"},
		"more than stored":   {replace("K\x02\x85K\x01\x85", "K\x03\x85K\x01\x85"), "3 numbers on a storage of 2"},
		"a huge tensor":      {replace("K\x02\x85K\x01\x85", "J\xff\xff\xff\x7f\x85K\x01\x85"), "dimension"},
		"a long string":      {replace("X\x01\x00\x00\x00a", "X\xff\xff\xff\x7fa"), "string of"},
		"no such memo":       {replace("QK\x00", "h\x77"), "recalls"},
		"no name":            {replace("X\x01\x00\x00\x00a", "X\x00\x00\x00\x00"), "name of its own"},
		"a tensor for key":   {replace("X\x01\x00\x00\x00a", "N"), "name of its own"},
		"stack runs dry":     {replace("X\x01\x00\x00\x00a", "R"), "takes more"},
		"attributes of none": {replace("X\x01\x00\x00\x00a", "NNb"), "attributes"},
		"not a number":       {replace("\x00\x00\x80\x3f", "\x00\x00\xc0\x7f"), "not finite"},
	} {
		for _, asZip := range []bool{false, true} {
			if asZip && name == "not a number" {
				continue // the checksum of the archive says so first
			}
			var file []byte
			if name == "not a number" { // behind the pickle
				file = c.change(statedicttest.Write(one, asZip, nil))
			} else {
				file = statedicttest.Write(one, asZip, c.change)
			}
			if _, err := Read(file); faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "pth") {
				t.Errorf("%s, zip %v: %v", name, asZip, err)
			}
		}
	}
	legacy := statedicttest.Write(one, false, nil)
	for name, file := range map[string][]byte{
		"nothing":         nil,
		"a picture":       []byte("\xff\xd8\xff\xe0JFIF"),
		"too long":        append(slices.Clone(legacy), 0),
		"another magic":   replace("\x6c\xfc\x9c", "\x6c\xfc\x9d")(slices.Clone(legacy)),
		"another version": replace("M\xe9\x03.", "M\xea\x03.")(slices.Clone(legacy)),
		"big-endian":      replace("little_endian\x88", "little_endian\x89")(slices.Clone(legacy)),
		"shared storage":  statedicttest.Write([]statedicttest.Tensor{one[0], {Name: "b", Shape: []int{2}, Floats: []float32{1, 2}}}, false, replace("X\x02\x00\x00\x00k1", "X\x02\x00\x00\x00k0")),
		"deflated":        deflated(t),
		"endless":         append([]byte("\x80\x02"), bytes.Repeat([]byte("]0"), 1<<20)...),
		"deep":            append([]byte("\x80\x02"), bytes.Repeat([]byte("("), 1<<20)...),
	} {
		if _, err := Read(file); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(make([]byte, maxFile+1)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Error("a file over the limit is taken")
	}
}

// FuzzRead: no panic, an error has the code and the field, and what is given is
// never larger than what was read.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"legacy.pth", "zip.pth"} {
		f.Add(read(f, name))
	}
	f.Add([]byte("\x80\x02ccollections\nOrderedDict\n)R."))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := Read(file)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "pth") {
				t.Fatalf("error without code or field: %v", err)
			}
			return
		}
		n := 0
		for _, v := range got {
			n += 4*len(v.Floats) + 8*len(v.Ints)
		}
		if n > len(file) {
			t.Fatalf("%d bytes of numbers from %d", n, len(file))
		}
	})
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// deflated is an archive that unpacks to more than it is.
func deflated(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("net/data.pkl")
	if err == nil {
		_, err = w.Write(make([]byte, 1<<20))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkRead(b *testing.B) {
	file := read(b, "legacy.pth")
	for b.Loop() {
		if _, err := Read(file); err != nil {
			b.Fatal(err)
		}
	}
}
