package digits

import (
	"math/bits"
	"slices"
	"testing"
)

// nearest is the median, over some marks of a, of the share of bits by which the
// nearest mark of b differs.
func nearest(a, b []uint64) float64 {
	var d []float64
	for i := 0; i < len(a); i += 5 {
		least := 64
		for _, h := range b {
			least = min(least, bits.OnesCount64(a[i]^h))
		}
		d = append(d, float64(least)/64)
	}
	return quantile(d, .5)
}

// Level and a cut change few bits; another rhythm changes them as chance does.
func TestMarks(t *testing.T) {
	s := voice(9, sixTimes, .2, .003, 1)
	marks := Marks(s)
	if len(marks) < 200 || len(marks) > 450 {
		t.Fatalf("%d marks", len(marks))
	}
	if !slices.Equal(marks, Marks(s)) {
		t.Error("other marks the second time")
	}
	quiet := Sound{Samples: slices.Clone(s.Samples[1111:])}
	for i := range quiet.Samples {
		quiet.Samples[i] /= 2
	}
	if d := nearest(marks, Marks(quiet)); d > .1 {
		t.Errorf("cut and quieter: %.2f of the bits differ", d)
	}
	other := Marks(voice(9, []float64{1300, 2300, 3900, 4900, 6300, 7900}, .2, .003, 2))
	if d := nearest(marks, other); d < .2 {
		t.Errorf("at other times: only %.2f of the bits differ", d)
	}
}

// Sound of any kind and length gives a bounded number of marks, silence none.
func TestMarksAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		s    Sound
		most int
	}{
		"nothing":     {Sound{}, 0},
		"a sample":    {Sound{Samples: []int16{1}}, 0},
		"a second":    {voice(1, nil, 0, .1, 3), 0},
		"zeros":       {Sound{Samples: make([]int16, 10*Rate)}, 0},
		"clipped":     {Sound{Samples: slices.Repeat([]int16{32767, -32768}, 5*Rate)}, 0},
		"ten minutes": {voice(60, sixTimes, .3, .1, 4), 50 * MaxSeconds},
	} {
		if name == "ten minutes" {
			c.s.Samples = slices.Repeat(c.s.Samples, 10)
		}
		if n := len(Marks(c.s)); n > c.most {
			t.Errorf("%s: %d marks", name, n)
		}
	}
}

func BenchmarkMarks(b *testing.B) {
	s := voice(9, sixTimes, .2, .003, 1)
	b.ReportAllocs()
	for b.Loop() {
		Marks(s)
	}
}
