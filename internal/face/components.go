package face

import (
	"math"

	"faceproof"
	"faceproof/internal/imaging"
)

// Components assesses the first of the faces, whose mesh is l, under the names of
// ISO/IEC 29794-5:2025. jpegQ is the quality that the picture's quantisation
// tables imply, 1 to 100; 0 says that it was no JPEG. Without a mesh nothing is
// measured but how many faces there are.
//
// Native measures and mappings to 0…100 are those of the standard as OFIQ 1.0
// has them, unless a comment says otherwise. In all of them the landmarks are the
// mesh's (the standard: 98 of ADNet), luma is Rec. 709 of the sRGB values, and
// the aligned face is the head frame, 160 pixels a side (616). T is the distance
// from the middle of the eyes to the chin.
//
// Not measured, for want of a network that segments a face: EyesVisible,
// FaceOcclusionPrevention and NoHeadCoverings.
func (e *Engine) Components(m *imaging.Image, jpegQ int, faces []Face, l Landmarks) faceproof.Components {
	const none = faceproof.NotMeasured
	c := faceproof.Components{
		Unified: 0, BackgroundUniformity: none, IlluminationUniformity: none, LuminanceMean: none, LuminanceVariance: none,
		UnderExposurePrevention: none, OverExposurePrevention: none, DynamicRange: none, Sharpness: none,
		NoCompressionArtifacts: compression(jpegQ), NaturalColour: none, SingleFacePresent: single(faces), EyesOpen: none,
		MouthClosed: none, EyesVisible: none, MouthOcclusionPrevention: none, FaceOcclusionPrevention: none, InterEyeDistance: none,
		HeadSize: none, LeftwardCrop: none, RightwardCrop: none, UpwardCrop: none, DownwardCrop: none,
		HeadPoseYaw: none, HeadPosePitch: none, HeadPoseRoll: none, ExpressionNeutrality: none, NoHeadCoverings: none,
	}
	if len(faces) == 0 || l.Score < MinMeshScore {
		return c
	}
	place(&c, m, &l)
	posture(&c, &l)
	p := lookAt(m, &l)
	defer p.done()
	_, _, detail := p.exposure()
	c.Sharpness = percent(sigmoid(detail, sharpMiddle, sharpWidth))
	c.MouthOcclusionPrevention = percent(1 - p.occlusion())
	if h, ok := newHead(m, &l); ok {
		h.assess(&c)
		h.done()
	}
	c.Unified = unified(&c)
	return c
}

// Sharpness is the detail of patch.exposure, the contrast of the Laplacian at 96
// pixels a face. The standard asks a random forest over the same kind of filters.
// Half of LFW's press photos lie above .50, one in a hundred below .29.
const (
	sharpMiddle = .42
	sharpWidth  = .06
)

// NoCompressionArtifacts goes by the quality that the tables imply, and knows
// nothing of what was compressed before. The standard asks a network.
const (
	jpegMiddle = 50.0
	jpegWidth  = 12.0
)

func compression(jpegQ int) int {
	if jpegQ <= 0 {
		return faceproof.NotMeasured
	}
	return percent(sigmoid(float64(jpegQ), jpegMiddle, jpegWidth))
}

// single is 100·(1 − √(A₂/A₁)) of the areas of the two largest faces.
func single(faces []Face) int {
	if len(faces) == 0 {
		return 0
	}
	var first, second float64
	for _, f := range faces {
		if a := f.Box.area(); a > first {
			first, second = a, first
		} else {
			second = max(second, a)
		}
	}
	if first <= 0 {
		return 0
	}
	return percent(1 - math.Sqrt(second/first))
}

// place fills in where the face is in the picture, and how large.
func place(c *faceproof.Components, m *imaging.Image, l *Landmarks) {
	left, right := l.leftEye(), l.rightEye()
	eyes, apart, t := mid(left, right), left.dist(right), l.tMetric()
	if !(apart > 0 && t > 0) {
		return
	}
	yaw, _, _ := l.pose()
	c.InterEyeDistance = percent(sigmoid(apart/max(math.Cos(yaw*math.Pi/180), .1), 70, 20))
	c.HeadSize = percent(2 * (1 - sigmoid(math.Abs(t/float64(m.H)-.45), 0, .05)))
	c.LeftwardCrop = percent(sigmoid(left.X/apart, .9, .1))
	c.RightwardCrop = percent(sigmoid((float64(m.W)-right.X)/apart, .9, .1))
	c.UpwardCrop = percent(sigmoid((float64(m.H)-eyes.Y)/t, 1.8, .1))
	c.DownwardCrop = percent(sigmoid(eyes.Y/t, 1.4, .1))
}

// tMetric is T of Components, pixels.
func (l *Landmarks) tMetric() float64 {
	return mid(l.leftEye(), l.rightEye()).dist(l.point(chin))
}

// lids are pairs of points of the upper and the lower eyelid.
var lids = [2][3][2]int{{{160, 144}, {159, 145}, {158, 153}}, {{387, 373}, {386, 374}, {385, 380}}}

// posture fills in what the mesh says of the head, the eyes and the mouth. The
// angles are good to about 5° (the standard: a network of its own).
func posture(c *faceproof.Components, l *Landmarks) {
	yaw, pitch, roll := l.pose()
	c.HeadPoseYaw, c.HeadPosePitch, c.HeadPoseRoll = facing(yaw), facing(pitch), facing(roll)
	t := l.tMetric()
	if !(t > 0) {
		return
	}
	widest := func(pairs [][2]int) (d float64) {
		for _, p := range pairs {
			d = max(d, l.point(p[0]).dist(l.point(p[1])))
		}
		return d / t
	}
	c.EyesOpen = percent(sigmoid(min(widest(lids[0][:]), widest(lids[1][:])), .02, .01))
	c.MouthClosed = percent(1 - sigmoid(widest(innerLips[:]), .2, .06))
	c.ExpressionNeutrality = percent(1 - sigmoid(l.smile(), smileMiddle, smileWidth))
}

// facing is cos² of an angle in degrees; 0 from 90° on.
func facing(deg float64) int {
	return percent(math.Pow(max(math.Cos(deg*math.Pi/180), 0), 2))
}

// Of smile: where a smile and a face at rest part.
const (
	smileMiddle = 1.0
	smileWidth  = .1
)

// smile is the width of the mouth over the distance between the eyes. The standard
// asks a network for the expression; this sees smiles, and no other grimace.
func (l *Landmarks) smile() float64 {
	apart := l.eyeDistance()
	if !(apart > 0) {
		return 0
	}
	return l.point(mouthLeft).dist(l.point(mouthRight)) / apart
}

func sigmoid(x, middle, width float64) float64 { return 1 / (1 + math.Exp((middle-x)/width)) }

// percent rounds a share to 0…100.
func percent(v float64) int { return int(math.Round(100 * clamp01(v))) }

// unified says how well a picture can be compared: 100 times the product of the
// shares of sharpness, head pose and light, each to a power. It never falls when a
// component rises. The powers are round numbers, chosen on the first half of 700
// genuine pairs of LFW and kept where the second half gained too: sharpness and
// over-exposure predict false non-matches there, pose and luminance little, for
// LFW has few turned or dark faces; they are in it for what it has not. The
// standard takes the length of an embedding of a network trained for that.
func unified(c *faceproof.Components) int {
	share := func(score int) float64 { return float64(max(score, 0)) / 100 }
	light := share(c.LuminanceMean) * share(c.LuminanceVariance) * share(c.OverExposurePrevention)
	return percent(share(c.Sharpness) * share(c.HeadPosePitch) * math.Sqrt(share(c.HeadPoseYaw)*light))
}
