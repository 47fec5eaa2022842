package faceproof

// AliveType is WeChat's checkAliveType.
type AliveType int

// The values of checkAliveType.
const (
	AliveDigits AliveType = 0 // read digits aloud
	AliveFlash  AliveType = 1 // screen flash
	AliveAuto   AliveType = 2 // flash where the room allows, else digits
)

// RGB is a colour in sRGB, 0 to 255 a channel.
type RGB [3]uint8

// FlashChallenge is what the screen shows: a black lead, a neutral pre-roll,
// then Segments of one colour each, then a neutral post-roll. The lead and the
// pre-roll each begin with a fade of FadeMS. In every segment the new colour
// slides over the screen along its long axis for WipeMS ("half-wipe") and
// stands for the rest. All durations are milliseconds.
// Design and safety limits: docs/protocol.md; source of the method: Face
// Flashing (Tang et al., NDSS 2018) and the randomisation test of
// internal/flash.
type FlashChallenge struct {
	Nonce     string         `json:"nonce"` // hex, 128 bits, unique
	Neutral   RGB            `json:"neutral"`
	LeadMS    int            `json:"lead_ms"` // black before the pre-roll; 0: none
	FadeMS    int            `json:"fade_ms"`
	PrerollMS int            `json:"preroll_ms"`
	SegmentMS int            `json:"segment_ms"`
	WipeMS    int            `json:"wipe_ms"`
	PostMS    int            `json:"postroll_ms"`
	Segments  []FlashSegment `json:"segments"`
}

// FlashSegment is one colour. Forward: the wipe runs from the top (portrait) or
// the left (landscape); otherwise from the other end.
type FlashSegment struct {
	Color   RGB  `json:"rgb"`
	Forward bool `json:"forward"`
}

// Hint is advice to the person, a closed set; web/core/text holds its wording.
type Hint string

// The hints, in the order in which one is chosen when several apply.
const (
	HintNone            Hint = ""
	HintFaceScreen      Hint = "face_screen"      // no face, or it looks away
	HintOnePerson       Hint = "one_person"       // more than one face
	HintCloser          Hint = "closer"           // face too small
	HintFarther         Hint = "farther"          // face too large or cut off
	HintCenter          Hint = "center"           // face not in the oval
	HintTooDark         Hint = "too_dark"         //
	HintTurnAway        Hint = "turn_away"        // a window or a lamp shines on the face
	HintTooBright       Hint = "too_bright"       // the room outshines the screen
	HintRaiseBrightness Hint = "raise_brightness" // the screen is too dim
	HintRemoveCover     Hint = "remove_cover"     // mask, sunglasses, hand
	HintOpenEyes        Hint = "open_eyes"        //
	HintHoldStill       Hint = "hold_still"       // blurred or moving
	HintSlowNetwork     Hint = "slow_network"     // too few frames reached the server
	HintMicrophone      Hint = "microphone"       // no sound came
	HintLouder          Hint = "louder"           // too quiet
	HintQuieter         Hint = "quieter"          // too loud: clipped
	HintQuietPlace      Hint = "quiet_place"      // the room is too noisy
	HintReadClearly     Hint = "read_clearly"     // each digit, when it appears
	HintShowMouth       Hint = "show_mouth"       // uncovered, towards the camera
	HintEyeLevel        Hint = "eye_level"        // the camera is too low or too high
	HintUpright         Hint = "upright"          // the head leans to a side
	HintEvenLight       Hint = "even_light"       // from one side, or too hard
	HintWhiteLight      Hint = "white_light"      // coloured light
	HintRelaxFace       Hint = "relax_face"       // a smile, a grimace
	HintCloseMouth      Hint = "close_mouth"      //
	HintPlainBackground Hint = "plain_background" // much behind the head
	HintOriginalPhoto   Hint = "original_photo"   // compressed too much
)

// Guidance is the server's answer to a preview frame.
type Guidance struct {
	OK   bool       `json:"ok"` // good enough to start
	Hint Hint       `json:"hint,omitempty"`
	Box  [4]float64 `json:"box"` // largest face: x, y, width, height as shares of the frame; zero when none
}
