package eval

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/flash"
	"faceproof/internal/simcam"
)

// demoPortraits gives the faces of the demonstration photos.
func demoPortraits(t *testing.T, e *face.Engine) ([]Portrait, PortraitsInfo) {
	t.Helper()
	portraits, info, err := LoadPortraits(t.Context(), e, filepath.Dir(facetest.Demo(t, "sample1.jpg")), "all")
	if err != nil {
		t.Fatal(err)
	}
	return portraits, info
}

// A few sessions through test camera, analysis and decision: the machinery, not
// the rates. Without the models it is skipped, with CI=true it fails.
func TestSmokeCampaign(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of simulation")
	}
	e := facetest.Open(t, "offline")
	portraits, info := demoPortraits(t, e)
	policy := faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR)
	policy.MinContinuity, policy.ShapePolicy = e.Pack().Continuity, e.Pack().Flash
	p := parse(t, string(builtin(t, "flash-smoke")))
	run := func(workers int, kinds ...string) string {
		limits := Limits{Sessions: 1, Kinds: kinds, Cells: []string{"live", "attacks"}}
		jobs, err := p.List(limits)
		if err != nil {
			t.Fatal(err)
		}
		c := &Campaign{Dir: t.TempDir(), Protocol: p, Jobs: jobs, Workers: workers, Judge: (&Camera{Engine: e, Portraits: portraits, Policy: policy}).Judge,
			Header: Header{Format: 1, Campaign: p.ID, Protocol: p.Digest, Limits: limits, Simulated: true, Portraits: info, Pack: e.Pack().ID, Version: "test", Date: "2026-11-22", Policy: policy}}
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c.Dir
	}
	dir := run(2, "live", "print_cut", "static")
	r, err := Publish(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sessions != 3 {
		t.Errorf("%d sessions", r.Sessions)
	}
	for _, s := range r.trials {
		f := s.flash()
		t.Logf("%s: %s %v, p %.2g, q̄ %.3f, L %.2f", s.Kind, s.Outcome, s.Reasons, f.P, f.Amplitude, f.L)
		switch {
		case s.Kind == bonaFide && f.P > 1e-3:
			t.Errorf("a genuine person's p is %g", f.P)
		case s.Kind != bonaFide && s.Pass():
			t.Errorf("%s was accepted", s.Kind)
		case s.Attempts[0].Match == nil:
			t.Errorf("%s: no portrait", s.Kind)
		}
	}
	present(t, &Camera{Engine: e, Portraits: portraits}, p, r.trials[0])
	line := func(dir string) string { return strings.Split(read(t, filepath.Join(dir, trialsFile)), "\n")[1] }
	if line(run(1, "live")) != line(dir) {
		t.Error("alone, the first session was measured otherwise than beside others")
	}
}

// present looks at a session again, as a recording: it is the one that was
// measured.
func present(t *testing.T, c *Camera, p *Protocol, was scored) {
	t.Helper()
	jobs, err := p.List(Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		if j.Seed != was.Seed {
			continue
		}
		rec, err := c.Present(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		if have := was.Attempts[0].Capture; rec.Meta.Transcript.Bytes != have.Bytes || len(rec.Frames) != have.Received {
			t.Errorf("%d frames of %d bytes in all, measured were %d of %d", len(rec.Frames), rec.Meta.Transcript.Bytes, have.Received, have.Bytes)
		}
		return
	}
	t.Errorf("no session has seed %d", was.Seed)
}

// film writes a recording of a person and one of a still picture into labelled
// folders.
func film(t *testing.T, e *face.Engine, dir string) {
	t.Helper()
	portraits, _ := demoPortraits(t, e)
	for _, kind := range []simcam.Kind{simcam.Live, simcam.Static} {
		params := simcam.Draw(11, kind, func(p *simcam.Params) { p.Screen, p.Lux, p.Nits = simcam.ScreenPhone, 120, 450 })
		who := portraits[0]
		scene, err := simcam.NewScene(simcam.Portrait{Name: who.Key, Image: who.Image, Mesh: who.Mesh}, params)
		if err != nil {
			t.Fatal(err)
		}
		ch, err := flash.New(stream(11, "challenge", string(kind)), faceproof.PlanUsual)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := scene.Record(ch, 11)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, string(kind)), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(dir, string(kind), "one.zip"))
		if err != nil {
			t.Fatal(err)
		}
		if err := rec.Write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Recordings in labelled folders go the same way.
func TestRecordings(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds of simulation")
	}
	e := facetest.Open(t, "offline")
	dir := t.TempDir()
	film(t, e, dir)
	rs, err := ListRecordings(e, dir)
	if err != nil {
		t.Fatal(err)
	}
	if !rs.Simulated {
		t.Error("recordings of the test camera are not told from real ones")
	}
	c := &Campaign{Dir: t.TempDir(), Jobs: rs.Jobs, Judge: rs.Judge, Workers: 2, Header: Header{Format: 1, Campaign: "recordings", Portraits: rs.Info, Pack: e.Pack().ID, Date: "2026-11-22", Policy: faceproof.DefaultPolicy().WithFMR(e.Pack().Match.FMR)}}
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := Publish(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(c.Dir); err != nil {
		t.Error(err)
	}
	for _, s := range r.trials {
		f := s.flash()
		if fresh := f.Measurable && f.P <= 1e-3; fresh != (s.Kind == bonaFide) {
			t.Errorf("%s: p %g", s.Kind, f.P)
		}
		if s.Attempts[0].Match == nil {
			t.Errorf("%s: no portrait", s.Kind)
		}
	}
	if r.Live == nil || r.Live.N() != 1 || len(r.Species) != 1 {
		t.Errorf("live %+v, attacks %+v", r.Live, r.Species)
	}
}

func TestListRecordingsRefuses(t *testing.T) {
	for name, make := range map[string]func(dir string) error{
		"absent":   os.Remove,
		"empty":    func(string) error { return nil },
		"no zips":  func(dir string) error { return os.Mkdir(filepath.Join(dir, "live"), 0o755) },
		"no label": func(dir string) error { return os.Mkdir(filepath.Join(dir, "Paper Print"), 0o755) },
		"no recording": func(dir string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "live"), 0o755), os.WriteFile(filepath.Join(dir, "live", "a.zip"), []byte("PK"), 0o644))
		},
	} {
		dir := filepath.Join(t.TempDir(), "recordings")
		if err := errors.Join(os.Mkdir(dir, 0o755), make(dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := ListRecordings(nil, dir); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// What a cell asks of ρ holds, and what it fixes is fixed.
func TestDraw(t *testing.T) {
	p := parse(t, string(builtin(t, "flash-gate")))
	jobs, err := p.List(Limits{Sessions: 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range jobs {
		params, err := draw(j)
		if err != nil {
			t.Fatal(err)
		}
		if rho := params.Rho(); rho < j.Cell.RhoMin || j.Cell.RhoMax > 0 && rho >= j.Cell.RhoMax {
			t.Errorf("%s: ρ %.3f", j.Cell.Name, rho)
		}
		if j.Cell.Name == "live" && (params.FPS != 12 || params.Quality != 85) {
			t.Errorf("live: %+v", params)
		}
		if j.Cell.Name == "bytes" && (3*params.Height != 4*params.Width || params.Width != 360 || params.Shrink < .33 || params.Shrink > 1) {
			t.Errorf("bytes: %d × %d, shrunk to %g", params.Width, params.Height, params.Shrink)
		}
	}
	never := jobs[0]
	cell := *never.Cell
	cell.RhoMin = 900
	never.Cell = &cell
	if _, err := draw(never); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a ρ that cannot be: %v", err)
	}
}
