package faceproof

import (
	"math"
	"slices"
)

// Outcome of a decision.
type Outcome string

// The outcomes.
const (
	OutcomePass         Outcome = "pass"
	OutcomeReject       Outcome = "reject"       // an attack, or not this person
	OutcomeInconclusive Outcome = "inconclusive" // could not be measured; another attempt may help
)

// Reason says why, a closed set. Reasons go to logs, metrics and the business
// backend, never to the front end.
type Reason string

// The reasons.
const (
	ReasonPass             Reason = "pass"
	ReasonTooFewFrames     Reason = "too_few_frames"
	ReasonTiming           Reason = "timing" // the frames came late
	ReasonNoFace           Reason = "no_face"
	ReasonManyFaces        Reason = "many_faces"
	ReasonSubjectChanged   Reason = "subject_changed"
	ReasonQuality          Reason = "quality"
	ReasonWeakLight        Reason = "weak_light"   // amplitude below the floor
	ReasonNotFresh         Reason = "not_fresh"    // the light on the face is not this challenge
	ReasonReplayed         Reason = "replayed"     // the very bytes of an earlier capture, or its sound
	ReasonFreshUnsure      Reason = "fresh_unsure" // p between pass and spoof
	ReasonLatency          Reason = "latency"      // the answer came too early or too late
	ReasonBackground       Reason = "background"   // the whole scene answers like a print or a tint
	ReasonBackgroundUnsure Reason = "background_unsure"
	ReasonEmissive         Reason = "emissive"     // the face glows by itself: another screen
	ReasonSplice           Reason = "splice"       // the face jumps where the colours change: a video made of pieces
	ReasonFlat             Reason = "flat"         // the light falls on a flat thing: a print, a cut-out, a tint
	ReasonShapeUnsure      Reason = "shape_unsure" // one of these between pass and spoof, or not measured
	ReasonPAD              Reason = "pad"          // the face and its surroundings look like a print or a screen
	ReasonNoSound          Reason = "no_sound"     // nothing that could be speech was heard
	ReasonNoise            Reason = "noise"        // the sound is clipped, or too noisy
	ReasonMisread          Reason = "misread"      // the digits were not read, or others were
	ReasonOffTime          Reason = "off_time"     // read, but not when they were shown
	ReasonLips             Reason = "lips"         // the mouth did not say what was heard
	ReasonAbsent           Reason = "absent"       // not in the registry
	ReasonNameMismatch     Reason = "name_mismatch"
	ReasonOtherModel       Reason = "other_model"
	ReasonFaceMismatch     Reason = "face_mismatch"
	ReasonLimit            Reason = "limit" // too many failures for this person; the face does not count
	ReasonCancelled        Reason = "cancelled"
	ReasonTimeout          Reason = "timeout"
	ReasonAlternative      Reason = "alternative"     // the person chose another method
	ReasonDisconnected     Reason = "disconnected"    // the socket was lost
	ReasonInvalidCapture   Reason = "invalid_capture" // the client broke the protocol or a limit
	ReasonInternal         Reason = "internal"        // we failed
)

// Decision is the verdict on one capture.
type Decision struct {
	Outcome  Outcome  `json:"outcome"`
	Reasons  []Reason `json:"reasons"` // most important first, never empty
	Hint     Hint     `json:"hint,omitempty"`
	PolicyID string   `json:"policy_id"`
	Method   string   `json:"method,omitempty"` // how liveness was tested: "flash" or "digits"
	Digits   string   `json:"digits,omitempty"` // that were asked and judged to be read; empty unless passed by digits
	Level    Level    `json:"level,omitempty"`  // of a pass
	Light    Light    `json:"light,omitempty"`  // what was predicted before the colours; empty: nothing
}

// Pass says whether the person was verified.
func (d Decision) Pass() bool { return d.Outcome == OutcomePass }

// Policy holds the thresholds of Decide. DefaultPolicy documents their sources.
type Policy struct {
	ID               string  `json:"id"`
	MaxAttempts      int     `json:"max_attempts"`      // captures per verification
	Alpha            float64 `json:"alpha"`             // freshness FAR per verification; each attempt gets Alpha/MaxAttempts
	Candidates       int     `json:"candidates"`        // of the freshness test: its p cannot be smaller than 1/(Candidates+1)
	MinSegments      int     `json:"min_segments"`      // colours of a challenge, at least
	SpoofP           float64 `json:"spoof_p"`           // above: the light is not ours
	SpoofAmplitude   float64 `json:"spoof_amplitude"`   // … provided that the light is this strong
	MinAmplitude     float64 `json:"min_amplitude"`     // below: inconclusive
	MinZ             float64 `json:"min_z"`             // 0: p is the exact quantity, z is for monitoring
	MinR2            float64 `json:"min_r2"`            // explained share, asked for from MinR2Amplitude on: a spliced video explains less
	MinR2Amplitude   float64 `json:"min_r2_amplitude"`  //
	SureR2           float64 `json:"sure_r2"`           // … and this much from SureR2Amplitude on
	SureR2Amplitude  float64 `json:"sure_r2_amplitude"` //
	LatencyMinMS     float64 `json:"latency_min_ms"`    // 0: with the camera's own capture times only the display's delay remains
	LatencyMaxMS     float64 `json:"latency_max_ms"`    // above: inconclusive
	LatencySpoofMS   float64 `json:"latency_spoof_ms"`  // above: reject
	BackgroundPass   float64 `json:"background_pass"`   // at most, or L must be sure
	BackgroundSpoof  float64 `json:"background_spoof"`  // above: reject what has no face's shape
	MinBackground    int     `json:"min_background_cells"`
	MinFPS           float64 `json:"min_fps"`          //
	MaxGapShare      float64 `json:"max_gap_share"`    //
	MaxLateMS        float64 `json:"max_late_ms"`      // the frames took this much longer to come than to take: a slow network, or time to paint
	MinJPEGQ         int     `json:"min_jpeg_quality"` //
	MaxManyFaceShare float64 `json:"max_many_face_share"`
	MinFaceShare     float64 `json:"min_face_share"` // frames with exactly one face
	MinContinuity    float64 `json:"min_continuity"` // similarity; set with the pack
	MinReused        int     `json:"min_reused"`     // sampled frames with the bytes of an earlier capture: so many are a replay; 0: never
	MaxFMR           float64 `json:"max_fmr"`        // false match rate of one comparison: the pack's calibration turns it into the threshold

	ShapePolicy
	ParallaxPolicy
	DigitsPolicy
	PADPolicy
}

// DefaultPolicy is the published default. Sources: flash.* from the design
// document's table of thresholds (simulated, see docs/evaluation.md), MaxAttempts
// from the budget alpha/3 per attempt.
func DefaultPolicy() Policy {
	return Policy{
		ID: "default-1", MaxAttempts: 3, Alpha: 1e-3, Candidates: 10_000, MinSegments: 10, SpoofP: .05, SpoofAmplitude: .05,
		MinAmplitude: .012, MinZ: 0, MinR2: .8, MinR2Amplitude: .015, SureR2: .88, SureR2Amplitude: .05, LatencyMinMS: 0, LatencyMaxMS: 300, LatencySpoofMS: 350,
		BackgroundPass: .35, BackgroundSpoof: .45, MinBackground: 12, ShapePolicy: DefaultShapePolicy(), ParallaxPolicy: DefaultParallaxPolicy(), DigitsPolicy: DefaultDigitsPolicy(), PADPolicy: DefaultPADPolicy(),
		MinFPS: 8, MaxGapShare: .25, MaxLateMS: 5000, MinJPEGQ: 75,
		MaxManyFaceShare: .1, MinFaceShare: .7, MinContinuity: .3, MinReused: 2, MaxFMR: DefaultFMR,
	}
}

// Decide judges evidence under a policy. It is pure. Order: can it be measured,
// is it live and fresh, is it one person, and only then what the registry says,
// so that nothing about the registry shows before liveness has passed.
func Decide(p Policy, e Evidence) Decision {
	var light Light
	if e.Light != nil {
		light = PredictLight(p, *e.Light)
	}
	out := func(o Outcome, h Hint, r ...Reason) Decision {
		return Decision{Outcome: o, Reasons: r, Hint: h, PolicyID: p.ID, Method: e.Method, Light: light}
	}
	if !e.finite() {
		return out(OutcomeInconclusive, HintHoldStill, ReasonQuality) // NaN compares false with everything: fail closed
	}
	if replayed(p, e) {
		return out(OutcomeReject, HintNone, ReasonReplayed)
	}
	if e.Declined {
		h, r := light.advice(e)
		return out(OutcomeInconclusive, h, r)
	}
	if d, done := decideCapture(p, e, out); done {
		return d
	}
	if e.PAD.rejects(p) {
		return out(OutcomeReject, HintNone, ReasonPAD)
	}
	d, level, done := decideLiveness(p, e, out)
	if done {
		return d
	}
	if e.Face.Continuity < p.MinContinuity {
		return out(OutcomeReject, HintNone, ReasonSubjectChanged)
	}
	switch e.Reference {
	case ReferenceAbsent:
		return out(OutcomeReject, HintNone, ReasonAbsent)
	case ReferenceNameMismatch:
		return out(OutcomeReject, HintNone, ReasonNameMismatch)
	case ReferenceOtherModel:
		return out(OutcomeReject, HintNone, ReasonOtherModel)
	}
	if e.Match == nil {
		return out(OutcomeInconclusive, e.Face.Quality.Hint, ReasonQuality)
	}
	if e.Match.FMR > p.MaxFMR || e.Match.Similarity < e.Match.Threshold {
		return out(OutcomeReject, HintNone, ReasonFaceMismatch)
	}
	d = out(OutcomePass, HintNone, ReasonPass)
	d.Level = level
	return d
}

// decideLiveness judges by the method of the attempt.
func decideLiveness(p Policy, e Evidence, out outcomeFunc) (Decision, Level, bool) {
	if e.Method == MethodDigits {
		return decideDigits(p, e, out)
	}
	d, done := decideFlash(p, e, out)
	if !done && !LevelStandard.AtLeast(p.MinLevel) {
		return out(OutcomeInconclusive, HintHoldStill, ReasonFreshUnsure), LevelNone, true // no level that there is
	}
	return d, LevelStandard, done
}

// finite says whether every number that Decide judges is a number.
func (e Evidence) finite() bool {
	judged := []float64{e.Capture.FPS, e.Capture.GapShare, e.Capture.ServerMS, e.Capture.DurationMS, e.Face.Continuity, e.Face.AwayMS}
	if f := e.Flash; f != nil {
		judged = append(judged, f.P, f.Z, f.R2, f.Amplitude, f.Flicker, f.LatencyMS, f.BackgroundRatio, f.L, f.Cut,
			f.Shape.B, f.Shape.BSE, f.Shape.Spec, f.Shape.SpecSE, f.Shape.D, f.Shape.DSE, f.Shape.Spread, f.Shape.Kappa, f.Shape.KappaSE)
	}
	if d := e.Digits; d != nil {
		judged = append(judged, d.judged()...)
	}
	if l := e.Light; l != nil {
		judged = append(judged, l.FPS, l.Brightness, l.Clipped, l.FaceShare, l.Contrast, l.Amplitude, l.Error, l.LatencyMS)
	}
	if x := e.Parallax; x != nil {
		judged = append(judged, x.Slope, x.SE, x.L, x.Growth, x.Continuity)
	}
	if m := e.Match; m != nil {
		judged = append(judged, m.Similarity, m.Threshold, m.FMR, m.Score)
	}
	if x := e.PAD; x != nil {
		judged = append(judged, x.Score, x.Reach)
	}
	if e.Provenance != nil && !e.Provenance.finite() {
		return false
	}
	return !slices.ContainsFunc(judged, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

type outcomeFunc func(Outcome, Hint, ...Reason) Decision

// maxAwayMS is how long a face may be away: time for a blink or a hand at the hair,
// not for another person to sit down.
const maxAwayMS = 800

// decideCapture asks whether the capture can be measured at all. A slow network
// never accuses a person.
func decideCapture(p Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	c, f := e.Capture, e.Face
	n := float64(max(f.Analysed, 1))
	switch {
	case c.FPS < p.MinFPS || c.GapShare > p.MaxGapShare || c.JPEGQ < p.MinJPEGQ:
		return out(OutcomeInconclusive, HintSlowNetwork, ReasonTooFewFrames), true
	case c.ServerMS-c.DurationMS > p.MaxLateMS:
		return out(OutcomeInconclusive, HintSlowNetwork, ReasonTiming), true
	case float64(f.ManyFaces)/n > p.MaxManyFaceShare:
		return out(OutcomeInconclusive, HintOnePerson, ReasonManyFaces), true
	case float64(f.WithFace)/n < p.MinFaceShare, f.AwayMS > maxAwayMS:
		return out(OutcomeInconclusive, HintFaceScreen, ReasonNoFace), true
	case f.Poor:
		return out(OutcomeInconclusive, f.Quality.Advice(), ReasonQuality), true
	}
	return Decision{}, false
}

// decideFlash asks whether a live face answered this very challenge.
func decideFlash(p Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	f := e.Flash
	if f == nil || !f.Measurable {
		h := HintHoldStill
		if f != nil && f.Hint != HintNone {
			h = f.Hint
		}
		return out(OutcomeInconclusive, h, ReasonTooFewFrames), true
	}
	fresh := f.P <= p.Alpha/float64(max(p.MaxAttempts, 1)) && f.Z >= p.MinZ
	switch {
	case !fresh && f.P > p.SpoofP && max(f.Amplitude, f.Flicker) >= p.SpoofAmplitude:
		return out(OutcomeReject, HintNone, ReasonNotFresh), true
	case f.Amplitude < p.MinAmplitude:
		return out(OutcomeInconclusive, lightHint(e), ReasonWeakLight), true
	case !fresh:
		h := f.Hint
		if h == HintNone {
			h = lightHint(e)
		}
		return out(OutcomeInconclusive, h, ReasonFreshUnsure), true
	case f.Amplitude >= p.MinR2Amplitude && f.R2 < p.MinR2, f.Amplitude >= p.SureR2Amplitude && f.R2 < p.SureR2:
		h := HintHoldStill
		if f.Amplitude < dimAmplitude {
			h = lightHint(e)
		}
		return out(OutcomeInconclusive, h, ReasonFreshUnsure), true
	case f.LatencyMS > p.LatencySpoofMS:
		return out(OutcomeReject, HintNone, ReasonLatency), true
	case f.LatencyMS < p.LatencyMinMS || f.LatencyMS > p.LatencyMaxMS:
		return out(OutcomeInconclusive, HintHoldStill, ReasonLatency), true
	}
	return decideShape(p, e, out)
}
