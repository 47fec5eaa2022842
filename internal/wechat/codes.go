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
	codeInvalidURL    = 40066
	codeAppID         = 40013
	codeInvalidArgs   = 40097
	codeAppSecret     = 40125
	codeTokenMissing  = 41001
	codeAppIDMissing  = 41002
	codeSecretMissing = 41004
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
		return &failure{Code: codeTooFast}
	}
	return &failure{Code: codeSystem, Err: err}
}

// Results of a verification, as identify_ret (1.0) and verify_ret (2.0) give
// them.
const (
	retPass1       = 0     // 1.0: passed
	retPass2       = 10000 // 2.0: passed
	retNoFace      = 10002 // 人脸特征检测失败
	retNameDiffers = 10003 // 身份证号不匹配
	retFaceDiffers = 10004 // 比对人脸信息不匹配
	retInProgress  = 10005 // 2.0: 正在检测中
	retQuality     = 10010 // 照片质量不满足比对要求
	retNotOpen     = 10011 // 身份证信息未开通比对权限: enrolled under another model
	retTimeout     = 10020 // 认证超时
	retAbsent      = 10026 // 用户身份证数据不在比对数据库中
	retSystem      = 10045 // 系统失败
	retOtherFace   = 10057 // 检测过程中人脸主体不一致
	retUnfinished  = 10300 // 2.0: 未完成核身
	retCaptureBad  = 90011 // 人脸数据采集无效
	retCancelled   = 90100 // 用户取消
)

// reasonRet maps every Reason; a test walks the closed set.
var reasonRet = map[faceproof.Reason]int{
	faceproof.ReasonPass:             retPass1,
	faceproof.ReasonTooFewFrames:     retCaptureBad,
	faceproof.ReasonTiming:           retCaptureBad,
	faceproof.ReasonNoFace:           retNoFace,
	faceproof.ReasonManyFaces:        retOtherFace,
	faceproof.ReasonSubjectChanged:   retOtherFace,
	faceproof.ReasonQuality:          retQuality,
	faceproof.ReasonWeakLight:        retQuality,
	faceproof.ReasonNotFresh:         retNoFace,
	faceproof.ReasonFreshUnsure:      retQuality,
	faceproof.ReasonLatency:          retNoFace,
	faceproof.ReasonBackground:       retNoFace,
	faceproof.ReasonBackgroundUnsure: retQuality,
	faceproof.ReasonAbsent:           retAbsent,
	faceproof.ReasonNameMismatch:     retNameDiffers,
	faceproof.ReasonOtherModel:       retNotOpen,
	faceproof.ReasonFaceMismatch:     retFaceDiffers,
	faceproof.ReasonCancelled:        retCancelled,
	faceproof.ReasonTimeout:          retTimeout,
	faceproof.ReasonAlternative:      retCancelled,
	faceproof.ReasonDisconnected:     retCaptureBad,
	faceproof.ReasonInvalidCapture:   retCaptureBad,
	faceproof.ReasonInternal:         retSystem,
}

// identifyRet is the result for a 1.0 caller. Only an outcome of pass gives 0:
// a reason alone never does.
func identifyRet(d faceproof.Decision) int {
	if d.Pass() {
		return retPass1
	}
	if len(d.Reasons) > 0 {
		r := d.Reasons[0]
		if r == faceproof.ReasonLatency && d.Outcome == faceproof.OutcomeInconclusive {
			return retQuality
		}
		if ret, ok := reasonRet[r]; ok && ret != retPass1 {
			return ret
		}
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
		return identifyRet(d)
	case faceproof.StateCapturing, faceproof.StateCaptured:
		return retInProgress
	}
	return retUnfinished
}
