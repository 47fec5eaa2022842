package keys

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"faceproof"
)

// KMS holds the key-encryption keys and never gives them out. The key file is
// one; a key management service is another. place must be the same at both ends.
// Errors: CodeUnavailable: it does not answer; CodeInternal: what was given was
// not wrapped for this place, or by a key that is gone.
type KMS interface {
	// Current names the key that Wrap uses now.
	Current(ctx context.Context) (string, error)
	Wrap(ctx context.Context, plain, place []byte) (key string, wrapped []byte, err error)
	Unwrap(ctx context.Context, key string, wrapped, place []byte) ([]byte, error)
}

// rootKEK names the ring's sealing keys, which wrap as long as a key file of
// before has no key-encryption key of its own.
const rootKEK = "root"

// kek is one key-encryption key in the key file; the last one wraps.
type kek struct {
	ID        string `json:"id"`
	Suite     string `json:"suite"`
	CreatedAt int64  `json:"created_at"` // unix milliseconds
	Key       []byte `json:"key"`
}

func newKEK(s *suite, now time.Time) kek {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return kek{ID: "file-" + hex.EncodeToString(b), Suite: s.name, CreatedAt: now.UnixMilli(), Key: s.newKey()}
}

// fileKMS is the key file. It reads the file anew when another process has
// changed it, so that a rotation needs no restart.
type fileKMS struct {
	path string
	mu   sync.Mutex
	seen fs.FileInfo
	keks []kek
	root *Ring
}

// refresh reads the file when it is another one than before. A file that cannot
// be read leaves what is known: a server goes on through a slip.
func (k *fileKMS) refresh() {
	info, err := os.Stat(k.path)
	if err != nil || k.seen != nil && os.SameFile(info, k.seen) && info.ModTime().Equal(k.seen.ModTime()) && info.Size() == k.seen.Size() {
		return
	}
	b, info, err := readKeyFile(k.path)
	if err != nil {
		return
	}
	var f keyFile
	if json.Unmarshal(b, &f) != nil || checkKEKs(f.Wrapping) != nil {
		return
	}
	// Another deployment's file is not taken over by a running server.
	if r, err := f.ring(); err != nil || r.ID() != k.root.ID() {
		return
	}
	k.keks, k.seen = f.Wrapping, info
}

func (k *fileKMS) Current(context.Context) (string, error) {
	last, ok := k.newest()
	if !ok {
		return rootKEK, nil
	}
	return last.ID, nil
}

// newest gives the key that wraps now; false: the ring's sealing keys do.
func (k *fileKMS) newest() (kek, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refresh()
	if len(k.keks) == 0 {
		return kek{}, false
	}
	return k.keks[len(k.keks)-1], true
}

func (k *fileKMS) Wrap(_ context.Context, plain, place []byte) (string, []byte, error) {
	last, ok := k.newest()
	if !ok {
		b, err := k.root.Seal(plain, place)
		return rootKEK, b, err
	}
	s, err := suiteNamed(last.Suite)
	if err != nil {
		return "", nil, err
	}
	b, err := s.seal(last.Key, plain, place)
	if err != nil {
		return "", nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "wrapping failed", Err: err}
	}
	return last.ID, b, nil
}

func (k *fileKMS) Unwrap(_ context.Context, id string, wrapped, place []byte) ([]byte, error) {
	if id == rootKEK {
		return k.root.Open(wrapped, place)
	}
	key, ok := k.find(id)
	if !ok {
		return nil, faceproof.Errorf(faceproof.CodeInternal, "", "a person's key is wrapped by a key-encryption key that is not in the key file; put the newest copy of the key file back")
	}
	s := suiteOf(wrapped)
	if s == nil || s.name != key.Suite {
		return nil, notSealed(nil)
	}
	plain, err := s.open(key.Key, wrapped, place)
	if err != nil {
		return nil, notSealed(err)
	}
	return plain, nil
}

func (k *fileKMS) find(id string) (kek, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range 2 {
		if i := slices.IndexFunc(k.keks, func(x kek) bool { return x.ID == id }); i >= 0 {
			return k.keks[i], true
		}
		k.refresh()
	}
	return kek{}, false
}

// checkKEKs refuses key-encryption keys that cannot work.
func checkKEKs(all []kek) error {
	seen := map[string]bool{rootKEK: true, "": true}
	for _, x := range all {
		s, err := suiteNamed(x.Suite)
		if err != nil {
			return err
		}
		if seen[x.ID] || len(x.Key) != s.size {
			return fmt.Errorf("key-encryption key %q", x.ID)
		}
		seen[x.ID] = true
	}
	return nil
}
