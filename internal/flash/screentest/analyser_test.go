package screentest

import (
	"math"
	"testing"
)

// wave shows a square wave of so many cycles a second for two seconds, at 120
// pictures a second.
func wave(hz float64, a, b Linear) Verdict {
	var an Analyser
	strips := make([]Linear, Strips)
	for i := range 240 {
		t := float64(i) / 120
		c := a
		if math.Mod(t*hz+1e-9, 1) >= .5 {
			c = b
		}
		for k := range strips {
			strips[k] = c
		}
		an.See(t, strips)
	}
	return an.Verdict()
}

func grey(y float64) Linear { return Linear{y, y, y} }

// The analyser counts what the definitions count, and nothing else.
func TestAnalyserKnowsTheDefinitions(t *testing.T) {
	for name, c := range map[string]struct {
		hz           float64
		a, b         Linear
		general, red int
	}{
		"black and white, 3 Hz":        {3, grey(0), grey(1), 3, 0},
		"black and white, 4 Hz":        {4, grey(0), grey(1), 4, 0},
		"10 % of luminance":            {5, grey(.5), grey(.601), 5, 0},
		"9 % of luminance":             {5, grey(.5), grey(.59), 0, 0},
		"dark state at .79":            {5, grey(.79), grey(.9), 5, 0},
		"bright, contrast under 1/17":  {5, grey(.85), grey(.94), 0, 0},
		"bright, contrast over 1/17":   {5, grey(.85), grey(.97), 5, 0},
		"saturated red and black":      {5, Linear{}, Linear{1, 0, 0}, 5, 5},
		"saturated red, as bright":     {5, Linear{.5, 0, 0}, grey(.1063), 0, 5},
		"red that is not saturated":    {5, Linear{.79, .105, .105}, grey(.25), 0, 0},
		"green and magenta, as bright": {5, Linear{0, .3, 0}, Linear{.754, 0, .754}, 0, 0},
		"dark red and dark grey":       {5, Linear{.05, 0, 0}, grey(.01), 0, 5},
		"slow":                         {.5, grey(0), grey(1), 0, 0},
	} {
		if v := wave(c.hz, c.a, c.b); v.General != c.general || v.Red != c.red || v.Safe() != (c.general <= Limit && c.red <= Limit) {
			t.Errorf("%s: %+v, want %d and %d", name, v, c.general, c.red)
		}
	}
	// A staircase is one change, however many steps it has; 3 Hz last for 1 s and a half.
	var an Analyser
	for i, y := range []float64{0, .04, .08, .12, .16, .12, .08, .04, 0} {
		an.See(.1*float64(i), []Linear{grey(y), grey(y), grey(y), grey(y)})
	}
	if v := an.Verdict(); v.General != 1 {
		t.Errorf("a staircase: %+v", v)
	}
	an.Reset()
	an.See(0, []Linear{grey(0), grey(0), grey(0), grey(1)})
	if v := an.Verdict(); v != (Verdict{}) {
		t.Errorf("after Reset: %+v", v)
	}
}

// One strip that flashes is found, although the whole screen changes little.
func TestAnalyserLooksAtEachStrip(t *testing.T) {
	var an Analyser
	strips := make([]Linear, Strips)
	for i := range 60 {
		strips[17] = grey(float64(i / 6 % 2))
		an.See(float64(i)/60, strips)
	}
	if v := an.Verdict(); v.General != 4 || v.Safe() {
		t.Errorf("%+v, want 4 flashes of 9 changes", v)
	}
}
