package main

import (
	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/digits/asr"
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

// speechOf opens the recogniser of digits of the engine's pack; nil, and nothing
// to close, when the pack has none: then no digits are offered.
func speechOf(e *face.Engine) (digits.Recogniser, func(), error) {
	model, ok := e.Pack().Models[modelpack.RoleSpeech]
	if !ok {
		return nil, func() {}, nil
	}
	runtime, err := onnx.Open(e.Pack().Runtime)
	if err != nil {
		return nil, nil, err
	}
	speech, err := asr.Open(asr.Config{Model: model, Runtime: runtime})
	if err != nil {
		_ = runtime.Close()
		return nil, nil, err
	}
	return speech, func() { _ = runtime.Close() }, nil // with its networks
}

// The values of --liveness.
const (
	livenessUsual  = "usual"
	livenessStrict = "strict"
)

const livenessHelp = "usual: a video made before the colours were drawn passes 1 time in 1,000; strict: 1 in 10,000, with more colours and more retries, and no digits read aloud, whose six colours cannot tell so small a chance (but with --min-level low)"

// checkLiveness refuses any other; empty is usual.
func checkLiveness(v string) error {
	if v != "" && v != livenessUsual && v != livenessStrict {
		return faceproof.Errorf(faceproof.CodeInvalid, "--liveness", "must be %s or %s", livenessUsual, livenessStrict)
	}
	return nil
}

// policyOf is what the server decides by: the published default, or the strict
// one, with the pack's own thresholds.
func policyOf(e *face.Engine, liveness string) faceproof.Policy {
	p := faceproof.DefaultPolicy()
	p.MinContinuity, p.ShapePolicy = e.Pack().Continuity, e.Pack().Flash
	if liveness == livenessStrict {
		p = p.Strict()
	}
	return p
}
