package verify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"faceproof"
)

// memTraces is the index in memory, with the contract of the store.
type memTraces struct {
	mu   sync.Mutex
	rows map[string]map[string]int64 // kind and mark: when each attempt had it
	err  error
}

func (m *memTraces) Recall(_ context.Context, kind faceproof.TraceKind, ref string, marks [][]byte, since, at int64) (found, closest int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return 0, 0, m.err
	}
	refs := map[string]int{}
	for _, mark := range marks {
		key, seen := string(kind)+string(mark), false
		for other, t := range m.rows[key] {
			if other != ref && t > since {
				seen = true
				refs[other]++
			}
		}
		if seen {
			found++
		}
		if m.rows[key] == nil {
			m.rows[key] = map[string]int64{}
		}
		m.rows[key][ref] = at
	}
	for _, n := range refs {
		closest = max(closest, n)
	}
	return found, closest, nil
}

// camera is the evidence of a genuine capture: frames and movement of its own.
func camera(seed uint64) faceproof.Evidence {
	r := rand.New(rand.NewPCG(seed, 0))
	e := goodEvidence()
	p := &faceproof.ProvenanceEvidence{Frames: 80, NoiseBlocks: 9000, Noise: .6, NoiseSlope: 1, Encodings: 1}
	for range 20 {
		sum := make([]byte, 32)
		for i := range sum {
			sum[i] = byte(r.Uint32())
		}
		p.Traces.Frames = append(p.Traces.Frames, sum)
	}
	for range 60 {
		p.Traces.Motions = append(p.Traces.Motions, r.Uint64())
	}
	e.Provenance = p
	return e
}

// copied is a capture whose frames are new files of the same recording: of each
// similarity hash some bits differ.
func copied(e faceproof.Evidence, bits int) faceproof.Evidence {
	r := rand.New(rand.NewPCG(99, 0))
	p := *e.Provenance
	p.Traces = faceproof.Traces{Motions: slices.Clone(p.Traces.Motions)}
	for i := range p.Traces.Motions {
		for range bits {
			p.Traces.Motions[i] ^= 1 << r.IntN(64)
		}
	}
	e.Provenance = &p
	return e
}

// judged plays one capture and gives what the business may read of it.
func (w *world) judged(given faceproof.Evidence) (d faceproof.Decision, e faceproof.Evidence) {
	w.t.Helper()
	st := w.start1()
	w.analysis.evidence = func(int) faceproof.Evidence { return given }
	p := w.play(w.t.Context(), st)
	r := p.attempt(1)
	p.live.Close(faceproof.ReasonDisconnected)
	credential, _ := r["verify_result"].(string)
	info, err := w.s.Redeem(w.t.Context(), w.app, credential, "")
	if err != nil {
		w.t.Fatalf("%v after %v\n%s", err, r, w.log)
	}
	if err := json.Unmarshal(info.Verification.Evidence, &e); err != nil {
		w.t.Fatal(err)
	}
	return info.Decision, e
}

func TestReplaysAreKnown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &memTraces{rows: map[string]map[string]int64{}}
		w := newWorld(t, func(c *Config) { c.Traces = m })
		first := camera(1)
		for _, c := range []struct {
			name      string
			evidence  faceproof.Evidence
			reason    faceproof.Reason
			assurance faceproof.Assurance
		}{
			{"a capture", first, faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"the same person on another day", camera(2), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
			{"the first capture, byte for byte", first, faceproof.ReasonReplayed, faceproof.AssuranceReplaySuspected},
			{"the second capture, compressed again", copied(camera(2), 4), faceproof.ReasonPass, faceproof.AssuranceReplaySuspected},
			{"a third capture", camera(3), faceproof.ReasonPass, faceproof.AssuranceWebUnattested},
		} {
			given := c.evidence
			given.Provenance = new(*given.Provenance) // what comes back is written into it
			d, e := w.judged(given)
			if d.Reasons[0] != c.reason {
				t.Errorf("%s: %+v; want %s", c.name, d, c.reason)
			}
			if e.Assurance != c.assurance || !e.Provenance.Indexed {
				t.Errorf("%s: %s, %+v; want %s", c.name, e.Assurance, e.Provenance, c.assurance)
			}
		}
		// The index holds nothing that a frame's own hash would find.
		for key := range m.rows {
			for _, sum := range first.Provenance.Traces.Frames {
				if bytes.Contains([]byte(key), sum[:8]) {
					t.Error("the index holds the hash of a frame in clear")
				}
			}
		}
	})
}

// Without the index nothing is decided: a replay could pass as new.
func TestIndexFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config) { c.Traces = &memTraces{err: errors.New("down")} })
		st := w.start1()
		w.analysis.evidence = func(int) faceproof.Evidence { return camera(1) }
		p := w.play(t.Context(), st)
		if r := p.attempt(1); r != nil {
			t.Errorf("got a result: %v", r)
		}
		p.live.Close(faceproof.ReasonDisconnected)
	})
}

// On the real store: of 200 captures, each sent again as it was and each sent
// again compressed anew, every one is known; 200 others of the same size are
// not. 32 more bits in each similarity hash, as of another day, are no copy.
func TestIndexOnRealStore(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	const n = 200
	w, stop := realWorld(t, t.TempDir())
	defer stop()
	w.s.cfg.Traces = w.s.cfg.Store.(Traces)
	ask := func(id string, e faceproof.Evidence) faceproof.Assurance {
		t.Helper()
		e.Attempt = 1
		e.Provenance = new(*e.Provenance)
		job := worker{s: w.s, v: faceproof.Verification{ID: id}}
		if err := job.recall(t.Context(), &e); err != nil {
			t.Fatal(err)
		}
		return e.Assurance
	}
	got := map[string]map[faceproof.Assurance]int{}
	count := func(what string, a faceproof.Assurance) {
		if got[what] == nil {
			got[what] = map[faceproof.Assurance]int{}
		}
		got[what][a]++
	}
	for i := range uint64(n) {
		e := camera(i)
		count("new", ask(fmt.Sprint("new", i), e))
		count("again", ask(fmt.Sprint("again", i), e))
		count("recoded", ask(fmt.Sprint("recoded", i), copied(e, 4)))
		count("another day", ask(fmt.Sprint("other", i), copied(e, 32)))
	}
	for what, want := range map[string]faceproof.Assurance{
		"new": faceproof.AssuranceWebUnattested, "again": faceproof.AssuranceReplaySuspected,
		"recoded": faceproof.AssuranceReplaySuspected, "another day": faceproof.AssuranceWebUnattested,
	} {
		if got[what][want] != n {
			t.Errorf("%s: %v, want %d %s", what, got[what], n, want)
		}
	}
}
