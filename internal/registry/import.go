package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"faceproof"
)

// maxReported bounds the list of errors in a Summary; all are counted.
const maxReported = 1000

// ImportConfig says what to import.
type ImportConfig struct {
	// Path is a CSV file, UTF-8, whose first line is name,id_number,photo and
	// more photo columns as needed. Photos are files in its folder or below.
	Path     string
	Replace  bool       // persons who are enrolled already get the new name and template
	Actor    string     // for the audit log
	Progress func(Line) // called after each line; may be nil
	// Manifest is what two people agreed to; what differs from it is refused, line by
	// line. nil: nobody was asked.
	Manifest *Manifest
}

// Line is the outcome of one line. It holds no personal data.
type Line struct {
	Line     int    // of the file; 1 is the header
	PersonID string // when it was enrolled
	Replaced bool
	Err      error // *faceproof.Error when it was not
}

// LineError is the error of one line, for a report.
type LineError struct {
	Line    int            `json:"line"`
	Code    faceproof.Code `json:"code"`
	Field   string         `json:"field"`
	Message string         `json:"message"`
}

// Summary counts the lines of an import.
type Summary struct {
	Lines    int         `json:"lines"` // without the header
	Added    int         `json:"added"`
	Replaced int         `json:"replaced"`
	Failed   int         `json:"failed"`
	Errors   []LineError `json:"errors"` // the first maxReported
}

// Import enrols every person of a file. A line that is wrong is reported and
// the next one follows; what was enrolled stays. The error is that of the whole:
// the file cannot be read (CodeInvalid or CodeUnavailable, Field "csv"), the
// store does not answer, or ctx is over; the Summary tells how far it came.
func (l *Local) Import(ctx context.Context, c ImportConfig) (Summary, error) {
	sum := Summary{Errors: []LineError{}}
	data, root, err := openImport(c.Path)
	if err != nil {
		return sum, err
	}
	defer root.Close()
	if err := c.Manifest.checkCSV(data); err != nil {
		return sum, err
	}
	records, err := readCSV(bytes.NewReader(data))
	if err != nil {
		return sum, err
	}
	in := importer{l: l, c: c, root: root, seen: map[string]int{}}
	for rec := range records {
		line := in.one(ctx, rec)
		if c.Progress != nil {
			c.Progress(line)
		}
		sum.count(line)
		if err := ctx.Err(); err != nil {
			return sum, &faceproof.Error{Code: faceproof.CodeUnavailable, Message: "the import was interrupted", Err: err}
		}
		if faceproof.ErrorCode(line.Err) == faceproof.CodeUnavailable {
			return sum, line.Err
		}
	}
	return sum, nil
}

func (s *Summary) count(line Line) {
	s.Lines++
	switch {
	case line.Err != nil:
		s.Failed++
		if len(s.Errors) < maxReported {
			e := LineError{Line: line.Line, Code: faceproof.ErrorCode(line.Err), Message: "failed"}
			if own := (*faceproof.Error)(nil); errors.As(line.Err, &own) {
				e.Field, e.Message = own.Field, own.Message
			}
			s.Errors = append(s.Errors, e)
		}
	case line.Replaced:
		s.Replaced++
	default:
		s.Added++
	}
}

type importer struct {
	l    *Local
	c    ImportConfig
	root *os.Root
	seen map[string]int // blind index → line that enrolled it, so that no line replaces another
}

// one enrols one line.
func (in *importer) one(ctx context.Context, rec record) Line {
	out := Line{Line: rec.line}
	if rec.err != nil {
		out.Err = rec.err
		return out
	}
	var s faceproof.Subject
	if s.Name, out.Err = faceproof.ParseName(rec.name, "name"); out.Err != nil {
		return out
	}
	if s.IDNumber, out.Err = faceproof.ParseIDNumber(rec.number, "id_number", in.l.c.Now()); out.Err != nil {
		return out
	}
	index := hex.EncodeToString(in.l.index(s))
	if first, ok := in.seen[index]; ok {
		out.Err = faceproof.Errorf(faceproof.CodeConflict, "id_number", "is that of line %d", first)
		return out
	}
	var photos [][]byte
	for i, name := range rec.photos {
		b, err := readPhoto(in.root, name)
		if err != nil {
			out.Err = faceproof.Errorf(faceproof.CodeInvalid, "photo", "photo %d %v", i+1, err)
			return out
		}
		if out.Err = in.c.Manifest.checkPhoto(name, b); out.Err != nil {
			return out
		}
		photos = append(photos, b)
	}
	var e Enrolled
	e, out.Err = in.l.Enrol(ctx, s, photos, in.c.Actor, in.c.Replace)
	out.PersonID, out.Replaced = e.ID, e.Replaced
	if out.Err == nil {
		in.seen[index] = rec.line
	}
	return out
}

// readPhoto reads a regular file below root. Its errors do not hold the name: a
// photo is often called like the person.
func readPhoto(root *os.Root, name string) ([]byte, error) {
	if strings.ContainsRune(name, 0) {
		return nil, errors.New("has no usable file name")
	}
	// A file made on Windows.
	name = filepath.FromSlash(strings.ReplaceAll(name, `\`, "/"))
	info, err := root.Stat(name)
	if err != nil {
		return nil, errors.New("cannot be opened: " + cause(err))
	}
	// A pipe would block for ever, so look before opening.
	if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, errors.New("cannot be opened: " + cause(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxPhotoBytes+1))
	if err != nil {
		return nil, errors.New("cannot be read: " + cause(err))
	}
	return b, nil
}

// cause is an error of the file system without the path.
func cause(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &p):
		return p.Err.Error()
	}
	return "the file system refused"
}
