package faceproof

import (
	"math"
	"testing"
)

// The anchors of docs/models.md.
func TestMatchScore(t *testing.T) {
	for _, c := range []struct{ fmr, want float64 }{
		{1, 0}, {1e-1, 20}, {1e-2, 40}, {1e-3, 60}, {1e-4, 80}, {1e-5, 100}, {1e-6, 100}, {0, 100}, {1.4e-3, 57}, {2e-5, 93.9},
		{2, 0}, {-1, 0}, {math.NaN(), 0}, {math.Inf(1), 0},
	} {
		if got := MatchScore(c.fmr); got != c.want {
			t.Errorf("%g: %g, want %g", c.fmr, got, c.want)
		}
	}
	// Never better than the rate is, and never worse by more than a tenth.
	last := 0.
	for e := 0.; e <= 6; e += .001 {
		s := MatchScore(math.Pow(10, -e))
		if s < last || s > 20*e+1e-6 || s < min(20*e-.1-1e-6, 100) {
			t.Fatalf("1e-%g: %g after %g", e, s, last)
		}
		last = s
	}
}

func TestCheckFMR(t *testing.T) {
	for _, ok := range []float64{1e-9, 1e-4, 2e-3, 1e-2} {
		if err := CheckFMR(ok, "f"); err != nil {
			t.Error(ok, err)
		}
	}
	for _, bad := range []float64{0, -1e-4, 1.1e-2, 1, math.NaN(), math.Inf(1), 1e-10} {
		err := CheckFMR(bad, "f")
		if e, _ := err.(*Error); e == nil || e.Code != CodeInvalid || e.Field != "f" {
			t.Error(bad, err)
		}
	}
}

// An app gets the server's target or a stricter one, and its name tells.
func TestReadingFMR(t *testing.T) {
	p := DefaultPolicy()
	for _, c := range []struct{ app, want float64 }{{0, 1e-4}, {1e-3, 1e-4}, {1e-4, 1e-4}, {1e-5, 1e-5}} {
		got := Reading{MaxFMR: c.app}.Policy(p)
		if got.MaxFMR != c.want || (got.ID == p.ID) != (c.want == p.MaxFMR) {
			t.Errorf("app %g: %g, %s", c.app, got.MaxFMR, got.ID)
		}
	}
	if got := (Reading{MaxFMR: 1e-5, MinLevel: LevelStandard}).Policy(p); got.ID != "default-1/standard/fmr=1e-05" {
		t.Error(got.ID)
	}
	for _, bad := range []float64{-1, .5, math.NaN()} {
		err := Reading{MaxFMR: bad}.Check()
		if e, _ := err.(*Error); e == nil || e.Code != CodeInvalid || e.Field != "max_fmr" {
			t.Error(bad, err)
		}
	}
}
