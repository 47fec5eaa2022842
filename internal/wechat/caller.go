package wechat

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"faceproof"
)

// caller is what runs the page, as far as it says so itself. Nothing that
// decides about a person rests on it: it saves people a capture that can't
// work.
type caller struct {
	name     string // a caller of the table; empty: unknown
	platform string
	version  string
	model    string // Android only; a browser may hide it
}

// maxAgent bounds what is read of a User-Agent, in bytes.
const maxAgent = 1024

var (
	agentWeChat   = regexp.MustCompile(`MicroMessenger/(\d{1,6}(?:\.\d{1,6}){0,3})`)
	agentChromium = regexp.MustCompile(`(?:Chrome|Chromium)/(\d{1,6})`)
	agentFirefox  = regexp.MustCompile(`Firefox/(\d{1,6}(?:\.\d{1,6})?)`)
	agentSafari   = regexp.MustCompile(`Version/(\d{1,6}(?:\.\d{1,6}){0,2}) .*Safari/`)
	agentIOS      = regexp.MustCompile(`(?:iPhone|iPad|iPod).*? OS (\d{1,3}(?:_\d{1,3}){1,2})`)
	agentAndroid  = regexp.MustCompile(`\(Linux; (?:U; )?Android [^;)]{1,16};([^)]{1,200})\)`)
	agentOnIOS    = []string{"CriOS/", "FxiOS/", "EdgiOS/", "OPiOS/"} // other browsers, all on the system's engine in a web view
)

// callerOf reads a User-Agent.
func callerOf(agent string) caller {
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	c := caller{platform: platformOf(agent), model: modelOf(agent)}
	set := func(name string, form *regexp.Regexp) bool {
		m := form.FindStringSubmatch(agent)
		if m != nil {
			c.name, c.version = name, strings.ReplaceAll(m[1], "_", ".")
		}
		return m != nil
	}
	switch {
	case set("wechat", agentWeChat):
	case c.platform == "ios":
		if other := slices.ContainsFunc(agentOnIOS, func(s string) bool { return strings.Contains(agent, s) }); other || !set("safari", agentSafari) {
			set("ios-webview", agentIOS)
		}
	case set("chromium", agentChromium):
	case set("firefox", agentFirefox):
	default:
		set("safari", agentSafari)
	}
	return c
}

func platformOf(agent string) string {
	for _, p := range []struct{ mark, platform string }{
		{"OpenHarmony", "harmony"}, {"HarmonyOS", "harmony"}, {"Windows NT", "windows"}, {"iPhone", "ios"}, {"iPad", "ios"}, {"iPod", "ios"},
		{"Android", "android"}, {"Macintosh", "macos"}, {"Linux", "linux"},
	} {
		if strings.Contains(agent, p.mark) {
			return p.platform
		}
	}
	return "other"
}

// modelOf finds the device's model in "(Linux; Android 13; MODEL Build/X; wv)".
func modelOf(agent string) string {
	m := agentAndroid.FindStringSubmatch(agent)
	if m == nil {
		return ""
	}
	for _, part := range strings.Split(m[1], ";") {
		model, _, _ := strings.Cut(strings.TrimSpace(part), " Build/")
		if model = strings.TrimSpace(model); len(model) > 2 && !localeForm.MatchString(model) && plainText(model, maxModel) {
			return model
		}
	}
	return ""
}

var localeForm = regexp.MustCompile(`^[a-z]{2}[-_][A-Za-z]{2,4}$`) // older agents name the language first

// deviceClaim is what a page says about its device: a Mini Program from
// wx.getSystemInfo, where version is WeChat's, a browser its model. It can only
// narrow what the User-Agent allows.
type deviceClaim struct {
	Platform string `json:"platform"`
	Version  string `json:"version"`
	Model    string `json:"model"`
}

// check refuses what no client says.
func (d *deviceClaim) check(c *sdkCall) error {
	for _, f := range []struct{ name, value string }{{"device.platform", d.Platform}, {"device.version", d.Version}, {"device.model", d.Model}} {
		if f.value != "" && !plainText(f.value, maxModel) {
			return c.invalid(f.name, "must be at most %d characters", maxModel)
		}
	}
	if _, ok := parseVersion(d.Version); d.Version != "" && !ok {
		return c.invalid("device.version", "must be numbers with dots between, such as 8.0.49")
	}
	return nil
}

// fit is what the table says about one request.
type fit struct {
	blocked       bool
	digits, flash bool
}

// fitOf asks the table about the User-Agent and the claim; the worse counts.
func (t compatTable) fitOf(agent string, claim *deviceClaim) fit {
	callers := []caller{callerOf(agent)}
	if claim != nil {
		platform := strings.ToLower(claim.Platform)
		if !slices.Contains(compatPlatforms, platform) {
			platform = "other"
		}
		c := caller{platform: platform, version: claim.Version, model: claim.Model}
		if claim.Version != "" {
			c.name = "wechat"
		}
		callers = append(callers, c)
	}
	f := fit{digits: true, flash: true}
	for _, c := range callers {
		f.blocked = f.blocked || t.blocks(c.model)
		f.digits = f.digits && t.serves(c, "digits")
		f.flash = f.flash && t.serves(c, "flash")
	}
	return f
}

// serves says whether the caller fits what a capture begins with. What it would
// fall back on is no reason to refuse it.
func (f fit) serves(m faceproof.Methods) bool {
	if m.First == faceproof.AliveDigits {
		return f.digits
	}
	return f.flash
}

// compat answers GET /v1/sdk/compat: the table in force, for whoever builds a
// page. How many devices are blocked is said, which is not.
func (a *API) compat(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Access-Control-Allow-Origin", "*")
	t := a.cfg.Compat.current()
	writeJSON(w, struct {
		Minimum []minimumRow `json:"minimum"`
		Blocked int          `json:"blocked"`
	}{t.Minimum, len(t.Blocked)})
}
