package admin

import (
	"context"
	"slices"

	"faceproof"
)

// MayRecover says whether a key custodian may ask that somebody who has lost their
// way to log in gets a new one. It needs two custodians who are somebody else;
// where there are not two, somebody at the machine itself must do it (faceproof
// admin). Errors: CodeNotFound; CodeConflict for oneself and for somebody who is
// disabled; CodeUnavailable without two custodians.
func (g *Gate) MayRecover(ctx context.Context, id string, by faceproof.Admin) (lost faceproof.Admin, err error) {
	list, err := g.c.Store.Admins(ctx)
	if err != nil {
		return lost, err
	}
	i := slices.IndexFunc(list, func(a faceproof.Admin) bool { return a.ID == id })
	switch {
	case i < 0:
		return lost, faceproof.Errorf(faceproof.CodeNotFound, "admin", "is unknown")
	case id == by.ID:
		return lost, faceproof.Errorf(faceproof.CodeConflict, "admin", "whoever is logged in has lost nothing")
	case list[i].Disabled:
		return lost, faceproof.Errorf(faceproof.CodeConflict, "admin", "is disabled; invite them anew")
	}
	custodians := 0
	for _, a := range list {
		if a.ID != id && a.Has(faceproof.RoleCustodian) && a.May("") {
			custodians++
		}
	}
	if custodians < 2 {
		return lost, faceproof.Errorf(faceproof.CodeUnavailable, "admin", "there are not two other key custodians; run faceproof admin invite and disable on the machine itself")
	}
	return list[i], nil
}

// Recover does it: an invitation with the same name, roles and apps, and no more,
// and the end of what was lost, its sessions with it. Errors: of MayRecover.
func (g *Gate) Recover(ctx context.Context, id string, by faceproof.Admin) (faceproof.Token, error) {
	lost, err := g.MayRecover(ctx, id, by)
	if err != nil {
		return faceproof.Token{}, err
	}
	actor := "admin:" + by.ID
	// In this order: an invitation that nobody was told of harms nobody.
	token, err := g.Invite(ctx, lost.Name, lost.Roles, lost.Apps, actor)
	if err != nil {
		return faceproof.Token{}, err
	}
	return token, g.c.Store.DisableAdmin(ctx, id, actor)
}
