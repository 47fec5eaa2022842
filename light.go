package faceproof

import "math"

// LightEvidence is what the lead and the pre-roll say of the light, before any
// colour is shown: numbers only.
type LightEvidence struct {
	Frames          int     `json:"frames"`           // before the first colour
	FPS             float64 `json:"fps"`              // of them
	Brightness      float64 `json:"brightness"`       // mean luma of the face in neutral light, 0 to 1; 0: no face
	Clipped         float64 `json:"clipped"`          // share of its pixels at the camera's ends
	Predicted       bool    `json:"predicted"`        // false: the next four mean nothing
	Amplitude       float64 `json:"amplitude"`        // predicted, in the unit of FlashEvidence.Amplitude
	Error           float64 `json:"error"`            // its standard error
	LatencyMS       float64 `json:"latency_ms"`       // display to frame
	BackgroundCells int     `json:"background_cells"` // that the face was compared with
}

// Light is what the room leaves for the screen's light, by LightEvidence. By
// this, and not by what a page wishes, checkAliveType 2 chooses.
type Light string

// The kinds of light, worst first. LightUnknown is no objection: what could not
// be predicted is tried.
const (
	LightSlow    Light = "slow"    // too few frames to see the colours
	LightDark    Light = "dark"    // the face is too dark for the camera
	LightBright  Light = "bright"  // no headroom: the face is at the camera's upper end
	LightWeak    Light = "weak"    // the colours will not show on the face
	LightUnknown Light = "unknown" // too little background, or no lead
	LightThin    Light = "thin"    // they will, and one live person in five is not recognised as such
	LightEnough  Light = "enough"  //
)

// The bounds of PredictLight. Brightness and Clipped are those of the capture's
// guidance; thinLight is the screen/room ratio below which the design's
// simulation lost 22 % of live attempts instead of 11 %. The upper bound of the
// amplitude is lightSigmas standard errors above it, lightFloor being the part of
// the error that a second of frames cannot show: a head that drifts, a tone curve
// (docs/evaluation.md).
const (
	darkFace    = .12 // mean luma of the face before the colours
	brightFace  = .90
	clipped     = .25 // share of its pixels
	thinLight   = .03
	lightSigmas = 2
	lightFloor  = .002
)

// PredictLight judges the light. It is pure. Whether the colours can be measured
// is p's: the frame rate, the amplitude and the background that Decide wants.
func PredictLight(p Policy, e LightEvidence) Light {
	switch {
	case e.Brightness == 0:
		return LightUnknown // no face: the attempt itself will say so
	case e.FPS < p.MinFPS:
		return LightSlow
	case e.Brightness < darkFace:
		return LightDark
	case e.Brightness > brightFace || e.Clipped > clipped:
		return LightBright
	case !e.Predicted || e.BackgroundCells < p.MinBackground:
		return LightUnknown
	case e.Amplitude+lightSigmas*math.Hypot(e.Error, lightFloor) < p.MinAmplitude:
		return LightWeak
	case e.Amplitude < thinLight:
		return LightThin
	}
	return LightEnough
}

// Flash says whether the light lets the colours be seen.
func (l Light) Flash() bool {
	switch l {
	case LightSlow, LightDark, LightBright, LightWeak:
		return false
	}
	return true
}

// ShowColours is the choice of checkAliveType 2. The last attempt shows the
// colours whatever was predicted: a wrong forecast must lock nobody out.
func ShowColours(p Policy, l Light, attempt int) bool {
	return l.Flash() || attempt >= p.MaxAttempts
}

// advice is what to tell a person who is not shown the colours. Whether the room
// is too bright or the screen too dim cannot be measured: what is easier comes
// first.
func (l Light) advice(attempt int) (Hint, Reason) {
	switch {
	case l == LightSlow:
		return HintSlowNetwork, ReasonTooFewFrames
	case l == LightDark:
		return HintTooDark, ReasonWeakLight
	case l == LightBright, l == LightWeak && attempt > 1:
		return HintTooBright, ReasonWeakLight
	case l == LightWeak:
		return HintRaiseBrightness, ReasonWeakLight
	}
	return HintHoldStill, ReasonTooFewFrames
}
