package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"faceproof/internal/blob"
	"faceproof/internal/keys"
	"faceproof/internal/voicebank"
)

// recording is a server that collects voices, and its bank.
func recording(t *testing.T, change ...func(*Config)) (*fixture, *voicebank.Bank) {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	check(t, err)
	blobs, err := blob.OpenDir(filepath.Join(dir, "recordings"), ring)
	check(t, err)
	t.Cleanup(func() { _ = blobs.Close() })
	var bank *voicebank.Bank
	f := newFixture(t, func(c *Config) {
		bank, err = voicebank.New(voicebank.Config{Blobs: blobs, Who: "示例公司", Strings: 2, Random: rand.Reader, Now: c.Now})
		check(t, err)
		c.Demo.Voices = bank
		web := fstest.MapFS{"record/index.html": {Data: []byte("<!doctype html><title>record</title>")}}
		for name, file := range testAssets {
			web[name] = file
		}
		c.Web = web
		for _, ch := range change {
			ch(c)
		}
	})
	return f, bank
}

// reading is bursts of noise: sound that passes for speech, at the times of a string.
func reading(s voicebank.String, code string) takeRequest {
	q := takeRequest{Code: code, N: s.N, T0: 1000}
	for _, at := range s.ShowMS {
		q.Shown = append(q.Shown, q.T0+float64(s.PrerollMS+at))
	}
	n := (s.PrerollMS + s.EndMS) * 16
	wav := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data"), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(wav[4:], uint32(36+2*n))
	binary.LittleEndian.PutUint32(wav[40:], uint32(2*n))
	seed := uint32(1)
	for i := range n {
		seed = seed*1664525 + 1013904223
		v := (float64(seed)/(1<<31) - 1) * (20 + 8000*max(0, math.Sin(float64(i)/2500)))
		wav = binary.LittleEndian.AppendUint16(wav, uint16(int16(v)))
	}
	q.WAV = base64.StdEncoding.EncodeToString(wav)
	return q
}

// A speaker consents, reads, goes on after a reload, and withdraws.
func TestRecordingPage(t *testing.T) {
	f, _ := recording(t)
	if resp, text := f.do("GET", "/record/", ""); resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "script-src 'self'") || !strings.Contains(resp.Header.Get("Permissions-Policy"), "microphone=(self)") {
		t.Errorf("the page: %d %v %s", resp.StatusCode, resp.Header, text)
	}
	if resp, _ := f.do("GET", "/record", ""); resp.StatusCode/100 != 3 || resp.Header.Get("Location") != "/record/" {
		t.Errorf("without the slash: %d", resp.StatusCode)
	}
	_, text := f.do("GET", "/record/api/consent", "")
	var notice voicebank.Notice
	check(t, json.Unmarshal([]byte(text), &notice))
	if notice.Version == "" || !strings.Contains(text, "示例公司") {
		t.Errorf("the consent: %s", text)
	}
	begin := map[string]any{"lang": "zh", "say": "", "facts": map[string]string{"age": "30-44"},
		"consent": map[string]any{"version": notice.Version, "lang": "en", "voice": true, "adult": true, "film": false}}
	var s voicebank.Session
	if code := f.post("/record/api/begin", begin, &s); code != 200 || s.Code == "" || len(s.Plan) != 2 {
		t.Fatalf("begin: %d %+v", code, s)
	}
	for _, st := range s.Plan {
		var a struct {
			Kept bool
			Hint string
		}
		if code := f.post("/record/api/string", reading(st, s.Code), &a); code != 200 || !a.Kept || a.Hint != "" {
			t.Fatalf("string %d: %d %+v", st.N, code, a)
		}
	}
	silent := reading(s.Plan[0], s.Code)
	raw, _ := base64.StdEncoding.DecodeString(silent.WAV)
	clear(raw[44:])
	silent.WAV = base64.StdEncoding.EncodeToString(raw)
	var a struct {
		Kept        bool
		Fault, Hint string
	}
	if code := f.post("/record/api/string", silent, &a); code != 200 || a.Kept || a.Fault != "silent" || a.Hint != "louder" {
		t.Errorf("silence: %d %+v", code, a)
	}
	var again voicebank.Session
	if code := f.post("/record/api/state", coded{s.Code}, &again); code != 200 || !slices.Equal(again.Done, []int{1, 2}) || again.Code != "" {
		t.Errorf("state: %d %+v", code, again)
	}
	var gone map[string]string
	if code := f.post("/record/api/delete", coded{strings.ToLower(s.Code)}, &gone); code != 200 || gone["speaker"] != s.Speaker {
		t.Errorf("delete: %d %v", code, gone)
	}
	if code := f.post("/record/api/state", coded{s.Code}, nil); code != 404 {
		t.Errorf("after that: %d", code)
	}
	// The log knows neither the code nor what was said.
	for _, secret := range []string{s.Code, strings.ReplaceAll(s.Code, "-", ""), s.Plan[0].Label, s.Plan[0].Shown(), silent.WAV[:40]} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestRecordingRefuses(t *testing.T) {
	f, bank := recording(t)
	var a voicebank.Application
	a.Lang, a.Consent.Version, a.Consent.Lang, a.Consent.Voice, a.Consent.Adult = "en", bank.Notice().Version, "en", true, true
	s, err := bank.Begin(t.Context(), a)
	check(t, err)
	good := reading(s.Plan[0], s.Code)
	for name, c := range map[string]struct {
		path, body  string
		code        int
		field       string
		otherOrigin bool
	}{
		"no JSON":           {"string", "{", 400, "body", false},
		"unknown member":    {"begin", `{"name": "张三"}`, 400, "body", false},
		"no consent":        {"begin", `{"lang": "zh", "consent": {"lang": "zh"}}`, 400, "consent.voice", false},
		"an old text":       {"begin", `{"lang": "zh", "consent": {"lang": "zh", "voice": true, "adult": true, "version": "x"}}`, 409, "consent.version", false},
		"no code":           {"state", `{}`, 400, "code", false},
		"another's code":    {"state", `{"code": "0000000000000000"}`, 404, "code", false},
		"no Base64":         {"string", jsonOf(changed(good, func(q *takeRequest) { q.WAV = "*" })), 400, "wav", false},
		"no WAV":            {"string", jsonOf(changed(good, func(q *takeRequest) { q.WAV = "AAAA" })), 400, "wav", false},
		"a number as WAV":   {"string", `{"wav": 1}`, 400, "wav", false},
		"a picture":         {"string", fmt.Sprintf(`{"code": %q, "n": 1, "film": [{"t": 1, "jpeg": "?"}]}`, s.Code), 400, "film", false},
		"film not wanted":   {"string", fmt.Sprintf(`{"code": %q, "n": 1, "film": [{"t": 1, "jpeg": ""}]}`, s.Code), 400, "film", false},
		"string 3":          {"string", jsonOf(changed(good, func(q *takeRequest) { q.N = 3 })), 400, "n", false},
		"no times":          {"string", jsonOf(changed(good, func(q *takeRequest) { q.Shown = nil })), 400, "shown", false},
		"too long a body":   {"string", `{"wav": "` + strings.Repeat("A", takeBody) + `"}`, 400, "body", false},
		"from another site": {"delete", jsonOf(coded{s.Code}), 403, "", true},
	} {
		header := []string{"Content-Type", "application/json"}
		if c.otherOrigin {
			header = append(header, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		}
		resp, text := f.do("POST", "/record/api/"+c.path, c.body, header...)
		var e errorAnswer
		_ = json.Unmarshal([]byte(text), &e)
		if resp.StatusCode != c.code || e.Field != c.field {
			t.Errorf("%s: %d %s", name, resp.StatusCode, text)
		}
	}
	if again, err := bank.Resume(t.Context(), s.Code); err != nil || len(again.Done) != 0 {
		t.Errorf("%+v, %v", again, err)
	}
}

func changed(q takeRequest, f func(*takeRequest)) takeRequest { f(&q); return q }

func jsonOf(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// Without --record there is nothing: neither the page nor its backend.
func TestRecordingIsOff(t *testing.T) {
	f := newFixture(t)
	for _, path := range []string{"/record", "/record/", "/record/api/consent"} {
		if resp, _ := f.do("GET", path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if code := f.post("/record/api/begin", map[string]any{}, nil); code != http.StatusNotFound {
		t.Errorf("begin: %d", code)
	}
}

// Whatever a page sends is a take or a refusal with a field; nothing panics.
func FuzzTake(f *testing.F) {
	plan := voicebank.String{N: 1, ShowMS: []int{0}, EndMS: 4000, PrerollMS: 1000}
	f.Add(jsonOf(reading(plan, "x")))
	f.Add(`{"wav": "UklGRg==", "film": [{"t": 1e308, "jpeg": "data:image/jpeg;base64,/9j/"}], "shown": [null]}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, body string) {
		var q takeRequest
		if json.Unmarshal([]byte(body), &q) != nil {
			return
		}
		take, err := q.take()
		if err != nil {
			return
		}
		_ = take.Check(plan)
	})
}
