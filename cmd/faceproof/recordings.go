package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/server"
	"faceproof/internal/voicebank"
)

// recordingsFolder holds the voices collected at /record/, in the data folder:
// apart from everything of the product's persons.
const recordingsFolder = "recordings"

// recordFlags are those of serve that open the recording page.
type recordFlags struct {
	who     string
	days    int
	strings int
}

func (f *recordFlags) add(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.who, "record", "", "with --demo: collect voices for training at /record/, for WHO (name and contact, shown in the consent); docs/models.md")
	fs.IntVar(&f.days, "record-days", voicebank.UsualDays, "days that recordings are kept, part of the consent")
	fs.IntVar(&f.strings, "record-strings", voicebank.UsualStrings, "strings of six digits that a speaker reads, an even number")
}

// check names the flag where a field is wrong.
func (f *recordFlags) check(demo bool) error {
	if f.who == "" {
		return nil
	}
	if !demo {
		return faceproof.Errorf(faceproof.CodeInvalid, "--record", "needs --demo")
	}
	_, err := voicebank.New(voicebank.Config{Who: f.who, Days: f.days, Strings: f.strings})
	return flagged(err, map[string]string{"who": "--record", "days": "--record-days", "strings": "--record-strings"})
}

func flagged(err error, names map[string]string) error {
	if e, ok := err.(*faceproof.Error); ok && names[e.Field] != "" {
		return faceproof.Errorf(e.Code, names[e.Field], "%s", e.Message)
	}
	return err
}

// open adds the recording page to the demo, and deletes what is over while the
// server runs. The function given ends that.
func (f *recordFlags) open(ctx context.Context, g *globals, b *backend, demo *server.Demo, log *slog.Logger) (func(), error) {
	if f.who == "" {
		return func() {}, nil
	}
	bank, done, err := openBank(g, b.keys, *f)
	if err != nil {
		return nil, err
	}
	demo.Voices = bank
	keep, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		bank.Run(keep, func(n int, err error) {
			if err != nil {
				log.Error("recordings whose time is over could not be deleted", "error", faceproof.LogText(err))
			}
			if n > 0 {
				log.Info("recordings deleted: their time is over", "speakers", n)
			}
		})
	}()
	return func() { stop(); <-ended; done() }, nil
}

func openBank(g *globals, ring *keys.Ring, f recordFlags) (*voicebank.Bank, func(), error) {
	blobs, err := blob.OpenDir(filepath.Join(g.DataDir, recordingsFolder), ring)
	if err != nil {
		return nil, nil, err
	}
	b, err := voicebank.New(voicebank.Config{Blobs: blobs, Who: f.who, Days: f.days, Strings: f.strings, Random: rand.Reader, Now: time.Now})
	if err != nil {
		_ = blobs.Close()
		return nil, nil, err
	}
	return b, func() { _ = blobs.Close() }, nil
}

func recordingsCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "recordings",
		Short: "List, export and delete the voices collected with serve --record",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(recordingsListCommand(g), recordingsExportCommand(g), recordingsDeleteCommand(g))
	return c
}

// withBank deletes what is over, runs do, and writes it into the audit log.
func withBank(cmd *cobra.Command, g *globals, action, object string, do func(*voicebank.Bank) error) error {
	s, ring, done, err := openStore(g)
	if err != nil {
		return err
	}
	defer done()
	b, closeBank, err := openBank(g, ring, recordFlags{})
	if err != nil {
		return err
	}
	defer closeBank()
	if _, err := b.Sweep(cmd.Context()); err != nil {
		return err
	}
	if action != "" {
		if err := s.Audit(cmd.Context(), faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: action, Object: object}); err != nil {
			return err
		}
	}
	return do(b)
}

func recordingsListCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Print the speakers: random numbers, what their voice is for, how much they read",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withBank(cmd, g, "", "", func(b *voicebank.Bank) error {
				l, err := b.List(cmd.Context())
				if err != nil {
					return err
				}
				return answer(g, l, func(w io.Writer) { writeRecordings(w, l) })
			})
		},
	}
}

func writeRecordings(w io.Writer, l voicebank.Listing) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SPEAKER\tLANG\tSPLIT\tSTRINGS\tFILM\tAGE\tSEX\tREGION\tDEVICE\tUNTIL")
	for _, s := range l.Speakers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%t\t%s\t%s\t%s\t%s\t%s\n", s.Speaker, s.Lang, s.Split, s.Strings, s.Of, s.Film,
			cmp.Or(s.Facts.Age, "-"), cmp.Or(s.Facts.Sex, "-"), cmp.Or(s.Facts.Region, "-"), cmp.Or(s.Facts.Device, "-"), time.UnixMilli(s.ExpiresAt).Format(time.DateOnly))
	}
	_ = t.Flush()
	if len(l.Withdrawn) > 0 {
		fmt.Fprintf(w, "\nwithdrawn; delete exported copies of: %s\n", strings.Join(l.Withdrawn, " "))
	}
}

func recordingsExportCommand(g *globals) *cobra.Command {
	var split string
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "Write the recordings in the layout of training and evaluation",
		Long: "Writes <lang>/<speaker>/<label>_NN.wav with manifest.json, splits.json and sources.json into DIR,\n" +
			"which must be empty or absent: what models/train/digits/train.sh and faceproof eval digits read.\n" +
			"These files are not encrypted. Whoever withdraws later is named by recordings list, and is to\n" +
			"be deleted in DIR too.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBank(cmd, g, "recordings.export", split, func(b *voicebank.Bank) error {
				e, err := b.Export(cmd.Context(), args[0], split)
				if err != nil {
					return flagged(err, map[string]string{"split": "--split"})
				}
				return answer(g, e, func(w io.Writer) {
					fmt.Fprintf(w, "%d speakers, %d to train on and %d to measure with; %d strings, %d single digits out of them, %d films\n",
						e.Speakers, e.Train, e.Test, e.Strings, e.Digits, e.Films)
					if e.Uncut+e.Damaged > 0 {
						fmt.Fprintf(w, "%d paced strings were left whole: their digits are not plainly apart; %d damaged strings were left out\n", e.Uncut, e.Damaged)
					}
				})
			})
		},
	}
	c.Flags().StringVar(&split, "split", "", "only the voices to train on, or only those to measure with: train, test")
	return c
}

func recordingsDeleteCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "delete CODE|SPEAKER",
		Short: "Delete everything of a speaker, by their withdrawal code or number",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id := args[0]
			if !strings.HasPrefix(id, "s") || len(id) != 13 {
				var err error
				if id, err = voicebank.ParseCode(args[0]); err != nil {
					return err
				}
			}
			return withBank(cmd, g, "recordings.delete", id, func(b *voicebank.Bank) error {
				if err := b.Delete(cmd.Context(), id); err != nil {
					return err
				}
				return answer(g, map[string]string{"deleted": id}, func(w io.Writer) {
					fmt.Fprintf(w, "deleted %s; delete exported copies of it too\n", id)
				})
			})
		},
	}
}
