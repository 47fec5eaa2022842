package main

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"

	"faceproof"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging/imagingtest"
)

// What compare and inspect open is a picture, or refused as the caller's fault.
func TestHostilePhotos(t *testing.T) {
	e := facetest.Open(t, "")
	opened, refused := 0, 0
	err := filepath.WalkDir(imagingtest.Shared(t, "data", "09-hostile"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > 128<<10 {
			return err // slow, and no other way through the code
		}
		_, err = openPhoto(context.Background(), e, path)
		switch {
		case err == nil:
			opened++
		case faceproof.ErrorCode(err) == faceproof.CodeInvalid:
			refused++
		default:
			t.Errorf("%s: %v", d.Name(), err)
		}
		return nil
	})
	if err != nil || opened < 20 || refused < 100 {
		t.Errorf("%d opened, %d refused, %v", opened, refused, err)
	}
}
