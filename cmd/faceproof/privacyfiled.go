package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/privacy"
)

// privacyFiledCommand records that a filing was made.
func privacyFiledCommand(g *globals) *cobra.Command {
	var f faceproof.FilingRecord
	var kind string
	c := &cobra.Command{
		Use:   "filed --authority TEXT --number TEXT --date YYYY-MM-DD [--kind new|change|end]",
		Short: "Record that the filing was made, changed or ended; the report and the alerts follow it",
		Long: "Records a filing with the authority, in the audit log too. From then on nothing is due and nothing is\n" +
			"warned of, until an app comes, goes, or says something else in its notice than what was filed: then a\n" +
			"change is due, 30 working days after the first of these. --kind change says that it was filed, --kind end\n" +
			"that the use of faces has ended and was signed off.",
		Example: "  faceproof privacy filed --authority 北京市互联网信息办公室 --number 京网信人脸备〔2026〕1号 --date 2026-11-20",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			apps, err := s.ListApps(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			f.Kind, f.RecordedAt, f.Apps = faceproof.FilingKind(kind), now.UnixMilli(), privacy.Used(apps)
			err = s.RecordFiling(cmd.Context(), &f, "cli", func(last faceproof.FilingKind) error { return f.Check(now.In(privacy.China), last) })
			if err != nil {
				return flagged(err, map[string]string{"authority": "--authority", "number": "--number", "date": "--date", "kind": "--kind"})
			}
			return answer(g, f, func(w io.Writer) { fmt.Fprintf(w, "%s, %d apps\n", f, len(f.Apps)) })
		},
	}
	c.Flags().StringVar(&kind, "kind", string(faceproof.FilingNew), "new, change or end")
	c.Flags().StringVar(&f.Authority, "authority", "", "with whom it was filed")
	c.Flags().StringVar(&f.Number, "number", "", "the number that the authority gave")
	c.Flags().StringVar(&f.Date, "date", "", "the day in China, as 2026-11-20")
	return c
}
