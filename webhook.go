package faceproof

// Webhook is where an app wants to be told that something happened. Its secret
// is not stored: it is made of the key file and Nonce.
type Webhook struct {
	AppID     AppID
	URL       string // https, see egress.CheckURL
	Nonce     string // hex; a new one for each setting, so that the secret changes
	ChangedAt int64  // unix milliseconds
}

// The kinds of event.
const (
	EventDecided = "verification.decided"
	EventEnded   = "verification.ended" // without a decision
)

// WebhookState of an event.
type WebhookState string

// The states.
const (
	WebhookWaiting   WebhookState = "waiting"
	WebhookDelivered WebhookState = "delivered" // the receiver answered 2xx
	WebhookFailed    WebhookState = "failed"    // given up
)

// WebhookEvent is one row of the outbox. It is written in the transaction of
// what it tells, and it holds ids only.
type WebhookEvent struct {
	ID             string // "evt_" and 32 hex digits; the same in every try
	AppID          AppID
	VerificationID string
	OutSeqNo       string // the business's own number, generation 2
	Kind           string
	State          WebhookState
	Tries          int
	Status         int   // HTTP status of the last try; 0: no answer
	CreatedAt      int64 // unix milliseconds
	DueAt          int64 // of the next try, while waiting
	DoneAt         int64 // delivered or given up
}

// CheckWebhookState refuses what is no state; "" means any. Errors: CodeInvalid
// with field.
func CheckWebhookState(s WebhookState, field string) error {
	switch s {
	case "", WebhookWaiting, WebhookDelivered, WebhookFailed:
		return nil
	}
	return Errorf(CodeInvalid, field, "must be %s, %s or %s", WebhookWaiting, WebhookDelivered, WebhookFailed)
}
