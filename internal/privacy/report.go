package privacy

import (
	"fmt"
	"io"
	"strings"
	"time"

	"faceproof"
)

// Count is one number of the annex.
type Count struct {
	Name string `json:"name"`
	Zh   string `json:"zh"`
	En   string `json:"en"`
	N    int    `json:"n"`
}

// DataRow is one row of the data map.
type DataRow struct {
	Zh        string `json:"zh"`
	En        string `json:"en"`
	Protected string `json:"protected"`
	Retention string `json:"retention"`
}

// AppRow is one app in the annex.
type AppRow struct {
	ID          faceproof.AppID        `json:"app_id"`
	Name        string                 `json:"name"`
	Revoked     bool                   `json:"revoked"`
	Notice      faceproof.Notice       `json:"notice"`
	NoticeHash  string                 `json:"notice_hash"`
	Missing     []string               `json:"missing"` // fields of the notice that the operator should fill in
	Permissions []faceproof.Permission `json:"permissions"`
	Minors      faceproof.MinorPolicy  `json:"minors"`
}

// Filing is where the duty to file stands.
type Filing struct {
	People      int                     `json:"people"`
	Levels      []faceproof.PeopleLevel `json:"levels"`
	Required    bool                    `json:"required"`
	Due         string                  `json:"due"`         // the last day, in China; empty: not required
	Provisional bool                    `json:"provisional"` // the calendar does not know every year of the term
	Calendar    string                  `json:"calendar"`    // its source
	Years       []int                   `json:"years"`       // that the calendar knows
	// Made is what was filed so far, oldest first; Changed the apps that have
	// changed since, for which a change is to be filed by Due.
	Made    []faceproof.FilingRecord `json:"made"`
	Changed []faceproof.AppID        `json:"changed"`
}

// Report is what a machine can say for the impact assessment and for a filing.
type Report struct {
	MadeAt int64     `json:"made_at"` // unix milliseconds
	Filing Filing    `json:"filing"`
	Counts []Count   `json:"counts"`
	Data   []DataRow `json:"data"`
	Apps   []AppRow  `json:"apps"`
}

// FilingOf says whether a filing is due, and when.
func FilingOf(c Calendar, people int, levels []faceproof.PeopleLevel) Filing {
	f := Filing{People: people, Levels: append([]faceproof.PeopleLevel{}, levels...), Calendar: c.Source, Years: c.Years}
	top := faceproof.PeopleLevels[len(faceproof.PeopleLevels)-1]
	for _, l := range levels {
		if l.Level == top {
			due, provisional := c.Due(time.UnixMilli(l.At), FilingDays)
			f.Required, f.Due, f.Provisional = true, due.Format(time.DateOnly), provisional
		}
	}
	return f
}

// AppOf is an app with what its notice lacks; people decides whether somebody
// must be in charge.
func AppOf(a faceproof.App, people int) AppRow {
	n := a.Shown(false)
	row := AppRow{ID: a.ID, Name: a.Name, Revoked: a.Revoked, Notice: n, NoticeHash: n.Hash(), Missing: []string{}, Permissions: append([]faceproof.Permission{}, a.Permissions...), Minors: a.Minors}
	if row.Minors == "" {
		row.Minors = faceproof.MinorsRefuse
	}
	if f := a.Notice.Missing(); f != "" {
		row.Missing = append(row.Missing, f)
	}
	top := faceproof.PeopleLevels[len(faceproof.PeopleLevels)-1]
	if people >= top && strings.TrimSpace(a.Notice.Officer) == "" {
		row.Missing = append(row.Missing, "officer")
	}
	return row
}

// DataMap is what this software keeps, and for how long by the rules given.
func DataMap(limit func(faceproof.RetentionClass) time.Duration) []DataRow {
	days := func(c faceproof.RetentionClass) string {
		d := limit(c)
		switch {
		case d == 0:
			return "至删除为止 · until it is deleted"
		case d < 24*time.Hour:
			return fmt.Sprintf("%d 分钟 · minutes", int(d.Minutes()))
		}
		return fmt.Sprintf("%d 天 · days", int(d.Hours()/24))
	}
	const sealed = "加密封存 · sealed"
	return []DataRow{
		{"登记人员的姓名、身份证件号码", "name and ID number of registered people", sealed + ", 检索用带密钥的哈希 · found by a keyed hash", days(faceproof.RetainRegistry)},
		{"登记人员的人脸模板（不存照片）", "face template of registered people (no photo)", sealed + ", 与身份分开 · apart from the identity", days(faceproof.RetainRegistry)},
		{"核验中的影像和声音", "pictures and sound of a verification", "仅在内存中，作出决定即消失 · in memory alone, gone with the decision", "0"},
		{"获准接口取用的图像或录像", "portrait or recording for an interface that may fetch it", sealed, days(faceproof.RetainCapture) + "; 录像按告知 · a recording as the notice says"},
		{"核验结果、核验对象", "result of a verification, and who was claimed", sealed + " (对象 · who)", days(faceproof.RetainDecision) + "; 不超过告知 · no longer than the notice says"},
		{"判断所依据的数值", "numbers that a decision was made by", "无姓名 · no name", days(faceproof.RetainEvidence)},
		{"画面和声音的带密钥标记", "keyed marks of frames and sounds", "不能还原影像 · give no picture back", days(faceproof.RetainMarks)},
		{"同意的文本、时间、方式", "texts consented to, when and how", "无姓名 · no name", days(faceproof.RetainConsent)},
		{"审计日志", "audit log", "无姓名 · no name", days(faceproof.RetainAudit)},
	}
}

// measures that this software takes; docs/security.md names the test of each.
var measures = [][2]string{
	{"姓名、号码与人脸模板分别加密，密钥在数据库之外", "names, numbers and templates are sealed apart, the keys are outside the database"},
	{"删除人员即销毁密钥，恢复备份后会再次删除", "deleting a person destroys the keys, and a restored backup is cleaned again"},
	{"每次状态变化和每次访问生物识别数据，都与审计日志同一事务写入", "every change and every access to biometric data is written in one transaction with its audit row"},
	{"单独同意与传输同意分开、不预先勾选；同意文本按哈希保存", "separate consent and consent to transmission are apart and not ticked beforehand; the text is kept by its hash"},
	{"每个页面都有同等醒目的其他方式", "the other method is on every page, as prominent as agreeing"},
	{"未满十四周岁默认拒绝，在打开摄像头之前", "people under 14 are refused by default, before the camera opens"},
	{"撤回同意立即生效，并删除人脸信息", "a withdrawal acts at once and deletes the face data"},
	{"不识别情绪、健康、民族，不提取声纹，不做人群检索", "no emotion, health or ethnicity is inferred, no voiceprint taken, no crowd searched"},
}

// Markdown writes the annex, Chinese first. What only people can judge is left
// to the template docs/templates/pia.md.
func (r Report) Markdown(w io.Writer) {
	fmt.Fprintf(w, "# 个人信息保护影响评估附件（机器填写） · Impact assessment, annex filled by machine\n\n%s\n\n", time.UnixMilli(r.MadeAt).In(China).Format("2006-01-02 15:04 -0700"))
	fmt.Fprint(w, "必要性、合法性和风险的判断由人完成，模板见 docs/templates/pia.md。 · Necessity, lawfulness and risk are for people to judge: docs/templates/pia.md.\n\n## 1 备案 · Filing\n\n")
	fmt.Fprintf(w, "- 存储人脸信息的人数 · people holding face data: **%d**\n", r.Filing.People)
	for _, l := range r.Filing.Levels {
		fmt.Fprintf(w, "- 达到 · reached %d: %s\n", l.Level, time.UnixMilli(l.At).In(China).Format(time.DateOnly))
	}
	switch f := r.Filing; {
	case !f.Required && f.Stands():
		fmt.Fprint(w, "- 已备案，无变化 · filed, and nothing has changed\n")
	case len(f.Changed) > 0:
		fmt.Fprintf(w, "- **应在 %s 前（含当日）办理变更备案 · a change is to be filed by %s**\n", f.Due, f.Due)
	case !f.Required:
		fmt.Fprintf(w, "- 尚未达到 %d 人 · %d people were not reached\n", faceproof.PeopleLevels[2], faceproof.PeopleLevels[2])
	default:
		fmt.Fprintf(w, "- **应在 %s 前（含当日）向省级以上网信部门备案 · to be filed with the provincial CAC by %s**\n", f.Due, f.Due)
	}
	if f := r.Filing; f.Provisional {
		fmt.Fprintf(w, "- 日历只含 %v 年，其余年份未计节假日，日期可能偏早 · the calendar knows %v only: the date may be early by later holidays\n", f.Years, f.Years)
	}
	for _, m := range r.Filing.Made {
		fmt.Fprintf(w, "- 已备案 · filed: %s %s %s (%s)\n", m.Date, plain(m.Authority), plain(m.Number), m.Kind)
	}
	for _, id := range r.Filing.Changed {
		fmt.Fprintf(w, "- **备案后有变化 · changed since: %s**\n", id)
	}
	fmt.Fprintf(w, "- 日历来源 · calendar: %s\n\n## 2 数量 · Numbers\n\n| | | |\n|---|---|---:|\n", r.Filing.Calendar)
	for _, c := range r.Counts {
		fmt.Fprintf(w, "| %s | %s | %d |\n", c.Zh, c.En, c.N)
	}
	fmt.Fprint(w, "\n## 3 数据地图和期限 · Data map and retention\n\n| 数据 · data | | 保护 · protection | 期限 · kept |\n|---|---|---|---|\n")
	for _, d := range r.Data {
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", d.Zh, d.En, d.Protected, d.Retention)
	}
	fmt.Fprint(w, "\n## 4 措施 · Measures\n\n")
	for _, m := range measures {
		fmt.Fprintf(w, "- %s · %s\n", m[0], m[1])
	}
	fmt.Fprint(w, "\n## 5 应用和告知 · Apps and their notices\n")
	for _, a := range r.Apps {
		a.markdown(w)
	}
}

func (a AppRow) markdown(w io.Writer) {
	state := ""
	if a.Revoked {
		state = "（已停用 · revoked）"
	}
	fmt.Fprintf(w, "\n### %s %s%s\n\n", plain(a.Name), a.ID, state)
	n := a.Notice
	for _, f := range [][2]string{
		{"处理者 · handler", n.Handler}, {"联系方式 · contact", n.Contact}, {"负责人 · officer", n.Officer}, {"目的 · purpose", n.Purpose}, {"必要性 · necessity", n.Necessity},
		{"保存天数 · days kept", fmt.Sprint(n.RetentionDays)}, {"地点 · place", n.Place}, {"委托与共享 · processors", n.Processors},
		{"其他方式 · alternative", n.Alternative}, {"未满十四周岁 · under 14", string(a.Minors)}, {"告知版本 · notice", a.NoticeHash},
	} {
		if f[1] != "" {
			fmt.Fprintf(w, "- %s: %s\n", f[0], plain(f[1]))
		}
	}
	for _, m := range a.Missing {
		fmt.Fprintf(w, "- **缺少 · missing: %s**\n", m)
	}
}

// plain keeps an operator's text from being read as Markdown or HTML.
func plain(s string) string {
	return strings.NewReplacer("<", "&lt;", "&", "&amp;", "|", "\\|", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "\n", " ").Replace(s)
}
