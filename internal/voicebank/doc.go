// Package voicebank keeps the voices that an operator collects to train and to
// measure the recogniser of digits: people who consented to just that, known by
// a random number alone, each with the strings of digits that they read.
//
// It has nothing to do with the persons of the product: no name, no face
// template and no verification ever meets a speaker here.
package voicebank

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/blob"
)

// Limits of a bank.
const (
	MaxSpeakers = 500
	MinDays     = 1
	MaxDays     = 1825
	UsualDays   = 365 // that recordings are kept
	MinStrings  = 2
	MaxStrings  = 60
	maxWho      = 200            // characters that say who collects
	writeDays   = 14             // a speaker may go on for so long
	emptyAfter  = 24 * time.Hour // a speaker without a string is forgotten
	beginsHour  = 60             // speakers that may begin in an hour
)

// UsualStrings is how many a speaker reads: every digit three times at each place.
const UsualStrings = 30

// Config of a Bank.
type Config struct {
	Blobs   blob.Store // of this bank alone
	Who     string     // collects: name and contact, as the consent shows it; needed to begin, 1 to 200 characters
	Days    int        // that recordings are kept, 1 to 1825; 0: UsualDays
	Strings int        // of a speaker, even, 2 to 60; 0: UsualStrings
	Random  io.Reader  // cryptographic
	Now     func() time.Time
}

// Bank is safe for concurrent use; another process may list, export and delete
// beside it.
type Bank struct {
	c Config

	mu     sync.Mutex // one change at a time
	begins []time.Time
}

// New opens a bank. Errors: CodeInvalid with field "who", "days" or "strings".
func New(c Config) (*Bank, error) {
	if c.Days == 0 {
		c.Days = UsualDays
	}
	if c.Strings == 0 {
		c.Strings = UsualStrings
	}
	c.Who = strings.TrimSpace(c.Who)
	switch {
	case c.Days < MinDays || c.Days > MaxDays:
		return nil, invalid("days", "must be %d to %d", MinDays, MaxDays)
	case c.Strings < MinStrings || c.Strings > MaxStrings || c.Strings%2 != 0:
		return nil, invalid("strings", "must be even, %d to %d", MinStrings, MaxStrings)
	case len([]rune(c.Who)) > maxWho || strings.ContainsAny(c.Who, "\r\n\t\x00{}"):
		return nil, invalid("who", "must be one line of at most %d characters, without braces", maxWho)
	}
	return &Bank{c: c}, nil
}

func invalid(field, format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, field, format, args...)
}

// Speaker is one voice: who is not known.
type Speaker struct {
	ID        string   `json:"id"`
	Lang      string   `json:"lang"`  // zh, en
	Split     string   `json:"split"` // train, test
	Facts     Facts    `json:"facts"`
	Receipt   Receipt  `json:"receipt"`
	Plan      []String `json:"plan"`
	CreatedAt int64    `json:"created_at"` // unix milliseconds
	ExpiresAt int64    `json:"expires_at"` // then everything is deleted
}

// Facts are coarse, and each may stay empty: "prefer not to say".
type Facts struct {
	Age    string `json:"age,omitempty"`
	Sex    string `json:"sex,omitempty"`
	Region string `json:"region,omitempty"` // where the speaker learned to speak
	Device string `json:"device,omitempty"`
}

// The answers that there are; web/record/text.ts has the words.
var factValues = []struct {
	field  string
	of     func(*Facts) string
	values string
}{
	{"age", func(f *Facts) string { return f.Age }, "18-29 30-44 45-59 60+"},
	{"sex", func(f *Facts) string { return f.Sex }, "female male other"},
	{"region", func(f *Facts) string { return f.Region },
		"northeast north northwest southwest jianghuai wu xiang_gan min_hakka yue north_america british_isles south_asia other"},
	{"device", func(f *Facts) string { return f.Device }, "phone tablet laptop desktop headset"},
}

func (f *Facts) check() error {
	for _, v := range factValues {
		if got := v.of(f); got != "" && !contains(v.values, got) {
			return invalid(v.field, "must be empty or one of: %s", v.values)
		}
	}
	return nil
}

func contains(list, word string) bool {
	for _, w := range strings.Fields(list) {
		if w == word {
			return true
		}
	}
	return false
}

// The keys of a bank: <speaker>/about, <speaker>/NN/{sound,film,about}, and
// withdrawn/<speaker>.
const withdrawn = "withdrawn"

func aboutKey(id string) string                   { return id + "/about" }
func stringKey(id string, n int, s string) string { return fmt.Sprintf("%s/%02d/%s", id, n, s) }

var idForm = regexp.MustCompile(`^s[0-9a-f]{12}$`)

// speaker reads one. Errors: CodeNotFound, field "code".
func (b *Bank) speaker(ctx context.Context, id string) (s Speaker, err error) {
	err = b.read(ctx, aboutKey(id), &s)
	if err == nil && s.ExpiresAt <= b.c.Now().UnixMilli() {
		err = faceproof.Errorf(faceproof.CodeNotFound, "", "")
	}
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		return s, faceproof.Errorf(faceproof.CodeNotFound, "code", "there are no recordings of this code")
	}
	return s, err
}

func (b *Bank) read(ctx context.Context, key string, into any) error {
	data, err := b.c.Blobs.Get(ctx, key)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("voicebank: %s: %w", key, err)
	}
	return nil
}

func (b *Bank) write(ctx context.Context, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return b.c.Blobs.Put(ctx, key, data)
}
