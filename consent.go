package faceproof

// ConsentText is what a person was shown before they consented, word for word.
type ConsentText struct {
	Hash    string // SHA-256, hex, of Body
	Lang    string // "zh" or "en"
	Wording int    // version of the copy deck that it was made with
	Body    string
}

// Consent is what one person agreed to before one capture: which text, when,
// how and in which language. Nothing here reveals a person without the key
// ring. Its receipt is a bearer secret of the person's, with which they read
// the text again and withdraw.
type Consent struct {
	VerificationID string
	AppID          AppID
	ReceiptHash    []byte // SHA-256 of the receipt
	SubjectIndex   []byte // of the verification
	PersonIndex    []byte // of the registry
	Notice         string // Notice.Hash
	Text           ConsentText
	Guardian       GuardianRole // who ticked for a child
	GivenAt        int64        // unix milliseconds, as the next ones
	// Proven says that the capture then showed the person of the ID number. Only
	// such a receipt speaks for that person: anybody can claim a number.
	Proven      bool
	WithdrawnAt int64 // 0: it stands
}

// Method says how the consent was given, for the audit log: a closed
// vocabulary.
func (c Consent) Method() string {
	if c.Guardian != GuardianNone {
		return "ticks:" + string(c.Guardian)
	}
	return "ticks"
}

// Withdrawal is a consent taken back. From At on no session of the person
// begins, until they are enrolled anew.
type Withdrawal struct {
	Receipt   string // for the person: names this withdrawal, opens nothing
	At        int64  // unix milliseconds
	DeletedAt int64  // when the last of the face data was gone; 0: not yet, or there was none to delete by this receipt
}

// PeopleLevels are the numbers of people holding face data at which an operator
// is told: at the last one the duty to file begins (Measures on face
// recognition, article 15: 30 working days).
var PeopleLevels = []int{80_000, 95_000, 100_000}

// PeopleLevel is a level that was reached.
type PeopleLevel struct {
	Level int   `json:"level"`
	At    int64 `json:"at"` // unix milliseconds
}
