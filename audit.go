package faceproof

// AuditEntry records a state change or an access to biometric data. It is
// written in the transaction that it describes. It holds ids only.
type AuditEntry struct {
	At     int64  // unix milliseconds
	Actor  string // "app:wx…", "capture", "cli", "retention"
	Action string // "verification.create", "credential.redeem", "person.add", …
	Object string // id of what was touched
	Detail string // closed vocabulary, such as a Reason; no free text, but the legal basis of a search 1:N
}
