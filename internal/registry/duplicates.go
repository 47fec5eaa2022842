package registry

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"faceproof"
	"faceproof/internal/gallery"
)

// maxLegalBasis bounds a Search's LegalBasis, characters.
const maxLegalBasis = 200

// Search is the rule of a search 1:N in the registry: who is enrolled twice, under
// two numbers. It opens every template of the model in memory, and no name. What it
// finds are leads for a human: at these sizes strangers are among them, see
// docs/models.md.
type Search struct {
	ModelID      string
	Metric       string  // gallery.Cosine or gallery.L2
	Threshold    float64 // similarity, at least
	LegalBasis   string  // why this operator may search 1:N; into the audit log
	MaxTemplates int     // 0: gallery.DefaultLimit
}

// CheckLegalBasis refuses what names no legal basis. It is the one text in the audit
// log that a person writes, so it is one short line, and what looks like somebody's
// number is refused. Errors: CodeInvalid with field.
func CheckLegalBasis(text, field string) error {
	digits := 0
	for _, r := range text {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return faceproof.Errorf(faceproof.CodeInvalid, field, "must be one line of text")
		}
		if digits++; !unicode.IsDigit(r) {
			digits = 0
		}
		if digits >= 11 {
			return faceproof.Errorf(faceproof.CodeInvalid, field, "must name a law or a contract, not a person: it holds a long number")
		}
	}
	if n := utf8.RuneCountInString(strings.TrimSpace(text)); n < 4 || n > maxLegalBasis {
		return faceproof.Errorf(faceproof.CodeInvalid, field, "a search 1:N needs a legal basis of its own: name it in 4 to %d characters", maxLegalBasis)
	}
	return nil
}

// Lead is somebody enrolled who is like the one who is being enrolled.
type Lead struct {
	ID         string  `json:"person_id"`
	Similarity float64 `json:"similarity"`
}

// maxLeads of one enrolment.
const maxLeads = 10

// LeadPair is two enrolled who are alike.
type LeadPair struct {
	A          string  `json:"a"` // person_id
	B          string  `json:"b"`
	Similarity float64 `json:"similarity"`
}

// DuplicateQuery bounds Duplicates.
type DuplicateQuery struct {
	Search
	Since          int64 // unix milliseconds: pairs with at least one who was enrolled or replaced since; 0: all
	Limit          int   // pairs, at most, the most alike
	MaxComparisons int64 // more are refused before any is made; 0: no bound
	Actor          string
	Progress       func(done, total int64) // may be nil
}

// Duplicates is what was found. It holds ids only.
type Duplicates struct {
	Templates   int        `json:"templates"`   // searched
	OtherModel  int        `json:"other_model"` // left out: another model's
	Comparisons int64      `json:"comparisons"` // made
	Threshold   float64    `json:"threshold"`   // similarity
	Pairs       []LeadPair `json:"pairs"`       // most alike first
	More        bool       `json:"more"`        // there are more pairs
}

// Duplicates compares everybody with everybody, or those of Since with everybody. The
// audit row is written before a template is opened. Errors: CodeInvalid: the field;
// CodeConflict, field "template": more than MaxTemplates; field "max_comparisons".
func (l *Local) Duplicates(ctx context.Context, q DuplicateQuery) (Duplicates, error) {
	out := Duplicates{Threshold: q.Threshold, Pairs: []LeadPair{}}
	g, err := l.gallery(ctx, q.Search, faceproof.AuditEntry{Actor: q.Actor, Action: "registry.duplicates"})
	if err != nil {
		return out, err
	}
	defer g.Close()
	var recent []string
	out.OtherModel, err = l.fill(ctx, g, q.ModelID, func(p faceproof.Person) {
		if p.UpdatedAt >= q.Since {
			recent = append(recent, p.ID)
		}
	})
	if err != nil {
		return out, err
	}
	out.Templates = g.Len()
	if recent == nil {
		recent = []string{} // nobody, not everybody
	}
	found, err := g.Pairs(ctx, gallery.PairQuery{Threshold: q.Threshold, Limit: q.Limit, Probes: recent, MaxComparisons: q.MaxComparisons, Progress: q.Progress})
	if err != nil {
		return out, err
	}
	for _, p := range found.Pairs {
		out.Pairs = append(out.Pairs, LeadPair(p))
	}
	out.Comparisons, out.More = found.Comparisons, found.More
	return out, nil
}

// leads searches for the one who is being enrolled under id, in how many
// templates; the audit log calls them alias.
func (l *Local) leads(ctx context.Context, s Search, id, alias string, t faceproof.Template, actor string) (out []Lead, searched int, err error) {
	g, err := l.gallery(ctx, s, faceproof.AuditEntry{Actor: actor, Action: "person.search", Object: alias})
	if err != nil {
		return nil, 0, err
	}
	defer g.Close()
	if _, err := l.fill(ctx, g, s.ModelID, nil); err != nil {
		return nil, 0, err
	}
	g.Remove(id) // a person who is replaced is no lead
	found, err := g.Search(ctx, t, maxLeads, s.Threshold)
	if err != nil {
		return nil, 0, err
	}
	out = []Lead{}
	for _, c := range found {
		out = append(out, Lead(c))
	}
	return out, g.Len(), nil
}

// gallery makes an empty one for a search that may be made, and records it.
func (l *Local) gallery(ctx context.Context, s Search, a faceproof.AuditEntry) (*gallery.Gallery, error) {
	if err := CheckLegalBasis(s.LegalBasis, "legal_basis"); err != nil {
		return nil, err
	}
	g, err := gallery.New(gallery.Config{ModelID: s.ModelID, Metric: s.Metric, Dimensions: l.c.Dimensions, Limit: s.MaxTemplates})
	if err != nil {
		return nil, err
	}
	a.At, a.Detail = l.c.Now().UnixMilli(), strings.TrimSpace(s.LegalBasis)
	return g, l.c.Store.Audit(ctx, a)
}

// fill opens the templates of a model into a gallery, calls f for each person taken
// in, and tells how many are another model's.
func (l *Local) fill(ctx context.Context, g *gallery.Gallery, model string, f func(faceproof.Person)) (other int, err error) {
	err = l.each(ctx, func(p faceproof.Person) error {
		b, err := l.cipher(ctx, p).Open(purposeTemplate, p.ModelID, p.TemplateSealed)
		if err != nil {
			return err
		}
		t, err := decodeTemplate(b)
		clear(b)
		if err != nil {
			return err
		}
		defer clear(t.Vector)
		if t.ModelID != model { // the sealed one, which binds
			other++
			return nil
		}
		if err := g.Add(p.ID, t); faceproof.ErrorCode(err) == faceproof.CodeInvalid {
			return &faceproof.Error{Code: faceproof.CodeInternal, Field: "template", Message: "the template of person " + p.ID + " cannot be searched: replace or remove the person", Err: err}
		} else if err != nil {
			return err
		}
		if f != nil {
			f(p)
		}
		return nil
	})
	return other, err
}

// each calls f for every person, in the order of ids, which tells nothing.
func (l *Local) each(ctx context.Context, f func(faceproof.Person) error) error {
	const page = 200
	for after := ""; ; {
		persons, err := l.c.Store.Persons(ctx, after, page)
		if err != nil {
			return err
		}
		for _, p := range persons {
			after = p.ID
			if shredded(p) {
				continue // deleted a moment ago
			}
			if err := f(p); err != nil {
				return err
			}
		}
		if len(persons) < page {
			return nil
		}
	}
}
