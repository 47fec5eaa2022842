package store

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"faceproof"
)

func traceMarks(from, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "mark %011d", from+i)
	}
	return out
}

// The index finds what another attempt had, of the same kind and in time, and
// never an attempt by itself.
func TestRecall(t *testing.T) {
	s := open(t)
	recall := func(kind faceproof.TraceKind, ref string, marks [][]byte, since, at int64, found, closest int) {
		t.Helper()
		f, c, err := s.Recall(ctx, kind, ref, marks, since, at)
		must(t, err)
		if f != found || c != closest {
			t.Errorf("%s %s: %d found, %d in the closest; want %d, %d", kind, ref, f, c, found, closest)
		}
	}
	frame, motion := faceproof.TraceFrame, faceproof.TraceMotion
	recall(frame, "a/1", traceMarks(0, 250), 0, t0, 0, 0)
	recall(frame, "a/1", traceMarks(0, 250), 0, t0, 0, 0) // itself
	recall(motion, "b/1", traceMarks(0, 250), 0, t0, 0, 0)
	recall(frame, "a/2", traceMarks(240, 20), 0, t0+1, 10, 10)
	recall(frame, "c/1", traceMarks(230, 25), 0, t0+2, 25, 20) // 20 of a/1, 15 of a/2
	recall(frame, "d/1", traceMarks(0, 300), t0, t0+3, 30, 25) // a/1 is too old
	recall(frame, "e/1", nil, 0, t0+3, 0, 0)
	if n := count(t, s, `SELECT COUNT(*) FROM traces WHERE kind = 'frame'`); n != 250+20+25+300 {
		t.Errorf("%d rows", n)
	}
	many := traceMarks(1000, 2*maxTraces)
	recall(frame, "f/1", many, 0, t0+4, 0, 0)
	if n := count(t, s, `SELECT COUNT(*) FROM traces WHERE ref = 'f/1'`); n != maxTraces {
		t.Errorf("%d rows of one attempt", n)
	}
	audits := count(t, s, `SELECT COUNT(*) FROM audit`)
	must(t, second(s.Sweep(ctx, t0+3+(30*24*time.Hour).Milliseconds())))
	if n := count(t, s, `SELECT COUNT(*) FROM traces`); n != maxTraces {
		t.Errorf("%d rows are left after a month", n)
	}
	if n := count(t, s, `SELECT COUNT(*) FROM audit`); n != audits {
		t.Errorf("%d audit rows more", n-audits)
	}
}

// Of captures that come at the same moment with the same frames, all but one
// are found.
func TestRecallAtOnce(t *testing.T) {
	s := open(t)
	marks := [][]byte{bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)}
	var mu sync.Mutex
	var all sync.WaitGroup
	fresh := 0
	for i := range 20 {
		all.Go(func() {
			found, _, err := s.Recall(ctx, faceproof.TraceFrame, fmt.Sprint("r", i), marks, 0, t0)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if found == 0 {
				fresh++
			}
		})
	}
	all.Wait()
	if fresh != 1 {
		t.Errorf("%d captures found nothing, want 1", fresh)
	}
}
