package eval

import (
	"context"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"faceproof"
	"faceproof/internal/eval/pages"
)

var update = flag.Bool("update", false, "write the golden files again")

const fakeProtocol = `
id = "fake"
title = { en = "Fake campaign", zh = "假想活动" }
portraits = "report"
seed = 1_000_000

[[cell]]
name = "live"
title = { en = "Genuine", zh = "真人" }
kinds = ["live"]
sessions = 30
rho_min = 0.06
params = { lux = { log = [80, 1000] }, quality = { of = [60, 85] }, skin = [1, 6] }
  [[cell.bar]]
  metric = "refused"
  at_most = 0.15
  [[cell.bar]]
  metric = "group_ratio"
  by = "skin"
  at_most = 1.5
  [[cell.bar]]
  metric = "refused_as"
  hints = ["too_bright", "raise_brightness"]
  at_least = 0.9

[[cell]]
name = "live-strict"
title = { en = "Genuine, strict", zh = "真人（严格）" }
kinds = ["live"]
sessions = 4
attempts = 3
policy = { min_l = 2 }

[[cell]]
name = "injected"
title = { en = "Injected", zh = "注入" }
kinds = ["static", "replay"]
sessions = 12
  [[cell.bar]]
  metric = "accepted"
  at_most = 0.002
  [[cell.bar]]
  metric = "p_uniform"
  pooled = true
  at_least = 0.01
  [[cell.bar]]
  metric = "p_within"
  p = 0.001
  pooled = true
  at_most = 0.003

[[cell]]
name = "prints"
title = { en = "Prints", zh = "打印照片" }
kinds = ["print"]
sessions = 8
  [[cell.bar]]
  metric = "accepted"
  at_most = 0.005
`

func parse(t testing.TB, text string) *Protocol {
	t.Helper()
	p, err := ParseProtocol([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fake measures nothing: numbers that look like a session's, from the job alone.
func fake(_ context.Context, j Job) (Trial, error) {
	r := rand.New(rand.NewPCG(j.Seed, 7))
	t := Trial{Person: "p", Portrait: "q", Params: drawAll(j.Cell.spreads, r)}
	if _, ok := t.Params["lux"]; !ok {
		t.Params["lux"] = 300.
	}
	t.Rho = math.Round(30/t.Params["lux"].(float64)*1e4) / 1e4
	t.Params[truthLatency] = 100.
	for i := range j.Cell.Attempts {
		f := &faceproof.FlashEvidence{
			P: r.Float64(), Candidates: 10000, Z: 1, R2: .5, Amplitude: t.Rho, LatencyMS: 95 + math.Round(20*r.Float64()), BackgroundCells: 100, SkinCells: 100,
			L: math.Round(1000*r.NormFloat64())/1000 - 4, Cut: 1, Measurable: true, Shape: faceproof.ShapeEvidence{Cells: 100, HeadCells: 100, B: .5, Spread: .3},
		}
		if j.Kind == bonaFide || j.Kind == "print" {
			f.P, f.Z, f.R2 = 1e-4, 8, .95
		}
		if j.Kind == bonaFide {
			f.L += 4 + 10*math.Sqrt(t.Rho)
		}
		t.Attempts = append(t.Attempts, faceproof.Evidence{
			PackID: "fake", Method: "flash", Assurance: "web_unattested", Attempt: i + 1, Reference: faceproof.ReferenceFound, Flash: f,
			Capture: faceproof.CaptureEvidence{FPS: 15, JPEGQ: 85, Bytes: 1_500_000 + r.IntN(1000)},
			Face:    faceproof.FaceEvidence{Analysed: 20, WithFace: 20, Continuity: .9},
			Match:   &faceproof.MatchEvidence{Similarity: .9, Threshold: .5, FMR: 1e-4},
		})
	}
	return t, nil
}

func campaign(t testing.TB, dir string, workers int, judge Judge) *Campaign {
	t.Helper()
	p := parse(t, fakeProtocol)
	jobs, err := p.List(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return &Campaign{Dir: dir, Protocol: p, Jobs: jobs, Judge: judge, Workers: workers, Header: Header{
		Format: 1, Campaign: p.ID, Protocol: p.Digest, Simulated: true, Pack: "fake", Version: "test", Date: "2026-11-22", Policy: faceproof.DefaultPolicy(),
		Portraits: PortraitsInfo{Half: "report", Persons: 3, Photos: 4},
	}}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The number of workers, and being cut off and continued, change nothing.
func TestCampaignIsDeterministic(t *testing.T) {
	one := campaign(t, t.TempDir(), 1, fake)
	if err := one.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := read(t, filepath.Join(one.Dir, trialsFile))
	if n := strings.Count(want, "\n"); n != 1+len(one.Jobs) {
		t.Fatalf("%d lines of %d sessions", n, len(one.Jobs))
	}
	var presented atomic.Int64
	many := campaign(t, t.TempDir(), 7, func(ctx context.Context, j Job) (Trial, error) {
		if presented.Add(1) == 40 {
			return Trial{}, errors.New("cut off")
		}
		return fake(ctx, j)
	})
	if err := many.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "cut off") || !strings.Contains(err.Error(), "seed 1") {
		t.Fatalf("the failure of a session is told as %v", err)
	}
	path := filepath.Join(many.Dir, trialsFile)
	part := read(t, path)
	if part == want || !strings.HasPrefix(want, part) {
		t.Fatal("what was written before the failure is no beginning of the whole")
	}
	if err := os.WriteFile(path, []byte(part+`{"cell":"li`), 0o644); err != nil { // a crash in the middle of a line
		t.Fatal(err)
	}
	many.Header.Date = "2026-11-23" // the day after
	last := 0
	many.Progress = func(done, total int) {
		if done <= last || total != len(many.Jobs) {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}
	if err := many.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last != len(many.Jobs) {
		t.Errorf("progress ended at %d", last)
	}
	if read(t, path) != want {
		t.Error("seven workers, cut off and continued, wrote another file than one")
	}
	other := campaign(t, many.Dir, 1, fake)
	other.Header.Pack = "another"
	if err := other.Run(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("another campaign's folder: %v", err)
	}
}

func TestCampaignStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := campaign(t, t.TempDir(), 3, func(ctx context.Context, j Job) (Trial, error) {
		if j.Index == 9 {
			cancel()
		}
		return fake(ctx, j)
	})
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// A fixed trials file gives a fixed report, in both languages, with its plots:
// testdata/campaign is a campaign's folder as Run and Publish left it. -update
// writes the report again, and the trials only when they are not there.
func TestReportGolden(t *testing.T) {
	dir := filepath.Join("testdata", "campaign")
	if *update {
		if _, err := os.Stat(filepath.Join(dir, trialsFile)); err != nil {
			if err := campaign(t, dir, 4, fake).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Publish(dir); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Check(dir)
	if err != nil {
		t.Fatal(err, " (go test ./internal/eval -update)")
	}
	files, err := r.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "report.zh.md", "report.json", "lux.svg", "l.svg", "p.svg", "skin.svg", "bytes.svg"} {
		if len(files[name]) == 0 {
			t.Error("no ", name)
		}
		for _, bad := range []string{"NaN", "Inf", "%!"} {
			if strings.Contains(string(files[name]), bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
	for name, says := range map[string]string{"report.md": "**Simulated.**", "report.zh.md": "**仿真数据。**"} {
		md := string(files[name])
		if tables := strings.Count(md, "\n|---|"); tables < 8 || strings.Count(md, says) != tables {
			t.Errorf("%s: %d tables, %d of them say that they are simulated", name, tables, strings.Count(md, says))
		}
	}
}

func TestCheckFindsChanges(t *testing.T) {
	c := campaign(t, t.TempDir(), 4, fake)
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(c.Dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "report.json", "l.svg", protocolFile, trialsFile} {
		path := filepath.Join(c.Dir, name)
		was := read(t, path)
		changed := strings.Replace(was, "3", "4", 1)
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(c.Dir); err == nil {
			t.Errorf("a changed %s was not found", name)
		}
		if err := os.WriteFile(path, []byte(was), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Check(c.Dir); err != nil {
		t.Error("unchanged: ", err)
	}
}

// The words of a trial's own decision are not believed.
func TestScoreDecidesAgain(t *testing.T) {
	c := campaign(t, t.TempDir(), 2, fake)
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	h, trials, _, err := ReadTrials(filepath.Join(c.Dir, trialsFile))
	if err != nil {
		t.Fatal(err)
	}
	for i := range trials {
		trials[i].Decision = faceproof.Decision{Outcome: faceproof.OutcomePass, Reasons: []faceproof.Reason{faceproof.ReasonPass}}
	}
	r, err := Score(h, c.Protocol, trials)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Species {
		if s.Accepted != 0 {
			t.Errorf("%s: %d accepted", s.Kind, s.Accepted)
		}
	}
	if r.Live == nil || r.Live.Accepted == 0 || r.Live.Accepted == r.Live.N() {
		t.Errorf("live: %+v", r.Live)
	}
	h.Policy.MinL, h.Policy.SpoofL = -100, -100 // another policy, the same trials
	again, err := Score(h, c.Protocol, trials)
	if err != nil {
		t.Fatal(err)
	}
	if again.Live.Accepted <= r.Live.Accepted {
		t.Errorf("a laxer policy accepts %d of %d", again.Live.Accepted, r.Live.Accepted)
	}
	prints := again.Bars[len(again.Bars)-1]
	if prints.Met || len(prints.Accepted) != 8 || prints.Accepted[0].Seed != 1_000_000+3*seedStep || again.Worst != "print" {
		t.Errorf("prints that come through: %+v, worst %s", prints, again.Worst)
	}
	if md := string(again.markdown(pages.English)); !strings.Contains(md, "Bar 8, came through: `print` seed 1600000 (") || !strings.Contains(md, "**missed** by 99.5 points") {
		t.Error("the report does not say which prints came through")
	}
}
