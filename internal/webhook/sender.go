package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/bits"
	"net/http"
	"strconv"
	"sync"
	"time"

	"faceproof"
)

// Store keeps the outbox; *store.Store is one.
type Store interface {
	Webhook(ctx context.Context, id faceproof.AppID) (faceproof.Webhook, error)
	ClaimWebhooks(ctx context.Context, at int64, lease time.Duration, limit int) ([]faceproof.WebhookEvent, error)
	WebhookTried(ctx context.Context, e faceproof.WebhookEvent, status int, next, at int64) error
}

// Config of a Sender; Store, Keys and Client are needed.
type Config struct {
	Store  Store
	Keys   Keys
	Client *http.Client // egress.New's: the URL is an app's
	Now    func() time.Time
	Log    *slog.Logger
}

// Sender delivers what is in the outbox, at least once each.
type Sender struct{ c Config }

// New makes a Sender.
func New(c Config) (*Sender, error) {
	if c.Store == nil || c.Keys == nil || c.Client == nil {
		return nil, errors.New("webhook: Store, Keys and Client are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Sender{c}, nil
}

const (
	every    = 2 * time.Second  // between two looks at the outbox
	lease    = 60 * time.Second // a try takes 10 s at most
	together = 16               // messages on the way at once
	// Tries is how often a message is sent before it is given up, over a day and
	// a quarter.
	Tries = 12
)

// Run delivers until ctx ends. What was on the way then is sent again later.
func (s *Sender) Run(ctx context.Context) {
	for {
		n, err := s.Once(ctx)
		if err != nil && ctx.Err() == nil {
			s.c.Log.Error("the outbox of webhooks does not answer", "error", faceproof.LogText(err))
		}
		wait := every
		if n == together {
			wait = 0 // there may be more
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Once sends what is due now and says how many messages that were.
func (s *Sender) Once(ctx context.Context) (int, error) {
	due, err := s.c.Store.ClaimWebhooks(ctx, s.c.Now().UnixMilli(), lease, together)
	if err != nil {
		return 0, err
	}
	var all sync.WaitGroup
	failed := make([]error, len(due))
	for i, e := range due {
		all.Go(func() { failed[i] = s.deliver(ctx, e) })
	}
	all.Wait()
	return len(due), errors.Join(failed...)
}

// deliver makes one try and records it.
func (s *Sender) deliver(ctx context.Context, e faceproof.WebhookEvent) error {
	w, err := s.c.Store.Webhook(ctx, e.AppID)
	status := 0
	switch {
	case faceproof.ErrorCode(err) == faceproof.CodeNotFound:
		e.Tries = max(e.Tries, Tries) // the app is revoked: nobody is told any more
		return s.c.Store.WebhookTried(ctx, e, 0, 0, s.c.Now().UnixMilli())
	case err != nil:
		return err
	}
	status, err = s.post(ctx, w, e)
	if ctx.Err() != nil {
		return nil // the server stops; the lease ends by itself
	}
	now := s.c.Now().UnixMilli()
	next := int64(0)
	if e.Tries < Tries {
		next = now + Backoff(e.Tries, e.ID).Milliseconds()
	}
	// The URL may hold a receiver's own token, so it is in no log.
	s.c.Log.Info("webhook", "event", e.ID, "app", e.AppID, "try", e.Tries, "status", status, "error", faceproof.LogText(err))
	return s.c.Store.WebhookTried(ctx, e, status, next, now)
}

// Message is the body.
type Message struct {
	ID             string          `json:"id"`
	Type           string          `json:"type"`
	Created        int64           `json:"created"` // unix seconds
	AppID          faceproof.AppID `json:"app_id"`
	VerificationID string          `json:"verification_id"`
	OutSeqNo       string          `json:"out_seq_no,omitempty"`
}

func (s *Sender) post(ctx context.Context, w faceproof.Webhook, e faceproof.WebhookEvent) (int, error) {
	body, err := json.Marshal(Message{e.ID, e.Kind, e.CreatedAt / 1000, e.AppID, e.VerificationID, e.OutSeqNo})
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	stamp := s.c.Now().Unix()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Faceproof")
	r.Header.Set(HeaderID, e.ID)
	r.Header.Set(HeaderTimestamp, strconv.FormatInt(stamp, 10))
	r.Header.Set(HeaderSignature, Sign(Secret(s.c.Keys, w), stamp, e.ID, body))
	resp, err := s.c.Client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// What the receiver says is not kept; a little of it is read so that the
	// connection can be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	return resp.StatusCode, nil
}

// Backoff is how long to wait after a try, counted from 1: 10 s, three times as
// long each time, six hours at most, up to a quarter more by the event's id so
// that the messages of one outage do not come back together.
func Backoff(try int, id string) time.Duration {
	d := 6 * time.Hour
	if try < 8 {
		d = 10 * time.Second
		for range try - 1 {
			d *= 3
		}
	}
	spread := uint64(14695981039346656037)
	for _, b := range []byte(id) {
		spread = bits.RotateLeft64((spread^uint64(b))*1099511628211, 7)
	}
	return d + time.Duration(spread%1000)*d/4000
}
