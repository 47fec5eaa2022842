package capture

import "time"

// MaxMessage is the longest message of a client, in bytes: a frame of the
// default limits. A socket's read limit must be one larger, so that an
// over-large message is answered with an error and not with a cut connection.
const MaxMessage = FrameHeader + 256<<10

// Limits of one session; docs/protocol.md has the same table.
type Limits struct {
	TextBytes      int           // of a text message
	FrameBytes     int           // of one JPEG
	SessionBytes   int           // of all JPEGs and all sound
	Frames         int           // of the challenge, an attempt, dropped ones included
	Previews       int           // a session
	FPS            float64       // by the frames' own times
	Burst          float64       // frames that may come at once above FPS
	AheadMS        float64       // how far the client's clock may run ahead of the server's
	DisplayMS      float64       // how far a display event may be from the frames around it
	PrerollMS      float64       // least pre-roll before the challenge, by the frames' own times
	PrerollFrames  int           // least frames in it
	PreSoundMS     float64       // of the digits: least sound before the first prompt
	AudioMS        float64       // of the digits: most sound of an attempt, and most time from prepare to listened
	GoodPreviews   int           // in a row before prepare
	Hello          time.Duration // connection to hello
	Ready          time.Duration // welcome or retry to ready
	Attempt        time.Duration // ready to result
	Preroll        time.Duration // prepare to challenge
	ChallengeSlack time.Duration // challenge to end, beyond the challenge's own duration
	PreviewAsk     Picture       // what the client is asked for
	CaptureAsk     Picture
	PortraitAsk    Picture
	VideoAsk       Picture // instead of both, where the capture is kept
}

// DefaultLimits are those of docs/protocol.md. Sources: security.md T24 and T26
// scaled to an attempt of up to 8.5 s at 15 fps; section 2.2 for the times.
func DefaultLimits() Limits {
	return Limits{
		TextBytes: 4 << 10, FrameBytes: 256 << 10, SessionBytes: 16 << 20,
		Frames: 400, Previews: 600, FPS: 40, Burst: 8, AheadMS: 5000, DisplayMS: 5000,
		PrerollMS: 1000, PrerollFrames: 8, PreSoundMS: 800, AudioMS: 20_000, GoodPreviews: 3,
		Hello: 10 * time.Second, Ready: 120 * time.Second, Attempt: 120 * time.Second,
		Preroll: 15 * time.Second, ChallengeSlack: 15 * time.Second,
		PreviewAsk:  Picture{FPS: 5, Width: 360, Height: 480, Quality: 80},
		CaptureAsk:  Picture{FPS: 12, Width: 192, Height: 256, Quality: 80},
		PortraitAsk: Picture{FPS: 12, Width: 360, Height: 480, Quality: 80},
		VideoAsk:    Picture{FPS: 15, Width: 360, Height: 480, Quality: 80},
	}
}
