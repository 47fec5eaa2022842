package faceproof

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// AppID names a business app, in WeChat's form: "wx" and 16 lower-case hex
// digits.
type AppID string

var appIDForm = regexp.MustCompile(`^wx[0-9a-f]{16}$`)

// Valid says whether the form is right; it does not say that the app exists.
func (id AppID) Valid() bool { return appIDForm.MatchString(string(id)) }

// Permission is the right to call one interface; its name is the interface's.
type Permission string

// The interfaces that need a permission.
const (
	PermCheckSupport Permission = "checkIsSupportFacialRecognition"
	PermStartVerify  Permission = "startFacialRecognitionVerify" // 1.0 client
	PermRequest      Permission = "requestFacialVerify"          // 2.0 client
	PermGetUserIDKey Permission = "getuseridkey"                 // 1.0 server
	PermGetInfo      Permission = "getinfo"                      // 1.0 server
	PermGetVerifyID  Permission = "getverifyid"                  // 2.0 server
	PermQueryInfo    Permission = "queryverifyinfo"              // 2.0 server
	PermGetImage     Permission = "getimage"                     // both; keeps a face image, so never granted by default

	// The forms that keep the whole capture, so never granted by default.
	PermStartVideo   Permission = "startFacialRecognitionVerifyAndUploadVideo" // 1.0 client
	PermRequestVideo Permission = "requestFacialVerifyAndUploadVideo"          // 2.0 client
	PermGetVideo     Permission = "getvideo"                                   // both, server; this server's own
)

// Permissions lists every permission, in the order of the documentation.
func Permissions() []Permission {
	return []Permission{PermCheckSupport, PermStartVerify, PermRequest,
		PermGetUserIDKey, PermGetInfo, PermGetVerifyID, PermQueryInfo,
		PermGetImage, PermStartVideo, PermRequestVideo, PermGetVideo}
}

// DefaultPermissions are those that keep and hand out no face image.
func DefaultPermissions() []Permission { return Permissions()[:7] }

// Notice is what the person reads before consenting; every field is shown, so
// none may be blank. Measures on the Security Management of Face Recognition
// Technology Application (CAC and MPS order 19, 2025), art. 5.
type Notice struct {
	Handler       string `json:"handler"`        // 处理者名称
	Contact       string `json:"contact"`        // how to reach the handler
	Purpose       string `json:"purpose"`        // why, specific
	Necessity     string `json:"necessity"`      // why a face, and what it means for the person
	RetentionDays int    `json:"retention_days"` // how long the result is kept; raw images are deleted at once
	Alternative   string `json:"alternative"`    // another method without a face, in words
	AlternativeTo string `json:"alternative_to"` // its URL, may be empty
	// The next three may be empty: then the page says what this software does by
	// itself. An operator who hosts elsewhere or has others process must say so.
	Place      string `json:"place,omitempty"`      // where it is kept
	Processors string `json:"processors,omitempty"` // who processes for the handler, with whom it is shared, where portraits come from
	Officer    string `json:"officer,omitempty"`    // 个人信息保护负责人; needed from 100,000 people on
	// Guardian says that a guardian may consent for a child under 14; else such a
	// child is refused. Set by App.Shown.
	Guardian bool `json:"guardian,omitempty"`
	// KeepsImage says that one face image is kept for the app to fetch. Set by
	// App.Shown from the app's permissions, never by the operator.
	KeepsImage bool `json:"keeps_image,omitempty"`
	// Sound says that the person's voice may be recorded, for the digits and the
	// lips alone. Set by App.Shown.
	Sound bool `json:"sound,omitempty"`
}

// Hash names this exact wording: SHA-256, hex, of its JSON. The person's consent
// is recorded as this hash.
func (n Notice) Hash() string {
	b, _ := json.Marshal(n) // strings and an int: cannot fail
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Missing names the first mandatory field that is blank, in its JSON spelling;
// "" when the notice is complete. AlternativeTo may be empty.
func (n Notice) Missing() string {
	for _, f := range []struct{ name, value string }{
		{"handler", n.Handler}, {"contact", n.Contact}, {"purpose", n.Purpose},
		{"necessity", n.Necessity}, {"alternative", n.Alternative},
	} {
		if strings.TrimSpace(f.value) == "" {
			return f.name
		}
	}
	if n.RetentionDays < 0 {
		return "retention_days"
	}
	return ""
}

// App is a business app registered with this server.
type App struct {
	ID          AppID
	Name        string
	Notice      Notice
	Permissions []Permission
	Origins     []string    // pages that may run the SDK, "https://host[:port]"; empty allows this server's own origin only
	Alive       AliveType   // what the app's policy allows: AliveFlash, AliveDigits, or AliveAuto for both
	Reading     Reading     // digits aloud
	Retain      Retention   // what is kept for less time than the server keeps it
	Minors      MinorPolicy // under 14; empty: refused
	DailyCalls  int         // calls of each interface on one day, 0 to MaxDailyCalls; 0: the server's default
	Revoked     bool
	CreatedAt   int64 // unix milliseconds
}

// MaxDailyCalls is above any quota that means something.
const MaxDailyCalls = 1_000_000_000

// SecretOverlap is how long the secret that was replaced stays valid:
// security.md T12.
const SecretOverlap = 60 * time.Second

// CheckDailyCalls refuses what is no quota. Errors: CodeInvalid with field.
func CheckDailyCalls(n int, field string) error {
	if n < 0 || n > MaxDailyCalls {
		return Errorf(CodeInvalid, field, "must be 0 (the server's default) to %d", MaxDailyCalls)
	}
	return nil
}

// Shown is the notice as the person reads it, with what the app's permissions
// mean for them, and whether this verification may use sound (Methods.Digits). Its
// hash is what they consent to: an app that gets getimage meanwhile needs a new
// consent.
func (a App) Shown(sound bool) Notice {
	n := a.Notice
	n.KeepsImage, n.Sound, n.Guardian = a.Has(PermGetImage), sound, a.Minors == MinorsGuardian
	return n
}

// Has says whether the app holds p and is not revoked.
func (a App) Has(p Permission) bool {
	if a.Revoked {
		return false
	}
	for _, q := range a.Permissions {
		if q == p {
			return true
		}
	}
	return false
}
