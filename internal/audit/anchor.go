package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"faceproof"
)

// Anchor keeps signed heads where the database's writer cannot take them back.
type Anchor interface {
	// Put keeps a head; only what it has kept for good is no error.
	Put(ctx context.Context, c Checkpoint) error
	// String names the anchor for a log, without secrets.
	String() string
}

// File is an anchor that appends lines to a file and syncs it. Where it lies
// decides what it is worth: on another machine's disk, or made append-only by
// the system (chattr +a), it holds against whoever writes the database.
type File string

// Put appends one line.
func (f File) Put(_ context.Context, c Checkpoint) (err error) {
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	line := append(PointLine(c.Note), '\n')
	// A crash may have left half a line; a file that is append-only keeps it.
	if end, err := file.Seek(0, io.SeekEnd); err != nil {
		return err
	} else if end > 0 {
		last := []byte{0}
		if _, err := file.ReadAt(last, end-1); err != nil {
			return err
		}
		if last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if _, err := file.Write(line); err != nil {
		return err
	}
	return file.Sync()
}

// String names the file.
func (f File) String() string { return "file " + string(f) }

// maxAnchors bounds what is read of an anchor file in bytes: a head a minute for
// seven years.
const maxAnchors = 1 << 30

// ReadFile gives the heads of an anchor file, and how many lines were cut short
// by a crash. Another line that is no head is CodeInvalid: somebody has been
// there. A file that is not there is fs.ErrNotExist.
func ReadFile(path string) (notes []string, torn int, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, &faceproof.Error{Code: faceproof.CodeNotFound, Field: path, Message: "there is no anchor file", Err: err}
	}
	if err != nil {
		return nil, 0, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: path, Message: "the anchor file cannot be read", Err: err}
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxAnchors))
	lines.Buffer(nil, 2*MaxNote)
	for n := 1; lines.Scan(); n++ {
		line := lines.Bytes()
		text, err := ParsePointLine(line)
		switch {
		case err == nil:
			notes = append(notes, text)
		case tornLine(line):
			torn++
		default:
			return notes, torn, faceproof.Errorf(faceproof.CodeInvalid, path, "line %d of the anchor file is no signed head", n)
		}
	}
	if err := lines.Err(); err != nil {
		return notes, torn, &faceproof.Error{Code: faceproof.CodeInvalid, Field: path, Message: "the anchor file cannot be read to its end", Err: err}
	}
	return notes, torn, nil
}

// tailBytes is how much of an anchor file's end LastHeads reads.
const tailBytes = 64 << 10

// LastHeads gives the newest heads of an anchor file, some hundred at most; what
// it cannot read it leaves to ReadFile. A file that is not there has none.
func LastHeads(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-tailBytes), io.SeekStart)
	}
	b, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	var notes []string
	for line := range bytes.Lines(b) {
		if text, err := ParsePointLine(bytes.TrimSuffix(line, []byte("\n"))); err == nil {
			notes = append(notes, text)
		}
	}
	return notes
}

// tornLine says whether a line can be the beginning of one.
func tornLine(line []byte) bool {
	const open = `{"checkpoint":"faceproof-audit-`
	return bytes.HasPrefix([]byte(open), line) || bytes.HasPrefix(line, []byte(open)) && !bytes.HasSuffix(line, []byte("}"))
}

// webhookTimeout bounds one call.
const webhookTimeout = 10 * time.Second

// webhook is an anchor that posts heads to somebody else.
type webhook struct {
	to     *url.URL
	client *http.Client
}

// Webhook makes an anchor that posts the signed text (text/plain) to an https
// address of the operator's choice; http only to this machine. Any 2xx answer
// means kept. Redirects are refused. Errors: CodeInvalid with field "anchor".
func Webhook(address string) (Anchor, error) {
	u, err := url.Parse(address)
	local := err == nil && u.Scheme == "http" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1")
	if err != nil || u.Host == "" || u.Scheme != "https" && !local {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "anchor", "must be a file or an https:// address")
	}
	return &webhook{u, &http.Client{Timeout: webhookTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}}, nil
}

// Put posts one head.
func (w *webhook) Put(ctx context.Context, c Checkpoint) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, w.to.String(), strings.NewReader(c.Note))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "text/plain; charset=utf-8")
	a, err := w.client.Do(q)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // its text holds the whole address, with what secret there may be
			err = u.Err
		}
		return err
	}
	defer a.Body.Close()
	if a.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %d", a.StatusCode)
	}
	return nil
}

// String names the host alone: a path or a query may hold a secret.
func (w *webhook) String() string { return "webhook " + w.to.Host }
