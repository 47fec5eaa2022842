package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"faceproof"
	"faceproof/internal/failpoint"
	"faceproof/internal/keys"
)

// tempPrefix starts the names of files that are not complete; a key has no dot.
const tempPrefix = ".new-"

// Dir keeps each blob as one sealed file under a folder.
type Dir struct {
	root *os.Root
	ring *keys.Ring
}

var _ Store = (*Dir)(nil)

// OpenDir opens the folder, which it makes (0700) when absent, and removes what
// a crash more than an hour ago left half written. Errors: CodeUnavailable.
func OpenDir(dir string, ring *keys.Ring) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, unavailable(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unavailable(err)
	}
	d := &Dir{root: root, ring: ring}
	if err := d.clean(time.Now().Add(-time.Hour)); err != nil {
		root.Close()
		return nil, err
	}
	return d, nil
}

// Close frees the folder.
func (d *Dir) Close() error { return d.root.Close() }

// aad binds a file to its key: a file under another name does not open.
func aad(key string) []byte { return keys.AAD("blob", key) }

// Put seals data and replaces the blob whole or not at all; when it returns
// nil, the blob survives a power cut.
func (d *Dir) Put(ctx context.Context, key string, data []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(data) > MaxBytes {
		return faceproof.Errorf(faceproof.CodeInvalid, "data", "must be at most %d bytes", MaxBytes)
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	sealed, err := d.ring.Seal(data, aad(key))
	if err != nil {
		return err
	}
	folder := path.Dir(key)
	if err := d.makeFolders(folder); err != nil {
		return unavailable(err)
	}
	temp := path.Join(folder, tempPrefix+randomName())
	if err := d.write(temp, sealed); err != nil {
		_ = d.root.Remove(temp)
		return unavailable(err)
	}
	err = failpoint.Hit("blob.rename")
	if err == nil {
		err = d.root.Rename(temp, key)
	}
	if err != nil {
		_ = d.root.Remove(temp)
		return unavailable(err)
	}
	return d.sync(folder)
}

// makeFolders makes each missing part of folder, durably.
func (d *Dir) makeFolders(folder string) error {
	if folder == "." {
		return nil
	}
	if _, err := d.root.Stat(folder); err == nil {
		return nil
	}
	parent := path.Dir(folder)
	if err := d.makeFolders(parent); err != nil {
		return err
	}
	if err := d.root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.sync(parent)
}

func (d *Dir) write(name string, b []byte) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = failpoint.Hit("blob.write"); err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = failpoint.Hit("blob.sync")
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// sync makes a change of names in folder durable.
func (d *Dir) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return unavailable(err)
	}
	defer f.Close()
	if err := failpoint.Hit("blob.folder"); err != nil {
		return unavailable(err)
	}
	if err := f.Sync(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Get gives the blob. One that was changed or moved is CodeInternal.
func (d *Dir) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, unavailable(err)
	}
	f, err := d.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, faceproof.Errorf(faceproof.CodeNotFound, "key", "no such blob")
	}
	if err != nil {
		return nil, unavailable(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, faceproof.Errorf(faceproof.CodeNotFound, "key", "no such blob")
	}
	sealed, err := io.ReadAll(io.LimitReader(f, MaxBytes+1024))
	if err != nil {
		return nil, unavailable(err)
	}
	return d.ring.Open(sealed, aad(key))
}

// Delete removes the blob's name durably.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if info, err := d.root.Lstat(key); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil
	}
	if err := d.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable(err)
	}
	return d.sync(path.Dir(key))
}

// List walks the folder.
func (d *Dir) List(ctx context.Context, prefix string) ([]string, error) {
	var found []string
	err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && e.Type().IsRegular() && strings.HasPrefix(name, prefix) && keyForm.MatchString(name) {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(found)
	return found, nil
}

// clean removes temporary files from before t.
func (d *Dir) clean(t time.Time) error {
	err := fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(path.Base(name), tempPrefix) {
			return err
		}
		if info, err := e.Info(); err == nil && info.ModTime().Before(t) {
			return d.root.Remove(name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unavailable(err)
	}
	return nil
}

func randomName() string {
	b := make([]byte, 12)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func unavailable(err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Message: "the blob store does not answer", Err: err}
}
