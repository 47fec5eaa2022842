package server

import (
	"encoding/json"
	"net/http"

	"faceproof"
)

// What needs more than a session: a log-in of the last minutes for what does most
// harm, and two key custodians for a way in that was lost.

// actionRecover needs two custodians, not only two people.
const actionRecover = "admin.recover"

type recoverBody struct {
	Admin string `json:"admin"`
}

// stepUp is the answer to a session that is good and too old for this; a page
// asks for the passkey again and repeats the request.
func stepUp() error {
	return faceproof.Errorf(faceproof.CodeForbidden, "step_up", "show your passkey again, or log in again; this needs a log-in of the last %d minutes", int(faceproof.FreshTime.Minutes()))
}

// endOld ends the session that a browser held before it logged in again: a token
// that was copied from it earlier is worth nothing then.
func (a *admin) endOld(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if old, err := a.cfg.Gate.Who(r.Context(), cookie.Value); err == nil {
			_ = a.cfg.Gate.LogOut(r.Context(), cookie.Value, old) // it is idle from now on, and ends by itself
		}
	}
}

// recoverAdmin asks another custodian for a new way in for somebody.
func (a *admin) recoverAdmin(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		Reason string `json:"reason"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	lost, err := a.cfg.Gate.MayRecover(r.Context(), r.PathValue("admin"), caller(r).Admin)
	if err != nil {
		return 0, nil, err
	}
	return a.propose(r, actionRecover, q.Reason, recoverBody{lost.ID})
}

// mayAgree says whether somebody may be the second person of a proposal. Refusing
// is open to whoever may decide at all, the one who is said to be lost too.
func mayAgree(by who, p faceproof.Proposal) error {
	if p.Action != actionRecover {
		return nil
	}
	var of recoverBody
	if err := json.Unmarshal(p.Body, &of); err != nil || of.Admin == by.ID || !by.Has(faceproof.RoleCustodian) {
		return faceproof.Errorf(faceproof.CodeForbidden, "proposal", "another key custodian must agree")
	}
	return nil
}
