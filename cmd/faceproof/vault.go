package main

import (
	"io"
	"os"
	"strings"

	"faceproof"
	"faceproof/internal/keys"
)

// maxTokenFile bounds the file with Vault's token and the one with its
// certificates, bytes.
const maxTokenFile = 64 << 10

// useVault has HashiCorp Vault wrap people's keys when the environment names
// one: FACEPROOF_VAULT_ADDR, _KEY (default faceproof), _MOUNT (default transit),
// _TOKEN_FILE and _CA_FILE.
func useVault(ring *keys.Ring) error {
	get := func(name string) string { return os.Getenv("FACEPROOF_VAULT_" + name) }
	address, key, token := get("ADDR"), get("KEY"), get("TOKEN_FILE")
	if address == "" {
		return nil
	}
	if key == "" {
		key = "faceproof"
	}
	if token == "" {
		return faceproof.Errorf(faceproof.CodeInvalid, "FACEPROOF_VAULT_TOKEN_FILE", "must name the file with Vault's token")
	}
	c := keys.VaultConfig{Address: address, Mount: get("MOUNT"), Key: key, Token: func() (string, error) {
		b, err := readVaultFile(token)
		return strings.TrimSpace(string(b)), err
	}}
	if ca := get("CA_FILE"); ca != "" {
		var err error
		if c.CA, err = readVaultFile(ca); err != nil {
			return &faceproof.Error{Code: faceproof.CodeInvalid, Field: "FACEPROOF_VAULT_CA_FILE", Message: "cannot be read", Err: err}
		}
	}
	v, err := keys.NewVault(c)
	if err != nil {
		return err
	}
	ring.UseVault(v)
	return nil
}

func readVaultFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxTokenFile))
}
