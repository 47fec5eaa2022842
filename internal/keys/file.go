package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"faceproof"

	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

type keyTemplate = tinkpb.KeyTemplate

// maxKeyFile bounds the key file; one of two fresh keys has under 2 KiB.
const maxKeyFile = 1 << 20

const aboutKeyFile = "The keys of one Faceproof data folder. Whoever has this file and the database can read every name, number and face " +
	"template. Without it they are lost. Keep a copy apart from the backups of the database."

// keyFile is the key file: two tink keysets and the key-encryption keys, in
// clear. It is protected by its mode alone.
type keyFile struct {
	About    string          `json:"about"`
	Version  int             `json:"version"`            // 1
	Crypto   string          `json:"crypto,omitempty"`   // the suite; empty: std
	Sealing  json.RawMessage `json:"sealing,omitempty"`  // tink AEAD keyset, of std
	Index    json.RawMessage `json:"index,omitempty"`    // tink PRF keyset, of std
	GM       *gmKeys         `json:"gm,omitempty"`       // of gm
	Wrapping []kek           `json:"wrapping,omitempty"` // the last one wraps; none: the sealing keys do
}

// suite names the algorithms of new keys.
func (f *keyFile) suite() string {
	if f.Crypto == "" {
		return SuiteStd
	}
	return f.Crypto
}

// ring makes the ring of the file, without its key-encryption keys.
func (f *keyFile) ring() (*Ring, error) {
	switch f.suite() {
	case SuiteStd:
		return newRing(f.Sealing, f.Index)
	case SuiteGM:
		return newGMRing(f.GM)
	}
	return nil, errors.New("no such suite")
}

// newKeyFile makes fresh keys of a suite.
func newKeyFile(s *suite) (*keyFile, error) {
	f := &keyFile{About: aboutKeyFile, Version: 1, Wrapping: []kek{newKEK(s, time.Now())}}
	if s == gmSuite {
		f.Crypto, f.GM = s.name, newGMKeys()
		return f, nil
	}
	var err error
	f.Sealing, f.Index, err = newKeysets()
	return f, err
}

// Open reads the key file, and makes one with fresh keys when there is none
// (mode 0600, complete or not at all, never over an existing file). It refuses
// a file that others than its owner can reach: CodeForbidden; one that cannot
// be read: CodeUnavailable; one that is no key file: CodeInvalid.
func Open(path string) (*Ring, error) { return OpenSuite(path, "") }

// OpenSuite is Open with the suite that the keys must be of, and that new ones
// are; "": whatever they are, and std. Errors: CodeConflict when they are of
// another, which they are for good; CodeInvalid: no such suite.
func OpenSuite(path, name string) (*Ring, error) {
	s := stdSuite
	if name != "" {
		var err error
		if s, err = suiteNamed(name); err != nil {
			return nil, err
		}
	}
	r, err := Read(path)
	if err == nil && name != "" && r.suite != s {
		return nil, faceproof.Errorf(faceproof.CodeConflict, "crypto", "the keys of this data folder are of suite %s; a suite is chosen when they are made", r.suite.name)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	if err := create(path, s); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: path, Message: "the key file cannot be made: " + err.Error(), Err: err}
	}
	return OpenSuite(path, name) // another process may have been first
}

// Read is Open without making a file: an error that is fs.ErrNotExist when
// there is none.
func Read(path string) (*Ring, error) {
	b, info, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	r, err := parse(b)
	if err != nil {
		return nil, notKeyFile(path)
	}
	r.kms.(*fileKMS).path, r.kms.(*fileKMS).seen = path, info
	return r, nil
}

// notKeyFile hides the cause, which may quote the file.
func notKeyFile(path string) error {
	return faceproof.Errorf(faceproof.CodeInvalid, path, "is not a key file of this version; restore it from its copy")
}

// readKeyFile gives the bytes of a key file that only its owner can reach.
func readKeyFile(path string) ([]byte, fs.FileInfo, error) {
	fail := func(code faceproof.Code, err error, why string) ([]byte, fs.FileInfo, error) {
		return nil, nil, &faceproof.Error{Code: code, Field: path, Message: why, Err: err}
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(faceproof.CodeNotFound, err, "there is no key file")
	}
	if err != nil {
		return fail(faceproof.CodeUnavailable, err, "the key file cannot be read: "+err.Error())
	}
	if !info.Mode().IsRegular() {
		return fail(faceproof.CodeInvalid, nil, "the key file must be a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(faceproof.CodeUnavailable, err, "the key file cannot be read: "+err.Error())
	}
	defer f.Close()
	// Asked of the open file, so that what is checked is what is read.
	if info, err = f.Stat(); err != nil {
		return fail(faceproof.CodeUnavailable, err, "the key file cannot be read: "+err.Error())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fail(faceproof.CodeForbidden, nil, fmt.Sprintf("the key file has mode %04o, so others than its owner can reach it; run: chmod 600 %s", mode, path))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return fail(faceproof.CodeUnavailable, err, "the key file cannot be read: "+err.Error())
	}
	return b, info, nil
}

func parse(b []byte) (*Ring, error) {
	if len(b) > maxKeyFile {
		return nil, errors.New("too large")
	}
	var k keyFile
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, err
	}
	if k.Version != 1 {
		return nil, errors.New("another version")
	}
	if err := checkKEKs(k.Wrapping); err != nil {
		return nil, err
	}
	r, err := k.ring()
	if err != nil {
		return nil, err
	}
	r.kms = &fileKMS{keks: k.Wrapping, root: r}
	return r, nil
}

// create makes a key file with fresh keys: of two processes one wins.
func create(path string, s *suite) error {
	f, err := newKeyFile(s)
	if err != nil {
		return err
	}
	return f.write(path, func(temp string) error {
		if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	})
}

// replace puts the file in the place of the one that is there.
func (f *keyFile) replace(path string) error {
	if err := f.write(path, func(temp string) error { return os.Rename(temp, path) }); err != nil {
		return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: path, Message: "the key file cannot be written: " + err.Error(), Err: err}
	}
	return nil
}

// write writes a complete file beside path, has it put there, and makes that
// last: a crash leaves no half file.
func (f *keyFile) write(path string, put func(temp string) error) error {
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	t, err := os.CreateTemp(dir, ".keys-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(t.Name())
	_, err = t.Write(append(b, '\n'))
	if err == nil {
		err = t.Sync()
	}
	if e := t.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = put(t.Name())
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
