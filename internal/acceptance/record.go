// Package acceptance keeps what tests measured. A test says with Record what
// it wanted, how often it tried and what it found; build/acceptance makes
// docs/acceptance.md of the lines. A test that failed, was skipped, or never
// came to its end leaves no line that says that it passed.
package acceptance

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Folder names the variable of the environment with the folder (an absolute
// path) in which Record leaves its lines. Without it Record does nothing.
const Folder = "FACEPROOF_ACCEPTANCE"

// file holds one row in JSON a line.
const file = "rows.jsonl"

// Row is one measurement.
type Row struct {
	Area     string `json:"area"`           // a row of Table, by its Area; others are listed apart
	Test     string `json:"test"`           // which test; Record takes the test's name for ""
	Number   string `json:"number"`         // what was wanted: "0 lost, 0 doubled"; "": what Table says
	Seed     uint64 `json:"seed,omitempty"` // of the test's random numbers; 0: none, or crypto/rand
	N        int    `json:"n"`              // how often it was tried
	Failures int    `json:"failures"`       // how often what was wanted did not happen
	Gate     string `json:"gate"`           // C each commit, N nightly, R release; "": what Table says
	Result   string `json:"result"`         // what was found, in words and figures: "33,294 answers, restart 0.4 s at most"

	// Control says that the build was broken on purpose: Failures then counts
	// the runs in which the test did not notice.
	Control bool `json:"control,omitempty"`

	// Record sets the rest.
	Outcome Outcome   `json:"outcome"`
	Commit  string    `json:"commit"` // short hash, with "+" when tracked files were changed
	Time    time.Time `json:"time"`
	Run     string    `json:"run,omitempty"` // of the test process
}

// Outcome is how a measurement ended.
type Outcome string

// The outcomes. Missed: the test ran to its end and Failures is not 0, or the
// test itself says that a target it reports was not reached.
const (
	Passed Outcome = "passed"
	Missed Outcome = "missed"
	Failed Outcome = "failed"
)

// T is what Record uses of *testing.T and *testing.B.
type T interface {
	Helper()
	Name() string
	Failed() bool
	Skipped() bool
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Record leaves row in the folder when the test has ended, because only then
// it is known how. It may be called before or after the measurement: what the
// test does later still counts. A row that can't be written fails the test.
func Record(t T, row Row) {
	dir := os.Getenv(Folder)
	if dir == "" {
		return
	}
	t.Helper()
	if row.Test == "" {
		row.Test = t.Name()
	}
	if row.Area == "" || !filepath.IsAbs(dir) {
		t.Errorf("acceptance: a row needs an Area, and %s an absolute path; got %q, %q", Folder, row.Area, dir)
		return
	}
	t.Cleanup(func() {
		// While a test panics its clean-ups run before it counts as failed.
		failed := t.Failed() || panicking()
		if t.Skipped() && !failed {
			return
		}
		switch {
		case failed:
			row.Outcome = Failed
		case row.Failures > 0:
			row.Outcome = Missed
		case row.Outcome != Missed:
			row.Outcome = Passed
		}
		row.Run, row.Commit, row.Time = run, commit(), time.Now().UTC().Truncate(time.Second)
		if err := add(dir, row); err != nil {
			t.Errorf("acceptance: %v", err)
		}
	})
}

// run tells this process from others.
var run = strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.Itoa(os.Getpid())

// add appends row with one write: several test processes share the file.
func add(dir string, row Row) error {
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// panicking says whether the calling goroutine runs because of a panic.
func panicking() bool {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(1, pc)])
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			return true
		}
		if !more {
			return false
		}
	}
}

// commit is the tree's, "unknown" without git.
var commit = sync.OnceValue(func() string {
	b, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	c := strings.TrimSpace(string(b))
	if b, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err != nil || len(b) > 0 {
		c += "+"
	}
	return c
})
