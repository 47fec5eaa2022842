package passkey_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"faceproof"
	"faceproof/internal/passkey"
	"faceproof/internal/passkey/passkeytest"
)

const (
	host   = "id.example.org"
	origin = "https://id.example.org"
)

func site(t *testing.T) *passkey.Site {
	t.Helper()
	s, err := passkey.New(host, []string{origin})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// enrolled gives a site, an authenticator that it knows, and what it keeps.
func enrolled(t *testing.T) (*passkey.Site, *passkeytest.Authenticator, passkey.Passkey) {
	t.Helper()
	s, a := site(t), &passkeytest.Authenticator{Origin: origin, Host: host}
	p, err := enrol(s, a)
	if err != nil {
		t.Fatal(err)
	}
	return s, a, p
}

func enrol(s *passkey.Site, a *passkeytest.Authenticator) (passkey.Passkey, error) {
	options, state, err := s.BeginEnrol("ad_1", "甲")
	if err != nil {
		return passkey.Passkey{}, err
	}
	answer, err := a.Create(options)
	if err != nil {
		return passkey.Passkey{}, err
	}
	return s.FinishEnrol("ad_1", "甲", state, answer)
}

func login(s *passkey.Site, a *passkeytest.Authenticator, known map[string][]byte) (string, passkey.Passkey, error) {
	options, state, err := s.BeginLogin()
	if err != nil {
		return "", passkey.Passkey{}, err
	}
	answer, err := a.Get(options)
	if err != nil {
		return "", passkey.Passkey{}, err
	}
	return s.FinishLogin(state, answer, find(known))
}

func find(known map[string][]byte) func(string) ([][]byte, error) {
	return func(id string) ([][]byte, error) {
		if r, ok := known[id]; ok {
			return [][]byte{r}, nil
		}
		return nil, errors.New("nobody")
	}
}

func TestLogin(t *testing.T) {
	s, a, p := enrolled(t)
	known := map[string][]byte{"ad_1": p.Record}
	for range 3 {
		id, again, err := login(s, a, known)
		if err != nil || id != "ad_1" || !bytes.Equal(again.Hash, p.Hash) {
			t.Fatal(id, err)
		}
		known["ad_1"] = again.Record // the counter
	}
	if bytes.Contains(p.Record, []byte(`"d"`)) {
		t.Error("a private key is kept")
	}
}

// Everything that a phishing page, a copied key or a replay would bring is refused.
func TestLoginRefuses(t *testing.T) {
	s, a, p := enrolled(t)
	known := map[string][]byte{"ad_1": p.Record}
	_, later, err := login(s, a, known)
	if err != nil {
		t.Fatal(err)
	}
	known["ad_1"] = later.Record
	refused := func(name string, err error) {
		t.Helper()
		if faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*passkeytest.Authenticator){
		"a page under another name": func(a *passkeytest.Authenticator) { a.Origin = "https://id.example.org.evil.example" },
		"over http":                 func(a *passkeytest.Authenticator) { a.Origin = "http://id.example.org" },
		"another relying party":     func(a *passkeytest.Authenticator) { a.Host = "evil.example" },
		"nobody was asked":          func(a *passkeytest.Authenticator) { a.Lazy = true },
		"a copy of the key":         func(a *passkeytest.Authenticator) { a.Counter = 0 },
		"another user":              func(a *passkeytest.Authenticator) { a.Claim("ad_2") },
	} {
		b := *a
		change(&b)
		_, _, err := login(s, &b, known)
		refused(name, err)
	}
	stranger := &passkeytest.Authenticator{Origin: origin, Host: host}
	if _, err := enrol(s, stranger); err != nil {
		t.Fatal(err)
	}
	_, _, err = login(s, stranger, known)
	refused("a passkey of nobody, for ad_1", err)

	options, state, err := s.BeginLogin()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := a.Get(options)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := s.BeginLogin()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = s.FinishLogin(other, answer, find(known))
	refused("the answer to another challenge", err)
	for _, part := range []string{"signature", "authenticatorData", "clientDataJSON", "userHandle"} {
		flipped(t, answer, part, func(i int, bad []byte) {
			_, _, err := s.FinishLogin(state, bad, find(known))
			refused(fmt.Sprintf("byte %d of %s", i, part), err)
		})
	}
	if _, _, err = s.FinishLogin(state, answer, find(known)); err != nil {
		t.Errorf("the right answer: %v", err)
	}
}

// flipped gives f an answer with one bit changed, of every byte of a part.
func flipped(t *testing.T, answer []byte, part string, f func(i int, bad []byte)) {
	t.Helper()
	var a map[string]any
	if err := json.Unmarshal(answer, &a); err != nil {
		t.Fatal(err)
	}
	response := a["response"].(map[string]any)
	whole, err := base64.RawURLEncoding.DecodeString(response[part].(string))
	if err != nil || len(whole) == 0 {
		t.Fatal(part, err)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		response[part] = base64.RawURLEncoding.EncodeToString(b)
		bad, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		f(i, bad)
	}
}

func TestEnrolRefuses(t *testing.T) {
	s := site(t)
	for name, a := range map[string]*passkeytest.Authenticator{
		"another page":     {Origin: "https://evil.example", Host: host},
		"another party":    {Origin: origin, Host: "evil.example"},
		"nobody was asked": {Origin: origin, Host: host, Lazy: true},
	} {
		if _, err := enrol(s, a); faceproof.ErrorCode(err) != faceproof.CodeUnauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzFinishLogin(f *testing.F) {
	s, err := passkey.New(host, []string{origin})
	if err != nil {
		f.Fatal(err)
	}
	a := &passkeytest.Authenticator{Origin: origin, Host: host}
	p, err := enrol(s, a)
	if err != nil {
		f.Fatal(err)
	}
	options, _, _ := s.BeginLogin()
	answer, _ := a.Get(options)
	f.Add(answer)
	f.Add([]byte(`{}`))
	_, state, _ := s.BeginLogin() // of another challenge: nothing may pass
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := s.FinishLogin(state, data, find(map[string][]byte{"ad_1": p.Record})); err == nil {
			t.Error("let in")
		}
		if _, err := s.FinishEnrol("ad_1", "x", state, data); err == nil {
			t.Error("enrolled")
		}
	})
}
