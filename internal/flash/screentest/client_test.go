package screentest

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/flash"
)

var update = flag.Bool("update", false, "write testdata/screen.json, which web/test/screen.test.ts reads")

const screenFile = "testdata/screen.json"

// shown is one picture: when, and the sRGB colour of six places along the wipe.
type shown struct {
	T      float64          `json:"t"` // ms
	Colors [6]faceproof.RGB `json:"colors"`
}

// screenFilm is a challenge and what this package takes the client to show of it.
type screenFilm struct {
	About    string                    `json:"about"`
	Flash    faceproof.FlashChallenge  `json:"flash"`
	Digits   faceproof.DigitsChallenge `json:"digits"`
	Frame    float64                   `json:"frame_ms"`
	Strips   [6]int                    `json:"strips"` // of 24
	Pictures map[string][]shown        `json:"pictures"`
}

func encode(v float64) uint8 {
	if v <= .0031308 {
		v *= 12.92
	} else {
		v = 1.055*math.Pow(v, 1/2.4) - .055
	}
	return uint8(math.Round(255 * v))
}

// What this package takes the screen to show is what the client's own code paints:
// web/test/screen.test.ts plays the same messages to web/core/flash.ts.
func TestScreenIsTheClients(t *testing.T) {
	f := screenFilm{About: "written by go test ./internal/flash/screentest -update; read by web/test/screen.test.ts", Frame: 16, Strips: [6]int{0, 5, 11, 12, 18, 23}, Pictures: map[string][]shown{}}
	var err error
	if f.Flash, err = flash.New(source(1), faceproof.PlanUsual); err != nil {
		t.Fatal(err)
	}
	if f.Digits, err = digits.New(source(2), digits.Options{Paced: true, Light: true}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"flash", "digits"} {
		var a Analyser
		s := NewScreen(&a, func(float64) float64 { return f.Frame / 1000 })
		s.Saw = func(at float64, strips []Linear) {
			p := shown{T: math.Round(1000 * at)}
			for i, k := range f.Strips {
				p.Colors[i] = faceproof.RGB{encode(strips[k][0]), encode(strips[k][1]), encode(strips[k][2])}
			}
			f.Pictures[kind] = append(f.Pictures[kind], p)
		}
		if kind == "flash" {
			s.Flash(f.Flash)
		} else {
			s.Digits(f.Digits, nil)
		}
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	b = append(bytes.ReplaceAll(b, []byte(`{"t"`), []byte("\n"+`{"t"`)), '\n')
	if *update {
		if err := os.WriteFile(screenFile, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(screenFile); err != nil || !bytes.Equal(b, want) {
		t.Errorf("%s is not what is shown (%v); go test -update", screenFile, err)
	}
}
