package faceproof

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ApplicationState is where a business's application stands.
type ApplicationState string

// The states. An approved application has an app, which may call nothing until
// the operator switches its interfaces on, one by one.
const (
	ApplicationDraft     ApplicationState = "draft"     // may be changed
	ApplicationSubmitted ApplicationState = "submitted" // waits for a reviewer
	ApplicationApproved  ApplicationState = "approved"  // for good; the app is on the white-list
	ApplicationRejected  ApplicationState = "rejected"  // Reason says why; may be revised
)

// ApplicationAction is a step between states.
type ApplicationAction string

// The steps.
const (
	ActionSubmit  ApplicationAction = "submit"
	ActionApprove ApplicationAction = "approve"
	ActionReject  ApplicationAction = "reject"
	ActionRevise  ApplicationAction = "revise"
)

// Who an application came from.
const (
	SourceApplicant = "applicant"
	SourceOperator  = "operator" // `app create`: the operator's own short way, approved at once
)

// Licence is a paper that came with an application. The file itself is sealed
// in the blob store; its name is not kept, since people put names into names.
type Licence struct {
	ID     string      `json:"id"`
	Kind   LicenceKind `json:"kind"`
	Type   string      `json:"type"` // MIME
	Bytes  int         `json:"bytes"`
	SHA256 string      `json:"sha256"` // hex, of the file
}

// Application is what a business says about itself before it may call anything.
type Application struct {
	ID          string
	State       ApplicationState
	Source      string
	Reason      string // why it was rejected
	Name        string // the app's
	Notice      Notice
	Category    string       // a Category's ID
	DailyVolume int          // verifications expected a day
	Peak        int          // verifications expected at once
	Interfaces  []Permission // asked for
	ImageBasis  string       // law or regulation that obliges the handler to collect and keep face images; for getimage and the video interfaces
	Origins     []string
	Alive       AliveType
	Licences    []Licence
	AppID       AppID // once approved
	Version     int64 // counts the changes, so that two of them can't both win
	CreatedAt   int64 // unix milliseconds
	UpdatedAt   int64
}

// Limits of an application.
const (
	MaxLicenceBytes  = 10 << 20
	MaxLicences      = 8
	MaxAppName       = 64   // characters
	MaxText          = 1000 // characters
	MaxRetentionDays = 3650
	MaxOrigins       = 50
	maxVolume        = 10_000_000
)

var applicationIDForm = regexp.MustCompile(`^ap_[0-9a-f]{16}$`)

// ApplicationID says whether s has the form of an application's id.
func ApplicationID(s string) bool { return applicationIDForm.MatchString(s) }

// Step gives the application after an action; reason is a rejection's. It
// changes nothing but State and Reason. Errors: CodeConflict when the state
// does not allow it, CodeInvalid when something is missing.
func (a Application) Step(action ApplicationAction, reason string) (Application, error) {
	next := map[ApplicationState]map[ApplicationAction]ApplicationState{
		ApplicationDraft:     {ActionSubmit: ApplicationSubmitted},
		ApplicationSubmitted: {ActionApprove: ApplicationApproved, ActionReject: ApplicationRejected},
		ApplicationRejected:  {ActionRevise: ApplicationDraft},
	}
	to, ok := next[a.State][action]
	if !ok {
		return a, Errorf(CodeConflict, "state", "a %s application can't take the step %s", a.State, action)
	}
	switch action {
	case ActionSubmit, ActionApprove:
		if err := a.Complete(); err != nil {
			return a, err
		}
		reason = ""
	case ActionReject:
		if err := checkText("reason", &reason, MaxText, false); err != nil {
			return a, err
		}
	case ActionRevise:
		reason = a.Reason // the applicant must still see what to mend
	}
	a.State, a.Reason = to, reason
	return a, nil
}

// Complete says whether a reviewer could approve the application: everything
// that Check wants, and every paper that the category requires.
func (a Application) Complete() error {
	if err := a.Check(); err != nil {
		return err
	}
	c, _ := CategoryByID(a.Category)
	for _, kind := range c.Requires {
		if !slices.ContainsFunc(a.Licences, func(l Licence) bool { return l.Kind == kind }) {
			return Errorf(CodeInvalid, "licences", "category %s requires the licence %s", c.ID, kind)
		}
	}
	return nil
}

// Check trims the texts and puts origins and interfaces into their one form.
// Errors name the field in its JSON spelling.
func (a *Application) Check() error {
	n := &a.Notice
	for _, t := range []struct {
		field string
		text  *string
		max   int
		empty bool
	}{
		{"name", &a.Name, MaxAppName, false}, {"handler", &n.Handler, MaxText, false}, {"contact", &n.Contact, MaxText, false},
		{"purpose", &n.Purpose, MaxText, false}, {"necessity", &n.Necessity, MaxText, false}, {"alternative", &n.Alternative, MaxText, false},
		{"alternative_to", &n.AlternativeTo, MaxText, true}, {"place", &n.Place, MaxText, true}, {"processors", &n.Processors, MaxText, true}, {"officer", &n.Officer, MaxText, true}, {"image_basis", &a.ImageBasis, MaxText, true},
	} {
		if err := checkText(t.field, t.text, t.max, t.empty); err != nil {
			return err
		}
	}
	if u, err := url.Parse(n.AlternativeTo); n.AlternativeTo != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return Errorf(CodeInvalid, "alternative_to", "must be an https or http address")
	}
	for _, v := range []struct {
		field    string
		n, limit int
	}{{"retention_days", n.RetentionDays, MaxRetentionDays}, {"daily_volume", a.DailyVolume, maxVolume}, {"peak", a.Peak, maxVolume}} {
		if v.n < 1 || v.n > v.limit {
			return Errorf(CodeInvalid, v.field, "must be 1 to %d", v.limit)
		}
	}
	if _, ok := CategoryByID(a.Category); !ok {
		return Errorf(CodeInvalid, "category", "is not in the list of categories")
	}
	if len(a.Interfaces) == 0 {
		return Errorf(CodeInvalid, "interfaces", "must name at least one interface")
	}
	for _, p := range a.Interfaces {
		if !slices.Contains(Permissions(), p) {
			return Errorf(CodeInvalid, "interfaces", "must be among %v", Permissions())
		}
		if p.KeepsImages() && a.ImageBasis == "" {
			return Errorf(CodeInvalid, "image_basis", "%s hands out face images or video: name the law that obliges the handler to keep them", p)
		}
	}
	a.Interfaces = slices.DeleteFunc(Permissions(), func(p Permission) bool { return !slices.Contains(a.Interfaces, p) })
	if a.Alive != AliveDigits && a.Alive != AliveFlash && a.Alive != AliveAuto {
		return Errorf(CodeInvalid, "alive", "must be flash, digits or auto")
	}
	origins, err := ParseOrigins(a.Origins, "origins")
	if err != nil {
		return err
	}
	a.Origins = origins
	return nil
}

// KeepsImages says whether the interface lets a business have a face image or
// a video; the rest hand out a verdict.
func (p Permission) KeepsImages() bool { return !slices.Contains(DefaultPermissions(), p) }

// MaySwitchOn says whether an interface of the app may be switched on. The
// person must be able to read why, for how long, and what else they may do;
// and a business that applied gets only what it asked for.
func (a Application) MaySwitchOn(app App, p Permission) error {
	if app.Revoked {
		return Errorf(CodeConflict, "app_id", "the app is revoked for good; create another")
	}
	if a.State != ApplicationApproved || a.AppID != app.ID {
		return Errorf(CodeConflict, "app_id", "the app's application is not approved")
	}
	if f := app.Notice.Missing(); f != "" {
		return Errorf(CodeConflict, f, "must be filled in before an interface is switched on")
	}
	if app.Notice.RetentionDays < 1 {
		return Errorf(CodeConflict, "retention_days", "must be filled in before an interface is switched on")
	}
	if a.Source == SourceApplicant && !slices.Contains(a.Interfaces, p) {
		return Errorf(CodeConflict, "permission", "the application did not ask for %s; it needs another application", p)
	}
	return nil
}

// LicenceType tells the kind of a licence file by its first bytes, whatever
// name or type it came with. Errors: CodeInvalid.
func LicenceType(data []byte) (string, error) {
	if len(data) > MaxLicenceBytes {
		return "", Errorf(CodeInvalid, "licence", "is over %d bytes", MaxLicenceBytes)
	}
	for _, m := range []struct{ magic, mime string }{
		{"%PDF-", "application/pdf"}, {"\xff\xd8\xff", "image/jpeg"}, {"\x89PNG\r\n\x1a\n", "image/png"},
	} {
		if bytes.HasPrefix(data, []byte(m.magic)) {
			return m.mime, nil
		}
	}
	return "", Errorf(CodeInvalid, "licence", "must be a PDF, JPEG or PNG file")
}

// checkText trims a text that people will read.
func checkText(field string, text *string, limit int, empty bool) error {
	*text = strings.TrimSpace(*text)
	switch {
	case *text == "" && !empty:
		return Errorf(CodeInvalid, field, "must not be blank")
	case !utf8.ValidString(*text) || strings.ContainsFunc(*text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }):
		return Errorf(CodeInvalid, field, "must be UTF-8 without control characters")
	case utf8.RuneCountInString(*text) > limit:
		return Errorf(CodeInvalid, field, "must be at most %d characters", limit)
	}
	return nil
}
