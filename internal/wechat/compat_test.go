package wechat

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faceproof"
)

const (
	agentWX = "Mozilla/5.0 (Linux; Android 13; SM-G991B Build/TP1A.220624.014; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/107.0.5304.141 Mobile Safari/537.36 XWEB/5075 MMWEBSDK/20230405 MicroMessenger/8.0.35.2360(0x2800235D) WeChat/arm64 NetType/WIFI Language/zh_CN ABI/arm64"
	agentWI = "Mozilla/5.0 (iPhone; CPU iPhone OS 12_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/6.7.1(0x12000f30) NetType/WIFI Language/zh_CN"
	agentCD = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/79.0.3945.88 Safari/537.36"
	agentED = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0"
	agentFF = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:73.0) Gecko/20100101 Firefox/73.0"
	agentSM = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15"
	agentSI = "Mozilla/5.0 (iPhone; CPU iPhone OS 14_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/14.0.1 Mobile/15E148 Safari/604.1"
	agentCI = "Mozilla/5.0 (iPhone; CPU iPhone OS 14_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/87.0.4280.77 Mobile/15E148 Safari/604.1"
	agentVI = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
	agentHM = "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36 ArkWeb/4.1.6.1 Mobile"
	agentOL = "Mozilla/5.0 (Linux; U; Android 4.4.4; zh-cn; HM NOTE 1S Build/KTU84P) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/46.0.2490.85 Mobile Safari/537.36"
)

func TestCallerOf(t *testing.T) {
	for agent, want := range map[string]caller{
		agentWX: {"wechat", "android", "8.0.35.2360", "SM-G991B"}, agentWI: {"wechat", "ios", "6.7.1", ""}, agentCD: {"chromium", "linux", "79", ""},
		agentED: {"chromium", "windows", "120", ""}, agentFF: {"firefox", "windows", "73.0", ""}, agentSM: {"safari", "macos", "17.4", ""},
		agentSI: {"safari", "ios", "14.0.1", ""}, agentCI: {"ios-webview", "ios", "14.2", ""}, agentVI: {"ios-webview", "ios", "17.4.1", ""},
		agentHM: {"chromium", "harmony", "114", ""}, agentOL: {"chromium", "android", "46", "HM NOTE 1S"},
		"": {"", "other", "", ""}, "curl/8.5.0": {"", "other", "", ""}, "Mozilla/5.0 (Linux; Android 10; K) Chrome/124.0.0.0": {"chromium", "android", "124", ""},
		strings.Repeat("x", maxAgent) + "MicroMessenger/1.0": {"", "other", "", ""},
	} {
		if got := callerOf(agent); got != want {
			t.Errorf("%.80s…: %+v, want %+v", agent, got, want)
		}
	}
}

func TestDefaultCompat(t *testing.T) {
	table, err := parseCompat(defaultCompat)
	if err != nil || len(table.Minimum) == 0 {
		t.Fatal(err)
	}
	old := strings.NewReplacer("8.0.35.2360", "6.5.3").Replace(agentWX)
	cases := []struct {
		name, agent   string
		claim         *deviceClaim
		digits, flash bool
	}{
		{"WeChat today", agentWX, nil, true, true},
		{"Android 6.5.3", old, nil, false, false},
		{"Android 6.5.4", strings.ReplaceAll(old, "6.5.3", "6.5.4"), nil, true, false},
		{"Android 6.7.2", strings.ReplaceAll(old, "6.5.3", "6.7.2"), nil, true, true},
		{"iOS 6.5.5", strings.ReplaceAll(agentWI, "6.7.1", "6.5.5"), nil, false, false},
		{"iOS 6.5.6", strings.ReplaceAll(agentWI, "6.7.1", "6.5.6"), nil, true, false},
		{"iOS 6.7.1", agentWI, nil, true, false},
		{"iOS 6.7.2", strings.ReplaceAll(agentWI, "6.7.1", "6.7.2"), nil, true, true},
		{"iOS 6.10", strings.ReplaceAll(agentWI, "6.7.1", "6.10"), nil, true, true},
		{"HarmonyOS", agentHM, nil, true, true},
		{"a Mini Program says", "", &deviceClaim{"android", "6.7.1", "x"}, true, false},
		{"a Mini Program says", "", &deviceClaim{"iOS", "8.0.49", ""}, true, true},
		{"a claim does not widen", agentWI, &deviceClaim{"ios", "8.0.49", ""}, true, false},
		{"a claim narrows", agentWX, &deviceClaim{"android", "6.5.4", ""}, true, false},
		{"devtools", "", &deviceClaim{"devtools", "6.0.0", ""}, true, true},
		{"old Chromium", agentCD, nil, false, false},
		{"Edge", agentED, nil, true, true},
		{"old Firefox", agentFF, nil, false, false},
		{"Safari", agentSM, nil, true, true},
		{"Safari on iOS 14.2", agentSI, nil, true, true},
		{"Chrome on iOS 14.2", agentCI, nil, false, false},
		{"web view on iOS 17", agentVI, nil, true, true},
		{"nothing", "", nil, true, true},
	}
	for _, c := range cases {
		if got := table.fitOf(c.agent, c.claim); got != (fit{false, c.digits, c.flash}) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestBlocked(t *testing.T) {
	over, err := parseCompat([]byte("[[blocked]]\nmodel = \"sm-g991B\"\n[[blocked]]\nmodel = \"HM NOTE*\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	table := builtIn().with(over)
	for agent, want := range map[string]bool{agentWX: true, agentOL: true, agentHM: false, strings.ReplaceAll(agentWX, "SM-G991B", "SM-G991"): false,
		strings.ReplaceAll(agentWX, "SM-G991B", "SM-G991B2"): false, "": false} {
		if got := table.fitOf(agent, nil).blocked; got != want {
			t.Errorf("%.60s: %v", agent, got)
		}
	}
	if !table.fitOf("", &deviceClaim{Model: "HM NOTE 2"}).blocked || !table.fitOf(agentWX, &deviceClaim{Model: "honest"}).blocked {
		t.Error("a claim lifts the black-list")
	}
}

func TestBadCompat(t *testing.T) {
	row := func(caller, platform, method, version string) string {
		return "[[minimum]]\ncaller=\"" + caller + "\"\nplatform=\"" + platform + "\"\nmethod=\"" + method + "\"\nversion=\"" + version + "\"\n"
	}
	if _, err := parseCompat([]byte(row("wechat", "any", "any", "8.0"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no TOML": "[[", "unknown name": "allow = true", "wrong type": "minimum = 3", "caller": row("opera", "any", "any", "1"), "platform": row("wechat", "symbian", "any", "1"),
		"method": row("wechat", "any", "blink", "1"), "version": row("wechat", "any", "any", "8.x"), "no version": row("wechat", "any", "any", ""),
		"long version": row("wechat", "any", "any", "1.2.3.4.5"), "empty model": "[[blocked]]\nmodel=\"\"", "everything": "[[blocked]]\nmodel=\"*\"",
		"a star inside": "[[blocked]]\nmodel=\"a*b\"", "control characters": "[[blocked]]\nmodel=\"a\\u0000\"", "long model": "[[blocked]]\nmodel=\"" + strings.Repeat("x", 65) + "\"",
		"large": "#" + strings.Repeat("x", maxCompat), "many rows": strings.Repeat("[[blocked]]\nmodel=\"x\"\n", maxCompatRows+1),
	} {
		if _, err := parseCompat([]byte(text)); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The file is read again when it changes; a wrong one changes nothing.
func TestCompatIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compat.toml")
	var log strings.Builder
	c, err := OpenCompat(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0)
	write := func(text string) {
		t.Helper()
		at = at.Add(time.Second)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	blocked := func() bool { return c.current().fitOf(agentWX, nil).blocked }
	if blocked() {
		t.Fatal("blocked without a file")
	}
	write("[[blocked]]\nmodel = \"SM-G991B\"\n")
	if !blocked() {
		t.Error("a new file is not read")
	}
	write("[[blocked")
	for range 2 { // it is logged once
		if !blocked() {
			t.Error("a wrong file lifts the black-list")
		}
	}
	if n := strings.Count(log.String(), "compat.toml is wrong"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	write("[[minimum]]\ncaller = \"wechat\"\nplatform = \"ios\"\nmethod = \"flash\"\nversion = \"6.7.1\"\n")
	if blocked() || !c.current().fitOf(agentWI, nil).flash {
		t.Error("a mended file is not read")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if c.current().fitOf(agentWI, nil).flash {
		t.Error("the default is not back")
	}
	write("[[blocked")
	if _, err := OpenCompat(path, nil); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a wrong file at the start: %v", err)
	}
	var none *Compat
	if len(none.current().Minimum) == 0 {
		t.Error("no table by default")
	}
}

func FuzzCompat(f *testing.F) {
	f.Add(defaultCompat)
	f.Add([]byte("[[blocked]]\nmodel = \"SM*\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseCompat(data)
		if err == nil {
			_ = builtIn().with(table).fitOf(agentWX, &deviceClaim{"android", "8.0", string(data[:min(len(data), 40)])})
		}
	})
}

func FuzzCallerOf(f *testing.F) {
	for _, a := range []string{agentWX, agentWI, agentCD, agentFF, agentSM, agentCI, agentHM, agentOL} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		c := callerOf(agent)
		if _, ok := parseVersion(c.version); c.name != "" && !ok {
			t.Errorf("%q: version %q", agent, c.version)
		}
		if c.model != "" && !plainText(c.model, maxModel) {
			t.Errorf("%q: model %q", agent, c.model)
		}
	})
}

// What a page is told, by its User-Agent, its claim and the operator's file.
func TestSupportByDevice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compat.toml")
	if err := os.WriteFile(path, []byte("[[blocked]]\nmodel = \"SM-G991B\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	var err error
	if f.api.cfg.Compat, err = OpenCompat(path, nil); err != nil {
		t.Fatal(err)
	}
	page := f.page(appA, "https://shop.example/pay")
	for _, c := range []struct {
		name, agent, body string
		status, code      int
		says              string
	}{
		{"a browser of today", agentED, `{}`, 200, 0, "checkIsSupportFacialRecognition:ok"},
		{"no User-Agent", "", `{}`, 200, 0, "checkIsSupportFacialRecognition:ok"},
		{"an old browser", agentCD, `{}`, 200, 10002, "checkIsSupportFacialRecognition:fail No necessary model found"},
		{"a blocked device", agentWX, `{}`, 200, 10003, "checkIsSupportFacialRecognition:fail Device is blacklisted"},
		{"a blocked device that asks for digits", agentWX, `{"check_alive_type":0}`, 200, 10003, "checkIsSupportFacialRecognition:fail Device is blacklisted"},
		{"a blocked device by its claim", "", `{"device":{"model":"sm-g991b"}}`, 200, 10003, "checkIsSupportFacialRecognition:fail Device is blacklisted"},
		{"an old Mini Program", "", `{"device":{"platform":"android","version":"6.7.1","model":"x"}}`, 200, 10002, "checkIsSupportFacialRecognition:fail No necessary model found"},
		{"a Mini Program", "", `{"check_alive_type":1,"device":{"platform":"ios","version":"8.0.49","model":"iPhone 14"}}`, 200, 0, "checkIsSupportFacialRecognition:ok"},
		{"no claim", "", `{"device":null}`, 200, 0, "checkIsSupportFacialRecognition:ok"},
		{"a bad version", "", `{"device":{"version":"eight"}}`, 400, 10001, "checkIsSupportFacialRecognition:fail device.version must be numbers with dots between, such as 8.0.49"},
		{"a long model", "", `{"device":{"model":"` + strings.Repeat("x", 65) + `"}}`, 400, 10001, "checkIsSupportFacialRecognition:fail device.model must be at most 64 characters"},
		{"a wrong type", "", `{"device":{"model":1}}`, 400, 10001, "checkIsSupportFacialRecognition:fail model must be as documented"},
		{"an unknown member", "", `{"device":{"root":true}}`, 400, 10001, "checkIsSupportFacialRecognition:fail body must be as documented"},
	} {
		w := f.sdk("support", page, c.body, "User-Agent", c.agent)
		var a struct {
			ErrCode int    `json:"errCode"`
			ErrMsg  string `json:"errMsg"`
		}
		f.decode(w, &a)
		if w.Code != c.status || a.ErrCode != c.code || a.ErrMsg != c.says {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	w := f.do("GET", "/v1/sdk/compat", "")
	var table struct {
		Minimum []minimumRow `json:"minimum"`
		Blocked int          `json:"blocked"`
	}
	f.decode(w, &table)
	if w.Code != 200 || len(table.Minimum) != len(builtIn().Minimum) || table.Blocked != 1 || strings.Contains(w.Body.String(), "g991b") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The document has the embedded table's versions, and its example is one.
func TestDocumentedCompat(t *testing.T) {
	b, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	_, example, _ := strings.Cut(doc, "```toml\n")
	example, _, _ = strings.Cut(example, "```")
	if table, err := parseCompat([]byte(example)); err != nil || len(table.Minimum) != 1 || len(table.Blocked) != 1 {
		t.Errorf("the example: %v", err)
	}
	for _, r := range builtIn().Minimum {
		found := false
		for _, line := range strings.Split(doc, "\n") {
			cells := strings.Split(line, "|")
			if len(cells) != 7 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`"+r.Caller+"`") || strings.Trim(cells[2], " `") != r.Platform {
				continue
			}
			digits, flash := strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])
			found = (r.Method == "flash" || digits == r.Version) && (r.Method == "digits" || flash == r.Version)
		}
		if !found {
			t.Errorf("%+v is not documented", r)
		}
	}
	for _, word := range append(append([]string{}, compatCallers...), compatPlatforms...) {
		if !strings.Contains(doc, word) {
			t.Errorf("%s is not documented", word)
		}
	}
}
