package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"sort"
	"unicode/utf8"

	"faceproof"
)

// maxDepth of a client message: the object and the objects in it.
const maxDepth = 2

var memberForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

func invalid(field, why string) error {
	return faceproof.Errorf(faceproof.CodeInvalid, field, "%s", why)
}

// Parse decodes a text message of at most limit bytes. It is stricter than
// encoding/json: UTF-8, one object, known members in their own spelling, each
// once, none null, none missing. Errors: CodeInvalid with the field, such as
// "display.t", or "message" when it has no shape.
func Parse(data []byte, limit int) (ClientMessage, error) {
	if len(data) > limit {
		return nil, invalid("message", "is over-large")
	}
	if err := checkShape(data); err != nil {
		return nil, err
	}
	m := members{kind: "message"}
	if err := json.Unmarshal(data, &m.raw); err != nil {
		return nil, invalid("message", "must be a JSON object")
	}
	var kind string
	m.take("type", &kind)
	if m.err != nil {
		return nil, m.err
	}
	m.kind = kind
	switch kind {
	case "hello":
		return m.hello()
	case "ready":
		var r ClientReady
		m.take("attempt", &r.Attempt)
		return r, m.done()
	case "display":
		return m.display()
	case "end":
		return m.end()
	case "abort":
		return m.abort()
	}
	return nil, invalid("type", "is unknown")
}

// ParseHello decodes the first message of a socket. Errors: CodeInvalid with
// the field.
func ParseHello(data []byte) (ClientHello, error) {
	m, err := Parse(data, DefaultLimits().TextBytes)
	if err != nil {
		return ClientHello{}, err
	}
	h, ok := m.(ClientHello)
	if !ok {
		return ClientHello{}, invalid("type", "the first message must be hello")
	}
	return h, nil
}

// checkShape walks the tokens: depth, the form of names, doubles and nulls,
// which encoding/json lets pass.
func checkShape(data []byte) error {
	if !utf8.Valid(data) {
		return invalid("message", "must be UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return invalid("message", "must be a JSON object")
	}
	if err := checkObject(d, 1); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("message", "must be one JSON object")
	}
	return nil
}

func checkObject(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return invalid("message", "must be JSON")
		}
		if !memberForm.MatchString(name) {
			return invalid("message", "has a member that is unknown")
		}
		if seen[name] {
			return invalid(name, "comes twice")
		}
		seen[name] = true
		t, err = d.Token()
		switch {
		case err != nil:
			return invalid("message", "must be JSON")
		case t == nil:
			return invalid(name, "must not be null")
		case t == json.Delim('{') && depth < maxDepth:
			if err := checkObject(d, depth+1); err != nil {
				return err
			}
		case t == json.Delim('{') || t == json.Delim('['):
			return invalid(name, "is nested too deeply")
		}
	}
	if _, err := d.Token(); err != nil {
		return invalid("message", "must be JSON")
	}
	return nil
}

// members takes the members of one message; the first error stays.
type members struct {
	kind string
	raw  map[string]json.RawMessage
	err  error
}

func (m *members) take(name string, v any) {
	if m.err != nil {
		return
	}
	field := m.kind + "." + name
	if name == "type" {
		field = name
	}
	raw, ok := m.raw[name]
	if !ok {
		m.err = invalid(field, "is missing")
		return
	}
	delete(m.raw, name)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			field += "." + wrong.Field
		}
		m.err = invalid(field, "has the wrong type or an unknown member")
	}
}

// check records a broken rule.
func (m *members) check(ok bool, field, why string) {
	if m.err == nil && !ok {
		m.err = invalid(m.kind+"."+field, why)
	}
}

// done tells the first error, or a member that nobody took.
func (m *members) done() error {
	if m.err == nil && len(m.raw) > 0 {
		names := make([]string, 0, len(m.raw))
		for n := range m.raw {
			names = append(names, n)
		}
		sort.Strings(names)
		m.err = invalid(m.kind+"."+names[0], "is unknown")
	}
	return m.err
}

var (
	sessionForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	tokenForm   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	noticeForm  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sdkForm     = regexp.MustCompile(`^[!-~][ -~]{0,63}$`)
)

// The largest camera and screen that are believed, pixels a side.
const maxSide = 32768

func (m *members) hello() (ClientMessage, error) {
	var h ClientHello
	var v int
	var token string
	m.take("v", &v)
	m.check(v == Version, "v", "must be 1")
	m.take("session_id", &h.SessionID)
	m.take("capture_token", &token)
	m.take("sdk", &h.SDK)
	m.take("lang", &h.Lang)
	m.take("consent", &h.Consent)
	m.take("camera", &h.Camera)
	m.take("screen", &h.Screen)
	if _, told := m.raw["track"]; told { // a client may know nothing of its camera
		m.track(&h.Track)
	}
	m.check(sessionForm.MatchString(h.SessionID), "session_id", "must be 32 hex digits")
	m.check(tokenForm.MatchString(token), "capture_token", "must be base64url")
	m.check(sdkForm.MatchString(h.SDK), "sdk", "must be 1 to 64 printable characters")
	m.check(h.Lang == "zh" || h.Lang == "en", "lang", "must be zh or en")
	m.check(noticeForm.MatchString(h.Consent.Notice), "consent.notice", "must be the hash of the notice")
	m.check(h.Consent.Separate, "consent.separate", "is needed")
	m.check(h.Consent.Transfer, "consent.transfer", "is needed")
	m.check(h.Consent.Wording >= 0 && h.Consent.Wording <= 1000, "consent.wording", "must be a version of the texts")
	m.check(h.Consent.Guardian == faceproof.GuardianNone || h.Consent.Guardian.Valid(), "consent.guardian", "must be parent or guardian")
	side := func(n int) bool { return n >= 1 && n <= maxSide }
	m.check(side(h.Camera.Width), "camera.width", "must be pixels")
	m.check(side(h.Camera.Height), "camera.height", "must be pixels")
	m.check(h.Camera.FPS >= 0 && h.Camera.FPS <= 1000, "camera.fps", "must be 0 to 1000")
	m.check(side(h.Screen.Width), "screen.width", "must be pixels")
	m.check(side(h.Screen.Height), "screen.height", "must be pixels")
	m.check(h.Screen.DPR > 0 && h.Screen.DPR <= 16, "screen.dpr", "must be above 0 and at most 16")
	h.CaptureToken = faceproof.NewToken(token)
	return h, m.done()
}

// track reads what the browser says of its camera.
func (m *members) track(t *faceproof.TrackEvidence) {
	m.take("track", t)
	m.check(slices.Contains([]string{"", "none", "plain", "virtual"}, t.Label), "track.label", "must be none, plain or virtual")
	m.check(slices.Contains([]string{"", "user", "environment", "left", "right"}, t.Facing), "track.facing", "must be user, environment, left or right")
	m.check(t.Controls >= -1 && t.Controls <= 32, "track.controls", "must be -1 to 32")
	m.check(slices.Contains([]string{"", "camera", "page"}, t.Clock), "track.clock", "must be camera or page")
}

func (m *members) display() (ClientMessage, error) {
	var d ClientDisplay
	m.take("attempt", &d.Attempt)
	m.take("event", &d.Event)
	m.take("index", &d.Index)
	m.take("t", &d.T)
	switch d.Event {
	case DisplayLead, DisplayPreroll, DisplayPostroll:
		m.check(d.Index == 0, "index", "must be 0")
	case DisplaySegment, DisplayPrompt:
	default:
		m.check(false, "event", "must be lead, preroll, segment, prompt or postroll")
	}
	m.check(validTime(d.T), "t", "must be milliseconds from 0 to 1e12")
	return d, m.done()
}

// maxCount bounds a count of frames or samples, far above any limit.
const maxCount = 1 << 20

func (m *members) end() (ClientMessage, error) {
	var e ClientEnd
	m.take("attempt", &e.Attempt)
	type count struct {
		name string
		v    *int
	}
	counts := []count{{"captured", &e.Captured}, {"sent", &e.Sent}, {"dropped", &e.Dropped}}
	if _, told := m.raw["samples"]; told { // flash has none
		counts = append(counts, count{"samples", &e.Samples})
	}
	for _, c := range counts {
		m.take(c.name, c.v)
		m.check(*c.v >= 0 && *c.v <= maxCount, c.name, "is no count")
	}
	return e, m.done()
}

// The stages of abort, WeChat's codes for "the person cancelled at …".
const (
	firstStage = 90002
	lastStage  = 90006
)

func (m *members) abort() (ClientMessage, error) {
	var a ClientAbort
	m.take("reason", &a.Reason)
	m.take("stage", &a.Stage)
	switch a.Reason {
	case "cancel", "hidden", "camera", "alternative":
	default:
		m.check(false, "reason", "must be cancel, hidden, camera or alternative")
	}
	m.check(a.Stage >= firstStage && a.Stage <= lastStage, "stage", "must be 90002 to 90006")
	return a, m.done()
}
