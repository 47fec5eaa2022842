package faceproof

import "strings"

// ActionImport is the proposal to enrol or replace people: who can change a
// portrait can become that person, so two people must agree to its very bytes.
const ActionImport = "registry.import"

// ImportAgreement is what two people agree to: the digest that `faceproof
// registry digest` gives of a file and its photos, how many lines it has, and
// whether people who are enrolled get the new portrait.
type ImportAgreement struct {
	Digest  string `json:"digest"` // SHA-256, hex
	People  int    `json:"people"`
	Replace bool   `json:"replace"`
}

// MaxImport bounds the lines of an agreement.
const MaxImport = 10_000_000

// Check refuses what cannot be meant. Errors: CodeInvalid.
func (a ImportAgreement) Check() error {
	if len(a.Digest) != 64 || strings.Trim(a.Digest, "0123456789abcdef") != "" {
		return Errorf(CodeInvalid, "digest", "must be the 64 hex digits that faceproof registry digest gives")
	}
	if a.People < 1 || a.People > MaxImport {
		return Errorf(CodeInvalid, "people", "must be 1 to %d", MaxImport)
	}
	return nil
}

// TwoCanAgree says whether among the admins are two who can propose and agree to
// an import: from then on nobody enrols alone.
func TwoCanAgree(admins []Admin) bool {
	operators, seconds := 0, 0
	for _, a := range admins {
		if a.Disabled || len(a.Apps) > 0 {
			continue
		}
		operator := a.Has(RoleOperator)
		if operator {
			operators++
		}
		if operator || a.Has(RoleCustodian) {
			seconds++
		}
	}
	return operators > 0 && seconds > 1
}
