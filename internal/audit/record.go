// Package audit makes the audit log evidence: a record is a line of text, the
// lines are the leaves of a Merkle tree (RFC 6962, golang.org/x/mod/sumdb/tlog),
// and the head of the tree is signed now and then (Ed25519, a signed note) and
// anchored outside the database. Whoever changes, removes or moves a record
// later changes the head, and whoever rewrites the tree as well must take back
// a head that others hold.
//
// The package knows no database: a Log is one (internal/store), a Notary signs
// and anchors, a Checker reads a log again without the server.
package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"faceproof"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxLine bounds the line of one record in bytes. The longest entry we write,
// the legal basis of a search, is under 1 KiB.
const MaxLine = 16 << 10

// maxText bounds one text of an entry in bytes, so that a line stays far under
// MaxLine even when each byte is escaped.
const maxText = 512

// Record is an entry with its number, from 1 on without a gap. Record n is leaf
// n-1 of the tree.
type Record struct {
	Seq int64
	faceproof.AuditEntry
}

// Clean gives the entry as it can be stored by every engine and read back the
// same: valid UTF-8 without zero bytes, each text at most 512 bytes.
func Clean(e faceproof.AuditEntry) faceproof.AuditEntry {
	for _, s := range []*string{&e.Actor, &e.Action, &e.Object, &e.Detail} {
		t := strings.ReplaceAll(strings.ToValidUTF8(*s, "\uFFFD"), "\x00", "\uFFFD")
		for len(t) > maxText {
			_, n := utf8.DecodeLastRuneInString(t)
			t = t[:len(t)-n]
		}
		*s = t
	}
	return e
}

// Line is the record as one line of JSON without its end, the same bytes for
// ever: they are what the tree holds. encoding/json is not used because its
// escapes may change with its version. Different records have different lines,
// whatever bytes somebody has put into the database.
func (r Record) Line() []byte {
	b := make([]byte, 0, 160)
	b = strconv.AppendInt(append(b, `{"seq":`...), r.Seq, 10)
	b = strconv.AppendInt(append(b, `,"at":`...), r.At, 10)
	b = quote(append(b, `,"actor":`...), r.Actor)
	b = quote(append(b, `,"action":`...), r.Action)
	b = quote(append(b, `,"object":`...), r.Object)
	b = quote(append(b, `,"detail":`...), r.Detail)
	return append(b, '}')
}

// quote appends s in quotes; bytes that are not escaped stay as they are.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// lineJSON is a record's line for encoding/json.
type lineJSON struct {
	Seq    int64  `json:"seq"`
	At     int64  `json:"at"`
	Actor  string `json:"actor"`
	Action string `json:"action"`
	Object string `json:"object"`
	Detail string `json:"detail"`
}

// ParseLine reads a line that Line wrote, and nothing that differs from one in
// a single byte. Errors: CodeInvalid with field "record".
func ParseLine(line []byte) (Record, error) {
	if len(line) > MaxLine {
		return Record{}, faceproof.Errorf(faceproof.CodeInvalid, "record", "is over %d bytes", MaxLine)
	}
	var j lineJSON
	err := json.Unmarshal(line, &j)
	r := Record{j.Seq, faceproof.AuditEntry{At: j.At, Actor: j.Actor, Action: j.Action, Object: j.Object, Detail: j.Detail}}
	if err != nil || !bytes.Equal(r.Line(), line) {
		return Record{}, faceproof.Errorf(faceproof.CodeInvalid, "record", "is not a line of the audit log")
	}
	return r, nil
}

// Hash is the record's leaf.
func (r Record) Hash() tlog.Hash { return tlog.RecordHash(r.Line()) }

// Row is a record with the hashes of the tree that it completed: its leaf, and
// then the nodes above it whose last leaf it is. Of a pruned record only its
// number and the hashes are left.
type Row struct {
	Record
	Stored []tlog.Hash
	Pruned bool
}

// EncodeHashes puts hashes one behind the other, 32 bytes each.
func EncodeHashes(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

// DecodeHashes reads what EncodeHashes wrote. What is left over is a hash more,
// so that whoever compares or counts notices.
func DecodeHashes(b []byte) []tlog.Hash {
	out := make([]tlog.Hash, (len(b)+tlog.HashSize-1)/tlog.HashSize)
	for i := range out {
		copy(out[i][:], b[i*tlog.HashSize:])
	}
	return out
}

// Place says in which record's row a stored hash of the tree is, and where in it.
func Place(index int64) (seq int64, offset int) {
	level, n := tlog.SplitStoredHashIndex(index)
	return (n + 1) << level, level
}

// Append gives the hashes that record r adds to a tree of r.Seq-1 leaves, which
// old reads.
func Append(r Record, old tlog.HashReader) ([]tlog.Hash, error) {
	return tlog.StoredHashesForRecordHash(r.Seq-1, r.Hash(), old)
}

// Frontier is the right edge of a tree: enough to add leaves and to know the
// root, 32 bytes for each set bit of the size. The zero value is the empty tree.
type Frontier struct {
	size  int64
	peaks []tlog.Hash // the largest subtree first
}

// Size is the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Add adds a leaf and gives the nodes that it completes, the leaf first.
func (f *Frontier) Add(leaf tlog.Hash) []tlog.Hash {
	done := []tlog.Hash{leaf}
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.peaks) - 1
		leaf = tlog.NodeHash(f.peaks[last], leaf)
		f.peaks = f.peaks[:last]
		done = append(done, leaf)
	}
	f.peaks = append(f.peaks, leaf)
	f.size++
	return done
}

// Root is the head of the tree.
func (f *Frontier) Root() tlog.Hash {
	if f.size == 0 {
		empty, _ := tlog.TreeHash(0, nil) // reads nothing
		return empty
	}
	root := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f.peaks[i], root)
	}
	return root
}

// String is for tests and logs.
func (f *Frontier) String() string { return fmt.Sprintf("%d records, root %s", f.size, f.Root()) }
