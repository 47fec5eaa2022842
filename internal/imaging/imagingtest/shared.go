// Package imagingtest finds the pictures that tests measure against: they are
// kept beside the repository, not in it.
package imagingtest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Root is the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..")
}

// Shared gives a path in the shared folder: FACEPROOF_SHARED, or ../shared
// beside the repository. It skips the test when the folder is absent, and
// fails it when the folder is there without the path and CI=true.
func Shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	base := os.Getenv("FACEPROOF_SHARED")
	if base == "" {
		base = filepath.Join(Root(), "..", "shared")
	}
	if _, err := os.Stat(base); err != nil {
		tb.Skip("the shared folder is not beside the repository (FACEPROOF_SHARED names another place)")
	}
	path := filepath.Join(append([]string{base}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("missing in the shared folder: %s", filepath.Join(elem...))
		}
		tb.Skipf("missing in the shared folder: %s", filepath.Join(elem...))
	}
	return path
}

// Read gives the bytes of a file in the shared folder; see Shared.
func Read(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	data, err := os.ReadFile(Shared(tb, elem...))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
