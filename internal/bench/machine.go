// Package bench measures how fast this machine verifies: the stages of the work,
// how many verifications go through, how long a person waits for the answer, and
// how much memory that takes. The sessions are simulated; everything that works on
// them is the server's own.
package bench

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Machine is what the numbers were measured on.
type Machine struct {
	CPU   string  `json:"cpu"`
	Cores int     `json:"cores"` // that this process may use
	OS    string  `json:"os"`
	Arch  string  `json:"arch"`
	Go    string  `json:"go"`
	Load  float64 `json:"load_1m"` // at the start: how many processes wanted a core, over one minute
	Busy  bool    `json:"busy"`    // others use so much that wall times say little
}

// busyShare of the cores is where the load makes wall times useless.
const busyShare = .25

// ThisMachine asks the system; what it does not say stays empty.
func ThisMachine() Machine {
	m := Machine{Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS, Arch: runtime.GOARCH, Go: runtime.Version()}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan() && m.CPU == ""; {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
			}
		}
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		first, _, _ := strings.Cut(string(b), " ")
		m.Load, _ = strconv.ParseFloat(first, 64)
	}
	m.Busy = m.Load > busyShare*float64(m.Cores)
	return m
}

// RSS is the resident memory of this process in bytes; 0: the system does not say.
func RSS() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if kb, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(kb)), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// CPU is what this process has used of the cores so far.
func CPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// allocated is what was ever allocated on Go's heap, bytes.
func allocated() uint64 { return metric("/gc/heap/allocs:bytes") }

// living is what the last collection left on Go's heap, bytes.
func living() int64 { return int64(metric("/gc/heap/live:bytes")) }

func metric(name string) uint64 {
	s := []metrics.Sample{{Name: name}}
	if metrics.Read(s); s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// peak watches the resident memory and the living heap until stop, which gives the
// highest that it saw of each.
func peak() (stop func() (rss, live int64)) {
	end, most, live := make(chan struct{}), RSS(), living()
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most, live = max(most, RSS()), max(live, living())
			case <-end:
				return
			}
		}
	})
	return func() (int64, int64) {
		close(end)
		done.Wait()
		return max(most, RSS()), max(live, living())
	}
}
