package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/eval/protocols"
	"faceproof/internal/digits"
	"faceproof/internal/eval"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/face"
	"faceproof/internal/modelpack"
)

// codeMissed says that a bar was missed, or that a report is not what its trials
// say.
const codeMissed = 1

// redteamFlags are those of `faceproof redteam`.
type redteamFlags struct {
	gate, portraits, voices, recordings, out, pack, liveness string
	jobs                                                     int
	check                                                    bool
	session                                                  uint64
	zip                                                      string
	limits                                                   eval.Limits
}

func redteamCommand(g *globals) *cobra.Command {
	var f redteamFlags
	cmd := &cobra.Command{
		Use:   "redteam",
		Short: "Attack this deployment's models and thresholds, and report error rates",
		Long: "Presents genuine persons and attacks to the analysis and the decision of the server,\n" +
			"counts what passes, and writes a report with exact intervals (report.md, report.zh.md,\n" +
			"report.json, plots) and one line a session (trials.jsonl) into --out. A campaign that was\n" +
			"cut off goes on where it stopped. Presentations are simulated from portraits, or come\n" +
			"from --recordings: a folder with one folder a label (live, print, …) of recordings.\n" +
			"Exits 0 when every bar of the gate is met, 1 when one is missed, 2 when something failed.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.zip != "" {
				return present(cmd.Context(), g, &f)
			}
			r, err := redteam(cmd.Context(), g, &f)
			if err != nil {
				if f.check && faceproof.ErrorCode(err) == faceproof.CodeConflict {
					return &exitError{code: codeMissed, err: err}
				}
				return err
			}
			if err := answer(g, r, func(w io.Writer) { writeRedteam(w, r, f.out) }); err != nil {
				return err
			}
			if r.Missed > 0 {
				return &exitError{code: codeMissed}
			}
			return nil
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.gate, "gate", "flash-gate", "the protocol: a file, or one of "+strings.Join(protocolNames(), ", "))
	p.StringVar(&f.portraits, "portraits", filepath.Join("models", "npm", "node_modules", "@vladmandic", "face-api", "demo"), "photos of the persons to present; a person is the file's name before \"_\", or the folder")
	p.StringVar(&f.voices, "voices", "", "who reads the digits: recordings as <lang>/<speaker>/<label>_NN.wav, of which those not trained on are taken (empty: a synthesiser, espeak-ng)")
	p.StringVar(&f.recordings, "recordings", "", "judge these recordings instead (one folder a label)")
	p.StringVar(&f.out, "out", "", "folder of the campaign (redteam/NAME when empty)")
	p.StringVar(&f.pack, "pack", "", "model pack (the active one when empty)")
	p.StringVar(&f.liveness, "liveness", livenessUsual, livenessHelp)
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "sessions at once")
	p.BoolVar(&f.check, "check", false, "make the report of --out again from its trials and compare it; needs no models")
	p.IntVar(&f.limits.Sessions, "sessions", 0, "at most so many sessions of each kind in each cell")
	p.Uint64Var(&f.limits.Seed, "seed", 0, "instead of the protocol's seed; from 1000000 on for reports, below for tuning")
	p.StringSliceVar(&f.limits.Kinds, "species", nil, "only these kinds of presentation")
	p.StringSliceVar(&f.limits.Cells, "cells", nil, "only these cells")
	p.Uint64Var(&f.session, "session", 0, "with --zip: the seed of a session of the protocol, as the report names it")
	p.StringVar(&f.zip, "zip", "", "write that session's first capture there as a recording, and do nothing else")
	return cmd
}

func protocolNames() []string {
	entries, _ := fs.ReadDir(protocols.Files, ".")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// readProtocol reads a built-in protocol by its name, or a file.
func readProtocol(name string) (*eval.Protocol, error) {
	text, err := protocols.Files.ReadFile(name + ".toml")
	if errors.Is(err, fs.ErrNotExist) {
		text, err = readLimited(name, 1<<20)
		if errors.Is(err, os.ErrNotExist) {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "gate", "there is no protocol %q; there are %s, or give a file", name, strings.Join(protocolNames(), ", "))
		}
	}
	if err != nil {
		return nil, err
	}
	return eval.ParseProtocol(text)
}

// redteam runs a campaign, or checks one, and gives its report.
func redteam(ctx context.Context, g *globals, f *redteamFlags) (*eval.Report, error) {
	if f.jobs < 1 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "jobs", "must be at least 1")
	}
	if err := checkLiveness(f.liveness); err != nil {
		return nil, err
	}
	var p *eval.Protocol
	name := "recordings"
	if f.recordings == "" && (!f.check || f.out == "") {
		var err error
		if p, err = readProtocol(f.gate); err != nil {
			return nil, err
		}
		name = p.ID
	}
	if f.out == "" {
		f.out = filepath.Join("redteam", name)
	}
	if f.check {
		return eval.Check(f.out)
	}
	c := eval.Campaign{Dir: f.out, Protocol: p, Workers: f.jobs, Header: eval.Header{
		Format: 1, Campaign: name, Limits: f.limits, Simulated: p != nil, Date: time.Now().UTC().Format(time.DateOnly),
	}}
	if p != nil {
		var err error
		if c.Jobs, err = p.List(f.limits); err != nil { // before the networks are opened
			return nil, err
		}
		c.Header.Protocol = p.Digest
	}
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return nil, err
	}
	defer done()
	v := versionOf(g.DataDir)
	c.Header.Pack, c.Header.Version, c.Header.Commit, c.Header.Policy = e.Pack().ID, v.Version, v.Revision+changed(), policyOf(e.Pack(), f.liveness)
	shut, err := prepare(ctx, g, &c, f, e)
	if err != nil {
		return nil, err
	}
	defer shut()
	c.Progress = progress(g.Err, "sessions")
	if err := c.Run(ctx); err != nil {
		return nil, err
	}
	return eval.Publish(f.out)
}

// present writes one session of a protocol as a recording.
func present(ctx context.Context, g *globals, f *redteamFlags) error {
	p, err := readProtocol(f.gate)
	if err != nil {
		return err
	}
	jobs, err := p.List(f.limits)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(jobs, func(j eval.Job) bool { return j.Seed == f.session })
	if i < 0 {
		return faceproof.Errorf(faceproof.CodeInvalid, "session", "no session of the protocol has the seed %d", f.session)
	}
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return err
	}
	defer done()
	portraits, _, err := eval.LoadPortraits(ctx, e, f.portraits, p.Portraits)
	if err != nil {
		return err
	}
	c := &eval.Camera{Engine: e, Portraits: portraits, Policy: policyOf(e.Pack(), f.liveness)}
	if p.Aloud(f.limits) {
		if c.Talkers, _, err = eval.Voices(ctx, f.voices, trainedVoices(e)); err != nil {
			return err
		}
	}
	rec, err := c.Present(ctx, jobs[i])
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := rec.Write(&b); err != nil {
		return err
	}
	if err := os.WriteFile(f.zip, b.Bytes(), 0o600); err != nil { // it holds a face
		return err
	}
	fmt.Fprintf(g.Err, "simulated: %s of cell %s, %d frames\n", jobs[i].Kind, jobs[i].Cell.Name, len(rec.Frames))
	return nil
}

// changed marks a build of a source that was not what its revision says.
func changed() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.modified" && s.Value == "true" {
				return "+changes"
			}
		}
	}
	return ""
}

// prepare says who presents what; the function given closes what hears it.
func prepare(ctx context.Context, g *globals, c *eval.Campaign, f *redteamFlags, e *face.Engine) (func(), error) {
	if c.Protocol == nil {
		r, err := eval.ListRecordings(e, f.recordings)
		if err != nil {
			return nil, err
		}
		r.Candidates = c.Header.Policy.Candidates
		c.Jobs, c.Judge, c.Header.Portraits, c.Header.Simulated = r.Jobs, r.Judge, r.Info, r.Simulated
		if !r.Aloud {
			return func() {}, nil
		}
		speech, info, done, err := hearing(e)
		r.Speech, c.Header.Speech = speech, info
		return done, err
	}
	camera := &eval.Camera{Engine: e, Policy: c.Header.Policy}
	done := func() {}
	if c.Protocol.Aloud(f.limits) {
		var err error
		if camera.Speech, c.Header.Speech, done, err = hearing(e); err != nil {
			return nil, err
		}
		var said eval.SpeechInfo
		if camera.Talkers, said, err = eval.Voices(ctx, f.voices, trainedVoices(e)); err != nil {
			done()
			return nil, err
		}
		s := c.Header.Speech
		s.Source, s.Digest, s.Voices = said.Source, said.Digest, said.Voices
	}
	portraits, info, err := eval.LoadPortraits(ctx, e, f.portraits, c.Protocol.Portraits)
	if err != nil {
		done()
		return nil, err
	}
	fmt.Fprintf(g.Err, "%d photos of %d persons (%s), %d unfit; %d sessions into %s\n", info.Photos, info.Persons, info.Half, info.Unfit, len(c.Jobs), f.out)
	c.Header.Portraits = info
	camera.Portraits = portraits
	c.Judge = camera.Judge
	return done, nil
}

// hearing opens the recogniser of the engine's pack, as serve does. Errors:
// CodeUnavailable, field "speech", when it has none.
func hearing(e *face.Engine) (digits.Recogniser, *eval.SpeechInfo, func(), error) {
	speech, done, err := speechOf(e)
	if err != nil {
		return nil, nil, nil, err
	}
	if speech == nil {
		return nil, nil, nil, faceproof.Errorf(faceproof.CodeUnavailable, "speech", "pack %s has no recogniser of digits", e.Pack().ID)
	}
	m := e.Pack().Models[modelpack.RoleSpeech]
	sum := sha256.Sum256(m.Calibration)
	return speech, &eval.SpeechInfo{Model: speech.Info().Model, Network: m.SHA256, Calibration: hex.EncodeToString(sum[:])}, done, nil
}

// trainedVoices are those that the pack's recogniser was trained on, by its own
// account.
func trainedVoices(e *face.Engine) []string {
	return aloud.TrainedVoices(e.Pack().Models[modelpack.RoleSpeech].Calibration)
}

// progress prints how far a measurement is and when it will end: over and over on
// one line of a terminal, else now and then.
func progress(w io.Writer, unit string) func(done, total int) {
	start, first, last := time.Now(), -1, time.Time{}
	end, every := "\n", 30*time.Second
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			end, every = "\r", 200*time.Millisecond
		}
	}
	return func(done, total int) {
		if first < 0 {
			first = done - 1
		}
		now := time.Now()
		if done < total && now.Sub(last) < every {
			return
		}
		last = now
		left := time.Duration(float64(now.Sub(start)) / float64(done-first) * float64(total-done)).Round(time.Second)
		if done == total {
			end = "\n"
		}
		fmt.Fprintf(w, "%d of %d %s, %3.0f %%, %s left        %s", done, total, unit, 100*float64(done)/float64(total), left, end)
	}
}

// writeRedteam prints the bars, or the rates where there are none.
func writeRedteam(w io.Writer, r *eval.Report, dir string) {
	kind := "recordings"
	if r.Header.Simulated {
		kind = "simulated"
	}
	fmt.Fprintf(w, "%s: %d sessions, %s\n\n", r.Title.En, r.Sessions, kind)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, b := range r.Bars {
		kinds := b.Kinds
		if n := strings.Count(kinds, ","); n > 1 {
			kinds = fmt.Sprintf("%d kinds", n+1)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\tn %d\n", b.Verdict(), b.Cell, kinds, b.What.En, b.Found(), b.N)
	}
	if len(r.Bars) == 0 {
		for _, c := range r.Cells {
			fmt.Fprintf(t, "%s\taccepted %d of %d\t%.2f %% to %.2f %%\n", c.Kind, c.Accepted, c.N(), 100*c.Accept.Low, 100*c.Accept.High)
		}
	}
	_ = t.Flush()
	if len(r.Bars) > 0 {
		fmt.Fprintf(w, "\n%d of %d bars met\n", len(r.Bars)-r.Missed, len(r.Bars))
	}
	fmt.Fprintf(w, "%s\n", filepath.Join(dir, "report.md"))
}
