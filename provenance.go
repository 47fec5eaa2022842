package faceproof

import (
	"math"
	"slices"
)

// ProvenanceEvidence is what the frames themselves, the client's account of
// its camera and the index of earlier captures tell about where the frames came
// from. Each number is explained in internal/provenance; none of them proves a
// camera.
type ProvenanceEvidence struct {
	Frames      int     `json:"frames"`
	Repeats     int     `json:"repeats"`      // frames whose bytes are those of an earlier frame of the attempt
	Still       float64 `json:"still"`        // share of the picture that is exactly as in the frame before, 0 to 1
	NoiseBlocks int     `json:"noise_blocks"` // measured flat blocks; 0: Noise means nothing
	Noise       float64 `json:"noise"`        // temporal noise of flat parts, grey levels of 255
	NoiseSlope  float64 `json:"noise_slope"`  // of ln(variance) over ln(light), linear light; shot noise: 1; 0: not measured
	Grid        float64 `json:"grid"`         // strength of an 8 × 8 grid that is not this JPEG's own
	Combed      float64 `json:"combed"`       // share of the DCT histogram that is missing in every other bin: quantised twice on one grid, 0 to 1
	Encodings   int     `json:"encodings"`    // different headers: size, chroma format, quantisation
	EvenTimes   float64 `json:"even_times"`   // share of intervals that are exact multiples of the smallest, 0 to 1
	DriftMS     float64 `json:"drift_ms"`     // how much later than the promptest frame the slowest one came

	Track TrackEvidence `json:"track"`

	Indexed bool `json:"indexed"` // the index was asked
	Reused  int  `json:"reused"`  // frames, of those sampled, whose very bytes were in another capture
	Similar int  `json:"similar"` // marks of movement and light shared with one other capture

	SameSound bool `json:"same_sound,omitempty"`   // the sound is, sample for sample, that of another capture
	Heard     int  `json:"heard_before,omitempty"` // marks of sound shared with one other capture of this person

	Score   float64  `json:"score"`   // sum of the weights of Signals
	Signals []Signal `json:"signals"` // what spoke against a camera

	Traces Traces `json:"-"` // for the index
}

// TrackEvidence is what the browser says about its camera: unproven.
type TrackEvidence struct {
	Label     string `json:"label"`     // "none": the browser gave no name, "plain", "virtual": as a virtual camera's; "": not told
	Facing    string `json:"facing"`    // "user", "environment", "left", "right"; "": not told
	Controls  int    `json:"controls"`  // of exposure, white balance, focus …, those that the track lists; -1: the browser cannot list
	Clock     string `json:"clock"`     // "camera": frames carry the time of their capture, "page"; "": not told
	Webdriver bool   `json:"webdriver"` // a program drives the browser
}

// Traces are what the index of captures keeps, under a key: they reveal no
// picture.
type Traces struct {
	Frames  [][]byte // SHA-256 of the JPEGs that show enough to be told apart
	Motions []uint64 // similarity hashes of movement and light
	PCM     []byte   // SHA-256 of the sound; empty: none that could be told from silence
	Sounds  []uint64 // similarity hashes of it
}

// TraceKind says what a mark in the index of captures is of.
type TraceKind string

// The kinds.
const (
	TraceFrame  TraceKind = "frame"  // the bytes of a JPEG
	TraceMotion TraceKind = "motion" // a band of a similarity hash of movement and light
	TraceSound  TraceKind = "sound"  // all samples of a sound
	TraceHeard  TraceKind = "heard"  // a band of a similarity hash of sound
)

// Signal names a sign that frames did not come straight from a camera.
type Signal string

// The signals.
const (
	SignalRepeats   Signal = "repeats"
	SignalStill     Signal = "still"
	SignalNoNoise   Signal = "no_noise"
	SignalGrid      Signal = "second_grid"
	SignalCombed    Signal = "quantised_twice"
	SignalEncodings Signal = "mixed_encodings"
	SignalEvenTimes Signal = "even_times"
	SignalDrift     Signal = "late_frames"
	SignalVirtual   Signal = "virtual_camera"
	SignalBack      Signal = "back_camera"
	SignalControls  Signal = "no_controls"
	SignalClock     Signal = "no_capture_time"
	SignalWebdriver Signal = "webdriver"
)

// SignalRule says when a signal speaks and what it weighs.
type SignalRule struct {
	Signal Signal
	Weight float64
	fires  func(ProvenanceEvidence) bool
}

// suspicious is the weight from which a capture is web_suspicious.
const suspicious = 1

// signalRules are published in docs/security.md, with what is known of their
// false alarms. A weight below 1 speaks only together with others.
var signalRules = []SignalRule{
	{SignalRepeats, 1, func(e ProvenanceEvidence) bool { return e.Repeats > e.Frames/4 }},
	{SignalStill, 1, func(e ProvenanceEvidence) bool { return e.Frames > 8 && e.Still > .98 }},
	{SignalNoNoise, .5, func(e ProvenanceEvidence) bool {
		return e.NoiseBlocks >= minNoiseBlocks && e.Noise < .05 && e.Still > .6
	}},
	{SignalGrid, .25, func(e ProvenanceEvidence) bool { return e.Grid > .25 }},
	{SignalCombed, .5, func(e ProvenanceEvidence) bool { return e.Combed > .25 }},
	{SignalEncodings, .5, func(e ProvenanceEvidence) bool { return e.Encodings > 3 }},
	{SignalEvenTimes, .5, func(e ProvenanceEvidence) bool { return e.Frames > 8 && e.EvenTimes > .99 }},
	{SignalDrift, .25, func(e ProvenanceEvidence) bool { return e.DriftMS > 2000 }},
	{SignalVirtual, 1, func(e ProvenanceEvidence) bool { return e.Track.Label == "virtual" }},
	{SignalBack, .25, func(e ProvenanceEvidence) bool { return e.Track.Facing == "environment" }},
	{SignalControls, .25, func(e ProvenanceEvidence) bool { return e.Track.Label != "" && e.Track.Controls == 0 }},
	{SignalClock, .25, func(e ProvenanceEvidence) bool { return e.Track.Clock == "page" }},
	{SignalWebdriver, 1, func(e ProvenanceEvidence) bool { return e.Track.Webdriver }},
}

// minNoiseBlocks is how many flat blocks a statement about noise needs.
const minNoiseBlocks = 500

// SignalRules lists the published signals and weights.
func SignalRules() []SignalRule { return slices.Clone(signalRules) }

// Weigh fills Signals and Score from the measured numbers.
func (e *ProvenanceEvidence) Weigh() {
	e.Signals, e.Score = []Signal{}, 0
	for _, r := range signalRules {
		if r.fires(*e) {
			e.Signals, e.Score = append(e.Signals, r.Signal), e.Score+r.Weight
		}
	}
}

// finite says whether every number is one.
func (e *ProvenanceEvidence) finite() bool {
	return !slices.ContainsFunc([]float64{e.Still, e.Noise, e.NoiseSlope, e.Grid, e.Combed, e.EvenTimes, e.DriftMS, e.Score},
		func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
}

// Assurance says how much is known about the camera (security.md T03).
type Assurance string

// The levels, best first. A web page cannot prove a real camera (W3C
// mediacapture-main #896), so the best is that nothing was odd.
const (
	AssuranceWebUnattested   Assurance = "web_unattested"
	AssuranceWebSuspicious   Assurance = "web_suspicious"   // hints: a virtual camera, a recoded stream, a driven browser
	AssuranceReplaySuspected Assurance = "replay_suspected" // an earlier capture came again
)

// minSimilar marks of movement shared with one other capture make a
// near-duplicate; chance and the same person on another day give fewer, see
// docs/evaluation.md.
const minSimilar = 8

// minHeard marks of sound shared with one other capture of the same person make
// a copy; another reading by the same voice gives fewer, see docs/evaluation.md.
const minHeard = 10

// CaptureAssurance is what the evidence allows to say about the camera. It is
// pure; Decide does not look at it.
func CaptureAssurance(e Evidence) Assurance {
	p := e.Provenance
	switch {
	case p == nil:
		return AssuranceWebUnattested
	case p.Reused > 0 || p.Similar >= minSimilar || p.heard():
		return AssuranceReplaySuspected
	case p.Score >= suspicious || !p.finite():
		return AssuranceWebSuspicious
	}
	return AssuranceWebUnattested
}

// heard says whether the sound was heard before: the same samples, or a copy.
func (e *ProvenanceEvidence) heard() bool { return e.SameSound || e.Heard >= minHeard }

// replayed says whether stored frames were sent again, byte for byte, or a stored
// sound, be it compressed or recorded anew: a finding, not a hint. Noise keeps a
// camera from making the same file twice, and nobody speaks twice alike; that the
// light falls twice alike is another matter, so a copied movement stays a hint.
func replayed(p Policy, e Evidence) bool {
	v := e.Provenance
	return p.MinReused > 0 && v != nil && (v.Reused >= p.MinReused || e.Method == MethodDigits && v.heard())
}
