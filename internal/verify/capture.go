package verify

import (
	"context"
	"crypto/hmac"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/consent"
	"faceproof/internal/keys"
)

// errSession is the one answer for a session that is unknown or whose token is
// wrong: the id alone is worth nothing.
var errSession = faceproof.Errorf(faceproof.CodeNotFound, "hello.session_id", "is unknown, or the capture token is wrong")

// Capture takes over a socket whose first message was hello. The session ends
// with ctx. Errors: CodeNotFound when the session is unknown or the token is
// wrong or outdated, CodeExpired, CodeConflict for a second socket, CodeInvalid
// with field "hello.consent.notice" when another notice was shown,
// CodeForbidden when the app was revoked or its policy no longer allows the method, CodeRateLimited when a budget of
// failures was used up meanwhile or the person has withdrawn; CodeForbidden with field "person" and CodeInvalid
// with "hello.consent.guardian" where the person is under 14. None of them changes anything; neither does CodeUnavailable with field "busy" where there is no place, after a wait for one, or the app begins too many.
func (s *Service) Capture(ctx context.Context, hello capture.ClientHello) (*Live, error) {
	hash := keys.HashToken(hello.CaptureToken.Reveal())
	v, err := s.cfg.Store.Verification(ctx, faceproof.VerificationKey{ID: hello.SessionID})
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound || err == nil && !hmac.Equal(v.TokenHash, hash) {
		return nil, errSession
	}
	if err != nil {
		return nil, err
	}
	now := s.now()
	if v.State != faceproof.StateCreated {
		return nil, faceproof.Errorf(faceproof.CodeConflict, "hello.session_id", "the session has begun on another connection or is over")
	}
	token := tokenFacts(hello.CaptureToken.Reveal())
	if now.UnixMilli() >= min(v.ExpiresAt, token.until) {
		return nil, faceproof.Errorf(faceproof.CodeExpired, "hello.session_id", "the session was not begun in time")
	}
	app, _, err := s.cfg.Apps.App(ctx, v.AppID)
	if err != nil {
		return nil, err
	}
	if app.Revoked {
		return nil, faceproof.Errorf(faceproof.CodeForbidden, "app", "is revoked")
	}
	methods, err := s.methods(app, v.Alive)
	if err != nil {
		return nil, err // the policy has changed
	}
	if hello.Consent.Notice != app.Shown(methods.Digits).Hash() {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "hello.consent.notice", "is not the notice that this session showed")
	}
	if err := s.allowed(ctx, v.AppID, v.SubjectIndex); err != nil {
		return nil, err
	}
	sub, err := s.openSubject(v.SubjectSealed, subjectAAD(v.ID))
	if err != nil {
		return nil, err
	}
	gate := app.Minor(sub.IDNumber, now)
	if err := checkGuardian(gate, hello.Consent); err != nil {
		return nil, err
	}
	if err := s.paced(s.runs, v.AppID); err != nil {
		return nil, err
	}
	// What is expensive begins here: all that could refuse cheaply has not.
	leave, err := s.admit(ctx)
	if err != nil {
		return nil, err
	}
	begun := false
	defer func() {
		if !begun {
			leave()
		}
	}()
	if now = s.now(); now.UnixMilli() >= min(v.ExpiresAt, token.until) { // it has waited
		return nil, faceproof.Errorf(faceproof.CodeExpired, "hello.session_id", "the session was not begun in time")
	}
	at := now.UnixMilli()
	given, receipt, err := s.consentOf(v, sub, hello, consent.Shown{AppName: app.Name, Notice: app.Shown(methods.Digits), Minor: gate, Video: token.video}, at)
	if err != nil {
		return nil, err
	}
	v, err = s.cfg.Store.BeginCapture(ctx, v.ID, hash, given, at,
		faceproof.AuditEntry{At: at, Actor: "capture", Action: "capture.begin", Object: v.ID, Detail: consentDetail(given)})
	switch faceproof.ErrorCode(err) {
	case "":
	case faceproof.CodeNotFound:
		return nil, errSession
	case faceproof.CodeConflict:
		return nil, faceproof.Errorf(faceproof.CodeConflict, "hello.session_id", "the session has begun on another connection or is over")
	default:
		// If it was begun after all, nobody owns it and the sweep ends it: this
		// call cannot tell its own begin from another socket's.
		return nil, err
	}
	s.log.Info("capture begun", "session", v.ID, "app", v.AppID)
	w := &worker{s: s, v: v, methods: methods, atOnce: app.Reading.AtOnce, policy: app.Reading.Policy(s.cfg.Policy), subject: sub, hello: hello, receipt: receipt, caller: callerOf(ctx), state: faceproof.StateCapturing,
		portrait: app.Has(faceproof.PermGetImage), video: token.video && app.Has(faceproof.PermGetVideo)}
	w.hello.CaptureToken = faceproof.Token{} // used up
	begun = true
	return s.goLive(ctx, w, leave), nil
}
