package clients

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// documented is a stand-in for WeChat that answers with the documentation's
// own samples, so that the backend is known to work before it moves.
func documented() *httptest.Server {
	mux := http.NewServeMux()
	answers := map[string]string{
		"getuseridkey":    `{"errcode":0,"errmsg":"ok","user_id_key":"id_key_xxxx","expires_in":3600}`,
		"getinfo":         `{"errcode":84001,"errmsg":"非法identity_id rid: 00000000-00000000-00000000"}`,
		"getverifyid":     `{"errcode":0,"errmsg":"ok","verify_id":"VERIFY_ID","expires_in":3600}`,
		"queryverifyinfo": `{"errcode":0,"errmsg":"ok","verify_ret":10300}`,
	}
	for name, answer := range answers {
		mux.HandleFunc("POST /cityservice/face/identify/"+name, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("access_token") != "ACCESS_TOKEN" {
				_, _ = io.WriteString(w, `{"errcode":40001,"errmsg":"invalid credential"}`)
				return
			}
			_, _ = io.WriteString(w, answer)
		})
	}
	mux.HandleFunc("GET /cgi-bin/token", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("secret") == "wrong" {
			_, _ = io.WriteString(w, `{"errcode":40125,"errmsg":"invalid appsecret"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"ACCESS_TOKEN","expires_in":7200}`)
	})
	return httptest.NewServer(mux)
}

// business is what a business does without a camera: both generations up to
// the page, and the branches for errors. It gives what its user would see.
func business(b Backend) []string {
	var seen []string
	note := func(what string, values ...any) {
		seen = append(seen, strings.TrimSpace(what+" "+fmt.Sprint(values...)))
	}
	code := func(err error) any {
		if e, ok := err.(*Error); ok {
			return e.Code
		}
		return err
	}
	key, err := b.UserIDKey(person.Name, person.No)
	note("1.0 key", key != "", " ", code(err))
	_, err = b.Info("a verify_result that nobody gave")
	note("1.0 result", code(err))
	id, seconds, err := b.VerifyID("order-20261122", "openid-of-a-user", person)
	note("2.0 id", id != "", " ", seconds, " ", code(err))
	ret, err := b.VerifyRet(id, "order-20261122", "openid-of-a-user", person)
	note("2.0 result", ret, " ", code(err))
	wrong := b
	wrong.Secret, wrong.token = "wrong", ""
	_, err = wrong.UserIDKey(person.Name, person.No)
	note("wrong secret", code(err))
	b.token = "a token of yesterday"
	_, err = b.UserIDKey(person.Name, person.No)
	note("old token", code(err))
	return seen
}

// The same backend, first against the documentation's samples and then against
// Faceproof: only Base and the app's credentials differ.
func TestMigration(t *testing.T) {
	need(t)
	wechat := documented()
	defer wechat.Close()
	before := business(Backend{Base: wechat.URL, AppID: "wx0000000000000000", Secret: "secret"})
	after := business(Backend{Base: world.URL, AppID: world.AppID, Secret: world.Secret})
	if got, want := strings.Join(after, "\n"), strings.Join(before, "\n"); got != want {
		t.Errorf("after the move:\n%s\nbefore:\n%s", got, want)
	}
}

// What the samples can't show.
func TestMigratedErrors(t *testing.T) {
	need(t)
	b := Backend{Base: world.URL, AppID: world.AppID, Secret: world.Secret}
	first, _, err := b.VerifyID("order-again", "openid", person)
	if err != nil {
		t.Fatal(err)
	}
	if again, _, err := b.VerifyID("order-again", "openid", person); err != nil || again != first {
		t.Errorf("the same order gives another verify_id: %v", err)
	}
	other := person
	other.Name = "别人"
	for name, call := range map[string]func() error{
		"40097 an order with other contents": func() error { _, _, err := b.VerifyID("order-again", "openid", other); return err },
		"84001 another person's order":       func() error { _, err := b.VerifyRet(first, "order-again", "openid", other); return err },
		"84001 another user's order":         func() error { _, err := b.VerifyRet(first, "order-again", "openid2", person); return err },
		"84001 an unknown order":             func() error { _, err := b.VerifyRet(first, "order-other", "openid", person); return err },
		"40097 a wrong check character":      func() error { _, err := b.UserIDKey(person.Name, "990000199003070031"); return err },
		"84006 no name":                      func() error { _, err := b.UserIDKey("", person.No); return err },
	} {
		want, what, _ := strings.Cut(name, " ")
		err := call()
		e, ok := err.(*Error)
		if !ok || fmt.Sprint(e.Code) != want {
			t.Errorf("%s: %v, want %s", what, err, want)
			continue
		}
		if !regexp.MustCompile(`rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`).MatchString(e.Message) {
			t.Errorf("%s: errmsg %q", what, e.Message)
		}
		if strings.Contains(e.Message, person.No) || strings.Contains(e.Message, person.Name) {
			t.Errorf("%s: errmsg repeats the person", what)
		}
	}
}

// The vector of the official documentation.
func TestCertHash(t *testing.T) {
	const want = "3c241f7ff324977aeb91f173bb2a7b06569e6fd784d5573db34a636d8671108b"
	if got := (CertInfo{"IDENTITY_CARD", "张三", "310101199801011234"}).Hash(); got != want {
		t.Error(got)
	}
}
