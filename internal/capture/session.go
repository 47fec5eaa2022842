package capture

import (
	"time"

	"faceproof"
)

// Config of a Session.
type Config struct {
	Attempts     int                                      // captures in the session; 0: 3
	NewChallenge func() (faceproof.FlashChallenge, error) // needed
	CheckFrame   func(jpeg []byte) error                  // header check of every frame; nil: first bytes only
	Limits       Limits                                   // zero: DefaultLimits
	Start        time.Time                                // when the connection opened; zero: the first call's now
}

// Session is one capture; not for concurrent use.
type Session struct{ cfg Config }

// New makes a Session that waits for the hello.
func New(c Config) *Session { return &Session{cfg: c} }

// Handle takes one message of the client.
func (s *Session) Handle(now time.Time, binary bool, data []byte) ([]Effect, error) { return nil, nil }

// Opened answers Open.
func (s *Session) Opened(now time.Time) []Effect { return nil }

// Guide answers Preview.
func (s *Session) Guide(now time.Time, g faceproof.Guidance) []Effect { return nil }

// Result answers Analyse.
func (s *Session) Result(now time.Time, v Verdict) []Effect { return nil }

// Fail ends the session with an error.
func (s *Session) Fail(now time.Time, err error) []Effect { return nil }

// Tick lets deadlines pass.
func (s *Session) Tick(now time.Time) []Effect { return nil }
