package registry

import (
	"os"
	"path/filepath"
	"testing"

	"faceproof"
)

// What is changed between the agreement and the import is refused: the whole when
// the file is, the line when a photo is.
func TestManifestBindsBytes(t *testing.T) {
	f := fresh(t)
	csv := "name,id_number,photo\n张三," + number(1) + ",1.jpg\n李四," + number(2) + ",2.jpg\n王五," + number(3) + ",none.jpg\n"
	path := folder(t, map[string]string{"1.jpg": "one", "2.jpg": "two", "people.csv": csv})
	m, err := ReadManifest(path)
	must(t, err)
	again, err := ReadManifest(path)
	must(t, err)
	if m.People != 3 || len(m.Digest) != 64 || again.Digest != m.Digest {
		t.Fatalf("%+v", m)
	}
	dir := filepath.Dir(path)
	must(t, os.WriteFile(filepath.Join(dir, "2.jpg"), []byte("another"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "none.jpg"), []byte("now there"), 0o600))
	if other, err := ReadManifest(path); err != nil || other.Digest == m.Digest {
		t.Errorf("another photo has the same digest, %v", err)
	}
	sum, err := f.Import(ctx, ImportConfig{Path: path, Actor: "cli", Manifest: m})
	must(t, err)
	if sum.Added != 1 || sum.Failed != 2 || sum.Errors[0].Code != faceproof.CodeConflict || sum.Errors[0].Field != "photo" {
		t.Errorf("%+v", sum)
	}
	must(t, os.WriteFile(path, []byte(csv+"\n"), 0o600))
	if _, err := f.Import(ctx, ImportConfig{Path: path, Actor: "cli", Manifest: m}); faceproof.ErrorCode(err) != faceproof.CodeConflict {
		t.Errorf("another file: %v", err)
	}
	for _, bad := range []string{"", filepath.Join(dir, "none.csv")} {
		if _, err := ReadManifest(bad); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
