//go:build failpoint && linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// volume mounts a disk of its own in memory, or skips.
func volume(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", bytes)); err != nil {
		t.Skipf("a full disk needs a volume of its own, and this user may not mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes every byte that is left.
func fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size >= 1; {
		if _, err := io.Writer(f).Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// filled fills the volume under load n times and frees it again. It gives what
// was wrong, how many requests were refused, and the longest time from the
// freeing to the first good answer.
func filled(t *testing.T, n int, failpoints string) (f found, refused, acknowledged int, slowest time.Duration) {
	t.Helper()
	dir := filepath.Join(volume(t, 64<<20), "data")
	b := startFault(t, dir, failpoints)
	l := newLedger()
	ballast := filepath.Join(filepath.Dir(dir), "ballast")
	for range n {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); l.load(ctx, b, faultClients) }()
		time.Sleep(200 * time.Millisecond)
		for range 6 { // what the database frees meanwhile is taken too
			if err := fill(ballast); err != nil && !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		cancel()
		<-done
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		freed := time.Now()
		for {
			if _, _, ok := b.verify(); ok {
				break
			}
			if time.Since(freed) > 30*time.Second {
				t.Fatalf("does not recover\n%s", b.log)
			}
			time.Sleep(10 * time.Millisecond)
		}
		slowest = max(slowest, time.Since(freed))
	}
	l.settle(b)
	wrong := l.inspect(t, dir)
	f.add(wrong)
	if len(wrong) > 0 {
		t.Log(some(wrong))
	}
	b.kill()
	return f, l.refused, l.acknowledge, slowest
}

// T40: on a full disk nothing is decided without its audit row, nothing is
// damaged, requests are refused, and with room again the server goes on by itself.
func TestFaultsDiskFull(t *testing.T) {
	n := 2
	if faultsFull {
		n = 20
	}
	f, refused, acknowledged, slowest := filled(t, n, "")
	row := acceptance.Row{Area: "Disk full", N: n, Failures: f.total(),
		Result: fmt.Sprintf("%v; %d requests refused, %d operations acknowledged; works again %.2f s after the room at most", f, refused, acknowledged, slowest.Seconds())}
	t.Log(row.Result)
	if f.total() > 0 || refused < n {
		t.Error("refused: ", refused)
	}
	if faultsFull {
		acceptance.Record(t, row)
	}
}

// The same check sees a change and its audit row in two transactions.
func TestFaultsDiskFullControl(t *testing.T) {
	n := 3
	f, _, _, _ := filled(t, n, "store.split=on:1+")
	row := acceptance.Row{Area: "Disk full", Control: true, N: 1, Number: fmt.Sprintf("a change and its audit row in two transactions: noticed in %d fillings", n), Result: f.String()}
	t.Log(row.Result)
	if f.total() == 0 {
		row.Failures = 1
		t.Error("not noticed")
	}
	if faultsFull {
		acceptance.Record(t, row)
	}
}
