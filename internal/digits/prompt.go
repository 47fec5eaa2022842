package digits

import "math"

// A digit that was just shown is said within these times, in ms after its
// prompt: nobody reads faster, and the next prompt is near when it is later.
const (
	soonestMS = 150
	latestMS  = 1400
)

// InTime counts the digits whose onset follows their own prompt as the speech of
// a person does who has only just seen them. Both are in ms of one clock; where
// the digits came at once there is one prompt, and nothing to count.
func InTime(onsets, prompts []float64) (n int) {
	if len(prompts) != len(onsets) {
		return 0
	}
	for i, at := range onsets {
		if d := at - prompts[i]; d >= soonestMS && d <= latestMS {
			n++
		}
	}
	return n
}

// Where a digit begins. A network says a digit somewhere in its middle; how far
// in depends on the digit and on how slowly it is drawn out. The beginning is the
// edge of the sound that the row lies in.
const (
	edgeDB     = 20. // under the loudest about the row,
	edgeOver   = 7.  // … and over the quietest before it, in dB
	edgeQuiet  = 3   // pieces of 10 ms that make a pause
	edgeBack   = 60  // pieces from the row back to the edge, at most
	edgeAhead  = 20  // … and forward, where the row is before the sound
	edgeAround = 25  // pieces after the row, of which the loudest counts
)

// Times turns rows of a recogniser that heard s into ms of the client's clock at
// which the digits begin: the edge of the sound about each row, and where there
// is none, in noise or within fluent speech, the row itself.
func Times(rows []int, s Sound, info Info) []float64 {
	level := s.levels()
	last := -1
	var out []float64
	for _, row := range rows {
		ms := windowMS/2 + float64(row)*info.FrameMS
		at := int(ms / levelMS)
		if i, ok := edgeOf(level, at, last); ok {
			ms = float64(i) * levelMS
		}
		out, last = append(out, s.T0+ms), at
	}
	return out
}

// edgeOf finds the piece in which the sound about piece at begins, after piece
// from.
func edgeOf(level []float64, at, from int) (int, bool) {
	if at < 0 || at >= len(level) {
		return 0, false
	}
	floor, least := math.Inf(1), math.Inf(-1)
	for _, v := range level[max(at-edgeBack, from, 0) : at+1] {
		floor = min(floor, v)
	}
	for _, v := range level[max(at-5, 0):min(at+edgeAround, len(level))] {
		least = max(least, v-edgeDB)
	}
	least = max(least, floor+edgeOver)
	i := at
	for i < len(level)-1 && i < at+edgeAhead && level[i] < least {
		i++
	}
	if i > at {
		return i, level[i] >= least
	}
	for quiet := 0; i > max(at-edgeBack, from, 0); i-- {
		if quiet++; level[i] >= least {
			quiet = 0
		}
		if quiet == edgeQuiet {
			return i + edgeQuiet, true
		}
	}
	return 0, false
}

const levelMS = 10.

// levels is the power of every 10 ms in dB, of the sound's slope: without hum.
func (s Sound) levels() []float64 {
	const n = Rate / 1000 * levelMS
	out := make([]float64, len(s.Samples)/n)
	for i := range out {
		sum := 1.
		for j := max(1, i*n); j < (i+1)*n; j++ {
			d := float64(s.Samples[j]) - .97*float64(s.Samples[j-1])
			sum += d * d
		}
		out[i] = 10 * math.Log10(sum/n)
	}
	return out
}
