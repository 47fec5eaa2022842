package faceproof

// Person is an enrolled person as it is stored. Who they are and what they look
// like are sealed apart, under two keys of this person alone, so that neither
// opens the other; ModelID, Frames and the times are readable, for the
// operator's list. Nothing here reveals a person without the key ring.
//
// A sealed value is bound to the person's ID, its purpose and, for the template,
// ModelID (PersonCipher). Of a person enrolled before there were keys of one's
// own Sealing is SealedByRing: then the binding is the purpose ‖ ID.
type Person struct {
	ID             string     // 128 random bits, hex
	SubjectIndex   []byte     // blind index of the ID number
	NameSealed     []byte     // "person.name", under Keys.Identity
	NumberSealed   []byte     // the ID number: "person.number", under Keys.Identity
	TemplateSealed []byte     // "person.template", under Keys.Biometric; states its own model and frames, which bind
	Keys           PersonKeys // kept apart from all the others; empty once destroyed
	Sealing        Sealing
	ModelID        string // for the list; binds the template too
	Frames         int    // for the list only
	CreatedAt      int64  // unix milliseconds
	UpdatedAt      int64  // unix milliseconds
}

// Sealing says under which keys a person's values are sealed.
type Sealing int

const (
	SealedByRing Sealing = 0 // the ring's own, as before schema 9
	SealedByKeys Sealing = 1 // keys of the person's own
)

// PersonKeys are the two data keys of one person, each wrapped by a
// key-encryption key that is not in any database. Destroying them destroys the
// person's data in every copy of the database.
type PersonKeys struct {
	KEK       string // which key-encryption key wraps both
	Identity  []byte // opens name and ID number
	Biometric []byte // opens the template
	Fresh     bool   // made now; not stored yet
}

// Absent says that there are no keys: not yet, or no more.
func (k PersonKeys) Absent() bool { return len(k.Identity) == 0 || len(k.Biometric) == 0 }

// KeyedPerson is a person's keys without the person, for rotation. Place is
// where the store has them: the order in which they are read and written fastest.
type KeyedPerson struct {
	ID    string
	Place int64
	Keys  PersonKeys
}

// PersonCipher seals and opens the values of one person. What was sealed for
// another person, purpose or model, or changed, is CodeInternal.
type PersonCipher interface {
	Seal(purpose, model string, plain []byte) ([]byte, error)
	Open(purpose, model string, sealed []byte) ([]byte, error)
	// Pseudonym is what the audit log calls the person: 32 hex digits that nobody
	// can make again once the person's keys are destroyed. Of a person without keys
	// it is the ID.
	Pseudonym() (string, error)
}

// Deletion is the receipt of a person's deletion, and the tombstone that undoes
// a restore of an older database. It names nobody: PersonID is random, and
// Subject and Keys say nothing without the key file. MAC is over all the rest.
type Deletion struct {
	Receipt   string `json:"receipt"`    // "del_" and 32 hex digits
	PersonID  string `json:"person_id"`  // 32 hex digits
	Subject   string `json:"subject"`    // hex: blind index by which this person's verifications are found; "" when it could not be read any more
	Keys      string `json:"keys"`       // hex: SHA-256 of the wrapped keys that were destroyed; "" when there were none
	DeletedAt int64  `json:"deleted_at"` // unix milliseconds
	MAC       string `json:"mac"`        // hex
}
