package faceproof

// DigitsChallenge is what the person reads aloud: digits that appear one by one,
// each told to the client only when it is due, under a screen whose colour changes
// with them. All durations are milliseconds.
type DigitsChallenge struct {
	Nonce     string `json:"nonce"`           // hex, 128 bits, unique
	Digits    string `json:"digits"`          // '0' to '9', 6; 4 where they appear at once
	ShowMS    []int  `json:"show_ms"`         // of each digit, after the end of the pre-roll; one entry for all when not Paced
	EndMS     int    `json:"end_ms"`          // when listening ends
	Paced     bool   `json:"paced"`           // one by one; false: all at once (compatibility mode)
	Neutral   RGB    `json:"neutral"`         // of the pre-roll
	FadeMS    int    `json:"fade_ms"`         // of every change of colour
	PrerollMS int    `json:"preroll_ms"`      // neutral light and silence before the first digit
	Light     []RGB  `json:"light,omitempty"` // gentle colours, one for each digit; empty: no light code
}

// DigitsEvidence is the outcome of reading aloud; see internal/digits for the
// exact definition of each.
type DigitsEvidence struct {
	Model   string        `json:"model"`  // of the recogniser
	Expect  int           `json:"expect"` // digits that were asked for
	Paced   bool          `json:"paced"`
	Audio   AudioEvidence `json:"audio"`
	Score   float64       `json:"score"`   // A: log-probability of the expected digits, a digit
	Better  int           `json:"better"`  // B: digits that beat each of their substitutes
	Heard   int           `json:"heard"`   // g: digits that a greedy reading finds
	InTime  int           `json:"in_time"` // digits whose onset follows their prompt as speech does
	MinA    float64       `json:"min_score"`
	MinFAR  float64       `json:"min_score_far"` // the false accept rate that MinA stands for, of random digits
	Lips    LipsEvidence  `json:"lips"`
	Scored  bool          `json:"scored"`         // false: the sound could not be judged; see Audio
	LightOn bool          `json:"light_on"`       // the light code was shown; Evidence.Flash judges it
	Hint    Hint          `json:"hint,omitempty"` // what would help the sound
}

// AudioFault says why sound cannot be judged, a closed set; empty: it can.
type AudioFault string

// The faults, in the order in which one is named.
const (
	AudioNone     AudioFault = ""
	AudioAbsent   AudioFault = "absent"   // none came
	AudioShort    AudioFault = "short"    // much shorter than the video, or with gaps
	AudioSilent   AudioFault = "silent"   // digital zeros, or nothing above −50 dBFS
	AudioClipped  AudioFault = "clipped"  // over 2 % of the samples
	AudioNoSpeech AudioFault = "unspoken" // too little that could be speech
	AudioNoisy    AudioFault = "noisy"    // speech less than 5 dB above the rest
)

// AudioEvidence describes the sound, without a voice: levels and lengths.
type AudioEvidence struct {
	Fault      AudioFault `json:"fault,omitempty"`
	DurationMS float64    `json:"duration_ms"`
	PeakDB     float64    `json:"peak_db"`   // dBFS, at least −120
	SNRDB      float64    `json:"snr_db"`    // estimated
	ActiveMS   float64    `json:"active_ms"` // speech-like
	Clipped    float64    `json:"clipped"`   // share of samples
	Zero       float64    `json:"zero"`      // share of samples
	Digest     string     `json:"digest"`    // hex SHA-256 of the PCM: the same sound again
}

// LipsEvidence compares the opening of the mouth with the sound.
type LipsEvidence struct {
	Frames int     `json:"frames"` // with lips; few: nothing was measured
	Range  float64 `json:"range"`  // of the opening, p95 − p5, in distances between the eyes
	Sync   float64 `json:"sync"`   // s: highest correlation within ±160 ms
	LagMS  float64 `json:"lag_ms"` // of it; positive: the mouth is later
	Null   float64 `json:"null"`   // z of Sync among shifts of this very sound
	Rival  float64 `json:"rival"`  // highest correlation from 300 to 1,000 ms off, either way
	Onsets int     `json:"onsets"` // digits at whose sound the mouth opens
}
