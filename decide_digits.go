package faceproof

import "slices"

// The methods of an attempt, as evidence, decisions and the protocol name them.
const (
	MethodFlash  = "flash"
	MethodDigits = "digits"
)

// Level says how much a pass is worth; a business may ask for more than the
// default.
type Level string

// The levels, lowest first. docs/security.md says what each of them stands for.
const (
	LevelNone     Level = ""         // nothing passed
	LevelLow      Level = "low"      // digits and lips, without an exact test of freshness
	LevelStandard Level = "standard" // the colours; or paced digits, lips and the light under them
)

var levels = []Level{LevelNone, LevelLow, LevelStandard}

// AtLeast says whether a pass of this level is enough where other is asked for.
// A word that is no level is never enough, and never satisfied.
func (l Level) AtLeast(other Level) bool {
	return slices.Contains(levels, l) && slices.Contains(levels, other) && slices.Index(levels, l) >= slices.Index(levels, other)
}

// DigitsPolicy holds the thresholds of reading digits aloud. How well the digits
// must be understood is not among them: the recogniser brings its own threshold
// (DigitsEvidence.MinA), for a false accept rate that MaxDigitsFAR bounds.
type DigitsPolicy struct {
	MinLevel      Level   `json:"min_level"`        // a pass below this is none
	MinDigits     int     `json:"min_digits"`       // shown one by one, at least
	MinAtOnce     int     `json:"min_at_once"`      // shown all at once, at least
	MaxDigitsFAR  float64 `json:"max_digits_far"`   // MinA must stand for at most this, of random digits, an attempt
	FewerHeard    int     `json:"fewer_heard"`      // digits that a free reading may miss
	MoreHeard     int     `json:"more_heard"`       // digits that it may hear too many
	MaxBeaten     int     `json:"max_beaten"`       // digits that a substitute may beat; below 0: not judged
	MaxOffTime    int     `json:"max_off_time"`     // digits that may come at another time than after their prompt
	MinLipFrames  int     `json:"min_lip_frames"`   // frames with lips
	MinMouthRange float64 `json:"min_mouth_range"`  // of the opening, in distances between the eyes
	MinSync       float64 `json:"min_sync"`         // s at least
	SpoofSync     float64 `json:"spoof_sync"`       // below: these lips did not say this
	SpoofMouth    float64 `json:"spoof_mouth"`      // a mouth that moved less: a still picture
	MaxLipLagMS   float64 `json:"max_lip_lag_ms"`   // of the sound behind or before the mouth
	MaxRival      float64 `json:"max_rival"`        // by so much at most may the sound fit better at another time
	AccuseAttempt int     `json:"accuse_attempt"`   // SpoofSync, SpoofMouth and other digits reject from this attempt on
	SpoofScore    float64 `json:"spoof_score_less"` // so far below MinA: other digits
}

// DefaultDigitsPolicy is the published default. Sources: the prototype of this
// method, measured on few voices and 15 clips of talking faces. MinDigits,
// MinAtOnce, MaxOffTime: onsets within the window of their prompt for five of
// six. FewerHeard, MoreHeard: a reading of n−2 to n+3 digits rejected all noise
// and silence and passed 99 % of clean readings. MaxBeaten is off until the
// recogniser errs in fewer than 3 % of the digits. MinMouthRange: real talkers
// .085 to .28, still pictures .004 to .013. MinSync .30 and SpoofSync .20: of 6 s
// at .30, 84 to 96 % of matching clips, 10 to 22 % of others; read off the same
// clips, so optimistic. MinLipFrames: 5 s at 8 a second. MaxRival: the own
// sounds of five real films fit .04 to .39 worse elsewhere, and it cost none of 360
// rows of their pieces. SpoofMouth and SpoofScore
// are margins of ours, not measured: half of MinMouthRange, and two nepers a digit
// below the threshold. docs/evaluation.md has the measurement of the product.
func DefaultDigitsPolicy() DigitsPolicy {
	return DigitsPolicy{
		MinLevel: LevelLow, MinDigits: 6, MinAtOnce: 4, MaxDigitsFAR: 1e-3, FewerHeard: 2, MoreHeard: 3, MaxBeaten: -1, MaxOffTime: 1,
		MinLipFrames: 40, MinMouthRange: .04, MinSync: .30, SpoofSync: .20, SpoofMouth: .02, MaxLipLagMS: 200, MaxRival: .1, AccuseAttempt: 2, SpoofScore: 2,
	}
}

// digitsFaults says what a fault of the sound is called, and what would help.
var digitsFaults = map[AudioFault]struct {
	reason Reason
	hint   Hint
}{
	AudioAbsent:   {ReasonNoSound, HintMicrophone},
	AudioShort:    {ReasonNoSound, HintSlowNetwork},
	AudioSilent:   {ReasonNoSound, HintLouder},
	AudioNoSpeech: {ReasonNoSound, HintReadClearly},
	AudioClipped:  {ReasonNoise, HintQuieter},
	AudioNoisy:    {ReasonNoise, HintQuietPlace},
}

// AudioHint is what would help against a fault of the sound; HintNone where there is none.
func AudioHint(f AudioFault) Hint { return digitsFaults[f].hint }

// decideDigits asks whether a live face read these very digits: the sound, the
// words, their times, the lips, and at last the light under the digits. What
// fails is inconclusive, with advice; three things reject. Coloured light on the
// face that is not ours, at once. Clearly other digits, and a mouth that clearly
// did not say them, from AccuseAttempt on: a first attempt may be a
// misunderstanding. The level is what a pass would be worth.
func decideDigits(p Policy, e Evidence, out outcomeFunc) (Decision, Level, bool) {
	for _, judge := range []func(Policy, Evidence, outcomeFunc) (Decision, bool){decideSound, decideWords, decideLips} {
		if d, done := judge(p, e, out); done {
			return d, LevelNone, true
		}
	}
	return decideGentle(p, e, out)
}

// decideSound asks whether the sound can be judged.
func decideSound(_ Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	d := e.Digits
	if d == nil {
		return out(OutcomeInconclusive, HintHoldStill, ReasonTooFewFrames), true // cut short
	}
	hint := func(h Hint) Hint {
		if d.Hint != HintNone {
			return d.Hint
		}
		return h
	}
	if d.Audio.Fault != AudioNone {
		f, known := digitsFaults[d.Audio.Fault]
		if !known {
			f = digitsFaults[AudioNoSpeech]
		}
		return out(OutcomeInconclusive, hint(f.hint), f.reason), true
	}
	if !d.Scored {
		return out(OutcomeInconclusive, hint(HintReadClearly), ReasonNoSound), true
	}
	return Decision{}, false
}

// decideWords asks whether the digits were read, each after its prompt.
func decideWords(p Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	d := e.Digits
	unsure := func(r Reason) (Decision, bool) { return out(OutcomeInconclusive, HintReadClearly, r), true }
	least := p.MinDigits
	if !d.Paced {
		least = p.MinAtOnce
	}
	switch {
	case least < 1, d.Expect < least: // so few prove nothing
		return unsure(ReasonMisread)
	case d.MinFAR <= 0, d.MinFAR > p.MaxDigitsFAR: // neither does a threshold that nobody calibrated
		return unsure(ReasonMisread)
	case d.Score < d.MinA-p.SpoofScore && d.Heard >= d.Expect-p.FewerHeard && e.Attempt >= p.AccuseAttempt:
		return out(OutcomeReject, HintNone, ReasonMisread), true // digits, and not these
	case d.Score < d.MinA, d.Heard < d.Expect-p.FewerHeard, d.Heard > d.Expect+p.MoreHeard,
		p.MaxBeaten >= 0 && d.Better < d.Expect-p.MaxBeaten:
		return unsure(ReasonMisread)
	case d.Paced && d.InTime < d.Expect-p.MaxOffTime:
		return unsure(ReasonOffTime)
	}
	return Decision{}, false
}

// decideLips asks whether this mouth said it.
func decideLips(p Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	l := e.Digits.Lips
	unsure := func() (Decision, bool) { return out(OutcomeInconclusive, HintShowMouth, ReasonLips), true }
	lag := max(l.LagMS, -l.LagMS)
	switch {
	case l.Frames < p.MinLipFrames: // covered, or too few pictures: accuses nobody
		return unsure()
	case (l.Range < p.SpoofMouth || l.Sync < p.SpoofSync) && e.Attempt >= p.AccuseAttempt:
		return out(OutcomeReject, HintNone, ReasonLips), true
	case l.Range < p.MinMouthRange, l.Sync < p.MinSync, lag > p.MaxLipLagMS, l.Rival > l.Sync+p.MaxRival:
		return unsure()
	}
	return Decision{}, false
}

// decideGentle asks what the light under the digits says of freshness. It raises
// the level where it shows and is ours, and takes none away where the room
// outshines it; MinLevel says whether what is left is enough. It is seldom strong
// enough to show the shape of a face, so that no shape is asked for; where it
// shows something flat, or that glows by itself, there is no standard level, and in
// light that is not weak no pass. It accuses nobody: those bounds were set for faces
// that do not speak.
//
// Where the light does not show, a face that clearly looks live is the other way to
// the standard level (PADLive); where it shows no shape, one that looks like a print
// or a screen takes that level away. The words and the lips it leaves alone.
func decideGentle(p Policy, e Evidence, out outcomeFunc) (Decision, Level, bool) {
	f, level := e.Flash, LevelLow
	h, r := HintReadClearly, ReasonFreshUnsure // digits all at once are never fresh enough
	if e.Digits.LightOn && f != nil && f.Measurable {
		ours := f.P <= p.Alpha/float64(max(p.MaxAttempts, 1)) && f.Z >= p.MinZ
		prompt := f.LatencyMS >= p.LatencyMinMS && f.LatencyMS <= p.LatencyMaxMS
		s := f.Shape
		flat := ours && s.Cells > 0 && (f.L < p.SpoofL || s.HeadCells > 0 && s.Kappa < p.SpoofKappa && f.L < p.MinL)
		switch {
		case !ours && f.P > p.SpoofP && max(f.Amplitude, f.Flicker) >= p.SpoofAmplitude:
			return out(OutcomeReject, HintNone, ReasonNotFresh), LevelNone, true
		case flat && f.Amplitude >= p.AccuseAmplitude:
			return out(OutcomeInconclusive, shapeHint(e), ReasonShapeUnsure), LevelNone, true
		case flat:
			h, r = shapeHint(e), ReasonShapeUnsure
		case ours && prompt && f.Amplitude >= p.MinAmplitude && e.Digits.Paced && e.PAD.against(p) > 0 && f.L < p.MinL:
			h, r = lightHint(e), ReasonPAD
		case ours && prompt && f.Amplitude >= p.MinAmplitude && e.Digits.Paced:
			level = LevelStandard
		case f.Amplitude < p.MinAmplitude:
			h, r = lightHint(e), ReasonWeakLight
		default:
			h = lightHint(e)
		}
	} else if e.Digits.Paced {
		h, r = lightHint(e), ReasonWeakLight
	}
	if e.Digits.Paced && e.PAD.live(p) && r == ReasonWeakLight {
		level = LevelStandard
	}
	if !level.AtLeast(p.MinLevel) {
		return out(OutcomeInconclusive, h, r), LevelNone, true
	}
	return Decision{}, level, false
}

// judged are the numbers of the evidence that a threshold is compared with, and
// those that are reported beside them.
func (d DigitsEvidence) judged() []float64 {
	a, l := d.Audio, d.Lips
	return []float64{a.DurationMS, a.PeakDB, a.SNRDB, a.ActiveMS, a.Clipped, a.Zero,
		d.Score, d.MinA, d.MinFAR, l.Range, l.Sync, l.LagMS, l.Null, l.Rival}
}
