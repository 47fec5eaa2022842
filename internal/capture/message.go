package capture

import (
	"encoding/json"

	"faceproof"
)

// Subprotocol is the WebSocket sub-protocol of version 1.
const Subprotocol = "faceproof.v1"

// Version of the protocol that this package speaks.
const Version = 1

// ClientMessage is one text message of the client; a closed set.
type ClientMessage interface{ clientMessage() }

// ClientHello opens the session: who it is for, what the person agreed to and
// what the device says about itself. The token prints as ***.
type ClientHello struct {
	SessionID    string
	CaptureToken faceproof.Token
	SDK          string // version of the client, at most 64 characters
	Lang         string // "zh" or "en"
	Consent      Consent
	Camera       Camera
	Screen       Screen
	Track        faceproof.TrackEvidence // what the browser says of its camera; zero: nothing
}

// Consent is what the person ticked: the notice by its hash, separate consent
// to the processing of the face, and consent to the transmission.
type Consent struct {
	Notice   string `json:"notice"` // faceproof.Notice.Hash
	Separate bool   `json:"separate"`
	Transfer bool   `json:"transfer"`
	// Wording is the version of the texts that the client shows; 0: not told, the
	// server's newest.
	Wording int `json:"wording,omitempty"`
	// Guardian is who ticked for a person under 14.
	Guardian faceproof.GuardianRole `json:"guardian,omitempty"`
}

// Camera is the track's settings as the browser tells them.
type Camera struct {
	Width  int     `json:"width"`  // pixels
	Height int     `json:"height"` // pixels
	FPS    float64 `json:"fps"`    // 0: not told
}

// Screen is the size of the page in CSS pixels and the device pixel ratio.
type Screen struct {
	Width  int     `json:"width"`
	Height int     `json:"height"`
	DPR    float64 `json:"dpr"`
}

// ClientReady says that the camera runs and the person has read the warning.
type ClientReady struct {
	Attempt int `json:"attempt"`
}

// The events of a display.
const (
	DisplayLead     = "lead"
	DisplayPreroll  = "preroll"
	DisplaySegment  = "segment" // of the flash
	DisplayPrompt   = "prompt"  // of the digits
	DisplayPostroll = "postroll"
)

// DisplayEvent says when the screen first showed something.
type DisplayEvent struct {
	Event string  `json:"event"`
	Index int     `json:"index"` // of the segment or prompt, else 0
	T     float64 `json:"t"`     // ms, the animation frame that first drew it, client clock
}

// ClientDisplay reports one display event.
type ClientDisplay struct {
	Attempt int `json:"attempt"`
	DisplayEvent
}

// ClientEnd closes an attempt with the client's own count of its frames from
// pre-roll to post-roll.
type ClientEnd struct {
	Attempt  int `json:"attempt"`
	Captured int `json:"captured"`
	Sent     int `json:"sent"`
	Dropped  int `json:"dropped"`
	Samples  int `json:"samples"` // of sound, sent; digits only
}

// ClientAbort ends the session.
type ClientAbort struct {
	Reason string `json:"reason"` // "cancel", "hidden", "camera", "alternative"
	Stage  int    `json:"stage"`  // WeChat's code of the screen where it happened, 90002 to 90006
}

func (ClientHello) clientMessage()   {}
func (ClientReady) clientMessage()   {}
func (ClientDisplay) clientMessage() {}
func (ClientEnd) clientMessage()     {}
func (ClientAbort) clientMessage()   {}

// ServerMessage is one text message of the server; a closed set. Marshal
// encodes it.
type ServerMessage interface{ messageType() string }

// Welcome says that the session is now this socket's.
type Welcome struct {
	V         int     `json:"v"`
	Method    string  `json:"method,omitempty"` // of the attempt; empty: flash
	Attempt   int     `json:"attempt"`
	Attempts  int     `json:"attempts"`
	ExpiresMS int     `json:"expires_ms"` // within which ready must come
	Preview   Picture `json:"preview"`
	Capture   Picture `json:"capture"`
	Portrait  Picture `json:"portrait,omitzero"` // some of Capture, in neutral light: for the match
	Limits    Quota   `json:"limits"`
	Receipt   string  `json:"receipt,omitempty"` // of the consent, for the person to keep
}

// Picture is what the client is asked to send. Width and Height are of the
// portrait form; a landscape client turns them.
type Picture struct {
	FPS     int `json:"fps"`
	Width   int `json:"width"`
	Height  int `json:"height"`
	Quality int `json:"quality"` // JPEG, 1 to 100
}

// Quota tells the client the limits that it can meet.
type Quota struct {
	FrameBytes   int `json:"frame_bytes"`
	SessionBytes int `json:"session_bytes"`
	Frames       int `json:"frames"`
}

// Guide answers a preview frame.
type Guide struct{ faceproof.Guidance }

// Prepare asks for the black lead and the neutral pre-roll; of the digits for
// the pre-roll, frames and sound.
type Prepare struct {
	Attempt   int           `json:"attempt"`
	Method    string        `json:"method,omitempty"` // empty: flash, and the last three mean nothing
	Neutral   faceproof.RGB `json:"neutral"`
	LeadMS    int           `json:"lead_ms"`
	FadeMS    int           `json:"fade_ms"`
	PrerollMS int           `json:"preroll_ms"`
	Digits    int           `json:"digits,omitempty"` // how many will be asked for
	Paced     bool          `json:"paced,omitempty"`  // one by one; false: all at once
	Light     bool          `json:"light,omitempty"`  // a gentle colour comes with each prompt
}

// Prompt shows the next digit, no sooner than it is due.
type Prompt struct {
	Attempt int            `json:"attempt"`
	Index   int            `json:"index"`
	Digits  string         `json:"digits"`        // one; all where they are not paced
	RGB     *faceproof.RGB `json:"rgb,omitempty"` // the page fades to it; nil: it stays
}

// Listened ends the listening: the client stops recording and shows the
// post-roll.
type Listened struct {
	Attempt int `json:"attempt"`
}

// ChallengeMessage tells the colours, as late as possible.
type ChallengeMessage struct {
	Attempt int `json:"attempt"`
	faceproof.FlashChallenge
}

// Analysing says that the attempt is complete.
type Analysing struct {
	Attempt int `json:"attempt"`
}

// ResultOutcome is what the front end learns.
type ResultOutcome string

// The outcomes for the front end.
const (
	ResultPass  ResultOutcome = "pass"
	ResultFail  ResultOutcome = "fail"
	ResultRetry ResultOutcome = "retry"
)

// ResultMessage ends an attempt; pass and fail end the session.
type ResultMessage struct {
	Outcome      ResultOutcome  `json:"outcome"`
	Hint         faceproof.Hint `json:"hint"`
	Method       string         `json:"method,omitempty"` // of the next attempt, with retry; empty: flash
	Attempt      int            `json:"attempt"`
	AttemptsLeft int            `json:"attempts_left"`
	ErrCode      int            `json:"err_code"` // WeChat's client code; 0 for pass and retry
	VerifyResult string         `json:"verify_result,omitempty"`
}

// ErrorMessage ends the session.
type ErrorMessage struct {
	Code    faceproof.Code `json:"code"`
	Field   string         `json:"field"`
	Message string         `json:"message"`
	ErrCode int            `json:"err_code"`
}

func (Welcome) messageType() string          { return "welcome" }
func (Guide) messageType() string            { return "guide" }
func (Prepare) messageType() string          { return "prepare" }
func (ChallengeMessage) messageType() string { return "challenge" }
func (Prompt) messageType() string           { return "prompt" }
func (Listened) messageType() string         { return "listened" }
func (Analysing) messageType() string        { return "analysing" }
func (ResultMessage) messageType() string    { return "result" }
func (ErrorMessage) messageType() string     { return "error" }

// Marshal encodes a server message, its type first.
func Marshal(m ServerMessage) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	out := append([]byte(`{"type":"`), m.messageType()...)
	out = append(out, '"')
	if len(body) > 2 {
		out = append(out, ',')
	}
	return append(out, body[1:]...), nil
}
