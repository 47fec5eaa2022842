package face

import (
	"fmt"
	"math"

	"faceproof"
	"faceproof/internal/imaging"
)

// The gate of enrolment. ISO/IEC 29794-5 asks for 90 pixels between the eyes in a
// passport portrait; the embedders here see 35 of them.
const (
	minEyeDistance = 40.0 // pixels
	maxPose        = 30.0 // degrees of yaw and pitch
)

// portraitBounds are the lowest scores of a portrait that is enrolled, beside the
// bounds of CheckPortrait. Where a face is in the picture, and what is behind it,
// does not matter: it is cut out.
var portraitBounds = map[string]int{
	"unified_quality_score":    minComparable,
	"no_compression_artifacts": 10, // a JPEG of quality 24
	"mouth_closed":             10, // yawning
}

// minComparable is the unified score below which a picture is not compared: 7 of 700
// pairs of LFW's press photos hold one, see docs/evaluation.md.
const minComparable = 5

// minComparedEyes is the least distance between the eyes, in pixels, of a face that
// is compared: a face .22 of a picture 360 wide, where the hint "closer" ends. Smaller
// strangers resemble each other: 28 and 29 pixels gave 0.54, docs/evaluation.md.
const minComparedEyes = 36.0

// Assess is Quality with the components of ISO/IEC 29794-5, see Components.
func (e *Engine) Assess(m *imaging.Image, jpegQ int, faces []Face, l Landmarks) faceproof.Quality {
	q := e.Quality(m, faces, l)
	c := e.Components(m, jpegQ, faces, l)
	q.Components = &c
	return q
}

// Comparable says whether a face that was assessed is good enough to be compared
// with a reference: a mesh, 36 pixels between the eyes, at most 30° of yaw and pitch,
// and a unified score of at least 5. It asks less than CheckPortrait: a verification can be
// tried again, a bad enrolment stays.
func Comparable(q faceproof.Quality) bool {
	return q.EyeDistance >= minComparedEyes && math.Abs(q.Yaw) <= maxPose && math.Abs(q.Pitch) <= maxPose &&
		q.Components != nil && q.Components.Unified >= minComparable
}

// CheckPortrait is the quality gate of enrolment: nil lets the photo in, else
// the error is CodeInvalid, field "photo", and says what to do and, in brackets at
// the end, which component of ISO/IEC 29794-5 it is about, by its name in
// faceproof.Components, and its score where that was measured. Where the face is
// in the picture does not matter.
func CheckPortrait(q faceproof.Quality) error {
	bad := func(component, format string, args ...any) error {
		return faceproof.Errorf(faceproof.CodeInvalid, "photo", "%s (%s)", fmt.Sprintf(format, args...), scored(q.Components, component))
	}
	switch {
	case q.EyeDistance == 0: // no mesh
		return bad("single_face_present", "no face found: use a portrait, seen from the front")
	case q.Faces > 1:
		return bad("single_face_present", "%d faces found: one person only", q.Faces)
	case q.EyeDistance < minEyeDistance:
		return bad("inter_eye_distance", "the face is too small (%.0f pixels between the eyes, at least %.0f are needed): come closer or use a larger photo", q.EyeDistance, minEyeDistance)
	case math.Abs(q.Yaw) > maxPose || math.Abs(q.Pitch) > maxPose:
		component := "head_pose_yaw"
		if math.Abs(q.Pitch) > math.Abs(q.Yaw) {
			component = "head_pose_pitch"
		}
		return bad(component, "the face looks away (%.0f° aside, %.0f° up): look into the camera", q.Yaw, q.Pitch)
	case q.Brightness < minBrightness:
		return bad("luminance_mean", "the face is too dark: turn to a light")
	case q.Brightness > maxBrightness || q.Clipped > maxClipped:
		return bad("over_exposure_prevention", "the light is too bright or too hard: avoid direct sun and flash")
	case q.Occlusion > maxOcclusion:
		return bad("mouth_occlusion_prevention", "the face seems to be covered: take off mask and sunglasses")
	case q.EyesOpen < minEyesOpen:
		return bad("eyes_open", "the eyes seem to be shut: open them")
	case q.Sharpness < minSharpness:
		return bad("sharpness", "the picture is blurred: hold still")
	case q.Components == nil:
		return nil
	}
	for _, c := range q.Components.List() {
		if c.Score != faceproof.NotMeasured && c.Score < portraitBounds[c.Name] {
			return bad(c.Name, "the picture is not good enough: %s", remedies[c.Name])
		}
	}
	return nil
}

// remedies say what helps against what portraitBounds refuse.
var remedies = map[string]string{
	"unified_quality_score":    "use a sharp, evenly lit portrait that looks into the camera",
	"no_compression_artifacts": "use the original file, not a compressed copy",
	"mouth_closed":             "close the mouth",
}

// scored names a component with its score, where there is one.
func scored(c *faceproof.Components, name string) string {
	if c == nil {
		return name
	}
	for _, one := range c.List() {
		if one.Name == name && one.Score != faceproof.NotMeasured {
			return fmt.Sprintf("%s %d of 100", name, one.Score)
		}
	}
	return name
}
