package faces

import (
	"io"
	"maps"
	"os"
	"path/filepath"

	"faceproof/internal/eval/pages"
)

// TrialsFile is what every figure of a report is made from.
const TrialsFile = "trials.csv.gz"

// maxPacked bounds a trials file, compressed.
const maxPacked = 64 << 20

// files gives everything that is published beside the trials, by file name.
func (r *Report) files() (map[string][]byte, error) {
	out, err := pages.Files(r, r.markdown)
	if err == nil {
		maps.Copy(out, r.plots())
	}
	return out, err
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
	files[TrialsFile] = data
	return r, pages.Write(dir, files)
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
	return r, pages.Compare(dir, files)
}
