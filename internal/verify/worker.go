package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/keys"
)

// job is one piece of work: a frame, sound, a choice, or an attempt to judge.
type job struct {
	frame    *capture.Frame
	sound    *capture.Audio
	forecast *capture.Forecast
	analyse  *capture.Analyse
}

// report is the outcome of a job; empty after a frame of the challenge, or sound.
type report struct {
	guidance *faceproof.Guidance
	plan     *faceproof.Plan // of the colours; zero: none
	verdict  *capture.Verdict
	err      error
}

// worker analyses one session and is the only writer of its verification. It
// runs in one goroutine; finish is called after that has ended.
type worker struct {
	s        *Service
	v        faceproof.Verification
	methods  faceproof.Methods // that may be used
	atOnce   bool              // digits appear together: the app's policy asks for it
	policy   faceproof.Policy  // the server's, and the app's where that is stricter
	subject  faceproof.Subject
	portrait bool // keep one for getimage
	video    bool // keep the capture for getvideo
	hello    capture.ClientHello
	receipt  string                   // of the consent, for the person
	frames   []capture.Frame          // of this attempt, for the video
	sounds   []capture.Audio          // of this attempt, for the video
	light    *faceproof.LightEvidence // by which the method or the colours of this attempt were chosen
	caller   Caller                   // for the budget of failures
	state    faceproof.State          // as far as this process knows
	analysis Analysis
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context, jobs <-chan job, reports chan<- report) {
	for {
		select {
		case j := <-jobs:
			r := w.do(ctx, j)
			if r == (report{}) {
				continue
			}
			select {
			case reports <- r:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// do never panics: whatever is wrong with one picture must not end the others'
// sessions.
func (w *worker) do(ctx context.Context, j job) (r report) {
	defer func() {
		if p := recover(); p != nil {
			w.logPanic("analysis", p)
			r = report{err: faceproof.Errorf(faceproof.CodeInternal, "", "the analysis failed")}
		}
	}()
	if w.analysis == nil {
		w.analysis = w.s.cfg.Analyzer.Begin()
		w.analysis.Approach(faceproof.AskApproach(w.policy, ""))
		w.analysis.Target(w.policy.MaxFMR)
	}
	switch {
	case j.analyse != nil:
		defer w.stage("finish")()
		v, err := w.judge(ctx, *j.analyse)
		return report{verdict: &v, err: err}
	case j.forecast != nil:
		plan := w.choose(j.forecast.Transcript)
		return report{plan: &plan}
	case j.sound != nil:
		if w.video {
			w.sounds = append(w.sounds, *j.sound)
		}
		return report{err: w.analysis.Sound(ctx, *j.sound)}
	case j.frame.Preview:
		defer w.stage("preview")()
		g, err := w.analysis.Preview(ctx, j.frame.JPEG)
		return report{guidance: &g, err: err}
	}
	if w.video {
		w.frames = append(w.frames, *j.frame)
	}
	defer w.stage("frame")()
	return report{err: w.analysis.Frame(ctx, *j.frame)}
}

// stage begins a stage; the function given ends it.
func (w *worker) stage(name string) func() {
	from := time.Now()
	return func() { w.s.cfg.Meter.Stage(name, time.Since(from)) }
}

// logPanic says where, not what: the value may quote what was analysed.
func (w *worker) logPanic(where string, p any) {
	w.s.log.Error("panic", "session", w.v.ID, "in", where, "type", fmt.Sprintf("%T", p), "stack", faceproof.StackText(debug.Stack()))
}

// judge decides one attempt. It returns ResultPass or ResultFail only after the
// decision and its credential were committed.
func (w *worker) judge(ctx context.Context, a capture.Analyse) (capture.Verdict, error) {
	captured := w.advancing(ctx, faceproof.StateCaptured)
	defer captured()
	// Asked always and before anything is known, so that its time tells nothing.
	ref, err := w.s.cfg.Registry.Reference(ctx, w.subject)
	if err != nil {
		return capture.Verdict{}, err
	}
	evidence, portrait, err := w.measure(ctx, a, ref)
	if err := captured(); err != nil {
		return capture.Verdict{}, err
	}
	if err != nil {
		return capture.Verdict{}, err
	}
	if err := w.recall(ctx, &evidence); err != nil {
		return capture.Verdict{}, err
	}
	// A number that is none (NaN) has no JSON, and compares as false with every
	// threshold: it must not reach a decision.
	numbers, err := json.Marshal(evidence)
	if err != nil {
		return capture.Verdict{}, faceproof.Errorf(faceproof.CodeInternal, "", "the evidence holds a number that is none")
	}
	policy := w.policy
	d := faceproof.Decide(policy, evidence)
	if mute(a) && d.Outcome == faceproof.OutcomeInconclusive {
		d.Hint, d.Reasons = faceproof.HintMicrophone, []faceproof.Reason{faceproof.ReasonNoSound}
	}
	w.s.log.Info("attempt judged", "session", w.v.ID, "attempt", evidence.Attempt, "method", evidence.Method, "outcome", d.Outcome, "reason", d.Reasons[0])
	if d.Outcome == faceproof.OutcomeInconclusive && evidence.Attempt < policy.MaxAttempts {
		if err := w.advance(ctx, faceproof.StateCapturing, numbers, d.Reasons[0]); err != nil {
			return capture.Verdict{}, err
		}
		w.analysis.Reset()
		w.analysis.Approach(faceproof.AskApproach(policy, d.Reasons[0]))
		w.frames, w.sounds = nil, nil
		next := evidence.Method
		// Where colours do not show, reading does; but the light under the digits
		// shows no better, and a level that needs it is not to be had so.
		if a.Declined && w.methods.Digits && faceproof.LevelLow.AtLeast(policy.MinLevel) {
			next = faceproof.MethodDigits
		}
		if next == faceproof.MethodFlash {
			w.light = nil // to be measured again; what led to the digits stays
		}
		return capture.Verdict{Outcome: capture.ResultRetry, Hint: d.Hint, Method: next}, nil
	}
	if d, err = w.s.charge(ctx, w.v, w.caller, d); err != nil {
		return capture.Verdict{}, err
	}
	if d.Pass() && evidence.Method == faceproof.MethodDigits {
		d.Digits = a.Transcript.Digits.Digits
	}
	return w.decide(ctx, d, numbers, portrait, a.Transcript)
}

// mute says that the pictures of a digits attempt came and no sound did.
func mute(a capture.Analyse) bool {
	t := a.Transcript
	return t.Method == faceproof.MethodDigits && !a.Complete && t.Received > 0 && t.Audio.Messages == 0
}

// choose says by what was measured before the colours how long they last and,
// of checkAliveType 2, whether they are shown: the zero plan shows none. The next
// attempt reads digits then; of a server or an app that has only the colours, the
// person hears what to change and tries again.
func (w *worker) choose(t capture.Transcript) faceproof.Plan {
	e := w.analysis.Light(t)
	w.light = &e
	policy := w.policy
	light := faceproof.PredictLight(policy, e)
	var plan faceproof.Plan
	if w.v.Alive != faceproof.AliveAuto || faceproof.ShowColours(policy, light, t.Attempt) {
		plan = faceproof.PlanColours(policy, light, e)
	}
	w.s.log.Info("light predicted", "session", w.v.ID, "attempt", t.Attempt, "light", light, "colours", plan.Segments)
	return plan
}

// measure asks the analysis. An attempt that was cut short is only counted:
// without frames and without a flash, Decide finds nothing that it could pass.
func (w *worker) measure(ctx context.Context, a capture.Analyse, ref faceproof.Reference) (faceproof.Evidence, []byte, error) {
	t := a.Transcript
	if !a.Complete {
		return faceproof.Evidence{Method: t.Method, Light: w.light, Declined: a.Declined, Assurance: faceproof.AssuranceWebUnattested, Attempt: t.Attempt, Reference: ref.State,
			Capture: faceproof.CaptureEvidence{Captured: t.Captured, Received: t.Received, Dropped: t.Dropped, Bytes: t.Bytes, ServerMS: t.ServerMS}}, nil, nil
	}
	e, portrait, err := w.analysis.Finish(ctx, t, ref)
	e.Attempt, e.Method = t.Attempt, t.Method // what was asked, whatever was found
	if w.light != nil {
		e.Light = w.light
	}
	return e, portrait, err
}

// decide commits the decision with a new credential, and then keeps the
// portrait and the video of a person who passed, if the app may have them.
func (w *worker) decide(ctx context.Context, d faceproof.Decision, numbers, portrait []byte, t capture.Transcript) (capture.Verdict, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	secret, err := w.s.random(credentialBytes)
	if err != nil {
		return capture.Verdict{}, err
	}
	decision, err := json.Marshal(d)
	if err != nil {
		return capture.Verdict{}, err
	}
	token := base64url(secret)
	now := w.s.millis()
	c := faceproof.Credential{Hash: keys.HashToken(token), VerificationID: w.v.ID, AppID: w.v.AppID, ExpiresAt: now + CredentialTTL.Milliseconds()}
	keep := w.portrait && d.Pass() && len(portrait) > 0
	committed := w.stage("commit")
	err = w.s.cfg.Store.Decide(ctx, w.v.ID, decision, numbers, keep, c, now, w.audit("verification.decide", string(d.Reasons[0])))
	if err != nil && !w.committed(ctx, c) {
		return capture.Verdict{}, err
	}
	w.state = faceproof.StateDecided
	committed()
	w.s.cfg.Meter.Verification(string(d.Outcome), string(d.Reasons[0]))
	if d.Pass() {
		w.s.forgive(ctx, w.v)
	}
	if keep {
		// After the commit: then the row names it, and Retain deletes it, whether
		// or not this worked.
		if err := w.s.cfg.Blob.Put(ctx, portraitKey(w.v.ID), portrait); err != nil {
			w.s.log.Error("portrait not kept", "session", w.v.ID, "error", faceproof.LogText(err))
		}
	}
	if w.video && d.Pass() {
		if err := w.keepVideo(ctx, t); err != nil {
			w.s.log.Error("video not kept", "session", w.v.ID, "error", faceproof.LogText(err))
		}
	}
	verdict := capture.Verdict{Outcome: capture.ResultFail, ErrCode: capture.ErrCodeFail}
	if d.Pass() {
		verdict = capture.Verdict{Outcome: capture.ResultPass, ErrCode: capture.ErrCodePass}
	}
	// A 2.0 front end gets no credential: its backend asks with the verify_id.
	if w.v.Generation == faceproof.Gen1 {
		verdict.VerifyResult = faceproof.NewToken(token)
	}
	return verdict, nil
}

// keepVideo keeps the attempt that passed. Retain finds it by its name, so that
// nothing else needs to know of it.
func (w *worker) keepVideo(ctx context.Context, t capture.Transcript) error {
	var b bytes.Buffer
	if err := capture.NewRecording(w.hello, t, w.frames).WithSound(w.sounds).Write(&b); err != nil {
		return err
	}
	return w.s.cfg.Blob.Put(ctx, videoPrefix+w.v.ID, b.Bytes())
}

// committed says, after an error of Decide, whether this very credential is in
// the store all the same: a commit may succeed and its answer be lost.
func (w *worker) committed(ctx context.Context, c faceproof.Credential) bool {
	v, err := w.s.cfg.Store.Verification(ctx, faceproof.VerificationKey{CredentialHash: c.Hash})
	return err == nil && v.ID == w.v.ID // a credential exists only for a decided one
}

func (w *worker) audit(action, detail string) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: w.s.millis(), Actor: "capture", Action: action, Object: w.v.ID, Detail: detail}
}

// advance changes the state of the verification.
func (w *worker) advance(ctx context.Context, to faceproof.State, numbers []byte, r faceproof.Reason) error {
	ctx, cancel := detached(ctx)
	defer cancel()
	err := w.s.cfg.Store.Advance(ctx, w.v.ID, w.state, to, numbers, r, w.s.millis(), w.audit("verification."+string(to), string(r)))
	if err == nil {
		w.state = to
	}
	return err
}

// advancing begins advance, of which the person need not wait for the end: the
// measuring goes on meanwhile. The function given waits for it, and must be called.
func (w *worker) advancing(ctx context.Context, to faceproof.State) func() error {
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				w.logPanic("state", p)
				done <- faceproof.Errorf(faceproof.CodeInternal, "", "the state was not written")
			}
		}()
		done <- w.advance(ctx, to, nil, "")
	}()
	return sync.OnceValue(func() error { return <-done })
}

// finish forgets the pictures and ends a verification that was not decided.
func (w *worker) finish(r faceproof.Reason) {
	defer func() {
		if p := recover(); p != nil {
			w.logPanic("end", p)
		}
	}()
	if w.analysis != nil {
		w.analysis.Reset()
		w.analysis = nil
	}
	w.frames, w.sounds = nil, nil
	if w.state == faceproof.StateDecided {
		return
	}
	if r == "" {
		r = faceproof.ReasonInternal
	}
	// A change whose answer was lost leaves the state in doubt; the store knows.
	other := map[faceproof.State]faceproof.State{faceproof.StateCapturing: faceproof.StateCaptured, faceproof.StateCaptured: faceproof.StateCapturing}[w.state]
	err := w.advance(context.Background(), faceproof.StateEnded, nil, r)
	if faceproof.ErrorCode(err) == faceproof.CodeConflict {
		w.state = other
		err = w.advance(context.Background(), faceproof.StateEnded, nil, r)
	}
	if err != nil {
		w.s.log.Error("session not ended", "session", w.v.ID, "reason", r, "error", faceproof.LogText(err))
		return
	}
	w.s.cfg.Meter.Verification("ended", string(r))
	w.s.log.Info("session ended", "session", w.v.ID, "reason", r)
}
