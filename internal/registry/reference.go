package registry

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"faceproof"

	"golang.org/x/text/unicode/norm"
)

// Reference gives the template to compare a claimed subject with. The work is
// the same whoever is claimed: one index look-up that always finds a row, three
// values opened (the decoy's when the row is not this person's), one name
// compared. So the time does not tell who is enrolled; the state does, and must
// not leave the server before liveness has passed.
//
// Errors: CodeInternal when a row does not open or belongs to another number:
// somebody has changed the database.
func (l *Local) Reference(ctx context.Context, s faceproof.Subject) (faceproof.Reference, error) {
	if l.c.Enroller == nil {
		return faceproof.Reference{}, faceproof.Errorf(faceproof.CodeUnavailable, "", "no face model is loaded")
	}
	index := l.index(s)
	row, err := l.c.Store.PersonNear(ctx, index)
	if err != nil {
		return faceproof.Reference{}, err
	}
	enrolled := subtle.ConstantTimeCompare(row.SubjectIndex, index) == 1 && !shredded(row)
	if !enrolled {
		row = l.decoy
	}
	name, number, template, err := l.open(ctx, row)
	if err != nil {
		return faceproof.Reference{}, err
	}
	sameName := sameName(name, s.Name.Reveal())
	sameNumber := subtle.ConstantTimeCompare([]byte(number), []byte(s.IDNumber.Reveal())) == 1
	if enrolled && !sameNumber {
		return faceproof.Reference{}, faceproof.Errorf(faceproof.CodeInternal, "", "the row of person %s holds another number than its index: the database was changed", row.ID)
	}
	out := faceproof.Reference{State: faceproof.ReferenceFound, PersonID: row.ID, Template: template}
	switch {
	case !enrolled:
		out = faceproof.Reference{State: faceproof.ReferenceAbsent, Template: l.dummy}
	case !sameName:
		out = faceproof.Reference{State: faceproof.ReferenceNameMismatch, PersonID: row.ID, Template: l.dummy}
	case template.ModelID != l.c.Enroller.ModelID():
		out = faceproof.Reference{State: faceproof.ReferenceOtherModel, PersonID: row.ID, Template: l.dummy}
	}
	return out, nil
}

func (l *Local) open(ctx context.Context, p faceproof.Person) (name, number string, t faceproof.Template, err error) {
	c := l.cipher(ctx, p)
	n, err := c.Open(purposeName, "", p.NameSealed)
	if err != nil {
		return "", "", t, err
	}
	i, err := c.Open(purposeNumber, "", p.NumberSealed)
	if err != nil {
		return "", "", t, err
	}
	b, err := c.Open(purposeTemplate, p.ModelID, p.TemplateSealed)
	if err != nil {
		return "", "", t, err
	}
	t, err = decodeTemplate(b)
	clear(b)
	return string(n), string(i), t, err
}

// sameName compares two names in constant time, after plainName.
func sameName(a, b string) bool {
	x, y := sha256.Sum256([]byte(plainName(a))), sha256.Sum256([]byte(plainName(b)))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// dots are the characters that input methods give for the separator in names
// such as 古丽·买买提; identity cards print U+00B7.
var dots = strings.NewReplacer("•", "·", "‧", "·", "∙", "·", "⋅", "·", "・", "·", "･", "·", "．", "·", ".", "·")

// plainName brings a name to the form in which names are compared: Unicode NFC,
// one separator, no space around it.
func plainName(s string) string {
	parts := strings.Split(dots.Replace(norm.NFC.String(s)), "·")
	for i := range parts {
		parts[i] = strings.Join(strings.Fields(parts[i]), " ")
	}
	return strings.Join(parts, "·")
}
