//go:build unix

package store

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"faceproof/internal/acceptance"
	"faceproof/internal/keys"
)

// auditRows is how many audit rows one verification leaves that ends in a
// redemption: create, begin, captured, the look at the registry, decide, redeem.
const auditRows = 6

// guard does what sealing and audit add to one verification: the subject sealed
// once and opened three times, the person's two keys unwrapped and three values
// opened, the indexes of the subject, and the audit rows, each in a transaction
// of its own as the states are.
func guard(t testing.TB) func() {
	t.Helper()
	dir := t.TempDir()
	ring, err := keys.Open(filepath.Join(dir, "keys.json"))
	must(t, err)
	s := openAt(t, filepath.Join(dir, "faceproof.db"), false)
	k, c, err := ring.NewPerson(ctx, "p")
	must(t, err)
	values := map[string][]byte{}
	for purpose, plain := range map[string][]byte{"person.name": []byte("某某某"), "person.number": make([]byte, 18), "person.template": make([]byte, 2080)} {
		values[purpose], err = c.Seal(purpose, "", plain)
		must(t, err)
	}
	subject := make([]byte, 80)
	return func() {
		sealed, err := ring.Seal(subject, keys.AAD("subject", "v"))
		must(t, err)
		for range 3 {
			_, err := ring.Open(sealed, keys.AAD("subject", "v"))
			must(t, err)
			ring.Index("subject", subject[:18])
		}
		person := ring.Person(ctx, "p", k)
		for purpose, v := range values {
			_, err := person.Open(purpose, "", v)
			must(t, err)
		}
		for range auditRows {
			must(t, s.write(ctx, func(tx *sql.Tx) error { return addAudit(ctx, tx, entry("step")) }))
		}
	}
}

func BenchmarkGuard(b *testing.B) {
	f := guard(b)
	for b.Loop() {
		f()
	}
}

// What sealing and audit cost one verification, in processor time of this
// process: at most 5 ms.
func TestGuardIsCheap(t *testing.T) {
	n := 20
	if os.Getenv(acceptance.Folder) != "" || os.Getenv("FACEPROOF_MEASURE") != "" {
		n = 2000
	}
	f := guard(t)
	f()
	cpu := func() time.Duration {
		var u syscall.Rusage
		must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	begin := cpu()
	for range n {
		f()
	}
	each := (cpu() - begin) / time.Duration(n)
	t.Logf("%s of processor time", each)
	over := 0
	if each > 5*time.Millisecond {
		over = n
		if n > 20 { // fewer say little
			t.Errorf("%s of processor time a verification", each)
		}
	}
	acceptance.Record(t, acceptance.Row{Area: "Cost of sealing and audit", Number: "≤ 5 ms of processor time a verification", N: n, Failures: over,
		Result: fmt.Sprintf("%s of processor time a verification, commits of %d audit rows included", each.Round(10*time.Microsecond), auditRows)})
}
