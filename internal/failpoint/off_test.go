//go:build !failpoint

package failpoint

import (
	"debug/elf"
	"os"
	"strings"
	"testing"
)

// As released nothing can be broken and nothing of the package is in a binary:
// this very one, which calls it, has no symbol of it.
func TestOff(t *testing.T) {
	t.Setenv("FACEPROOF_FAILPOINTS", "x=error:1+")
	if On || Hit("x") != nil || Broken("x") {
		t.Fatal("breaks")
	}
	f, err := elf.Open(os.Args[0])
	if err != nil {
		t.Skip("not an ELF file: ", err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Skip("stripped: ", err)
	}
	for _, s := range symbols {
		for _, bad := range []string{"failpoint.Set", "failpoint.due", "failpoint.plans"} {
			if strings.HasSuffix(s.Name, bad) {
				t.Errorf("the binary has %s", s.Name)
			}
		}
	}
}
