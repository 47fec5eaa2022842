package eval

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"faceproof"
)

// The files of a campaign's folder.
const (
	trialsFile   = "trials.jsonl"
	protocolFile = "protocol.toml"
)

// Job is one session to present.
type Job struct {
	Cell  *Cell
	Kind  string
	Index int // within the kind of the cell
	Seed  uint64
}

// Judge presents a session and measures it. The Trial depends on nothing but the
// Job; Cell, Kind, Index, Seed and Decision are filled in by the campaign. It is
// called by several goroutines at once.
type Judge func(context.Context, Job) (Trial, error)

// Campaign is one run of a protocol.
type Campaign struct {
	Dir      string    // made when absent; a campaign begun there goes on
	Protocol *Protocol // nil: recordings, without bars
	Header   Header
	Jobs     []Job
	Judge    Judge
	Workers  int                   // 0: 1
	Progress func(done, total int) // after each session, in order; nil: none
}

// List gives the sessions of a protocol in order, those that the limits leave.
// Errors: CodeInvalid, fields "cells", "species", "seed" or "sessions".
func (p *Protocol) List(l Limits) ([]Job, error) {
	if err := p.checkLimits(l); err != nil {
		return nil, err
	}
	var jobs []Job
	for i := range p.Cells {
		c := &p.Cells[i]
		if len(l.Cells) > 0 && !slices.Contains(l.Cells, c.Name) {
			continue
		}
		n, seed := c.Sessions, c.Seed
		if l.Sessions > 0 {
			n = min(n, l.Sessions)
		}
		if l.Seed > 0 {
			seed = l.Seed + (c.Seed - p.Seed)
		}
		for k, kind := range c.Kinds {
			if len(l.Kinds) > 0 && !slices.Contains(l.Kinds, kind) {
				continue
			}
			for j := range n {
				jobs = append(jobs, Job{Cell: c, Kind: kind, Index: j, Seed: seed + uint64(k*kindStep+j)})
			}
		}
	}
	if len(jobs) == 0 {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "species", "no session of the protocol is left")
	}
	return jobs, nil
}

func (p *Protocol) checkLimits(l Limits) error {
	for _, name := range l.Cells {
		if !slices.ContainsFunc(p.Cells, func(c Cell) bool { return c.Name == name }) {
			return faceproof.Errorf(faceproof.CodeInvalid, "cells", "the protocol has no cell %q", name)
		}
	}
	for _, kind := range l.Kinds {
		if !slices.ContainsFunc(p.Cells, func(c Cell) bool { return slices.Contains(c.Kinds, kind) }) {
			return faceproof.Errorf(faceproof.CodeInvalid, "species", "the protocol has no kind %q", kind)
		}
	}
	if l.Sessions < 0 {
		return faceproof.Errorf(faceproof.CodeInvalid, "sessions", "must be at least 1")
	}
	moved := *p
	if l.Seed > 0 {
		moved.Cells = slices.Clone(p.Cells)
		for i := range moved.Cells {
			moved.Cells[i].Seed += l.Seed - p.Seed
			if err := moved.checkSeeds(&moved.Cells[i]); err != nil {
				return faceproof.Errorf(faceproof.CodeInvalid, "seed", "%s", err.Error())
			}
		}
	}
	return nil
}

// Run presents every session that trials.jsonl does not hold yet. Workers may
// finish in any order; lines are written in that of the jobs, so that the file
// does not depend on their number. A folder that holds another campaign is
// CodeConflict.
func (c *Campaign) Run(ctx context.Context) error {
	f, done, err := c.open()
	if err != nil {
		return err
	}
	err = c.run(ctx, f, done)
	return errors.Join(err, f.Close())
}

// open begins trials.jsonl, or goes on with it: done sessions are there.
func (c *Campaign) open() (f *os.File, done int, err error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return nil, 0, err
	}
	path := filepath.Join(c.Dir, trialsFile)
	h, trials, size, err := ReadTrials(path)
	if errors.Is(err, os.ErrNotExist) {
		return c.begin(path)
	} else if err != nil {
		return nil, 0, err
	}
	conflict := func(why string) error {
		return faceproof.Errorf(faceproof.CodeConflict, "out", "%s holds another campaign (%s): choose another folder", c.Dir, why)
	}
	if !c.Header.same(h) {
		return nil, 0, conflict("protocol, limits, portraits, pack, policy or version differ")
	}
	if len(trials) > len(c.Jobs) {
		return nil, 0, conflict("more sessions")
	}
	for i, t := range trials {
		if j := c.Jobs[i]; t.Cell != j.Cell.Name || t.Kind != j.Kind || t.Index != j.Index || t.Seed != j.Seed {
			return nil, 0, conflict(fmt.Sprintf("session %d", i+1))
		}
	}
	if f, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
		return nil, 0, err
	}
	if err = f.Truncate(size); err == nil {
		_, err = f.Seek(size, 0)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, len(trials), nil
}

func (c *Campaign) begin(path string) (*os.File, int, error) {
	if c.Protocol != nil {
		if err := os.WriteFile(filepath.Join(c.Dir, protocolFile), c.Protocol.Text, 0o644); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, 0, err
	}
	if err := appendLine(f, c.Header); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, 0, nil
}

// run presents the sessions from done on and writes their lines in order.
func (c *Campaign) run(ctx context.Context, f *os.File, done int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	workers := max(c.Workers, 1)
	ahead := make(chan struct{}, 4*workers) // sessions begun and not written: bounds what is kept
	next, results := make(chan int), make(chan result)
	go func() {
		defer close(next)
		for i := done; i < len(c.Jobs); i++ {
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range next {
				t, err := c.judge(ctx, c.Jobs[i])
				results <- result{i, t, err}
			}
		})
	}
	go func() { wg.Wait(); close(results) }()
	waiting := map[int]Trial{}
	for r := range results {
		if r.err != nil {
			stop(r.err)
			continue
		}
		waiting[r.i] = r.t
		for t, ok := waiting[done]; ok && ctx.Err() == nil; t, ok = waiting[done] {
			delete(waiting, done)
			if err := appendLine(f, t); err != nil {
				stop(err)
				break
			}
			done++
			<-ahead
			if c.Progress != nil {
				c.Progress(done, len(c.Jobs))
			}
		}
	}
	if done == len(c.Jobs) {
		return nil
	}
	return context.Cause(ctx)
}

type result struct {
	i   int
	t   Trial
	err error
}

// judge presents one session and decides on it.
func (c *Campaign) judge(ctx context.Context, j Job) (Trial, error) {
	if err := ctx.Err(); err != nil {
		return Trial{}, err
	}
	where := fmt.Sprintf("session %s/%s/%d, seed %d", j.Cell.Name, j.Kind, j.Index, j.Seed)
	policy, err := withPolicy(c.Header.Policy, j.Cell.Policy)
	if err != nil {
		return Trial{}, err
	}
	t, err := c.Judge(ctx, j)
	if err != nil {
		return Trial{}, fmt.Errorf("%s: %w", where, err)
	}
	if len(t.Attempts) == 0 {
		return Trial{}, fmt.Errorf("%s: nothing was measured", where)
	}
	t.Cell, t.Kind, t.Index, t.Seed = j.Cell.Name, j.Kind, j.Index, j.Seed
	t.Decision = decide(policy, t.Attempts)
	return t, nil
}
