package server

import (
	"net/http"

	"faceproof"
)

// propose an import: nobody is enrolled by it, and no name or picture comes this
// way. When another person has agreed, the command line takes exactly these
// bytes, once (faceproof registry import --agreed).
func (a *admin) proposeImport(w http.ResponseWriter, r *http.Request) (int, any, error) {
	var q struct {
		faceproof.ImportAgreement
		Reason string `json:"reason"`
	}
	if err := readStrict(w, r, maxForm, &q); err != nil {
		return 0, nil, err
	}
	if err := q.ImportAgreement.Check(); err != nil {
		return 0, nil, err
	}
	return a.propose(r, faceproof.ActionImport, q.Reason, q.ImportAgreement)
}
