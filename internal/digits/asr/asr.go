// Package asr runs the digit recogniser of a model pack, a small network with
// connectionist temporal classification over log-mel features.
package asr

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// The names of the network's input [1, rows, 40] and output [1, rows', classes].
const (
	inputName  = "logmel"
	outputName = "logp"
)

// maxRows is MaxSeconds of features.
const maxRows = digits.MaxSeconds * 1000 / digits.MelMS

// Recogniser is a digits.Recogniser over a network. It is safe for concurrent
// use.
type Recogniser struct {
	session *onnx.Session
	info    digits.Info
}

// calibration is the file beside the network.
type calibration struct {
	Model      string      `json:"model"`
	SHA256     string      `json:"sha256"` // of the network
	Features   string      `json:"features"`
	FrameMS    float64     `json:"frame_ms"`
	Classes    []string    `json:"classes"`
	Thresholds []threshold `json:"thresholds"`
}

// threshold is the score for n digits that other random digits reach at the rate
// far.
type threshold struct {
	N    int     `json:"n"`
	FAR  float64 `json:"far"`
	MinA float64 `json:"min_a"`
}

// Config says what a Recogniser runs on.
type Config struct {
	Model   modelpack.Model // role speech
	Runtime *onnx.Runtime
	// FAR picks the calibrated thresholds that stand for at most this; 0: 1e-3.
	FAR float64
}

// Open loads the network and its calibration. Errors: what onnx.LoadBytes says,
// CodeInvalid, field "pack", for a kind that this program cannot drive, and
// CodeInvalid, field "calibration", for a file that is not of this network.
func Open(c Config) (*Recogniser, error) {
	if c.Model.Role != modelpack.RoleSpeech || c.Model.Kind != modelpack.KindCTCLogMel40 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "pack", "holds a recogniser that this program cannot drive")
	}
	var cal calibration
	if err := json.Unmarshal(c.Model.Calibration, &cal); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "calibration", Message: "is not JSON", Err: err}
	}
	if err := cal.check(c.Model.SHA256); err != nil {
		return nil, err
	}
	s, err := c.Runtime.LoadBytes(c.Model.Data, onnx.SessionConfig{Inputs: []string{inputName}, Outputs: []string{outputName}})
	if err != nil {
		return nil, err
	}
	if shape := s.Outputs()[0].Shape; len(shape) != 3 || shape[2] != int64(len(cal.Classes)) && shape[2] != -1 {
		_ = s.Close()
		return nil, bad("has other classes than the network")
	}
	if c.FAR == 0 {
		c.FAR = 1e-3
	}
	return &Recogniser{session: s, info: digits.Info{
		Model: cal.Model, Classes: cal.Classes, FrameMS: cal.FrameMS,
		MinA: func(n int) (float64, float64, bool) { return cal.minA(n, c.FAR) },
	}}, nil
}

func bad(why string) error { return faceproof.Errorf(faceproof.CodeInvalid, "calibration", "%s", why) }

func (c *calibration) check(network string) error {
	if c.SHA256 != network {
		return bad("belongs to another network")
	}
	if c.Model == "" || c.Features != digits.FrontEnd || !(c.FrameMS >= digits.MelMS && c.FrameMS <= 100) {
		return bad("names other features, no model or no time of a row")
	}
	if _, err := digits.NewClasses(c.Classes, digits.AnyLanguage); err != nil {
		return bad("has classes that are not understood")
	}
	for _, t := range c.Thresholds {
		if t.N < 1 || !(t.FAR > 0 && t.FAR < 1) || !(t.MinA < 0 && t.MinA > digits.LeastScore) {
			return bad("has a threshold that is none")
		}
	}
	return nil
}

// minA gives the loosest threshold for n digits at a rate of at most far.
func (c *calibration) minA(n int, far float64) (float64, float64, bool) {
	best, at := 0., -1
	for i, t := range c.Thresholds {
		if t.N == n && t.FAR <= far*(1+1e-9) && (at < 0 || t.FAR > best) {
			best, at = t.FAR, i
		}
	}
	if at < 0 {
		return 0, 0, false
	}
	return c.Thresholds[at].MinA, best, true
}

// Info describes the recogniser.
func (r *Recogniser) Info() digits.Info { return r.info }

// LogProbs runs the network. Errors: CodeInvalid, field "sound", for nothing and
// for more than digits.MaxSeconds.
func (r *Recogniser) LogProbs(ctx context.Context, mel [][digits.Mels]float32) ([][]float32, error) {
	if len(mel) == 0 || len(mel) > maxRows {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "sound", "must have 1 to %d rows", int(maxRows))
	}
	in := onnx.Tensor{Shape: []int64{1, int64(len(mel)), digits.Mels}, Data: make([]float32, 0, len(mel)*digits.Mels)}
	for i := range mel {
		in.Data = append(in.Data, mel[i][:]...)
	}
	out, err := r.session.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	classes := len(r.info.Classes)
	if len(out) != 1 || len(out[0].Shape) != 3 || out[0].Shape[2] != int64(classes) {
		return nil, fmt.Errorf("asr: unexpected output of the recogniser")
	}
	rows := make([][]float32, len(out[0].Data)/classes)
	for t := range rows {
		rows[t] = out[0].Data[t*classes : (t+1)*classes]
		for _, v := range rows[t] {
			if math.IsNaN(float64(v)) {
				return nil, fmt.Errorf("asr: the recogniser gave no number")
			}
		}
	}
	return rows, nil
}

// Close frees the network. The Recogniser must not be used afterwards.
func (r *Recogniser) Close() error { return r.session.Close() }
