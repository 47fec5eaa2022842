package piitest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Canary is a value that must not be found anywhere, such as an invented name.
type Canary struct {
	What  string // "name", "number", "token"
	Value string // 8 bytes at least
}

// prefix is how many bytes of a form are looked up at once; no form is shorter.
const prefix = 8

// form is one way in which a canary may have been written.
type form struct {
	canary   Canary
	encoding string
	bytes    []byte
}

// Encodings are the ways that are looked for.
var Encodings = []string{"plain", "URL", "Base64", "hex", "GBK", "JSON", "reversed", "UTF-16"}

// forms gives them all; Base64 at each of the three places of a group, in both
// alphabets; what has letters in both cases.
func forms(c Canary) (out []form) {
	add := func(encoding string, b []byte) {
		if len(b) >= prefix && !slices.ContainsFunc(out, func(f form) bool { return string(f.bytes) == string(b) }) {
			out = append(out, form{c, encoding, b})
		}
	}
	plain := []byte(c.Value)
	add("plain", plain)
	add("plain", []byte(strings.ToLower(c.Value)))
	percent := "%" + strings.ToUpper(strings.Join(split(hex.EncodeToString(plain)), "%"))
	for _, s := range []string{url.QueryEscape(c.Value), url.PathEscape(c.Value), percent} {
		add("URL", []byte(s))
		add("URL", []byte(strings.ToLower(s)))
	}
	for shift := range 3 {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			s := enc.EncodeToString(append(make([]byte, shift), plain...))
			// The first characters hold what came before, the last what comes after.
			first, last := (shift*8+5)/6, len(s)
			if (shift+len(plain))%3 != 0 {
				last--
			}
			add("Base64", []byte(s[first:last]))
		}
	}
	add("hex", []byte(hex.EncodeToString(plain)))
	add("hex", []byte(strings.ToUpper(hex.EncodeToString(plain))))
	if gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes(plain); err == nil {
		add("GBK", gbk)
	}
	quoted := ""
	for _, u := range utf16.Encode([]rune(c.Value)) {
		quoted += fmt.Sprintf(`\u%04x`, u)
	}
	add("JSON", []byte(quoted))
	add("JSON", []byte(strings.ReplaceAll(strings.ToUpper(quoted), `\U`, `\u`)))
	add("JSON", []byte(strings.Trim(fmt.Sprintf("%+q", c.Value), `"`)))
	if b, err := json.Marshal(c.Value); err == nil {
		add("JSON", []byte(strings.Trim(string(b), `"`)))
	}
	runes := []rune(c.Value)
	slices.Reverse(runes)
	add("reversed", []byte(string(runes)))
	turned := slices.Clone(plain)
	slices.Reverse(turned)
	add("reversed", turned)
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var b []byte
		for _, u := range utf16.Encode([]rune(c.Value)) {
			b = order.AppendUint16(b, u)
		}
		add("UTF-16", b)
	}
	return out
}

func split(s string) (out []string) {
	for i := 0; i+2 <= len(s); i += 2 {
		out = append(out, s[i:i+2])
	}
	return out
}

// Scanner looks for canaries. Its methods may be called by one goroutine at a time.
type Scanner struct {
	by    map[[prefix]byte][]form
	Bytes int64 // looked at so far
}

// NewScanner prepares the forms of canaries.
func NewScanner(canaries []Canary) *Scanner {
	s := &Scanner{by: map[[prefix]byte][]form{}}
	for _, c := range canaries {
		for _, f := range forms(c) {
			k := [prefix]byte(f.bytes[:prefix])
			s.by[k] = append(s.by[k], f)
		}
	}
	return s
}

// Hit is a canary that was found. It does not hold the value.
type Hit struct{ Where, What, Encoding string }

func (h Hit) String() string { return fmt.Sprintf("%s: a %s, %s", h.Where, h.What, h.Encoding) }

// Scan looks through data, which came from where; each canary and encoding is told
// once.
func (s *Scanner) Scan(where string, data []byte) (hits []Hit) {
	s.Bytes += int64(len(data))
	for i := 0; i+prefix <= len(data); i++ {
		for _, f := range s.by[[prefix]byte(data[i:i+prefix])] {
			if strings.HasPrefix(string(data[i:min(len(data), i+len(f.bytes))]), string(f.bytes)) {
				if h := (Hit{where, f.canary.What, f.encoding}); !slices.Contains(hits, h) {
					hits = append(hits, h)
				}
			}
		}
	}
	return hits
}

// ScanTree looks through every file of a folder, and through the files' names.
func (s *Scanner) ScanTree(dir string) (hits []Hit, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if os.IsNotExist(err) {
				return nil // gone meanwhile
			}
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		hits = append(hits, s.Scan("the name of "+filepath.Base(rel), []byte(rel))...)
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		hits = append(hits, s.Scan(rel, b)...)
		return err
	})
	return hits, err
}

// Invent gives a name of five rare characters that GBK has, and a right ID number
// of a region that does not exist.
func Invent(r *rand.Rand) (name, number string) {
	n := make([]rune, 5)
	for i := range n {
		n[i] = 0x4E00 + rune(r.IntN(0x9FA5-0x4E00))
	}
	born := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(20000))
	number = fmt.Sprintf("99%04d%s%03d", r.IntN(10000), born.Format("20060102"), r.IntN(1000))
	sum := 0
	for i, c := range number {
		sum += int(c-'0') * (1 << (17 - i) % 11)
	}
	return string(n), number + string("10X98765432"[sum%11])
}
