package faceproof

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Role of a person who runs this server. A person may hold several; who holds
// none may do nothing.
type Role string

// The roles.
const (
	RoleOperator  Role = "operator"      // apps: switches, quotas, origins, secrets, webhooks, policy; other admins
	RoleReviewer  Role = "reviewer"      // applications and their licences
	RoleAuditor   Role = "auditor"       // reads the audit log, changes nothing
	RoleCustodian Role = "key-custodian" // second person for keys and for what is exported
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleOperator, RoleReviewer, RoleAuditor, RoleCustodian} }

// CheckRoles refuses none, unknown and doubled ones. Errors: CodeInvalid with field.
func CheckRoles(list []Role, field string) error {
	for i, r := range list {
		if !slices.Contains(Roles(), r) || slices.Contains(list[:i], r) {
			return Errorf(CodeInvalid, field, "must be among %v, each once", Roles())
		}
	}
	if len(list) == 0 {
		return Errorf(CodeInvalid, field, "must name a role: %v", Roles())
	}
	return nil
}

// Admin is a person who runs this server.
type Admin struct {
	ID        string // "ad_" and 16 hex digits; what the audit log names
	Name      string // for other admins
	Roles     []Role
	Apps      []AppID // the only apps that this person may touch; empty: all
	Disabled  bool
	CreatedAt int64 // unix milliseconds

	// Provided is there for a person who logs in by an identity provider, and nil
	// for one with a passkey.
	Provided *Provided

	// ShownAt is when the session that this was found by began, with a passkey or at
	// a provider, in unix milliseconds; 0 outside a session.
	ShownAt int64
}

// FreshTime is how long ago a person must have shown who they are for what does
// most harm in a session that somebody else got hold of.
const FreshTime = 5 * time.Minute

// Fresh says whether they have, at a moment in unix milliseconds. What counts for
// a provider is when the person logged in there, if it says so, and not when it
// sent the browser back without asking.
func (a Admin) Fresh(now int64) bool {
	at := a.ShownAt
	if a.Provided != nil {
		at = min(at, a.Provided.At)
	}
	return at > 0 && at <= now && now-at <= FreshTime.Milliseconds()
}

// Provided is what is kept of a log-in by an identity provider: whose it is, and
// the roles that the provider's claim stood for at the newest one. It is stored
// as JSON where a passkey's record would be.
type Provided struct {
	Issuer string `json:"issuer"`
	Roles  []Role `json:"roles"`
	At     int64  `json:"at,omitempty"` // when the person logged in there, unix milliseconds; 0: it does not say
}

// ParseProvided reads a record; nil for that of a passkey, which has no issuer.
func ParseProvided(record []byte) *Provided {
	var p Provided
	if err := json.Unmarshal(record, &p); err != nil || p.Issuer == "" {
		return nil
	}
	return &p
}

// May gives the roles in which the person may act: those of the invitation, and
// of them only those that the identity provider, where there is one, says too. A
// provider takes away and never gives.
func (p *Provided) May(invited []Role) []Role {
	if p == nil {
		return invited
	}
	return slices.DeleteFunc(slices.Clone(invited), func(r Role) bool { return !slices.Contains(p.Roles, r) })
}

// Has says whether the person may act in one of the roles.
func (a Admin) Has(roles ...Role) bool {
	may := a.Provided.May(a.Roles)
	return !a.Disabled && slices.ContainsFunc(roles, func(r Role) bool { return slices.Contains(may, r) })
}

// May says whether the person may touch an app; "" is what belongs to no app.
func (a Admin) May(app AppID) bool {
	return !a.Disabled && (len(a.Apps) == 0 || app != "" && slices.Contains(a.Apps, app))
}

// MaxAdminName bounds a name in characters.
const MaxAdminName = 64

// CheckAdminName refuses what no screen shows as one line. Errors: CodeInvalid with field.
func CheckAdminName(name, field string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > MaxAdminName || !utf8.ValidString(name) || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Errorf(CodeInvalid, field, "must be 1 to %d printable characters", MaxAdminName)
	}
	return nil
}

// AdminInvite lets one person become an admin, once.
type AdminInvite struct {
	Hash      []byte // SHA-256 of the token
	Name      string
	Roles     []Role
	Apps      []AppID
	CreatedAt int64 // unix milliseconds
	ExpiresAt int64
}

// AdminSession is a log-in.
type AdminSession struct {
	Hash      []byte // SHA-256 of the token
	AdminID   string
	CreatedAt int64 // unix milliseconds
	SeenAt    int64
}

// ProposalState of a Proposal.
type ProposalState string

// The states.
const (
	ProposalOpen     ProposalState = "open"
	ProposalApproved ProposalState = "approved" // a second person agreed; being done
	ProposalDone     ProposalState = "done"
	ProposalFailed   ProposalState = "failed"
	ProposalRefused  ProposalState = "refused"
	ProposalUsed     ProposalState = "used" // an import that was agreed to, and made
)

// Proposal is what one admin asks for and another must agree to.
type Proposal struct {
	ID         string          `json:"id"` // "pr_" and 16 hex digits
	Action     string          `json:"action"`
	AppID      AppID           `json:"app_id"`
	Body       json.RawMessage `json:"body"`
	Reason     string          `json:"reason"`
	State      ProposalState   `json:"state"`
	ProposedBy string          `json:"proposed_by"`
	DecidedBy  string          `json:"decided_by,omitempty"`
	CreatedAt  int64           `json:"created_at"` // unix milliseconds
	ExpiresAt  int64           `json:"expires_at"`
	DecidedAt  int64           `json:"decided_at,omitempty"`
}

// MaxReason bounds why something is asked for, in characters.
const MaxReason = 200

// CheckReason refuses none, and what no screen shows as one line. Errors:
// CodeInvalid with field.
func CheckReason(text, field string) error {
	n := utf8.RuneCountInString(text)
	if strings.TrimSpace(text) == "" || n > MaxReason || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Errorf(CodeInvalid, field, "must be 1 to %d printable characters", MaxReason)
	}
	return nil
}
