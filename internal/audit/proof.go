package audit

import (
	"fmt"
	"strings"

	"faceproof"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Proof shows that records are in the log whose head was signed, to somebody
// who has neither the log nor this server.
type Proof struct {
	Records    []Proven
	Checkpoint string // the signed text
}

// Proven is a record and the hashes from its leaf to the root.
type Proven struct {
	Line []byte
	Path tlog.RecordProof
}

const (
	proofTitle = "faceproof audit proof 1"
	// maxProof bounds a proof in bytes, MaxProven its records.
	maxProof  = 4 << 20
	MaxProven = 200
)

// Prove makes the proof of a record from the stored hashes of a tree.
func Prove(r Record, size int64, tree tlog.HashReader) (Proven, error) {
	path, err := tlog.ProveRecord(size, r.Seq-1, tree)
	if err != nil {
		return Proven{}, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the audit log's tree cannot prove a record", Err: err}
	}
	return Proven{r.Line(), path}, nil
}

// Text is the proof as text: lines of a word, a space and what it stands for.
func (p Proof) Text() string {
	var b strings.Builder
	b.WriteString(proofTitle + "\n")
	for _, r := range p.Records {
		fmt.Fprintf(&b, "record %s\n", r.Line)
		for _, h := range r.Path {
			fmt.Fprintf(&b, "hash %s\n", h)
		}
	}
	for line := range strings.Lines(p.Checkpoint) {
		b.WriteString("head " + line)
	}
	return b.String()
}

// ParseProof reads what Text wrote, and nothing that differs from it in a byte.
// Errors: CodeInvalid with field "proof".
func ParseProof(text string) (Proof, error) {
	bad := func(line int) (Proof, error) {
		return Proof{}, faceproof.Errorf(faceproof.CodeInvalid, "proof", "line %d is not of a proof", line)
	}
	if len(text) > maxProof {
		return Proof{}, faceproof.Errorf(faceproof.CodeInvalid, "proof", "is over %d bytes", maxProof)
	}
	var p Proof
	var head strings.Builder
	n := 0
	for line := range strings.Lines(text) {
		n++
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case n == 1 && line == proofTitle+"\n":
		case n > 1 && word == "record" && head.Len() == 0 && len(p.Records) < MaxProven:
			p.Records = append(p.Records, Proven{Line: []byte(rest)})
		case n > 1 && word == "hash" && head.Len() == 0 && len(p.Records) > 0:
			h, err := tlog.ParseHash(rest)
			if err != nil {
				return bad(n)
			}
			last := &p.Records[len(p.Records)-1]
			last.Path = append(last.Path, h)
		case n > 1 && word == "head":
			head.WriteString(rest + "\n")
		default:
			return bad(n)
		}
	}
	p.Checkpoint = head.String()
	if len(p.Records) == 0 || p.Text() != text {
		return bad(n)
	}
	return p, nil
}

// Check gives the head and the records that it proves. Errors: those of Open
// and ParseLine; CodeConflict with field "proof" when a record is not in the
// tree of that head.
func (p Proof) Check(keys Keys) (Checkpoint, []Record, error) {
	c, err := keys.Open(p.Checkpoint)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	var out []Record
	for _, r := range p.Records {
		rec, err := ParseLine(r.Line)
		if err != nil {
			return Checkpoint{}, nil, err
		}
		if rec.Seq < 1 || rec.Seq > c.Size || tlog.CheckRecord(r.Path, c.Size, c.Root, rec.Seq-1, rec.Hash()) != nil {
			return Checkpoint{}, nil, faceproof.Errorf(faceproof.CodeConflict, "proof", "record %d is not in the log that was signed", rec.Seq)
		}
		out = append(out, rec)
	}
	return c, out, nil
}

var _ note.Signer = (*Signer)(nil)
