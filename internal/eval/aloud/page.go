package aloud

import (
	"fmt"
	"math"
	"strconv"

	"faceproof/internal/eval/pages"
	"faceproof/internal/eval/score"
)

// page writes one report in one language.
type page struct{ pages.Page }

func (p *page) heading(en, zh string) { fmt.Fprintf(p, "\n## %s\n\n", p.S(en, zh)) }

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
	if id == pages.Chinese {
		return p.S("Mandarin", "普通话")
	}
	return p.S("English", "英语")
}

// write puts a report into a folder: JSON, English, Chinese.
func write(dir string, v any, markdown func(lang string) []byte) error {
	files, err := pages.Files(v, markdown)
	if err != nil {
		return err
	}
	return pages.Write(dir, files)
}
