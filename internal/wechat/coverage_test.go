package wechat

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A test is named "package.TestX" (the package is its folder, the root's is
// faceproof) or "file.test.ts: title" in testdata/coverage.tsv.
var (
	goTest = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	jsTest = regexp.MustCompile("(?m)^\\s*test\\((?:'((?:[^'\\\\]|\\\\.)*)'|\"((?:[^\"\\\\]|\\\\.)*)\"|`([^`]*)`)")
)

// allTests finds every test of the repository, with its text. One that is
// skipped (test.skip, test.todo) is none.
func allTests(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if base == "node_modules" || base == "dist" || base == "out" || base == "data" || (strings.HasPrefix(base, ".") && base != ".." && base != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		isGo, isJS := strings.HasSuffix(base, "_test.go"), strings.HasSuffix(base, ".test.ts") || strings.HasSuffix(base, ".test.mjs")
		if !isGo && !isJS {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		form, name := jsTest, func(m []string) string {
			return base + ": " + strings.NewReplacer(`\'`, `'`, `\"`, `"`).Replace(m[1]+m[2]+m[3])
		}
		if isGo {
			pkg := "faceproof"
			if dir := filepath.Dir(path); dir != root {
				pkg = filepath.Base(dir)
			}
			form, name = goTest, func(m []string) string { return pkg + "." + m[1] }
		}
		text := string(b)
		starts := form.FindAllStringIndex(text, -1)
		for i, m := range form.FindAllStringSubmatch(text, -1) {
			from, to := starts[i][0], len(text)
			if i+1 < len(starts) {
				to = starts[i+1][0]
			}
			if before := strings.LastIndex(text[:from], "for (const"); isJS && before > strings.LastIndex(text[:from], "});") {
				from = before // the table that the test is made of
			}
			found[name(m)] = text[from:to]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	codeInFact = regexp.MustCompile(`\b\d{5}(?:–\d{5})?\b`)
	goldenName = regexp.MustCompile(`"(testdata/\w+\.golden)"`)
)

// codesOf are the codes that a fact speaks of.
func codesOf(t *testing.T, fact string) (codes []string) {
	t.Helper()
	for _, s := range codeInFact.FindAllString(fact, -1) {
		for _, c := range expand(t, s) {
			codes = append(codes, strconv.Itoa(c))
		}
	}
	return codes
}

// evidence is what tests say: their text, the golden files that they compare
// with, and the document's list of codes where they read that.
func evidence(t *testing.T, texts ...string) string {
	t.Helper()
	var b strings.Builder
	for _, text := range texts {
		b.WriteString(text)
		for _, m := range goldenName.FindAllStringSubmatch(text, -1) {
			shown, err := os.ReadFile(m[1])
			if err != nil {
				t.Fatal(err)
			}
			b.Write(shown)
		}
		if strings.Contains(text, "neverGiven(t)") || strings.Contains(text, "= never()") {
			fmt.Fprintln(&b, slices.Collect(maps.Keys(neverGiven(t))))
		}
	}
	return b.String()
}

// coverageRow is one fact of WeChat's interfaces.
type coverageRow struct {
	section, tag, fact string
	tests              []string
	differs            string // words of the row of docs/wechat.md's differences
}

func coverageRows(t *testing.T) []coverageRow {
	t.Helper()
	b, err := os.ReadFile("testdata/coverage.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []coverageRow
	for line := range strings.Lines(string(b)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(c) != 5 {
			t.Fatalf("%d cells: %s", len(c), line)
		}
		r := coverageRow{section: c[0], tag: c[1], fact: c[2], differs: c[4]}
		if c[3] != "" {
			r.tests = strings.Split(c[3], "; ")
		}
		rows = append(rows, r)
	}
	return rows
}

// coverageSections are the parts of the contract that have facts for our side:
// of 2.4, getvideo, nothing is known; 5 is about capture pages inside a Mini
// Program, and 6 about what is missed there.
const coverageSections = "0 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 2.0 2.1 2.2 2.3 2.5 2.6 2.7 2.8 3.1 3.2 3.3 3.4 3.5 4 7"

// Each fact of WeChat's interfaces that is known for sure (H) or from one good
// source (M) has a test that exists and speaks of its codes; where we differ,
// docs/wechat.md tells it. docs/coverage-wechat.md is made of the same table.
func TestCoverage(t *testing.T) {
	tests, sections, told := allTests(t), map[string]int{}, 0
	var b strings.Builder
	b.WriteString("# What of WeChat's interfaces is tested\n\n" +
		"Made by `go test ./internal/wechat -run TestCoverage -update` from `internal/wechat/testdata/coverage.tsv`. The test fails when a row has no test,\n" +
		"when a named test does not exist or is skipped, when neither the test nor a golden file that it compares with has a code that the row names, and when\n" +
		"[wechat.md](wechat.md) does not tell the difference. H: official text, two sources or a check that was run; M: one good source. Sections: 0 what one\n" +
		"must know first, 1 the page's calls, 2 the server's (2.0 is what all of them share), 3 onboarding, 4 clients of others, 7 contradictions.\n" +
		"Not here: what has no good source (`getvideo`, 2.4), and capture pages inside a Mini Program (5, 6).\n\n" +
		"| section | | fact | tests | differs |\n|---|---|---|---|---|\n")
	seen := map[string]bool{}
	for _, r := range coverageRows(t) {
		name := r.section + " " + r.fact
		if seen[name] {
			t.Errorf("%s comes twice", name)
		}
		seen[name] = true
		sections[r.section]++
		if r.differs != "" {
			told++
		}
		b.WriteString(r.row(t, name, tests))
	}
	fmt.Fprintf(&b, "\n%d facts, %d of them with a difference; each has a test.\n", len(seen), told)
	for _, s := range strings.Fields(coverageSections) {
		if sections[s] == 0 {
			t.Errorf("section %s has no row", s)
		}
		delete(sections, s)
	}
	if len(sections) > 0 {
		t.Errorf("unknown sections: %v", sections)
	}
	b.WriteString(interfacesTable())
	golden(t, "../../docs/coverage-wechat.md", b.String())
}

// row checks a fact and gives its line of the document.
func (r coverageRow) row(t *testing.T, name string, tests map[string]string) string {
	t.Helper()
	if (r.tag != "H" && r.tag != "M") || r.fact == "" || strings.Contains(r.fact, "|") || len(r.tests) == 0 {
		t.Errorf("no test, or no row: %s", name)
	}
	var cells, texts []string
	for _, test := range r.tests {
		if tests[test] == "" {
			t.Errorf("%s: there is no test %q", name, test)
		}
		texts = append(texts, tests[test])
		cells = append(cells, "`"+strings.ReplaceAll(test, "`", "'")+"`")
	}
	said := evidence(t, texts...)
	for _, c := range codesOf(t, r.fact) {
		if !regexp.MustCompile(`\b` + c + `\b`).MatchString(said) {
			t.Errorf("%s: none of its tests speaks of %s", name, c)
		}
	}
	differs := ""
	if r.differs != "" {
		differs = "**differs:** " + strings.Trim(r.differs, " |")
		_, table, _ := strings.Cut(section(t, "## Differences from WeChat"), "|---|---|---|\n")
		if !slices.ContainsFunc(strings.Split(table, "\n"), func(line string) bool { return strings.HasPrefix(line, "| ") && strings.Contains(line, r.differs) }) {
			t.Errorf("%s: docs/wechat.md tells no difference with %q", name, r.differs)
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", r.section, r.tag, r.fact, strings.Join(cells, ", "), differs)
}

// interfacesTable shows which codes each interface answers; TestEveryErrcodeIsShown
// and TestEverySDKCodeIsShown hold the golden files against the same table.
func interfacesTable() string {
	var b strings.Builder
	b.WriteString("\n## Each interface, each code\n\n" +
		"Every pair is in a golden file (`errors`, `outcomes`, `refusals` and `sdk.golden` beside the table above), and no golden file shows another;\n" +
		"`TestEveryErrcodeIsShown` and `TestEverySDKCodeIsShown` compute both. Each `identify_ret` and `verify_ret` is there too (`TestEveryResultIsShown`).\n\n" +
		"| interface | codes beside 0 |\n|---|---|\n")
	for _, e := range endpoints() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", interfaceName(e), list(refusals(e)))
	}
	for _, name := range slices.Sorted(maps.Keys(sdkCodes)) {
		fmt.Fprintf(&b, "| SDK `%s` | %s |\n", name, list(slices.DeleteFunc(slices.Clone(sdkCodes[name]), func(c int) bool { return c == 0 })))
	}
	return b.String()
}

// list gives numbers in order with commas.
func list(codes []int) string {
	codes = slices.Clone(codes)
	slices.Sort(codes)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(codes), " ", ", "), "[]")
}
