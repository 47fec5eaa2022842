package digits

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// parity is what models/train/digits/parity.py wrote: a synthetic sound, its
// features and, with the network, what that makes of them.
type parity struct {
	PCM    string      `json:"pcm"`
	LogMel [][]float32 `json:"logmel"`
	LogP   [][]float32 `json:"logp"`
}

func readParity(tb testing.TB) (parity, Sound) {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "models", "digits", "testdata", "parity.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var p parity
	if err := json.Unmarshal(b, &p); err != nil {
		tb.Fatal(err)
	}
	pcm, err := base64.StdEncoding.DecodeString(p.PCM)
	if err != nil {
		tb.Fatal(err)
	}
	var s Sound
	for i := 0; i+1 < len(pcm); i += 2 {
		s.Samples = append(s.Samples, int16(binary.LittleEndian.Uint16(pcm[i:])))
	}
	return p, s
}

// The features are those that the recogniser was trained on.
func TestLogMelParity(t *testing.T) {
	p, s := readParity(t)
	got := LogMel(s.Float())
	if len(got) != len(p.LogMel) {
		t.Fatalf("%d rows, want %d", len(got), len(p.LogMel))
	}
	var worst float64
	for i, row := range got {
		for m, v := range row {
			worst = max(worst, math.Abs(float64(v-p.LogMel[i][m])))
		}
	}
	if worst > 1e-3 {
		t.Errorf("features differ by %g", worst)
	}
	t.Logf("features differ by %.1e", worst)
}

// Nothing, silence and noise have features that are numbers, and louder sound
// has the same ones.
func TestLogMel(t *testing.T) {
	if got := LogMel(make([]float32, window-1)); got != nil {
		t.Errorf("%d rows of less than a window", len(got))
	}
	_, s := readParity(t)
	quiet := s.Float()
	loud := make([]float32, len(quiet))
	for i, v := range quiet {
		loud[i] = 4 * v
	}
	a, b := LogMel(quiet), LogMel(loud)
	for i := range a {
		for m := range a[i] {
			if d := math.Abs(float64(a[i][m] - b[i][m])); d > .05 {
				t.Fatalf("row %d, band %d: %g after a change of level", i, m, d)
			}
		}
	}
	for _, x := range [][]float32{make([]float32, window), make([]float32, 4000)} {
		for _, row := range LogMel(x) {
			for _, v := range row {
				if v != v || math.IsInf(float64(v), 0) {
					t.Fatal("no number")
				}
			}
		}
	}
}
