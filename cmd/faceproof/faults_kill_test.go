//go:build failpoint

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"faceproof/internal/acceptance"
)

// killSeed is of the moments at which the server is killed.
const killSeed = 40

// faultClients work on the server at once.
const faultClients = 8

// killPoints are where the server kills itself, beside the random moments.
var killPoints = []string{"store.commit", "store.answer", "answer", "blob.write", "blob.sync", "blob.rename", "blob.folder"}

// killed lets the server be killed under load and started again, n times, and
// gives what was wrong. In every fourth life it kills itself at a failpoint.
func killed(t *testing.T, n int, failpoints string, slowest *time.Duration) (f found, l *ledger, examples string) {
	t.Helper()
	r := rand.New(rand.NewPCG(killSeed, 0))
	dir := t.TempDir()
	l = newLedger()
	for life := range n {
		points := failpoints
		if failpoints == "" && life%4 == 3 {
			points = fmt.Sprintf("%s=kill:%d", killPoints[life/4%len(killPoints)], 20+r.IntN(60))
		}
		b := startFault(t, dir, points)
		*slowest = max(*slowest, b.readyIn)
		ctx, cancel := context.WithCancel(context.Background())
		gone := time.AfterFunc(time.Duration(100+r.IntN(500))*time.Millisecond, func() {
			_ = b.cmd.Process.Kill()
			cancel()
		})
		l.load(ctx, b, faultClients)
		gone.Stop()
		cancel()
		b.kill()
		if life%10 != 9 && life != n-1 && n > 10 {
			continue
		}
		b = startFault(t, dir, "")
		l.settle(b)
		wrong := l.inspect(t, dir)
		f.add(wrong)
		b.kill()
		if len(wrong) > 0 {
			examples = some(wrong)
			if failpoints != "" {
				return f, l, examples // a control has shown what it had to
			}
			t.Error(examples)
		}
	}
	return f, l, examples
}

// T39: kill -9 at random moments and at every failpoint under load loses
// nothing, doubles nothing, and leaves no state that the audit log does not say.
func TestFaultsKill(t *testing.T) {
	n := 4
	if faultsFull {
		n = 200
	}
	var slowest time.Duration
	f, l, _ := killed(t, n, "", &slowest)
	row := acceptance.Row{Area: "Crash", Seed: killSeed, N: n, Failures: f.total(), Number: "kill -9 at 200 moments under load, a quarter of them at failpoints: 0 lost, 0 doubled, 0 states that differ from the audit log, ready again < 5 s",
		Result: fmt.Sprintf("%v, of %d acknowledged operations; ready again in %.1f s at most", f, l.acknowledge, slowest.Seconds())}
	t.Log(row.Result)
	if l.acknowledge < 5*n {
		t.Errorf("only %d operations were acknowledged", l.acknowledge)
	}
	if slowest > 5*time.Second {
		row.Failures++
	}
	if faultsFull {
		acceptance.Record(t, row)
	}
}

// The same check sees a build that answers before it commits, and one that
// commits a change and its audit row apart.
func TestFaultsKillControl(t *testing.T) {
	for point, kind := range map[string]string{"store.early": "an answer before the commit", "store.split": "a change and its audit row in two transactions"} {
		t.Run(point, func(t *testing.T) {
			n := 10
			var slowest time.Duration
			f, _, examples := killed(t, n, point+"=on:1+", &slowest)
			row := acceptance.Row{Area: "Crash", Control: true, Seed: killSeed, N: 1, Number: kind + ": noticed within 10 kills", Result: fmt.Sprint(f)}
			t.Log(row.Result, examples)
			if f.total() == 0 {
				row.Failures = 1
				t.Error("not noticed")
			}
			if faultsFull {
				acceptance.Record(t, row)
			}
		})
	}
}

// T39: a server that was stopped for a while goes on, and nothing is lost.
func TestFaultsStop(t *testing.T) {
	pause := time.Second
	if faultsFull {
		pause = 30 * time.Second
	}
	dir := t.TempDir()
	b := startFault(t, dir, "")
	l := newLedger()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.load(ctx, b, faultClients) }()
	time.Sleep(300 * time.Millisecond)
	_ = b.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(pause)
	_ = b.cmd.Process.Signal(syscall.SIGCONT)
	var before int
	l.note(func() { before = l.acknowledge })
	time.Sleep(2 * time.Second)
	cancel()
	<-done
	l.settle(b)
	wrong := l.inspect(t, dir)
	var f found
	f.add(wrong)
	row := acceptance.Row{Area: "Crash", N: 1, Failures: f.total(), Number: fmt.Sprintf("stopped for %v under load: nothing lost, doubled or different, works again", pause),
		Result: fmt.Sprintf("%v, of %d acknowledged operations, %d of them afterwards", f, l.acknowledge, l.acknowledge-before)}
	t.Log(row.Result)
	if len(wrong) > 0 || l.acknowledge-before < 10 {
		t.Error(some(wrong), "acknowledged afterwards: ", l.acknowledge-before)
	}
	if faultsFull {
		acceptance.Record(t, row)
	}
}

// A server that is told to end finishes what it has begun: it ends by itself
// with code 0, and leaves no session in the middle.
func TestFaultsShutdown(t *testing.T) {
	n := 2
	if faultsFull {
		n = 20
	}
	dir := t.TempDir()
	l := newLedger()
	bad, left := 0, 0
	var slowest time.Duration
	for range n {
		b := startFault(t, dir, "")
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); l.load(ctx, b, faultClients) }()
		time.Sleep(200 * time.Millisecond)
		began := time.Now()
		if code := b.end(syscall.SIGTERM); code != 0 {
			bad++
			t.Errorf("exit code %d\n%s", code, b.log)
		}
		slowest = max(slowest, time.Since(began))
		cancel()
		<-done
		if s := stuck(t, dir); len(s) > 0 {
			left += len(s)
			t.Errorf("left in the middle: %s", some(s))
		}
	}
	b := startFault(t, dir, "")
	doubts := len(l.doubt)
	l.settle(b)
	wrong := l.inspect(t, dir)
	if len(wrong) > 0 {
		t.Error(some(wrong))
	}
	row := acceptance.Row{Area: "Graceful shutdown", Gate: "C", N: n, Failures: bad + left + len(wrong), Number: "SIGTERM under load: exit code 0, no session in the middle, nothing lost",
		Result: fmt.Sprintf("%d acknowledged operations, %d redemptions not asked or not answered and all redeemed later, %d sessions left in the middle, ended in %.1f s at most", l.acknowledge, doubts, left, slowest.Seconds())}
	t.Log(row.Result)
	if faultsFull {
		acceptance.Record(t, row)
	}
}
