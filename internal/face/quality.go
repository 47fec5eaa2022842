package face

import (
	"math"

	"faceproof"
	"faceproof/internal/imaging"
)

// Thresholds of Hint and of the enrolment gate. The measures are defined in
// Quality; the numbers come from the portraits and the disturbed portraits of
// quality_test.go, and are advice, not policy.
const (
	minShare      = 0.22 // face width over image width, below: closer
	maxShare      = 0.75 // above: farther
	maxOffCenter  = 0.18 // of the image's width and height
	maxTurn       = 25.0 // degrees of yaw and pitch, guidance
	maxRoll       = 30.0
	minBrightness = 0.12 // well-lit dark skin measures from 0.22
	maxBrightness = 0.90
	maxClipped    = 0.25
	minEyesOpen   = 0.25
	maxOcclusion  = 0.5
	minSharpness  = 0.28
	crowdShare    = 0.3 // a face this wide against the largest counts as a second person
)

// Quality measures the first of the faces, whose mesh is l, and chooses the
// hint for somebody in front of a camera. Faces counts those at least 0.3
// times as wide as the first. Brightness, Clipped and Sharpness look at the
// inner face only:
//
//   - Brightness is the mean luma (Rec. 709, of sRGB values) over 255;
//   - Clipped is the share of pixels with a luma under 6 or over 249;
//   - Sharpness is the contrast of fine detail, s/(s+s₀), s the standard
//     deviation of the Laplacian over that of the luma, at 96 pixels a face;
//   - Yaw is positive when the face turns to the image's right, Pitch when it
//     looks up, Roll when it leans clockwise; degrees, from three axes of the
//     mesh, good to about 5°.
func (e *Engine) Quality(m *imaging.Image, faces []Face, l Landmarks) faceproof.Quality {
	if len(faces) == 0 {
		return faceproof.Quality{Hint: faceproof.HintFaceScreen}
	}
	f := faces[0]
	q := faceproof.Quality{Width: f.Box.W, WidthShare: f.Box.W / float64(max(m.W, 1)), Occlusion: 1}
	for _, o := range faces {
		if o.Box.W >= crowdShare*f.Box.W {
			q.Faces++
		}
	}
	if l.Score >= MinMeshScore {
		q.EyeDistance = l.eyeDistance()
		q.Yaw, q.Pitch, q.Roll = l.pose()
		q.EyesOpen = l.eyesOpen()
		p := lookAt(m, &l)
		defer p.done()
		q.Brightness, q.Clipped, q.Sharpness = p.exposure()
		q.Occlusion = p.occlusion()
	}
	q.Hint = hint(m, f, l, q)
	return q
}

// hint picks what to improve first, in the order of faceproof's list.
func hint(m *imaging.Image, f Face, l Landmarks, q faceproof.Quality) faceproof.Hint {
	c := f.Box.center()
	w, h := float64(m.W), float64(m.H)
	turned := math.Abs(q.Yaw) > maxTurn || math.Abs(q.Pitch) > maxTurn || math.Abs(q.Roll) > maxRoll
	cut := f.Box.X < -0.1*f.Box.W || f.Box.Y < -0.1*f.Box.H || f.Box.X+f.Box.W > w+0.1*f.Box.W || f.Box.Y+f.Box.H > h+0.1*f.Box.H
	switch {
	case l.Score < MinMeshScore:
		return faceproof.HintFaceScreen
	case q.Faces > 1:
		return faceproof.HintOnePerson
	case q.WidthShare < minShare:
		return faceproof.HintCloser
	case q.WidthShare > maxShare || cut:
		return faceproof.HintFarther
	case math.Abs(c.X-w/2) > maxOffCenter*w || math.Abs(c.Y-h/2) > maxOffCenter*h:
		return faceproof.HintCenter
	case turned:
		return faceproof.HintFaceScreen
	case q.Brightness < minBrightness:
		return faceproof.HintTooDark
	case q.Brightness > maxBrightness || q.Clipped > maxClipped:
		return faceproof.HintTooBright
	case q.Occlusion > maxOcclusion:
		return faceproof.HintRemoveCover
	case q.EyesOpen < minEyesOpen:
		return faceproof.HintOpenEyes
	case q.Sharpness < minSharpness:
		return faceproof.HintHoldStill
	}
	return faceproof.HintNone
}

// pose gives yaw, pitch and roll in degrees from the mesh's own axes: chin to
// forehead and cheek to cheek, with z.
func (l *Landmarks) pose() (yaw, pitch, roll float64) {
	right := unit(sub3(l.Points[cheekRight], l.Points[cheekLeft]))
	down := unit(sub3(l.Points[chin], l.Points[forehead]))
	front := unit(cross(right, down)) // away from the camera
	eyes := l.rightEye().sub(l.leftEye())
	deg := 180 / math.Pi
	yaw = -math.Atan2(front[0], math.Hypot(front[1], front[2])) * deg
	pitch = math.Atan2(front[1], front[2])*deg - pitchBias
	roll = math.Atan2(eyes.Y, eyes.X) * deg
	return yaw, pitch, roll
}

// pitchBias is the pitch that the axes give for a face that looks straight
// ahead: the forehead lies behind the chin's plane.
const pitchBias = -3.0

func sub3(a, b [3]float64) [3]float64 { return [3]float64{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }

func cross(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func unit(a [3]float64) [3]float64 {
	n := math.Sqrt(a[0]*a[0]+a[1]*a[1]+a[2]*a[2]) + 1e-12
	return [3]float64{a[0] / n, a[1] / n, a[2] / n}
}

// Eye aspect ratios (Soukupová & Čech 2016) of this mesh for shut and for
// open eyes.
const (
	earShut = 0.10
	earOpen = 0.24
)

// eyesOpen maps the mean eye aspect ratio to 0 (shut) … 1 (open). The mesh
// follows eyelids loosely: a hint.
func (l *Landmarks) eyesOpen() float64 {
	ratio := func(outer, inner int, lids [3][2]int) float64 {
		var open float64
		for _, p := range lids {
			open += l.point(p[0]).dist(l.point(p[1]))
		}
		return open / 3 / (l.point(outer).dist(l.point(inner)) + 1e-9)
	}
	left := ratio(leftEyeOuter, leftEyeInner, [3][2]int{{160, 144}, {159, 145}, {158, 153}})
	right := ratio(rightEyeOuter, rightEyeInner, [3][2]int{{387, 373}, {386, 374}, {385, 380}})
	return clamp01(((left+right)/2 - earShut) / (earOpen - earShut))
}

func clamp01(v float64) float64 { return min(max(v, 0), 1) }
