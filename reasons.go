package faceproof

// Reasons lists every Reason, so that what counts them has a closed set.
func Reasons() []Reason {
	return []Reason{ReasonPass, ReasonTooFewFrames, ReasonTiming, ReasonNoFace, ReasonManyFaces, ReasonSubjectChanged, ReasonQuality, ReasonWeakLight,
		ReasonNotFresh, ReasonReplayed, ReasonFreshUnsure, ReasonLatency, ReasonBackground, ReasonBackgroundUnsure, ReasonEmissive, ReasonSplice, ReasonFlat,
		ReasonShapeUnsure, ReasonPAD, ReasonNoSound, ReasonNoise, ReasonMisread, ReasonOffTime, ReasonLips, ReasonAbsent, ReasonNameMismatch, ReasonOtherModel,
		ReasonFaceMismatch, ReasonLimit, ReasonCancelled, ReasonTimeout, ReasonAlternative, ReasonDisconnected, ReasonInvalidCapture, ReasonInternal}
}
