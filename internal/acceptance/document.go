package acceptance

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxLine is the longest line Read takes, in bytes.
const maxLine = 64 << 10

// Read gives the rows of the newest run of each test and area in the folder, in
// the order of Table. A line that can't be read is an error: what is not understood must
// not vanish from the document.
func Read(dir string) ([]Row, error) {
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	type key struct {
		area, test string
		control    bool
	}
	newest := map[key][]Row{}
	s := bufio.NewScanner(f)
	s.Buffer(nil, maxLine)
	for n := 1; s.Scan(); n++ {
		d := json.NewDecoder(bytes.NewReader(s.Bytes()))
		d.DisallowUnknownFields()
		var r Row
		if err := d.Decode(&r); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, err)
		}
		if r.Outcome != Passed && r.Outcome != Missed && r.Outcome != Failed {
			return nil, fmt.Errorf("%s, line %d: outcome %q", file, n, r.Outcome)
		}
		k := key{r.Area, r.Test, r.Control}
		switch old := newest[k]; {
		case len(old) > 0 && old[0].Run == r.Run && old[0].Commit == r.Commit:
			newest[k] = append(old, r)
		case len(old) == 0 || !r.Time.Before(old[0].Time):
			newest[k] = []Row{r}
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	var rows []Row
	for _, r := range newest {
		rows = append(rows, r...)
	}
	slices.SortStableFunc(rows, compare)
	return rows, nil
}

func compare(a, b Row) int {
	c := cmp.Or(cmp.Compare(place(a.Area), place(b.Area)), cmp.Compare(a.Area, b.Area), cmp.Compare(a.Test, b.Test))
	if c == 0 && a.Control != b.Control {
		if b.Control {
			return -1
		}
		return 1
	}
	return cmp.Or(c, cmp.Compare(a.Number, b.Number), cmp.Compare(a.Result, b.Result))
}

func place(area string) int {
	if i := slices.IndexFunc(Table, func(s Spec) bool { return s.Area == area }); i >= 0 {
		return i
	}
	return len(Table)
}

const head = `# Acceptance

<!-- Made by build/acceptance from what tests wrote. Do not edit: make faults, then go run ./build/acceptance. -->

What tests of this tree measured, and plainly what none did. Each line was written by the test itself when it ended: a test that failed,
was skipped or never ended leaves none that says "passed". *n* is how often it was tried, *bad* how often what was wanted did not
happen; of 0 bad in n, the true rate is below 3/n with 95 % confidence. A *control* is the same check on a build that was broken on
purpose; bad then counts the runs in which nothing was noticed. Gate: **C** each commit, **N** nightly, **R** before a release.
A commit with + had other changes in its tree. 0 as seed: none, or the system's random numbers.

本页由测试结果自动生成：每一行由测试在结束时写入，失败、跳过或中断的测试不会留下“通过”的记录。没有测过的项目如实列出。
`

// Write prints rows as docs/acceptance.md. The same rows give the same bytes.
func Write(w io.Writer, rows []Row) error {
	var b strings.Builder
	b.WriteString(head)
	passed, other := 0, 0
	measured := map[string]bool{}
	for _, r := range rows {
		measured[r.Area] = true
		if r.Outcome == Passed {
			passed++
		} else {
			other++
		}
	}
	fmt.Fprintf(&b, "\n%d measurements: %d passed, %d missed or failed.\n", len(rows), passed, other)
	b.WriteString("\n## Measured\n\n" + columns)
	var extra []Row
	for _, r := range rows {
		if s, ok := Find(r.Area); ok {
			line(&b, s, r)
		} else {
			extra = append(extra, r)
		}
	}
	if len(extra) > 0 {
		b.WriteString("\n## Measured beside the plan\n\n" + columns)
		for _, r := range extra {
			line(&b, Spec{Area: r.Area}, r)
		}
	}
	notRun(&b, "Not run", measured, func(s Spec) bool { return s.Gate != "R" })
	notRun(&b, "Not run: for a release", measured, func(s Spec) bool { return s.Gate == "R" })
	_, err := io.WriteString(w, b.String())
	return err
}

const columns = "| area | wanted | gate | test | seed | n | bad | found | outcome | commit |\n|---|---|---|---|---|---|---|---|---|---|\n"

func line(b *strings.Builder, s Spec, r Row) {
	outcome := string(r.Outcome)
	if r.Outcome != Passed {
		outcome = "**" + outcome + "**"
	}
	area := s.Area
	if r.Control {
		area += " (control)"
	}
	cells := []string{area, cmp.Or(r.Number, s.Wanted), cmp.Or(r.Gate, s.Gate), "`" + strings.ReplaceAll(r.Test, "`", "'") + "`",
		strconv.FormatUint(r.Seed, 10), thousands(r.N), thousands(r.Failures), r.Result, outcome, r.Commit}
	for i, c := range cells {
		cells[i] = cell(c)
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func notRun(b *strings.Builder, title string, measured map[string]bool, take func(Spec) bool) {
	lines := ""
	for _, s := range Table {
		if !measured[s.Area] && take(s) {
			lines += "| " + cell(s.Area) + " | " + cell(s.Wanted) + " | " + s.Gate + " | " + cell(cmp.Or(s.Missing, "not run")) + " |\n"
		}
	}
	if lines != "" {
		b.WriteString("\n## " + title + "\n\n| area | wanted | gate | why |\n|---|---|---|---|\n" + lines)
	}
}

// cell makes s fit for a cell of a table in Markdown.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}

// thousands prints 33294 as 33,294.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
