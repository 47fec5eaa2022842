package digits

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"faceproof"
)

func plus(at []float64, d float64) []float64 {
	var out []float64
	for _, v := range at {
		out = append(out, v+d)
	}
	return out
}

// Synthetic series: a mouth that moves with the voice, and others. That real
// mouths do is measured on real clips by faceproof eval.
func TestLips(t *testing.T) {
	s := voice(9, sixTimes, .2, .001, 1)
	onsets := plus(sixTimes, 5000)
	for _, fps := range []float64{8.3, 12, 25} {
		for _, lag := range []float64{-100, 0, 60, 140} {
			o, at := mouthOf(sixTimes, 9, fps, lag, .004, 3)
			e := Lips(o, at, s, onsets)
			if e.Sync < .6 || e.Rival > e.Sync || math.Abs(e.LagMS-lag) > 50 || e.Null < 2 || e.Onsets < 5 || e.Range < .08 || e.Frames < 70 {
				t.Errorf("%g a second, %g ms later: %+v", fps, lag, e)
			}
		}
		for name, d := range map[string]float64{"earlier": -700, "later": 700} {
			o, at := mouthOf(plus(sixTimes, d), 9, fps, 0, .004, 4)
			if e := Lips(o, at, s, onsets); e.Sync > .3 || e.Null > 1.5 || e.Rival < e.Sync+.3 {
				t.Errorf("%g a second, %s: %+v", fps, name, e)
			}
		}
	}
	o, at := mouthOf(nil, 9, 12, 0, .002, 5) // a still picture with noise
	if e := Lips(o, at, s, onsets); e.Range > .02 {
		t.Errorf("still: %+v", e)
	}
	o, at = mouthOf([]float64{300, 2000, 3300, 4400, 5700, 6800, 8000}, 9, 12, 0, .004, 6)
	if e := Lips(o, at, s, onsets); e.Sync > .45 {
		t.Errorf("another rhythm: %+v", e)
	}
	constant := make([]float64, 100)
	if e := Lips(constant, at[:100], s, onsets); e.Sync != 0 || e.LagMS != 0 || e.Range != 0 || e.Onsets != 0 || e.Null != 0 || e.Rival != 0 {
		t.Errorf("constant: %+v", e)
	}
	o, at = mouthOf(sixTimes, 9, 12, 0, .004, 7)
	silent := Sound{Samples: make([]int16, 9*Rate), T0: 5000}
	if e := Lips(o, at, silent, nil); e.Sync != 0 || e.Onsets != 0 || e.Range < .08 {
		t.Errorf("silence: %+v", e)
	}
}

// Whatever comes, the evidence holds numbers.
func TestLipsOfNonsense(t *testing.T) {
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1e300, 1e300, 5000, 6000}
	number := rapid.OneOf(rapid.SampledFrom(odd), rapid.Float64Range(0, 1), rapid.Float64Range(4000, 15000))
	sounds := []Sound{{}, {Samples: make([]int16, 10)}, voice(4, sixTimes[:2], .2, .001, 1), {Samples: make([]int16, 4*Rate), T0: math.NaN()}}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		o, at := rapid.SliceOfN(number, n, n).Draw(t, "opening"), rapid.SliceOfN(number, n, n).Draw(t, "at")
		if rapid.Bool().Draw(t, "ordered") {
			for i := range at {
				at[i] = 5000 + 50*float64(i)
			}
		}
		e := Lips(o, at, rapid.SampledFrom(sounds).Draw(t, "sound"), rapid.SliceOf(number).Draw(t, "onsets"))
		finite(t, e)
	})
}

func finite(t interface{ Fatalf(string, ...any) }, e faceproof.LipsEvidence) {
	for _, v := range []float64{e.Range, e.Sync, e.LagMS, e.Null, e.Rival} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("%+v", e)
		}
	}
}
