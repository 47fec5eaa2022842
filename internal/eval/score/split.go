package score

import (
	"crypto/sha256"
	"path"
	"strings"
)

// Half is one of the two groups of persons of an evaluation. Thresholds are
// fitted on one and reported on the other, so that no face is in both.
type Half string

// The halves.
const (
	Tune   Half = "tune"
	Report Half = "report"
)

// FirstReportSeed divides the seeds of simulated sessions in the same way:
// tuning uses smaller ones, a report these and larger ones.
const FirstReportSeed = 1_000_000

// HalfOf deals a person to a half. It depends on nothing but the key, so that
// adding a photo or a person moves nobody.
func HalfOf(person string) Half {
	sum := sha256.Sum256([]byte("faceproof/eval/split/1\x00" + person))
	if sum[0]&1 == 0 {
		return Tune
	}
	return Report
}

// PersonOf gives the person's key for a photo in a tree of photos: the file's
// name up to the first "_" or, where it has none, the folder; a photo at the top
// without "_" is a person of its own. The path is relative, with slashes.
func PersonOf(photo string) string {
	dir, file := path.Split(photo)
	name := strings.TrimSuffix(file, path.Ext(file))
	if before, _, found := strings.Cut(name, "_"); found && before != "" {
		return before
	}
	if dir = path.Base(path.Clean(dir)); dir != "." && dir != "/" {
		return dir
	}
	return name
}
