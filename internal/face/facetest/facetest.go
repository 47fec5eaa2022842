// Package facetest opens engines and finds pictures for tests. The model packs
// and the demonstration photos are installed, never committed.
package facetest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"faceproof/internal/face"
	"faceproof/internal/imaging"
	"faceproof/internal/imaging/imagingtest"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// Packs are the packs that tests drive.
var Packs = []string{"standard", "offline"}

// DataDir is where the models are: FACEPROOF_DATA, or data in the repository.
func DataDir() string { return inRoot("FACEPROOF_DATA", "data") }

// inRoot gives the path that an environment variable holds, or another. A
// relative one counts from the repository: tests run in their own folders.
func inRoot(env, otherwise string) string {
	dir := os.Getenv(env)
	if dir == "" {
		dir = otherwise
	}
	if filepath.IsAbs(dir) {
		return dir
	}
	return filepath.Join(imagingtest.Root(), dir)
}

// Open gives an engine that is closed with the test. Without the pack it skips
// the test; with CI=true it fails it, except for the standard pack, which needs
// a mirror.
func Open(tb testing.TB, packID string) *face.Engine {
	tb.Helper()
	pack, err := modelpack.Load(DataDir(), packID)
	if err != nil {
		absent(tb, packID != "standard", "the model pack %q is not installed (make models, or FACEPROOF_DATA): %v", packID, err)
	}
	return open(tb, pack)
}

// OpenPAD gives an engine of the standard pack with its networks of passive PAD,
// which are optional: where they are not installed they are taken from the models
// of the shared folder.
func OpenPAD(tb testing.TB) *face.Engine {
	tb.Helper()
	pack, err := modelpack.Load(DataDir(), "standard")
	if err != nil {
		absent(tb, false, "the model pack standard is not installed: %v", err)
	}
	if pack.PAD == nil {
		mirror := imagingtest.Shared(tb, "models")
		got, err := modelpack.Install(context.Background(), modelpack.InstallConfig{
			DataDir: tb.TempDir(), NPMDir: filepath.Join(inRoot("FACEPROOF_NPM", "models/npm"), "node_modules"), Mirror: mirror, Pack: "standard",
		})
		if err != nil {
			absent(tb, true, "the networks of the role pad cannot be had: %v", err)
		}
		pack.PAD = got.PAD
	}
	return open(tb, pack)
}

func open(tb testing.TB, pack *modelpack.Pack) *face.Engine {
	tb.Helper()
	rt, err := onnx.Open(pack.Runtime)
	if err != nil {
		tb.Fatal(err)
	}
	e, err := face.Open(face.Config{Pack: pack, Runtime: rt})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = e.Close(); _ = rt.Close() })
	return e
}

// Demo gives the path of a demonstration photo (sample1.jpg to sample6.jpg) of
// the npm package from which the offline pack comes.
func Demo(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(inRoot("FACEPROOF_NPM", "models/npm"), "node_modules", "@vladmandic", "face-api", "demo", name)
	if _, err := os.Stat(path); err != nil {
		absent(tb, true, "the npm packages of the models are not installed (make models, or FACEPROOF_NPM)")
	}
	return path
}

// Decode reads a photo.
func Decode(tb testing.TB, path string) *imaging.Image {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := imaging.Decode(data, imaging.PhotoLimits)
	if err != nil {
		tb.Fatal(filepath.Base(path), err)
	}
	return m
}

func absent(tb testing.TB, needed bool, format string, args ...any) {
	tb.Helper()
	if needed && os.Getenv("CI") == "true" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}
