package wechat

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A test is named "package.TestX" (the package is its folder, the root's is
// faceproof) or "file.test.ts: title" in testdata/coverage.tsv.
var (
	goTest = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	jsTest = regexp.MustCompile("(?m)^\\s*test\\((?:'((?:[^'\\\\]|\\\\.)*)'|\"((?:[^\"\\\\]|\\\\.)*)\"|`([^`]*)`)")
)

// allTests finds every test of the repository.
func allTests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
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
		if isGo {
			pkg := "faceproof"
			if dir := filepath.Dir(path); dir != root {
				pkg = filepath.Base(dir)
			}
			for _, m := range goTest.FindAllStringSubmatch(string(b), -1) {
				found[pkg+"."+m[1]] = true
			}
			return nil
		}
		for _, m := range jsTest.FindAllStringSubmatch(string(b), -1) {
			found[base+": "+strings.NewReplacer(`\'`, `'`, `\"`, `"`).Replace(m[1]+m[2]+m[3])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
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

// Each fact of WeChat's interfaces that is known for sure (H) or from one good
// source (M) has a test that exists, or is a difference that docs/wechat.md
// tells. docs/coverage-wechat.md is made of the same table.
func TestCoverage(t *testing.T) {
	tests, differences := allTests(t), strings.Split(section(t, "## Differences from WeChat"), "\n")
	var b strings.Builder
	b.WriteString("# What of WeChat's interfaces is tested\n\n" +
		"Made by `go test ./internal/wechat -run TestCoverage -update` from `internal/wechat/testdata/coverage.tsv`; the test fails when a row has neither\n" +
		"a test nor a difference, when a named test does not exist, and when [wechat.md](wechat.md) does not tell the difference. That a test exists does not\n" +
		"say that it is a good one. H: official text, two sources or a check that was run; M: one good source. Section 2.0 is what all server interfaces share.\n\n" +
		"| section | | fact | tests | differs |\n|---|---|---|---|---|\n")
	seen, sections, told := map[string]bool{}, map[string]int{}, 0
	for _, r := range coverageRows(t) {
		name := r.section + " " + r.fact
		if seen[name] {
			t.Errorf("%s comes twice", name)
		}
		seen[name] = true
		sections[r.section]++
		if (r.tag != "H" && r.tag != "M") || r.fact == "" || strings.Contains(r.fact, "|") || (len(r.tests) == 0 && r.differs == "") {
			t.Errorf("an empty row: %s", name)
		}
		var cells []string
		for _, test := range r.tests {
			if !tests[test] {
				t.Errorf("%s: there is no test %q", name, test)
			}
			cells = append(cells, "`"+strings.ReplaceAll(test, "`", "'")+"`")
		}
		differs := ""
		if r.differs != "" {
			told++
			differs = "**differs:** " + strings.Trim(r.differs, " |")
			if !slices.ContainsFunc(differences, func(line string) bool { return strings.Contains(line, r.differs) }) {
				t.Errorf("%s: docs/wechat.md tells no difference with %q", name, r.differs)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.section, r.tag, r.fact, strings.Join(cells, ", "), differs)
	}
	fmt.Fprintf(&b, "\n%d facts, %d of them with a difference.\n", len(seen), told)
	for _, s := range strings.Fields("1.1 1.2 1.3 1.4 1.5 1.6 1.8 2.0 2.1 2.2 2.3 2.5 2.6 2.7 2.8") { // of 2.4, getvideo, nothing is known
		if sections[s] == 0 {
			t.Errorf("section %s has no row", s)
		}
	}
	golden(t, "../../docs/coverage-wechat.md", b.String())
}
