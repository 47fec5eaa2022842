package main

import (
	"bytes"
	"strings"
	"testing"
)

// The flags that cannot be used together, and protocols that are not there, are
// found before any network is opened.
func TestEvalFacesFlags(t *testing.T) {
	for args, want := range map[string]string{
		"eval faces":                                "--root",
		"eval faces --root x":                       "--out",
		"eval faces --check x --out y":              "must not be mixed",
		"eval faces --check " + t.TempDir():         "trials.csv.gz",
		"eval faces --root x --out y --protocol zz": `there is no protocol "zz"; there are deepface, lfw,`,
	} {
		var out, errOut bytes.Buffer
		if code := run(strings.Fields(args), &out, &errOut); code != codeFailed || !strings.Contains(errOut.String(), want) {
			t.Errorf("%s: exit %d, %s", args, code, errOut.String())
		}
	}
}
