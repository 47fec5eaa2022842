package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"faceproof"
	"faceproof/internal/egress"
	"faceproof/internal/oidc"
	"faceproof/internal/server"
)

// oidcFlags are those of `serve` that let people of an identity provider log in.
type oidcFlags struct {
	issuer, clientID, secretFile, claim string
	roles                               []string
}

func (o *oidcFlags) add(f *pflag.FlagSet) {
	f.StringVar(&o.issuer, "oidc-issuer", "", "identity provider (OpenID Connect) by which admins may log in beside passkeys, https://…; docs/operations.md (default: none)")
	f.StringVar(&o.clientID, "oidc-client-id", "", "what the identity provider calls this server")
	f.StringVar(&o.secretFile, "oidc-secret-file", "", "file with the client secret, readable by its owner or group alone; read at each log-in")
	f.StringVar(&o.claim, "oidc-claim", "groups", "claim of the ID token that says who is what; /realm_access/roles for one inside another")
	f.StringArrayVar(&o.roles, "oidc-role", nil, "value of that claim and the role that it stands for, VALUE=operator, reviewer, auditor or key-custodian; may be repeated")
}

// mapping reads --oidc-role.
func (o oidcFlags) mapping() (map[string][]faceproof.Role, error) {
	out := map[string][]faceproof.Role{}
	for _, s := range o.roles {
		i := strings.LastIndexByte(s, '=') // a value may be a distinguished name
		if i < 1 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-role", "must be VALUE=ROLE")
		}
		role := faceproof.Role(s[i+1:])
		if !slices.Contains(faceproof.Roles(), role) {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-role", "must end with one of %v", faceproof.Roles())
		}
		out[s[:i]] = append(out[s[:i]], role)
	}
	return out, nil
}

// secret reads the client secret. Errors: CodeForbidden when everybody on the
// machine may, CodeInvalid when there is none in it.
func (o oidcFlags) secret() (faceproof.Token, error) {
	data, err := readBounded(o.secretFile, 4<<10)
	if err != nil {
		return faceproof.Token{}, err
	}
	if info, err := os.Stat(o.secretFile); err != nil || info.Mode().Perm()&0o007 != 0 {
		return faceproof.Token{}, faceproof.Errorf(faceproof.CodeForbidden, "--oidc-secret-file", "everybody on this machine may read it; chmod 600")
	}
	text := strings.TrimSpace(string(data))
	if text == "" || strings.ContainsAny(text, "\r\n\x00") {
		return faceproof.Token{}, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-secret-file", "must hold one line")
	}
	return faceproof.NewToken(text), nil
}

// open makes the provider's part of the server, nil without one. A provider that
// does not answer is no reason not to start: it is told, and asked again at the
// next log-in.
func (o oidcFlags) open(ctx context.Context, e edgeFlags, origin string, log *slog.Logger) (*oidc.Site, error) {
	if o.issuer == "" {
		if o.clientID+o.secretFile != "" || len(o.roles) > 0 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "--oidc-issuer", "is needed by the other --oidc flags")
		}
		return nil, nil
	}
	roles, err := o.mapping()
	if err != nil {
		return nil, err
	}
	if _, err := o.secret(); err != nil {
		return nil, err
	}
	allow, err := e.prefixes()
	if err != nil {
		return nil, err
	}
	site, err := oidc.New(oidc.Config{Issuer: o.issuer, ClientID: o.clientID, Secret: o.secret, Redirect: origin + server.OIDCCallback,
		Claim: o.claim, Roles: roles, Client: egress.New(egress.Config{Allow: allow})})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := site.Check(ctx); err != nil {
			log.Warn("identity provider", "error", faceproof.LogText(err))
			return
		}
		log.Info("identity provider", "issuer", o.issuer, "redirect", origin+server.OIDCCallback)
	}()
	return site, nil
}
