package faces

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"faceproof"
)

// TrialsFile is what every figure of a report is made from.
const TrialsFile = "trials.csv.gz"

// maxPacked bounds a trials file, compressed.
const maxPacked = 64 << 20

// files gives everything that is published beside the trials, by file name.
func (r *Report) files() (map[string][]byte, error) {
	out := r.plots()
	var j bytes.Buffer
	e := json.NewEncoder(&j)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("eval: %w", err)
	}
	out["report.json"] = j.Bytes()
	out["report.md"] = r.markdown(english)
	out["report.zh.md"] = r.markdown(chinese)
	return out, nil
}

// Publish writes trials and report into a folder.
func Publish(dir string, data []byte) (*Report, error) {
	h, sets, err := read(data)
	if err != nil {
		return nil, err
	}
	r := scored(h, sets)
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files[TrialsFile] = data
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Check makes the report of a folder again from its trials and compares it byte
// for byte. A difference is CodeConflict and names the file.
func Check(dir string) (*Report, error) {
	f, err := os.Open(filepath.Join(dir, TrialsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPacked))
	if err != nil {
		return nil, err
	}
	h, sets, err := read(data)
	if err != nil {
		return nil, err
	}
	r := scored(h, sets)
	files, err := r.files()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		have, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(have, files[name]) {
			return nil, faceproof.Errorf(faceproof.CodeConflict, name, "%s is not what the trials say", filepath.Join(dir, name))
		}
	}
	return r, nil
}
