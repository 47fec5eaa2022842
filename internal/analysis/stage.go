package analysis

import "time"

// Stage is a part of the work on a session, as Config.Watch hears of it.
type Stage string

// The stages. Wait is the time until there was room to work; Registration is the
// placing of the face and its cells between two looks; Light is the whole of the
// tests on the colours or on what was read aloud.
const (
	StageWait         Stage = "wait"
	StageDecode       Stage = "decode"
	StageSource       Stage = "source"
	StageDetect       Stage = "detect"
	StageLandmarks    Stage = "landmarks"
	StageQuality      Stage = "quality"
	StageEmbed        Stage = "embed"
	StagePAD          Stage = "pad"
	StageRegistration Stage = "registration"
	StageLight        Stage = "light"
	StageMatch        Stage = "match"
	StageFrame        Stage = "frame"   // a whole frame of a capture, without Wait
	StagePreview      Stage = "preview" // a whole preview, without Wait
	StageFinish       Stage = "finish"  // what is left after the last frame, without Wait
)

// Stages are all of them, in the order of the work.
var Stages = []Stage{StageWait, StageDecode, StageSource, StageDetect, StageLandmarks, StageQuality, StageEmbed, StagePAD, StageRegistration, StageLight, StageMatch,
	StageFrame, StagePreview, StageFinish}

// lap tells the watcher how long a stage took that began at start.
func (a *Analyzer) lap(s Stage, start time.Time) {
	if a.watch != nil {
		a.watch(s, time.Since(start))
	}
}
