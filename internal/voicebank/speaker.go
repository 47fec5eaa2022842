package voicebank

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"time"

	"faceproof"
)

// Application is what a speaker sends to begin.
type Application struct {
	Lang    string `json:"lang"` // zh, en: of the digits
	Say     string `json:"say"`  // sayShown, sayDigit, sayLetter
	Facts   Facts  `json:"facts"`
	Consent struct {
		Version string `json:"version"`
		Lang    string `json:"lang"`
		Voice   bool   `json:"voice"`
		Adult   bool   `json:"adult"`
		Film    bool   `json:"film"`
	} `json:"consent"`
}

// Session is what a speaker's page needs to go on.
type Session struct {
	Speaker   string   `json:"speaker"`
	Code      string   `json:"code,omitempty"` // told once, by Begin
	Lang      string   `json:"lang"`
	Film      bool     `json:"film"`
	Plan      []String `json:"plan"`
	Done      []int    `json:"done"` // numbers of the strings that are kept
	ExpiresAt int64    `json:"expires_at"`
	Days      int      `json:"days"`
}

// Begin takes a speaker's consent and draws what they read. Errors: CodeInvalid
// with the field; CodeConflict, field "consent.version", when the text has
// changed since it was read; CodeRateLimited; CodeUnavailable when the bank is
// full.
func (b *Bank) Begin(ctx context.Context, a Application) (Session, error) {
	n := b.Notice()
	switch {
	case b.c.Who == "":
		return Session{}, faceproof.Errorf(faceproof.CodeForbidden, "", "nothing is recorded here")
	case a.Lang != "zh" && a.Lang != "en":
		return Session{}, invalid("lang", "must be zh or en")
	case a.Say != sayShown && a.Say != sayDigit && a.Say != sayLetter:
		return Session{}, invalid("say", "must be empty, digit or letter")
	case a.Consent.Lang != "zh" && a.Consent.Lang != "en":
		return Session{}, invalid("consent.lang", "must be zh or en")
	case !a.Consent.Voice:
		return Session{}, invalid("consent.voice", "nothing is recorded without it")
	case !a.Consent.Adult:
		return Session{}, invalid("consent.adult", "must be 18 or older")
	case a.Consent.Version != n.Version:
		return Session{}, faceproof.Errorf(faceproof.CodeConflict, "consent.version", "the text has changed; it must be read again")
	}
	if err := a.Facts.check(); err != nil {
		return Session{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.c.Now()
	b.begins = slices.DeleteFunc(b.begins, func(t time.Time) bool { return now.Sub(t) > time.Hour })
	if len(b.begins) >= beginsHour {
		return Session{}, faceproof.Errorf(faceproof.CodeRateLimited, "", "too many speakers in an hour")
	}
	all, err := b.ids(ctx)
	if err != nil {
		return Session{}, err
	}
	if len(all) >= MaxSpeakers {
		return Session{}, faceproof.Errorf(faceproof.CodeUnavailable, "", "there are %d speakers already", MaxSpeakers)
	}
	plan, err := drawPlan(b.c.Random, b.c.Strings, a.Lang, a.Say)
	if err != nil {
		return Session{}, err
	}
	code, err := newCode(b.c.Random)
	if err != nil {
		return Session{}, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the random source failed", Err: err}
	}
	id, err := ParseCode(code)
	if err != nil {
		return Session{}, err
	}
	if slices.Contains(all, id) {
		return Session{}, faceproof.Errorf(faceproof.CodeUnavailable, "", "once more, please") // one in 2⁴⁸ and speaker
	}
	var receipt [12]byte
	_, _ = rand.Read(receipt[:]) // never fails
	s := Speaker{ID: id, Lang: a.Lang, Split: SplitOf(id), Facts: a.Facts, Plan: plan, CreatedAt: now.UnixMilli(),
		ExpiresAt: now.AddDate(0, 0, b.c.Days).UnixMilli(),
		Receipt: Receipt{ID: hex.EncodeToString(receipt[:]), Version: n.Version, Lang: a.Consent.Lang, Text: n.text(a.Consent.Lang),
			Voice: true, Adult: true, Film: a.Consent.Film, At: now.UnixMilli()}}
	if err := b.write(ctx, aboutKey(id), s); err != nil {
		return Session{}, err
	}
	b.begins = append(b.begins, now)
	out := s.session(b, nil)
	out.Code = code
	return out, nil
}

func (s Speaker) session(b *Bank, done []int) Session {
	if done == nil {
		done = []int{}
	}
	return Session{Speaker: s.ID, Lang: s.Lang, Film: s.Receipt.Film, Plan: s.Plan, Done: done, ExpiresAt: s.ExpiresAt, Days: b.c.Days}
}

// Resume finds a speaker's session again. Errors: CodeInvalid, CodeNotFound;
// field "code".
func (b *Bank) Resume(ctx context.Context, code string) (Session, error) {
	id, err := ParseCode(code)
	if err != nil {
		return Session{}, err
	}
	s, err := b.speaker(ctx, id)
	if err != nil {
		return Session{}, err
	}
	done, err := b.done(ctx, id)
	return s.session(b, done), err
}

// done are the strings that are kept whole: about is written last.
func (b *Bank) done(ctx context.Context, id string) (out []int, err error) {
	keys, err := b.c.Blobs.List(ctx, id+"/")
	for _, k := range keys {
		if dir, name := path.Split(k); name == "about" && k != aboutKey(id) {
			out = append(out, atoi(path.Base(path.Clean(dir))))
		}
	}
	return out, err
}

func atoi(s string) (n int) {
	for _, c := range s {
		n = 10*n + int(c-'0')
	}
	return n
}

// ids lists the speakers.
func (b *Bank) ids(ctx context.Context) (out []string, err error) {
	keys, err := b.c.Blobs.List(ctx, "s")
	for _, k := range keys {
		if id, rest, _ := strings.Cut(k, "/"); rest == "about" && idForm.MatchString(id) {
			out = append(out, id)
		}
	}
	return out, err
}

// gone is what stays of a speaker who withdrew: the number, so that copies can
// be found, and when.
type gone struct {
	ID string `json:"id"`
	At int64  `json:"at"` // unix milliseconds
}

// Withdraw deletes everything of a code, and gives the number of the speaker. It
// answers the same when it is asked again. Errors: as Resume.
func (b *Bank) Withdraw(ctx context.Context, code string) (id string, err error) {
	if id, err = ParseCode(code); err != nil {
		return "", err
	}
	return id, b.Delete(ctx, id)
}

// Delete deletes everything of a speaker; the number stays on the list of those
// who withdrew. Errors: CodeInvalid, CodeNotFound; field "code".
func (b *Bank) Delete(ctx context.Context, id string) error {
	if !idForm.MatchString(id) {
		return invalid("code", "is no number of a speaker")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var before gone
	err := b.read(ctx, withdrawn+"/"+id, &before)
	if faceproof.ErrorCode(err) == faceproof.CodeNotFound {
		if _, err = b.c.Blobs.Get(ctx, aboutKey(id)); faceproof.ErrorCode(err) == faceproof.CodeNotFound {
			return faceproof.Errorf(faceproof.CodeNotFound, "code", "there are no recordings of this code")
		}
		if err == nil { // first: an export that runs now leaves them out
			err = b.write(ctx, withdrawn+"/"+id, gone{id, b.c.Now().UnixMilli()})
		}
	}
	if err != nil {
		return err
	}
	return b.erase(ctx, id)
}

// erase deletes the blobs of a speaker, the description last: a crash on the way
// leaves one that can be deleted again.
func (b *Bank) erase(ctx context.Context, id string) error {
	keys, err := b.c.Blobs.List(ctx, id+"/")
	if err != nil {
		return err
	}
	for _, k := range append(slices.DeleteFunc(keys, func(k string) bool { return k == aboutKey(id) }), aboutKey(id)) {
		if err := b.c.Blobs.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// Sweep deletes those whose time is over, and those who never read a string; it
// gives their number.
func (b *Bank) Sweep(ctx context.Context) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ids, err := b.ids(ctx)
	if err != nil {
		return 0, err
	}
	now := b.c.Now().UnixMilli()
	for _, id := range ids {
		var s Speaker
		if err := b.read(ctx, aboutKey(id), &s); err != nil {
			return n, err
		}
		over := s.ExpiresAt <= now
		if !over && now-s.CreatedAt > emptyAfter.Milliseconds() {
			done, err := b.done(ctx, id)
			if err != nil {
				return n, err
			}
			over = len(done) == 0
		}
		if !over {
			continue
		}
		if err := b.erase(ctx, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Run sweeps now and every six hours, until ctx ends. report gets how many were
// deleted, and an error.
func (b *Bank) Run(ctx context.Context, report func(n int, err error)) {
	for tick := time.NewTicker(6 * time.Hour); ; {
		if n, err := b.Sweep(ctx); n > 0 || err != nil && ctx.Err() == nil {
			report(n, err)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}
