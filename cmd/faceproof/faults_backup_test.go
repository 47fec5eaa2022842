//go:build failpoint

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// A backup that is taken under load is whole: all that was acknowledged before
// it is there, the state is the audit log's, and a server works on it.
func TestFaultsBackup(t *testing.T) {
	n := 1
	if faultsFull {
		n = 20
	}
	var f found
	var slowest time.Duration
	kept := 0
	for range n {
		dir, saved, secret := t.TempDir(), filepath.Join(t.TempDir(), "saved"), filepath.Join(t.TempDir(), "secret")
		b := startFault(t, dir, "")
		l := newLedger()
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); l.load(ctx, b, faultClients) }()
		before, acknowledged := newLedger(), 0
		for range 50 { // on a busy machine, as long as it takes
			time.Sleep(400 * time.Millisecond)
			l.note(func() {
				before.orders, before.passes, before.redeemed = maps.Clone(l.orders), maps.Clone(l.passes), maps.Clone(l.redeemed)
			})
			if acknowledged = len(before.orders) + len(before.passes) + len(before.redeemed); acknowledged >= 5 {
				break
			}
		}
		if code := run([]string{"--data", dir, "backup", saved, "--with-keys", secret}, io.Discard, b.log); code != 0 {
			t.Fatalf("backup: %d\n%s", code, b.log)
		}
		cancel()
		<-done
		b.kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if code := run([]string{"--data", dir, "restore", saved, "--with-keys", secret}, io.Discard, b.log); code != 0 {
			t.Fatalf("restore: %d\n%s", code, b.log)
		}
		b = startFault(t, dir, "")
		if _, _, ok := b.verify(); !ok {
			t.Fatalf("no session\n%s", b.log)
		}
		slowest = max(slowest, time.Since(began))
		kept += acknowledged
		before.settle(b)
		wrong := before.inspect(t, dir)
		f.add(wrong)
		if len(wrong) > 0 {
			t.Error(some(wrong))
		}
		b.kill()
	}
	row := acceptance.Row{Area: "Restore drill", N: n, Failures: f.total(), Number: "backup under load, data folder deleted, restore into an empty one, serving: nothing lost that was acknowledged before, < 15 min",
		Result: fmt.Sprintf("%v, of %d acknowledged before; from restore to the first passed session %.1f s at most (same machine, commands of docs/operations.md)", f, kept, slowest.Seconds())}
	t.Log(row.Result)
	if kept < n*5 {
		t.Errorf("only %d", kept)
	}
	if faultsFull {
		acceptance.Record(t, row)
	}
}
