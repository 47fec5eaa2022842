package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"faceproof"
)

// Manifest binds an import to the bytes that two people agreed to: the CSV and
// every photo that it names.
type Manifest struct {
	Digest string // of all of it, SHA-256, hex
	People int    // lines that are people

	csv    [sha256.Size]byte
	photos map[string][sha256.Size]byte // by the name in the file; a photo that cannot be read is not there
}

// ReadManifest reads a file and its photos as Import does, and enrols nobody.
// Errors: as Import.
func ReadManifest(path string) (*Manifest, error) {
	data, root, err := openImport(path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	records, err := readCSV(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	m := &Manifest{csv: sha256.Sum256(data), photos: map[string][sha256.Size]byte{}}
	all := sha256.New()
	fmt.Fprintf(all, "faceproof import 1\n%x\n", m.csv)
	for rec := range records {
		m.People++
		for _, name := range rec.photos {
			sum, known := m.photos[name]
			if !known {
				if b, err := readPhoto(root, name); err == nil {
					sum, known = sha256.Sum256(b), true
					m.photos[name] = sum
				}
			}
			fmt.Fprintf(all, "%d %v %x\n", rec.line, known, sum)
		}
	}
	m.Digest = hex.EncodeToString(all.Sum(nil))
	return m, nil
}

// errChanged says that something is not what was agreed to.
func errChanged(field string) error {
	return faceproof.Errorf(faceproof.CodeConflict, field, "is not what two people agreed to: it was changed since")
}

// checkCSV holds the file that is imported to the manifest; nil agrees to all.
func (m *Manifest) checkCSV(data []byte) error {
	if m != nil && sha256.Sum256(data) != m.csv {
		return errChanged("csv")
	}
	return nil
}

func (m *Manifest) checkPhoto(name string, data []byte) error {
	if m == nil {
		return nil
	}
	if sum, ok := m.photos[name]; !ok || sum != sha256.Sum256(data) {
		return errChanged("photo")
	}
	return nil
}

// openImport reads the CSV whole, so that what is checked is what is used, and
// opens its folder: no path in the file and no link in the folder leads out of it.
func openImport(path string) ([]byte, *os.Root, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "csv", Message: "cannot be opened: " + cause(err), Err: err}
	}
	defer file.Close()
	// One byte more than readCSV takes, so that it says what is wrong.
	data, err := io.ReadAll(io.LimitReader(file, maxCSVBytes+1))
	if err != nil {
		return nil, nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "csv", Message: "cannot be read: " + cause(err), Err: err}
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "csv", Message: "its folder cannot be opened: " + cause(err), Err: err}
	}
	return data, root, nil
}
