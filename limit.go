package faceproof

// Attempt is one try that counts against a budget. It names nobody: Key is a
// keyed index.
type Attempt struct {
	Kind  AttemptKind
	Key   []byte
	AppID AppID
	Ref   string // id of the verification; counted once a kind
	At    int64  // unix milliseconds
}

// AttemptKind says what a budget is for.
type AttemptKind string

// The kinds.
const (
	AttemptSubject AttemptKind = "subject" // a live face that was not this person's
	AttemptName    AttemptKind = "name"    // the business was told that the name is another
	AttemptMiss    AttemptKind = "miss"    // the business was told what the registry holds
	AttemptDevice  AttemptKind = "device"  // any failure from one browser, as far as a server can tell
	AttemptAddress AttemptKind = "ip"      // any failure from one address
)
