//go:build failpoint

package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof/internal/acceptance"
	"faceproof/internal/failpoint"
)

// powerSeed is of the moments of the cuts and of what is left of the writes.
const powerSeed = 39

// T39, power loss: the power goes at a random call; what was not synced by then
// is there, gone or half there. Whatever was acknowledged is found.
func TestFaultsPower(t *testing.T) {
	runs := 25
	if full {
		runs = 500
	}
	row := acceptance.Row{Area: "Power-loss model", Seed: powerSeed}
	acknowledged, opened := powerRuns(t, runs, "", &row, func(wrong string) { t.Error(wrong) })
	row.Result = fmt.Sprintf("%d acknowledged steps, %d cuts after the first of them; every file opened again", acknowledged, opened)
	t.Log(row.Result)
	if opened < runs/3 {
		t.Errorf("only %d of %d cuts came while something was acknowledged", opened, runs)
	}
	if full {
		acceptance.Record(t, row)
	}
}

// A disk that says "synced" and is not loses what was acknowledged, and the
// same check sees it.
func TestFaultsPowerControl(t *testing.T) {
	noticed, runs := 0, 25
	row := acceptance.Row{Area: "Power-loss model", Control: true, Seed: powerSeed, Number: "a disk that lies about syncs: noticed in at least half of the cuts after an acknowledgement"}
	_, opened := powerRuns(t, runs, "power.lie=on:1+;", &acceptance.Row{}, func(string) { noticed++ })
	row.N, row.Result = opened, fmt.Sprintf("noticed in %d of %d", noticed, opened)
	t.Log(row.Result)
	if noticed < opened/2 || opened == 0 {
		row.Failures = opened - noticed
		t.Error("the check does not notice it")
	}
	if full {
		acceptance.Record(t, row)
	}
}

func powerRuns(t *testing.T, runs int, extra string, row *acceptance.Row, wrong func(string)) (acknowledged, opened int) {
	t.Helper()
	t.Cleanup(func() { model = nil; _ = failpoint.Set("") })
	template := prepared(t)
	n := calls(t, template, 4)["io"]
	r := rand.New(rand.NewPCG(powerSeed, 0))
	for range runs {
		row.N++
		before := memory(t)
		after := memory(t)
		path := filepath.Join(before, "faceproof.db")
		must(t, os.WriteFile(path, template, 0o600))
		at := 1 + r.IntN(n)
		must(t, failpoint.Set(fmt.Sprintf("%sio=error:%d+", extra, at)))
		model = newDisk()
		heard, _ := script(path, 4)
		must(t, failpoint.Set(""))
		cut := model
		model = nil
		must(t, cut.cut(after, r.IntN))
		steps := 0
		for _, h := range heard {
			steps += reached(h.state)
		}
		acknowledged += steps
		if steps > 0 {
			opened++
		}
		path = filepath.Join(after, "faceproof.db")
		if w := broke(path, heard); len(w) > 0 {
			row.Failures++
			wrong(fmt.Sprintf("cut at call %d: %s", at, strings.Join(w, "; ")))
		} else if _, err := script(path, 1); err != nil {
			row.Failures++
			wrong(fmt.Sprintf("cut at call %d: does not go on: %v", at, err))
		}
		os.RemoveAll(before)
		os.RemoveAll(after)
	}
	return acknowledged, opened
}
