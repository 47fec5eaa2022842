// Package gallery searches face templates 1:N: which enrolled references are most
// like a probe. The words are those of ISO/IEC 2382-37: a gallery holds one
// reference for each identity, a probe is searched in it, the answer is a
// candidate list. A candidate is a lead for a human, never a decision; rate.go
// says why.
//
// The search is exact: every reference is compared. References lie as rows of
// float32, each padded to whole cache lines of 64 bytes, in blocks of 1,024 rows
// (512 KiB at 128 dimensions). A block stays in a core's cache while many probes
// pass it, and a gallery grows without being copied. The loop over a row is plain
// Go with eight sums, so that no addition waits for the one before.
//
// Memory: 512 bytes a template of 128 dimensions, and about 100 for its id.
package gallery

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"faceproof"
)

// The metrics of a model pack.
const (
	Cosine = "cosine" // of the vectors made unit length
	L2     = "l2"     // 1 − Euclidean distance of the raw vectors
)

// Limits of a gallery.
const (
	DefaultLimit  = 1 << 20 // templates: 512 MiB at 128 dimensions
	MaxCandidates = 10_000  // of one answer
	maxDimensions = 4096
	maxID         = 64 // bytes
)

const (
	blockRows = 1024
	line      = 16 // float32 in a cache line
)

// Config is what a gallery holds.
type Config struct {
	ModelID    string // of every template and probe
	Metric     string // Cosine or L2, as the pack says
	Dimensions int    // of a template; default 128
	Limit      int    // templates, at most; default DefaultLimit
	Workers    int    // processors that one search uses; default all
}

// Gallery is a set of templates of one model in memory, in the clear: Close wipes
// it. It is safe for concurrent use; a search sees one state, and changes wait for it.
type Gallery struct {
	c      Config
	stride int     // float32 a row
	slack  float64 // bound of the error of a float32 sum, relative

	mu     sync.RWMutex
	blocks [][]float32
	ids    []string // by row
	rows   map[string]int
}

// Candidate is one entry of a candidate list.
type Candidate struct {
	ID         string
	Similarity float64 // cosine, or 1 − L2, as the pack's thresholds
}

// New makes an empty gallery. Errors: CodeInvalid with the field.
func New(c Config) (*Gallery, error) {
	if c.Dimensions == 0 {
		c.Dimensions = 128
	}
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case c.ModelID == "":
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "model_id", "must not be empty")
	case c.Metric != Cosine && c.Metric != L2:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "metric", "must be %s or %s", Cosine, L2)
	case c.Dimensions < 1 || c.Dimensions > maxDimensions:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "dimensions", "must be 1 to %d", maxDimensions)
	case c.Limit < 1 || c.Limit > math.MaxInt32:
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "limit", "must be 1 to %d templates", math.MaxInt32)
	}
	g := &Gallery{c: c, stride: (c.Dimensions + line - 1) / line * line, rows: map[string]int{}}
	g.slack = float64(g.stride/8+8) * 0x1p-23 // eight sums of stride/8 terms each, then three additions
	return g, nil
}

// Len is the number of templates.
func (g *Gallery) Len() int {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return len(g.ids)
}

// Add takes a template in, in the place of one with the same id. Errors:
// CodeConflict, field "template": another model's, or the gallery is full;
// CodeInvalid: the field.
func (g *Gallery) Add(id string, t faceproof.Template) error {
	if id == "" || len(id) > maxID {
		return faceproof.Errorf(faceproof.CodeInvalid, "id", "must be 1 to %d bytes", maxID)
	}
	row, err := g.row(t)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	at, known := g.rows[id]
	if !known {
		if at = len(g.ids); at >= g.c.Limit {
			return faceproof.Errorf(faceproof.CodeConflict, "template", "the gallery is full: it holds %d templates", g.c.Limit)
		}
		if at == len(g.blocks)*blockRows {
			g.blocks = append(g.blocks, make([]float32, min(blockRows, g.c.Limit-at)*g.stride))
		}
		g.ids, g.rows[id] = append(g.ids, id), at
	}
	copy(g.at(at), row)
	clear(row)
	return nil
}

// Remove takes a template out and wipes it; false when there is none. The last row
// takes its place, so that no search passes a gap.
func (g *Gallery) Remove(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.rows[id]
	if !ok {
		return false
	}
	last := len(g.ids) - 1
	copy(g.at(at), g.at(last))
	clear(g.at(last))
	g.ids[at] = g.ids[last]
	g.rows[g.ids[at]] = at
	delete(g.rows, id)
	g.ids[last] = ""
	g.ids = g.ids[:last]
	if b := len(g.blocks) - 1; last == b*blockRows {
		g.blocks[b] = nil
		g.blocks = g.blocks[:b]
	}
	return true
}

// Close wipes all templates; the gallery is empty then.
func (g *Gallery) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.blocks {
		clear(b)
	}
	g.blocks, g.ids = nil, nil
	clear(g.rows)
}

// at is a row; the caller holds the lock.
func (g *Gallery) at(row int) []float32 {
	from := row % blockRows * g.stride
	return g.blocks[row/blockRows][from : from+g.stride]
}

// row is a template as it lies in a block: padded with zeros, and of unit length
// for Cosine.
func (g *Gallery) row(t faceproof.Template) ([]float32, error) {
	if t.ModelID != g.c.ModelID {
		return nil, faceproof.Errorf(faceproof.CodeConflict, "template", "made by another model: enrol again")
	}
	if len(t.Vector) != g.c.Dimensions {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "template", "has the wrong length")
	}
	sum := 0.
	for _, v := range t.Vector {
		sum += float64(v) * float64(v)
	}
	// A vector of zeros is like nobody and everybody. Squares must fit a float32.
	if !(sum >= 1e-12 && sum <= 1e12) { // NaN is in neither
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "template", "is no vector of a face")
	}
	scale := 1.
	if g.c.Metric == Cosine {
		scale = 1 / math.Sqrt(sum)
	}
	row := make([]float32, g.stride)
	for i, v := range t.Vector {
		row[i] = float32(float64(v) * scale)
	}
	return row, nil
}

// Search gives the k references most like a probe, of those at least as similar as
// threshold (−Inf: all), most alike first, then by id. Errors: CodeConflict and
// CodeInvalid as Add's, field "k" when it is not 1 to MaxCandidates; ctx's.
func (g *Gallery) Search(ctx context.Context, probe faceproof.Template, k int, threshold float64) ([]Candidate, error) {
	if k < 1 || k > MaxCandidates {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "k", "must be 1 to %d", MaxCandidates)
	}
	if math.IsNaN(threshold) {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "threshold", "must be a number")
	}
	p, err := g.row(probe)
	if err != nil {
		return nil, err
	}
	defer clear(p)
	g.mu.RLock()
	defer g.mu.RUnlock()
	all, err := scan(ctx, g, func(block int, best *best[Candidate]) {
		first := block * blockRows
		rows := g.blocks[block][:min(blockRows, len(g.ids)-first)*g.stride]
		for i := 0; i < len(rows); i += g.stride {
			if row := rows[i : i+g.stride]; g.near(p, row, best.floor) {
				best.offer(Candidate{g.ids[first+i/g.stride], g.similarity(p, row)})
			}
		}
	}, func() *best[Candidate] { return newBest(k, threshold, byCandidate) })
	if err != nil {
		return nil, err
	}
	return all.list(), nil
}

// scan lets workers take blocks one by one, each with a best of its own, and merges them.
func scan[T any](ctx context.Context, g *Gallery, do func(block int, b *best[T]), fresh func() *best[T]) (*best[T], error) {
	all := fresh()
	var next atomic.Int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range min(g.c.Workers, max(1, len(g.blocks))) {
		wg.Go(func() {
			own := fresh()
			for ctx.Err() == nil {
				b := int(next.Add(1)) - 1
				if b >= len(g.blocks) {
					break
				}
				do(b, own)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, c := range own.kept {
				all.offer(c)
			}
			all.dropped = all.dropped || own.dropped
		})
	}
	wg.Wait()
	return all, ctx.Err()
}

// near says whether two rows may be as similar as floor, by float32 sums and their
// bound; similarity then tells.
func (g *Gallery) near(a, b []float32, floor float64) bool {
	if g.c.Metric == Cosine {
		return float64(dot(a, b)) >= floor-g.slack
	}
	far := 1 - floor
	return far >= 0 && float64(squared(a, b)) <= far*far*(1+2*g.slack)
}

// similarity of two rows, in float64.
func (g *Gallery) similarity(a, b []float32) float64 {
	var s, d float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		s += x * y
		d += (x - y) * (x - y)
	}
	if g.c.Metric == Cosine {
		return s
	}
	return 1 - math.Sqrt(d)
}
