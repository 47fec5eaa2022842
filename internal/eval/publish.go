package eval

import (
	"errors"
	"maps"
	"os"
	"path/filepath"

	"faceproof"
	"faceproof/internal/eval/pages"
)

// files gives everything that is published, by file name.
func (r *Report) files() (map[string][]byte, error) {
	out, err := pages.Files(r, r.markdown)
	if err == nil {
		maps.Copy(out, r.plots())
	}
	return out, err
}

// Publish scores the trials of a folder and writes the report beside them.
func Publish(dir string) (*Report, error) {
	r, files, err := load(dir)
	if err != nil {
		return nil, err
	}
	return r, pages.Write(dir, files)
}

// Check scores the trials of a folder again and compares the report that lies
// beside them byte for byte. A difference is CodeConflict and names the file.
func Check(dir string) (*Report, error) {
	r, files, err := load(dir)
	if err != nil {
		return nil, err
	}
	return r, pages.Compare(dir, files)
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
