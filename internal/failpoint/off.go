//go:build !failpoint

// Package failpoint breaks the program on purpose, for the tests of what must
// survive it. Without the build tag failpoint, as released, On is false and
// nothing of it is in the binary: every use is behind On or is an empty call
// that the compiler removes.
package failpoint

// On says whether this build can be broken.
const On = false

// Hit does nothing.
func Hit(string) error { return nil }

// Broken says no.
func Broken(string) bool { return false }
