//go:build failpoint

package failpoint

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

func TestSet(t *testing.T) {
	t.Cleanup(func() { _ = Set("") })
	if err := Set("a=error:2;b=error:2+;c=on"); err != nil {
		t.Fatal(err)
	}
	got := ""
	for range 3 {
		for _, name := range []string{"a", "b"} {
			if err := Hit(name); errors.Is(err, syscall.EIO) {
				got += name
			} else {
				got += "."
			}
		}
	}
	if got != "..ab.b" || !Broken("c") || Broken("c") || Hit("d") != nil {
		t.Error(got)
	}
	if c := Count(); c["a"] != 3 || c["c"] != 2 || c["d"] != 1 {
		t.Error(c)
	}
	for _, bad := range []string{"a", "a=", "=error", "a=explode", "a=error:0", "a=error:x", "a=error:-1"} {
		if Set(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if c := Count(); c["a"] != 3 {
		t.Error("a refused Set changed something")
	}
}

func TestKill(t *testing.T) {
	if os.Getenv("FACEPROOF_FAILPOINTS") != "" {
		_ = Hit("x")
		t.Fatal("lives")
	}
	c := exec.Command(os.Args[0], "-test.run=^TestKill$")
	c.Env = append(os.Environ(), "FACEPROOF_FAILPOINTS=x=kill")
	_ = c.Run()
	if s, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Error(c.ProcessState)
	}
}
