package aloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"faceproof/internal/eval/score"
)

// Languages of a report.
const (
	english = "en"
	chinese = "zh"
)

// page writes one report in one language.
type page struct {
	strings.Builder
	lang string
}

// s picks the sentence of the language and fills it in.
func (p *page) s(en, zh string, args ...any) string {
	t := en
	if p.lang == chinese {
		t = zh
	}
	if len(args) == 0 {
		return t
	}
	return fmt.Sprintf(t, args...)
}

func (p *page) heading(en, zh string) { fmt.Fprintf(p, "\n## %s\n\n", p.s(en, zh)) }

// table writes a caption, a header whose parts lie between bars, and rows.
func (p *page) table(caption, header string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(p, "%s\n\n| %s |\n|%s\n", caption, header, strings.Repeat("---|", strings.Count(header, " | ")+1))
	for _, row := range rows {
		fmt.Fprintf(p, "| %s |\n", strings.Join(row, " | "))
	}
	p.WriteString("\n")
}

// percent prints a share with one decimal at most; small ones with two digits.
func percent(v float64) string {
	if v > 0 && v < .001 {
		return strconv.FormatFloat(100*v, 'g', 2, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(1e3*v)/10, 'f', -1, 64) + " %"
}

// rate prints "2 / 200: **1 %** (0.1 – 3.6 %)".
func rateText(r score.Rate) string {
	if r.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%d / %d: **%s** (%s – %s)", r.Count, r.N, percent(r.Rate), percent(r.Low), percent(r.High))
}

// share prints the interval by voice where there is one, else the exact one.
func (p *page) share(s Share) string {
	if s.N == 0 {
		return "–"
	}
	if s.ByVoice == nil {
		return rateText(s.Rate)
	}
	return fmt.Sprintf("%d / %d: **%s** [%s – %s]", s.Count, s.N, percent(s.Rate.Rate), percent(s.ByVoice.Low), percent(s.ByVoice.High))
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// language names one.
func (p *page) language(id string) string {
	if id == chinese {
		return p.s("Mandarin", "普通话")
	}
	return p.s("English", "英语")
}

// write puts a report into a folder: JSON, English, Chinese.
func write(dir string, v any, markdown func(lang string) []byte) error {
	var j bytes.Buffer
	e := json.NewEncoder(&j)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("eval: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{"report.json": j.Bytes(), "report.md": markdown(english), "report.zh.md": markdown(chinese)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
