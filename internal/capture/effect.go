package capture

import "faceproof"

// Effect is what the owner of a Session must do next, in order. A closed set.
type Effect interface{ effect() }

// Open asks to open the verification named in the hello; answer with Opened or
// Fail.
type Open struct{ Hello ClientHello }

// Send asks to send a message to the client.
type Send struct{ Message ServerMessage }

// Preview asks to look at a preview frame; answer with Guide.
type Preview struct{ Frame Frame }

// Record asks to take a frame of the challenge; not answered.
type Record struct{ Frame Frame }

// Sound asks to take a piece of the sound of a digits attempt; not answered.
type Sound struct{ Audio Audio }

// Forecast asks, once the pre-roll is long enough, how long the colours are to
// last, or whether any are to be shown; answer with Forecasted. Frames go on coming as Record.
type Forecast struct{ Transcript Transcript }

// Analyse asks to judge an attempt; answer with Result. Complete is false when
// the attempt was cut short by a deadline or its frames stopped early: it was
// not measured, must not pass, and only its counts mean something. Declined says
// that it was closed because Forecasted wanted no colours.
type Analyse struct {
	Transcript Transcript
	Complete   bool
	Declined   bool
}

// End says that the session is over and the socket is to be closed with Code
// once what was sent before has gone out. Reason is empty after a result.
type End struct {
	Reason faceproof.Reason
	Code   int    // WebSocket close code
	Text   string // short, for the close frame
}

func (Open) effect()     {}
func (Send) effect()     {}
func (Preview) effect()  {}
func (Record) effect()   {}
func (Sound) effect()    {}
func (Forecast) effect() {}
func (Analyse) effect()  {}
func (End) effect()      {}

// Transcript says how one attempt went; the frames were handed out by Record,
// the sound by Sound.
type Transcript struct {
	Attempt     int
	Method      string                    // faceproof.MethodFlash or MethodDigits
	Challenge   faceproof.FlashChallenge  // of flash; without segments: the colours were not drawn
	Digits      faceproof.DigitsChallenge // of digits
	Audio       AudioCounts               // of digits
	Display     []DisplayEvent            // lead if there was one, preroll, every segment or prompt, postroll when complete
	Captured    int                       // by the client's count
	Sent        int                       // by the client's count
	Dropped     int                       // by the client, by its count
	Received    int                       // frames handed out by Record
	RateDropped int                       // frames that came faster than the limit and were dropped here
	Bytes       int                       // of the JPEGs of Received
	ServerMS    float64                   // challenge sent to end received, server clock
	DriftMS     float64                   // delay of the slowest frame over that of the promptest
	Screen      Screen                    // of the hello; zero: not told
}

// AudioCounts describes the sound of an attempt as it came.
type AudioCounts struct {
	Messages int     `json:"messages"`
	Samples  int     `json:"samples"`
	T0       float64 `json:"t0"`     // ms of the first sample, client clock
	EndT     float64 `json:"end_t"`  // ms of the end of the last one
	GapMS    float64 `json:"gap_ms"` // of time that no sample covers, in gaps over 100 ms
}

// Gaps is the share of the time from the first to the last sample that is missing.
func (a AudioCounts) Gaps() float64 {
	if all := a.EndT - a.T0; all > 0 {
		return a.GapMS / all
	}
	return 0
}

// Verdict is the answer to Analyse.
type Verdict struct {
	Outcome      ResultOutcome
	Hint         faceproof.Hint  // with ResultRetry only
	Method       string          // of the next attempt, with ResultRetry only; empty: the same
	ErrCode      int             // WeChat's client code
	VerifyResult faceproof.Token // empty when the front end gets none
}
