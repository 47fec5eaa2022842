package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"faceproof"
)

// transit is Vault's transit engine, as far as it is asked: versions of one
// AES-256-GCM key, associated data, tokens, and its answers.
type transit struct {
	mu       sync.Mutex
	versions []cipher.AEAD
	status   int // of every answer, when not 0
	calls    int
}

func (s *transit) rotate() {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, _ := aes.NewCipher(key)
	gcm, _ := cipher.NewGCM(block)
	s.versions = append(s.versions, gcm)
}

func (s *transit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	fail := func(status int, text string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[%q]}`, text)
	}
	if s.status != 0 {
		fail(s.status, "as told")
		return
	}
	if r.Header.Get("X-Vault-Token") != "s.token" {
		fail(http.StatusForbidden, "permission denied")
		return
	}
	var in struct {
		Plaintext  []byte `json:"plaintext"`
		AAD        []byte `json:"associated_data"`
		Ciphertext string `json:"ciphertext"`
	}
	if r.Method == http.MethodPost && json.NewDecoder(r.Body).Decode(&in) != nil {
		fail(http.StatusBadRequest, "error parsing JSON")
		return
	}
	latest := len(s.versions)
	answer := func(data map[string]any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"request_id": "1", "data": data})
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/transit/keys/faceproof":
		answer(map[string]any{"latest_version": latest, "type": "aes256-gcm96"})
	case "POST /v1/transit/keys/faceproof/rotate":
		s.rotate()
		answer(map[string]any{"latest_version": latest + 1})
	case "POST /v1/transit/encrypt/faceproof":
		nonce := make([]byte, 12)
		_, _ = rand.Read(nonce)
		answer(map[string]any{"ciphertext": fmt.Sprintf("vault:v%d:%s", latest, base64.StdEncoding.EncodeToString(s.versions[latest-1].Seal(nonce, nonce, in.Plaintext, in.AAD))), "key_version": latest})
	case "POST /v1/transit/decrypt/faceproof":
		parts := strings.SplitN(in.Ciphertext, ":", 3)
		n, _ := strconv.Atoi(strings.TrimPrefix(parts[1], "v"))
		b, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil || n < 1 || n > latest || len(b) < 28 {
			fail(http.StatusBadRequest, "invalid ciphertext")
			return
		}
		plain, err := s.versions[n-1].Open(nil, b[:12], b[12:], in.AAD)
		if err != nil {
			fail(http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		answer(map[string]any{"plaintext": plain})
	default:
		fail(http.StatusNotFound, "no handler for route")
	}
}

func vaultRing(t *testing.T) (*Ring, *transit, string) {
	t.Helper()
	engine := &transit{}
	engine.rotate()
	server := httptest.NewTLSServer(engine)
	t.Cleanup(server.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	v, err := NewVault(VaultConfig{Address: server.URL, Key: "faceproof", CA: ca, Token: func() (string, error) { return "s.token", nil }})
	must(t, err)
	r, path := ringAt(t)
	r.UseVault(v)
	return r, engine, path
}

// With Vault the swaps are refused as with the key file; a rotation makes a new
// version; what the key file wrapped before is read and taken along.
func TestVault(t *testing.T) {
	r, engine, path := vaultRing(t)
	before, err := Read(path)
	must(t, err)
	old := people(t, before, 1)[0]
	all := people(t, r, 20)
	for i, p := range all {
		other := all[(i+1)%len(all)]
		if p.keys.KEK != "vault:transit/faceproof:v1" {
			t.Fatalf("wrapped by %s", p.keys.KEK)
		}
		if got, err := r.Person(ctx, p.id, p.keys).Open("person.name", "", p.name); err != nil || string(got) != "某某" {
			t.Fatalf("%s, %v", got, err)
		}
		if _, err := r.Person(ctx, p.id, other.keys).Open("person.name", "", other.name); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("swapped: %v", err)
		}
	}
	if _, err := r.Person(ctx, old.id, old.keys).Open("person.name", "", old.name); err != nil {
		t.Errorf("wrapped by the key file: %v", err)
	}
	if ok, err := r.RotateVault(ctx); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	if ok, err := before.RotateVault(ctx); err != nil || ok {
		t.Errorf("a ring without Vault: %v, %v", ok, err)
	}
	for _, p := range []sealed{old, all[0]} {
		w, same, err := r.Rewrap(ctx, p.id, p.keys)
		must(t, err)
		if same || w.KEK != "vault:transit/faceproof:v2" {
			t.Errorf("wrapped by %s", w.KEK)
		}
		if _, err := r.Person(ctx, p.id, w).Open("person.name", "", p.name); err != nil {
			t.Error(err)
		}
		if _, err := before.Person(ctx, p.id, w).Open("person.name", "", p.name); err == nil {
			t.Error("opens without Vault")
		}
		w.KEK = "vault:transit/other:v2"
		if _, err := r.Person(ctx, p.id, w).Open("person.name", "", p.name); faceproof.ErrorCode(err) != faceproof.CodeInternal {
			t.Errorf("another key's: %v", err)
		}
	}
	if engine.calls < 40 {
		t.Errorf("%d calls", engine.calls)
	}
}

// Whatever Vault answers, nothing opens and nobody's text is in the error.
func TestVaultFails(t *testing.T) {
	r, engine, _ := vaultRing(t)
	p := people(t, r, 1)[0]
	for status, code := range map[int]faceproof.Code{400: faceproof.CodeInternal, 403: faceproof.CodeUnavailable, 404: faceproof.CodeUnavailable,
		429: faceproof.CodeUnavailable, 500: faceproof.CodeUnavailable, 503: faceproof.CodeUnavailable, 307: faceproof.CodeUnavailable, 200: faceproof.CodeUnavailable, 204: faceproof.CodeUnavailable} {
		engine.status = status
		_, err := r.Person(ctx, p.id, p.keys).Open("person.name", "", p.name)
		if faceproof.ErrorCode(err) != code || strings.Contains(err.Error(), "as told") || strings.Contains(err.Error(), "s.token") {
			t.Errorf("%d: %v", status, err)
		}
		if _, _, err := r.NewPerson(ctx, "9"); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
			t.Errorf("%d: made keys: %v", status, err)
		}
		if _, err := r.KEK(ctx); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestVaultSettings(t *testing.T) {
	token := func() (string, error) { return "", errors.New("no file") }
	for name, c := range map[string]VaultConfig{"vault_address": {Address: "http://vault.example:8200", Key: "k"}, "vault_mount": {Address: "https://v", Mount: "a/../b", Key: "k"},
		"vault_key": {Address: "https://v", Key: "a/b"}, "vault_ca": {Address: "https://v", Key: "k", CA: []byte("x")}} {
		_, err := NewVault(c)
		var e *faceproof.Error
		if !errors.As(err, &e) || e.Code != faceproof.CodeInvalid || e.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, address := range []string{"", "v", "ftp://v", "https://u:p@v", "https://v/path", "https://v?x=1", "http://10.0.0.1"} {
		if _, err := NewVault(VaultConfig{Address: address, Key: "k"}); err == nil {
			t.Errorf("%q", address)
		}
	}
	v, err := NewVault(VaultConfig{Address: "http://127.0.0.1:1", Key: "k", Token: token})
	must(t, err)
	if _, err := v.Current(ctx); faceproof.ErrorCode(err) != faceproof.CodeUnavailable {
		t.Errorf("no token: %v", err)
	}
	v.c.Token = func() (string, error) { return "t", nil }
	begin := time.Now()
	if _, err := v.Current(ctx); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || time.Since(begin) > vaultTimeout+time.Second {
		t.Errorf("nobody there: %v", err)
	}
}
