package faceproof

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// redacted is what every sensitive value prints as.
const redacted = "***"

// sensitive is a string that cannot be printed, logged or marshalled by
// accident; Reveal is the only way out, so that every use can be searched for.
type sensitive struct{ v string }

func (s sensitive) String() string               { return redacted }
func (s sensitive) GoString() string             { return redacted }
func (s sensitive) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s sensitive) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
func (s sensitive) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s sensitive) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, redacted) }

// Name is a person's name as registered: 1 to MaxNameRunes runes, no control or
// bidirectional-override characters. It prints as ***.
type Name struct{ sensitive }

// IDNumber is a second-generation resident identity number by GB 11643-1999:
// 18 characters, upper-case X. It prints as ***.
type IDNumber struct{ sensitive }

// Token is a bearer secret. It prints as ***.
type Token struct{ sensitive }

// MaxNameRunes bounds a name; the longest names on identity cards are shorter.
const MaxNameRunes = 64

// Reveal gives the plain text. Callers must not log it.
func (n Name) Reveal() string { return n.v }

// Reveal gives the plain text. Callers must not log it.
func (n IDNumber) Reveal() string { return n.v }

// Reveal gives the plain text. Callers must not log it.
func (t Token) Reveal() string { return t.v }

// NewToken wraps a bearer secret.
func NewToken(s string) Token { return Token{sensitive{s}} }

// Masked shows the last character only ("*三"), for the person's own eyes on
// the consent page.
func (n Name) Masked() string {
	r, size := utf8.DecodeLastRuneInString(n.v)
	if size == 0 {
		return ""
	}
	return strings.Repeat("*", min(utf8.RuneCountInString(n.v)-1, 3)) + string(r)
}

// Subject is the person whom a verification claims: who they say they are.
type Subject struct {
	Name     Name
	IDNumber IDNumber
}

// ParseName checks a name given by a caller; field is the caller's name for it.
// Surrounding white space is dropped. Errors: CodeInvalid.
func ParseName(s, field string) (Name, error) {
	if !utf8.ValidString(s) {
		return Name{}, Errorf(CodeInvalid, field, "must be UTF-8")
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return Name{}, Errorf(CodeInvalid, field, "must not be empty")
	}
	if utf8.RuneCountInString(s) > MaxNameRunes {
		return Name{}, Errorf(CodeInvalid, field, "must be at most %d characters", MaxNameRunes)
	}
	for _, r := range s {
		// Cf holds the bidirectional overrides and zero-width characters that
		// make two different names look alike.
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return Name{}, Errorf(CodeInvalid, field, "must not hold control characters")
		}
		if r == utf8.RuneError { // what a decoder leaves of half a character
			return Name{}, Errorf(CodeInvalid, field, "must be valid Unicode")
		}
	}
	return Name{sensitive{s}}, nil
}

// idWeights are the weights of GB 11643-1999 (ISO 7064 MOD 11-2).
var idWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

const idCheck = "10X98765432"

// ParseIDNumber checks a resident identity number by GB 11643-1999: length,
// digits, a real birth date that is not after now, check character. Full-width
// digits and a lower-case x are normalised. It is a typing filter, not proof:
// one random string in eleven has a right check character.
// Errors: CodeInvalid with field.
func ParseIDNumber(s, field string, now time.Time) (IDNumber, error) {
	bad := func(why string) (IDNumber, error) {
		return IDNumber{}, Errorf(CodeInvalid, field, "%s", why)
	}
	if len(s) > 128 {
		return bad("must be 18 characters")
	}
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		switch {
		case r >= '０' && r <= '９':
			r = r - '０' + '0'
		case r == 'x' || r == 'ｘ' || r == 'Ｘ':
			r = 'X'
		}
		b.WriteRune(r)
	}
	id := b.String()
	if len(id) == 15 {
		return bad("is a 15-digit first-generation number; the 18-character number is needed")
	}
	if len(id) != 18 {
		return bad("must be 18 characters")
	}
	sum := 0
	for i := range 17 {
		c := id[i]
		if c < '0' || c > '9' {
			return bad("must be 17 digits and a check character")
		}
		sum += int(c-'0') * idWeights[i]
	}
	if birth, err := time.Parse("20060102", id[6:14]); err != nil || birth.Year() < 1850 || birth.After(now) {
		return bad("holds no valid birth date")
	}
	if id[17] != idCheck[sum%11] {
		return bad("has a wrong check character")
	}
	return IDNumber{sensitive{id}}, nil
}
