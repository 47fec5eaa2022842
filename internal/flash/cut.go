package flash

import (
	"math"
	"slices"

	"faceproof/internal/signal"
)

// Steps from frame to frame that are needed, at the borders of segments and
// elsewhere.
const (
	minBorders = 5
	minQuiet   = 15
)

// Steps that count begin before the first colour and end after the last, s.
const (
	beforeFirst = .5
	afterLast   = .3
)

// cut is step S10: how far the face jumps between two frames where a colour
// begins, over how far it moves between two frames elsewhere; both are medians
// of the length of the motion in units of its own spread. A person does not know
// when the colours change: about 1. A video made of pieces jumps where they meet.
// 0: not measured.
func (s *Surface) cut(tl Timeline, times []float64, latency float64) float64 {
	steps, border := s.steps(tl, times, latency)
	var scale [4]float64
	for k := range scale {
		v := make([]float64, len(steps))
		for i := range steps {
			v[i] = math.Abs(steps[i][k])
		}
		scale[k] = signal.Median(v)
	}
	var jumps, quiet []float64
	for i, d := range steps {
		size := 0.
		for k, v := range d {
			if scale[k] > 0 {
				size += v * v / (scale[k] * scale[k])
			}
		}
		if border[i] {
			jumps = append(jumps, math.Sqrt(size))
		} else {
			quiet = append(quiet, math.Sqrt(size))
		}
	}
	if len(jumps) < minBorders || len(quiet) < minQuiet {
		return 0
	}
	if q := signal.Median(quiet); q > 0 {
		return signal.Median(jumps) / q
	}
	return 0
}

// steps gives the motion from each frame to the next while the colours show,
// and whether one began in between; frames without a face have none.
func (s *Surface) steps(tl Timeline, times []float64, latency float64) (steps [][4]float64, border []bool) {
	for j := 1; j < len(times); j++ {
		from, to := times[j-1]-latency, times[j]-latency
		if from < tl.Segment[0]-beforeFirst || to > tl.Post+afterLast {
			continue
		}
		var d [4]float64
		for k := range d {
			d[k] = s.Motion[j][k] - s.Motion[j-1][k]
		}
		if !signal.Finite(d[0] + d[1] + d[2] + d[3]) {
			continue
		}
		steps = append(steps, d)
		border = append(border, slices.ContainsFunc(tl.Segment, func(t float64) bool { return t > from && t <= to }))
	}
	return steps, border
}
