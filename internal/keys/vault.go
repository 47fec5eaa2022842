package keys

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"faceproof"
)

const (
	vaultPrefix  = "vault:" // of its key-encryption keys' names
	vaultTimeout = 5 * time.Second
	maxVault     = 64 << 10 // bytes of one answer
)

// VaultConfig says which key of which HashiCorp Vault (1.13 or later: transit
// with associated data) wraps. The key is of type aes256-gcm96 or another with
// associated data; the token may encrypt, decrypt and read it, and rotate it for
// faceproof keys rotate.
type VaultConfig struct {
	Address string                 // https://host:8200; http only on this machine
	Mount   string                 // of the transit engine; default "transit"
	Key     string                 // its name
	Token   func() (string, error) // asked at each call, so that it may be renewed
	CA      []byte                 // PEM; nil: the system's
}

// Vault is a KMS by HashiCorp Vault's transit engine: the key-encryption key
// never leaves it. It is safe for concurrent use.
type Vault struct {
	c      VaultConfig
	client *http.Client
}

var vaultName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,3}$`)

// NewVault checks the settings; it makes no connection. Errors: CodeInvalid with
// the field.
func NewVault(c VaultConfig) (*Vault, error) {
	if c.Mount == "" {
		c.Mount = "transit"
	}
	u, err := url.Parse(c.Address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "vault_address", "must be https://host[:port] and nothing more")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "https" && !(u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "vault_address", "must be https:// unless it is on this machine")
	}
	c.Address = u.Scheme + "://" + u.Host
	if !vaultName.MatchString(c.Mount) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "vault_mount", "must be letters, digits, - and _, with / between")
	}
	if !vaultName.MatchString(c.Key) || strings.Contains(c.Key, "/") {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "vault_key", "must be letters, digits, - and _")
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != nil {
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "vault_ca", "holds no certificate in PEM")
		}
	}
	return &Vault{c: c, client: &http.Client{Transport: t, Timeout: vaultTimeout,
		// A redirect would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// vaultAnswer is what we read of an answer.
type vaultAnswer struct {
	Data struct {
		Ciphertext string `json:"ciphertext"`
		Plaintext  string `json:"plaintext"`
		Latest     int    `json:"latest_version"`
	} `json:"data"`
}

// errVaultRefused is status 400: the request, so the ciphertext, is wrong.
var errVaultRefused = errors.New("vault refuses it")

// call asks the transit engine. Answers are not quoted: they may hold what was
// sent.
func (v *Vault) call(ctx context.Context, method, path string, body map[string]string) (vaultAnswer, error) {
	var out vaultAnswer
	unavailable := func(why string, err error) (vaultAnswer, error) {
		return out, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "vault", Message: why, Err: err}
	}
	token, err := v.c.Token()
	if err != nil {
		return unavailable("there is no token for Vault", err)
	}
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return out, err
		}
		in = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, v.c.Address+"/v1/"+v.c.Mount+"/"+path, in)
	if err != nil {
		return out, err
	}
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Request", "true")
	answer, err := v.client.Do(r)
	if err != nil {
		return unavailable("Vault does not answer", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxVault+1))
	switch {
	case err != nil || len(b) > maxVault:
		return unavailable("Vault's answer cannot be read", err)
	case answer.StatusCode == http.StatusBadRequest:
		return out, errVaultRefused
	case answer.StatusCode == http.StatusNoContent:
		return out, nil
	case answer.StatusCode != http.StatusOK:
		return unavailable(fmt.Sprintf("Vault answers with status %d", answer.StatusCode), nil)
	case json.Unmarshal(b, &out) != nil:
		return unavailable("Vault's answer is no JSON", nil)
	}
	return out, nil
}

// name is the name of a version of the key.
func (v *Vault) name(version string) string {
	return vaultPrefix + v.c.Mount + "/" + v.c.Key + ":v" + version
}

// Current asks for the newest version of the key.
func (v *Vault) Current(ctx context.Context) (string, error) {
	a, err := v.call(ctx, http.MethodGet, "keys/"+v.c.Key, nil)
	if err != nil {
		return "", refusedBy(err, "read its key")
	}
	if a.Data.Latest < 1 {
		return "", faceproof.Errorf(faceproof.CodeUnavailable, "vault", "Vault tells no version of the key")
	}
	return v.name(strconv.Itoa(a.Data.Latest)), nil
}

// Rotate makes a new version of the key.
func (v *Vault) Rotate(ctx context.Context) error {
	_, err := v.call(ctx, http.MethodPost, "keys/"+v.c.Key+"/rotate", map[string]string{})
	return refusedBy(err, "rotate its key")
}

// ciphertextForm is Vault's: the version, and base64.
var ciphertextForm = regexp.MustCompile(`^vault:v([1-9][0-9]{0,8}):([A-Za-z0-9+/]+=*)$`)

// Wrap has Vault encrypt; what is stored is Vault's own text.
func (v *Vault) Wrap(ctx context.Context, plain, place []byte) (string, []byte, error) {
	a, err := v.call(ctx, http.MethodPost, "encrypt/"+v.c.Key, map[string]string{
		"plaintext": base64.StdEncoding.EncodeToString(plain), "associated_data": base64.StdEncoding.EncodeToString(place)})
	if err != nil {
		return "", nil, refusedBy(err, "encrypt; its key must be of a type with associated data")
	}
	m := ciphertextForm.FindStringSubmatch(a.Data.Ciphertext)
	if m == nil {
		return "", nil, faceproof.Errorf(faceproof.CodeUnavailable, "vault", "Vault's answer holds no ciphertext")
	}
	return v.name(m[1]), []byte(a.Data.Ciphertext), nil
}

// Unwrap has Vault decrypt.
func (v *Vault) Unwrap(ctx context.Context, key string, wrapped, place []byte) ([]byte, error) {
	m := ciphertextForm.FindSubmatch(wrapped)
	if m == nil || key != v.name(string(m[1])) {
		return nil, notSealed(errors.New("wrapped by another key of Vault"))
	}
	a, err := v.call(ctx, http.MethodPost, "decrypt/"+v.c.Key, map[string]string{
		"ciphertext": string(wrapped), "associated_data": base64.StdEncoding.EncodeToString(place)})
	if errors.Is(err, errVaultRefused) {
		return nil, notSealed(err)
	}
	if err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.DecodeString(a.Data.Plaintext)
	if err != nil || len(plain) == 0 {
		return nil, faceproof.Errorf(faceproof.CodeUnavailable, "vault", "Vault's answer holds no plaintext")
	}
	return plain, nil
}

// refusedBy gives a refusal its class; other errors stay.
func refusedBy(err error, what string) error {
	if errors.Is(err, errVaultRefused) {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "vault", Message: "Vault refuses to " + what, Err: err}
	}
	return err
}

// vaultFirst wraps by Vault, and unwraps what the key file wrapped before.
type vaultFirst struct {
	*Vault
	file KMS
}

func (k vaultFirst) Unwrap(ctx context.Context, key string, wrapped, place []byte) ([]byte, error) {
	if strings.HasPrefix(key, vaultPrefix) {
		return k.Vault.Unwrap(ctx, key, wrapped, place)
	}
	return k.file.Unwrap(ctx, key, wrapped, place)
}

// UseVault has Vault wrap people's keys from now on; what the key file wraps is
// read as before, until a rotation. To be called before the ring is used.
func (r *Ring) UseVault(v *Vault) { r.kms = vaultFirst{v, r.kms} }

// RotateVault makes a new version of Vault's key; false: people's keys are
// wrapped by the key file (AddKEK).
func (r *Ring) RotateVault(ctx context.Context) (bool, error) {
	k, ok := r.kms.(vaultFirst)
	if !ok {
		return false, nil
	}
	return true, k.Rotate(ctx)
}
