package convert

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"faceproof"
)

// checkFuzzed holds for every input: no panic, an error names what is wrong,
// and what is written is bounded by what was read.
func checkFuzzed(t *testing.T, f Files, out []byte, err error) {
	if err != nil {
		var e *faceproof.Error
		if !errors.As(err, &e) || e.Code != faceproof.CodeInvalid || e.Field == "" {
			t.Fatalf("error without a code or field: %v", err)
		}
		return
	}
	if limit := 1<<16 + 64*len(f.JSON) + 8*len(f.Weights); len(out) == 0 || len(out) > limit {
		t.Fatalf("%d bytes from %d and %d", len(out), len(f.JSON), len(f.Weights))
	}
}

// FuzzGraphModel feeds the tfjs graph-model parser and converter.
func FuzzGraphModel(f *testing.F) {
	seed := tiny()
	f.Add(seed.JSON, seed.Weights)
	f.Add([]byte(`{"format":"graph-model"}`), []byte{})
	f.Fuzz(func(t *testing.T, text, weights []byte) {
		files := Files{text, weights}
		for _, convert := range []func(Files) ([]byte, error){FaceMesh, BlazeFace} {
			out, err := convert(files)
			checkFuzzed(t, files, out, err)
		}
	})
}

// FuzzFaceAPI feeds the face-api manifest and weights parser.
func FuzzFaceAPI(f *testing.F) {
	var entries []map[string]any
	for _, e := range []struct {
		name  string
		shape []int
	}{{"conv32_down/conv/filters", []int{7, 7, 3, 32}}, {"conv32_down/conv/bias", []int{32}}, {"fc", []int{256, 128}}} {
		entries = append(entries, map[string]any{"name": e.name, "shape": e.shape, "dtype": "float32",
			"quantization": map[string]any{"dtype": "uint8", "scale": .01, "min": -1}})
	}
	text, err := json.Marshal([]map[string]any{{"weights": entries, "paths": []string{"x.bin"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, make([]byte, 7*7*3*32+32+256*128))
	f.Add(fmt.Appendf(nil, `[{"paths":["x"],"weights":[{"name":"fc","shape":[%d],"dtype":"float32"}]}]`, maxDim), []byte{1})
	f.Fuzz(func(t *testing.T, text, weights []byte) {
		files := Files{text, weights}
		out, err := DlibResNet(files)
		checkFuzzed(t, files, out, err)
	})
}
