package provenance

import (
	"crypto/sha256"
	"math"

	"faceproof"
	"faceproof/internal/imaging"
)

const (
	maxFrames  = 600 // of an attempt; more are not looked at
	lookEvery  = 6   // frames between two looks at the compression
	minDetail  = .1  // share of blocks with structure that a frame needs to be told from another black one
	sampleRate = 4   // of so many frames and marks, one goes into the index, chosen by its own hash
	maxMarks   = 128 // of an attempt
)

// Meter measures one attempt, frame by frame, in bounded memory (under 1 MB for
// 600 frames); no picture is kept but some blocks of the last one. Not for
// concurrent use; the zero Meter is ready.
type Meter struct {
	frames    int
	repeats   int
	sums      map[[32]byte]bool // of the JPEGs seen
	traces    [][]byte          // of those that go to the index
	encodings map[uint64]bool
	times     []float64 // ms
	grids     []grid    // one a frame
	blocks    blocks
	combs     comb
	phases    phases
}

// Reset forgets everything.
func (m *Meter) Reset() {
	*m = Meter{times: m.times[:0], grids: m.grids[:0], blocks: blocks{last: m.blocks.last[:0], now: m.blocks.now[:0]}}
}

// Frame takes a decoded frame, its header, its bytes and its time in ms. Frames
// come in order.
func (m *Meter) Frame(pic *imaging.Image, info imaging.JPEGInfo, jpeg []byte, t float64) {
	if m.frames >= maxFrames || pic == nil || pic.W < 16 || pic.H < 16 {
		return
	}
	if m.sums == nil {
		m.sums, m.encodings = map[[32]byte]bool{}, map[uint64]bool{}
	}
	detail := m.blocks.frame(pic)
	sum := sha256.Sum256(jpeg)
	switch {
	case m.sums[sum]:
		m.repeats++
	case detail >= minDetail && sum[0]%sampleRate == 0 && len(m.traces) < maxMarks:
		m.traces = append(m.traces, sum[:])
	}
	m.sums[sum] = true
	m.encodings[info.Encoding()] = true
	m.times = append(m.times, t)
	m.grids = append(m.grids, gridOf(pic))
	if m.frames%lookEvery == 0 {
		m.phases.frame(pic)
		m.combs.frame(pic, info.Luma())
	}
	m.frames++
}

// Evidence is the result so far, without what the client declared and what the
// index knows; every number is finite. Traces are those of the attempt.
func (m *Meter) Evidence() faceproof.ProvenanceEvidence {
	e := faceproof.ProvenanceEvidence{
		Frames: m.frames, Repeats: m.repeats, Encodings: len(m.encodings),
		Still: m.blocks.still(), Grid: m.phases.strength(), Combed: m.combs.share(), EvenTimes: even(m.times),
		Traces: faceproof.Traces{Frames: m.traces, Motions: marks(m.grids, m.times)},
	}
	e.NoiseBlocks, e.Noise, e.NoiseSlope = m.blocks.noise()
	return e
}

// even is the share of intervals that are whole multiples of the smallest one,
// to a microsecond: a program's clock. A camera's jitters, and a browser that
// rounds its times to milliseconds makes 33 and 34 of 33.3.
func even(t []float64) float64 {
	if len(t) < 3 {
		return 0
	}
	least := math.Inf(1)
	for i := 1; i < len(t); i++ {
		least = min(least, t[i]-t[i-1])
	}
	if !(least > 0) || math.IsInf(least, 0) {
		return 0
	}
	n := 0
	for i := 1; i < len(t); i++ {
		d := t[i] - t[i-1]
		if math.Abs(d-math.Round(d/least)*least) < .001 {
			n++
		}
	}
	return float64(n) / float64(len(t)-1)
}

// luma is 1000 times the BT.601 luminance of the pixel at byte i.
func luma(p []uint8, i int) int { return 299*int(p[i]) + 587*int(p[i+1]) + 114*int(p[i+2]) }
