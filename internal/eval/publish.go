package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"faceproof"
)

// files gives everything that is published, by file name.
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

// Publish scores the trials of a folder and writes the report beside them.
func Publish(dir string) (*Report, error) {
	r, files, err := load(dir)
	if err != nil {
		return nil, err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Check scores the trials of a folder again and compares the report that lies
// beside them byte for byte. A difference is CodeConflict and names the file.
func Check(dir string) (*Report, error) {
	r, files, err := load(dir)
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

func load(dir string) (*Report, map[string][]byte, error) {
	h, trials, _, err := ReadTrials(filepath.Join(dir, trialsFile))
	if err != nil {
		return nil, nil, err
	}
	var p *Protocol
	text, err := os.ReadFile(filepath.Join(dir, protocolFile))
	switch {
	case errors.Is(err, os.ErrNotExist) && h.Protocol == "":
	case err != nil:
		return nil, nil, err
	default:
		if p, err = ParseProtocol(text); err != nil {
			return nil, nil, err
		}
		if p.Digest != h.Protocol {
			return nil, nil, faceproof.Errorf(faceproof.CodeConflict, "protocol", "%s is not the protocol that was run", filepath.Join(dir, protocolFile))
		}
	}
	r, err := Score(h, p, trials)
	if err != nil {
		return nil, nil, err
	}
	files, err := r.files()
	return r, files, err
}
