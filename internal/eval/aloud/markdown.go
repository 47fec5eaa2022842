package aloud

import (
	"fmt"
	"strings"

	"faceproof/internal/eval/pages"
)

// Write puts report.json, report.md and report.zh.md into a folder.
func (d *Digits) Write(dir string) error { return write(dir, d, d.markdown) }

func (d *Digits) markdown(lang string) []byte {
	p := &page{pages.Page{Lang: lang}}
	fmt.Fprintf(p, "# %s\n\n", p.S("Reading digits aloud: what the recogniser understands", "读数字：识别器能听懂多少"))
	p.WriteString(p.S("> **Digits of real voices, put together.** Strings are single recordings in a row: no real person read them as a whole, no real pause, no microphone or room of a user. Noise and a reader's delay are simulated.\n\n",
		"> **真实语音的单个数字，拼接成串。** 数字串由单个录音依次排列而成：并非真人整串朗读，没有真实的停顿，也没有用户的麦克风与房间。噪声与朗读延迟为仿真。\n\n"))
	h := d.Header
	fmt.Fprintf(p, "%s · %s `%s` · %s `%s` · %s · %s %d\n\n", h.Date, p.S("model", "模型"), d.Model, p.S("pack", "模型包"), h.Pack,
		p.S("%d files `%.12s`", "%d 个文件 `%.12s`", h.Files, h.Root), p.S("seed", "种子"), d.Seed)
	p.WriteString(p.S("Intervals are at 95 %: in round brackets exact (Clopper and Pearson), as if every string were independent; in square brackets from drawing whole voices again (three voices or more), which is the honest one: strings of one voice are alike.\n",
		"区间置信度为 95 %：圆括号为精确区间（Clopper–Pearson），视各数字串相互独立；方括号为按说话人重抽样（不少于三人），更为诚实：同一人的数字串彼此相似。\n"))
	d.rules(p)
	d.voices(p)
	d.verified(p)
	d.product(p)
	d.nothing(p)
	d.whole(p)
	return []byte(p.String())
}

func (d *Digits) rules(p *page) {
	p.heading("The rule", "判定规则")
	var rows [][]string
	for _, r := range d.Rules {
		least := p.S("none: nothing passes", "无：一律不通过")
		if r.Set {
			least = number(r.MinA)
		}
		rows = append(rows, []string{fmt.Sprint(r.N), least, fmt.Sprintf("%.2g", r.FAR), fmt.Sprintf("%d – %d", r.LeastHeard, r.MostHeard)})
	}
	p.Table(p.S("What the product asks of the words. The score A is the log-probability of the expected digits, a digit.", "产品对语音内容的要求。A 为期望数字的对数概率，按每个数字计。"),
		p.S("digits | A at least | for a false accept rate of random digits | digits heard", "位数 | A 下限 | 对应的随机数字误识率 | 听到的位数"), rows)
}

// confused prints the most frequent.
func confused(c []Confusion) string {
	var parts []string
	for _, x := range c[:min(len(c), 6)] {
		parts = append(parts, fmt.Sprintf("%s→%s %d", x.Said, x.Heard, x.Count))
	}
	return strings.Join(parts, ", ")
}

func (d *Digits) voices(p *page) {
	p.heading("Single digits", "单个数字")
	var rows [][]string
	for _, l := range d.Languages {
		rows = append(rows, []string{p.language(l.Lang), p.S("**%d voices**", "**%d 人**", l.Voices), "", p.share(l.Error), p.share(l.ErrorKnown), confused(l.Confused)})
	}
	for _, v := range d.Voices {
		heard := p.S("no", "否")
		if v.Trained {
			heard = p.S("**yes**: in no other figure", "**是**：不计入其他数字")
		}
		rows = append(rows, []string{p.language(v.Lang), v.Voice, heard, rateText(v.Error), rateText(v.ErrorKnown), confused(v.Confused)})
	}
	p.Table(p.S("Which of ten digits is likeliest, each in the language that fits it better, as the product scores; then where the language is known. y is 幺, o is “oh”.", "十选一：各取更契合的语言（与产品一致），以及已知语言时。y 为“幺”，o 为 “oh”。"),
		p.S("language | voice | trained on | error | … language known | confused: said→heard", "语言 | 说话人 | 用于训练 | 错误率 | 已知语言时 | 混淆：说→听"), rows)
}

// room names a cell's noise.
func (c *Cell) room(p *page) string {
	switch c.Noise {
	case "pink":
		return p.S("pink noise, %g dB", "粉红噪声 %g dB", c.SNR)
	case "babble":
		return p.S("babble, %g dB", "人声嘈杂 %g dB", c.SNR)
	}
	return p.S("quiet", "安静")
}

// asked names a cell's strings.
func (c *Cell) asked(p *page) string {
	if c.Style == stylePaced {
		return p.S("%d, one by one", "%d，逐个显示", c.N)
	}
	return p.S("%d, read off", "%d，连读", c.N)
}

func (d *Digits) verified(p *page) {
	p.heading("Strings against random others", "与随机数字串的区分")
	var rows [][]string
	for i := range d.Cells {
		c := &d.Cells[i]
		row := []string{p.language(c.Lang), c.asked(p), c.room(p), fmt.Sprint(c.Voices), p.share(c.Better)}
		for _, pt := range c.Points {
			row = append(row, fmt.Sprintf("%s; %s (%d)", p.share(pt.FRR), number(pt.Threshold), pt.Events))
		}
		rows = append(rows, row)
	}
	p.Table(p.S("Refused at a threshold that is set on these very strings, so optimistic; after it the threshold, and in brackets how many impostors lie above it: under ten, read an order of magnitude. %d strings a row, %d others for each.",
		"阈值取自同一批数字串，故偏乐观；其后为阈值，括号内为高于阈值的冒充数：不足十个时只可视为数量级。每行 %d 串，每串对 %d 个其他串。", d.Strings, d.Impostors),
		p.S("language | digits | noise | voices | every digit beats its nine substitutes | refused at FAR 1e-2 | at 1e-3 | at 1e-4", "语言 | 位数 | 噪声 | 人数 | 每位均胜过其余九个 | FAR 1e-2 时误拒 | 1e-3 | 1e-4"), rows)
}

func (d *Digits) product(p *page) {
	p.heading("Strings, as the product decides", "按产品规则")
	var rows [][]string
	for i := range d.Cells {
		c := &d.Cells[i]
		times, lag := "–", "–"
		if c.InTime != nil {
			times = p.share(*c.InTime)
		}
		if c.Lag != nil {
			lag = fmt.Sprintf("%.0f (%.0f – %.0f)", c.Lag.Median, c.Lag.P05, c.Lag.P95)
		}
		rows = append(rows, []string{p.language(c.Lang), c.asked(p), c.room(p), p.share(c.Refused), p.share(c.Faults), rateText(c.Others), rateText(c.Near), times, lag})
	}
	p.Table(p.S("At the bounds of the calibration. Refused includes sound that is called unfit before it is heard; either means another attempt. In time: the reader's delay of 0.3 to 0.8 s is drawn.",
		"采用校准阈值。误拒包含未经识别即判为不可用的声音；两者均为再试一次。按时：朗读延迟 0.3–0.8 秒为仿真。"),
		p.S("language | digits | noise | refused | … sound unfit | random others accepted | one digit different accepted | in time | onset found minus true, ms: median (5 – 95 %)",
			"语言 | 位数 | 噪声 | 误拒 | 其中声音不可用 | 随机他串通过 | 仅一位不同通过 | 按时 | 起音偏差（毫秒）：中位数（5–95 %）"), rows)
	rows = nil
	for i := range d.Cells {
		c := &d.Cells[i]
		if c.Noise != "clean" {
			continue
		}
		for _, v := range c.ByVoice {
			rows = append(rows, []string{p.language(c.Lang), c.asked(p), v.Voice, rateText(v.Rate)})
		}
	}
	p.Table(p.S("Refused in quiet, by voice.", "安静环境下各说话人的误拒。"), p.S("language | digits | voice | refused", "语言 | 位数 | 说话人 | 误拒"), rows)
}

// kinds of drawn sounds.
func (g *Garbage) name(p *page) string {
	if !g.Drawn {
		return "`" + g.Kind + "`"
	}
	switch g.Kind {
	case "white":
		return p.S("white noise", "白噪声")
	case "pink":
		return p.S("pink noise", "粉红噪声")
	case "music":
		return p.S("plucked chords", "拨弦和弦")
	case "silence":
		return p.S("faint noise", "极弱噪声")
	}
	return p.S("digital silence", "数字静音")
}

func (d *Digits) nothing(p *page) {
	p.heading("What is no digits", "非数字的声音")
	var rows [][]string
	for i := range d.Garbage {
		g := &d.Garbage[i]
		origin := p.S("given", "提供")
		if g.Drawn {
			origin = p.S("simulated", "仿真")
		}
		rows = append(rows, []string{g.name(p), origin, fmt.Sprint(g.Sounds), fmt.Sprint(g.Refused), fmt.Sprint(g.MostHeard), rateText(g.Score), rateText(g.Rule), fmt.Sprint(g.Through)})
	}
	p.Table(p.S("Random strings of six tried on sounds without digits, %d on each. The tries on one sound are alike, so the exact interval is too narrow; the last column counts sounds.", "以随机六位数字串试探不含数字的声音，每个声音 %d 串。同一声音的各次试探彼此相似，精确区间偏窄；末列按声音计。", d.Impostors),
		p.S("sound | from | sounds | called unfit | most digits heard | reach the score | pass the rule | sounds that let one pass", "声音 | 来源 | 个数 | 判为不可用 | 最多听到位数 | 达到分数 | 通过规则 | 有通过的声音数"), rows)
}

func (d *Digits) whole(p *page) {
	if len(d.Connected) == 0 {
		return
	}
	p.heading("Read as a whole", "整串朗读")
	var rows [][]string
	for _, c := range d.Connected {
		mark := ""
		if c.Trained {
			mark = p.S(" (trained on)", "（用于训练）")
		}
		rows = append(rows, []string{p.language(c.Lang), c.Voice + mark, c.Label, fmt.Sprintf("%d / %d", c.Better, c.Digits), fmt.Sprint(c.Heard), number(c.A), rateText(c.Above)})
	}
	p.Table(p.S("Recordings of more than one digit by one person in one breath: an anecdote each, no rate.", "单人一次读出多位数字的录音：每条只是个例，不构成比率。"),
		p.S("language | voice | read | digits that beat their nine substitutes | heard | A | random others that score as much", "语言 | 说话人 | 内容 | 胜过其余九个的位数 | 听到位数 | A | 得分不低于它的随机他串"), rows)
}
