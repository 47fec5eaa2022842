package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/digits/asr"
	"faceproof/internal/eval"
	"faceproof/internal/eval/aloud"
	"faceproof/internal/eval/score"
	"faceproof/internal/modelpack"
	"faceproof/internal/onnx"
)

func evalCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure a part of the product on recordings of your own",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(evalFacesCommand(g), evalDigitsCommand(g), evalLipsCommand(g), evalPADCommand(g))
	return cmd
}

// evalFlags are those of both measurements.
type evalFlags struct {
	root, out, pack string
	seed            uint64
}

func (f *evalFlags) add(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.root, "root", "", "folder of the recordings")
	p.StringVar(&f.out, "out", "", "write report.md, report.zh.md and report.json into this folder")
	p.StringVar(&f.pack, "pack", "", "model pack (the active one when empty)")
	p.Uint64Var(&f.seed, "seed", score.FirstReportSeed, "of everything that is drawn")
	_ = cmd.MarkFlagRequired("root")
}

// header says what is measured with what.
func (f *evalFlags) header(g *globals, pack, digest string, files int) aloud.Header {
	v := versionOf(g.DataDir)
	return aloud.Header{Date: time.Now().UTC().Format(time.DateOnly), Version: v.Version, Commit: v.Revision + changed(), Pack: pack, Root: digest, Files: files}
}

// digitsFlags are those of `faceproof eval digits`.
type digitsFlags struct {
	evalFlags
	garbage, model           string
	voices, trained          []string
	strings, impostors, jobs int
}

func evalDigitsCommand(g *globals) *cobra.Command {
	var f digitsFlags
	cmd := &cobra.Command{
		Use:   "digits --root DIR",
		Short: "Measure how well digits that are read aloud are understood",
		Long: "Reads recordings laid out as <lang>/<speaker>/<label>_NN.wav (lang zh or en; label: what is\n" +
			"said, one digit a character, y for 幺, o for \"oh\") and reports the error of single digits by\n" +
			"voice; how well strings put together from them are told from random others, in quiet and in\n" +
			"noise; what the product's own rule refuses and accepts; and what it makes of sounds that are\n" +
			"no digits. Voices that the recogniser was trained on are listed and never counted.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := evalDigits(cmd.Context(), g, &f)
			if err != nil {
				return err
			}
			if f.out != "" {
				if err := d.Write(f.out); err != nil {
					return err
				}
			}
			return answer(g, d, func(w io.Writer) { writeDigits(w, d, f.out) })
		},
	}
	f.add(cmd)
	p := cmd.Flags()
	p.StringVar(&f.garbage, "garbage", "", "folder of WAV files without digits: speech, music; one folder a kind")
	p.StringVar(&f.model, "model", "", "a recogniser that is not installed: an .onnx file with its .json beside it")
	p.StringSliceVar(&f.voices, "voices", nil, "only these speakers")
	p.StringSliceVar(&f.trained, "trained", nil, "speakers that the recogniser was trained on, beside those that its calibration names")
	p.IntVar(&f.strings, "strings", 120, "strings of each language, length and style")
	p.IntVar(&f.impostors, "impostors", 300, "other strings for each")
	p.IntVar(&f.jobs, "jobs", runtime.NumCPU(), "sounds at once")
	return cmd
}

func evalDigits(ctx context.Context, g *globals, f *digitsFlags) (*aloud.Digits, error) {
	for flag, v := range map[string]int{"strings": f.strings, "impostors": f.impostors, "jobs": f.jobs} {
		if v < 1 || v > 100_000 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, flag, "must be from 1 to 100000")
		}
	}
	clips, digest, err := aloud.Load(f.root, f.voices) // before the network is opened
	if err != nil {
		return nil, err
	}
	var others []aloud.Other
	if f.garbage != "" {
		if others, err = aloud.LoadOther(f.garbage); err != nil {
			return nil, err
		}
	}
	rec, pack, trained, done, err := openRecogniser(g, f.pack, f.model)
	if err != nil {
		return nil, err
	}
	defer done()
	d, err := aloud.Measure(ctx, aloud.Config{
		Recogniser: rec, Policy: faceproof.DefaultDigitsPolicy(), Clips: clips, Others: others, Trained: append(trained, f.trained...),
		Seed: f.seed, Strings: f.strings, Impostors: f.impostors, Jobs: f.jobs, Progress: progress(g.Err, "sounds"),
	})
	if err != nil {
		return nil, err
	}
	d.Header = f.header(g, pack, digest, len(clips))
	return d, nil
}

// openRecogniser opens that of an installed pack, or of a file, and says
// whose voices it was trained on.
func openRecogniser(g *globals, packID, file string) (*asr.Recogniser, string, []string, func(), error) {
	fail := func(err error) (*asr.Recogniser, string, []string, func(), error) { return nil, "", nil, nil, err }
	pack, err := modelpack.Load(g.DataDir, packID)
	if err != nil {
		return fail(err)
	}
	m, ok := pack.Models[modelpack.RoleSpeech]
	name := pack.ID
	if file != "" {
		if m, err = readSpeech(file); err != nil {
			return fail(err)
		}
		name, ok = filepath.Base(file), true
	}
	if !ok {
		return fail(faceproof.Errorf(faceproof.CodeUnavailable, "speech", "pack %s has no recogniser of digits", pack.ID))
	}
	rt, err := onnx.Open(pack.Runtime)
	if err != nil {
		return fail(err)
	}
	rec, err := asr.Open(asr.Config{Model: m, Runtime: rt})
	if err != nil {
		_ = rt.Close()
		return fail(err)
	}
	return rec, name, aloud.TrainedVoices(m.Calibration), func() {
		_ = rec.Close()
		_ = rt.Close()
	}, nil
}

// readSpeech reads a network and its calibration.
func readSpeech(file string) (modelpack.Model, error) {
	m := modelpack.Model{Role: modelpack.RoleSpeech, Kind: modelpack.KindCTCLogMel40}
	var err error
	if m.Data, err = readLimited(file, 64<<20); err != nil {
		return m, err
	}
	sum := sha256.Sum256(m.Data)
	m.SHA256 = hex.EncodeToString(sum[:])
	m.Calibration, err = readLimited(strings.TrimSuffix(file, filepath.Ext(file))+".json", 1<<20)
	return m, err
}

func writeDigits(w io.Writer, d *aloud.Digits, dir string) {
	fmt.Fprintf(w, "model %s, strings are put together from single digits\n\n", d.Model)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, l := range d.Languages {
		fmt.Fprintf(t, "%s\tone digit wrong\t%d voices\t%d of %d\t%s\n", l.Lang, l.Voices, l.Error.Count, l.Error.N, of(l.Error.Rate.Rate, l.Error.Low, l.Error.High))
	}
	for _, c := range d.Cells {
		noise := c.Noise
		if c.SNR != 0 {
			noise = fmt.Sprintf("%s %g dB", c.Noise, c.SNR)
		}
		fmt.Fprintf(t, "%s\t%d digits, %s, %s\trefused\t%d of %d\t%s\n", c.Lang, c.N, c.Style, noise, c.Refused.Count, c.Refused.N, of(c.Refused.Rate.Rate, c.Refused.Low, c.Refused.High))
	}
	for _, o := range d.Garbage {
		fmt.Fprintf(t, "%s\tno digits\taccepted\t%d of %d\t%s\n", o.Kind, o.Rule.Count, o.Rule.N, of(o.Rule.Rate, o.Rule.Low, o.Rule.High))
	}
	_ = t.Flush()
	if dir != "" {
		fmt.Fprintf(w, "\n%s\n", filepath.Join(dir, "report.md"))
	}
}

func of(rate, low, high float64) string {
	return fmt.Sprintf("%.2f %% (%.2f to %.2f %%)", 100*rate, 100*low, 100*high)
}

func evalLipsCommand(g *globals) *cobra.Command {
	var f evalFlags
	var joins int
	cmd := &cobra.Command{
		Use:   "lips --root DIR",
		Short: "Measure how well lips are told from lips that said something else",
		Long: "Reads the videos with a face and sound under --root (with ffmpeg, of the Debian package of\n" +
			"that name), and compares the opening of the mouth with its own sound, with that of another\n" +
			"video, with its own 0.7 s off, and a still picture with the sound; at 8, 12 and 25 frames a\n" +
			"second, over 3, 6 and 9 seconds.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := evalLips(cmd.Context(), g, &f, joins)
			if err != nil {
				return err
			}
			if f.out != "" {
				if err := l.Write(f.out); err != nil {
					return err
				}
			}
			return answer(g, l, func(w io.Writer) { writeLips(w, l, f.out) })
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&joins, "rows", 60, "rows of pieces of each length, at most")
	return cmd
}

func evalLips(ctx context.Context, g *globals, f *evalFlags, joins int) (*aloud.Lips, error) {
	paths, digest, err := eval.ListFilms(f.root)
	if err != nil {
		return nil, err
	}
	e, done, err := openEngine(g, f.pack)
	if err != nil {
		return nil, err
	}
	defer done()
	var films []aloud.Film
	bar := progress(g.Err, "films")
	for i, path := range paths {
		name, err := filepath.Rel(f.root, path)
		if err != nil {
			return nil, err
		}
		film, ok, err := eval.ReadFilm(ctx, e, path, filepath.ToSlash(name), f.seed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if ok {
			films = append(films, film)
		} else {
			fmt.Fprintf(g.Err, "%s has no sound\n", name)
		}
		bar(i+1, len(paths))
	}
	l, err := aloud.MeasureLips(aloud.LipsConfig{Films: films, Policy: faceproof.DefaultDigitsPolicy(), Seed: f.seed, Joins: joins, Progress: progress(g.Err, "cells")})
	if err != nil {
		return nil, err
	}
	l.Header = f.header(g, e.Pack().ID, digest, len(films))
	return l, nil
}

func writeLips(w io.Writer, l *aloud.Lips, dir string) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, c := range l.Cells {
		for _, p := range c.Pairs {
			fmt.Fprintf(t, "%g a second\t%d s\t%s\ts %.2f\tpassed %s\n", c.FPS, c.Seconds, p.Name, p.Sync[1], of(p.Passed.Value, p.Passed.Low, p.Passed.High))
		}
	}
	_ = t.Flush()
	if dir != "" {
		fmt.Fprintf(w, "\n%s\n", filepath.Join(dir, "report.md"))
	}
}
