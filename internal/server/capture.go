package server

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/verify"
)

// The times of a capture socket. The session has its own deadlines
// (docs/protocol.md); these are for a peer that is gone.
const (
	writeWithin  = 10 * time.Second
	pingEvery    = 20 * time.Second
	pongWithin   = 20 * time.Second
	socketWithin = 10 * time.Minute // three attempts take less
)

// capture takes one WebSocket and moves messages between it and the session.
func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		writeError(w, faceproof.Errorf(faceproof.CodeInvalid, "Upgrade", "must be websocket; see docs/protocol.md"))
		return
	}
	if err := s.cfg.Ready(); err != nil {
		writeError(w, faceproof.Errorf(faceproof.CodeUnavailable, "", "not ready"))
		return
	}
	ip := s.clientIP(r)
	if err := s.slots.take(ip); err != nil {
		if faceproof.ErrorCode(err) == faceproof.CodeUnavailable {
			s.cfg.Limited("slots")
		} else {
			s.cfg.Limited("address_slots")
		}
		writeError(w, err)
		return
	}
	defer s.slots.give(ip)
	s.pumps.Add(1)
	defer s.pumps.Done()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{capture.Subprotocol},
		// The origin is checked when the hello has named the session: only then
		// is it known whose pages may open it.
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled, // JPEGs do not shrink
	})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != capture.Subprotocol {
		refuse(s.ctx, conn, faceproof.Errorf(faceproof.CodeInvalid, "Sec-WebSocket-Protocol", "must be %s", capture.Subprotocol))
		return
	}
	conn.SetReadLimit(capture.MaxMessage + 1)
	// A socket that was taken over is no longer bound to the request's context.
	ctx, cancel := context.WithTimeout(verify.WithCaller(s.ctx, s.caller(r)), socketWithin)
	defer cancel()
	live, err := s.open(ctx, conn, r)
	if err != nil {
		if faceproof.ErrorCode(err) == faceproof.CodeInternal {
			s.cfg.Log.ErrorContext(ctx, "capture did not open", "error", faceproof.LogText(err))
		}
		refuse(ctx, conn, s.denied(ctx, "", "capture", err))
		return
	}
	s.pump(ctx, cancel, conn, live)
}

// open reads the hello and lets the session take the socket.
func (s *Server) open(ctx context.Context, conn *websocket.Conn, r *http.Request) (*verify.Live, error) {
	hctx, cancel := context.WithTimeout(ctx, capture.DefaultLimits().Hello)
	defer cancel()
	kind, data, err := conn.Read(hctx)
	if err != nil {
		return nil, faceproof.Errorf(faceproof.CodeExpired, "hello", "did not come in time")
	}
	if kind != websocket.MessageText {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "hello", "must be the first message")
	}
	hello, err := capture.ParseHello(data)
	if err != nil {
		return nil, err
	}
	if !s.originAllowed(r, hello.SessionID) {
		return nil, faceproof.Errorf(faceproof.CodeForbidden, "Origin", "pages of this origin may not open the app's captures")
	}
	return s.cfg.Captures.Capture(ctx, hello)
}

// originAllowed checks the page that opened the socket. What is no browser
// sends no origin, and could send any.
func (s *Server) originAllowed(r *http.Request, sessionID string) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if s.cfg.AllowOrigin != nil {
		return s.cfg.AllowOrigin(r, sessionID, origin)
	}
	_, host, _ := strings.Cut(origin, "://")
	return strings.EqualFold(host, r.Host)
}

// refuse says why there is no session, and closes.
func refuse(ctx context.Context, conn *websocket.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	m := capture.ErrorFor(err)
	if data, merr := capture.Marshal(m); merr == nil {
		_ = conn.Write(ctx, websocket.MessageText, data)
	}
	_ = conn.Close(websocket.StatusCode(capture.CloseCode(m.Code)), string(m.Code))
}

// pump moves messages until the session or the socket is over. The session
// ends first in every case: nothing of it runs when pump returns.
func (s *Server) pump(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn, live *verify.Live) {
	var busy atomic.Bool // the reader waits for the analysis, so no pong is read
	read := make(chan struct{})
	go func() {
		defer close(read)
		ended := false
		for {
			kind, data, err := conn.Read(ctx)
			if err != nil {
				break
			}
			if ended {
				continue // until the peer answers the close
			}
			busy.Store(true)
			ended = live.Message(ctx, kind == websocket.MessageBinary, data) != nil
			busy.Store(false)
		}
		live.Close(faceproof.ReasonDisconnected)
	}()
	go keepAlive(ctx, cancel, conn, &busy)

	broken := false
	for data := range live.Out() {
		if broken {
			continue // Out is emptied, so that the session never waits for a dead peer
		}
		wctx, done := context.WithTimeout(ctx, writeWithin)
		broken = conn.Write(wctx, websocket.MessageText, data) != nil
		done()
		if broken {
			cancel()
		}
	}
	code, text := live.CloseCode()
	if !broken {
		_ = conn.Close(websocket.StatusCode(code), text)
	}
	cancel()
	<-read
}

// keepAlive pings, so that proxies keep the socket and a dead peer is noticed.
func keepAlive(ctx context.Context, cancel context.CancelFunc, conn *websocket.Conn, busy *atomic.Bool) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		pctx, done := context.WithTimeout(ctx, pongWithin)
		err := conn.Ping(pctx)
		done()
		if err != nil && !busy.Load() {
			cancel()
			return
		}
	}
}
