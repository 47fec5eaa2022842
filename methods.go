package faceproof

// Methods says which liveness tests a verification may use.
type Methods struct {
	First  AliveType // AliveFlash or AliveDigits: what a capture begins with
	Digits bool      // reading aloud may be used: first, or where the light does not let colours show
}

// MethodsOf picks the liveness tests by what the app's policy allows and what the
// client wishes; digits says whether this server can read aloud. The wish never
// widens the policy (security.md T06). Errors, all with field
// "check_alive_type": CodeInvalid for no checkAliveType, CodeForbidden for what
// the policy excludes, CodeUnavailable for what this server cannot do.
func MethodsOf(policy, wish AliveType, digits bool) (Methods, error) {
	const field = "check_alive_type"
	flash := policy == AliveFlash || policy == AliveAuto
	aloud := policy == AliveDigits || policy == AliveAuto
	switch {
	case wish != AliveDigits && wish != AliveFlash && wish != AliveAuto:
		return Methods{}, Errorf(CodeInvalid, field, "must be 0, 1 or 2")
	case wish == AliveFlash && !flash, wish == AliveDigits && !aloud, !flash && !aloud:
		return Methods{}, Errorf(CodeForbidden, field, "the app's policy does not allow this method")
	case wish == AliveFlash:
		return Methods{First: AliveFlash}, nil
	case wish == AliveAuto && flash:
		return Methods{First: AliveFlash, Digits: aloud && digits}, nil
	case !digits:
		return Methods{}, Errorf(CodeUnavailable, field, "this server cannot read digits: its model pack has no recogniser")
	}
	return Methods{First: AliveDigits, Digits: true}, nil
}

// Reading is what an app's policy says of reading digits aloud, and of what a
// pass must be worth.
type Reading struct {
	AtOnce   bool  `json:"at_once,omitempty"`   // four digits that appear together, as WeChat's do; weaker, and never above LevelLow
	MinLevel Level `json:"min_level,omitempty"` // a pass below it is none; empty: as the server says
	// MaxFMR is the false match rate that the match threshold is chosen for; 0, or
	// looser than the server's: the server's.
	MaxFMR float64 `json:"max_fmr,omitempty"`
}

// Check refuses what could never be satisfied. Errors: CodeInvalid with field
// "min_level" or "max_fmr".
func (r Reading) Check() error {
	switch {
	case r.MaxFMR != 0 && CheckFMR(r.MaxFMR, "max_fmr") != nil:
		return CheckFMR(r.MaxFMR, "max_fmr")
	case !LevelStandard.AtLeast(r.MinLevel):
		return Errorf(CodeInvalid, "min_level", "must be low or standard, or empty")
	case r.AtOnce && !LevelLow.AtLeast(r.MinLevel):
		return Errorf(CodeInvalid, "min_level", "must be low with digits that appear all at once: they never reach standard")
	}
	return nil
}

// Policy is the server's policy with the app's MinLevel and MaxFMR, where those are
// stricter: an app never gets less than the operator asks for.
func (r Reading) Policy(p Policy) Policy {
	if !p.MinLevel.AtLeast(r.MinLevel) {
		p = p.WithMinLevel(r.MinLevel)
	}
	if r.MaxFMR > 0 && r.MaxFMR < p.MaxFMR {
		p = p.WithFMR(r.MaxFMR)
	}
	return p
}

// gentleCodes are the codes of the six colours under the digits, all of which the
// freshness test tries (internal/flash): its p cannot be smaller than their inverse.
const gentleCodes = 16_920

// CanRead says whether any reading aloud could pass. Where nothing below standard
// does, and the freshness that is asked for is more than six colours can tell, as
// Strict does, none can, and digits must not be offered.
func (p Policy) CanRead() bool {
	return LevelLow.AtLeast(p.MinLevel) || p.MinLevel == LevelStandard && p.Alpha/float64(max(p.MaxAttempts, 1)) >= 1./gentleCodes
}

// WithMinLevel is the policy with another MinLevel, and a name that says so.
func (p Policy) WithMinLevel(l Level) Policy {
	if p.MinLevel != l {
		p.ID, p.MinLevel = p.ID+"/"+string(l), l
	}
	return p
}
