package server

import (
	"encoding/json"
	"strings"
	"testing"
)

// backend calls an interface as a business backend does.
func (f *fixture) backend(iface string, body any) string {
	f.t.Helper()
	var token struct {
		Token string `json:"access_token"`
	}
	f.post("/cgi-bin/stable_token", map[string]string{"grant_type": "client_credential", "appid": string(demoID), "secret": testSecret}, &token)
	b, err := json.Marshal(body)
	check(f.t, err)
	_, text := f.do("POST", "/cityservice/face/identify/"+iface+"?access_token="+token.Token, string(b), "Content-Type", "application/json")
	return text
}

// The backend is told how alike the faces are, and no front end: not in a message
// of the capture, not in an answer to a page, and not by the demo's page, to which
// the demo hands what its backend was told.
func TestScoresAreTheBackends(t *testing.T) {
	const score = `"match_score":87`
	for _, similarity := range []float64{.876543, .123457} { // who matches, and who does not
		f := newFixture(t)
		f.similarity = similarity
		f.enrol(testNumber)
		front := f.front(func() string {
			result := f.connect(f.start1(testNumber)).run()
			return result["verify_result"].(string)
		})
		if got := f.backend("getinfo", map[string]string{"verify_result": front.credential}); !strings.Contains(got, score) || strings.Contains(got, "similarity") {
			t.Errorf("the backend: %s", got)
		}
		shown := f.front(func() string {
			credential := f.connect(f.start1(testNumber)).run()["verify_result"].(string)
			if m := f.info(credential); m["errcode"] != 0. {
				t.Errorf("the demo: %v", m)
			}
			return credential
		})
		for _, text := range append(front.texts, shown.texts...) {
			for _, no := range []string{"score", ":87", "similarity", "876543", "123457"} {
				if strings.Contains(strings.ToLower(text), no) {
					t.Errorf("a front end was told %q: %s", no, text)
				}
			}
		}
		if len(front.texts) < 10 || len(shown.texts) <= len(front.texts) {
			t.Errorf("%d and %d texts", len(front.texts), len(shown.texts))
		}
	}
}

// heard is what a front end was told.
type heard struct {
	texts      []string
	credential string
}

// front keeps every message of the socket and every answer that came meanwhile.
func (f *fixture) front(run func() string) heard {
	var h heard
	f.overheard = func(text string) { h.texts = append(h.texts, text) }
	defer func() { f.overheard = nil }()
	h.credential = run()
	return h
}
