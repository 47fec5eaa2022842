package eval

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"faceproof"
	"faceproof/internal/eval/pages"
	"faceproof/internal/eval/score"
)

// page writes one report in one language.
type page struct {
	pages.Page
	r *Report
}

func (p *page) heading(level int, en, zh string) {
	fmt.Fprintf(p, "\n%s %s\n\n", strings.Repeat("#", level), p.S(en, zh))
}

// table writes a caption, which says whether the table is simulated, and rows.
func (p *page) table(caption string, header []string, rows [][]string) {
	kind := p.S("Recordings.", "录制会话。")
	if p.r.Header.Simulated {
		kind = p.S("Simulated.", "仿真数据。")
	}
	fmt.Fprintf(p, "**%s** %s\n\n| %s |\n|%s\n", kind, caption, strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, row := range rows {
		fmt.Fprintf(p, "| %s |\n", strings.Join(row, " | "))
	}
	p.WriteString("\n")
}

// percent prints a share with three significant digits at most.
func percent(v float64) string {
	return strconv.FormatFloat(math.Round(1e4*v)/100, 'f', -1, 64) + " %"
}

func interval(r score.Rate) string { return percent(r.Low) + " – " + percent(r.High) }

// rate prints "2 of 200: 1 % (0.12 % – 3.57 %)".
func (p *page) rate(r score.Rate) string {
	if r.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%d / %d: **%s** (%s)", r.Count, r.N, percent(r.Rate), interval(r))
}

func compact(v float64) string {
	if math.Abs(v) >= 1000 {
		return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// value prints a number in the unit of a metric.
func (b Result) value(v float64) string {
	switch b.Unit {
	case unitRate:
		return percent(v)
	case unitMS:
		return compact(v) + " ms"
	case unitBytes:
		return compact(v/1000) + " kB"
	}
	return compact(v)
}

// Verdict is one word on the bar.
func (b Result) Verdict() string {
	if b.Met {
		return "met"
	}
	return "MISSED"
}

// Found is the value and the bar: "1 % (at most 0.5 %)".
func (b Result) Found() string {
	if b.AtMost {
		return b.value(b.Value) + " (at most " + b.value(b.Limit) + ")"
	}
	return b.value(b.Value) + " (at least " + b.value(b.Limit) + ")"
}

// markdown writes the report in one language.
func (r *Report) markdown(lang string) []byte {
	p := &page{pages.Page{Lang: lang}, r}
	p.top()
	p.bars()
	p.live()
	p.species()
	p.plots()
	p.splits()
	p.trades()
	p.curve()
	p.cells()
	p.method()
	return []byte(p.String())
}

func (p *page) top() {
	r, h := p.r, p.r.Header
	fmt.Fprintf(p, "# %s\n\n", r.Title.in(p.Lang))
	if h.Simulated && h.Speech != nil {
		p.WriteString(p.S("> **Every figure here is simulated.** Portraits whose mouth is moved by computer, before a model of screen and camera, and single digits put together to what they say, were presented to the product's own analysis and decision. No real reader was recorded. Real refusals will be more frequent.\n\n",
			"> **本报告所有数字均为仿真。** 由电脑驱动口型的人像、屏幕与相机模型，以及由单个数字拼接成的读音生成会话，再交给产品本身的分析与判定。没有录制任何真人朗读。真实的拒绝率会更高。\n\n"))
	} else if h.Simulated {
		p.WriteString(p.S("> **Every figure here is simulated.** A model of screen, face, attack and camera was presented to the product's own analysis and decision. No real flash recording was measured. Real refusals will be more frequent.\n\n",
			"> **本报告所有数字均为仿真。** 由屏幕、人脸、攻击和相机的物理模型生成会话，再交给产品本身的分析与判定。没有测量任何真实的闪光录像。真实的拒绝率会更高。\n\n"))
	} else {
		p.WriteString(p.S("> Judged from recordings that were given, by the labels that were given.\n\n", "> 依据所提供的录制会话及其标签判定。\n\n"))
	}
	p.WriteString(p.S("%d sessions", "共 %d 个会话", r.Sessions))
	if r.Sessions < r.Planned {
		p.WriteString(p.S(" **of %d: the campaign has not ended**", "，**计划 %d 个：尚未完成**", r.Planned))
	}
	fmt.Fprintf(p, " · %s · %s `%s` · %s `%s`", h.Date, p.S("pack", "模型包"), h.Pack, p.S("policy", "策略"), h.Policy.ID)
	if len(r.Bars) > 0 {
		p.WriteString(p.S("\n\n**%d of %d bars met.** ", "\n\n**%d / %d 项达标。** ", len(r.Bars)-r.Missed, len(r.Bars)))
	}
	if len(r.Bars) == 0 {
		p.WriteString("\n\n")
	}
	if r.Worst == "" {
		p.WriteString("\n")
		return
	}
	worst := score.Rate{}
	for _, s := range r.Species {
		if s.Kind == r.Worst {
			worst = s.IAPAR
		}
	}
	if worst.Count == 0 {
		p.WriteString(p.S("No attack of a detectable species was accepted.", "可检测种类的攻击均未放行。"))
	} else {
		p.WriteString(p.S("The attack accepted most often: %s, %s.", "最常被放行的攻击：%s，%s。", kindText(r.Worst).in(p.Lang), p.rate(worst)))
	}
	p.WriteString("\n")
}

func (p *page) bars() {
	if len(p.r.Bars) == 0 {
		return
	}
	p.heading(2, "The bars", "门槛")
	var rows [][]string
	for i, b := range p.r.Bars {
		count := strconv.Itoa(b.N)
		if b.Count != nil {
			count = fmt.Sprintf("%d / %d", *b.Count, b.N)
		}
		limit := "≤ " + b.value(b.Limit)
		if !b.AtMost {
			limit = "≥ " + b.value(b.Limit)
		}
		span := b.value(b.Low) + " – " + b.value(b.High)
		switch {
		case b.N == 0:
			span = "–"
		case b.Unit == unitP:
			span = ""
		case b.Open:
			span = p.S("at least ", "至少 ") + span
		}
		rows = append(rows, []string{strconv.Itoa(i + 1), b.Title.in(p.Lang) + " (`" + b.Kinds + "`)", b.What.in(p.Lang), count, b.value(b.Value), span, limit, p.verdict(b)})
	}
	p.table(p.S("Each bar, and what was found. Intervals are at 95 %.", "各项门槛与结果。区间为 95 %。"),
		[]string{"#", p.S("presented", "呈现内容"), p.S("measured", "度量"), "n", p.S("value", "值"), p.S("interval", "区间"), p.S("bar", "门槛"), p.S("result", "结论")}, rows)
	for i, b := range p.r.Bars {
		p.explained(i+1, b)
	}
}

// explained names the attacks behind a figure, or the reasons.
func (p *page) explained(n int, b Result) {
	switch {
	case len(b.Accepted) > 0:
		p.WriteString(p.S("Bar %d, came through: ", "第 %d 项，被放行者：", n))
		for i, a := range b.Accepted {
			if i > 0 {
				p.WriteString("; ")
			}
			p.WriteString(p.S("`%s` seed %d (%s lux, ρ %s, L %s)", "`%s` 种子 %d（%s lux，ρ %s，L %s）", a.Kind, a.Seed, compact(a.Lux), compact(a.Rho), compact(a.L)))
		}
		if b.Count != nil && *b.Count > len(b.Accepted) {
			p.WriteString("; …")
		}
		p.WriteString(p.S(".\n\n", "。\n\n"))
	case len(b.Refused) > 0:
		p.words(p.S("Bar %d, refused for", "第 %d 项，拒绝原因", n), b.Refused, nil)
	}
}

// verdict says whether a bar is met, by how much, and whether the interval is on
// the same side.
func (p *page) verdict(b Result) string {
	if b.N == 0 {
		if b.Met {
			return p.S("met: nothing to tell", "达标：无可判定者")
		}
		return p.S("**missed**: no data", "**未达标**：无数据")
	}
	by := b.value(math.Abs(b.Value - b.Limit))
	if b.Unit == unitRate {
		by = strings.Replace(by, " %", p.S(" points", " 个百分点"), 1)
	}
	switch {
	case !b.Met:
		return p.S("**missed** by %s", "**未达标**，差 %s", by)
	case b.Shown || b.Unit == unitP:
		return p.S("met, with %s to spare", "达标，余 %s", by)
	}
	return p.S("met, with %s to spare; the interval reaches beyond the bar", "达标，余 %s；区间越过门槛", by)
}

func (p *page) live() {
	s := p.r.Live
	if s == nil {
		return
	}
	p.heading(2, "Genuine persons", "真人")
	accepted := fmt.Sprint(s.Accepted)
	if len(s.Levels) > 0 {
		accepted += " (" + tallied(s.Levels) + ")"
	}
	row := []string{kindText(s.Kind).in(p.Lang), fmt.Sprint(s.N()), accepted, fmt.Sprint(s.Rejected), fmt.Sprint(s.Inconclusive), p.rate(s.FRR), p.rate(s.APCER), p.rate(s.APNRR)}
	p.table(p.S("Single attempts, the campaign's policy, cells: %s. A mixture of their conditions, no population.", "单次尝试、本策略，单元：%s。各条件的混合，并非人群抽样。", codes(s.Cells)),
		[]string{"", "n", p.S("accepted", "通过"), p.S("called an attack", "判为攻击"), p.S("inconclusive", "无结论"), "FRR", "BPCER", "BPNRR"}, [][]string{row})
}

func (p *page) species() {
	if len(p.r.Species) == 0 {
		return
	}
	p.heading(2, "Attacks, by species", "各类攻击")
	var rows [][]string
	for _, s := range p.r.Species {
		name := kindText(s.Kind).in(p.Lang) + " (`" + s.Kind + "`)"
		accepted := fmt.Sprint(s.Accepted)
		if len(s.Levels) > 0 {
			accepted += " (" + tallied(s.Levels) + ")"
		}
		rows = append(rows, []string{name, fmt.Sprint(s.N()), accepted, fmt.Sprint(s.Rejected), fmt.Sprint(s.Inconclusive), p.rate(s.IAPAR), p.rate(s.APCER), p.rate(s.APNRR)})
	}
	p.table(p.S("One attempt each, the campaign's policy. IAPAR: accepted of all; APCER: accepted of those that were classified; APNRR: told to try again (ISO/IEC 30107-3).",
		"每次一个尝试，本策略。IAPAR：全部中被放行的比例；APCER：已分类者中被放行的比例；APNRR：被要求重试的比例（ISO/IEC 30107-3）。"),
		[]string{p.S("species", "种类"), "n", p.S("accepted", "放行"), p.S("rejected", "拒绝"), p.S("inconclusive", "无结论"), "IAPAR", "APCER", "APNRR"}, rows)
	if p.r.RIAPAR != nil {
		if p.r.Header.Speech != nil {
			p.WriteString(p.S("RIAPAR (FRR + IAPAR of the worst species but the documented limits): **%s**.\n", "RIAPAR（FRR + 最差种类的 IAPAR，不含已声明的局限）：**%s**。\n", percent(*p.r.RIAPAR)))
			return
		}
		p.WriteString(p.S("RIAPAR (FRR + IAPAR of the worst species but those that no flash can tell): **%s**.\n", "RIAPAR（FRR + 最差种类的 IAPAR，不含闪光无法识别者）：**%s**。\n", percent(*p.r.RIAPAR)))
	}
}

// plotTexts orders the plots and describes them to those who cannot see them.
var plotTexts = []struct {
	file string
	alt  Text
}{
	{"lux.svg", Text{"Share of genuine persons not accepted, and their margin L, against the light of the room", "真人未通过率及余量 L 随环境光的变化"}},
	{"l.svg", Text{"L of every session by what was presented", "各类呈现的 L"}},
	{"p.svg", Text{"Measured freshness p against the share expected by chance", "新鲜性 p 与偶然期望之比较"}},
	{"skin.svg", Text{"Share of genuine persons not accepted, by skin type", "各肤色类型真人未通过率"}},
	{"rooms.svg", Text{"Share inconclusive, L, z and predicted over measured amplitude against the light of the room, with 10 colours and with as many as the light asks for", "无结论比例、L、z 及预测/实测强度随环境光的变化：固定 10 色与自适应"}},
	{"bytes.svg", Text{"Share not accepted and L against the bytes of a session", "未通过率与 L 随会话字节数的变化"}},
}

func (p *page) plots() {
	have := p.r.plots()
	if len(have) == 0 {
		return
	}
	p.heading(2, "Plots", "图")
	for _, t := range plotTexts {
		if have[t.file] != nil {
			fmt.Fprintf(p, "![%s](%s)\n\n", t.alt.in(p.Lang), t.file)
		}
	}
}

func (p *page) splits() {
	if len(p.r.Splits) == 0 {
		return
	}
	p.heading(2, "By condition", "按条件")
	for _, s := range p.r.Splits {
		var rows [][]string
		for _, row := range s.Rows {
			l := "–"
			if row.Margin != nil {
				l = fmt.Sprintf("%s (%s – %s)", compact(row.Margin.Median), compact(row.Margin.P05), compact(row.Margin.P95))
			}
			rows = append(rows, []string{row.Range, p.rate(row.FRR), l, p.rate(row.Attacks)})
		}
		p.table(splitTexts[s.By].in(p.Lang)+p.S(". Genuine persons of the cells %s; rows may also differ in other conditions.", "。真人来自单元 %s；各行其他条件也可能不同。", codes(s.Live)),
			[]string{s.By, p.S("genuine, not accepted", "真人未通过"), p.S("their L: median (5 – 95 %)", "真人 L：中位数（5–95 %）"), p.S("attacks accepted, all detectable species", "攻击放行（可检测种类合计）")}, rows)
	}
}

func (p *page) trades() {
	if len(p.r.TradeOffs) == 0 {
		return
	}
	p.heading(2, "Bytes", "字节数")
	var rows [][]string
	for _, t := range p.r.TradeOffs {
		fps := "–"
		if t.FPS > 0 {
			fps = compact(t.FPS)
		}
		width := "–"
		if t.Width > 0 {
			width = compact(t.Width)
		}
		rows = append(rows, []string{t.Cell, compact(t.Quality), width, fps, compact(t.Bytes/1000) + " kB", fmt.Sprintf("%s (%s – %s)", compact(t.L.Median), compact(t.L.P05), compact(t.L.P95)), p.rate(t.FRR)})
	}
	p.table(p.S("What smaller pictures cost genuine persons.", "更小的图像对真人的代价。"),
		[]string{p.S("cell", "单元"), p.S("JPEG quality", "JPEG 质量"), p.S("width, px", "宽（像素）"), "fps", p.S("a session, median", "每会话中位数"), p.S("L: median (5 – 95 %)", "L：中位数（5–95 %）"), "FRR"}, rows)
}

func (p *page) cells() {
	p.heading(2, "Cell by cell", "逐单元")
	met := map[string]bool{}
	for _, t := range p.r.Cells {
		fmt.Fprintf(p, "### %s: %s (`%s`)\n\n", t.Title.in(p.Lang), kindText(t.Kind).in(p.Lang), t.Kind)
		fmt.Fprintf(p, "%s%s", p.S("Accepted ", "通过 "), p.rate(t.Accept))
		p.WriteString(p.S("; rejected %d, inconclusive %d.", "；拒绝 %d，无结论 %d。", t.Rejected, t.Inconclusive))
		if len(t.Levels) > 0 {
			p.WriteString(p.S(" Level of the passes: ", " 通过的级别：") + tallied(t.Levels) + p.S(".", "。"))
		}
		if t.Attempts > 1 {
			p.WriteString(p.S(" Up to %d attempts a session.", " 每会话至多 %d 次尝试。", t.Attempts))
		}
		if len(t.Policy) > 0 {
			p.WriteString(p.S(" With other thresholds: ", " 使用其他阈值：") + settings(t.Policy) + p.S(".", "。"))
		}
		p.WriteString("\n\n")
		p.words(p.S("Reasons", "原因"), t.Reasons, met)
		p.words(p.S("Hints", "提示"), t.Hints, nil)
		var rows [][]string
		for _, n := range t.Numbers {
			rows = append(rows, []string{numberTexts[n.Name].in(p.Lang), fmt.Sprint(n.N), compact(n.P05), compact(n.Median), compact(n.P95)})
		}
		if len(rows) > 0 {
			p.table(p.S("First capture of each session.", "每会话的首次采集。"), []string{p.S("quantity", "量"), "n", "5 %", p.S("median", "中位数"), "95 %"}, rows)
		}
	}
	var order []string
	for w := range met {
		if _, ok := reasonTexts[faceproof.Reason(w)]; ok {
			order = append(order, w)
		}
	}
	if sort.Strings(order); len(order) == 0 {
		return
	}
	p.heading(3, "Reasons in words", "原因说明")
	for _, w := range order {
		fmt.Fprintf(p, "- `%s`: %s\n", w, reasonTexts[faceproof.Reason(w)].in(p.Lang))
	}
}

// codes prints names as code.
func codes(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// tallied prints words with their counts.
func tallied(c []Count) string {
	parts := make([]string, len(c))
	for i, w := range c {
		parts[i] = fmt.Sprintf("`%s` %d", w.Word, w.Count)
	}
	return strings.Join(parts, ", ")
}

func (p *page) words(title string, c []Count, met map[string]bool) {
	if len(c) == 0 {
		return
	}
	for _, w := range c {
		if met != nil {
			met[w.Word] = true
		}
	}
	fmt.Fprintf(p, "%s: %s\n\n", title, tallied(c))
}

func settings(m map[string]any) string {
	var parts []string
	for k, v := range m {
		parts = append(parts, fmt.Sprintf("`%s` %v", k, v))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
