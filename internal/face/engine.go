// Package face turns pixels into measurements: it detects faces, finds their
// landmarks, aligns, judges quality and embeds. It knows models and knows no
// policy.
package face

import (
	"context"
	"fmt"
	"time"

	"faceproof"
	"faceproof/internal/imaging"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// Config says what an Engine runs on.
type Config struct {
	Pack    *modelpack.Pack // installed and hash-checked
	Runtime *onnx.Runtime   // shared by all engines of the process
	// Observe is told the time of each run of a network, by its role; it is
	// called from several goroutines. Nil: nobody is.
	Observe func(role string, d time.Duration)
}

// Engine runs one pack's networks. It is safe for concurrent use.
type Engine struct {
	pack       *modelpack.Pack
	detector   detector
	cropFactor float64 // landmark crop over detector box
	dlib       bool    // the embedder takes dlib's chip, not ArcFace's template
	mirror     bool    // the embedding is the mean with that of the mirrored face

	detection, landmarks, embedder *network
	pad                            []padNetwork
}

// network is a session with the layout of its input.
type network struct {
	session *onnx.Session
	loop    *onnx.Loop
	spec    imaging.Spec
	role    string
	observe func(role string, d time.Duration)
}

// Open loads the pack's networks, but that of speech. Errors: what
// onnx.Load says, or CodeInvalid, field "pack", for a kind of network that
// this program cannot drive.
func Open(c Config) (*Engine, error) {
	e := &Engine{pack: c.Pack}
	models := c.Pack.Models
	var err error
	if e.detector, err = newDetector(models[modelpack.RoleDetector]); err != nil {
		return nil, badPack(err)
	}
	e.cropFactor = cropFactors[models[modelpack.RoleDetector].Kind]
	switch kind := models[modelpack.RoleEmbedder].Kind; kind {
	case modelpack.KindMobileFaceNet:
	case modelpack.KindDlibResNet:
		e.dlib, e.mirror = true, true
	default:
		return nil, badPack(fmt.Errorf("face: unknown embedder %q", kind))
	}
	if kind := models[modelpack.RoleLandmarks].Kind; kind != modelpack.KindFaceMesh {
		return nil, badPack(fmt.Errorf("face: unknown landmark net %q", kind))
	}
	for role, n := range map[modelpack.Role]**network{
		modelpack.RoleDetector: &e.detection, modelpack.RoleLandmarks: &e.landmarks, modelpack.RoleEmbedder: &e.embedder,
	} {
		if *n, err = load(c.Runtime, models[role]); err != nil {
			_ = e.Close()
			return nil, err
		}
		(*n).role, (*n).observe = string(role), c.Observe
	}
	if err := e.openPAD(c); err != nil {
		_ = e.Close()
		return nil, err
	}
	return e, nil
}

func badPack(err error) error {
	return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "pack", Message: "holds a network that this program cannot drive", Err: err}
}

func load(r *onnx.Runtime, m modelpack.Model) (*network, error) {
	var c onnx.SessionConfig
	if m.Kind == modelpack.KindYuNet {
		c.Outputs = yunetOutputs
	}
	var s *onnx.Session
	var err error
	if m.File == "" {
		s, err = r.LoadBytes(m.Data, c)
	} else {
		s, err = r.Load(m.File, c)
	}
	if err != nil {
		return nil, err
	}
	n := &network{session: s, spec: imaging.Spec{W: m.Input.Width, H: m.Input.Height, BGR: m.Input.Color == "bgr", Mean: m.Input.Mean}}
	for i, v := range m.Input.Std {
		n.spec.Scale[i] = 1 / v
	}
	if n.loop, err = s.Loop([]int64{1, 3, int64(n.spec.H), int64(n.spec.W)}); err != nil {
		_ = s.Close()
		return nil, err
	}
	return n, nil
}

// run warps the image through a into the network's input and runs it. use reads the
// outputs, which are its own until it returns.
func (n *network) run(ctx context.Context, m *imaging.Image, a imaging.Affine, use func(out []onnx.Tensor) error) error {
	return n.infer(ctx, func(in []onnx.Tensor) { m.Warp(a, n.spec, in[0].Data) }, use)
}

// infer runs the network on what fill writes.
func (n *network) infer(ctx context.Context, fill func(in []onnx.Tensor), use func(out []onnx.Tensor) error) error {
	if n.observe == nil {
		return n.loop.Run(ctx, fill, use)
	}
	var from time.Time
	return n.loop.Run(ctx, func(in []onnx.Tensor) { fill(in); from = time.Now() }, func(out []onnx.Tensor) error {
		n.observe(n.role, time.Since(from))
		return use(out)
	})
}

// Close frees the networks. The Engine must not be used afterwards.
func (e *Engine) Close() error {
	var first error
	all := []*network{e.detection, e.landmarks, e.embedder}
	for _, n := range e.pad {
		all = append(all, n.network)
	}
	for _, n := range all {
		if n != nil {
			if err := n.session.Close(); err != nil && first == nil {
				first = err
			}
		}
	}
	return first
}

// Pack gives the pack that the engine runs.
func (e *Engine) Pack() *modelpack.Pack { return e.pack }

// ModelID names the embedder; templates carry it.
func (e *Engine) ModelID() string { return e.pack.Models[modelpack.RoleEmbedder].ID }

// cropFactors: see firstRegion.
var cropFactors = map[string]float64{modelpack.KindYuNet: 1.35, modelpack.KindBlazeFace: 1.7}
