package main

import (
	"cmp"
	"fmt"
	"time"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/digits/asr"
	"faceproof/internal/face"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// openEngine loads an installed pack ("" is the active one) and its networks;
// the function given closes them. observe, if given, is told the time of each run
// of a network.
func openEngine(g *globals, packID string, observe ...func(role string, d time.Duration)) (*face.Engine, func(), error) {
	pack, err := modelpack.Load(g.DataDir, packID)
	if err != nil {
		return nil, nil, err
	}
	runtime, err := onnx.Open(pack.Runtime)
	if err != nil {
		return nil, nil, err
	}
	c := face.Config{Pack: pack, Runtime: runtime}
	if len(observe) > 0 {
		c.Observe = observe[0]
	}
	engine, err := face.Open(c)
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

const fmrHelp = "false match rate of one comparison that the match threshold must stand for in the pack's worst group measured, such as 1e-4"

// policyOf is what the server decides by: the published default, or the strict
// one, with the pack's own thresholds and false match rate.
func policyOf(pack *modelpack.Pack, liveness string) faceproof.Policy {
	p := faceproof.DefaultPolicy()
	p.MinContinuity, p.ShapePolicy = pack.Continuity, pack.Flash
	if liveness == livenessStrict {
		p = p.Strict()
	}
	return p.WithFMR(pack.Match.FMR)
}

// policyFor is policyOf with another false match rate; 0 is the pack's. Errors:
// CodeInvalid, field "--fmr" when the pack has no threshold for it, field "pack"
// when it has none at all.
func policyFor(pack *modelpack.Pack, liveness string, fmr float64) (faceproof.Policy, error) {
	own := *pack
	own.Match.FMR = cmp.Or(fmr, own.Match.FMR)
	return policyOf(&own, liveness), pack.CheckTarget(own.Match.FMR, "--fmr")
}

// fmrWarnings say in both languages what the target leaves to be desired; none
// for one that is at most the published.
func fmrWarnings(pack *modelpack.Pack, fmr float64) []modelpack.Text {
	var all []modelpack.Text
	if pack.Match.FMR > faceproof.DefaultFMR {
		all = append(all, modelpack.Text{
			En: fmt.Sprintf("pack %s cannot reach a false match rate of %g: its match threshold is chosen for %g, %.0f times as many strangers; the smallest it can be asked for is %g", pack.ID, faceproof.DefaultFMR, pack.Match.FMR, pack.Match.FMR/faceproof.DefaultFMR, pack.Match.Smallest),
			Zh: fmt.Sprintf("模型包 %s 达不到误识率 %g：其默认目标为 %g，即陌生人误认多 %.0f 倍；可要求的最小值为 %g", pack.ID, faceproof.DefaultFMR, pack.Match.FMR, pack.Match.FMR/faceproof.DefaultFMR, pack.Match.Smallest),
		})
	}
	if fmr > pack.Match.FMR {
		all = append(all, modelpack.Text{
			En: fmt.Sprintf("--fmr %g is looser than the pack's own %g: more strangers will match", fmr, pack.Match.FMR),
			Zh: fmt.Sprintf("--fmr %g 比模型包默认的 %g 更宽松：会有更多陌生人被误认", fmr, pack.Match.FMR),
		})
	}
	return all
}
