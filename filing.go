package faceproof

import (
	"fmt"
	"time"
)

// FilingKind is what was filed with the authority.
type FilingKind string

// The kinds (Measures on face recognition, article 15): within 30 working days
// of 100,000 people, of a material change, and of the end.
const (
	FilingNew    FilingKind = "new"
	FilingChange FilingKind = "change"
	FilingEnd    FilingKind = "end"
)

// FilingRecord is the operator's note that a filing was made.
type FilingRecord struct {
	Kind       FilingKind `json:"kind"`
	Authority  string     `json:"authority"` // with whom: the provincial CAC
	Number     string     `json:"number"`    // that the authority gave
	Date       string     `json:"date"`      // in China, 2006-01-02
	RecordedAt int64      `json:"recorded_at"`
	// Apps that were in use then, each with Notice.Hash: what changes later shows against it.
	Apps map[AppID]string `json:"apps"`
}

// Limits of a FilingRecord, in characters.
const (
	MaxAuthority    = 100
	MaxFilingNumber = 64
)

// firstFiling is the day the Measures came into force.
const firstFiling = "2025-06-01"

// Check trims the texts. today is the day in China; last is the kind of the
// latest record, "" when there is none. Errors: CodeInvalid with the field;
// CodeConflict for a change or an end of nothing, and for another new filing.
func (f *FilingRecord) Check(today time.Time, last FilingKind) error {
	if err := checkText("authority", &f.Authority, MaxAuthority, false); err != nil {
		return err
	}
	if err := checkText("number", &f.Number, MaxFilingNumber, false); err != nil {
		return err
	}
	day := today.Format(time.DateOnly)
	if d, err := time.Parse(time.DateOnly, f.Date); err != nil || d.Format(time.DateOnly) != f.Date || f.Date > day || f.Date < firstFiling {
		return Errorf(CodeInvalid, "date", "must be a day from %s to today in China, %s", firstFiling, day)
	}
	stands := last == FilingNew || last == FilingChange
	switch f.Kind {
	case FilingNew:
		if stands {
			return Errorf(CodeConflict, "kind", "there is a filing already; a change of it is change")
		}
	case FilingChange, FilingEnd:
		if !stands {
			return Errorf(CodeConflict, "kind", "there is no filing that could change or end")
		}
	default:
		return Errorf(CodeInvalid, "kind", "must be %s, %s or %s", FilingNew, FilingChange, FilingEnd)
	}
	return nil
}

// FilingStands says whether the last of the records, oldest first, is of a filing
// that has not ended.
func FilingStands(made []FilingRecord) bool {
	return len(made) > 0 && made[len(made)-1].Kind != FilingEnd
}

// String is for a person.
func (f FilingRecord) String() string {
	return fmt.Sprintf("%s %s %s (%s)", f.Date, f.Authority, f.Number, f.Kind)
}
