package modelpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"faceproof"
)

// folder is the part of a data folder that belongs to this package:
//
//	models/sha256/<digest>   every installed file, under its own digest
//	models/active            the id of the pack in use
type folder struct{ dir string }

func folderOf(dataDir string) (folder, error) {
	abs, err := filepath.Abs(dataDir)
	if err != nil {
		return folder{}, fmt.Errorf("modelpack: %w", err)
	}
	return folder{filepath.Join(abs, "models")}, nil
}

// file gives where the file with this digest is, or will be.
func (f folder) file(digest string) string { return filepath.Join(f.dir, "sha256", digest) }

// active gives the id of the pack in use. Errors: CodeNotFound.
func (f folder) active() (string, error) {
	b, err := os.ReadFile(filepath.Join(f.dir, "active"))
	id := strings.TrimSpace(string(b))
	if errors.Is(err, fs.ErrNotExist) || (err == nil && id == "") {
		return "", faceproof.Errorf(faceproof.CodeNotFound, "pack", "no model pack is installed; run: faceproof models install")
	}
	if err != nil {
		return "", fmt.Errorf("modelpack: %w", err)
	}
	return id, nil
}

func (f folder) setActive(id string) error {
	return f.write(filepath.Join(f.dir, "active"), func(w io.Writer) error {
		_, err := io.WriteString(w, id+"\n")
		return err
	})
}

// write makes a file all at once: temporary file → fsync → rename → fsync of
// the folder. What fill refuses never gets the file's name.
func (f folder) write(path string, fill func(io.Writer) error) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("modelpack: %w", err)
	}
	tmp, err := os.CreateTemp(dir, ".tmp-")
	if err != nil {
		return fmt.Errorf("modelpack: %w", err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if err := fill(tmp); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return tmp.Chmod(0o644) },
		tmp.Sync,
		tmp.Close,
		func() error { return os.Rename(tmp.Name(), path) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("modelpack: %w", err)
		}
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not every file system can
		_ = d.Close()
	}
	return nil
}

// pinned is a file whose digest the manifest states.
type pinned struct {
	name   string // for people
	sha256 string
	bytes  int64 // 0: not stated

	embedded string // its path in the program; empty: it is in the folder
}

// put stores what r gives, if it is the pinned file. Errors: CodeInvalid with
// the file's name as field for another size or digest.
func (f folder) put(p pinned, r io.Reader) error {
	return f.write(f.file(p.sha256), func(w io.Writer) error {
		h := sha256.New()
		n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, p.bytes+1))
		if err != nil {
			return unavailable(p.name, "reading stopped", err)
		}
		return p.compare(n, h.Sum(nil))
	})
}

// compare refuses another size or digest than the pinned one.
func (p pinned) compare(n int64, digest []byte) error {
	if got := hex.EncodeToString(digest); got != p.sha256 {
		size := fmt.Sprintf("%d bytes", n)
		if p.bytes > 0 && n > p.bytes {
			size = fmt.Sprintf("more than %d bytes", p.bytes)
		}
		return invalid(p.name, "refused: expected sha256 %s, got %s (%s)", p.sha256, got, size)
	}
	return nil
}

// verify reads the stored file and compares it with its digest. Errors:
// CodeNotFound, CodeInvalid.
func (f folder) verify(p pinned) error {
	if p.embedded != "" {
		b, err := readEmbedded(p.embedded)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		return p.compare(int64(len(b)), sum[:])
	}
	file, err := os.Open(f.file(p.sha256))
	if errors.Is(err, fs.ErrNotExist) {
		return faceproof.Errorf(faceproof.CodeNotFound, p.name, "is not installed; run: faceproof models install")
	}
	if err != nil {
		return fmt.Errorf("modelpack: %w", err)
	}
	defer file.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(file, maxFile))
	if err != nil {
		return fmt.Errorf("modelpack: %w", err)
	}
	return p.compare(n, h.Sum(nil))
}

// readPinned reads a file of at most maxFile bytes that must have this digest.
func readPinned(path string, p pinned) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(file, maxFile))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), p.compare(n, sum[:])
}

// files lists what a pack needs on this machine, without what it can do without.
func (m *manifest) files() ([]pinned, error) {
	lib, err := m.library(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	all := []pinned{{name: libraryName, sha256: lib.SHA256, bytes: lib.Bytes}}
	for _, v := range m.Models {
		if v.Role != RolePAD {
			all = append(all, v.pinned())
		}
	}
	return all, nil
}

const libraryName = "libonnxruntime.so.1"

// Load gives an installed pack, all of whose files it has just hashed; packID ""
// is the active one. Errors: CodeNotFound when it is not installed, CodeInvalid
// for an unknown pack or, naming the file, a file whose digest differs.
func Load(dataDir, packID string) (*Pack, error) {
	f, err := folderOf(dataDir)
	if err != nil {
		return nil, err
	}
	if packID == "" {
		if packID, err = f.active(); err != nil {
			return nil, err
		}
	}
	m, err := manifestOf(packID)
	if err != nil {
		return nil, err
	}
	return f.load(m)
}

func (f folder) load(m *manifest) (*Pack, error) {
	files, err := m.files()
	if err != nil {
		return nil, err
	}
	for _, p := range files {
		if err := f.verify(p); err != nil {
			return nil, err
		}
	}
	lib, err := m.library(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	p, err := m.pack(lib, f.file)
	if err != nil {
		return nil, err
	}
	p.PAD, err = f.pad(m)
	return p, err
}

// FileStatus is one file of a pack in a data folder.
type FileStatus struct {
	Name     string `json:"name"`
	ID       string `json:"id,omitempty"` // of the model; empty for the runtime
	Role     Role   `json:"role,omitempty"`
	SHA256   string `json:"sha256"`
	Bytes    int64  `json:"bytes"`
	Licence  string `json:"licence"`
	Source   string `json:"source"`
	State    string `json:"state"`              // "ok", "missing", "damaged"; List tells only whether the file is there
	Optional bool   `json:"optional,omitempty"` // the pack works without it
	Error    string `json:"error,omitempty"`    // expected and found digest
}

// PackStatus is one pack in a data folder.
type PackStatus struct {
	ID     string       `json:"id"`
	Title  string       `json:"title"`
	Active bool         `json:"active"`
	Ready  bool         `json:"ready"` // every file that it cannot do without is there and, after Verify, as pinned
	PAD    string       `json:"pad"`   // passive presentation attack detection: "ok", "missing", or "none" where the pack has no such networks
	Match  Match        `json:"match"` // the calibration
	Files  []FileStatus `json:"files"`
}

// List tells which packs there are and which of their files are in dataDir,
// without reading the files.
func List(dataDir string) ([]PackStatus, error) {
	var all []PackStatus
	for _, id := range packIDs() {
		s, err := status(dataDir, id, func(f folder, p pinned) error {
			if p.embedded != "" {
				return f.verify(p)
			}
			_, err := os.Stat(f.file(p.sha256))
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Verify hashes every file of a pack; packID "" is the active one. Errors:
// CodeInvalid for an unknown pack, CodeNotFound when none is active; a missing
// or damaged file is told in the status.
func Verify(dataDir, packID string) (PackStatus, error) {
	if packID == "" {
		f, err := folderOf(dataDir)
		if err != nil {
			return PackStatus{}, err
		}
		if packID, err = f.active(); err != nil {
			return PackStatus{}, err
		}
	}
	return status(dataDir, packID, folder.verify)
}

func status(dataDir, id string, look func(folder, pinned) error) (PackStatus, error) {
	f, err := folderOf(dataDir)
	if err != nil {
		return PackStatus{}, err
	}
	m, err := manifestOf(id)
	if err != nil {
		return PackStatus{}, err
	}
	lib, err := m.library(runtime.GOOS, runtime.GOARCH)
	if err != nil {
		return PackStatus{}, err
	}
	active, _ := f.active()
	s := PackStatus{ID: m.ID, Title: m.Title, Active: active == m.ID, Ready: true, PAD: "none", Match: m.match()}
	add := func(p pinned, v FileStatus) {
		v.Name, v.SHA256, v.Bytes = p.name, p.sha256, p.bytes
		v.State, v.Error = stateOf(look(f, p))
		if v.State == "damaged" || v.State == "missing" && !v.Optional {
			s.Ready = false
		}
		s.Files = append(s.Files, v)
	}
	add(pinned{name: libraryName, sha256: lib.SHA256, bytes: lib.Bytes}, FileStatus{Licence: m.Runtime.Licence, Source: "npm " + m.Runtime.Package + " " + m.Runtime.Version})
	for _, v := range m.Models {
		p, is := v.pinned(), FileStatus{ID: v.ID, Role: v.Role, Licence: v.Licence, Source: v.Source, Optional: v.Role == RolePAD}
		if v.Ready != nil && f.lacks(p) && !f.lacks(v.readyFile()) {
			p = v.readyFile()
		}
		add(p, is)
		if state := s.Files[len(s.Files)-1].State; is.Optional && (s.PAD == "none" || state != "ok") {
			s.PAD = state
		}
	}
	return s, nil
}

// stateOf names what became of a look at a file.
func stateOf(err error) (state, message string) {
	switch {
	case err == nil:
		return "ok", ""
	case errors.Is(err, fs.ErrNotExist), faceproof.ErrorCode(err) == faceproof.CodeNotFound:
		return "missing", ""
	}
	return "damaged", err.Error()
}

func unavailable(field, message string, err error) error {
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: field, Message: message, Err: err}
}
