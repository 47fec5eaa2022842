package asr

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"faceproof/internal/digits"
	"faceproof/internal/face/facetest"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

// shipped opens the recogniser of a pack.
func shipped(tb testing.TB) *Recogniser {
	tb.Helper()
	pack, err := modelpack.Load(facetest.DataDir(), "")
	if err != nil {
		tb.Skip("no model pack is installed")
	}
	model, ok := pack.Models[modelpack.RoleSpeech]
	if !ok {
		tb.Fatal("the pack has no recogniser")
	}
	rt, err := onnx.Open(pack.Runtime)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = rt.Close() })
	r, err := Open(Config{Model: model, Runtime: rt})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// The network gives here what it gave where it was trained, from the sound on.
func TestShippedParity(t *testing.T) {
	r := shipped(t)
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "models", "digits", "testdata", "parity.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		PCM  string      `json:"pcm"`
		LogP [][]float64 `json:"logp"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	pcm, err := base64.StdEncoding.DecodeString(p.PCM)
	if err != nil {
		t.Fatal(err)
	}
	var s digits.Sound
	for i := 0; i+1 < len(pcm); i += 2 {
		s.Samples = append(s.Samples, int16(binary.LittleEndian.Uint16(pcm[i:])))
	}
	got, err := r.LogProbs(context.Background(), digits.LogMel(s.Float()))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 || len(got) != len(p.LogP) {
		t.Fatalf("%d rows, want %d", len(got), len(p.LogP))
	}
	var worst float64
	for i, row := range got {
		for k, v := range row {
			worst = max(worst, math.Abs(float64(v)-p.LogP[i][k]))
		}
	}
	if t.Logf("log-probabilities differ by %.1e", worst); worst > 2e-3 { // the features' 1e-3, and rounding
		t.Errorf("log-probabilities differ by %g", worst)
	}
}

// The calibration has a threshold for every challenge that is drawn, at the rate
// that the default policy asks for, and a stricter one for a lower rate.
func TestShippedThresholds(t *testing.T) {
	info := shipped(t).Info()
	if info.FrameMS != 30 {
		t.Errorf("a row every %g ms", info.FrameMS)
	}
	for _, n := range []int{4, 6} {
		if a, far, ok := info.MinA(n); !ok || far > 1e-3 || a >= 0 || a < -6 {
			t.Errorf("%d digits: %g at %g, %v", n, a, far, ok)
		}
	}
	if _, _, ok := info.MinA(5); ok {
		t.Error("five digits have a threshold that nobody measured")
	}
}

// BenchmarkShipped is the sound of 8 seconds, from samples to a score.
func BenchmarkShipped(b *testing.B) {
	r := shipped(b)
	x := make([]float32, 8*digits.Rate)
	for i := range x {
		x[i] = float32(.1 * math.Sin(float64(i)) * math.Sin(float64(i)/3000))
	}
	classes, err := digits.NewClasses(r.Info().Classes, digits.AnyLanguage)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		logp, err := r.LogProbs(context.Background(), digits.LogMel(x))
		if err != nil {
			b.Fatal(err)
		}
		digits.Score(logp, classes, "314159")
	}
}
