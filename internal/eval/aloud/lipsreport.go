package aloud

import (
	"fmt"

	"faceproof"
	"faceproof/internal/eval/pages"
)

// Lips is the outcome of MeasureLips.
type Lips struct {
	Header Header                 `json:"header"`
	Seed   uint64                 `json:"seed"`
	Policy faceproof.DigitsPolicy `json:"policy"`
	Films  []FilmRow              `json:"films"`
	Cells  []LipsCell             `json:"cells"`
}

// FilmRow is one film as a whole, with its own sound.
type FilmRow struct {
	Name       string  `json:"name"`
	Seconds    float64 `json:"seconds"`
	Frames     int     `json:"frames"`
	Seen       int     `json:"seen"` // with lips
	Range      float64 `json:"range"`
	Sync       float64 `json:"sync"`
	LagMS      float64 `json:"lag_ms"`
	Null       float64 `json:"null"`
	Rival      float64 `json:"rival"`
	StillRange float64 `json:"still_range"`
}

// LipsCell is rows of pieces of three seconds at a rate of frames.
type LipsCell struct {
	FPS     float64 `json:"fps"`
	Seconds int     `json:"seconds"`
	Films   int     `json:"films"`
	Pieces  int     `json:"pieces"`
	Joins   int     `json:"joins"`
	Pairs   []Pair  `json:"pairs"`
}

// Pair is mouths with one kind of sound.
type Pair struct {
	Name    string     `json:"name"`  // matched, other, shifted, still
	Sync    [3]float64 `json:"sync"`  // 5, 50, 95 %
	Range   [3]float64 `json:"range"` // least, median, greatest
	InSync  Estimate   `json:"in_sync"`
	Passed  Estimate   `json:"passed"`  // the product's rule for lips
	Accused Estimate   `json:"accused"` // … rejects from the second attempt on; the rest: another attempt
	AUC     *Estimate  `json:"auc,omitempty"`
	EER     *Estimate  `json:"eer,omitempty"`
}

// Write puts report.json, report.md and report.zh.md into a folder.
func (l *Lips) Write(dir string) error { return write(dir, l, l.markdown) }

func share100(e Estimate) string {
	return fmt.Sprintf("**%s** [%s – %s]", percent(e.Value), percent(e.Low), percent(e.High))
}

func plain(e *Estimate) string {
	if e == nil {
		return "–"
	}
	return fmt.Sprintf("%.2f [%.2f – %.2f]", e.Value, e.Low, e.High)
}

func (l *Lips) markdown(lang string) []byte {
	p := &page{pages.Page{Lang: lang}}
	h := l.Header
	fmt.Fprintf(p, "# %s\n\n", p.S("Reading digits aloud: do the lips say it?", "读数字：口型与声音是否一致"))
	p.WriteString(p.S("> **Videos of talking faces, joined.** Pieces of three seconds in a row, of different films; the mouth's rest is taken off each. They speak sentences, not digits. A still picture is the first frame repeated under simulated noise.\n\n",
		"> **真人说话视频，拼接而成。** 由不同影片的三秒片段依次拼接，各片段已扣除嘴部静止值。内容为句子而非数字。静止图片为首帧重复并加仿真噪声。\n\n"))
	fmt.Fprintf(p, "%s · %s `%s` · %s · %s %d\n\n", h.Date, p.S("pack", "模型包"), h.Pack, p.S("%d files `%.12s`", "%d 个文件 `%.12s`", h.Files, h.Root), p.S("seed", "种子"), l.Seed)
	p.WriteString(p.S("In square brackets: 95 %, from drawing whole films again. Rows of pieces share films and are not independent.\n", "方括号为 95 % 区间，按整部影片重抽样。各行共用影片，并不独立。\n"))
	fmt.Fprintf(p, "\n%s\n", p.S("The rule: at least %d frames, range at least %g, s at least %g, lag at most %g ms, s from 300 to 1,000 ms off at most %g above it; it accuses below a range of %g or an s of %g, from the second attempt on; between, another attempt.",
		"规则：至少 %d 帧，张口幅度至少 %g，s 至少 %g，时差至多 %g 毫秒，偏移 300 至 1000 毫秒处的 s 至多高出 %g；幅度低于 %g 或 s 低于 %g 时自第二次尝试起判为攻击；其间再试一次。",
		l.Policy.MinLipFrames, l.Policy.MinMouthRange, l.Policy.MinSync, l.Policy.MaxLipLagMS, l.Policy.MaxRival, l.Policy.SpoofMouth, l.Policy.SpoofSync))
	p.heading("Films", "影片")
	var rows [][]string
	for _, f := range l.Films {
		rows = append(rows, []string{f.Name, fmt.Sprintf("%.1f", f.Seconds), fmt.Sprintf("%d / %d", f.Seen, f.Frames), fmt.Sprintf("%.3f", f.Range), number(f.Sync), fmt.Sprintf("%.0f", f.LagMS), fmt.Sprintf("%.1f", f.Null), number(f.Rival), fmt.Sprintf("%.4f", f.StillRange)})
	}
	p.Table(p.S("Each as a whole, with its own sound. Range is of the mouth's opening, in distances between the eyes; positive lag: the mouth is later.", "各影片整体，与自身声音。幅度为张口范围，以眼距计；时差为正表示嘴部较晚。"),
		p.S("film | s | frames with lips | range | s | lag, ms | z against shifts | s elsewhere | range of the still picture", "影片 | 秒 | 有嘴部的帧 | 幅度 | s | 时差（毫秒） | 相对平移的 z | 别处的 s | 静止图片的幅度"), rows)
	p.heading("Mouths and sounds", "口型与声音")
	names := map[string]string{pairMatched: p.S("its own", "自身"), pairOther: p.S("another film's", "其他影片"), pairShifted: p.S("its own, 0.7 s off", "自身，错开 0.7 秒"), pairStill: p.S("still picture, its own", "静止图片，自身")}
	rows = nil
	for _, c := range l.Cells {
		for _, x := range c.Pairs {
			rows = append(rows, []string{fmt.Sprint(c.FPS), fmt.Sprint(c.Seconds), fmt.Sprintf("%d (%d / %d)", c.Joins, c.Pieces, c.Films), names[x.Name],
				fmt.Sprintf("%.2f (%.2f – %.2f)", x.Sync[1], x.Sync[0], x.Sync[2]), fmt.Sprintf("%.3f – %.3f", x.Range[0], x.Range[2]), plain(x.AUC), plain(x.EER), share100(x.InSync), share100(x.Passed), share100(x.Accused)})
		}
	}
	p.Table(p.S("s is the highest correlation within ±160 ms.", "s 为 ±160 毫秒内的最高相关。"),
		p.S("frames a second | seconds | rows (pieces / films) | sound | s: median (5 – 95 %) | range | AUC | EER | s reaches the bound | pass the rule | accused",
			"帧率 | 秒 | 行数（片段 / 影片） | 声音 | s：中位数（5–95 %） | 幅度 | AUC | EER | s 达到下限 | 通过规则 | 判为攻击"), rows)
	return []byte(p.String())
}
