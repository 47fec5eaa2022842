package registry

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"faceproof"
)

// Limits of an import file.
const (
	maxCSVBytes = 64 << 20
	maxCSVField = 4096 // bytes
)

const csvHeader = "name,id_number,photo[,photo…]"

// record is one line of the file, or why it is none. Its strings are personal
// data: they go into no message.
type record struct {
	line   int // 1 is the header
	name   string
	number string
	photos []string // as written, without the empty ones
	err    error    // *faceproof.Error
}

// readCSV checks the header and gives the lines after it. A line that cannot be
// read is given with its error, and the next one follows; the last one given
// may be the failure of the file. Errors: CodeInvalid, Field "csv".
func readCSV(in io.Reader) (iter.Seq[record], error) {
	limited := &limitReader{r: in, left: maxCSVBytes}
	r := csv.NewReader(limited)
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "csv", "is empty; the first line must be %s", csvHeader)
	}
	if err != nil {
		return nil, csvError(err)
	}
	if err := checkHeader(header); err != nil {
		return nil, err
	}
	columns := len(header)
	return func(yield func(record) bool) {
		for {
			fields, err := r.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			rec := record{}
			if len(fields) > 0 {
				rec.line, _ = r.FieldPos(0)
			}
			var parse *csv.ParseError
			switch {
			case errors.As(err, &parse):
				rec.line = parse.StartLine
				rec.err = csvError(err)
			case err != nil:
				// The reader itself failed: nothing more will come.
				line, _ := r.FieldPos(0)
				yield(record{line: line, err: csvError(err)})
				return
			default:
				rec.fill(fields, columns)
			}
			if !yield(rec) {
				return
			}
		}
	}, nil
}

func checkHeader(h []string) error {
	if len(h) > 0 {
		h[0] = strings.TrimPrefix(h[0], "\ufeff") // Excel's "CSV UTF-8"
	}
	ok := len(h) >= 3 && len(h) <= 2+MaxPhotos
	for i, name := range h {
		want := "photo"
		if i < 2 {
			want = []string{"name", "id_number"}[i]
		}
		ok = ok && strings.EqualFold(strings.TrimSpace(name), want)
	}
	if !ok {
		return faceproof.Errorf(faceproof.CodeInvalid, "csv", "the first line must be %s, with 1 to %d photo columns", csvHeader, MaxPhotos)
	}
	return nil
}

// fill takes the fields of a line apart.
func (rec *record) fill(fields []string, columns int) {
	bad := func(field, format string, args ...any) {
		*rec = record{line: rec.line, err: faceproof.Errorf(faceproof.CodeInvalid, field, format, args...)}
	}
	if len(fields) > columns || len(fields) < 3 {
		bad("csv", "the line has %d columns, the header %d", len(fields), columns)
		return
	}
	for i, f := range fields {
		field := "photo"
		if i < 2 {
			field = []string{"name", "id_number"}[i]
		}
		if len(f) > maxCSVField {
			bad(field, "must be at most %d bytes", maxCSVField)
			return
		}
		if !utf8.ValidString(f) {
			bad(field, "must be UTF-8; in Excel, save as “CSV UTF-8”")
			return
		}
	}
	rec.name, rec.number = fields[0], fields[1]
	for _, p := range fields[2:] {
		if p = strings.TrimSpace(p); p != "" {
			rec.photos = append(rec.photos, p)
		}
	}
	if len(rec.photos) == 0 {
		bad("photo", "at least one photo is needed")
	}
}

// csvError says what is wrong without what the line holds.
func csvError(err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return faceproof.Errorf(faceproof.CodeInvalid, "csv", "%v", parse.Err)
	}
	if errors.Is(err, errTooLarge) {
		return faceproof.Errorf(faceproof.CodeInvalid, "csv", "%v", errTooLarge)
	}
	return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "csv", Message: "the file cannot be read", Err: err}
}

var errTooLarge = fmt.Errorf("the file is over %d bytes; split it", maxCSVBytes)

// limitReader fails where io.LimitReader would pretend that the file ends.
type limitReader struct {
	r    io.Reader
	left int
}

func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
