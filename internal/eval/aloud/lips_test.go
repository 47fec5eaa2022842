package aloud

import (
	"fmt"
	"math"
	"testing"

	"faceproof"
)

// talker is a film in which the mouth opens with the loudness of a noise.
func talker(seed uint64) Film {
	r := stream(seed, "talker", "")
	f := Film{Name: fmt.Sprint("film", seed)}
	n := 6 * rate
	loud := make([]float64, n)
	for at := 0; at < n; {
		length := rate/8 + r.IntN(rate/4)
		for i := at; i < min(at+length, n); i++ {
			loud[i] = .02 + .5*math.Sin(math.Pi*float64(i-at)/float64(length))
		}
		at += length + r.IntN(rate/2)
	}
	w := white(r, n)
	for i := range w {
		w[i] *= .2*loud[i] + .0005
	}
	f.Sound = w.samples()
	for i := range 150 {
		t := float64(i) * 40
		f.At = append(f.At, t)
		f.Opening = append(f.Opening, .02+.2*loud[int(t*rate/1000)]+.004*r.NormFloat64())
		f.Still = append(f.Still, .02+.002*r.NormFloat64())
	}
	f.Opening[7] = math.NaN()
	return f
}

func TestMeasureLips(t *testing.T) {
	l, err := MeasureLips(LipsConfig{Films: []Film{talker(1), talker(2), talker(3)}, Policy: faceproof.DefaultDigitsPolicy(), Seed: 7, Joins: 6})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Cells) != 9 || len(l.Films) != 3 {
		t.Fatalf("%d cells, %d films", len(l.Cells), len(l.Films))
	}
	for _, c := range l.Cells {
		if c.Pieces != 6 || c.Films != 3 || c.Joins != 6 {
			t.Errorf("%+v", c)
		}
		if c.Seconds < 6 || c.FPS < 12 {
			continue
		}
		for _, p := range c.Pairs {
			switch p.Name {
			case pairMatched:
				if p.Passed.Value < .99 || p.Sync[1] < .6 {
					t.Errorf("%g a second, %d s: matched %+v", c.FPS, c.Seconds, p)
				}
			case pairStill:
				if p.Passed.Value > 0 || p.Range[2] > .04 {
					t.Errorf("still %+v", p)
				}
			default:
				if p.AUC.Value < .9 || p.EER.Value > .2 {
					t.Errorf("%s %+v %+v", p.Name, p.AUC, p.EER)
				}
			}
		}
	}
	l.Header = Header{Date: "2026-11-22", Version: "test", Pack: "fake", Root: "0123456789abcdef", Files: 3}
	dir := t.TempDir()
	if err := l.Write(dir); err != nil {
		t.Fatal(err)
	}
	golden(t, dir, "lips")
	if _, err := MeasureLips(LipsConfig{Films: []Film{talker(1)}}); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("one film: %v", err)
	}
}

func TestAUC(t *testing.T) {
	w := func(v ...float64) (out []weighed) {
		for _, x := range v {
			out = append(out, weighed{x, 1})
		}
		return out
	}
	for _, c := range []struct {
		a, b     []weighed
		auc, eer float64
	}{
		{w(3, 4), w(1, 2), 1, 0}, {w(1, 2), w(3, 4), 0, 1}, {w(1, 2), w(1, 2), .5, .5}, {w(2, 4), w(1, 3), .75, .5},
		{[]weighed{{3, 1}, {0, 0}}, w(1), 1, 0},
	} {
		if got := auc(c.a, c.b); got != c.auc {
			t.Errorf("auc %v %v: %g, want %g", c.a, c.b, got, c.auc)
		}
		if got := eer(c.a, c.b); math.Abs(got-c.eer) > 1e-9 {
			t.Errorf("eer %v %v: %g, want %g", c.a, c.b, got, c.eer)
		}
	}
	if !math.IsNaN(auc(nil, w(1))) {
		t.Error("an AUC of nothing")
	}
}

func TestPieces(t *testing.T) {
	cut := pieces([]Film{talker(1)}, 12)
	if len(cut) != 2 || len(cut[0].at) != 36 || len(cut[0].sound) != 3*rate {
		t.Fatalf("%d pieces, %d frames", len(cut), len(cut[0].at))
	}
	for i := 1; i < 36; i++ {
		if cut[1].at[i] <= cut[1].at[i-1] || cut[1].at[i] >= pieceMS {
			t.Errorf("times %v", cut[1].at)
		}
	}
}
