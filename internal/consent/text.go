// Package consent makes the text that a person consents to, word for word as
// the page shows it, and takes a consent back by its receipt.
//
// The texts of the page are in web/core/text. This package holds each of their
// versions once more, because what somebody read years ago must be shown
// although the page has changed since; tests on both sides compare them.
package consent

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"faceproof"
)

// Wording is the current version of the copy deck; WORDING of
// web/core/text/text.ts.
const Wording = 1

//go:embed wording/*.json
var wordings embed.FS

// decks are the copy decks by version and language.
var decks = func() map[int]map[string]map[string]string {
	all := map[int]map[string]map[string]string{}
	for v := 1; v <= Wording; v++ {
		data, err := wordings.ReadFile(fmt.Sprintf("wording/%d.json", v))
		if err != nil {
			panic(err) // a file of this package
		}
		var deck map[string]map[string]string
		if err := json.Unmarshal(data, &deck); err != nil {
			panic(err)
		}
		all[v] = deck
	}
	return all
}()

// Shown is what decides which text a person saw.
type Shown struct {
	AppName string
	Notice  faceproof.Notice // App.Shown
	Lang    string           // "zh" or "en"
	Wording int              // of the page; 0: the current one
	Minor   faceproof.MinorGate
	Video   bool // the capture is kept for getvideo
}

// Text is the consent page as lines of text: headings, paragraphs, the fields
// of the notice and the two boxes that are not ticked beforehand. What names
// the person, their masked name, is left out. Errors: CodeInvalid with field
// "hello.consent.wording" for a version that this server does not know.
func Text(s Shown) (faceproof.ConsentText, error) {
	if s.Wording == 0 {
		s.Wording = Wording
	}
	deck, known := decks[s.Wording][s.Lang]
	if !known {
		return faceproof.ConsentText{}, faceproof.Errorf(faceproof.CodeInvalid, "hello.consent.wording", "is a version of the texts that this server does not know; the newest is %d", Wording)
	}
	body := strings.Join(page(s, deck), "\n") + "\n"
	sum := sha256.Sum256([]byte(body))
	return faceproof.ConsentText{Hash: hex.EncodeToString(sum[:]), Lang: s.Lang, Wording: s.Wording, Body: body}, nil
}

// page follows consent() and details() of web/sdk/screens.ts, line by line.
func page(s Shown, deck map[string]string) []string {
	n := s.Notice
	half := func(text string) string { return halfOf(text, s.Lang) }
	app, handler, purpose := half(s.AppName), half(n.Handler), half(n.Purpose)
	values := map[string]string{"app": app, "handler": handler, "purpose": purpose, "days": strconv.Itoa(n.RetentionDays), "methods": half(n.Alternative)}
	say := func(key string) string { return fill(deck[key], values) }
	kept := "consent.retention"
	switch {
	case s.Video:
		kept = "consent.retention.video"
	case n.KeepsImage:
		kept = "consent.retention.image"
	}
	retention := say(kept)
	values["retention"] = retention
	sound := n.Sound
	out := []string{say("consent.title"), say("context.confirm")}
	if s.Minor == faceproof.MinorGuardian {
		out = append(out, say("minor.present"))
	}
	out = append(out, say("consent.body"))
	if sound {
		out = append(out, say("consent.sound"))
	}
	if s.Video {
		out = append(out, say("consent.video"))
	}
	data := say("notice.data.text")
	if s.Video {
		data = say("notice.data.video")
	}
	if sound {
		data += say("notice.data.sound")
	}
	minor := say("notice.minor.text")
	if n.Guardian {
		minor = say("notice.minor.guardian")
	}
	or := func(text, key string) string {
		if text == "" {
			return say(key)
		}
		return half(text)
	}
	out = append(out, say("consent.details"))
	for _, f := range [][2]string{
		{"notice.handler", handler}, {"notice.contact", half(n.Contact)}, {"notice.officer", half(n.Officer)}, {"notice.purpose", purpose},
		{"notice.method", say("notice.method.text")}, {"notice.data", data}, {"notice.necessity", half(n.Necessity)}, {"notice.retention", retention},
		{"notice.place", or(n.Place, "notice.place.text")}, {"notice.transfer", say("notice.transfer.text")},
		{"notice.processors", or(n.Processors, "notice.processors.text")}, {"notice.rights", say("notice.rights.text")},
		{"notice.automated", say("notice.automated.text")}, {"notice.minor", minor}, {"notice.alternative", say("alt.body")},
		{"notice.version", n.Hash()[:16]},
	} {
		if f[1] != "" {
			out = append(out, say(f[0])+": "+f[1])
		}
	}
	return append(out, boxes(s, say)...)
}

// boxes are what is ticked, and what may be pressed instead.
func boxes(s Shown, say func(string) string) []string {
	out := []string{"[ ] " + say("consent.separate"), "[ ] " + say("consent.transfer")}
	if s.Minor == faceproof.MinorGuardian {
		out = append(out, "[ ] "+say("minor.guardian"), say("minor.role")+": "+say("minor.role.parent")+" / "+say("minor.role.guardian"))
	}
	return append(out, "( ) "+say("consent.agree"), "( ) "+say("consent.decline"))
}

var hole = regexp.MustCompile(`\{(\w+)(?:\|([^|}]+)\|([^|}]+))?\}`)

// fill puts values into {placeholders}, {n|day|days} as "1 day" or "7 days", as
// words() of web/core/text/text.ts does. What has no value stays: {child}.
func fill(text string, values map[string]string) string {
	return hole.ReplaceAllStringFunc(text, func(whole string) string {
		m := hole.FindStringSubmatch(whole)
		value, known := values[m[1]]
		switch {
		case !known:
			return whole
		case m[2] == "":
			return value
		case value == "1":
			return value + " " + m[2]
		}
		return value + " " + m[3]
	})
}

var parting = regexp.MustCompile(` ?· `)

// halfOf is the reader's half of an operator's text, as halfOf of
// web/core/text/text.ts is.
func halfOf(text, lang string) string {
	parts := parting.Split(text, -1)
	switch {
	case len(parts) != 2:
		return text
	case lang == "zh":
		return strings.TrimSpace(parts[0])
	}
	return strings.TrimSpace(parts[1])
}
