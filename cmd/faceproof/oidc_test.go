package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/oidc/oidctest"
)

// The flags are held together, and to what can be meant; a provider that cannot be
// reached is told and stops no start.
func TestOIDCFlags(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(secret)
		if err := os.WriteFile(secret, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("s3cret\n", 0o600)
	idp := oidctest.New(time.Now)
	defer idp.Close()
	log := slog.New(slog.DiscardHandler)
	good := oidcFlags{issuer: idp.URL, clientID: "c", secretFile: secret, claim: "groups", roles: []string{"cn=ops,dc=example=operator", "a=auditor", "a=reviewer"}}
	want := map[string][]faceproof.Role{"cn=ops,dc=example": {faceproof.RoleOperator}, "a": {faceproof.RoleAuditor, faceproof.RoleReviewer}}
	if got, err := good.mapping(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	if got, err := good.secret(); err != nil || got.Reveal() != "s3cret" {
		t.Error("the secret is not read", err)
	}
	if site, err := (oidcFlags{claim: "groups"}).open(t.Context(), edgeFlags{}, "https://id.example.org", log); site != nil || err != nil {
		t.Error("on by default", err)
	}
	for field, change := range map[string]func(*oidcFlags){
		"--oidc-issuer":       func(f *oidcFlags) { f.issuer = "" },
		"--oidc-issuer: must": func(f *oidcFlags) { f.issuer = "http://idp.example" },
		"--oidc-client-id":    func(f *oidcFlags) { f.clientID = "" },
		"--oidc-claim":        func(f *oidcFlags) { f.claim = "" },
		"--oidc-role":         func(f *oidcFlags) { f.roles = nil },
		"must be VALUE":       func(f *oidcFlags) { f.roles = []string{"=operator"} },
		"must end with":       func(f *oidcFlags) { f.roles = []string{"a=root"} },
		"each once":           func(f *oidcFlags) { f.roles = []string{"a=auditor", "a=auditor"} },
		"no-such-file":        func(f *oidcFlags) { f.secretFile = "no-such-file" },
	} {
		f := good
		change(&f)
		if _, err := f.open(t.Context(), edgeFlags{}, "https://id.example.org", log); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	for text, mode := range map[string]os.FileMode{"": 0o600, "a\nb": 0o600, "open": 0o604} {
		write(text, mode)
		if _, err := good.open(t.Context(), edgeFlags{}, "https://id.example.org", log); err == nil || strings.Contains(err.Error(), "open\n") {
			t.Errorf("%q %o: %v", text, mode, err)
		}
	}
	// This machine is no public address: the start goes on, a log-in says why not.
	write("s3cret", 0o640)
	site, err := good.open(t.Context(), edgeFlags{}, "https://id.example.org", log)
	if err != nil {
		t.Fatal(err)
	}
	if err := site.Check(t.Context()); faceproof.ErrorCode(err) != faceproof.CodeUnavailable || !strings.Contains(err.Error(), "--allow-outgoing") {
		t.Error(err)
	}
}
