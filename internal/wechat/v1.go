package wechat

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

// userIDKeyAnswer is the answer of getuseridkey.
type userIDKeyAnswer struct {
	Code      int    `json:"errcode"`
	Message   string `json:"errmsg"`
	UserIDKey string `json:"user_id_key"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// getUserIDKey hides a name and a number behind a key that a page may hold.
func (a *API) getUserIDKey(c *call) (any, error) {
	s, f := c.body.texts("name", "id_card_number")
	if f != nil {
		return nil, f
	}
	subject, err := a.subject(s[0], s[1], "name", "id_card_number")
	if err != nil {
		return nil, err
	}
	key, ttl, err := a.cfg.Verify.UserIDKey(c.r.Context(), c.app, subject)
	if err != nil {
		return nil, err
	}
	return userIDKeyAnswer{0, "ok", key.Reveal(), int(ttl / time.Second)}, nil
}

// subject checks a name and an ID number; the fields are named as the caller
// spells them.
func (a *API) subject(name, number, nameField, numberField string) (faceproof.Subject, error) {
	if strings.TrimSpace(name) == "" {
		return faceproof.Subject{}, fail(codeEmptyPerson, "%s", nameField)
	}
	if strings.TrimSpace(number) == "" {
		return faceproof.Subject{}, fail(codeEmptyPerson, "%s", numberField)
	}
	n, err := faceproof.ParseName(name, nameField)
	if err != nil {
		return faceproof.Subject{}, err
	}
	id, err := faceproof.ParseIDNumber(number, numberField, a.cfg.Now())
	if err != nil {
		return faceproof.Subject{}, err
	}
	return faceproof.Subject{Name: n, IDNumber: id}, nil
}

// infoAnswer is the answer of getinfo. weapp decodes the times into uint32, so
// they are seconds.
type infoAnswer struct {
	Code         int    `json:"errcode"` // 0: the call worked; it does not mean "passed"
	Message      string `json:"errmsg"`
	IdentifyRet  int    `json:"identify_ret"` // 0: passed
	IdentifyTime uint32 `json:"identify_time"`
	ValidateData string `json:"validate_data"` // the digits that were read; empty for flash
	OpenID       string `json:"openid"`
	UserIDKey    string `json:"user_id_key"`
	FinishTime   uint32 `json:"finish_time"`
	IDCardMD5    string `json:"id_card_number_md5"`
	NameMD5      string `json:"name_utf8_md5"`
	AliveType    int    `json:"check_alive_type"`

	Level       faceproof.Level     `json:"liveness_level,omitempty"`     // ours: of a pass
	Assurance   faceproof.Assurance `json:"capture_assurance,omitempty"`  // ours
	AliveReason string              `json:"check_alive_reason,omitempty"` // ours: why type 2 used it
	MatchScore  int                 `json:"match_score,omitempty"`        // ours: how alike the faces are, 0 to 100
	Replayed    bool                `json:"replayed,omitempty"`           // ours: a first answer went out before
}

// getInfo redeems a verify_result, once; under an out_seq_no, a member of ours,
// the first answer is given again for a day.
func (a *API) getInfo(c *call) (any, error) {
	credential, err := c.credential()
	if err != nil {
		return nil, err
	}
	seq, f := c.body.text("out_seq_no")
	if f != nil {
		return nil, f
	}
	if c.body.has("out_seq_no") && !verify.ValidOutSeqNo(seq) {
		return nil, fail(codeInvalidArgs, "%s", badOutSeqNo)
	}
	info, err := a.cfg.Verify.Redeem(c.r.Context(), c.app, credential, seq)
	if err != nil {
		return nil, err
	}
	v := info.Verification
	return infoAnswer{
		Message: "ok", IdentifyRet: identifyRet(info.Decision),
		IdentifyTime: seconds(v.StartedAt), FinishTime: seconds(v.FinishedAt),
		ValidateData: info.Decision.Digits, Level: info.Decision.Level,
		OpenID: v.OpenID, AliveType: int(info.Method()), AliveReason: info.AliveReason(), Assurance: info.Assurance, MatchScore: info.MatchScore,
		IDCardMD5: md5Hex(info.Subject.IDNumber.Reveal()), // the last X is upper case already
		NameMD5:   md5Hex(info.Subject.Name.Reveal()),
		UserIDKey: info.UserIDKey.Reveal(), Replayed: info.Replayed,
	}, nil
}

// credential reads verify_result. WeChat answers 84001 when it is missing, as
// for any other wrong one; the hint says what to do.
func (c *call) credential() (string, error) {
	s, f := c.body.text("verify_result")
	if f != nil {
		return "", f
	}
	if s == "" {
		return "", fail(codeIdentifyID, "verify_result is missing; it belongs in a JSON body")
	}
	return s, nil
}

// getImage hands out the best frame of a passed verification.
func (a *API) getImage(c *call) (any, error) {
	return a.keptFace(c, "image/jpeg", "face.jpg", a.cfg.Verify.Portrait)
}

// getVideo hands out the recording of a passed verification that was started
// by a form with video. WeChat documents no answer; this one is ours.
func (a *API) getVideo(c *call) (any, error) {
	return a.keptFace(c, "application/zip", "capture.zip", a.cfg.Verify.Video)
}

// keptFace hands out what was kept of a face, by verify_result (1.0) or by the
// four of the order (2.0).
func (a *API) keptFace(c *call, kind, name string, get func(context.Context, faceproof.App, verify.PortraitKey) ([]byte, error)) (any, error) {
	var by verify.PortraitKey
	idField := "verify_result"
	if c.body.has("verify_id") || c.body.has("out_seq_no") && !c.body.has("verify_result") {
		q, err := c.order()
		if err != nil {
			return nil, err
		}
		idField = "verify_id"
		by = verify.PortraitKey{VerifyID: q.verifyID, OutSeqNo: q.outSeqNo, CertHash: q.certHash, OpenID: q.openID}
	} else {
		credential, err := c.credential()
		if err != nil {
			return nil, err
		}
		by.Credential = credential
	}
	data, err := get(c.r.Context(), c.app, by)
	if err != nil {
		return nil, translate(err, idField)
	}
	return file{kind, name, data}, nil
}

// openID names a person to one app: 28 characters as WeChat's, the same for
// the same ID number and app, and of no use to another app. Faceproof has no
// WeChat login, so it is not WeChat's openid.
func (a *API) openID(app faceproof.AppID, n faceproof.IDNumber) string {
	x := a.cfg.Keys.Index("openid", []byte(string(app)+"\x00"+n.Reveal()))
	return "o" + base64.RawURLEncoding.EncodeToString(x)[:27]
}

func md5Hex(s string) string {
	if s == "" {
		return "" // of a person who was deleted since
	}
	// MD5 is the contract's; the value goes only to the app that sent the text.
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

// seconds turns unix milliseconds into WeChat's unix seconds.
func seconds(ms int64) uint32 { return uint32(ms / 1000) }
