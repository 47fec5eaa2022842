package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/consent"
	"faceproof/internal/keys"
	"faceproof/internal/privacy"
	"faceproof/internal/registry"
	"faceproof/internal/store"
)

func privacyCommand(g *globals) *cobra.Command {
	c := &cobra.Command{
		Use:   "privacy",
		Short: "What the law asks of whoever keeps faces: numbers, due dates, who was touched",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(privacyReportCommand(g), privacyFiledCommand(g))
	return c
}

func privacyReportCommand(g *globals) *cobra.Command {
	var filing, touched string
	c := &cobra.Command{
		Use:   "report",
		Short: "The annex of the impact assessment, the filing pack, or who was touched between two moments",
		Long: "Prints the annex of the impact assessment that a machine can fill: people holding face data and the\n" +
			"due date of the filing, numbers, data map, retention, measures, and each app's notice. With --filing it\n" +
			"writes the pack for a filing into a new folder. With --touched-between it prints which persons were\n" +
			"touched, by the audit log, for the report of an incident. Each is written into the audit log.",
		Example: "  faceproof privacy report > annex.md\n  faceproof privacy report --filing pack\n" +
			"  faceproof privacy report --touched-between 2026-11-01T00:00:00+08:00,2026-11-02T00:00:00+08:00",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, ring, done, err := openStore(g)
			if err != nil {
				return err
			}
			defer done()
			switch {
			case filing != "" && touched != "":
				return faceproof.Errorf(faceproof.CodeInvalid, "--filing", "must not come with --touched-between")
			case touched != "":
				return touchedBetween(cmd.Context(), g, s, ring, touched)
			}
			r, apps, err := privacyReport(cmd.Context(), s)
			if err != nil {
				return err
			}
			if err := s.Audit(cmd.Context(), faceproof.AuditEntry{At: r.MadeAt, Actor: "cli", Action: "privacy.report"}); err != nil {
				return err
			}
			if filing != "" {
				return writeFiling(g, r, apps, filing)
			}
			return answer(g, r, r.Markdown)
		},
	}
	c.Flags().StringVar(&filing, "filing", "", "write the filing pack into this folder, which must not be there yet")
	c.Flags().StringVar(&touched, "touched-between", "", "FROM,TO: two moments as 2026-11-01T00:00:00+08:00; TO is not included")
	return c
}

func privacyReport(ctx context.Context, s *store.Store) (r privacy.Report, apps []faceproof.App, err error) {
	calendar, err := privacy.LoadCalendar()
	if err != nil {
		return r, nil, err
	}
	n, err := s.Counts(ctx)
	if err != nil {
		return r, nil, err
	}
	people, levels, err := s.People(ctx)
	if err != nil {
		return r, nil, err
	}
	if apps, err = s.ListApps(ctx); err != nil {
		return r, nil, err
	}
	made, err := s.Filings(ctx)
	if err != nil {
		return r, nil, err
	}
	filing, err := privacy.FilingOf(calendar, people, levels).Filed(calendar, made, apps, func(id faceproof.AppID, after int64) (int64, error) { return s.AppChanged(ctx, id, after) })
	if err != nil {
		return r, nil, err
	}
	r = privacy.Report{MadeAt: time.Now().UnixMilli(), Filing: filing, Data: privacy.DataMap(faceproof.Retention{}.Limit),
		Counts: []privacy.Count{
			{Name: "people", Zh: "存储人脸信息的人数", En: "people holding face data", N: n.People},
			{Name: "verifications", Zh: "保存中的核验记录", En: "verifications kept", N: n.Verifications},
			{Name: "pictures", Zh: "暂存的人脸图像", En: "face images kept for a moment", N: n.Captures},
			{Name: "consents", Zh: "同意", En: "consents", N: n.Consents},
			{Name: "guardians", Zh: "其中由监护人作出", En: "of them by guardians", N: n.Guardians},
			{Name: "withdrawn", Zh: "其中已撤回", En: "of them withdrawn", N: n.Withdrawn},
			{Name: "withdrawals", Zh: "已撤回、未重新登记的人", En: "people who withdrew and were not enrolled anew", N: n.Withdrawals},
			{Name: "audit", Zh: "审计日志行数", En: "rows of the audit log", N: n.Audit},
		}}
	for _, a := range apps {
		r.Apps = append(r.Apps, privacy.AppOf(a, people))
	}
	return r, apps, nil
}

// writeFiling writes what a filing takes from this software: the annex, its
// numbers for a program, and the text of each app's consent in both languages.
func writeFiling(g *globals, r privacy.Report, apps []faceproof.App, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return &faceproof.Error{Code: faceproof.CodeConflict, Field: "--filing", Message: "the folder cannot be made, or is there already", Err: err}
	}
	var annex strings.Builder
	r.Markdown(&annex)
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	files := map[string]string{"annex.md": annex.String(), "annex.json": string(data) + "\n"}
	for _, a := range apps {
		for _, lang := range []string{"zh", "en"} {
			t, err := consent.Text(consent.Shown{AppName: a.Name, Notice: a.Shown(false), Lang: lang})
			if err != nil {
				return err
			}
			files[fmt.Sprintf("consent-%s-%s.txt", a.ID, lang)] = t.Body
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return answer(g, map[string]any{"folder": dir, "files": len(files)}, func(w io.Writer) {
		fmt.Fprintf(w, "%d files in %s; what people must write: docs/templates/filing.md\n", len(files), dir)
	})
}

// touchedBetween prints who was touched in a stretch of time.
func touchedBetween(ctx context.Context, g *globals, s *store.Store, ring *keys.Ring, span string) error {
	a, b, _ := strings.Cut(span, ",")
	from, err1 := time.Parse(time.RFC3339, a)
	to, err2 := time.Parse(time.RFC3339, b)
	if err1 != nil || err2 != nil || !from.Before(to) {
		return faceproof.Errorf(faceproof.CodeInvalid, "--touched-between", "must be two moments, FROM,TO, as 2026-11-01T00:00:00+08:00")
	}
	gather := privacy.NewGather()
	err := s.EachTouch(ctx, from.UnixMilli(), to.UnixMilli(), func(t store.TouchRow) {
		gather.Add(privacy.Touch{AuditEntry: t.AuditEntry, Person: t.Person, Subject: t.Subject, PersonOfSubject: t.PersonOfSubject, Everyone: t.Everyone})
	})
	if err != nil {
		return err
	}
	r, err := registry.New(registry.Config{Store: s, Keys: ring})
	if err != nil {
		return err
	}
	who, err := r.Pseudonyms(ctx, gather.Named())
	if err != nil {
		return err
	}
	gather.Rename(who)
	if err := s.Audit(ctx, faceproof.AuditEntry{At: time.Now().UnixMilli(), Actor: "cli", Action: "privacy.touched"}); err != nil {
		return err
	}
	out := gather.Incident(from.UnixMilli(), to.UnixMilli())
	pruned, err := s.AuditPruned(ctx)
	if err != nil {
		return err
	}
	if pruned.Before >= out.From {
		out.Pruned = pruned.Before
	}
	return answer(g, out, func(w io.Writer) {
		if out.Pruned > 0 {
			fmt.Fprintf(w, "! audit rows up to %s are no longer kept: who was touched until then is not known\n", stamp(out.Pruned))
		}
		fmt.Fprintf(w, "%d audit rows, %d people touched\n", out.Rows, len(out.People))
		for _, e := range out.Everyone {
			fmt.Fprintf(w, "! %s by %s, %s to %s: everybody registered was touched\n", e.Who, strings.Join(e.Actors, ", "), stamp(e.First), stamp(e.Last))
		}
		for _, p := range out.People {
			fmt.Fprintf(w, "%s  %d rows  %s to %s  %s  by %s\n", p.Who, p.Rows, stamp(p.First), stamp(p.Last), strings.Join(p.Actions, ","), strings.Join(p.Actors, ","))
		}
	})
}
