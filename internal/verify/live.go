package verify

import (
	"context"

	"faceproof"
)

// Live is one running capture.
type Live struct{}

// Message takes one message of the client; it blocks while the analysis is
// behind. The error is the one that ended the session.
func (l *Live) Message(ctx context.Context, binary bool, data []byte) error { panic("not yet") }

// Out gives the messages for the client, JSON; closed when the session is over.
func (l *Live) Out() <-chan []byte { panic("not yet") }

// CloseCode gives the WebSocket close code and text, once Out is closed.
func (l *Live) CloseCode() (int, string) { panic("not yet") }

// Close ends the session if it still runs and waits until nothing of it does.
func (l *Live) Close(reason faceproof.Reason) { panic("not yet") }
