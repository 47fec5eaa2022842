package admin

import (
	"context"
	"encoding/json"

	"faceproof"
	"faceproof/internal/keys"
	"faceproof/internal/oidc"
)

// Provider is the operator's identity provider; *oidc.Site is one.
type Provider interface {
	Issuer() string
	Begin(ctx context.Context) (address string, state []byte, err error)
	Belongs(state []byte, answer oidc.Answer) bool
	Finish(ctx context.Context, state []byte, answer oidc.Answer) (oidc.Person, error)
}

// Methods says how people may log in here.
func (g *Gate) Methods() (passkeys, provider bool) {
	return g.c.Passkeys != nil, g.c.Provider != nil
}

// BeginProvided begins a log-in by the identity provider, or with an invitation
// the first one: address is where the browser goes, and sealed is what it must
// bring back itself. Errors: CodeNotFound without a provider, CodeUnauthenticated
// for a wrong invitation, CodeUnavailable.
func (g *Gate) BeginProvided(ctx context.Context, invite string) (address, sealed string, err error) {
	if g.c.Provider == nil {
		return "", "", faceproof.Errorf(faceproof.CodeNotFound, "oidc", "no identity provider is configured; see serve --oidc-issuer")
	}
	var c ceremony
	if invite != "" {
		i, err := g.invited(ctx, keys.HashToken(invite))
		if err != nil {
			return "", "", err
		}
		c.Invite = i.Hash
	}
	if address, c.State, err = g.c.Provider.Begin(ctx); err != nil {
		return "", "", err
	}
	sealed, err = g.seal("provided", c)
	return address, sealed, err
}

// FinishProvided opens a session for whom the provider names, if an invitation
// made that person an admin, now or before, and the provider's claim stands for
// one of the invitation's roles at least. A provider alone makes nobody an admin:
// that needs two people of ours. Errors: CodeUnauthenticated for what does not
// check, CodeForbidden for somebody who is no admin or has no role (a is who, if
// known), CodeConflict for an invited person who is an admin already,
// CodeUnavailable.
func (g *Gate) FinishProvided(ctx context.Context, sealed string, answer oidc.Answer) (a faceproof.Admin, token faceproof.Token, err error) {
	if g.c.Provider == nil {
		return a, token, faceproof.Errorf(faceproof.CodeNotFound, "oidc", "no identity provider is configured; see serve --oidc-issuer")
	}
	c, err := g.open("provided", sealed)
	if err != nil {
		return a, token, err
	}
	// One answer for one attempt, whatever becomes of it; what belongs to another
	// attempt, as a page of another site may send it, ends none.
	if !g.c.Provider.Belongs(c.State, answer) || !g.use(c) {
		return a, token, faceproof.Errorf(faceproof.CodeUnauthenticated, "ceremony", "is unknown, used or too old; begin again")
	}
	p, err := g.c.Provider.Finish(ctx, c.State, answer)
	if err != nil {
		return a, token, err
	}
	said := &faceproof.Provided{Issuer: g.c.Provider.Issuer(), Roles: p.Roles, At: p.At}
	record, err := json.Marshal(said)
	if err != nil {
		return a, token, err
	}
	if c.Invite != nil {
		a, err = g.enrolProvided(ctx, c.Invite, said, p.Hash, record)
	} else {
		a, err = g.provided(ctx, said, p.Hash)
	}
	if err != nil {
		return a, token, err
	}
	a.Provided = said
	token, err = g.session(ctx, a.ID, p.Hash, record)
	return a, token, err
}

// noRole is the answer to somebody whom the claim gives nothing.
func noRole() error {
	return faceproof.Errorf(faceproof.CodeForbidden, "roles", "the identity provider gives this log-in none of its roles")
}

// enrolProvided makes an admin of whoever brings an invitation.
func (g *Gate) enrolProvided(ctx context.Context, invite []byte, said *faceproof.Provided, hash, record []byte) (faceproof.Admin, error) {
	i, err := g.invited(ctx, invite)
	if err != nil {
		return faceproof.Admin{}, err
	}
	if len(said.May(i.Roles)) == 0 {
		return faceproof.Admin{}, noRole() // and the invitation stays good
	}
	a := faceproof.Admin{ID: g.id("ad_"), Name: i.Name, Roles: i.Roles, Apps: i.Apps, CreatedAt: g.millis()}
	err = g.c.Store.Enrol(ctx, i.Hash, a, hash, record, a.CreatedAt)
	switch faceproof.ErrorCode(err) {
	case faceproof.CodeNotFound:
		err = faceproof.Errorf(faceproof.CodeUnauthenticated, "invite", "is unknown, used or expired")
	case faceproof.CodeConflict:
		err = faceproof.Errorf(faceproof.CodeConflict, "oidc", "this person is or was an admin here; one log-in is one admin")
	}
	return a, err
}

// provided finds the admin of a log-in.
func (g *Gate) provided(ctx context.Context, said *faceproof.Provided, hash []byte) (faceproof.Admin, error) {
	a, err := g.c.Store.ProvidedAdmin(ctx, hash)
	switch {
	case faceproof.ErrorCode(err) == faceproof.CodeNotFound:
		return a, faceproof.Errorf(faceproof.CodeForbidden, "oidc", "this person is no admin here; open the link of an invitation first")
	case err == nil && len(said.May(a.Roles)) == 0:
		return a, noRole()
	}
	return a, err
}
