package modelpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/modelpack/convert"
)

// world is a small installation: a pack whose files are a few bytes each, the
// npm packages and the mirror that they come from, and an empty data folder.
type world struct {
	npm, mirror, data string
	manifest          *manifest
	progress          bytes.Buffer
}

// meshJSON is a graph model of which FaceMesh's converter takes the outputs.
const meshJSON = `{"format":"graph-model","modelTopology":{"node":[
	{"name":"x","op":"Placeholder","attr":{"shape":{"shape":{"dim":[{"size":"1"},{"size":"2"},{"size":"2"},{"size":"3"}]}}}},
	{"name":"to","op":"Const"},
	{"name":"flat","op":"Reshape","input":["x","to"]},
	{"name":"Identity_2","op":"Identity","input":["flat"]},
	{"name":"Identity_1","op":"Sigmoid","input":["flat"]}]},
	"weightsManifest":[{"paths":["facemesh.bin"],"weights":[{"name":"to","shape":[2],"dtype":"int32"}]}]}`

var meshWeights = []byte{1, 0, 0, 0, 12, 0, 0, 0}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{npm: filepath.Join(dir, "npm"), mirror: filepath.Join(dir, "mirror"), data: filepath.Join(dir, "data")}
	mesh, err := convert.FaceMesh(convert.Files{JSON: []byte(meshJSON), Weights: meshWeights})
	if err != nil {
		t.Fatal(err)
	}
	library, detector, embedder := []byte("a shared library"), []byte("a detector"), []byte("an embedder")
	write(t, filepath.Join(w.npm, "runtime", "lib.so"), library)
	write(t, filepath.Join(w.npm, "@scope", "nets", "mesh.json"), []byte(meshJSON))
	write(t, filepath.Join(w.npm, "@scope", "nets", "mesh.bin"), meshWeights)
	write(t, filepath.Join(w.mirror, "detector.onnx"), detector)
	write(t, filepath.Join(w.mirror, "embedder.onnx"), embedder)
	lib := manifestFile{Path: "lib.so", SHA256: digest(library), Bytes: int64(len(library))}
	input := manifestInput{Width: 2, Height: 2, Color: "rgb", Std: [3]float32{1, 1, 1}}
	net := func(role Role, kind, file string, b []byte) manifestModel {
		return manifestModel{ID: file, Role: role, Kind: kind, File: file, SHA256: digest(b), Bytes: int64(len(b)),
			Licence: "MIT", Source: "a test", Origin: "a test", Input: input}
	}
	w.manifest = &manifest{
		ID: "small", Title: "three small files", Continuity: .5, Flash: manifestFlash{ShapePolicy: faceproof.DefaultShapePolicy(), Report: "r"}, Warning: manifestText{En: "It is small.", Zh: "很小。"},
		Runtime: manifestRuntime{Package: "runtime", Version: "1", Licence: "MIT", AMD64: lib, ARM64: lib},
		Models: []manifestModel{
			net(RoleDetector, KindYuNet, "detector.onnx", detector),
			net(RoleLandmarks, KindFaceMesh, "mesh.onnx", mesh),
			net(RoleEmbedder, KindMobileFaceNet, "embedder.onnx", embedder),
		},
		Match: manifestMatch{Metric: "cosine", Model: "embedder.onnx", Rows: []manifestRow{{ProbeFrames: 1, ReferenceFrames: 1, Report: "r", Note: "n", Points: []manifestPoint{{FMR: 1e-4, Threshold: .5, Pairs: 1e6, Group: "g"}}}}},
	}
	m := w.manifest.Models
	m[0].URL, m[2].URL = refused(t)+"/detector.onnx", refused(t)+"/embedder.onnx"
	m[1].Convert = &manifestConvert{Package: "@scope/nets", Version: "1", JSON: "mesh.json", JSONSHA256: digest([]byte(meshJSON)),
		Weights: "mesh.bin", WeightsSHA256: digest(meshWeights)}
	if err := w.manifest.check(); err != nil {
		t.Fatal(err)
	}
	return w
}

// installer takes the mirror as --mirror would give it.
func (w *world) installer(t *testing.T, mirrorFlag string) *installer {
	t.Helper()
	to, err := folderOf(w.data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseMirror(mirrorFlag)
	if err != nil {
		t.Fatal(err)
	}
	return &installer{to: to, npm: w.npm, mirror: m, client: newClient(), out: &w.progress}
}

func (w *world) install(t *testing.T, mirrorFlag string) (*Pack, error) {
	t.Helper()
	return w.installer(t, mirrorFlag).install(context.Background(), w.manifest)
}

// load is what Load does once it has found the manifest.
func (w *world) load(t *testing.T) (*Pack, error) {
	t.Helper()
	return w.installer(t, "").to.load(w.manifest)
}

// stored lists the files of the data folder.
func (w *world) stored(t *testing.T) []string {
	t.Helper()
	var names []string
	entries, err := os.ReadDir(filepath.Join(w.data, "models", "sha256"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// refused gives the address of a server that refuses connections.
func refused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// change rewrites a file.
func change(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, f(b))
}

// damages are what can happen to a file.
var damages = map[string]func([]byte) []byte{
	"a flipped bit": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
	"truncated":     func(b []byte) []byte { return b[:len(b)-1] },
	"empty":         func([]byte) []byte { return nil },
	"longer":        func(b []byte) []byte { return append(b, 0) },
}

// tells says whether the error names the file, what was expected and what came.
func tells(err error, file, want string) bool {
	return err != nil && strings.Contains(err.Error(), file) && strings.Contains(err.Error(), "expected sha256 "+want) && strings.Contains(err.Error(), "got ")
}
