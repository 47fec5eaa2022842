package wechat

import (
	"bytes"
	_ "embed" // the table
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"faceproof"
)

//go:embed compat.toml
var defaultCompat []byte

// Limits of a table.
const (
	maxCompat     = 64 << 10 // bytes of the file
	maxCompatRows = 1000     // of each kind
	maxModel      = 64       // characters
)

// The words of a row. "any" stands for every platform or method.
var (
	compatCallers   = []string{"wechat", "chromium", "firefox", "safari", "ios-webview"}
	compatPlatforms = []string{"android", "ios", "harmony", "windows", "macos", "linux", "other"}
	compatMethods   = []string{"digits", "flash"}
)

// minimumRow says from which version on a caller may use a method.
type minimumRow struct {
	Caller   string `toml:"caller" json:"caller"`
	Platform string `toml:"platform" json:"platform"`
	Method   string `toml:"method" json:"method"`
	Version  string `toml:"version" json:"version"` // "0" lifts the row
}

// blockedRow is a device on the black-list.
type blockedRow struct {
	Model string `toml:"model" json:"model"` // whole, in any case; a "*" at its end matches the rest
}

// compatTable is the whole table.
type compatTable struct {
	Minimum []minimumRow `toml:"minimum" json:"minimum"`
	Blocked []blockedRow `toml:"blocked" json:"blocked"`
}

// parseCompat reads a table. Errors: CodeInvalid, with the line where known.
func parseCompat(data []byte) (compatTable, error) {
	bad := func(format string, args ...any) (compatTable, error) {
		return compatTable{}, faceproof.Errorf(faceproof.CodeInvalid, "compat.toml", format, args...)
	}
	if len(data) > maxCompat {
		return bad("is over %d bytes", maxCompat)
	}
	var t compatTable
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&t)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return bad("line %d is not TOML, or a value has the wrong type", syntax.Position.Line)
	case err != nil:
		return bad("is not TOML, or a value has the wrong type")
	case len(meta.Undecoded()) > 0:
		return bad("has a name that is not documented")
	case len(t.Minimum) > maxCompatRows || len(t.Blocked) > maxCompatRows:
		return bad("has over %d rows of a kind", maxCompatRows)
	}
	for i, r := range t.Minimum {
		if !slices.Contains(compatCallers, r.Caller) || r.Platform != "any" && !slices.Contains(compatPlatforms, r.Platform) ||
			r.Method != "any" && !slices.Contains(compatMethods, r.Method) {
			return bad("minimum %d: caller, platform or method is not documented", i+1)
		}
		if _, ok := parseVersion(r.Version); !ok {
			return bad("minimum %d: the version must be numbers with dots between, such as 6.7.2", i+1)
		}
	}
	for i := range t.Blocked {
		m := strings.ToLower(strings.TrimSpace(t.Blocked[i].Model))
		if !plainText(m, maxModel) || strings.Trim(m, "*") == "" || strings.Contains(strings.TrimSuffix(m, "*"), "*") {
			return bad("blocked %d: the model must be 1 to %d characters, with a * at its end at most", i+1, maxModel)
		}
		t.Blocked[i].Model = m
	}
	return t, nil
}

// with puts another table over this one: a row with the same caller, platform
// and method takes the place of ours, black-lists add up.
func (t compatTable) with(over compatTable) compatTable {
	out := compatTable{Minimum: slices.Clone(t.Minimum), Blocked: slices.Concat(t.Blocked, over.Blocked)}
	for _, r := range over.Minimum {
		i := slices.IndexFunc(out.Minimum, func(q minimumRow) bool {
			return q.Caller == r.Caller && q.Platform == r.Platform && q.Method == r.Method
		})
		if i >= 0 {
			out.Minimum[i] = r
		} else {
			out.Minimum = append(out.Minimum, r)
		}
	}
	return out
}

// blocks says whether a model is on the black-list.
func (t compatTable) blocks(model string) bool {
	model = strings.ToLower(strings.TrimSpace(model))
	return model != "" && slices.ContainsFunc(t.Blocked, func(b blockedRow) bool {
		prefix, open := strings.CutSuffix(b.Model, "*")
		return model == prefix || open && strings.HasPrefix(model, prefix)
	})
}

// serves says whether a caller may use a method: of each pair of caller and
// platform, the row that names the most decides.
func (t compatTable) serves(c caller, method string) bool {
	best, want := -1, "0"
	for _, r := range t.Minimum {
		if r.Caller != c.name || r.Platform != "any" && r.Platform != c.platform || r.Method != "any" && r.Method != method {
			continue
		}
		weight := 0
		if r.Platform != "any" {
			weight += 2
		}
		if r.Method != "any" {
			weight++
		}
		if weight >= best { // the later of two equal ones
			best, want = weight, r.Version
		}
	}
	have, ok := parseVersion(c.version)
	least, _ := parseVersion(want)
	// A caller that does not say its version is let through: the SDK looks for
	// what it needs itself.
	return best < 0 || !ok || slices.Compare(have[:], least[:]) >= 0
}

var versionForm = regexp.MustCompile(`^\d{1,6}(\.\d{1,6}){0,3}$`)

// parseVersion reads up to four numbers; those not given are 0.
func parseVersion(s string) (v [4]int, ok bool) {
	if !versionForm.MatchString(s) {
		return v, false
	}
	for i, part := range strings.Split(s, ".") {
		v[i], _ = strconv.Atoi(part) // six digits at most
	}
	return v, true
}

// plainText says whether s is 1 to limit characters without control ones.
func plainText(s string, limit int) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit && !strings.ContainsFunc(s, unicode.IsControl)
}

// Compat is the table in force: the embedded one under the operator's file,
// which is read again when it changes. A nil Compat is the embedded one. It is
// safe for concurrent use.
type Compat struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	stamp string // of the file that was read last, good or bad
	table compatTable
}

// OpenCompat reads the table over which the file at path is laid; there need
// be none. Errors: CodeInvalid when the file is wrong, CodeUnavailable.
func OpenCompat(path string, log *slog.Logger) (*Compat, error) {
	c := &Compat{path: path, log: log}
	return c, c.refresh()
}

// builtIn is the embedded table; a test holds it to be right.
var builtIn = sync.OnceValue(func() compatTable {
	t, _ := parseCompat(defaultCompat)
	return t
})

// current gives the table, read anew when the file is another. A file that is
// wrong leaves the table as it was, and is logged once.
func (c *Compat) current() compatTable {
	if c == nil {
		return builtIn()
	}
	if err := c.refresh(); err != nil && c.log != nil {
		c.log.Error("compat.toml is wrong; the table stays as it was", "error", faceproof.LogText(err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.table
}

// refresh reads the file when it is another than the last time.
func (c *Compat) refresh() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp := "absent"
	info, err := os.Stat(c.path)
	if err == nil {
		stamp = info.ModTime().UTC().Format(time.RFC3339Nano) + " " + strconv.FormatInt(info.Size(), 10) + info.Mode().String()
	}
	if stamp == c.stamp {
		return nil
	}
	c.stamp = stamp
	if errors.Is(err, fs.ErrNotExist) {
		c.table = builtIn()
		return nil
	}
	over, err := readCompat(c.path)
	if err != nil {
		return err
	}
	c.table = builtIn().with(over)
	return nil
}

func readCompat(path string) (compatTable, error) {
	fail := func(err error) (compatTable, error) {
		return compatTable{}, &faceproof.Error{Code: faceproof.CodeUnavailable, Field: "compat.toml", Message: "cannot be read", Err: err}
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fail(err)
	}
	f, err := os.Open(path)
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCompat+1))
	if err != nil {
		return fail(err)
	}
	return parseCompat(data)
}
