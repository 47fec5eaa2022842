package capture

import (
	"errors"

	"faceproof"
)

// The WebSocket close codes of docs/protocol.md.
const (
	CloseDone            = 1000
	CloseInvalid         = 4400
	CloseUnauthenticated = 4401
	CloseNotFound        = 4404
	CloseConflict        = 4409
	CloseExpired         = 4410
	CloseLimit           = 4429
	CloseInternal        = 4500
)

// WeChat's client codes that a front end gets. One code for every failure of
// the verification itself, so that it is no oracle (security.md T14).
const (
	ErrCodePass    = 0
	ErrCodeFail    = 10004
	ErrCodeCancel  = 90100
	ErrCodeTimeout = 90107
	ErrCodeCapture = 90011
	ErrCodeOther   = 90199
)

// closing says how an error closes a socket, what it means to a WeChat client
// and why it ended the session.
func closing(code faceproof.Code) (closeCode, errCode int, r faceproof.Reason) {
	switch code {
	case faceproof.CodeInvalid:
		return CloseInvalid, ErrCodeCapture, faceproof.ReasonInvalidCapture
	case faceproof.CodeRateLimited:
		return CloseLimit, ErrCodeCapture, faceproof.ReasonInvalidCapture
	case faceproof.CodeExpired:
		return CloseExpired, ErrCodeTimeout, faceproof.ReasonTimeout
	case faceproof.CodeConflict:
		return CloseConflict, ErrCodeOther, faceproof.ReasonInvalidCapture
	case faceproof.CodeNotFound:
		return CloseNotFound, ErrCodeOther, faceproof.ReasonInvalidCapture
	case faceproof.CodeUnauthenticated, faceproof.CodeForbidden:
		return CloseUnauthenticated, ErrCodeOther, faceproof.ReasonInvalidCapture
	}
	return CloseInternal, ErrCodeOther, faceproof.ReasonInternal
}

// CloseCode gives the WebSocket close code for an error.
func CloseCode(code faceproof.Code) int {
	c, _, _ := closing(code)
	return c
}

// ErrorFor says err to the client. Only the caller's own mistakes are spelt
// out; of ours the client learns that they are ours.
func ErrorFor(err error) ErrorMessage {
	m := ErrorMessage{Code: faceproof.ErrorCode(err)}
	_, m.ErrCode, _ = closing(m.Code)
	var e *faceproof.Error
	switch {
	case m.Code == faceproof.CodeInternal:
		m.Message = "the server failed"
	case m.Code == faceproof.CodeUnavailable:
		m.Message = "a part of the server does not answer; try again"
	case errors.As(err, &e):
		m.Field, m.Message = e.Field, e.Message
	}
	return m
}
