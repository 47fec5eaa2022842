package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"faceproof"
	"faceproof/internal/keys"
)

// adminFile keeps the token of the admin API, in the data folder.
const adminFile = "admin.token"

// adminToken reads the token, and makes it (256 random bits, mode 0600,
// complete or not at all) when there is none. Errors: CodeForbidden when others
// than its owner can reach the file, CodeInvalid when it holds no token.
func adminToken(path string) (faceproof.Token, error) {
	none := faceproof.Token{}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeAdminToken(path); err != nil {
			return none, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: adminFile, Message: "cannot be made", Err: err}
		}
	}
	data, err := readBounded(path, 4<<10)
	if err != nil {
		return none, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return none, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: adminFile, Message: "cannot be read", Err: err}
	}
	if info.Mode().Perm()&0o077 != 0 {
		return none, faceproof.Errorf(faceproof.CodeForbidden, path, "the admin token has mode %04o, so others than its owner can reach it; delete it and start again", info.Mode().Perm())
	}
	token := strings.TrimSpace(string(data))
	if len(token) < 32 || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return none, faceproof.Errorf(faceproof.CodeInvalid, path, "must hold one token of at least 32 characters; delete it for a new one")
	}
	return faceproof.NewToken(token), nil
}

// makeAdminToken writes the file beside its place and links it there: of two
// processes one wins, and a crash leaves no half token.
func makeAdminToken(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".admin-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(keys.NewToken(rand.Reader, 32).Reveal() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
