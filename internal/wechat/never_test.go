package wechat

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var rangeForm = regexp.MustCompile(`\b(\d{5})(?:–(\d{5}))?\b`)

// expand reads "10007–10009, 10018".
func expand(t *testing.T, text string) (codes []int) {
	t.Helper()
	for _, m := range rangeForm.FindAllStringSubmatch(text, -1) {
		first, _ := strconv.Atoi(m[1])
		last := first
		if m[2] != "" {
			last, _ = strconv.Atoi(m[2])
		}
		if last < first || last-first > 100 {
			t.Fatalf("%s is no range", m[0])
		}
		for c := first; c <= last; c++ {
			codes = append(codes, c)
		}
	}
	return codes
}

// neverGiven reads docs/wechat.md: the codes of parts that are not here, which
// is the only list of them; and those with a row of their own.
func neverGiven(t *testing.T) map[int]bool {
	t.Helper()
	_, row, ok := strings.Cut(section(t, "## Differences from WeChat"), "\n| codes of parts that are not here |")
	row, _, _ = strings.Cut(row, "\n")
	if !ok {
		t.Fatal("docs/wechat.md does not say which codes are never given")
	}
	never := map[int]bool{}
	for _, c := range append(expand(t, row), 10021, 10040, 40014, 40164, 40226, 84002, 84003) {
		never[c] = true
	}
	return never
}

// literals gives the numbers in the sources of a folder's package.
func literals(t *testing.T, dir string) map[int]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	found := map[int]string{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == gotoken.INT {
				if v, err := strconv.Atoi(lit.Value); err == nil {
					found[v] = path
				}
			}
			return true
		})
	}
	return found
}

// A code that docs/wechat.md calls never given is in no table of ours, and in
// no answer that a golden file shows.
func TestNeverGiven(t *testing.T) {
	never := neverGiven(t)
	if len(never) < 20 {
		t.Fatalf("%d codes", len(never))
	}
	for _, dir := range []string{".", "../capture", "../verify", "../.."} {
		for v, path := range literals(t, dir) {
			if never[v] {
				t.Errorf("%s has %d", path, v)
			}
		}
	}
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	number := regexp.MustCompile(`\b\d{5}\b`)
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range number.FindAllString(string(b), -1) {
			if c, _ := strconv.Atoi(s); never[c] {
				t.Errorf("%s shows %d", path, c)
			}
		}
		for _, word := range []string{"unionid", "invalid android context", "fail not support", "jsapi has no permission", "Not support pad"} {
			if strings.Contains(string(b), word) {
				t.Errorf("%s shows %q", path, word)
			}
		}
	}
}

// merged are the codes of clients and results of both generations that have a
// source; 10019, 10023 and so on have none.
const merged = "10000–10018, 10020–10022, 10026–10032, 10040–10042, 10045, 10052, 10057, 10066, 10069, 10300, 90000–90024, 90100–90110, 90199"

// The page says who refused a microphone in WeChat's numbers: 90009, and 90010
// with the camera's.
func TestMicrophoneCodes(t *testing.T) {
	b, err := os.ReadFile("../../web/core/errors.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"microphoneDenied: 90009,", "bothDenied: 90010,"} {
		if !strings.Contains(string(b), line) {
			t.Errorf("web/core/errors.ts has no %s", line)
		}
	}
}

// Each of WeChat's codes is given somewhere, or the document says that it never
// is; none is both.
func TestEveryCodeIsAccounted(t *testing.T) {
	never, given := neverGiven(t), map[int]bool{}
	for _, row := range codeTable {
		given[row.Ret1], given[row.Ret2], given[row.Client] = true, true, true
	}
	for v := range literals(t, ".") {
		given[v] = true
	}
	for _, path := range []string{"../../web/core/errors.ts", "../../web/core/protocol.ts"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			code, _, _ := strings.Cut(line, "//")
			for _, c := range expand(t, code) {
				given[c] = true
			}
		}
	}
	for _, c := range expand(t, merged) {
		if given[c] == never[c] {
			t.Errorf("%d: given %v, told as never given %v", c, given[c], never[c])
		}
	}
}
