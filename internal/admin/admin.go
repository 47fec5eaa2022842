// Package admin knows who runs this server: invitations, log-ins by passkey or by
// an identity provider, sessions that end, and what needs a second person. It
// decides; internal/server speaks HTTP, internal/passkey WebAuthn, internal/oidc
// OpenID Connect.
package admin

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/passkey"
)

// How long things last.
const (
	Idle         = 15 * time.Minute // a session that nothing was asked in
	Longest      = 8 * time.Hour    // any session
	InviteTime   = time.Hour
	ProposalTime = 24 * time.Hour
	ceremonyTime = 5 * time.Minute
)

// Store keeps admins; *store.Store is one.
type Store interface {
	Invite(ctx context.Context, i faceproof.AdminInvite, actor string) error
	OpenInvite(ctx context.Context, hash []byte, at int64) (faceproof.AdminInvite, error)
	Enrol(ctx context.Context, invite []byte, a faceproof.Admin, credentialHash, credential []byte, at int64) error
	Admins(ctx context.Context) ([]faceproof.Admin, error)
	Passkeys(ctx context.Context, id string) (faceproof.Admin, [][]byte, error)
	ProvidedAdmin(ctx context.Context, hash []byte) (faceproof.Admin, error)
	LogIn(ctx context.Context, session faceproof.AdminSession, credentialHash, credential []byte) error
	Session(ctx context.Context, hash []byte, begun, seen, at int64) (faceproof.Admin, error)
	LogOut(ctx context.Context, hash []byte, admin string) error
	DisableAdmin(ctx context.Context, id, actor string) error
	Propose(ctx context.Context, p faceproof.Proposal) error
	DecideProposal(ctx context.Context, id, admin string, agree bool, at int64) (faceproof.Proposal, error)
	EndProposal(ctx context.Context, id string, state faceproof.ProposalState, actor string) error
	Proposal(ctx context.Context, id string) (faceproof.Proposal, error)
	Proposals(ctx context.Context) ([]faceproof.Proposal, error)
}

// Passkeys are the ceremonies; *passkey.Site is one.
type Passkeys interface {
	BeginEnrol(id, name string) (options, state []byte, err error)
	FinishEnrol(id, name string, state, answer []byte) (passkey.Passkey, error)
	BeginLogin() (options, state []byte, err error)
	FinishLogin(state, answer []byte, find func(id string) ([][]byte, error)) (id string, p passkey.Passkey, err error)
}

// Keys seals the state of a ceremony, which the browser carries; *keys.Ring is one.
type Keys interface {
	Seal(plain, aad []byte) ([]byte, error)
	Open(sealed, aad []byte) ([]byte, error)
}

// Config of a Gate; Store and Keys are needed. Without Passkeys and Provider nobody
// can log in, and invitations can still be made.
type Config struct {
	Store    Store
	Passkeys Passkeys
	Provider Provider // nil: nobody logs in by an identity provider
	Keys     Keys
	Now      func() time.Time // nil: time.Now
	Rand     io.Reader        // nil: crypto/rand
}

// Gate says who somebody is. It is safe for concurrent use.
type Gate struct {
	c Config

	mu   sync.Mutex
	used map[string]time.Time // ceremonies that have succeeded, until their end
}

// New makes a Gate.
func New(c Config) (*Gate, error) {
	if c.Store == nil || c.Keys == nil {
		return nil, errors.New("admin: Store and Keys are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Gate{c: c, used: map[string]time.Time{}}, nil
}

func (g *Gate) millis() int64 { return g.c.Now().UnixMilli() }

func (g *Gate) id(prefix string) string {
	return prefix + keys.NewHex(g.c.Rand, 8).Reveal()
}

// CheckInvite refuses what Invite would. Errors: CodeInvalid with field "name",
// "roles" or "apps".
func CheckInvite(name string, roles []faceproof.Role, apps []faceproof.AppID) error {
	if err := errors.Join(faceproof.CheckAdminName(name, "name"), faceproof.CheckRoles(roles, "roles")); err != nil {
		return err
	}
	for _, a := range apps {
		if !a.Valid() {
			return faceproof.Errorf(faceproof.CodeInvalid, "apps", "must be wx and 16 hex digits each")
		}
	}
	return nil
}

// Invite makes an invitation for one person, valid for InviteTime. The token is
// given this once. Errors: of CheckInvite.
func (g *Gate) Invite(ctx context.Context, name string, roles []faceproof.Role, apps []faceproof.AppID, actor string) (faceproof.Token, error) {
	if err := CheckInvite(name, roles, apps); err != nil {
		return faceproof.Token{}, err
	}
	token := keys.NewToken(g.c.Rand, 32)
	now := g.c.Now()
	return token, g.c.Store.Invite(ctx, faceproof.AdminInvite{Hash: keys.HashToken(token.Reveal()), Name: name, Roles: roles, Apps: apps,
		CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(InviteTime).UnixMilli()}, actor)
}

// First says whether nobody can log in yet.
func (g *Gate) First(ctx context.Context) (bool, error) {
	list, err := g.c.Store.Admins(ctx)
	return err == nil && !slices.ContainsFunc(list, func(a faceproof.Admin) bool { return !a.Disabled }), err
}

// ceremony is the state that a browser carries, sealed.
type ceremony struct {
	Invite  []byte          `json:"invite,omitempty"` // hash
	Admin   string          `json:"admin,omitempty"`
	State   json.RawMessage `json:"state"`
	Nonce   string          `json:"nonce"`
	Expires int64           `json:"expires"` // unix milliseconds
}

func (g *Gate) seal(kind string, c ceremony) (string, error) {
	c.Nonce, c.Expires = g.id(""), g.c.Now().Add(ceremonyTime).UnixMilli()
	b, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	b, err = g.c.Keys.Seal(b, keys.AAD("admin.ceremony", kind))
	return base64.RawURLEncoding.EncodeToString(b), err
}

func (g *Gate) open(kind, sealed string) (c ceremony, err error) {
	wrong := faceproof.Errorf(faceproof.CodeUnauthenticated, "ceremony", "is unknown, used or too old; begin again")
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return c, wrong
	}
	if b, err = g.c.Keys.Open(b, keys.AAD("admin.ceremony", kind)); err != nil || json.Unmarshal(b, &c) != nil || c.Expires <= g.millis() {
		return c, wrong
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, used := g.used[c.Nonce]; used {
		return c, wrong
	}
	return c, nil
}

// use marks a ceremony as done; of two at once one is.
func (g *Gate) use(c ceremony) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.c.Now()
	for n, end := range g.used {
		if end.Before(now) {
			delete(g.used, n)
		}
	}
	if _, used := g.used[c.Nonce]; used {
		return false
	}
	g.used[c.Nonce] = time.UnixMilli(c.Expires)
	return true
}

// BeginEnrol begins to make an admin of whoever brings an invitation. Errors:
// CodeUnauthenticated.
func (g *Gate) BeginEnrol(ctx context.Context, invite string) (options json.RawMessage, sealed string, err error) {
	if g.c.Passkeys == nil {
		return nil, "", noPasskeys()
	}
	i, err := g.invited(ctx, keys.HashToken(invite))
	if err != nil {
		return nil, "", err
	}
	id := g.id("ad_")
	o, state, err := g.c.Passkeys.BeginEnrol(id, i.Name)
	if err != nil {
		return nil, "", err
	}
	sealed, err = g.seal("enrol", ceremony{Invite: i.Hash, Admin: id, State: state})
	return o, sealed, err
}

func noPasskeys() error {
	return faceproof.Errorf(faceproof.CodeUnavailable, "", "passkeys need a server with a name; see serve --public-origin")
}

func (g *Gate) invited(ctx context.Context, hash []byte) (faceproof.AdminInvite, error) {
	i, err := g.c.Store.OpenInvite(ctx, hash, g.millis())
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		err = faceproof.Errorf(faceproof.CodeUnauthenticated, "invite", "is unknown, used or expired")
	}
	return i, err
}

// FinishEnrol makes the admin and opens his first session. Errors:
// CodeUnauthenticated, CodeConflict for a passkey that is known.
func (g *Gate) FinishEnrol(ctx context.Context, sealed string, answer []byte) (a faceproof.Admin, token faceproof.Token, err error) {
	if g.c.Passkeys == nil {
		return a, token, noPasskeys()
	}
	c, err := g.open("enrol", sealed)
	if err != nil {
		return a, token, err
	}
	i, err := g.invited(ctx, c.Invite)
	if err != nil {
		return a, token, err
	}
	p, err := g.c.Passkeys.FinishEnrol(c.Admin, i.Name, c.State, answer)
	if err != nil {
		return a, token, err
	}
	a = faceproof.Admin{ID: c.Admin, Name: i.Name, Roles: i.Roles, Apps: i.Apps, CreatedAt: g.millis()}
	if !g.use(c) {
		return a, token, faceproof.Errorf(faceproof.CodeUnauthenticated, "ceremony", "is used")
	}
	if err = g.c.Store.Enrol(ctx, i.Hash, a, p.Hash, p.Record, a.CreatedAt); err != nil {
		if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			err = faceproof.Errorf(faceproof.CodeUnauthenticated, "invite", "is unknown, used or expired")
		}
		return a, token, err
	}
	token, err = g.session(ctx, a.ID, p.Hash, p.Record)
	return a, token, err
}

// BeginLogin begins a log-in of whoever has a passkey.
func (g *Gate) BeginLogin() (options json.RawMessage, sealed string, err error) {
	if g.c.Passkeys == nil {
		return nil, "", noPasskeys()
	}
	o, state, err := g.c.Passkeys.BeginLogin()
	if err != nil {
		return nil, "", err
	}
	sealed, err = g.seal("login", ceremony{State: state})
	return o, sealed, err
}

// FinishLogin opens a session. Errors: CodeUnauthenticated.
func (g *Gate) FinishLogin(ctx context.Context, sealed string, answer []byte) (a faceproof.Admin, token faceproof.Token, err error) {
	c, err := g.open("login", sealed)
	if err != nil {
		return a, token, err
	}
	id, p, err := g.c.Passkeys.FinishLogin(c.State, answer, func(id string) (records [][]byte, err error) {
		a, records, err = g.c.Store.Passkeys(ctx, id)
		return records, err
	})
	if err != nil {
		return a, token, err
	}
	if !g.use(c) {
		return a, token, faceproof.Errorf(faceproof.CodeUnauthenticated, "ceremony", "is used")
	}
	token, err = g.session(ctx, id, p.Hash, p.Record)
	return a, token, err
}

func (g *Gate) session(ctx context.Context, id string, hash, record []byte) (faceproof.Token, error) {
	token := keys.NewToken(g.c.Rand, 32)
	now := g.millis()
	return token, g.c.Store.LogIn(ctx, faceproof.AdminSession{Hash: keys.HashToken(token.Reveal()), AdminID: id, CreatedAt: now, SeenAt: now}, hash, record)
}

// Who says whose a session is. Errors: CodeUnauthenticated for one that is
// unknown, idle, too long, ended, a disabled admin's, or one of an identity
// provider that is not configured any more.
func (g *Gate) Who(ctx context.Context, token string) (faceproof.Admin, error) {
	now := g.c.Now()
	a, err := g.c.Store.Session(ctx, keys.HashToken(token), now.Add(-Longest).UnixMilli(), now.Add(-Idle).UnixMilli(), now.UnixMilli())
	if err == nil && a.Provided != nil && (g.c.Provider == nil || g.c.Provider.Issuer() != a.Provided.Issuer) {
		return faceproof.Admin{}, faceproof.Errorf(faceproof.CodeUnauthenticated, "session", "its identity provider is no longer believed")
	}
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		err = faceproof.Errorf(faceproof.CodeUnauthenticated, "session", "is over; log in")
	}
	return a, err
}

// LogOut ends a session.
func (g *Gate) LogOut(ctx context.Context, token string, a faceproof.Admin) error {
	return g.c.Store.LogOut(ctx, keys.HashToken(token), a.ID)
}

// Admins lists everybody.
func (g *Gate) Admins(ctx context.Context) ([]faceproof.Admin, error) { return g.c.Store.Admins(ctx) }

// Disable ends an admin. Errors: CodeNotFound; CodeConflict for oneself, so that
// nobody is left outside by a slip.
func (g *Gate) Disable(ctx context.Context, id string, by faceproof.Admin) error {
	if id == by.ID {
		return faceproof.Errorf(faceproof.CodeConflict, "admin", "another admin must do that")
	}
	return g.c.Store.DisableAdmin(ctx, id, "admin:"+by.ID)
}

// Propose records what a second person must agree to. Errors: CodeInvalid.
func (g *Gate) Propose(ctx context.Context, by faceproof.Admin, action string, app faceproof.AppID, body json.RawMessage, reason string) (faceproof.Proposal, error) {
	if err := faceproof.CheckReason(reason, "reason"); err != nil {
		return faceproof.Proposal{}, err
	}
	now := g.c.Now()
	p := faceproof.Proposal{ID: g.id("pr_"), Action: action, AppID: app, Body: body, Reason: reason, State: faceproof.ProposalOpen, ProposedBy: by.ID,
		CreatedAt: now.UnixMilli(), ExpiresAt: now.Add(ProposalTime).UnixMilli()}
	return p, g.c.Store.Propose(ctx, p)
}

// Proposal finds one. Errors: CodeNotFound.
func (g *Gate) Proposal(ctx context.Context, id string) (faceproof.Proposal, error) {
	if raw, err := hex.DecodeString(trim(id)); err != nil || len(raw) != 8 {
		return faceproof.Proposal{}, faceproof.Errorf(faceproof.CodeInvalid, "proposal", "must be pr_ and 16 hex digits")
	}
	return g.c.Store.Proposal(ctx, id)
}

func trim(id string) string {
	if len(id) > 3 && id[:3] == "pr_" {
		return id[3:]
	}
	return ""
}

// Proposals lists the latest.
func (g *Gate) Proposals(ctx context.Context) ([]faceproof.Proposal, error) {
	return g.c.Store.Proposals(ctx)
}

// Decide agrees to a proposal and does it, or refuses it. Errors: of
// store.DecideProposal, and of do.
func (g *Gate) Decide(ctx context.Context, id string, by faceproof.Admin, agree bool, do func(context.Context, faceproof.Proposal) error) (faceproof.Proposal, error) {
	p, err := g.c.Store.DecideProposal(ctx, id, by.ID, agree, g.millis())
	if err != nil || !agree {
		return p, err
	}
	// What was agreed to is done even if the caller has gone.
	ctx = context.WithoutCancel(ctx)
	p.State = faceproof.ProposalDone
	failed := do(ctx, p)
	if failed != nil {
		p.State = faceproof.ProposalFailed
	}
	return p, errors.Join(failed, g.c.Store.EndProposal(ctx, p.ID, p.State, "admin:"+by.ID))
}
