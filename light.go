package faceproof

import "math"

// LightEvidence is what the lead and the pre-roll say of the light, before any
// colour is shown: numbers only.
type LightEvidence struct {
	Frames          int     `json:"frames"`           // before the first colour
	FPS             float64 `json:"fps"`              // of them
	Brightness      float64 `json:"brightness"`       // mean luma of the face in neutral light, 0 to 1; 0: no face
	Clipped         float64 `json:"clipped"`          // share of its pixels at the camera's ends
	FaceShare       float64 `json:"face_share"`       // width of the face over that of the picture; 0: no face
	Contrast        float64 `json:"contrast"`         // linear light of the face over that of what is behind it; 0: not measured
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

// advice is what to tell a person who is not shown the colours.
func (l Light) advice(e Evidence) (Hint, Reason) {
	switch l {
	case LightSlow:
		return HintSlowNetwork, ReasonTooFewFrames
	case LightDark:
		return HintTooDark, ReasonWeakLight
	case LightBright:
		if litFace(e) {
			return HintTurnAway, ReasonWeakLight
		}
		return HintTooBright, ReasonWeakLight
	case LightWeak:
		return lightHint(e), ReasonWeakLight
	}
	return HintHoldStill, ReasonTooFewFrames
}

// smallFace is the share of the picture's width below which a face is too far away
// for weak light: at half the distance the screen is four times as bright, and the
// room is not. litContrast is how many times as bright as what is behind it a face
// is on which a window or a lamp shines: in even light a face was up to 1.6 times as
// bright as a wall (simulated).
const (
	smallFace   = .32
	litContrast = 2.5
)

// lightHint is what would let the screen's light show more, by what was measured:
// a face that is small comes nearer, one on which a window shines turns away from
// it, then the screen is turned up, and last another place is found. Each attempt
// hears the next.
func lightHint(e Evidence) Hint {
	var all []Hint
	if w := faceShare(e); w > 0 && w < smallFace {
		all = append(all, HintCloser)
	}
	if litFace(e) {
		all = append(all, HintTurnAway)
	}
	all = append(all, HintRaiseBrightness, HintTooBright)
	return all[min(max(e.Attempt-1, 0), len(all)-1)]
}

// faceShare is of the best frame, or of the one before the colours; 0: none.
func faceShare(e Evidence) float64 {
	if w := e.Face.Quality.WidthShare; w > 0 || e.Light == nil {
		return w
	}
	return e.Light.FaceShare
}

func litFace(e Evidence) bool { return e.Light != nil && e.Light.Contrast > litContrast }
