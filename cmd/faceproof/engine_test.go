package main

import (
	"fmt"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face/facetest"
	"faceproof/internal/modelpack"
)

// matched is a pack with nothing but a calibration.
func matched(own, smallest float64) *modelpack.Pack {
	return &modelpack.Pack{
		ID: "small", Models: map[modelpack.Role]modelpack.Model{modelpack.RoleEmbedder: {ID: "net"}}, Continuity: .3, Flash: faceproof.DefaultShapePolicy(),
		Match: modelpack.Match{ModelID: "net", FMR: own, Smallest: smallest, Rows: []modelpack.MatchRow{{ProbeFrames: 1, ReferenceFrames: 1,
			Points: []modelpack.MatchPoint{{FMR: own, Threshold: .5}, {FMR: smallest, Threshold: .6}}}}},
	}
}

// The server starts with the pack's target or a given one, and with no other.
func TestPolicyFor(t *testing.T) {
	usual, demo := matched(1e-4, 1e-6), matched(2e-3, 1e-3)
	none := matched(1e-4, 1e-6)
	none.Match.Rows = nil
	for _, c := range []struct {
		pack     *modelpack.Pack
		liveness string
		fmr      float64
		want     float64
		id, says string
	}{
		{usual, livenessUsual, 0, 1e-4, "default-1", ""},
		{usual, livenessStrict, 0, 1e-4, "strict-1", ""},
		{usual, livenessUsual, 1e-6, 1e-6, "default-1/fmr=1e-06", ""},
		{usual, livenessStrict, 1e-3, 1e-3, "strict-1/fmr=0.001", ""},
		{demo, livenessUsual, 0, 2e-3, "default-1/fmr=0.002", ""},
		{usual, livenessUsual, 1e-7, 0, "", "--fmr: the smallest false match rate for which pack small is calibrated is 1e-06"},
		{demo, livenessUsual, 1e-4, 0, "", "is 0.001"},
		{none, livenessUsual, 0, 0, "", "pack: small has no calibration for net; measure one: faceproof eval faces --pack small"},
		{usual, livenessUsual, -1, 0, "", "--fmr: must be"},
	} {
		p, err := policyFor(c.pack, c.liveness, c.fmr)
		if c.says != "" {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%g: %v", c.fmr, err)
			}
			continue
		}
		if err != nil || p.MaxFMR != c.want || p.ID != c.id {
			t.Errorf("%g: %g, %s, %v", c.fmr, p.MaxFMR, p.ID, err)
		}
	}
}

// What is looser than 1e-4, or than the pack, is said in both languages.
func TestFMRWarnings(t *testing.T) {
	usual, demo := matched(1e-4, 1e-6), matched(2e-3, 1e-3)
	for _, c := range []struct {
		pack *modelpack.Pack
		fmr  float64
		want int
	}{{usual, 1e-4, 0}, {usual, 1e-6, 0}, {usual, 1e-3, 1}, {demo, 2e-3, 1}, {demo, 1e-3, 1}, {demo, 5e-3, 2}} {
		got := fmrWarnings(c.pack, c.fmr)
		if len(got) != c.want {
			t.Errorf("%g: %v", c.fmr, got)
		}
		for _, w := range got {
			if w.En == "" || w.Zh == "" || strings.Contains(w.En+w.Zh, "%!") {
				t.Errorf("%+v", w)
			}
		}
	}
}

func TestStrangers(t *testing.T) {
	for _, c := range []struct {
		fmr  float64
		want string
	}{{1, "most"}, {.398, "in 2.5 is"}, {1.1e-3, "in 910 is"}, {2e-5, "in 50000 is"}, {1.2e-4, "in 8300 is"}} {
		if got := strangers(c.fmr); !strings.Contains(got, c.want) {
			t.Errorf("%g: %s", c.fmr, got)
		}
	}
}

// serve does not start for a rate that the installed pack has no threshold for,
// and names the smallest; nothing of the data is opened before.
func TestServeRefusesRates(t *testing.T) {
	for _, pack := range facetest.Packs {
		e := facetest.Open(t, pack) // skips when it is not installed
		err := serve(t.Context(), &globals{DataDir: facetest.DataDir(), Out: &output{}, Err: &output{}}, serveFlags{addr: "localhost:0", pack: pack, fmr: 1e-9})
		says := fmt.Sprintf("--fmr: the smallest false match rate for which pack %s is calibrated is %g", pack, e.Pack().Match.Smallest)
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", pack, err)
		}
	}
}
