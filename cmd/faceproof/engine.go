package main

import (
	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// openEngine loads an installed pack ("" is the active one) and its networks;
// the function given closes them.
func openEngine(g *globals, packID string) (*face.Engine, func(), error) {
	pack, err := modelpack.Load(g.DataDir, packID)
	if err != nil {
		return nil, nil, err
	}
	runtime, err := onnx.Open(pack.Runtime)
	if err != nil {
		return nil, nil, err
	}
	engine, err := face.Open(face.Config{Pack: pack, Runtime: runtime})
	if err != nil {
		_ = runtime.Close()
		return nil, nil, err
	}
	return engine, func() {
		_ = engine.Close()
		_ = runtime.Close()
	}, nil
}

// policyOf is what the server decides by: the published default with the pack's
// own thresholds.
func policyOf(e *face.Engine) faceproof.Policy {
	p := faceproof.DefaultPolicy()
	p.MinContinuity, p.ShapePolicy = e.Pack().Continuity, e.Pack().Flash
	return p
}
