package wechat

import (
	"regexp"
	"time"

	"faceproof"
	"faceproof/internal/verify"
)

var (
	certHashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	openIDForm   = regexp.MustCompile(`^[0-9A-Za-z_-]{1,128}$`)
)

const badOutSeqNo = "out_seq_no must be 5 to 32 of 0-9 A-Z a-z _ -"

// verifyIDAnswer is the answer of getverifyid.
type verifyIDAnswer struct {
	Code      int    `json:"errcode"`
	Message   string `json:"errmsg"`
	VerifyID  string `json:"verify_id"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// getVerifyID creates a verification of a person for a business user.
func (a *API) getVerifyID(c *call) (any, error) {
	s, f := c.body.texts("out_seq_no", "openid")
	if f != nil {
		return nil, f
	}
	cert, f := c.body.sub("cert_info")
	if f != nil {
		return nil, f
	}
	id, f := cert.texts("cert_type", "cert_name", "cert_no")
	if f != nil {
		f.Hint = "cert_info." + f.Hint
		return nil, f
	}
	switch {
	case !verify.ValidOutSeqNo(s[0]):
		return nil, fail(codeInvalidArgs, "%s", badOutSeqNo)
	case id[0] != verify.IdentityCard:
		return nil, fail(codeInvalidArgs, "cert_info.cert_type must be %s", verify.IdentityCard)
	case !openIDForm.MatchString(s[1]):
		return nil, fail(codeInvalidArgs, "openid must be 1 to 128 of 0-9 A-Z a-z _ -")
	}
	subject, err := a.subject(id[1], id[2], "cert_info.cert_name", "cert_info.cert_no")
	if err != nil {
		return nil, err
	}
	created, err := a.cfg.Verify.Create(c.r.Context(), verify.CreateRequest{
		App: c.app, Generation: faceproof.Gen2, Subject: subject, Alive: faceproof.AliveAuto,
		OutSeqNo: s[0], OpenID: s[1], CertHash: verify.CertHash(verify.IdentityCard, id[1], id[2]),
	})
	if err != nil {
		return nil, translate(err, "out_seq_no")
	}
	return verifyIDAnswer{0, "ok", created.VerifyID.Reveal(), int(created.ExpiresIn / time.Second)}, nil
}

// order is what 2.0 wants repeated at the query: a result of one person can't
// be passed off as another's.
type order struct{ verifyID, outSeqNo, certHash, openID string }

// order reads the four members of queryverifyinfo and getimage (2.0).
func (c *call) order() (order, error) {
	s, f := c.body.texts("verify_id", "out_seq_no", "cert_hash", "openid")
	if f != nil {
		return order{}, f
	}
	switch {
	case s[0] == "" || len(s[0]) > 256:
		return order{}, fail(codeIdentifyID, "verify_id must be 1 to 256 characters")
	case !verify.ValidOutSeqNo(s[1]):
		return order{}, fail(codeInvalidArgs, "%s", badOutSeqNo)
	case !certHashForm.MatchString(s[2]):
		return order{}, fail(codeInvalidArgs, "cert_hash must be 64 lower-case hex digits")
	case !openIDForm.MatchString(s[3]):
		return order{}, fail(codeInvalidArgs, "openid must be 1 to 128 of 0-9 A-Z a-z _ -")
	}
	return order{s[0], s[1], s[2], s[3]}, nil
}

// verifyInfoAnswer is the answer of queryverifyinfo.
type verifyInfoAnswer struct {
	Code      int    `json:"errcode"` // 0: the call worked; it does not mean "passed"
	Message   string `json:"errmsg"`
	VerifyRet int    `json:"verify_ret"` // 10000: passed

	// Ours; absent before the decision.
	ValidateData string              `json:"validate_data,omitempty"` // the digits that were read
	AliveType    *int                `json:"check_alive_type,omitempty"`
	Level        faceproof.Level     `json:"liveness_level,omitempty"` // of a pass
	Assurance    faceproof.Assurance `json:"capture_assurance,omitempty"`
	AliveReason  string              `json:"check_alive_reason,omitempty"` // why the method was used
	MatchScore   int                 `json:"match_score,omitempty"`        // how alike the faces are, 0 to 100
	Replayed     bool                `json:"replayed,omitempty"`           // the result was told before
}

// queryVerifyInfo tells the result of a verification, as often as it is asked.
func (a *API) queryVerifyInfo(c *call) (any, error) {
	q, err := c.order()
	if err != nil {
		return nil, err
	}
	info, err := a.cfg.Verify.Query(c.r.Context(), c.app, q.verifyID, q.outSeqNo, q.certHash, q.openID)
	if err != nil {
		return nil, translate(err, "verify_id")
	}
	d := info.Decision
	answer := verifyInfoAnswer{Message: "ok", VerifyRet: verifyRet(info.Verification, d), ValidateData: d.Digits, Level: d.Level,
		Assurance: info.Assurance, AliveReason: info.AliveReason(), MatchScore: info.MatchScore, Replayed: info.Replayed}
	if d.Method != "" {
		method := int(info.Method())
		answer.AliveType = &method
	}
	return answer, nil
}
