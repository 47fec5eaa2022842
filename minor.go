package faceproof

import (
	"slices"
	"time"
)

// MinAge is the age, in full years, from which a person consents for
// themself: 14, by article 31 of the Personal Information Protection Law and
// article 7 of the Measures on face recognition (CAC and MPS order 19, 2025).
const MinAge = 14

// china is the time in which a birthday begins and ends: China has one zone and
// no summer time. It is fixed here so that no time-zone file is needed.
var china = time.FixedZone("CST", 8*60*60)

// Minor says whether the person of this number is under MinAge at a moment. By
// Chinese counting a year of age is full on the day after the birthday
// (Supreme People's Court, Fa Shi [2006] No. 1, article 2), so that the 14th
// birthday itself is still under age: the stricter of the readings there are.
// Who was born on 29 February is 14 on 1 March of a year that has none. The day
// is China's, wherever the server or the person is.
func (n IDNumber) Minor(at time.Time) bool {
	birth, err := time.Parse("20060102", n.v[6:14])
	if err != nil {
		return true // ParseIDNumber has checked it; what cannot be read is no adult
	}
	y, m, d := at.In(china).Date()
	// Dates are compared by their numbers: 29 February 2026 needs no calendar.
	number := func(y int, m time.Month, d int) int { return y*10000 + int(m)*100 + d }
	return number(y, m, d) <= number(birth.Year()+MinAge, birth.Month(), birth.Day())
}

// MinorPolicy is what an app does when the person is under MinAge.
type MinorPolicy string

// The policies. The empty one is MinorsRefuse.
const (
	MinorsRefuse   MinorPolicy = "refuse"   // no capture; the other method is shown
	MinorsGuardian MinorPolicy = "guardian" // a parent or guardian who is there consents
)

// ParseMinorPolicy reads a policy. Errors: CodeInvalid with field.
func ParseMinorPolicy(s, field string) (MinorPolicy, error) {
	p := MinorPolicy(s)
	if p != MinorsRefuse && p != MinorsGuardian {
		return "", Errorf(CodeInvalid, field, "must be refuse or guardian")
	}
	return p, nil
}

// GuardianRole is who consents for a child: the role alone, no name.
type GuardianRole string

// The roles; the empty one is: the person themself.
const (
	GuardianNone   GuardianRole = ""
	GuardianParent GuardianRole = "parent"
	GuardianOther  GuardianRole = "guardian"
)

// Valid says whether the role is one of a guardian's.
func (g GuardianRole) Valid() bool {
	return slices.Contains([]GuardianRole{GuardianParent, GuardianOther}, g)
}

// MinorGate says how a session goes on for a person of a number.
type MinorGate string

// The answers of App.Minor.
const (
	MinorNone     MinorGate = ""         // of age
	MinorGuardian MinorGate = "guardian" // a guardian must consent
	MinorRefused  MinorGate = "refused"  // no capture
)

// Minor decides whether a person may be captured for the app at a moment.
func (a App) Minor(n IDNumber, at time.Time) MinorGate {
	switch {
	case !n.Minor(at):
		return MinorNone
	case a.Minors == MinorsGuardian:
		return MinorGuardian
	}
	return MinorRefused
}
