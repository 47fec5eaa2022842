package eval

import (
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/eval/pages"
)

const roomsProtocol = `
id = "rooms"
title = { en = "Rooms", zh = "房间" }
portraits = "tune"
seed = 1

[[cell]]
name = "chosen-100"
title = { en = "100 lux", zh = "100 lux" }
kinds = ["live"]
sessions = 4
params = { lux = 100 }

[[cell]]
name = "chosen-1000"
title = { en = "1000 lux", zh = "1000 lux" }
kinds = ["live"]
sessions = 4
params = { lux = 1000 }

[[cell]]
name = "usual-1000"
title = { en = "1000 lux, 10", zh = "1000 lux，10" }
kinds = ["live"]
sessions = 4
plan = "usual"
params = { lux = 1000 }
`

// Rooms and plans get a row each, with what was counted in them, and a plot; a
// protocol that compares no plans has neither.
func TestCurve(t *testing.T) {
	p := parse(t, roomsProtocol)
	jobs, err := p.List(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	score := func(p *Protocol) *Report {
		var trials []Trial
		for i, j := range jobs {
			f := &faceproof.FlashEvidence{P: 1e-4, Z: 8, R2: .95, L: 20, Cut: 1, Amplitude: .05, Segments: 10, BackgroundCells: 100, Measurable: true,
				Shape: faceproof.ShapeEvidence{Cells: 100, HeadCells: 100, Spread: .3}}
			if j.Cell.Name == "chosen-1000" {
				f.Segments, f.Z = 16, 13
			}
			if j.Cell.Name == "usual-1000" && i%2 == 0 {
				f.P, f.L = .01, 0
			}
			trials = append(trials, Trial{Cell: j.Cell.Name, Kind: j.Kind, Index: j.Index, Seed: j.Seed, Params: map[string]any{"lux": j.Cell.spreads["lux"].of[0]}, Attempts: []faceproof.Evidence{{
				Attempt: 1, Flash: f, Reference: faceproof.ReferenceFound, Light: &faceproof.LightEvidence{Predicted: true, Amplitude: .06},
				Capture: faceproof.CaptureEvidence{FPS: 15, JPEGQ: 85}, Face: faceproof.FaceEvidence{Analysed: 20, WithFace: 20, Continuity: .9},
				Match: &faceproof.MatchEvidence{Similarity: .9, Threshold: .5, FMR: 1e-4}}}})
		}
		r, err := Score(Header{Format: 1, Simulated: true, Policy: faceproof.DefaultPolicy()}, p, trials)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := score(p)
	if len(r.Curve) != 3 {
		t.Fatalf("%+v", r.Curve)
	}
	usual, dim, bright := r.Curve[0], r.Curve[1], r.Curve[2]
	if usual.Plan != "usual" || usual.Lux != 1000 || usual.Inconclusive.Count != 2 || usual.Stale.Count != 2 || usual.Longer != 0 || usual.Inconclusive.N != 4 {
		t.Errorf("usual: %+v", usual)
	}
	if dim.Plan != "chosen" || dim.Lux != 100 || dim.Longer != 0 || dim.Stale.Count != 0 || dim.Ratio.Median < 1.19 || dim.Ratio.Median > 1.21 {
		t.Errorf("dim: %+v", dim)
	}
	if bright.Lux != 1000 || bright.Longer != 4 || bright.Inconclusive.Count != 0 || bright.Z.Median != 13 || bright.L.Median != 20 {
		t.Errorf("bright: %+v", bright)
	}
	if svg := string(r.plots()["rooms.svg"]); strings.Count(svg, "<circle") != 12 || strings.Contains(svg, "NaN") {
		t.Errorf("%d dots: %s", strings.Count(svg, "<circle"), svg)
	}
	for lang, want := range map[string]string{pages.English: "as the light asks (4 of 4 long)", pages.Chinese: "按光线（4 / 4 为长序列）"} {
		if !strings.Contains(string(r.markdown(lang)), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for i := range p.Cells {
		p.Cells[i].Plan = ""
	}
	if r := score(p); len(r.Curve) != 0 || r.plots()["rooms.svg"] != nil {
		t.Errorf("a curve without plans: %+v", r.Curve)
	}
}

// The sessions that the published curve compares are pairs.
func TestLuxProtocolIsPaired(t *testing.T) {
	p := parse(t, string(builtin(t, "lux")))
	at := map[float64]map[string]uint64{}
	for _, c := range p.Cells {
		if !c.live() {
			continue
		}
		lux := c.spreads["lux"].of[0].(float64)
		if at[lux] == nil {
			at[lux] = map[string]uint64{}
		}
		if c.Sessions < 30 || at[lux][c.Plan] != 0 {
			t.Errorf("%s: %d sessions", c.Name, c.Sessions)
		}
		at[lux][c.Plan] = c.Seed
	}
	for lux, seeds := range at {
		if usual, ok := seeds["usual"]; ok != (lux >= 450) || ok && usual != seeds[""] {
			t.Errorf("%g lux: seeds %v", lux, seeds)
		}
	}
	if len(at) < 8 {
		t.Errorf("%d rooms", len(at))
	}
}
