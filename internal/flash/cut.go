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

// cut is step S10: how far the face jumps between two frames where a colour
// begins, over how far it moves between two frames elsewhere; both are medians
// of the length of the motion in units of its own spread. A person does not know
// when the colours change: about 1. A video made of pieces jumps where they meet.
// 0: not measured.
func (s *Surface) cut(tl Timeline, times []float64, latency float64) float64 {
	var at []int // frames with a face, and the steps between neighbours
	for i, m := range s.Motion {
		if i < len(times) && signal.Finite(m[0]+m[1]+m[2]+m[3]) {
			at = append(at, i)
		}
	}
	var steps [][4]float64
	var border []bool
	for n := 1; n < len(at); n++ {
		i, j := at[n-1], at[n]
		if j != i+1 {
			continue
		}
		from, to := times[i]-latency, times[j]-latency
		if from < tl.Segment[0]-.5 || to > tl.Post+.3 {
			continue
		}
		var d [4]float64
		for k := range d {
			d[k] = s.Motion[j][k] - s.Motion[i][k]
		}
		steps = append(steps, d)
		border = append(border, slices.ContainsFunc(tl.Segment, func(t float64) bool { return t > from && t <= to }))
	}
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
