package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"

	"faceproof"
	"faceproof/internal/gallery"
	"faceproof/internal/modelpack"
	"faceproof/internal/registry"
)

// openMatch gives the calibration of the model that templates are searched with.
type openMatch func(*globals) (modelpack.Match, error)

// packMatch is the active pack's.
func packMatch(g *globals) (modelpack.Match, error) {
	pack, err := modelpack.Load(g.DataDir, "")
	if err != nil {
		return modelpack.Match{}, err
	}
	return pack.Match, nil
}

const (
	basisHelp = "law or contract that allows you to search 1:N, on its own, beside that of verification; goes into the audit log"

	// usualFPIR is the false-positive identification rate that the answer compares with.
	usualFPIR = .01
)

// strictest is the threshold at which every row of a calibration has its smallest
// false match rate.
func strictest(m modelpack.Match) (threshold float64) {
	for _, r := range m.Rows {
		threshold = max(threshold, r.Points[len(r.Points)-1].Threshold)
	}
	return threshold
}

// rateAt is the false match rate, 0 to 1, that a threshold stands for in the worst row
// of a calibration: of the measured points, never between or beyond them.
func rateAt(m modelpack.Match, threshold float64) (fmr float64) {
	for _, r := range m.Rows {
		of := 1.
		for _, p := range r.Points {
			if p.Threshold <= threshold {
				of = p.FMR
			}
		}
		fmr = max(fmr, of)
	}
	return fmr
}

// searchOf is the rule of a search with a calibration; threshold 0: the strictest.
func searchOf(m modelpack.Match, threshold float64, basis string) (registry.Search, error) {
	if err := registry.CheckLegalBasis(basis, "--legal-basis"); err != nil {
		return registry.Search{}, err
	}
	if len(m.Rows) == 0 {
		return registry.Search{}, faceproof.Errorf(faceproof.CodeInvalid, "pack", "has no calibration")
	}
	return registry.Search{ModelID: m.ModelID, Metric: m.Metric, Threshold: cmp.Or(threshold, strictest(m)), LegalBasis: basis}, nil
}

// duplicatesAnswer is the answer of `registry duplicates --json`.
type duplicatesAnswer struct {
	registry.Duplicates
	ModelID       string         `json:"model_id"`
	Metric        string         `json:"metric"`
	FMR           float64        `json:"fmr"`                  // that the threshold stands for, of one comparison
	FPIR          float64        `json:"fpir"`                 // of one search in so many templates
	NeededFMR     float64        `json:"fmr_for_fpir_0_01"`    // that one comparison would need; 0: nobody is enrolled
	ExpectedFalse float64        `json:"expected_false_pairs"` // pairs of strangers among the comparisons, at most: the worst group's rate
	Note          modelpack.Text `json:"note"`
}

// leadsOnly is said beside every answer.
func leadsOnly(m modelpack.Match, threshold float64, templates int) modelpack.Text {
	fmr := rateAt(m, threshold)
	fpir := 100 * gallery.FPIR(fmr, templates)
	return modelpack.Text{
		En: fmt.Sprintf("these are leads for a human, not findings: at a false match rate of %.2g, one search in %d templates finds a stranger %.3g %% of the time; twins and relatives more often. Compare photos and documents before anything is done to anybody", fmr, templates, fpir),
		Zh: fmt.Sprintf("以上只是供人工核查的线索，不是结论：误识率为 %.2g 时，在 %d 个模板中检索一次，有 %.3g%% 的可能找到陌生人；双胞胎和亲属更高。处理任何人之前，请核对照片与证件", fmr, templates, fpir),
	}
}

func registryDuplicatesCommand(g *globals, match openMatch) *cobra.Command {
	var q registry.DuplicateQuery
	var basis, since string
	var threshold float64
	c := &cobra.Command{
		Use:   "duplicates --legal-basis TEXT",
		Short: "Look for people who are enrolled twice, under two numbers",
		Long: "Opens the templates in memory and compares everybody with everybody, or those who were\n" +
			"enrolled or replaced since a date with everybody. Prints pairs of registry ids that are\n" +
			"alike, never names. They are leads for a human: with more than a few hundred people,\n" +
			"strangers are among them (docs/models.md). Nothing is changed but the audit log.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !(threshold >= 0 && threshold <= 1) {
				return faceproof.Errorf(faceproof.CodeInvalid, "--threshold", "must be a similarity from 0 to 1")
			}
			if q.Limit < 1 || q.Limit > gallery.MaxCandidates {
				return faceproof.Errorf(faceproof.CodeInvalid, "--limit", "must be 1 to %d", gallery.MaxCandidates)
			}
			if q.MaxComparisons < 1 {
				return faceproof.Errorf(faceproof.CodeInvalid, "--max-comparisons", "must be at least 1")
			}
			if q.MaxTemplates < 1 || q.MaxTemplates > math.MaxInt32 {
				return faceproof.Errorf(faceproof.CodeInvalid, "--max-templates", "must be 1 to %d", math.MaxInt32)
			}
			if since != "" {
				at, err := time.Parse(time.DateOnly, since)
				if err != nil {
					return faceproof.Errorf(faceproof.CodeInvalid, "--since", "must be a date, YYYY-MM-DD, in UTC")
				}
				q.Since = at.UnixMilli()
			}
			// Before the models and the database: a mistake shows at once.
			if err := registry.CheckLegalBasis(basis, "--legal-basis"); err != nil {
				return err
			}
			m, err := match(g)
			if err != nil {
				return err
			}
			most := q.MaxTemplates
			if q.Search, err = searchOf(m, threshold, basis); err != nil {
				return err
			}
			q.MaxTemplates, q.Actor = most, "cli"
			return duplicates(g, cmd, m, q)
		},
	}
	fs := c.Flags()
	fs.StringVar(&basis, "legal-basis", "", basisHelp)
	fs.StringVar(&since, "since", "", "only pairs with at least one person enrolled or replaced on or after YYYY-MM-DD (UTC)")
	fs.Float64Var(&threshold, "threshold", 0, "similarity from which a pair is shown (default: the strictest that the pack is calibrated for)")
	fs.IntVar(&q.Limit, "limit", 100, "pairs shown, at most, the most alike")
	fs.Int64Var(&q.MaxComparisons, "max-comparisons", 5_000_000_000, "refuse more work than this; 5e9 is everybody of 100,000, about 5 minutes of one core")
	fs.IntVar(&q.MaxTemplates, "max-templates", gallery.DefaultLimit, "refuse a larger registry; 512 bytes of memory each, and about 100 for the id")
	return c
}

func duplicates(g *globals, cmd *cobra.Command, m modelpack.Match, q registry.DuplicateQuery) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	r, done, err := openRegistry(g, nil)
	if err != nil {
		return err
	}
	defer done()
	last := time.Now()
	q.Progress = func(done, total int64) {
		if time.Since(last) > 2*time.Second {
			last = time.Now()
			fmt.Fprintf(g.Err, "%d of %d million comparisons\n", done/1e6, total/1e6)
		}
	}
	found, err := r.Duplicates(ctx, q)
	if err != nil {
		return err
	}
	fmr := rateAt(m, q.Threshold)
	a := duplicatesAnswer{Duplicates: found, ModelID: q.ModelID, Metric: q.Metric, FMR: fmr, FPIR: gallery.FPIR(fmr, found.Templates),
		ExpectedFalse: fmr * float64(found.Comparisons), Note: leadsOnly(m, q.Threshold, found.Templates)}
	if found.Templates > 0 {
		a.NeededFMR = gallery.FMRFor(usualFPIR, found.Templates)
	}
	return answer(g, a, a.print)
}

func (a duplicatesAnswer) print(w io.Writer) {
	for _, p := range a.Pairs {
		fmt.Fprintf(w, "%s  %s  %.4f\n", p.A, p.B, p.Similarity)
	}
	more := ""
	if a.More {
		more = ", and there are more"
	}
	fmt.Fprintf(w, "%d pairs%s; %d templates, %d of another model left out; %d comparisons at similarity %.4g\n", len(a.Pairs), more, a.Templates, a.OtherModel, a.Comparisons, a.Threshold)
	fmt.Fprintf(w, "pairs of strangers to expect: up to %.3g (false match rate %.2g; for 1 false answer in 100 searches it would have to be %.2g)\n", a.ExpectedFalse, a.FMR, a.NeededFMR)
	fmt.Fprintf(w, "! %s\n! %s\n", a.Note.Zh, a.Note.En)
}

// duplicateCheck is the search of `registry add`, off unless asked for.
type duplicateCheck struct {
	on    bool
	basis string
}

// search is the rule of the check with its calibration; nil when it is off.
func (c duplicateCheck) search(g *globals, match openMatch) (*registry.Search, modelpack.Match, error) {
	if !c.on {
		if c.basis != "" {
			return nil, modelpack.Match{}, faceproof.Errorf(faceproof.CodeInvalid, "--legal-basis", "is for --check-duplicates")
		}
		return nil, modelpack.Match{}, nil
	}
	if err := registry.CheckLegalBasis(c.basis, "--legal-basis"); err != nil {
		return nil, modelpack.Match{}, err
	}
	m, err := match(g)
	if err != nil {
		return nil, m, err
	}
	s, err := searchOf(m, 0, c.basis)
	return &s, m, err
}

// warnOfLeads tells the operator who is like the one who was enrolled.
func warnOfLeads(w io.Writer, m modelpack.Match, s registry.Search, e registry.Enrolled) {
	if len(e.Leads) == 0 {
		return
	}
	fmt.Fprintln(w, "! 可能已用另一证件号登记 · perhaps enrolled already under another number:")
	for _, l := range e.Leads {
		fmt.Fprintf(w, "!   %s  %.4f\n", l.ID, l.Similarity)
	}
	note := leadsOnly(m, s.Threshold, e.Searched)
	fmt.Fprintf(w, "! %s\n! %s\n", note.Zh, note.En)
}
