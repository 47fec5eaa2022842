package simcam

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file anew")

// golden is what must not change by itself: when frames are due and how bright
// they are. Bytes would depend on the release of the JPEG encoder.
type golden struct {
	Display []float64            `json:"display"` // ms
	Stamps  []float64            `json:"stamps"`  // ms, of every tenth frame
	Light   map[string][]float64 `json:"light"`   // linear RGB at places, of every tenth frame
}

// One session of the drawn portrait, as it was when the golden file was made.
func TestGolden(t *testing.T) {
	rec := record(t, scene(t, Draw(11, Live, func(p *Params) { small(p); p.Lux = 200 })), 11)
	got := golden{Light: map[string][]float64{}}
	for _, e := range rec.Transcript().Display {
		got.Display = append(got.Display, round(e.T, .1))
	}
	for i := 0; i < len(rec.Frames); i += 10 {
		got.Stamps = append(got.Stamps, round(rec.Frames[i].T, .1))
		for _, at := range [][2]float64{{.5, .55}, {.4, .6}, {.1, .1}, {.5, .95}} {
			c := spot(t, rec.Frames[i], at[0], at[1])
			k := fmt.Sprintf("%.2f,%.2f", at[0], at[1])
			for _, v := range c {
				got.Light[k] = append(got.Light[k], round(v, 1e-4))
			}
		}
	}
	path := filepath.Join("testdata", "golden.json")
	if *update {
		data, _ := json.MarshalIndent(got, "", " ")
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	near := func(what string, a, b []float64, slack float64) {
		ok := len(a) == len(b)
		for i := 0; ok && i < len(a); i++ {
			ok = math.Abs(a[i]-b[i]) <= slack
		}
		if !ok {
			t.Errorf("%s: %v, want %v; if that is meant: go test -run Golden -update", what, a, b)
		}
	}
	near("display", got.Display, want.Display, .2)
	near("stamps", got.Stamps, want.Stamps, .2)
	for k, v := range want.Light {
		near(k, got.Light[k], v, .003)
	}
}

func round(v, unit float64) float64 { return math.Round(v/unit) / math.Round(1/unit) }
