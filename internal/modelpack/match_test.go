package modelpack

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"faceproof"
	"faceproof/models"
)

// packOf is a pack of the binary without its files.
func packOf(t testing.TB, id string) *Pack {
	t.Helper()
	m, err := manifestOf(id)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.pack(m.Runtime.AMD64, func(s string) string { return s })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The thresholds that serve uses unless it is told otherwise. They may rise, and
// then this table with them; they never fall under what was shipped first.
func TestThreshold(t *testing.T) {
	for _, c := range []struct {
		pack             string
		probe, reference int
		want, floor, fmr float64
	}{
		{packStandard, 1, 1, .50, .50, 1e-4}, {packStandard, 0, 0, .50, .50, 1e-4}, {packStandard, 5, 1, .50, .50, 1e-4},
		{packStandard, 2, 2, .5478, .50, 1e-4}, {packStandard, 5, 5, .5478, .50, 1e-4},
		{packOffline, 1, 1, .60, .60, 2.1e-3}, {packOffline, 0, 0, .60, .60, 2.1e-3}, {packOffline, 1, 9, .60, .60, 2.1e-3},
		{packOffline, 2, 1, .6437, .60, 2.1e-3}, {packOffline, 5, 1, .6437, .60, 2.1e-3},
		{packOffline, 2, 2, .6914, .675, 2.1e-3}, {packOffline, 5, 5, .6914, .675, 2.1e-3},
	} {
		p := packOf(t, c.pack)
		got := p.Threshold(c.probe, c.reference)
		if got.Threshold != c.want || got.Threshold < c.floor || got.FMR > c.fmr || p.Match.FMR != c.fmr {
			t.Errorf("%s, %d and %d frames: %+v of %g, want %v", c.pack, c.probe, c.reference, got, p.Match.FMR, c.want)
		}
		if p.Match.UnitNorm != (c.pack == packStandard) {
			t.Errorf("%s: UnitNorm is %v", c.pack, p.Match.UnitNorm)
		}
	}
}

// A target is never met by a looser threshold: of any target, the point given is
// a measured one at most so large, and the loosest of those.
func TestThresholdForRoundsToTheStricter(t *testing.T) {
	packs := []*Pack{packOf(t, packStandard), packOf(t, packOffline)}
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SampledFrom(packs).Draw(t, "pack")
		probe, ref := rapid.IntRange(0, 9).Draw(t, "probe"), rapid.IntRange(0, 9).Draw(t, "reference")
		fmr := math.Pow(10, -rapid.Float64Range(2, 9).Draw(t, "decades"))
		got := p.ThresholdFor(fmr, probe, ref)
		points := p.Match.row(probe, ref).Points
		if p.CheckTarget(fmr, "f") == nil && got.FMR > fmr {
			t.Fatalf("%g gives %+v", fmr, got)
		}
		for _, at := range points {
			if at.FMR <= fmr && at.Threshold < got.Threshold {
				t.Fatalf("%g gives %+v although %+v is enough", fmr, got, at)
			}
		}
		// Not to be had: refused by Decide, since FMR is above the target.
		if last := points[len(points)-1]; fmr < last.FMR && (got != last || p.CheckTarget(fmr, "f") == nil) {
			t.Fatalf("%g, under everything measured, gives %+v", fmr, got)
		}
		// The score of a threshold is its rate's, and the score of less is less.
		if s := p.Score(got.Threshold, probe, ref); s != faceproof.MatchScore(got.FMR) {
			t.Fatalf("at %+v the score is %g", got, s)
		}
		if s := p.Score(got.Threshold-.01, probe, ref); s >= faceproof.MatchScore(got.FMR) && s < 100 {
			t.Fatalf("under %+v the score is %g", got, s)
		}
	})
}

// Scores rise with the similarity, from 0 to the score of the smallest rate that
// was measured, and one score is one rate in both packs.
func TestScoreIsMonotone(t *testing.T) {
	for _, id := range packIDs() {
		p := packOf(t, id)
		for _, frames := range [][2]int{{1, 1}, {5, 1}, {5, 5}} {
			points := p.Match.row(frames[0], frames[1]).Points
			last := 0.
			for s := -1.; s <= 1; s += 1. / 512 {
				got, rate := p.Score(s, frames[0], frames[1]), p.FMR(s, frames[0], frames[1])
				if got < last || got != faceproof.MatchScore(rate) {
					t.Fatalf("%s %v: %g at %g after %g", id, frames, got, s, last)
				}
				last = got
			}
			if want := faceproof.MatchScore(points[len(points)-1].FMR); last != want || p.Score(math.NaN(), 1, 1) != 0 {
				t.Errorf("%s %v: at most %g, want %g", id, frames, last, want)
			}
			for _, at := range points {
				if got := p.FMR(at.Threshold, frames[0], frames[1]); got != at.FMR {
					t.Errorf("%s %v: %g at %+v", id, frames, got, at)
				}
			}
		}
	}
	standard, offline := packOf(t, packStandard), packOf(t, packOffline)
	for _, fmr := range []float64{1e-2, 1e-3} { // the anchors 40 and 60; offline ends there
		a, b := similarityOf(standard, fmr), similarityOf(offline, fmr)
		if x, y := standard.Score(a, 1, 1), offline.Score(b, 1, 1); math.Abs(x-y) > .11 || math.Abs(x-faceproof.MatchScore(fmr)) > .11 || a == b {
			t.Errorf("%g: standard %g at %g, offline %g at %g", fmr, x, a, y, b)
		}
	}
}

// similarityOf finds where single pictures reach a rate.
func similarityOf(p *Pack, fmr float64) float64 {
	low, high := 0., 1.
	for range 60 {
		if mid := (low + high) / 2; p.FMR(mid, 1, 1) > fmr {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

func TestCheckTarget(t *testing.T) {
	standard, offline := packOf(t, packStandard), packOf(t, packOffline)
	bare := packOf(t, packStandard)
	bare.Match.Rows = nil
	other := packOf(t, packStandard)
	other.Match.ModelID = "somebody-elses"
	for _, c := range []struct {
		p    *Pack
		fmr  float64
		says string
	}{
		{standard, 1e-4, ""}, {standard, 1e-2, ""}, {standard, standard.Match.Smallest, ""}, {offline, 1e-3, ""},
		{standard, standard.Match.Smallest / 2, fmt.Sprintf("--fmr: the smallest false match rate for which pack standard is calibrated is %g", standard.Match.Smallest)},
		{offline, 1e-4, fmt.Sprintf("--fmr: the smallest false match rate for which pack offline is calibrated is %g", offline.Match.Smallest)},
		{standard, .5, "--fmr: must be"}, {standard, math.NaN(), "--fmr: must be"},
		{bare, 1e-4, "no calibration for mobilefacenet"}, {bare, 1e-4, "faceproof eval faces --pack standard"}, {other, 1e-4, "no calibration for mobilefacenet"},
	} {
		err := c.p.CheckTarget(c.fmr, "--fmr")
		if c.says == "" && err != nil || c.says != "" && (faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s, %g: %v", c.p.ID, c.fmr, err)
		}
	}
	// Without a calibration nothing is similar enough.
	if got := bare.Threshold(5, 5); !math.IsInf(got.Threshold, 1) || got.FMR != 1 || bare.Score(1, 5, 5) != 0 {
		t.Errorf("%+v", got)
	}
}

// Each change makes a calibration that is none.
func TestParseManifestRefusesCalibrations(t *testing.T) {
	text, err := models.Packs.ReadFile("packs/offline.toml")
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(text), "[match]\n")
	if !ok {
		t.Fatal("no calibration")
	}
	point := func(fmr, threshold string) string {
		return "{ fmr = " + fmr + ", threshold = " + threshold + `, pairs = 9, group = "g" }`
	}
	row := func(probe, reference int, points ...string) string {
		return fmt.Sprintf("[[match.row]]\nprobe_frames = %d\nreference_frames = %d\nreport = \"r\"\nnote = \"n\"\npoints = [%s]\n", probe, reference, strings.Join(points, ", "))
	}
	const top = "[match]\nmetric = \"l2\"\nmodel = \"dlib-resnet-b556c329+mesh5+flip\"\ndefault_fmr = 2e-3\n"
	good := point("1e-3", "0.6")
	for name, c := range map[string]struct{ text, says string }{
		"good":                    {top + row(1, 1, point("1e-2", "0.5"), good), ""},
		"metric":                  {strings.Replace(top, "l2", "l1", 1) + row(1, 1, good), "match.metric"},
		"another model":           {strings.Replace(top, "+flip", "", 1) + row(1, 1, good), "match.model"},
		"no model":                {strings.Replace(top, "model", "# model", 1) + row(1, 1, good), "match.model"},
		"nothing":                 {top, "match.row is missing"},
		"no points":               {top + row(1, 1), "points is missing"},
		"unknown key":             {top + row(1, 1, strings.Replace(good, "pairs", "pears", 1)), "pears"},
		"one threshold":           {top + row(1, 1, good) + "threshold = 0.6\n", "threshold"},
		"threshold over 1":        {top + row(1, 1, point("1e-3", "1.6")), "point 1: threshold"},
		"threshold is none":       {top + row(1, 1, point("1e-3", "nan")), "point 1: threshold"},
		"no threshold":            {top + row(1, 1, `{ fmr = 1e-3, pairs = 9, group = "g" }`), "point 1: threshold"},
		"no rate":                 {top + row(1, 1, point("0.0", "0.6")), "point 1: fmr"},
		"rate is none":            {top + row(1, 1, point("nan", "0.6")), "point 1: fmr"},
		"a sure rate":             {top + row(1, 1, point("1.0", "0.6")), "point 1: fmr"},
		"rate twice":              {top + row(1, 1, good, point("1e-3", "0.7")), "point 2: fmr comes twice"},
		"rate rises":              {top + row(1, 1, good, point("1e-2", "0.7")), "point 2: fmr rises"},
		"threshold falls":         {top + row(1, 1, good, point("1e-4", "0.5")), "point 2: threshold does not rise"},
		"threshold stays":         {top + row(1, 1, good, point("1e-4", "0.6")), "point 2: threshold does not rise"},
		"no pairs":                {top + row(1, 1, strings.Replace(good, "pairs = 9", "pairs = 0", 1)), "pairs"},
		"no group":                {top + row(1, 1, strings.Replace(good, `"g"`, `""`, 1)), "group"},
		"no report":               {top + strings.Replace(row(1, 1, good), `report = "r"`, "", 1), "report"},
		"no note":                 {top + strings.Replace(row(1, 1, good), `note = "n"`, "", 1), "note"},
		"not for single pictures": {top + row(2, 1, good), "first match.row"},
		"rows out of order":       {top + row(1, 1, good) + row(3, 3, good) + row(2, 2, good), "fewest frames"},
		"rows twice":              {top + row(1, 1, good) + row(1, 1, good), "come twice"},
		"no frames":               {top + row(0, 1, good), "at least 1"},
		"a row ends too soon":     {top + row(1, 1, good) + row(3, 3, point("3e-3", "0.6")), "match.row 2: points end at fmr 0.003 and match.default_fmr is 0.002"},
		"the usual target":        {strings.Replace(top, "default_fmr", "# default_fmr", 1) + row(1, 1, good), "match.default_fmr is 0.0001"},
		"a loose target":          {strings.Replace(top, "2e-3", "2e-2", 1) + row(1, 1, good), "default_fmr must be"},
		"target is none":          {strings.Replace(top, "2e-3", "nan", 1) + row(1, 1, good), "default_fmr must be"},
	} {
		_, err := parseManifest(head + c.text)
		if c.says == "" && err != nil || c.says != "" && (faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// A target that is looser than the published one is never silent.
	warned := strings.Index(head, "[warning]")
	after := warned + strings.Index(head[warned:], "[runtime]")
	if _, err := parseManifest(head[:warned] + head[after:] + top + row(1, 1, good)); err == nil || !strings.Contains(err.Error(), "needs a warning") {
		t.Errorf("no warning: %v", err)
	}
}
