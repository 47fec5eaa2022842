package keys

import (
	"encoding/json"
	"slices"
	"time"

	"faceproof"
)

// retireAfter is how long a key-encryption key must have been replaced before
// it may go: a server that wrapped with it a moment ago has stored what it
// wrapped by then.
const retireAfter = time.Minute

// KEK tells of one key-encryption key of the key file.
type KEK struct {
	ID        string `json:"id"`
	Suite     string `json:"suite"`
	CreatedAt int64  `json:"created_at"` // unix milliseconds; 0: with the file
	Current   bool   `json:"current"`
}

// KEKs lists the key-encryption keys of a key file, oldest first. Errors: as
// Read.
func KEKs(path string) ([]KEK, error) {
	f, err := parseFile(path)
	if err != nil {
		return nil, err
	}
	out := []KEK{{ID: rootKEK, Suite: f.suite()}}
	for _, k := range f.Wrapping {
		out = append(out, KEK{ID: k.ID, Suite: k.Suite, CreatedAt: k.CreatedAt})
	}
	out[len(out)-1].Current = true
	return out, nil
}

// AddKEK puts a fresh key-encryption key into the key file and gives its id;
// from now on it wraps, in running servers too. Of two callers at once one would
// undo the other: the caller must hold a lock. Errors: as Read, and
// CodeUnavailable when the file cannot be written.
func AddKEK(path string, now time.Time) (string, error) {
	f, err := parseFile(path)
	if err != nil {
		return "", err
	}
	s, err := suiteNamed(f.suite())
	if err != nil {
		return "", err
	}
	k := newKEK(s, now)
	f.Wrapping = append(f.Wrapping, k)
	return k.ID, f.replace(path)
}

// DropKEK takes a key-encryption key out of the key file for good: whatever it
// still wraps, in a backup too, is lost. The caller knows that no person needs
// it and holds the lock. Errors: CodeConflict: it is the current one or was
// replaced less than a minute ago; CodeNotFound.
func DropKEK(path, id string, now time.Time) error {
	f, err := parseFile(path)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(f.Wrapping, func(k kek) bool { return k.ID == id })
	if i < 0 {
		return faceproof.Errorf(faceproof.CodeNotFound, "", "the key file has no key-encryption key %s", id)
	}
	if i == len(f.Wrapping)-1 {
		return faceproof.Errorf(faceproof.CodeConflict, "", "%s wraps today; rotate first", id)
	}
	if now.UnixMilli()-f.Wrapping[i+1].CreatedAt < retireAfter.Milliseconds() {
		return faceproof.Errorf(faceproof.CodeConflict, "", "%s was replaced less than %s ago; a server may still be storing what it wrapped", id, retireAfter)
	}
	f.Wrapping = slices.Delete(f.Wrapping, i, i+1)
	return f.replace(path)
}

func parseFile(path string) (*keyFile, error) {
	b, _, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if _, err := parse(b); err != nil {
		return nil, notKeyFile(path)
	}
	f := &keyFile{}
	if json.Unmarshal(b, f) != nil {
		return nil, notKeyFile(path)
	}
	return f, nil
}
