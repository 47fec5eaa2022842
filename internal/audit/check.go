package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"faceproof"

	"golang.org/x/mod/sumdb/tlog"
)

// Kinds of a Problem.
const (
	Changed   = "changed"   // a record is not what was hashed
	Missing   = "missing"   // a number is not there
	Order     = "order"     // a number is there twice, or too late
	Broken    = "tree"      // the stored hashes of the tree do not fit the records
	Signature = "signature" // a head that no trusted key signed
	Fork      = "fork"      // a head that was signed over another history
	Truncated = "truncated" // a head that was signed over more records than there are
	Format    = "format"    // what cannot be read
	Unlawful  = "pruned"    // a record that is gone and must not be, or the other way round
)

// maxProblems bounds a report; what is over it is counted.
const maxProblems = 50

// Problem is one thing that is not as it was.
type Problem struct {
	Kind   string `json:"kind"`
	Seq    int64  `json:"seq,omitempty"` // record, or size of the head
	Source string `json:"source"`        // "log", or where a head was kept
	Text   string `json:"text"`
}

// Report is what a Checker found.
type Report struct {
	Records int64  `json:"records"`
	Root    string `json:"root"`
	Heads   int    `json:"heads"`           // signed heads of the log itself that fit
	Anchors int    `json:"anchors"`         // heads kept elsewhere that fit
	Signed  int64  `json:"signed"`          // records that a signed head covers
	Last    int64  `json:"last,omitempty"`  // time of that head, unix milliseconds
	Fixed   int64  `json:"fixed,omitempty"` // records that a head kept elsewhere covers

	Pruned       int64 `json:"pruned,omitempty"`        // records whose content is gone, the first ones; their hashes are checked
	PrunedBefore int64 `json:"pruned_before,omitempty"` // they were written at this time or earlier, unix milliseconds

	Count    int       `json:"problem_count"`
	Problems []Problem `json:"problems,omitempty"` // the first fifty
}

// OK says whether nothing was found.
func (r Report) OK() bool { return r.Count == 0 }

// Head is a signed head and where it was kept.
type Head struct {
	Source string
	Note   string
	Own    bool // kept with the log itself, so that it proves less
}

// Checker reads a log once, from its first record on, and compares it with
// every head that is known of it. It needs memory for the heads, and for the
// records that say what was pruned, alone.
type Checker struct {
	Now     func() time.Time // nil: time.Now
	keys    Keys
	pruned  prunings
	heads   []openHead // by size
	tree    Frontier
	lost    bool // a number was missing: no root can be right from there on
	checked int64
	report  Report
}

type openHead struct {
	Checkpoint
	Head
}

// NewChecker makes a checker that knows some heads beforehand.
func NewChecker(keys Keys, heads []Head) *Checker {
	c := &Checker{keys: keys}
	for _, h := range heads {
		p, err := keys.Open(h.Note)
		if err != nil {
			c.problem(Signature, 0, h.Source, err.Error())
			continue
		}
		c.heads = append(c.heads, openHead{p, h})
	}
	slices.SortStableFunc(c.heads, func(a, b openHead) int { return cmp.Compare(a.Size, b.Size) })
	c.meet()
	return c
}

func (c *Checker) problem(kind string, seq int64, source, text string) {
	c.report.Count++
	if len(c.report.Problems) < maxProblems {
		c.report.Problems = append(c.report.Problems, Problem{kind, seq, source, text})
	}
}

// follows says whether a record has the next number.
func (c *Checker) follows(seq int64) bool {
	next := c.checked + 1
	switch {
	case seq == next:
	case seq > next:
		c.problem(Missing, next, "log", fmt.Sprintf("record %d is missing; the next one is %d", next, seq))
		c.lost = true
	default:
		c.problem(Order, seq, "log", fmt.Sprintf("record %d comes where %d should be", seq, next))
		c.lost = true
		return false
	}
	c.checked = seq
	return true
}

// Add checks the next record with the hashes stored of it.
func (c *Checker) Add(r Row) {
	if !c.follows(r.Seq) {
		return
	}
	leaf := r.Hash()
	switch {
	case r.Pruned && (len(r.Stored) == 0 || !c.prunedNext()):
		c.problem(Missing, r.Seq, "log", fmt.Sprintf("record %d has no content", r.Seq))
		c.lost = true
	case r.Pruned:
		leaf = r.Stored[0]
	case len(r.Stored) > 0 && r.Stored[0] != leaf:
		c.problem(Changed, r.Seq, "log", fmt.Sprintf("record %d was changed", r.Seq))
		leaf = r.Stored[0] // the tree may be right all the same, and then the others can be judged
	default:
		c.says(r.Record)
	}
	done := c.tree.Add(leaf)
	if !c.lost && !slices.Equal(done, r.Stored) {
		c.problem(Broken, r.Seq, "log", fmt.Sprintf("the tree's hashes of record %d were changed", r.Seq))
	}
	c.meet()
}

// prunedNext counts a pruned record; false: there are records with content
// before it, or some are missing.
func (c *Checker) prunedNext() bool {
	if c.lost || c.pruned.leading != c.checked-1 {
		return false
	}
	c.pruned.leading++
	return true
}

// says remembers what a record says was pruned.
func (c *Checker) says(r Record) {
	if err := c.pruned.note(r); err != nil {
		c.problem(Format, r.Seq, "log", fmt.Sprintf("record %d does not say what was pruned", r.Seq))
	}
}

// AddLine checks the next line of an export: a record, or a head over the
// records before it.
func (c *Checker) AddLine(line []byte) {
	if bytes.HasPrefix(line, []byte(`{"checkpoint":`)) {
		c.addHead(line)
		return
	}
	if bytes.HasPrefix(line, []byte(leafStart)) {
		c.addLeaf(line)
		return
	}
	r, err := ParseLine(line)
	if err != nil {
		c.problem(Format, c.checked+1, "log", fmt.Sprintf("the line after record %d is no record", c.checked))
		c.lost = true
		return
	}
	if !c.follows(r.Seq) {
		return
	}
	c.says(r)
	c.tree.Add(tlog.RecordHash(line))
	c.meet()
}

func (c *Checker) addLeaf(line []byte) {
	seq, leaf, ok := parseLeafLine(line)
	if !ok {
		c.problem(Format, c.checked+1, "log", fmt.Sprintf("the line after record %d is no hash", c.checked))
		c.lost = true
		return
	}
	if !c.follows(seq) {
		return
	}
	if !c.prunedNext() {
		c.problem(Missing, seq, "log", fmt.Sprintf("record %d has no content", seq))
	}
	c.tree.Add(leaf)
	c.meet()
}

func (c *Checker) addHead(line []byte) {
	text, err := ParsePointLine(line)
	if err != nil {
		c.problem(Format, c.checked, "log", fmt.Sprintf("the line after record %d is no head", c.checked))
		return
	}
	p, err := c.keys.Open(text)
	if err != nil {
		c.problem(Signature, c.checked, "log", err.Error())
		return
	}
	if p.Size != c.checked {
		c.problem(Order, p.Size, "log", fmt.Sprintf("the head of %d records comes after %d", p.Size, c.checked))
		return
	}
	c.compare(openHead{p, Head{Source: "log", Own: true}})
}

// meet compares the heads that are due.
func (c *Checker) meet() {
	for len(c.heads) > 0 && c.heads[0].Size <= c.checked {
		c.compare(c.heads[0])
		c.heads = c.heads[1:]
	}
}

func (c *Checker) compare(h openHead) {
	if c.lost || c.tree.Size() != h.Size || c.tree.Root() != h.Root {
		c.problem(Fork, h.Size, h.Source, fmt.Sprintf("the head of %d records was signed over another history", h.Size))
		return
	}
	if h.Own {
		c.report.Heads++
	} else {
		c.report.Anchors++
		c.report.Fixed = h.Size
	}
	c.report.Signed, c.report.Last = h.Size, h.At
	c.pruned.heads = append(c.pruned.heads, signedAt{h.Size, h.At})
}

// Problem records what a reader of the log found before it could be added.
func (c *Checker) Problem(kind string, seq int64, source, text string) {
	c.problem(kind, seq, source, text)
}

// Finish ends the check. size is how many records the log says it has; -1: it
// does not say.
func (c *Checker) Finish(size int64) Report {
	if size >= 0 && size != c.checked {
		c.problem(Truncated, size, "log", fmt.Sprintf("there are %d records of %d", c.checked, size))
	}
	for _, h := range c.heads {
		c.problem(Truncated, h.Size, h.Source, fmt.Sprintf("a head of %d records was signed, and there are %d", h.Size, c.checked))
	}
	c.heads = nil
	if c.Now == nil {
		c.Now = time.Now
	}
	c.pruned.unlawful(c.Now().UnixMilli(), func(seq int64, text string) { c.problem(Unlawful, seq, "log", text) })
	c.report.Pruned, c.report.PrunedBefore = c.pruned.leading, c.pruned.last().Before
	c.report.Records, c.report.Root = c.checked, c.tree.Root().String()
	return c.report
}

// Err is the report as an error: nil, or CodeConflict with field "audit".
func (r Report) Err() error {
	if r.OK() {
		return nil
	}
	return faceproof.Errorf(faceproof.CodeConflict, "audit", "the audit log is not what it was: %d problems, the first: %s", r.Count, r.Problems[0].Text)
}
