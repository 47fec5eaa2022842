// Package pages writes the reports of measurements: JSON, and Markdown in both
// languages.
package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"faceproof"
)

// Languages of a report.
const (
	English = "en"
	Chinese = "zh"
)

// Page is one report in one language.
type Page struct {
	strings.Builder
	Lang string
}

// S picks the sentence of the language and fills it in.
func (p *Page) S(en, zh string, args ...any) string {
	t := en
	if p.Lang == Chinese {
		t = zh
	}
	if len(args) == 0 {
		return t
	}
	return fmt.Sprintf(t, args...)
}

// Table writes a caption, if there is one, a header whose parts lie between bars,
// and rows; nothing where there are none.
func (p *Page) Table(caption, header string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if caption != "" {
		fmt.Fprintf(p, "%s\n\n", caption)
	}
	fmt.Fprintf(p, "| %s |\n|%s\n", header, strings.Repeat("---|", strings.Count(header, " | ")+1))
	for _, row := range rows {
		fmt.Fprintf(p, "| %s |\n", strings.Join(row, " | "))
	}
	p.WriteString("\n")
}

// Files gives report.json, report.md and report.zh.md.
func Files(report any, markdown func(lang string) []byte) (map[string][]byte, error) {
	var j bytes.Buffer
	e := json.NewEncoder(&j)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(report); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	return map[string][]byte{"report.json": j.Bytes(), "report.md": markdown(English), "report.zh.md": markdown(Chinese)}, nil
}

// Write puts files into a folder, which is made.
func Write(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Compare holds the files of a folder to these, byte for byte. A difference is
// CodeConflict and names the first file by its name.
func Compare(dir string, files map[string][]byte) error {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if !bytes.Equal(have, files[name]) {
			return faceproof.Errorf(faceproof.CodeConflict, name, "%s is not what the trials say", filepath.Join(dir, name))
		}
	}
	return nil
}
