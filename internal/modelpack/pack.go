// Package modelpack knows which networks the product runs: their roles, files,
// digests, licences, pre-processing and calibrated thresholds are data, written
// in models/packs/*.toml, never guesses in code. It installs a pack into a data
// folder, loads it from there, and refuses every file whose digest differs.
package modelpack

import (
	"faceproof"
)

// Role is what a network is used for. A pack has exactly one of each of Roles,
// and may have one of RoleSpeech and several of RolePAD.
type Role string

// The roles.
const (
	RoleDetector  Role = "detector"  // picture → boxes and key points
	RoleLandmarks Role = "landmarks" // face crop → 468 points
	RoleEmbedder  Role = "embedder"  // aligned face → template vector
	RoleSpeech    Role = "speech"    // log-mel features → digits; a pack without it offers no reading aloud
	RolePAD       Role = "pad"       // face with its surroundings → live or an attack; all of a pack's together, or none
)

// Roles lists the roles that every pack has, in the order in which a picture
// meets them.
var Roles = []Role{RoleDetector, RoleLandmarks, RoleEmbedder}

// The kinds of network that internal/face can drive, and the one of
// internal/digits/asr; Model.Kind is one of them.
const (
	KindYuNet         = "yunet"
	KindBlazeFace     = "blazeface"
	KindFaceMesh      = "facemesh"
	KindMobileFaceNet = "mobilefacenet"
	KindDlibResNet    = "dlib-resnet"
	KindCTCLogMel40   = "ctc-logmel40" // its input is sound: Model.Input is empty

	KindMiniFASNetV2   = "minifasnet-v2"
	KindMiniFASNetV1SE = "minifasnet-v1se"
)

// Input is what a network takes: one float32 tensor in NCHW order of Width ×
// Height pixels, channel c of which is (x − Mean[c]) / Std[c], x from 0 to 255,
// channels in the order of Color.
type Input struct {
	Width, Height int
	Color         string // "rgb" or "bgr"
	Mean, Std     [3]float32
}

// Model is one network of a pack.
type Model struct {
	ID     string // stable; that of the embedder names alignment and averaging too
	Role   Role
	Kind   string
	Name   string // file name, for people
	File   string // absolute path, after Load
	SHA256 string // of the file, hexadecimal
	Bytes  int64  // of the file
	Input  Input
	// Data is the network itself, and File is empty, where the program carries it
	// (weights that this project trained; Calibration is the file beside it), or
	// converts it from the installed file.
	Data, Calibration []byte
	// Context, of RolePAD only, is the side of the crop over that of the detector's
	// box.
	Context float64

	Licence string // of the weights as published
	Source  string // where the file comes from, for people
	Origin  string // who trained it, on what, as far as is known
}

// Text is a message for users.
type Text struct {
	En string `json:"en"`
	Zh string `json:"zh"`
}

// Pack is an installed set of networks.
type Pack struct {
	ID, Title string
	Models    map[Role]Model
	PAD       []Model // those of RolePAD; nil: the pack has none, or they are not installed
	Match     Match
	Runtime   string // absolute path of libonnxruntime
	// Continuity is the similarity below which a frame's face is another
	// person's than the capture's mean template.
	Continuity float64
	Flash      faceproof.ShapePolicy
	Warning    Text // what the pack costs its users; empty when nothing
}

func invalid(field, format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, field, format, args...)
}
