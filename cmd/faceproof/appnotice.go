package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"faceproof"
)

// appNoticeCommand changes what the notice says beside the fields of the
// application, and what happens to a person under 14.
func appNoticeCommand(g *globals) *cobra.Command {
	var minors, place, processors, officer string
	c := &cobra.Command{
		Use:   "notice APPID [--place TEXT] [--processors TEXT] [--officer TEXT] [--minors refuse|guardian]",
		Short: "Say where data is kept, who processes it and who is in charge, and what happens to a person under 14",
		Long: "Changes the parts of the notice that are not in an application; \"\" takes a text away. A blank place or\n" +
			"processors shows what this software does by itself. The notice is another one then: people consent anew.\n" +
			"A person under 14 is refused before the camera opens, unless a guardian may consent (--minors guardian).",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed := cmd.Flags().Changed
			texts := changed("place") || changed("processors") || changed("officer")
			if !texts && !changed("minors") {
				return faceproof.Errorf(faceproof.CodeInvalid, "--place", "say --place, --processors, --officer or --minors")
			}
			s, _, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			a, _, err := s.App(cmd.Context(), faceproof.AppID(args[0]))
			if err != nil {
				return err
			}
			for _, f := range []struct {
				flag string
				text string
				into *string
			}{{"place", place, &a.Notice.Place}, {"processors", processors, &a.Notice.Processors}, {"officer", officer, &a.Notice.Officer}} {
				if !changed(f.flag) {
					continue
				}
				text := strings.TrimSpace(f.text)
				if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxNoticeText || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
					return faceproof.Errorf(faceproof.CodeInvalid, "--"+f.flag, "must be at most %d characters of UTF-8 without control characters", maxNoticeText)
				}
				*f.into = text
			}
			if changed("minors") {
				policy, err := faceproof.ParseMinorPolicy(minors, "--minors")
				if err != nil {
					return err
				}
				if _, err := s.SetMinors(cmd.Context(), a.ID, policy, "cli"); err != nil {
					return err
				}
			}
			if texts {
				if err := s.UpdateApp(cmd.Context(), a); err != nil {
					return err
				}
			}
			if a, _, err = s.App(cmd.Context(), a.ID); err != nil {
				return err
			}
			n := a.Shown(false)
			policy := a.Minors
			if policy == "" {
				policy = faceproof.MinorsRefuse
			}
			return answer(g, map[string]any{"app_id": a.ID, "minors": policy, "notice": n, "notice_hash": n.Hash()}, func(w io.Writer) {
				fmt.Fprintf(w, "%s  under 14: %s  place: %s  processors: %s  officer: %s  notice %s\n", a.ID, policy, n.Place, n.Processors, n.Officer, n.Hash()[:16])
			})
		},
	}
	f := c.Flags()
	f.StringVar(&place, "place", "", "where the data is kept")
	f.StringVar(&processors, "processors", "", "who processes for the handler, with whom it is shared, and where portraits come from")
	f.StringVar(&officer, "officer", "", "person in charge of personal information, with contact; needed from 100,000 people on")
	f.StringVar(&minors, "minors", "", "a person under 14: refuse, or guardian (a parent or guardian who is there consents)")
	return c
}
