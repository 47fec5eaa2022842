package faceproof

// ShapePolicy holds the thresholds of the measures that ask what the light falls
// on (S8 to S10 of internal/flash). They depend on the mesh net, so a model pack
// brings its own ([flash] of its manifest).
type ShapePolicy struct {
	MinL            float64 `json:"min_l" toml:"min_l"`                       // L at least: the shape of a face
	SureL           float64 `json:"sure_l" toml:"sure_l"`                     // L at least where the background answers too much, or cannot be seen
	SpoofL          float64 `json:"spoof_l" toml:"spoof_l"`                   // below: flat
	MinKappa        float64 `json:"min_kappa" toml:"min_kappa"`               // κ at least
	SpoofKappa      float64 `json:"spoof_kappa" toml:"spoof_kappa"`           // below, without the shape of a face: a screen
	MaxSpread       float64 `json:"max_spread" toml:"max_spread"`             // of α over the skin
	MaxCut          float64 `json:"max_cut" toml:"max_cut"`                   // jumps where the colours change
	SpoofCut        float64 `json:"spoof_cut" toml:"spoof_cut"`               // above: a video made of pieces
	AccuseAmplitude float64 `json:"accuse_amplitude" toml:"accuse_amplitude"` // light weaker than this never rejects by background, shape, veil or cut
}

// DefaultShapePolicy is what every pack of today says; docs/evaluation.md has the
// simulation that set it.
func DefaultShapePolicy() ShapePolicy {
	return ShapePolicy{
		MinL: 2, SureL: 4, SpoofL: -3, MinKappa: -.7, SpoofKappa: -.8, MaxSpread: 1.2, MaxCut: 2, SpoofCut: 3, AccuseAmplitude: .03,
	}
}

// dimAmplitude is the amplitude below which more light is the best advice.
const dimAmplitude = .06

// wideFace is the share of the picture's width below which a nearer face is the
// best advice.
const wideFace = .38

// decideShape asks what the light fell on: a background that answers, a thing
// that glows by itself, a video made of pieces, a flat thing. The background
// counts only where the shape is not clear: a wall close behind a person answers
// as a print does. One attempt is
// enough to reject, so the bounds of a rejection are far from what people do;
// between them and a pass the attempt is inconclusive, and MaxAttempts of those
// end the verification. Weak light never accuses.
func decideShape(p Policy, e Evidence, out outcomeFunc) (Decision, bool) {
	f, s := e.Flash, e.Flash.Shape
	l := f.L + e.Parallax.weight(p)
	reject := func(r Reason) (Decision, bool) {
		if f.Amplitude < p.AccuseAmplitude {
			return out(OutcomeInconclusive, lightHint(e), ReasonWeakLight), true
		}
		return out(OutcomeReject, HintNone, r), true
	}
	unsure := func(r Reason) (Decision, bool) { return out(OutcomeInconclusive, shapeHint(e), r), true }
	// A face that looks like a print or a screen must show its shape more clearly.
	// That asks for another attempt and never rejects: l stays as it is for those.
	sure := l - e.PAD.against(p)
	measured := s.Cells > 0 && s.HeadCells > 0 && f.Cut > 0
	switch {
	case !measured:
		return unsure(ReasonShapeUnsure)
	case e.Parallax.flat(p, l): // needs no light
		return out(OutcomeReject, HintNone, ReasonFlat), true
	case f.BackgroundCells >= p.MinBackground && f.BackgroundRatio > p.BackgroundSpoof && l < p.MinL:
		return reject(ReasonBackground)
	case s.Kappa < p.SpoofKappa && l < p.MinL:
		return reject(ReasonEmissive)
	case f.Cut > p.SpoofCut:
		return reject(ReasonSplice)
	case l < p.SpoofL:
		return reject(ReasonFlat)
	case s.Kappa < p.MinKappa, s.Spread > p.MaxSpread, f.Cut > p.MaxCut, l < p.MinL:
		return unsure(ReasonShapeUnsure)
	case sure < p.MinL:
		return out(OutcomeInconclusive, shapeHint(e), ReasonShapeUnsure, ReasonPAD), true
	case l < p.SureL && f.BackgroundCells < p.MinBackground:
		return out(OutcomeInconclusive, HintFarther, ReasonBackgroundUnsure), true
	case l < p.SureL && f.BackgroundRatio > p.BackgroundPass:
		return unsure(ReasonBackgroundUnsure)
	case sure < p.SureL && (f.BackgroundCells < p.MinBackground || f.BackgroundRatio > p.BackgroundPass):
		return out(OutcomeInconclusive, shapeHint(e), ReasonBackgroundUnsure, ReasonPAD), true
	}
	return Decision{}, false
}

// shapeHint is what would show the shape better: more of the screen's light, a
// nearer face, a steadier one.
func shapeHint(e Evidence) Hint {
	switch {
	case e.Flash.Amplitude < dimAmplitude:
		return lightHint(e)
	case faceShare(e) > 0 && faceShare(e) < wideFace:
		return HintCloser
	}
	return HintHoldStill
}
