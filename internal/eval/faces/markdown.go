package faces

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"faceproof/internal/eval/pages"
	"faceproof/internal/eval/score"
)

// page writes one report in one language.
type page struct{ pages.Page }

func (p *page) t(t Text) string { return p.S(t.En, t.Zh) }

// percent prints a share: two digits where it is small, else two decimals.
func percent(v float64) string {
	if v > 0 && v < .001 {
		return strconv.FormatFloat(100*v, 'g', 2, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(1e4*v)/100, 'f', -1, 64) + " %"
}

// share prints count, n, the rate, its exact interval in round brackets and the
// one by persons in square ones.
func share(r score.Rate, by *Span) string {
	if r.N == 0 {
		return "–"
	}
	s := fmt.Sprintf("%d / %d: **%s** (%s – %s)", r.Count, r.N, percent(r.Rate), percent(r.Low), percent(r.High))
	return s + between(by)
}

func between(by *Span) string {
	if by == nil {
		return ""
	}
	return fmt.Sprintf(" [%s – %s]", percent(by.Low), percent(by.High))
}

// points prints a difference of shares.
func points(v float64) string { return strings.TrimSuffix(percent(v), " %") + " pp" }

func similarity(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }

func (r *Report) markdown(lang string) []byte {
	p := &page{pages.Page{Lang: lang}}
	h := r.Header
	fmt.Fprintf(p, "# %s\n\n", p.S("Faces told apart: pack `%s`", "人脸比对：模型包 `%s`", h.Pack))
	fmt.Fprintf(p, "%s · %s `%s` · %s `%s` · %s %d\n\n", h.Date, p.S("model", "模型"), h.ModelID, p.S("version", "版本"), h.Version, p.S("seed", "种子"), h.Seed)
	metric := p.S("Similarity: cosine.", "相似度：余弦。")
	if h.Metric == "l2" {
		metric = p.S("Similarity: 1 − L2 distance of raw descriptors.", "相似度：1 − 原始特征的 L2 距离。")
	}
	fmt.Fprintf(p, "%s %s\n\n", metric, p.S(
		"FMR: false match rate, impostors that reach the threshold. FNMR: false non-match rate, genuine comparisons under it. TAR is 1 − FNMR. FTA: failure to acquire, pictures without a template, left out of both. FTE: failure to enrol, pictures that the gate of enrolment refuses; they are compared nevertheless (ISO/IEC 19795-1). Intervals at 95 %%: in round brackets exact (Clopper and Pearson), as if every comparison were independent; in square brackets from drawing whole persons again (%d draws), which is the honest one. A rate that allows under ten false matches among the comparisons is marked *: read an order of magnitude; under three, nothing is said.",
		"FMR：误匹配率，即达到阈值的冒充比对；FNMR：漏匹配率，即低于阈值的本人比对；TAR 为 1 − FNMR。FTA：采集失败，未得到模板的图片，不计入前两者；FTE：注册失败，注册质量门会拒绝的图片，此处仍参与比对（ISO/IEC 19795-1）。区间置信度 95 %%：圆括号为精确区间（Clopper–Pearson），视各比对相互独立；方括号为按人重抽样（%d 次），更为诚实。可容许误匹配不足十次的速率标 *，只可视为数量级；不足三次则不报告。", h.Resamples))
	for _, id := range h.Protocols {
		fmt.Fprintf(p, "- `%s` (`%.12s`): %s. %s\n", id.ID, id.Digest, p.t(id.Title), p.t(id.Source))
	}
	p.WriteString("\n")
	r.summary(p)
	for i := range r.Sets {
		r.Sets[i].markdown(p)
	}
	r.calibration(p)
	return []byte(strings.TrimRight(p.String(), "\n") + "\n")
}

// summary is every set at the pack's threshold.
func (r *Report) summary(p *page) {
	var rows [][]string
	for i := range r.Sets {
		s := &r.Sets[i]
		rows = append(rows, []string{p.t(s.Title), frames(s), strconv.Itoa(s.Persons), strconv.Itoa(s.Pictures), share(s.NoMatch, nil), share(s.NoEnrol, nil),
			similarity(s.Threshold), share(s.All.Shipped.FMR, s.All.Shipped.FMRSpan), share(s.All.Shipped.FNMR, s.All.Shipped.FNMRSpan)})
	}
	fmt.Fprintf(p, "## %s\n\n", p.S("At the threshold as shipped", "出厂阈值下"))
	p.Table("", p.S("set | frames | persons | pictures | FTA | FTE | threshold | FMR | FNMR", "集合 | 帧数 | 人数 | 图片 | FTA | FTE | 阈值 | FMR | FNMR"), rows)
}

// frames prints how many are averaged, probe : reference.
func frames(s *Result) string {
	if s.Attempts {
		return "a : a"
	}
	return fmt.Sprintf("%d : %d", s.ProbeFrames, s.ReferenceFrames)
}

func (s *Result) groupName(p *page, g *Group) string {
	if g.Name == "" {
		return p.S("all", "全部")
	}
	if t, ok := s.Names[g.Name]; ok {
		return p.t(t)
	}
	return strings.ReplaceAll(g.Name, "|", "/")
}

func (s *Result) groups() []*Group {
	out := []*Group{&s.All}
	for i := range s.By {
		out = append(out, &s.By[i])
	}
	return out
}

func (s *Result) markdown(p *page) {
	fmt.Fprintf(p, "## %s\n\n", p.t(s.Title))
	fmt.Fprintf(p, "`%s` / `%s` · %s", s.Protocol, s.Name, p.S("%d persons, %d pictures, frames %s", "%d 人，%d 张图片，帧数 %s", s.Persons, s.Pictures, frames(s)))
	if s.Draws > 1 {
		p.WriteString(p.S(", %d draws of the same pictures (comparisons of different draws are alike: believe the square brackets)", "，同一批图片重复分配 %d 次（各次比对彼此相似：以方括号为准）", s.Draws))
	}
	if s.Missing > 0 || s.LeftOut > 0 {
		p.WriteString(p.S(", %d pictures of the list are not there, %d comparisons left out", "，列表中 %d 张图片缺失，略去 %d 次比对", s.Missing, s.LeftOut))
	}
	p.WriteString("\n\n")
	if len(s.Refused) > 0 {
		var parts []string
		for _, reason := range slices.Sorted(maps.Keys(s.Refused)) {
			parts = append(parts, fmt.Sprintf("%s %d", p.t(reasonText(reason)), s.Refused[reason]))
		}
		fmt.Fprintf(p, "%s%s\n\n", p.S("The gate of enrolment would refuse: ", "注册质量门会拒绝："), strings.Join(parts, ", "))
	}
	if a := s.Accuracy; a != nil {
		fmt.Fprintf(p, "%s\n\n", p.S("**Accuracy over %d folds: %s ± %s** (mean and standard deviation; threshold from the other folds).", "**%d 折准确率：%s ± %s**（均值与标准差；阈值取自其余各折）。", len(a.Folds), percent(a.Mean), percent(a.SD)))
	}
	var rows [][]string
	for _, g := range s.groups() {
		eer, auc := "–", "–"
		if g.Genuine > 0 && g.Impostor > 0 {
			eer, auc = percent(g.EER), strconv.FormatFloat(g.AUC, 'f', 5, 64)
		}
		rows = append(rows, []string{s.groupName(p, g), strconv.Itoa(g.Persons), strconv.Itoa(g.Genuine), strconv.Itoa(g.Impostor), share(g.Shipped.FMR, g.Shipped.FMRSpan),
			share(g.Shipped.FNMR, g.Shipped.FNMRSpan), eer, auc})
	}
	p.Table(p.S("At the threshold as shipped, %s; groups against themselves.", "出厂阈值 %s；各组为组内比对。", similarity(s.Threshold)),
		p.S("group | persons | genuine | impostors | FMR | FNMR | EER | AUC", "组 | 人数 | 本人 | 冒充 | FMR | FNMR | EER | AUC"), rows)
	if g := s.Gap; g != nil {
		name := func(id string) string { return s.groupName(p, &Group{Name: id}) }
		part := func(rate, worst, best string, diff float64) {
			if diff > 0 {
				p.WriteString(p.S("%s of %s is %s above that of %s. ", "%[2]s的 %[1]s 比%[4]s高 %[3]s。", rate, name(worst), points(diff), name(best)))
			}
		}
		part("FMR", g.WorstFMR, g.BestFMR, g.FMRDiff)
		part("FNMR", g.WorstFNMR, g.BestFNMR, g.FNMRDiff)
		if g.Ratio > 0 {
			p.WriteString(p.S("Where the FMR of %s is 1e-3 (threshold %s), the highest is %s of %s: %.3g times.", "当%s的 FMR 为 1e-3（阈值 %s）时，最高者为%[4]s的 %[3]s，为其 %.3[5]g 倍。",
				name(g.Reference), similarity(g.Threshold), percent(g.FMRThere), name(g.WorstThere), g.Ratio))
		}
		p.WriteString("\n\n")
	}
	s.targets(p)
	s.grid(p)
	if s.drawn() {
		fmt.Fprintf(p, "![DET](det-%s.svg) ![ROC](roc-%s.svg)\n\n", s.file(), s.file())
	}
}

// targets is FNMR where an FMR is asked for.
func (s *Result) targets(p *page) {
	var rows [][]string
	for _, g := range s.groups() {
		row := []string{s.groupName(p, g)}
		said := false
		for _, pt := range g.Points {
			if pt.Events < leastEvents || pt.Threshold == 0 && pt.TAR == 0 {
				row = append(row, "–")
				continue
			}
			said = true
			mark := ""
			if !pt.Supported {
				mark = " *"
			}
			row = append(row, fmt.Sprintf("**%s**%s; %s%s", percent(pt.TAR), between(flip(pt.Span)), similarity(pt.Threshold), mark))
		}
		if said {
			rows = append(rows, row)
		}
	}
	p.Table(p.S("TAR where a false match rate is asked for; then the threshold. Thresholds are set on these very comparisons, in the intervals in every draw anew.",
		"给定误匹配率下的 TAR，其后为阈值。阈值取自同一批比对；区间中每次重抽样均重新取阈值。"),
		p.S("group | FMR 1e-2 | 1e-3 | 1e-4 | 1e-5 | 1e-6", "组 | FMR 1e-2 | 1e-3 | 1e-4 | 1e-5 | 1e-6"), rows)
}

// flip turns an interval of FNMR into one of TAR.
func flip(s *Span) *Span {
	if s == nil {
		return nil
	}
	return &Span{1 - s.High, 1 - s.Low}
}

// grid is both rates at round thresholds.
func (s *Result) grid(p *page) {
	var cols []*Group
	header := p.S("threshold", "阈值")
	for _, g := range s.groups() {
		if len(g.Table) > 0 && g.Impostor >= 100 {
			cols = append(cols, g)
			header += fmt.Sprintf(" | FMR, %s | FNMR, %s", s.groupName(p, g), s.groupName(p, g))
		}
	}
	if len(cols) == 0 {
		return
	}
	var rows [][]string
	for i, e := range cols[0].Table {
		row := []string{similarity(e.Threshold)}
		if math.Abs(e.Threshold-s.Threshold) < 1e-9 {
			row[0] = "**" + row[0] + "**"
		}
		for _, g := range cols {
			row = append(row, percent(g.Table[i].FMR), percent(g.Table[i].FNMR))
		}
		rows = append(rows, row)
	}
	p.Table("", header, rows)
}

func (r *Report) calibration(p *page) {
	var rows [][]string
	point := func(list []CalPoint, fmr float64) string {
		for _, c := range list {
			if c.FMR == fmr {
				mark := ""
				if c.Extrapolated {
					mark = " †"
				}
				if c.Group != "" {
					return fmt.Sprintf("%s%s; %s; %s", similarity(c.Threshold), mark, percent(c.FNMR), percent(c.GroupFNMR))
				}
				return fmt.Sprintf("%s%s; %s", similarity(c.Threshold), mark, percent(c.FNMR))
			}
		}
		return "–"
	}
	for _, c := range r.Calibration {
		overall := []string{fmt.Sprintf("%d : %d", c.ProbeFrames, c.ReferenceFrames), p.S("all", "全部")}
		worst := []string{overall[0], p.S("worst group", "最差组")}
		for _, fmr := range rates {
			overall, worst = append(overall, point(c.Overall, fmr)), append(worst, point(c.WorstGroup, fmr))
		}
		if rows = append(rows, overall); len(c.WorstGroup) > 0 {
			rows = append(rows, worst)
		}
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(p, "## %s\n\n", p.S("Thresholds for a false match rate", "按误匹配率取阈值"))
	p.Table(p.S("Threshold; FNMR of everybody; of the worst group its own FNMR. Frames: probe : reference. The worst group is the one that asks for the highest threshold among those with impostors enough. † fewer than ten false matches to go by: the tail that is counted, carried on as an exponential.",
		"阈值；全体 FNMR；最差组另列其自身 FNMR。帧数：探测 : 参考。最差组为冒充比对足够多的各组中要求阈值最高者。† 误匹配不足十次：由可计数的尾部按指数外推。"),
		p.S("frames | for | 1e-2 | 1e-3 | 1e-4 | 1e-5 | 1e-6", "帧数 | 对象 | 1e-2 | 1e-3 | 1e-4 | 1e-5 | 1e-6"), rows)
}

// reasonTexts are the components for which the gate of enrolment refuses.
var reasonTexts = map[string]Text{
	"single_face_present":        {"no face, or several", "无人脸或多张人脸"},
	"inter_eye_distance":         {"face too small", "人脸太小"},
	"head_pose_yaw":              {"looks aside", "侧脸"},
	"head_pose_pitch":            {"looks up or down", "仰头或低头"},
	"luminance_mean":             {"too dark", "太暗"},
	"over_exposure_prevention":   {"too bright", "过曝"},
	"mouth_occlusion_prevention": {"covered", "有遮挡"},
	"eyes_open":                  {"eyes shut", "闭眼"},
	"sharpness":                  {"blurred", "模糊"},
	"unified_quality_score":      {"poor in all", "整体质量差"},
	"no_compression_artifacts":   {"compressed too much", "压缩过度"},
	"mouth_closed":               {"mouth open", "张嘴"},
	"unreadable":                 {"unreadable", "无法读取"},
}

// reasonText names a reason; one that is not known names itself.
func reasonText(reason string) Text {
	if t, ok := reasonTexts[reason]; ok {
		return t
	}
	return Text{strings.ReplaceAll(reason, "|", "/"), strings.ReplaceAll(reason, "|", "/")}
}
