package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"faceproof"
)

// Traces is the index of captures; *store.Store is one.
type Traces interface {
	// Recall adds the marks of an attempt and says how many any other attempt since a time had, and how many of them the closest one.
	Recall(ctx context.Context, kind faceproof.TraceKind, ref string, marks [][]byte, since, at int64) (found, closest int, err error)
}

const (
	traceWindow = 30 * 24 * time.Hour // how long a capture is remembered
	traceBytes  = 8                   // of a keyed mark: 2⁶⁴ of them do not meet by chance
	motionBits  = 16                  // of a similarity hash that must agree
	soundBits   = 20                  // … of sound
	bandSample  = 4                   // of so many bands one is kept, chosen by its own keyed hash
)

// recall asks the index whether these frames, this movement in this light, or
// this sound came before, and adds what the browser said of its camera. It fills what of
// the provenance the analysis could not know.
func (w *worker) recall(ctx context.Context, e *faceproof.Evidence) error {
	p := e.Provenance
	if p == nil {
		return nil
	}
	p.Track = w.hello.Track
	if x := w.s.cfg.Traces; x != nil {
		// Under the key too: what outlives a verification must not name it.
		name := fmt.Appendf(nil, "%s/%d", w.v.ID, e.Attempt)
		ref, now := hex.EncodeToString(w.s.cfg.Keys.Index("trace.ref", name)[:traceBytes]), w.s.millis()
		since := now - traceWindow.Milliseconds()
		var err error
		if p.Reused, _, err = x.Recall(ctx, faceproof.TraceFrame, ref, w.s.frameMarks(p.Traces), since, now); err != nil {
			return err
		}
		if _, p.Similar, err = x.Recall(ctx, faceproof.TraceMotion, ref, w.s.bandMarks("trace.motion", nil, p.Traces.Motions, motionBits), since, now); err != nil {
			return err
		}
		if len(p.Traces.PCM) > 0 {
			same, _, err := x.Recall(ctx, faceproof.TraceSound, ref, [][]byte{w.s.cfg.Keys.Index("trace.sound", p.Traces.PCM)[:traceBytes]}, since, now)
			if err != nil {
				return err
			}
			p.SameSound = same > 0
			// Among this person's captures only: one that is of use to a forger is of
			// this person, and nobody else's may be mistaken for it.
			if _, p.Heard, err = x.Recall(ctx, faceproof.TraceHeard, ref, w.s.bandMarks("trace.heard", w.v.SubjectIndex, p.Traces.Sounds, soundBits), since, now); err != nil {
				return err
			}
		}
		p.Indexed = true
	}
	p.Weigh()
	e.Assurance = faceproof.CaptureAssurance(*e)
	return nil
}

// frameMarks puts the frames' hashes under the key: whoever has the database
// cannot ask it about a picture.
func (s *Service) frameMarks(t faceproof.Traces) [][]byte {
	marks := make([][]byte, len(t.Frames))
	for i, sum := range t.Frames {
		marks[i] = s.cfg.Keys.Index("trace.frame", sum)[:traceBytes]
	}
	return marks
}

// bandMarks cuts similarity hashes into bands of so many bits and keeps some, the
// same ones whoever sends them. Only the bands of one owner meet.
func (s *Service) bandMarks(purpose string, owner []byte, hashes []uint64, bits int) [][]byte {
	var marks [][]byte
	seen := map[[9]byte]bool{}
	for _, h := range hashes {
		for band := range 64 / bits {
			var value [9]byte
			value[0] = byte(band)
			binary.BigEndian.PutUint64(value[1:], h>>(band*bits)&(1<<bits-1))
			if seen[value] {
				continue
			}
			seen[value] = true
			named := append(append(bytes.Clone(owner), value[0]), value[9-(bits+7)/8:]...)
			if m := s.cfg.Keys.Index(purpose, named)[:traceBytes]; m[0]%bandSample == 0 {
				marks = append(marks, m)
			}
		}
	}
	return marks
}
