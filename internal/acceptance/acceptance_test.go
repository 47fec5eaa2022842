package acceptance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ends are tests that are run in a process of their own by TestRecord. They
// must not run by themselves: some fail on purpose.
var ends = map[string]func(t *testing.T){
	"well":   func(t *testing.T) {},
	"missed": func(t *testing.T) {},
	"failed": func(t *testing.T) { t.Error("on purpose") },
	"fatal":  func(t *testing.T) { t.Fatal("on purpose") },
	"panic":  func(t *testing.T) { panic("on purpose") },
	"below":  func(t *testing.T) { t.Run("sub", func(t *testing.T) { t.Error("on purpose") }) },
	"skip":   func(t *testing.T) { t.Skip("on purpose") },
	"exit":   func(t *testing.T) { os.Exit(1) },
	"failed and skipped": func(t *testing.T) {
		t.Error("on purpose")
		t.Skip("on purpose")
	},
}

func TestEnd(t *testing.T) {
	end := os.Getenv("ACCEPTANCE_TEST_END")
	if end == "" {
		t.Skip("TestRecord runs it")
	}
	row := Row{Area: "Crash", Number: "0 lost", Seed: 7, N: 20, Result: "0 lost"}
	if end == "missed" {
		row.Failures = 1
	}
	Record(t, row)
	ends[end](t)
}

func TestRecord(t *testing.T) {
	want := map[string]Outcome{"well": Passed, "missed": Missed, "failed": Failed, "fatal": Failed, "panic": Failed, "below": Failed, "failed and skipped": Failed}
	for end := range ends {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := exec.Command(os.Args[0], "-test.run=^TestEnd$")
			c.Env = append(os.Environ(), Folder+"="+dir, "ACCEPTANCE_TEST_END="+end, "PATH=") // git takes its time
			out, _ := c.CombinedOutput()
			rows, err := Read(dir)
			if want[end] == "" {
				if !os.IsNotExist(err) {
					t.Fatalf("left %+v, %v; want nothing\n%s", rows, err, out)
				}
				return
			}
			if err != nil || len(rows) != 1 {
				t.Fatalf("%+v, %v\n%s", rows, err, out)
			}
			r := rows[0]
			if r.Outcome != want[end] || r.Test != "TestEnd" || r.Seed != 7 || r.N != 20 || r.Commit == "" || r.Time.IsZero() {
				t.Errorf("%+v, want %s", r, want[end])
			}
		})
	}
}

func TestRecordDoesNothing(t *testing.T) {
	t.Setenv(Folder, "")
	Record(nil, Row{}) // would panic if it did
}

// badT counts complaints.
type badT struct {
	testing.TB
	errors int
}

func (b *badT) Errorf(string, ...any) { b.errors++ }

func TestRecordRefuses(t *testing.T) {
	for name, c := range map[string]struct{ dir, area string }{"relative folder": {"rows", "Crash"}, "no area": {t.TempDir(), ""}} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(Folder, c.dir)
			b := &badT{TB: t}
			Record(b, Row{Area: c.area})
			if b.errors != 1 {
				t.Errorf("%d complaints", b.errors)
			}
		})
	}
}

func TestReadTakesTheNewest(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, r := range []Row{
		{Area: "Disk full", Test: "b", Outcome: Passed, Time: at},
		{Area: "Crash", Test: "a", Outcome: Failed, Time: at.Add(time.Hour), Run: "2", Result: "x"},
		{Area: "Crash", Test: "a", Outcome: Passed, Time: at.Add(time.Hour), Run: "2", Result: "y"},
		{Area: "Crash", Test: "a", Outcome: Passed, Time: at},
		{Area: "Crash", Test: "a", Outcome: Passed, Time: at, Control: true},
		{Area: "A new idea", Test: "c", Outcome: Passed, Time: at},
	} {
		if err := add(dir, r); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, r := range rows {
		got += r.Area + " " + string(r.Outcome) + ", "
	}
	if want := "Crash failed, Crash passed, Crash passed, Disk full passed, A new idea passed, "; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for name, line := range map[string]string{"no JSON": "x", "member": `{"outcome":"passed","good":1}`, "outcome": `{"outcome":"fine"}`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, file), []byte(line+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if rows, err := Read(dir); err == nil {
				t.Errorf("read as %+v", rows)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	rows := []Row{
		{Area: "Crash", Test: "TestFaultsKill", Seed: 7, N: 33294, Result: "0 lost | 0 <b>doubled", Outcome: Passed, Commit: "abc"},
		{Area: "Crash", Test: "TestFaultsKill", N: 20, Failures: 1, Outcome: Missed, Control: true},
		{Area: "A new idea", Test: "c", Outcome: Failed},
	}
	var a, b bytes.Buffer
	if err := Write(&a, rows); err != nil {
		t.Fatal(err)
	}
	if err := Write(&b, rows); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatal("the same rows gave other bytes", err)
	}
	for _, want := range []string{
		"3 measurements: 1 passed, 2 missed or failed.",
		"| `TestFaultsKill` | 7 | 33,294 | 0 | 0 lost \\| 0 &lt;b>doubled | passed | abc |",
		"| Crash (control) |", "| **missed** |", "## Measured beside the plan", "| **failed** |",
		"## Not run\n", "| Disk full |", "| Matching |", noLab,
	} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("without %q:\n%s", want, a.String())
		}
	}
	_, open, _ := strings.Cut(a.String(), "## Not run")
	if strings.Contains(open, "| Crash |") {
		t.Error("what was measured is listed as not run")
	}
	var none bytes.Buffer
	if err := Write(&none, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range Table {
		if !strings.Contains(none.String(), "| "+s.Area+" |") {
			t.Errorf("%s is lost", s.Area)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
