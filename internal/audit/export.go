package audit

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"time"

	"faceproof"
)

// Exporter writes a log as JSON lines: each record's own line, and each signed
// head after the last record that it covers; of a pruned record its hash. Such a
// file can be checked without the server (Checker.AddLine).
type Exporter struct {
	w     *bufio.Writer
	heads map[int64][]byte
}

// NewExporter writes to w; notes are the signed heads by size.
func NewExporter(w io.Writer, notes map[int64]string) *Exporter {
	e := &Exporter{bufio.NewWriter(w), map[int64][]byte{}}
	for size, n := range notes {
		e.heads[size] = PointLine(n)
	}
	return e
}

// Add writes the next record.
func (e *Exporter) Add(r Row) error {
	line := r.Line()
	if r.Pruned && len(r.Stored) > 0 {
		line = leafLine(r.Seq, r.Stored[0])
	}
	_, err := e.w.Write(append(line, '\n'))
	if head, ok := e.heads[r.Seq]; ok && err == nil {
		_, err = e.w.Write(append(head, '\n'))
	}
	return err
}

// Close writes what is left; the writer below stays open.
func (e *Exporter) Close() error { return e.w.Flush() }

// CheckExport reads an export to its end into c. The report is for
// Finish(-1): an export does not say how long it should be, its last head does.
// Errors: of the reader only.
func CheckExport(in io.Reader, c *Checker) error {
	r := bufio.NewReaderSize(in, 2*MaxLine)
	for {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			c.Problem(Format, c.checked+1, "log", "a line is too long")
			c.lost = true
			return nil
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil
		case errors.Is(err, io.EOF):
			c.Problem(Format, c.checked+1, "log", "the last line is not whole")
			return nil
		case err != nil:
			return &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "export", Message: "cannot be read", Err: err}
		}
		c.AddLine(bytes.TrimSuffix(line, []byte("\n")))
	}
}

// CSV writes records for a spreadsheet. It proves nothing: cells that a
// spreadsheet would take for a formula begin with an apostrophe (CWE-1236).
type CSV struct{ w *csv.Writer }

// NewCSV writes the row of titles.
func NewCSV(w io.Writer) (*CSV, error) {
	c := &CSV{csv.NewWriter(w)}
	return c, c.w.Write([]string{"seq", "time", "actor", "action", "object", "detail"})
}

// Add writes a record; the time is in RFC 3339, UTC. Of a pruned one there is
// nothing to write.
func (c *CSV) Add(r Row) error {
	if r.Pruned {
		return nil
	}
	at := time.UnixMilli(r.At).UTC().Format("2006-01-02T15:04:05.000Z")
	return c.w.Write([]string{strconv.FormatInt(r.Seq, 10), at, cell(r.Actor), cell(r.Action), cell(r.Object), cell(r.Detail)})
}

// Close writes what is left.
func (c *CSV) Close() error { c.w.Flush(); return c.w.Error() }

// cell makes a text harmless in a spreadsheet. Some of them skip blanks and
// separators before they look for a formula, and take full-width signs too.
func cell(s string) string {
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '\t', '\r', '\n', '|', '%', '＝', '＋', '－', '＠':
			return "'" + s
		case ' ', '\u00a0', '\u3000', ',', ';', '"', '\'':
			continue
		}
		break
	}
	return s
}
