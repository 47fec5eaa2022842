package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"faceproof"
	"faceproof/internal/modelpack"
	"faceproof/internal/onboarding"
)

// readingFlags are the flags of faceproof.Reading.
type readingFlags struct {
	digits, level string
	fmr           float64
}

// The values of --digits.
const (
	digitsPaced  = "paced"
	digitsAtOnce = "at-once"
)

const (
	levelUsage  = "what a pass must be worth: low (reading aloud is enough) or standard (the light must show too)"
	serverLevel = "server"
)

func (r *readingFlags) add(f *pflag.FlagSet) {
	f.StringVar(&r.digits, "digits", digitsPaced, "digits to read aloud: paced (six, one by one) or at-once (four together, as in WeChat; weaker)")
	f.StringVar(&r.level, "min-level", serverLevel, levelUsage+"; server: as serve --min-level says")
	f.Float64Var(&r.fmr, "fmr", 0, fmrHelp+"; 0, or looser than the server's: as serve --fmr says")
}

// reached refuses a rate for which the active pack has no threshold: nobody would
// ever pass. Without a pack there is nothing to hold it to.
func (r *readingFlags) reached(g *globals) error {
	packs, err := modelpack.List(g.DataDir)
	if err != nil || r.fmr == 0 {
		return err
	}
	for _, p := range packs {
		if p.Active && r.fmr < p.Match.Smallest {
			return faceproof.Errorf(faceproof.CodeInvalid, "--fmr", "the smallest false match rate for which pack %s is calibrated is %g", p.ID, p.Match.Smallest)
		}
	}
	return nil
}

// given says whether any of the flags was.
func (r *readingFlags) given(c *cobra.Command) bool {
	return c.Flags().Changed("digits") || c.Flags().Changed("min-level") || c.Flags().Changed("fmr")
}

// change puts what the flags say into a policy.
func (r *readingFlags) change(c *cobra.Command, to faceproof.Reading) (faceproof.Reading, error) {
	if c.Flags().Changed("digits") {
		if r.digits != digitsPaced && r.digits != digitsAtOnce {
			return to, faceproof.Errorf(faceproof.CodeInvalid, "--digits", "must be %s or %s", digitsPaced, digitsAtOnce)
		}
		to.AtOnce = r.digits == digitsAtOnce
	}
	if c.Flags().Changed("min-level") {
		if to.MinLevel = faceproof.Level(r.level); r.level == serverLevel {
			to.MinLevel = ""
		} else if err := checkLevel(r.level); err != nil {
			return to, err
		}
	}
	if c.Flags().Changed("fmr") {
		if to.MaxFMR = r.fmr; to.MaxFMR != 0 {
			if err := faceproof.CheckFMR(r.fmr, "--fmr"); err != nil {
				return to, err
			}
		}
	}
	return to, to.Check()
}

// checkLevel refuses what is no level of a pass.
func checkLevel(s string) error {
	if l := faceproof.Level(s); l != faceproof.LevelLow && l != faceproof.LevelStandard {
		return faceproof.Errorf(faceproof.CodeInvalid, "--min-level", "must be %s or %s", faceproof.LevelLow, faceproof.LevelStandard)
	}
	return nil
}

func appSetCommand(g *globals) *cobra.Command {
	var n int
	var origins []string
	var reading readingFlags
	var retain []string
	var hook string
	c := &cobra.Command{
		Use:   "set APPID [--daily-calls N] [--origin ORIGIN]... [--digits HOW] [--min-level LEVEL] [--fmr RATE] [--retain CLASS=DAYS]... | --webhook URL",
		Short: "Change an app's quota, its origins, all of them, how digits are read, what a match must be worth, or how long things are kept; a running server follows at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, quota, sites := faceproof.AppID(args[0]), cmd.Flags().Changed("daily-calls"), cmd.Flags().Changed("origin")
			keep := cmd.Flags().Changed("retain")
			if cmd.Flags().Changed("webhook") {
				if quota || sites || keep || reading.given(cmd) {
					return faceproof.Errorf(faceproof.CodeInvalid, "--webhook", "say it alone: it shows a secret")
				}
				return setWebhook(g, cmd, id, hook)
			}
			if !quota && !sites && !keep && !reading.given(cmd) {
				return faceproof.Errorf(faceproof.CodeInvalid, "--daily-calls", "say --daily-calls, --origin, --digits, --min-level, --fmr or --retain")
			}
			kept, err := parseRetain(retain, true)
			if err != nil {
				return err
			}
			if err := faceproof.CheckDailyCalls(n, "--daily-calls"); err != nil {
				return err // before the origins are changed
			}
			var policy faceproof.Reading
			if reading.given(cmd) {
				old, err := readingOf(g, cmd, id)
				if err != nil {
					return err
				}
				if policy, err = reading.change(cmd, old); err != nil {
					return err
				}
				if err = reading.reached(g); err != nil {
					return err
				}
			}
			return atDesk(g, func(d *onboarding.Desk) (err error) {
				var a faceproof.App
				if reading.given(cmd) {
					if a, err = d.SetReading(cmd.Context(), id, policy, "cli"); err != nil {
						return err
					}
				}
				if sites {
					if a, err = d.SetOrigins(cmd.Context(), id, slices.DeleteFunc(origins, func(o string) bool { return o == "" }), "cli"); err != nil {
						return err
					}
				}
				if keep {
					if a, err = d.SetRetention(cmd.Context(), id, kept, "cli"); err != nil {
						return err
					}
				}
				if quota {
					if a, err = d.SetDailyCalls(cmd.Context(), id, n, "cli"); err != nil {
						return err
					}
				}
				return answer(g, printable(a), func(w io.Writer) { describe(w, a) })
			})
		},
	}
	c.Flags().IntVar(&n, "daily-calls", 0, dailyCallsUsage)
	c.Flags().StringArrayVar(&origins, "origin", nil, originUsage+"; \"\" for this server's alone")
	c.Flags().StringVar(&hook, "webhook", "", "https URL that is told of decisions (docs/webhooks.md); prints the secret to check them with; \"\" for none")
	c.Flags().StringArrayVar(&retain, "retain", nil, "how long to keep a class for this app, such as evidence=7: less than the server, never more;\n"+
		"all that are to hold, \"\" for none ("+retainClasses(true)+")")
	reading.add(c.Flags())
	return c
}

// readingOf tells what an app's policy says now.
func readingOf(g *globals, cmd *cobra.Command, id faceproof.AppID) (faceproof.Reading, error) {
	s, _, done, err := openStore(g)
	if err != nil {
		return faceproof.Reading{}, err
	}
	defer done()
	a, _, err := s.App(cmd.Context(), id)
	return a.Reading, err
}

func describe(w io.Writer, a faceproof.App) {
	calls, digits, level, fmr := "as the server says", digitsPaced, "as the server says", "as the server says"
	if a.DailyCalls > 0 {
		calls = fmt.Sprint(a.DailyCalls)
	}
	if a.Reading.AtOnce {
		digits = digitsAtOnce
	}
	if a.Reading.MinLevel != "" {
		level = string(a.Reading.MinLevel)
	}
	if a.Reading.MaxFMR > 0 {
		fmr = fmt.Sprintf("%g, or the server's where that is stricter", a.Reading.MaxFMR)
	}
	fmt.Fprintf(w, "%s\ndaily calls  %s\norigins      %s\ndigits       %s\nmin level    %s\nmatch FMR    %s\nkept         %s\n", a.ID, calls,
		strings.Join(append([]string{"this server's"}, a.Origins...), " "), digits, level, fmr, describeRetain(a))
}
