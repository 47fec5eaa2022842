package faceproof

// Person is an enrolled person as it is stored. Who they are and what they look
// like are sealed apart, so that neither opens the other; ModelID, Frames and
// the times are readable, for the operator's list. Nothing here reveals a
// person without the key ring.
type Person struct {
	ID             string // 128 random bits, hex
	SubjectIndex   []byte // blind index of the ID number
	NameSealed     []byte // AAD "person.name" ‖ ID
	NumberSealed   []byte // the ID number, AAD "person.number" ‖ ID
	TemplateSealed []byte // AAD "person.template" ‖ ID; states its own model and frames, which bind
	ModelID        string // for the list only
	Frames         int    // for the list only
	CreatedAt      int64  // unix milliseconds
	UpdatedAt      int64  // unix milliseconds
}
