package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/eval/pad"
)

func evalPADCommand(g *globals) *cobra.Command {
	var f evalFlags
	var dark []float64
	cmd := &cobra.Command{
		Use:   "pad --root DIR",
		Short: "Measure passive presentation attack detection on pictures",
		Long: "Reads pictures laid out as bona_fide/<set>/ and attack/<species>/ and reports APCER of each\n" +
			"species, BPCER of each set, and what got no response, in the words of ISO/IEC 30107-3. A folder\n" +
			"of pictures inside a set is one presentation, judged by its middle score as a session is.\n" +
			"Pictures of your own cameras and attacks say more than any that are published.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := evalPAD(cmd.Context(), g, &f, dark)
			if err != nil {
				return err
			}
			if f.out != "" {
				if err := writeReport(f.out, r); err != nil {
					return err
				}
			}
			return answer(g, r, func(w io.Writer) { writePAD(w, r) })
		},
	}
	p := cmd.Flags()
	p.StringVar(&f.root, "root", "", "folder of the pictures")
	p.StringVar(&f.out, "out", "", "write report.json into this folder")
	p.StringVar(&f.pack, "pack", "", "model pack (the active one when empty)")
	p.Float64SliceVar(&dark, "dark", nil, "also scale the light of bona fide pictures by these, such as .25 (a simulation)")
	_ = cmd.MarkFlagRequired("root")
	return cmd
}

func evalPAD(ctx context.Context, g *globals, f *evalFlags, dark []float64) (*pad.Report, error) {
	for _, k := range dark {
		if !(k > 0 && k < 1) || len(dark) > 8 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "dark", "must be up to 8 numbers between 0 and 1")
		}
	}
	all, digest, err := pad.List(f.root)
	if err != nil {
		return nil, err
	}
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := pad.Measure(ctx, pad.Config{Engine: e, Policy: faceproof.DefaultPADPolicy(), Presentations: all, Dark: dark, Progress: progress(g.Err, "pictures")})
	if err != nil {
		return nil, err
	}
	v := versionOf(g.DataDir)
	r.Date, r.Version, r.Pack, r.Root = time.Now().UTC().Format(time.DateOnly), v.Version, e.Pack().ID, digest
	for _, m := range e.Pack().PAD {
		r.Models = append(r.Models, m.SHA256)
	}
	return r, nil
}

func writeReport(dir string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "report.json"), append(b, '\n'), 0o644)
}

func writePAD(w io.Writer, r *pad.Report) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, rule := range r.Rules {
		fmt.Fprintf(t, "score below %g\n", rule.Threshold)
		for _, s := range rule.Sets {
			name, none := "BPCER", "BPNRR"
			if s.Kind == pad.Attack {
				name, none = "APCER", "APNRR"
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%d of %d\t%s\t%s\t%d of %d\n", s.Kind, s.Name, name, s.Error.Count, s.Error.N, of(s.Error.Rate, s.Error.Low, s.Error.High), none, s.None.Count, s.None.N)
		}
		fmt.Fprintf(t, "  all\tworst APCER\t%s\tBPCER\t%s\tACER\t%.2f %%\n", of(rule.APCER.Rate, rule.APCER.Low, rule.APCER.High), of(rule.BPCER.Rate, rule.BPCER.Low, rule.BPCER.High), 100*rule.ACER)
	}
	_ = t.Flush()
}
