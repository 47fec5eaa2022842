package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"faceproof"
)

const (
	manifestFile   = "manifest.json"
	manifestFormat = 1
	maxManifest    = 64 << 20 // bytes
)

// What a folder of a backup holds.
const (
	backupData = "data"
	backupKeys = "keys"
)

// manifest says what a backup consists of. It is written last: a folder without
// one is no backup.
type manifest struct {
	Format  int            `json:"format"`
	Kind    string         `json:"kind"`    // backupData or backupKeys
	Version string         `json:"version"` // of the program
	MadeAt  int64          `json:"made_at"` // unix milliseconds
	KeyID   string         `json:"key_id"`  // of the keys that belong to it
	Files   []manifestPart `json:"files"`   // sorted by path
}

type manifestPart struct {
	Path   string `json:"path"` // with slashes, inside the folder
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func backupError(code faceproof.Code, what string, err error) error {
	if err != nil {
		what += ": " + err.Error()
	}
	return &faceproof.Error{Code: code, Field: "backup", Message: what, Err: err}
}

// seal writes the manifest of everything in dir, durably.
func (m manifest) seal(dir string) error {
	m.Format, m.Files = manifestFormat, []manifestPart{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		size, sum, err := hashFile(path)
		m.Files = append(m.Files, manifestPart{filepath.ToSlash(rel), size, sum})
		return err
	})
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := copyIn(filepath.Join(dir, manifestFile), bytes.NewReader(append(b, '\n'))); err != nil {
		return err
	}
	return syncFolders(dir)
}

// readManifest checks that dir is a whole, unchanged backup of the kind: every
// file that its manifest names, byte for byte, and no other. Errors:
// CodeNotFound without a manifest, CodeConflict when something differs.
func readManifest(dir, kind string) (m manifest, err error) {
	b, err := readBounded(filepath.Join(dir, manifestFile), maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return m, faceproof.Errorf(faceproof.CodeNotFound, "backup", "%s has no %s: it is no backup, or one that was not finished", dir, manifestFile)
	}
	if err != nil {
		return m, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&m) != nil || m.Format != manifestFormat {
		return m, faceproof.Errorf(faceproof.CodeConflict, "backup", "%s is not one of this version", manifestFile)
	}
	if m.Kind != kind {
		return m, faceproof.Errorf(faceproof.CodeConflict, "backup", "%s holds %s, not %s", dir, m.Kind, kind)
	}
	named := []string{manifestFile}
	for _, f := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || f.Path == manifestFile || slices.Contains(named, f.Path) || !known(kind, f.Path) {
			return m, faceproof.Errorf(faceproof.CodeConflict, "backup", "%s names %q, which no backup has", manifestFile, f.Path)
		}
		named = append(named, f.Path)
		size, sum, err := hashFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || size != f.Size || sum != f.SHA256 {
			return m, faceproof.Errorf(faceproof.CodeConflict, "backup", "%s is missing or was changed", f.Path)
		}
	}
	return m, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if rel, err := filepath.Rel(dir, path); err != nil || !slices.Contains(named, filepath.ToSlash(rel)) {
			return faceproof.Errorf(faceproof.CodeConflict, "backup", "%s is not in the %s", rel, manifestFile)
		}
		return nil
	})
}

// known says whether a backup of the kind may hold the path.
func known(kind, path string) bool {
	return slices.Contains(backupFiles[kind], path) || kind == backupData && strings.HasPrefix(path, blobFolder+"/")
}

// hashFile reads a regular file.
func hashFile(path string) (size int64, sum string, err error) {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return 0, "", errors.Join(err, errors.New("not a regular file"))
	}
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return size, hex.EncodeToString(h.Sum(nil)), err
}

// copyFile copies a file to a new one, durably.
func copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return copyIn(to, f)
}

// copyIn makes the new file to, 0600, durably but for its name.
func copyIn(to string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolders makes the names in dir and below durable, and dir's own.
func syncFolders(dir string) error {
	sync := func(path string) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(f.Sync(), f.Close())
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return sync(path)
	})
	return errors.Join(err, sync(filepath.Dir(filepath.Clean(dir))))
}
