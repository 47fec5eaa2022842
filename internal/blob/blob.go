// Package blob keeps larger sealed values, such as the portrait of a
// verification, outside the database, so that they can be deleted without a
// trace in its file or its backups.
package blob

import (
	"context"
	"regexp"

	"faceproof"
)

// Store keeps blobs by key. A key is one to four parts of lower-case letters,
// digits, "-" and "_", with "/" between; anything else is CodeInvalid. Put
// replaces; Get of an absent key is CodeNotFound; Delete of one is no error.
type Store interface {
	Put(ctx context.Context, key string, data []byte) error
	Get(ctx context.Context, key string) ([]byte, error)
	Delete(ctx context.Context, key string) error
	List(ctx context.Context, prefix string) ([]string, error) // the keys that start with prefix, sorted
}

// MaxBytes bounds one blob.
const MaxBytes = 32 << 20

// keyForm has no dot and no upper case: a key cannot climb out, hide, meet a
// temporary file, or collide on a file system that folds case.
var keyForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}(/[a-z0-9][a-z0-9_-]{0,63}){0,3}$`)

func checkKey(key string) error {
	if !keyForm.MatchString(key) {
		return faceproof.Errorf(faceproof.CodeInvalid, "key", "must be 1 to 4 parts of a-z, 0-9, - and _, with / between")
	}
	return nil
}
