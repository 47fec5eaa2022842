package wechat

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"faceproof"
)

// The errcodes that this server answers, with WeChat's meaning. Sources: the
// contract's list of evidenced codes; docs/wechat.md says when each comes.
const (
	codeSystem        = -1    // our fault; a client repeats
	codeCredential    = 40001 // access_token unknown; a client drops it and asks for another
	codeGrantType     = 40002
	codeAppID         = 40013
	codeCode          = 40029
	codeInvalidURL    = 40066
	codeInvalidArgs   = 40097
	codeAppSecret     = 40125
	codeCodeUsed      = 40163
	codeTokenMissing  = 41001
	codeAppIDMissing  = 41002
	codeSecretMissing = 41004
	codeCodeMissing   = 41008
	codeTokenExpired  = 42001
	codeNeedGET       = 43001
	codeNeedPOST      = 43002
	codeEmptyBody     = 44002
	codeBodyTooLarge  = 45002
	codeDailyQuota    = 45009 // reserved for quotas
	codeTooFast       = 45011
	codeData          = 47001
	codeUnauthorized  = 48001
	codeUserLimited   = 50002 // the app is revoked
	codeIdentifyID    = 84001
	codeEmptyPerson   = 84006
)

// texts is the errmsg of each errcode. EasyWeChat repeats a call only when the
// body holds "42001" and "access_token expired"; other wording is WeChat's too.
var texts = map[int]string{
	codeSystem:        "system error",
	codeCredential:    "invalid credential, access_token is invalid or not latest",
	codeGrantType:     "invalid grant_type",
	codeAppID:         "invalid appid",
	codeCode:          "invalid code",
	codeCodeUsed:      "code been used",
	codeCodeMissing:   "missing code",
	codeInvalidURL:    "invalid url",
	codeInvalidArgs:   "invalid args",
	codeAppSecret:     "invalid appsecret",
	codeTokenMissing:  "access_token missing",
	codeAppIDMissing:  "appid missing",
	codeSecretMissing: "appsecret missing",
	codeTokenExpired:  "access_token expired",
	codeNeedGET:       "require GET method",
	codeNeedPOST:      "require POST method",
	codeEmptyBody:     "empty post data",
	codeBodyTooLarge:  "content size out of limit",
	codeDailyQuota:    "reach max api daily quota limit",
	codeTooFast:       "api minute-quota reach limit, retry next minute",
	codeData:          "data format error",
	codeUnauthorized:  "api unauthorized",
	codeUserLimited:   "user limited",
	codeIdentifyID:    "invalid identify id",
	codeEmptyPerson:   "name or id_card_number empty",
}

// failure is an answer other than errcode 0. Hint names what is at fault in
// words of ours; it never repeats a value that the caller sent.
type failure struct {
	Code int
	Hint string
	Err  error // the cause, for the log; nil for the caller's mistakes
}

func (f *failure) Error() string {
	if f.Hint == "" {
		return fmt.Sprintf("errcode %d", f.Code)
	}
	return fmt.Sprintf("errcode %d: %s", f.Code, f.Hint)
}

func (f *failure) Unwrap() error { return f.Err }

func fail(code int, hint string, args ...any) *failure {
	return &failure{Code: code, Hint: fmt.Sprintf(hint, args...)}
}

// message is the errmsg: text, hint when there is one, and the request id.
func (f *failure) message(rid string) string {
	var b strings.Builder
	b.WriteString(texts[f.Code])
	if f.Hint != "" {
		fmt.Fprintf(&b, " hint: [%s]", f.Hint)
	}
	fmt.Fprintf(&b, " rid: %s", rid)
	return b.String()
}

// identifyFailure is the one answer for a verify_result or a verify_id that is
// unknown, another app's, expired or used: nobody can tell these apart.
func identifyFailure(field string) *failure {
	return fail(codeIdentifyID, "%s is unknown, expired, used or not this app's", field)
}

// translate turns an error of the product into WeChat's. idField is the member
// that named the verification, for 84001.
func translate(err error, idField string) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	var e *faceproof.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) {
			return &failure{Code: codeSystem} // the caller went away
		}
		return &failure{Code: codeSystem, Err: err}
	}
	switch e.Code {
	case faceproof.CodeInvalid:
		return &failure{Code: codeInvalidArgs, Hint: e.Field + " " + e.Message}
	case faceproof.CodeNotFound, faceproof.CodeExpired:
		return identifyFailure(idField)
	case faceproof.CodeConflict:
		field := e.Field
		if field == "" {
			field = idField
		}
		return &failure{Code: codeInvalidArgs, Hint: field + " was used before"}
	case faceproof.CodeForbidden:
		return &failure{Code: codeUnauthorized, Hint: e.Field}
	case faceproof.CodeRateLimited:
		if e.Field == "app" {
			return &failure{Code: codeDailyQuota}
		}
		return &failure{Code: codeTooFast}
	}
	return &failure{Code: codeSystem, Err: err}
}

// Results of a verification that stand for no Reason.
const (
	retPass1      = 0     // 1.0: passed
	retPass2      = 10000 // 2.0: passed
	retNoFace     = 10002 // 人脸特征检测失败; also what an undocumented decision gives
	retInProgress = 10005 // 2.0: 正在检测中
	retQuality    = 10010 // 照片质量不满足比对要求
	retSpeech     = 10027 // 语音识别失败
	retLips       = 10028 // 唇动检测失败
	retUnfinished = 10300 // 2.0: 未完成核身
)

// codeRow says what one Reason is to each of its readers.
type codeRow struct {
	Reason faceproof.Reason
	Ret1   int // identify_ret, for a 1.0 backend
	Ret2   int // verify_ret, for a 2.0 backend
	Client int // errCode, for the page: 10004 for whatever a face may have done
	Zh, En string
}

// codeTable is the one place where a Reason becomes a number; docs/wechat.md
// shows it. The numbers are the contract's merged list.
var codeTable = []codeRow{
	{faceproof.ReasonPass, retPass1, retPass2, 0, "识别成功", "passed"},
	{faceproof.ReasonNoFace, retNoFace, retNoFace, 10004, "未检测到人脸", "no face in the picture"},
	{faceproof.ReasonNotFresh, retNoFace, retNoFace, 10004, "脸上的光与本次随机光不符", "the light on the face is not this challenge's: a photo, a screen, a recording"},
	{faceproof.ReasonReplayed, retNoFace, retNoFace, 10004, "以前采集的画面（逐字节相同）或声音", "pictures of an earlier capture, byte for byte, or its sound"},
	{faceproof.ReasonLatency, retNoFace, retNoFace, 10004, "脸上的光来得过早或过晚（无法判定时为 10010）", "the light came too early or too late (10010 when it could not be told)"},
	{faceproof.ReasonBackground, retNoFace, retNoFace, 10004, "整个画面随光变化，像翻拍", "the whole scene answers the light, as a print or a tint does"},
	{faceproof.ReasonFlat, retNoFace, retNoFace, 10004, "光照在平面上，像照片或剪下的照片", "the light falls on a flat thing: a print, a cut-out, a tint"},
	{faceproof.ReasonPAD, retNoFace, retNoFace, 10004, "人脸看起来像照片或屏幕", "the face looks like a print or a screen; rejects only where the policy says so"},
	{faceproof.ReasonEmissive, retNoFace, retNoFace, 10004, "人脸自身发光，像另一块屏幕", "the face glows by itself: another screen"},
	{faceproof.ReasonSplice, retNoFace, retNoFace, 10004, "颜色变化时人脸跳动，像拼接的视频", "the face jumps where the colours change: a video made of pieces"},
	{faceproof.ReasonNameMismatch, 10003, 10003, 10004, "身份证号与姓名不匹配", "the ID number is registered under another name"},
	{faceproof.ReasonFaceMismatch, 10004, 10004, 10004, "比对人脸信息不匹配", "another person's face"},
	{faceproof.ReasonQuality, retQuality, retQuality, 10004, "照片质量不满足比对要求", "the pictures are too poor to compare"},
	{faceproof.ReasonWeakLight, retQuality, retQuality, 10004, "屏幕光太弱或环境光太强", "the screen's light is too weak for the room"},
	{faceproof.ReasonFreshUnsure, retQuality, retQuality, 10004, "无法判定脸上的光", "the light on the face could not be told"},
	{faceproof.ReasonBackgroundUnsure, retQuality, retQuality, 10004, "无法判定背景的光", "the light on the background could not be told"},
	{faceproof.ReasonShapeUnsure, retQuality, retQuality, 10004, "无法判定是不是立体的真人脸", "whether the light falls on a real face could not be told"},
	{faceproof.ReasonNoSound, retSpeech, retSpeech, 10004, "没有听到说话", "nothing was heard that could be speech: no microphone, silence, too quiet"},
	{faceproof.ReasonNoise, retSpeech, retSpeech, 10004, "声音过大失真或环境太吵", "the sound is clipped, or the room too noisy"},
	{faceproof.ReasonMisread, retSpeech, retSpeech, 10004, "读出的数字不符或听不清", "the digits were not understood, or others were read"},
	{faceproof.ReasonOffTime, retSpeech, retSpeech, 10004, "读数字的时间与显示不符", "the digits were not read when they were shown: a recording, or read ahead"},
	{faceproof.ReasonLips, retLips, retLips, 10004, "唇动与声音不符", "the mouth did not say what was heard: a photo, another's voice, a covered mouth"},
	{faceproof.ReasonOtherModel, 10011, 10011, 10004, "登记所用的模型不同，需重新登记", "registered under another model pack: register again"},
	{faceproof.ReasonAbsent, 10026, 10026, 10004, "登记库中没有此身份证号", "nobody is registered under the ID number"},
	{faceproof.ReasonLimit, 10052, 10052, 10004, "此人的失败次数已达上限", "too many failures for this person in 24 hours; what the face was does not count"},
	{faceproof.ReasonManyFaces, 10057, 10057, 10004, "画面中不止一人", "more than one face"},
	{faceproof.ReasonSubjectChanged, 10057, 10057, 10004, "检测过程中人脸主体不一致", "the face changed during the capture"},
	{faceproof.ReasonTooFewFrames, 90011, 90011, 10004, "可用的画面太少", "too few usable frames: slow network or device"},
	{faceproof.ReasonTiming, 90011, 90011, 10004, "画面的时间不可信", "implausible times"},
	{faceproof.ReasonInvalidCapture, 90011, retUnfinished, 90011, "采集无效", "the client broke the capture's rules"},
	{faceproof.ReasonDisconnected, 90011, retUnfinished, 90007, "网络中断", "the connection was lost"},
	{faceproof.ReasonTimeout, 10020, retUnfinished, 90107, "认证超时", "the person took too long"},
	{faceproof.ReasonCancelled, 90100, retUnfinished, 90100, "用户取消", "the person left (the page learns at which step: 90002–90006)"},
	{faceproof.ReasonAlternative, 90100, retUnfinished, 90100, "用户选择了其他方式", "the person chose another method"},
	{faceproof.ReasonInternal, 10045, retUnfinished, 90199, "系统失败", "a failure of this server"},
}

// rowOf finds the row of a Reason.
func rowOf(r faceproof.Reason) (codeRow, bool) {
	for _, row := range codeTable {
		if row.Reason == r {
			return row, true
		}
	}
	return codeRow{}, false
}

// decidedRow is the row of a decision's first reason. A latency that could not
// be measured is not one that was wrong.
func decidedRow(d faceproof.Decision) (codeRow, bool) {
	if len(d.Reasons) == 0 {
		return codeRow{}, false
	}
	if d.Reasons[0] == faceproof.ReasonLatency && d.Outcome == faceproof.OutcomeInconclusive {
		return codeRow{Ret1: retQuality, Ret2: retQuality}, true
	}
	return rowOf(d.Reasons[0])
}

// identifyRet is the result for a 1.0 caller. Only an outcome of pass gives 0:
// a reason alone never does.
func identifyRet(d faceproof.Decision) int {
	if d.Pass() {
		return retPass1
	}
	if row, ok := decidedRow(d); ok && row.Ret1 != retPass1 {
		return row.Ret1
	}
	return retNoFace
}

// verifyRet is the result for a 2.0 caller.
func verifyRet(v faceproof.Verification, d faceproof.Decision) int {
	switch v.State {
	case faceproof.StateDecided, faceproof.StateRedeemed:
		if d.Pass() {
			return retPass2
		}
		if row, ok := decidedRow(d); ok && row.Ret2 != retPass2 {
			return row.Ret2
		}
		return retNoFace
	case faceproof.StateCapturing, faceproof.StateCaptured:
		return retInProgress
	}
	return retUnfinished
}
