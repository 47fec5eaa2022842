package faceproof

import (
	"fmt"
	"io"
	"log/slog"
)

// Evidence is what analysis measured in one capture: numbers only, no pixels,
// no names. Decide turns it into a Decision under a Policy.
type Evidence struct {
	PackID    string            `json:"pack_id"`
	Method    string            `json:"method"`             // "flash" or "digits"
	Light     *LightEvidence    `json:"light,omitempty"`    // before the colours; nil: the attempt did not get so far
	Declined  bool              `json:"declined,omitempty"` // the colours were not shown, by Light
	Assurance Assurance         `json:"capture_assurance"`
	Attempt   int               `json:"attempt"` // 1, 2, …
	Capture   CaptureEvidence   `json:"capture"`
	Face      FaceEvidence      `json:"face"`
	Flash     *FlashEvidence    `json:"flash,omitempty"`
	Digits    *DigitsEvidence   `json:"digits,omitempty"`
	Parallax  *ParallaxEvidence `json:"parallax,omitempty"` // while the face came closer; nil: not asked for, or it did not
	PAD       *PADEvidence      `json:"pad,omitempty"`      // how the face looks; nil: no networks for it, or no frame to ask
	Match     *MatchEvidence    `json:"match,omitempty"`    // nil: no face could be embedded, or no reference
	Reference ReferenceState    `json:"reference"`

	Provenance *ProvenanceEvidence `json:"provenance,omitempty"` // where the frames came from; nil: not measured
}

// CaptureEvidence counts the frames of the challenge, pre-roll to post-roll.
type CaptureEvidence struct {
	Captured   int     `json:"captured"` // by the client's own count
	Received   int     `json:"received"`
	Dropped    int     `json:"dropped"` // by the client, for want of bandwidth
	Bytes      int     `json:"bytes"`
	DurationMS float64 `json:"duration_ms"`  // first to last frame, client clock
	ServerMS   float64 `json:"server_ms"`    // challenge sent to end received, server clock
	FPS        float64 `json:"fps"`          // effective
	GapShare   float64 `json:"gap_share"`    // share of the duration inside gaps over 200 ms, 0 to 1
	JPEGQ      int     `json:"jpeg_quality"` // lowest quality implied by the quantisation tables, 1 to 100
}

// FaceEvidence summarises the faces of the capture.
type FaceEvidence struct {
	Analysed   int     `json:"analysed"`   // frames looked at
	WithFace   int     `json:"with_face"`  // frames with exactly one face
	ManyFaces  int     `json:"many_faces"` // frames with more than one
	Continuity float64 `json:"continuity"` // lowest similarity of a frame's face to the capture's mean template, and of two of the faces it is the mean of
	Quality    Quality `json:"quality"`    // of the best frame

	AwayMS float64 `json:"away_ms,omitempty"` // the longest time without a face, once there was one
	Poor   bool    `json:"poor,omitempty"`    // no frame before the colours is good enough to be compared
}

// Quality of one face image; the names follow ISO/IEC 29794-5 where it has one.
type Quality struct {
	Faces       int     `json:"faces"`
	Width       float64 `json:"face_width"`         // pixels, box
	WidthShare  float64 `json:"face_width_share"`   // of the image width
	EyeDistance float64 `json:"inter_eye_distance"` // pixels
	Yaw         float64 `json:"yaw"`                // degrees
	Pitch       float64 `json:"pitch"`              // degrees
	Roll        float64 `json:"roll"`               // degrees
	Sharpness   float64 `json:"sharpness"`          // 0 to 1
	Brightness  float64 `json:"brightness"`         // mean luminance of the face, 0 to 1
	Clipped     float64 `json:"clipped"`            // share of face pixels over- or under-exposed
	EyesOpen    float64 `json:"eyes_open"`          // 0 shut, 1 open
	Occlusion   float64 `json:"occlusion"`          // 0 none, 1 covered; a hint only
	Hint        Hint    `json:"hint,omitempty"`     // what to improve first; empty: good enough

	Components *Components `json:"components,omitempty"` // as ISO/IEC 29794-5 names them, 0 to 100; nil: not asked for
}

// FlashEvidence is the outcome of the flash test; see internal/flash for the
// exact definition of each.
type FlashEvidence struct {
	P               float64       `json:"p"`                // randomisation p-value, (0, 1]
	Candidates      int           `json:"candidates"`       // N of the test
	Segments        int           `json:"segments"`         // colours of the challenge
	Z               float64       `json:"z"`                // for monitoring
	R2              float64       `json:"r2"`               // explained share, 0 to 1
	Amplitude       float64       `json:"amplitude"`        // q̄: mean screen/ambient ratio
	Flicker         float64       `json:"flicker"`          // strength of any coloured light that changes on the face, ours or not, in the unit of Amplitude
	LatencyMS       float64       `json:"latency_ms"`       // display to frame
	BackgroundRatio float64       `json:"background_ratio"` // b: response of the background over that of the face
	BackgroundCells int           `json:"background_cells"`
	SkinCells       int           `json:"skin_cells"`
	L               float64       `json:"l"`   // ln likelihood ratio of a face's shape to a flat thing's; near 0: the light is too weak to know
	Cut             float64       `json:"cut"` // motion at the borders of the colours over motion elsewhere; 0: not measured
	Shape           ShapeEvidence `json:"shape"`
	Measurable      bool          `json:"measurable"` // false: too few usable frames; the numbers mean nothing
	Hint            Hint          `json:"hint,omitempty"`
}

// ShapeEvidence is how the response to the light varies over the face: α is the
// response of a place over the mean of the face, less 1. SE is a standard error.
type ShapeEvidence struct {
	Cells     int     `json:"cells"`      // of the skin; 0: no shape was measured
	B         float64 `json:"b"`          // slope of α on what the face's mesh predicts: 0 flat, about .6 live
	BSE       float64 `json:"b_se"`       //
	Spec      float64 `json:"spec"`       // slope of α on the gloss that the mesh predicts
	SpecSE    float64 `json:"spec_se"`    //
	D         float64 `json:"d"`          // slope of the response to the difference along the screen on its prediction: 0 flat, about 1 live
	DSE       float64 `json:"d_se"`       //
	Spread    float64 `json:"spread"`     // standard deviation of α over the skin
	HeadCells int     `json:"head_cells"` // 0: no Kappa
	Kappa     float64 `json:"kappa"`      // slope of α on ln brightness over the head: about 0 what reflects, −1 what glows
	KappaSE   float64 `json:"kappa_se"`
}

// MatchEvidence compares the mean template of the capture with the reference.
type MatchEvidence struct {
	ModelID         string  `json:"model_id"`
	Similarity      float64 `json:"similarity"`      // higher is more alike: cosine, or 1 − L2 distance, as the pack says
	Threshold       float64 `json:"threshold"`       // from the pack's calibration, for these numbers of frames and the policy's MaxFMR
	FMR             float64 `json:"fmr"`             // the false match rate that the threshold stands for: at most MaxFMR, or the pack has no such threshold
	Score           float64 `json:"score,omitempty"` // MatchScore of the similarity, 0 to 100; absent: 0, or measured before there were scores
	ProbeFrames     int     `json:"probe_frames"`
	ReferenceFrames int     `json:"reference_frames"`
}

// ReferenceState says what the registry knew about the claimed subject.
type ReferenceState string

// The states. Everything but ReferenceFound is told to nobody before liveness
// has passed, and then only to the business backend (security.md T14).
const (
	ReferenceFound        ReferenceState = "found"
	ReferenceAbsent       ReferenceState = "absent"
	ReferenceNameMismatch ReferenceState = "name_mismatch"
	ReferenceOtherModel   ReferenceState = "other_model" // enrolled under another embedder: enrol again
)

// Reference is the registry's answer. When State is not ReferenceFound,
// Template is a dummy so that the same work is done either way.
type Reference struct {
	State    ReferenceState
	PersonID string
	Template Template
}

// Template is a mean of unit embeddings, normalised again. Templates of
// different models are never compared. It prints as ***.
type Template struct {
	ModelID string
	Frames  int // averaged
	Vector  []float32
}

// Format hides the template under every verb.
func (Template) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the template.
func (Template) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the template.
func (Template) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
