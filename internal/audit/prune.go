package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"faceproof"

	"golang.org/x/mod/sumdb/tlog"
)

// The record that says what was pruned: written in the transaction that does it.
const (
	PruneAction = "audit.prune"
	PruneObject = "audit"
)

// minAge is how old a record must be to be pruned.
const minAge = faceproof.MinAuditDays * 24 * time.Hour

// clockSlack is how far the clocks of two processes, or a record and the head
// over it, may be apart before a time counts against somebody.
const clockSlack = time.Hour

// Pruning says that the content of the records 1 to To is gone, all of which
// were written at Before or earlier. Their hashes are kept. Each one takes in
// what the ones before it said, so that the newest is enough.
type Pruning struct {
	To     int64
	Before int64 // unix milliseconds, whole seconds
}

// detail is the pruning as the text of its record.
func (p Pruning) detail() string {
	return fmt.Sprintf("1-%d %s", p.To, time.UnixMilli(p.Before).UTC().Format(time.RFC3339))
}

// Entry is the record of the pruning.
func (p Pruning) Entry(at int64) faceproof.AuditEntry {
	return faceproof.AuditEntry{At: at, Actor: "retention", Action: PruneAction, Object: PruneObject, Detail: p.detail()}
}

// ParsePruning reads the detail of a pruning's record, and nothing that differs
// from it in a byte. Errors: CodeInvalid with field "pruning".
func ParsePruning(detail string) (Pruning, error) {
	numbers, when, _ := strings.Cut(strings.TrimPrefix(detail, "1-"), " ")
	to, err1 := strconv.ParseInt(numbers, 10, 64)
	at, err2 := time.Parse(time.RFC3339, when)
	p := Pruning{to, at.UnixMilli()}
	if err1 != nil || err2 != nil || to < 1 || p.detail() != detail {
		return Pruning{}, faceproof.Errorf(faceproof.CodeInvalid, "pruning", "is not the detail of a pruning of the audit log")
	}
	return p, nil
}

// leafLine is what an export has of a pruned record.
func leafLine(seq int64, leaf tlog.Hash) []byte {
	return fmt.Appendf(nil, `{"pruned":%d,"hash":"%s"}`, seq, leaf)
}

const leafStart = `{"pruned":`

// parseLeafLine reads a line that leafLine wrote, and nothing that differs from
// one in a single byte.
func parseLeafLine(line []byte) (seq int64, leaf tlog.Hash, ok bool) {
	var j struct {
		Pruned int64  `json:"pruned"`
		Hash   string `json:"hash"`
	}
	if len(line) > MaxLine || json.Unmarshal(line, &j) != nil {
		return 0, leaf, false
	}
	leaf, err := tlog.ParseHash(j.Hash)
	return j.Pruned, leaf, err == nil && bytes.Equal(leafLine(j.Pruned, leaf), line)
}

// prunings is what a Checker learns of what was pruned.
type prunings struct {
	leading int64 // records at the beginning without content
	said    []saidPruned
	heads   []signedAt // that fit, by size
}

type saidPruned struct {
	Pruning
	seq, at int64
}

type signedAt struct{ size, at int64 }

// note remembers a record that says what was pruned.
func (p *prunings) note(r Record) error {
	if r.Action != PruneAction || r.Object != PruneObject {
		return nil
	}
	said, err := ParsePruning(r.Detail)
	if err != nil {
		return err
	}
	p.said = append(p.said, saidPruned{said, r.Seq, r.At})
	return nil
}

// last is the newest pruning; zero when there was none.
func (p *prunings) last() (out Pruning) {
	if n := len(p.said); n > 0 {
		out = p.said[n-1].Pruning
	}
	return out
}

// unlawful gives what is wrong with what was pruned, with the record that says
// so: records that nobody may have removed yet, or whose removal nobody wrote
// down. now is unix milliseconds.
func (p *prunings) unlawful(now int64, problem func(seq int64, text string)) {
	if gone, said := p.leading, p.last().To; gone > said {
		problem(said+1, fmt.Sprintf("records %d to %d are gone, and no record says that they were pruned", said+1, gone))
	} else if gone < said {
		problem(gone+1, fmt.Sprintf("records %d to %d were pruned by what the log says, and are there", gone+1, said))
	}
	slack := clockSlack.Milliseconds()
	before := Pruning{}
	young := 0 // the first head behind which records are too young to go
	for _, s := range p.said {
		if s.To >= s.seq || s.To < before.To || s.Before < before.Before || s.Before > s.at-minAge.Milliseconds() {
			problem(s.seq, fmt.Sprintf("record %d prunes up to record %d what was not %d days old", s.seq, s.To, faceproof.MinAuditDays))
		}
		before = s.Pruning
		seen := now
		if i := sort.Search(len(p.heads), func(i int) bool { return p.heads[i].size >= s.seq }); i < len(p.heads) {
			seen = min(now, p.heads[i].at)
		}
		if s.at > seen+slack {
			problem(s.seq, fmt.Sprintf("record %d, which prunes, is dated after the head over it, or after today", s.seq))
		}
		for young < len(p.heads) && p.heads[young].size < s.To && p.heads[young].at <= s.Before+slack {
			young++
		}
		if young < len(p.heads) && p.heads[young].size < s.To {
			h := p.heads[young]
			problem(h.size+1, fmt.Sprintf("records %d to %d were pruned by record %d as older than %s, and were written after the head of %s",
				h.size+1, s.To, s.seq, moment(s.Before), moment(h.at)))
		}
	}
}

func moment(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
