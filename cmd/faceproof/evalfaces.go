package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/eval/protocols"
	matching "faceproof/internal/eval/faces"
	"faceproof/internal/eval/score"
)

// facesFlags are those of `faceproof eval faces`.
type facesFlags struct {
	protocols                    []string
	root, out, work, pack, check string
	seed                         uint64
}

func evalFacesCommand(g *globals) *cobra.Command {
	var f facesFlags
	cmd := &cobra.Command{
		Use:   "faces (--root DIR --out DIR | --check DIR)",
		Short: "Measure how well faces are told apart, by group, and thresholds for a target rate",
		Long: "Embeds the pictures under --root as the server does, compares them as the protocols say\n" +
			"(LFW's list of pairs, a CSV of pairs, or a folder a person, all against all) and writes\n" +
			"report.md, report.zh.md, report.json, ROC and DET plots and trials.csv.gz into --out: false\n" +
			"match and false non-match rates with intervals that draw whole persons again, by group, at\n" +
			"the pack's threshold and at rates from 1e-2 to 1e-6. A run that was cut off goes on where\n" +
			"it stopped: templates are kept in --work, readable by you alone; they are biometric data,\n" +
			"delete them when you are done. The report and the trials hold no names, pictures or templates.\n" +
			"--check makes the report of a folder again from its trials and compares it byte for byte;\n" +
			"exit status 1 says that it differs.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, dir, err := evalFaces(cmd.Context(), g, &f)
			if err != nil {
				if f.check != "" && faceproof.ErrorCode(err) == faceproof.CodeConflict {
					return &exitError{code: codeMissed, err: err}
				}
				return err
			}
			return answer(g, r, func(w io.Writer) { writeFaces(w, r, dir) })
		},
	}
	p := cmd.Flags()
	p.StringSliceVar(&f.protocols, "protocol", faceProtocols(), "protocols: files, or names of built-in ones")
	p.StringVar(&f.root, "root", "", "folder of the pictures; a protocol may name a folder below")
	p.StringVar(&f.out, "out", "", "folder of the report")
	p.StringVar(&f.work, "work", "", "folder that keeps templates between runs (eval/faces in the data folder when empty)")
	p.StringVar(&f.pack, "pack", "", "model pack (the active one when empty)")
	p.StringVar(&f.check, "check", "", "make the report of this folder again from its trials; needs no models")
	p.Uint64Var(&f.seed, "seed", score.FirstReportSeed, "of draws and intervals")
	return cmd
}

// faceProtocols are the built-in ones, by name.
func faceProtocols() []string {
	entries, _ := fs.ReadDir(protocols.Faces, "faces")
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// readFaceProtocol reads a built-in protocol by its name, or a file.
func readFaceProtocol(name string) (*matching.Protocol, error) {
	text, err := protocols.Faces.ReadFile("faces/" + name + ".toml")
	if err != nil {
		if text, err = readLimited(name, 1<<20); errors.Is(err, os.ErrNotExist) {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "protocol", "there is no protocol %.64q; there are %s, or give a file", name, strings.Join(faceProtocols(), ", "))
		}
	}
	if err != nil {
		return nil, err
	}
	return matching.ParseProtocol(text)
}

func evalFaces(ctx context.Context, g *globals, f *facesFlags) (*matching.Report, string, error) {
	if f.check != "" {
		if f.root != "" || f.out != "" {
			return nil, "", faceproof.Errorf(faceproof.CodeInvalid, "--check", "must not be mixed with --root and --out")
		}
		r, err := matching.Check(f.check)
		return r, f.check, err
	}
	if f.root == "" || f.out == "" {
		return nil, "", faceproof.Errorf(faceproof.CodeInvalid, "--root", "--root and --out are needed, or --check")
	}
	c := matching.Config{Root: f.root, Work: f.work, Progress: progress(g.Err, "pictures")}
	for _, name := range f.protocols {
		p, err := readFaceProtocol(name)
		if err != nil {
			return nil, "", err
		}
		c.Protocols = append(c.Protocols, p)
	}
	if c.Work == "" {
		c.Work = filepath.Join(g.DataDir, "eval", "faces")
	}
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return nil, "", err
	}
	defer done()
	v := versionOf(g.DataDir)
	c.Engine = e
	c.Header = matching.Header{Date: time.Now().UTC().Format(time.DateOnly), Version: v.Version, Commit: v.Revision + changed(), Seed: f.seed}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	trials, err := matching.Run(ctx, c)
	if errors.Is(err, context.Canceled) {
		return nil, "", fmt.Errorf("stopped; run it again to go on: %w", err)
	}
	if err != nil {
		return nil, "", err
	}
	r, err := matching.Publish(f.out, trials)
	return r, f.out, err
}

func writeFaces(w io.Writer, r *matching.Report, dir string) {
	fmt.Fprintf(w, "pack %s, model %s\n\n", r.Header.Pack, r.Header.ModelID)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i := range r.Sets {
		s := &r.Sets[i]
		for _, one := range append([]matching.Group{s.All}, s.By...) {
			name := one.Name
			if name == "" {
				name = "all"
			}
			m, n := one.Shipped.FMR, one.Shipped.FNMR
			fmt.Fprintf(t, "%s\t%s\t%s\t≥ %g\tFMR\t%d of %d\t%.2g (%.2g to %.2g)\tFNMR\t%d of %d\t%.2g (%.2g to %.2g)\n", s.Protocol, s.Name, name, one.Shipped.Threshold,
				m.Count, m.N, m.Rate, m.Low, m.High, n.Count, n.N, n.Rate, n.Low, n.High)
		}
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n%s\n", filepath.Join(dir, "report.md"))
}
