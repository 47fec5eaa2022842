package faceproof

// NotMeasured is the score of a component that the picture or the program does
// not allow: −1, as OFIQ writes a failure to assess.
const NotMeasured = -1

// Components are the quality components of ISO/IEC 29794-5:2025 for one face,
// 0 to 100, higher is better, NotMeasured (−1) where one was not assessed.
// internal/face says how each is measured; docs/evaluation.md, "Quality", what
// deviates from the standard's own algorithms and what the unified score
// predicts.
type Components struct {
	Unified                  int `json:"unified_quality_score"`      // how well this picture can be compared
	BackgroundUniformity     int `json:"background_uniformity"`      // few edges behind the head
	IlluminationUniformity   int `json:"illumination_uniformity"`    // both cheeks are lit alike
	LuminanceMean            int `json:"luminance_mean"`             // neither dark nor bright
	LuminanceVariance        int `json:"luminance_variance"`         // some contrast, not too much
	UnderExposurePrevention  int `json:"under_exposure_prevention"`  // no black areas
	OverExposurePrevention   int `json:"over_exposure_prevention"`   // no white areas
	DynamicRange             int `json:"dynamic_range"`              // entropy of the grey levels
	Sharpness                int `json:"sharpness"`                  // fine detail
	NoCompressionArtifacts   int `json:"no_compression_artifacts"`   // by the tables of a JPEG; other files: not measured
	NaturalColour            int `json:"natural_colour"`             // the skin has the colour of skin
	SingleFacePresent        int `json:"single_face_present"`        // no second face, or a small one
	EyesOpen                 int `json:"eyes_open"`                  // the less open one
	MouthClosed              int `json:"mouth_closed"`               //
	EyesVisible              int `json:"eyes_visible"`               // always not measured
	MouthOcclusionPrevention int `json:"mouth_occlusion_prevention"` // no mask, no hand
	FaceOcclusionPrevention  int `json:"face_occlusion_prevention"`  // always not measured
	InterEyeDistance         int `json:"inter_eye_distance"`         // pixels between the eyes, less what a turned head hides
	HeadSize                 int `json:"head_size"`                  // eyes to chin over the picture's height, about .45
	LeftwardCrop             int `json:"leftward_crop_of_the_face_image"`
	RightwardCrop            int `json:"rightward_crop_of_the_face_image"`
	UpwardCrop               int `json:"upward_crop_of_the_face_image"`   // room below the eyes: the picture is not moved up
	DownwardCrop             int `json:"downward_crop_of_the_face_image"` // room above them
	HeadPoseYaw              int `json:"head_pose_yaw"`
	HeadPosePitch            int `json:"head_pose_pitch"`
	HeadPoseRoll             int `json:"head_pose_roll"`
	ExpressionNeutrality     int `json:"expression_neutrality"` // no smile, mouth at rest
	NoHeadCoverings          int `json:"no_head_coverings"`     // always not measured
}

// Component is one of Components by its name, with the advice to who can mend it.
type Component struct {
	Name  string `json:"name"`  // the member's name in JSON
	Score int    `json:"score"` // 0 to 100, or NotMeasured
	Hint  Hint   `json:"hint,omitempty"`
}

// List gives all components in the order of the standard's overview, the unified
// score first. Hint is what a person can do about a low score; it is there for
// every score, and empty for what nobody can act on.
func (c Components) List() []Component {
	return []Component{
		{"unified_quality_score", c.Unified, HintNone},
		{"background_uniformity", c.BackgroundUniformity, HintPlainBackground},
		{"illumination_uniformity", c.IlluminationUniformity, HintEvenLight},
		{"luminance_mean", c.LuminanceMean, HintEvenLight},
		{"luminance_variance", c.LuminanceVariance, HintEvenLight},
		{"under_exposure_prevention", c.UnderExposurePrevention, HintTooDark},
		{"over_exposure_prevention", c.OverExposurePrevention, HintTooBright},
		{"dynamic_range", c.DynamicRange, HintTooDark},
		{"sharpness", c.Sharpness, HintHoldStill},
		{"no_compression_artifacts", c.NoCompressionArtifacts, HintOriginalPhoto},
		{"natural_colour", c.NaturalColour, HintWhiteLight},
		{"single_face_present", c.SingleFacePresent, HintOnePerson},
		{"eyes_open", c.EyesOpen, HintOpenEyes},
		{"mouth_closed", c.MouthClosed, HintCloseMouth},
		{"eyes_visible", c.EyesVisible, HintRemoveCover},
		{"mouth_occlusion_prevention", c.MouthOcclusionPrevention, HintRemoveCover},
		{"face_occlusion_prevention", c.FaceOcclusionPrevention, HintRemoveCover},
		{"inter_eye_distance", c.InterEyeDistance, HintCloser},
		{"head_size", c.HeadSize, HintCenter},
		{"leftward_crop_of_the_face_image", c.LeftwardCrop, HintCenter},
		{"rightward_crop_of_the_face_image", c.RightwardCrop, HintCenter},
		{"upward_crop_of_the_face_image", c.UpwardCrop, HintCenter},
		{"downward_crop_of_the_face_image", c.DownwardCrop, HintCenter},
		{"head_pose_yaw", c.HeadPoseYaw, HintFaceScreen},
		{"head_pose_pitch", c.HeadPosePitch, HintEyeLevel},
		{"head_pose_roll", c.HeadPoseRoll, HintUpright},
		{"expression_neutrality", c.ExpressionNeutrality, HintRelaxFace},
		{"no_head_coverings", c.NoHeadCoverings, HintRemoveCover},
	}
}

// Advice is the first thing to improve: the quality's own hint, else that of the
// lowest component that the unified score is made of, else to hold still.
func (q Quality) Advice() Hint {
	if q.Hint != HintNone {
		return q.Hint
	}
	lowest, hint := 50, HintHoldStill
	if q.Components == nil {
		return hint
	}
	for _, c := range q.Components.List() {
		switch c.Name {
		case "sharpness", "head_pose_yaw", "head_pose_pitch", "luminance_mean", "luminance_variance", "over_exposure_prevention":
			if c.Score != NotMeasured && c.Score < lowest {
				lowest, hint = c.Score, c.Hint
			}
		}
	}
	return hint
}
