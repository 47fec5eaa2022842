package bench

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Times are how long something took, again and again. Quantiles are of the
// nearest rank; with few of them the 95th is the longest.
type Times struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	Max  float64 `json:"max_ms"`
}

func timesOf(d []time.Duration) Times {
	if len(d) == 0 {
		return Times{}
	}
	d = slices.Clone(d)
	slices.Sort(d)
	var sum time.Duration
	for _, v := range d {
		sum += v
	}
	ms := func(v time.Duration) float64 { return math.Round(float64(v.Nanoseconds())/1e3) / 1e3 }
	rank := func(q float64) float64 { return ms(d[max(int(math.Ceil(q*float64(len(d))))-1, 0)]) }
	return Times{N: len(d), Mean: ms(sum / time.Duration(len(d))), P50: rank(.5), P95: rank(.95), Max: ms(d[len(d)-1])}
}

// Stage is one part of the work.
type Stage struct {
	Name  string  `json:"stage"`
	Each  Times   `json:"each"`
	Count float64 `json:"per_session"` // how often it is done in a session
	MS    float64 `json:"ms_per_session"`
}

// clock gathers the times of stages, from several goroutines at once.
type clock struct {
	mu    sync.Mutex
	laps  map[string][]time.Duration
	order []string // of the first laps
}

func newClock() *clock { return &clock{laps: map[string][]time.Duration{}} }

func (c *clock) lap(stage string, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.laps[stage]; !known {
		c.order = append(c.order, stage)
	}
	c.laps[stage] = append(c.laps[stage], d)
}

// stages gives those of order that were done, then all others, for n sessions.
func (c *clock) stages(order []string, n int) []Stage {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := []Stage{}
	put := func(name string) {
		t := timesOf(c.laps[name])
		if t.N == 0 || slices.ContainsFunc(out, func(s Stage) bool { return s.Name == name }) {
			return
		}
		per := float64(t.N) / float64(max(n, 1))
		out = append(out, Stage{Name: name, Each: t, Count: math.Round(100*per) / 100, MS: math.Round(100*per*t.Mean) / 100})
	}
	for _, name := range order {
		put(name)
	}
	for _, name := range c.order {
		put(name)
	}
	return out
}
