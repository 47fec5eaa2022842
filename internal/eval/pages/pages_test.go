package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faceproof"
)

// What is written is what is compared; whatever changed, or is missing, is told.
func TestWriteAndCompare(t *testing.T) {
	type report struct {
		A string `json:"a"`
	}
	files, err := Files(report{"<&>"}, func(lang string) []byte {
		p := &Page{Lang: lang}
		p.Table("", "left | right", nil)
		p.Table(p.S("%d rows", "%d 行", 1), p.S("left | right", "左 | 右"), [][]string{{"1", "2"}})
		return []byte(p.String())
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"report.json": "{\n \"a\": \"<&>\"\n}\n", "report.md": "1 rows\n\n| left | right |\n|---|---|\n| 1 | 2 |\n\n", "report.zh.md": "1 行\n\n| 左 | 右 |\n|---|---|\n| 1 | 2 |\n\n",
	} {
		if string(files[name]) != want {
			t.Errorf("%s: %q", name, files[name])
		}
	}
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
	if err := Compare(dir, files); err != nil {
		t.Error(err)
	}
	changed := filepath.Join(dir, "report.md")
	if err := os.WriteFile(changed, append(files["report.md"], ' '), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Compare(dir, files); faceproof.ErrorCode(err) != faceproof.CodeConflict || !strings.Contains(err.Error(), "report.md") {
		t.Errorf("a space more: %v", err)
	}
	if err := os.Remove(changed); err != nil {
		t.Fatal(err)
	}
	if err := Compare(dir, files); !os.IsNotExist(err) {
		t.Errorf("missing: %v", err)
	}
}
