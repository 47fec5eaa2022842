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
func (Forecast) effect() {}
func (Analyse) effect()  {}
func (End) effect()      {}

// Transcript says how one attempt went; the frames were handed out by Record.
type Transcript struct {
	Attempt     int
	Challenge   faceproof.FlashChallenge // without segments: the colours were not drawn
	Display     []DisplayEvent           // lead if there was one, preroll, every segment, postroll when complete
	Captured    int                      // by the client's count
	Sent        int                      // by the client's count
	Dropped     int                      // by the client, by its count
	Received    int                      // frames handed out by Record
	RateDropped int                      // frames that came faster than the limit and were dropped here
	Bytes       int                      // of the JPEGs of Received
	ServerMS    float64                  // challenge sent to end received, server clock
	DriftMS     float64                  // delay of the slowest frame over that of the promptest
	Screen      Screen                   // of the hello; zero: not told
}

// Verdict is the answer to Analyse.
type Verdict struct {
	Outcome      ResultOutcome
	Hint         faceproof.Hint  // with ResultRetry only
	ErrCode      int             // WeChat's client code
	VerifyResult faceproof.Token // empty when the front end gets none
}
