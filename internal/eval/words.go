package eval

import (
	"faceproof"
	"faceproof/internal/eval/pages"
)

func (t Text) in(lang string) string {
	if lang == pages.Chinese {
		return t.Zh
	}
	return t.En
}

// kindTexts says what was presented.
var kindTexts = map[string]Text{
	"live":          {"genuine person", "真人"},
	"print":         {"paper print, whole", "整张打印照片"},
	"print_cut":     {"paper print, cut out", "剪下的打印照片"},
	"print_bent":    {"paper print, bent", "弯曲的打印照片"},
	"print_cutbent": {"paper print, cut out and bent", "剪下并弯曲的打印照片"},
	"screen":        {"another screen playing a video made under other colours", "另一屏幕播放其他颜色序列下的录像"},
	"screen_plain":  {"another screen playing an unflashed video", "另一屏幕播放未闪光的录像"},
	"static":        {"one still picture, injected", "注入的静止图片"},
	"replay":        {"genuine video of another challenge, injected", "注入的另一挑战的真实录像"},
	"flat_face":     {"face tinted by software, injected", "注入的面部软件染色视频"},
	"flat_frame":    {"whole frame tinted by software, injected", "注入的整帧软件染色视频"},
	"relit3d":       {"real-time 3-D relighting, injected (not detectable: documented limit)", "注入的实时三维重打光（无法检测：已声明的局限）"},
	"splice":        {"genuine clips put in the order of the challenge, injected", "注入的按挑战重排的真实片段"},
	"still_other":   {"another living person", "另一真人"},

	"still_voice":     {"still picture, injected, somebody reads the right digits", "注入静止图片，旁人读正确数字"},
	"print_voice":     {"paper print, somebody reads the right digits", "打印照片，旁人读正确数字"},
	"muted":           {"the mouth moves, nothing is heard", "嘴动而无声"},
	"other_digits":    {"other digits, read in time", "按时读出其他数字"},
	"sound_late":      {"the sound 0.7 s after the mouth", "声音比口型晚 0.7 秒"},
	"sound_early":     {"the sound 0.7 s before the mouth", "声音比口型早 0.7 秒"},
	"earlier":         {"genuine video with sound of an earlier session, injected", "注入以往会话的真实音视频"},
	"premade":         {"video of random digits, made before, injected", "注入预先制作的随机数字视频"},
	"dubbed":          {"video of an earlier session, another talker reads the right digits", "注入以往会话视频，他人读正确数字"},
	"screen_voice":    {"another screen playing an earlier session, another talker reads the right digits", "另一屏幕播放以往会话，他人读正确数字"},
	"other_light":     {"right digits in time, injected, under another light code (only the light can tell)", "注入的正确数字视频，但光码为其他会话（只有光能识别）"},
	"other_voice":     {"another talker's voice in time with this mouth (not detectable: documented limit)", "他人声音与口型同步（无法检测：已声明的局限）"},
	"animated":        {"a photo whose mouth is moved by the sound, injected (not detectable: documented limit)", "由声音驱动口型的照片，注入（无法检测：已声明的局限）"},
	"animated_screen": {"the same on another screen (not detectable by sound and lips: documented limit)", "同上，由另一屏幕播放（声音与口型无法检测：已声明的局限）"},
	"animated_relit":  {"the same, relit in step with the colours, injected (not detectable: documented limit)", "同上，并按颜色实时重打光，注入（无法检测：已声明的局限）"},
}

// kindText names a kind; an operator's own label names itself.
func kindText(kind string) Text {
	if t, ok := kindTexts[kind]; ok {
		return t
	}
	return Text{kind, kind}
}

// reasonTexts explains the reasons that a campaign can meet.
var reasonTexts = map[faceproof.Reason]Text{
	faceproof.ReasonTooFewFrames:     {"too few usable frames", "可用帧太少"},
	faceproof.ReasonTiming:           {"the frames came late", "帧到达太迟"},
	faceproof.ReasonNoFace:           {"no face in too many frames", "太多帧中没有人脸"},
	faceproof.ReasonManyFaces:        {"more than one face", "多于一张人脸"},
	faceproof.ReasonSubjectChanged:   {"the face changed during the capture", "采集中换了人脸"},
	faceproof.ReasonQuality:          {"no face good enough to compare", "没有足够清晰可比对的人脸"},
	faceproof.ReasonWeakLight:        {"the screen's light is too weak against the room's", "屏幕光相对环境光太弱"},
	faceproof.ReasonNotFresh:         {"the light on the face is not this challenge's", "脸上的光不是本次挑战的光"},
	faceproof.ReasonFreshUnsure:      {"freshness between pass and attack", "新鲜性介于通过与攻击之间"},
	faceproof.ReasonReplayed:         {"the very bytes of an earlier capture", "与以往采集的字节相同"},
	faceproof.ReasonLatency:          {"the answer came too early or too late", "响应过早或过迟"},
	faceproof.ReasonBackground:       {"the whole scene answers, like a print or a tint", "整个画面一起响应，如照片或染色"},
	faceproof.ReasonBackgroundUnsure: {"answer of the background between pass and attack, or too little background", "背景响应介于通过与攻击之间，或背景太少"},
	faceproof.ReasonEmissive:         {"the face glows by itself, like a screen", "人脸自身发光，如屏幕"},
	faceproof.ReasonSplice:           {"the face jumps where the colours change", "颜色变化处人脸跳动"},
	faceproof.ReasonPAD:              {"the face looks like a print or a screen", "人脸看起来像照片或屏幕"},
	faceproof.ReasonFlat:             {"the light falls on a flat thing", "光落在平面物体上"},
	faceproof.ReasonShapeUnsure:      {"shape between pass and attack, or not measured", "形状介于通过与攻击之间，或未测出"},
	faceproof.ReasonNoSound:          {"nothing heard that could be speech", "没有听到说话"},
	faceproof.ReasonNoise:            {"sound clipped, or a noisy room", "声音失真或环境太吵"},
	faceproof.ReasonMisread:          {"digits not understood, or others", "读出的数字不符或听不清"},
	faceproof.ReasonOffTime:          {"digits not read when they were shown", "读数字的时间与显示不符"},
	faceproof.ReasonLips:             {"the mouth did not say what was heard", "唇动与声音不符"},
	faceproof.ReasonFaceMismatch:     {"not the claimed person's face", "不是所声明的人"},
}

// numberTexts names measured quantities, with their units.
var numberTexts = map[string]Text{
	"flash.p":                {"p of freshness", "新鲜性 p"},
	"flash.z":                {"z of freshness", "新鲜性 z"},
	"flash.r2":               {"R², explained share", "R² 解释比例"},
	"flash.amplitude":        {"q̄, screen over room light", "q̄ 屏幕光与环境光之比"},
	"flash.background_ratio": {"b, answer of the background", "b 背景响应"},
	"flash.l":                {"L, shape of a face over flat (ln)", "L 人脸形状与平面之似然比（ln）"},
	"flash.shape.b":          {"slope on the mesh's shading", "对网格明暗的斜率"},
	"flash.shape.spread":     {"sd(α) over the skin", "皮肤上 α 的标准差"},
	"flash.shape.kappa":      {"κ, veil", "κ 面纱检验"},
	"flash.cut":              {"cut ratio", "剪接比"},
	"flash.latency_ms":       {"latency, ms", "延迟（毫秒）"},
	"error_ms":               {"error of the latency, ms", "延迟误差（毫秒）"},
	"capture.bytes":          {"uploaded, bytes", "上传字节数"},
	"match.similarity":       {"similarity", "相似度"},
	"digits.score":           {"A, log-probability of the digits asked for, a digit", "A 所要求数字的对数概率（每位）"},
	"digits.heard":           {"digits heard", "听到的数字个数"},
	"digits.in_time":         {"digits after their prompt", "按时读出的数字个数"},
	"digits.audio.snr_db":    {"speech over noise, dB", "信噪比（dB）"},
	"digits.lips.range":      {"range of the mouth, eye distances", "嘴部开合幅度（眼距）"},
	"digits.lips.sync":       {"s, lips with sound", "s 唇音相关"},
	"digits.lips.lag_ms":     {"lag of the mouth, ms", "嘴部滞后（毫秒）"},
}

// splitTexts names conditions.
var splitTexts = map[string]Text{
	"lux":     {"Light of the room, lux", "环境光（lux）"},
	"rho":     {"ρ, screen lux over room lux at the face", "ρ 脸部屏幕光与环境光照度之比"},
	"fps":     {"Frames a second", "每秒帧数"},
	"quality": {"JPEG quality", "JPEG 质量"},
	"skin":    {"Skin type, Fitzpatrick 1 to 6", "肤色类型（Fitzpatrick 1–6）"},
	"screen":  {"Device", "设备"},
	"voice":   {"Voice", "声音"},
}
