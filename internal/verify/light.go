package verify

import "faceproof"

// firstMethod is the method that a capture begins with. AliveAuto begins with the
// flash's pre-roll, by whose light the worker chooses.
func firstMethod(asked faceproof.AliveType) faceproof.AliveType {
	if asked == faceproof.AliveAuto {
		return faceproof.AliveFlash
	}
	return asked
}

// methodWord is a method as evidence and the protocol name it.
func methodWord(m faceproof.AliveType) string {
	if m == faceproof.AliveDigits {
		return faceproof.MethodDigits
	}
	return faceproof.MethodFlash
}

// Method is the liveness test that was used: the decision's, or before there is
// one what the capture begins with.
func (i Info) Method() faceproof.AliveType {
	switch i.Decision.Method {
	case faceproof.MethodDigits:
		return faceproof.AliveDigits
	case faceproof.MethodFlash:
		return faceproof.AliveFlash
	}
	return firstMethod(i.Verification.Alive)
}

// AliveReason says why AliveAuto used Method: "light_" and a faceproof.Light.
// It is empty when another type was asked or nothing was measured.
func (i Info) AliveReason() string {
	if i.Verification.Alive != faceproof.AliveAuto || i.Decision.Light == "" {
		return ""
	}
	return "light_" + string(i.Decision.Light)
}
