package faceproof

// Light says what the room left for the screen's light, from one attempt. It is
// by this, and not by what a page wishes, that checkAliveType 2 is to choose.
type Light string

// The kinds of light, worst first.
const (
	LightSlow   Light = "slow"   // too few frames to tell
	LightDark   Light = "dark"   // the face is too dark for the camera
	LightBright Light = "bright" // no headroom: the face is at the camera's upper end
	LightWeak   Light = "weak"   // the screen does not show on the face
	LightThin   Light = "thin"   // it shows, and one live person in five is not recognised as such
	LightEnough Light = "enough" //
)

// The bounds of MeasureLight. Brightness and Clipped are those of the capture's
// guidance; thinLight is the screen/room ratio below which the design's
// simulation lost 22 % of live attempts instead of 11 %.
const (
	darkFace   = .12 // mean luma of the face before the colours
	brightFace = .90
	clipped    = .25 // share of its pixels
	thinLight  = .03
)

// MeasureLight reads the light from evidence: the frame rate, the exposure of
// the face before the colours began, and the share that the screen then had. It
// is "" when no face was measured.
func MeasureLight(p Policy, e Evidence) Light {
	q, f := e.Face.Quality, e.Flash
	switch {
	case e.Face.WithFace == 0 || q.Brightness == 0:
		return ""
	case e.Capture.FPS < p.MinFPS:
		return LightSlow
	case q.Brightness < darkFace:
		return LightDark
	case q.Brightness > brightFace || q.Clipped > clipped:
		return LightBright
	case f == nil || !f.Measurable:
		return ""
	case f.Amplitude < p.MinAmplitude:
		return LightWeak
	case f.Amplitude < thinLight:
		return LightThin
	}
	return LightEnough
}
