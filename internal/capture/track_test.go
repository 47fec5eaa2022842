package capture

import (
	"strings"
	"testing"
	"time"

	"faceproof"
)

// A hello may say something of the camera, and need not.
func TestTrack(t *testing.T) {
	for text, want := range map[string]faceproof.TrackEvidence{
		``: {},
		`"track":{"label":"virtual","facing":"user","controls":-1,"clock":"camera","webdriver":true},`: {
			Label: "virtual", Facing: "user", Controls: -1, Clock: "camera", Webdriver: true},
		`"track":{"label":"none"},`: {Label: "none"},
		`"track":{},`:               {},
	} {
		h, err := ParseHello([]byte(strings.Replace(testHello, `"v":1`, text+`"v":1`, 1)))
		if err != nil || h.Track != want {
			t.Errorf("%s: %+v, %v", text, h.Track, err)
		}
	}
}

// The drift is the delay of the slowest frame over that of the promptest,
// whatever the two clocks show.
func TestDrift(t *testing.T) {
	for _, skew := range []float64{0, 1e6} {
		var d drift
		t0 := time.Unix(1000, 0)
		for i, late := range []float64{80, 30, 500, 90} {
			at := 66 * float64(i)
			d.frame(t0.Add(time.Duration((at+late)*1e6)), t0, at+skew)
		}
		if got := d.largest - d.least; got < 469.9 || got > 470.1 {
			t.Errorf("skew %v: %v ms", skew, got)
		}
	}
}
