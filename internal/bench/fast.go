package bench

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"faceproof"
	"faceproof/internal/analysis"
	"faceproof/internal/face"
)

// Throughput is what the analysis and the decision take when frames are always at
// hand.
type Throughput struct {
	Sessions   int     `json:"sessions"`
	Parallel   int     `json:"parallel"`
	Frames     float64 `json:"frames_per_session"`
	WallS      float64 `json:"wall_s"`
	CPUS       float64 `json:"cpu_s"`
	PerSecond  float64 `json:"verifications_per_s"`      // by the clock: all cores, less what others took
	PerCore    float64 `json:"verifications_per_core_s"` // by the processor time used: what a whole core would do
	CPUMS      float64 `json:"cpu_ms_per_session"`
	AllocBytes int64   `json:"alloc_bytes_per_session"`
	Passed     int     `json:"passed"`
	Stages     []Stage `json:"stages"`
}

// stageOrder is that of the tables.
func stageOrder() (names []string) {
	for _, s := range analysis.Stages {
		names = append(names, string(s))
	}
	return append(names, stageDecision)
}

const stageDecision = "decision"

// Measure runs n sessions of the cast through the analysis, so many at once, and
// decides on each. The same take may come again.
func (c *Cast) Measure(ctx context.Context, e *face.Engine, policy faceproof.Policy, n, parallel int) (Throughput, error) {
	clock := newClock()
	a := analysis.New(analysis.Config{Engine: e, Candidates: policy.Candidates, Concurrency: parallel,
		Watch: func(s analysis.Stage, d time.Duration) { clock.lap(string(s), d) }})
	refs := make([]faceproof.Reference, len(c.Photos))
	for i, photo := range c.Photos {
		en, err := e.Enrol(ctx, [][]byte{photo})
		if err != nil {
			return Throughput{}, err
		}
		refs[i] = faceproof.Reference{State: faceproof.ReferenceFound, PersonID: "bench", Template: en.Template}
	}
	t := Throughput{Sessions: n, Parallel: parallel}
	var next, frames, passed atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, parallel)
	heap, cpu, start := allocated(), CPU(), time.Now()
	for range parallel {
		wg.Go(func() {
			run := a.Begin()
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				take := c.Takes[i%len(c.Takes)]
				d, err := judge(ctx, run, take, refs[take.Person], policy, clock)
				if err != nil {
					errs <- err
					return
				}
				if frames.Add(int64(len(take.Recording.Frames))); d.Pass() {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return t, err
	default:
	}
	wall, used := time.Since(start).Seconds(), (CPU() - cpu).Seconds()
	k := float64(max(n, 1))
	t.Frames, t.Passed = round(float64(frames.Load())/k, 1), int(passed.Load())
	t.WallS, t.CPUS = round(wall, 3), round(used, 3)
	t.PerSecond, t.PerCore, t.CPUMS = round(k/wall, 2), round(k/used, 2), round(1000*used/k, 1)
	t.AllocBytes = int64(allocated()-heap) / int64(max(n, 1))
	t.Stages = clock.stages(stageOrder(), n)
	return t, nil
}

// judge is one session, as the worker of the server does it.
func judge(ctx context.Context, run *analysis.Run, take Take, ref faceproof.Reference, policy faceproof.Policy, clock *clock) (faceproof.Decision, error) {
	run.Reset()
	for _, f := range take.Recording.Frames {
		if err := run.Frame(ctx, f); err != nil {
			return faceproof.Decision{}, err
		}
	}
	ev, _, err := run.Finish(ctx, take.Recording.Transcript(), ref)
	if err != nil {
		return faceproof.Decision{}, err
	}
	start := time.Now()
	d := faceproof.Decide(policy, ev)
	_, err = json.Marshal(ev) // what is stored
	clock.lap(stageDecision, time.Since(start))
	return d, err
}

func round(v float64, digits int) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	k := math.Pow(10, float64(digits))
	return math.Round(k*v) / k
}
