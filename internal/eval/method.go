package eval

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strings"

	"faceproof"
	"faceproof/internal/eval/score"
)

// method says how the figures came about, and what they do not say.
func (p *page) method() {
	h := p.r.Header
	p.heading(2, "How it was measured", "测量方法")
	item := func(en, zh string, args ...any) { fmt.Fprintf(p, "- %s\n", p.S(en, zh, args...)) }
	if h.Protocol != "" {
		half := map[string]Text{
			string(score.Report): {"the reporting half of the persons, by a hash of the person's key; no threshold was fitted on them", "报告组人员（按人员键的散列划分）；阈值未在其上调过"},
			string(score.Tune):   {"**the tuning half of the persons: not for publication**", "**调参组人员：不可用于发布**"},
			"all":                {"all persons, those used for tuning included", "全部人员，包括调参所用者"},
		}[h.Portraits.Half]
		item("Faces: %d photos of %d persons, %s. %d photos were left out for want of one face of portrait quality. Photos are dealt to sessions in turn.",
			"人脸：%[2]d 人的 %[1]d 张照片，%[3]s。%[4]d 张因没有合格的单一人脸而未用。照片轮流分给各会话。", h.Portraits.Photos, h.Portraits.Persons, half.in(p.Lang), h.Portraits.Unfit)
		item("The face is taken to match the claimed person, so **liveness alone decides**: these are figures of an attacker who has the victim's portrait. False matches of other faces are measured apart.",
			"一律视为与所声明的人相符，**只由活体检测决定**：这些数字针对拥有受害者照片的攻击者。他人误识另行测量。")
		item("Seeds decide everything: the conditions, the challenge, the noise and the candidates of the randomisation test. Seeds from %d on are for reports only.", "一切由种子决定：条件、挑战、噪声与随机化检验的候选。自 %d 起的种子仅用于报告。", score.FirstReportSeed)
	} else {
		item("%d recordings, with the labels that were given. The reference is the face of the recording's own pre-roll, so **liveness alone decides**.", "%d 个录制会话，标签由提供者给出。参照为录像自身预备段的人脸，因此**只由活体检测决定**。", p.r.Sessions)
	}
	item("Pipeline: `internal/analysis` and `faceproof.Decide`, the ones that the server runs. An attempt is accepted, rejected (an attack, or another person) or inconclusive (told to try again).",
		"流程：`internal/analysis` 与 `faceproof.Decide`，与服务器所运行者相同。每次尝试或通过，或拒绝（攻击或他人），或无结论（请重试）。")
	item("Rates: count, n and the exact 95 % interval of Clopper and Pearson, which takes sessions as independent; sessions share faces, so it is somewhat too narrow. Quantiles: order statistics. Ratios: bootstrap.",
		"比率：计数、n 与 Clopper–Pearson 精确 95 % 区间，假设会话相互独立；会话共用人脸，故区间略偏窄。分位数：次序统计量。比值：自助法。")
	p.speech()
	item("p of a capture that could not be measured counts as 1.", "无法测量的采集其 p 记为 1。")
	fmt.Fprintf(p, "- %s %s", p.S("Version", "版本"), h.Version)
	for _, kv := range [][2]string{{p.S("commit", "提交"), h.Commit}, {p.S("protocol", "协议") + " `" + h.Campaign + "`, sha256", h.Protocol}, {p.S("photos, sha256", "照片 sha256"), h.Portraits.Digest}} {
		if kv[1] != "" {
			fmt.Fprintf(p, ", %s `%s`", kv[0], kv[1])
		}
	}
	p.WriteString("\n")
	if l := limitsText(h.Limits); l != "" {
		item("The protocol was narrowed: %s.", "协议被缩小：%s。", l)
	}
	p.heading(3, "Thresholds", "阈值")
	fmt.Fprintf(p, "%s\n", policyText(h.Policy))
	p.heading(2, "What these figures do not say", "这些数字不能说明什么")
	item("Nothing here is a certified error rate. 0 of 200 means: below 1.8 % at 95 % confidence, no more.", "这里没有任何经认证的错误率。200 次中 0 次仅表示：95 % 置信下低于 1.8 %。")
	if h.Simulated {
		item("The camera is a model: no subsurface scattering, local tone mapping, beauty filter, night shift or banding of the screen. Face and detector's template come from meshes of one kind, though scaled and distorted apart.",
			"相机是模型：没有次表面散射、局部色调映射、美颜、夜览或屏幕条纹。人脸与检测模板来自同类网格，尽管各自缩放变形。")
	}
	if h.Speech != nil {
		if h.Simulated {
			item("A mouth that is moved by the loudness of the very sound is more alike than a real one; single digits in a row have no sentence melody, and the readers' delay (0.3 to 0.8 s) is drawn. Sessions of one voice are alike: with few voices nothing bounds what another would do.",
				"由声音响度驱动的口型比真实口型更吻合；单个数字相连没有语调，朗读者的延迟（0.3 至 0.8 秒）为抽取。同一声音的会话彼此相似：声音太少时无法推断他人。")
		}
		item("Not detectable by sound and lips, and passing here by design: a synthesised or another's voice, recorded digits put together in time, a face animated by the sound; at level `standard` too where the light is put onto it in real time. Nobody's voice is compared with anything.",
			"声音与唇动无法识别、在此设计上即会通过：合成或他人的声音、按时拼接的录音数字、由声音驱动的人脸；若再实时加上光，也会达到 `standard` 级。不比对任何人的声纹。")
	}
	item("Not detectable by coloured light: a client that relights a 3-D face model in real time, masks of silicone or resin, another living person (matching decides), a person who is forced or asleep.",
		"彩色闪光无法识别：实时重打光三维人脸模型的客户端、硅胶或树脂面具、另一真人（由比对决定）、被胁迫或熟睡的人。")
}

// speech says what heard the digits, and whose voices said them.
func (p *page) speech() {
	s := p.r.Header.Speech
	if s == nil {
		return
	}
	fmt.Fprintf(p, "- %s", p.S("Recogniser `%s`, network sha256 `%s`, calibration sha256 `%s`.", "识别器 `%s`，网络 sha256 `%s`，校准文件 sha256 `%s`。", s.Model, s.Network, s.Calibration))
	if len(s.Voices) > 0 {
		names := map[bool][]string{}
		for _, v := range s.Voices {
			names[v.Trained] = append(names[v.Trained], v.Voice)
		}
		p.WriteString(p.S(" Voices (%s): never trained on: %s; the recogniser was trained on them or their like: %s.", " 声音（%s）：未参与训练：%s；识别器训练时听过其本身或同类：%s。", s.Source, codes(names[false]), codes(names[true])))
		if s.Digest != "" {
			p.WriteString(p.S(" Their sha256 `%s`.", " 其 sha256 `%s`。", s.Digest))
		}
	}
	p.WriteString("\n")
}

func limitsText(l Limits) string {
	var parts []string
	if l.Sessions > 0 {
		parts = append(parts, fmt.Sprintf("sessions ≤ %d", l.Sessions))
	}
	if l.Seed > 0 {
		parts = append(parts, fmt.Sprintf("seed %d", l.Seed))
	}
	for name, v := range map[string][]string{"cells": l.Cells, "species": l.Kinds} {
		if len(v) > 0 {
			parts = append(parts, name+" "+strings.Join(v, " "))
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

// policyText lists every threshold by its JSON name.
func policyText(policy faceproof.Policy) string {
	known := scalars(reflect.TypeFor[faceproof.Policy]())
	var parts []string
	for _, name := range names(known) {
		v, err := json.Marshal(fieldOf(policy, name).Interface())
		if err == nil && name != "id" {
			parts = append(parts, fmt.Sprintf("`%s` %s", name, v))
		}
	}
	return strings.Join(parts, " · ")
}
