package digits

import (
	"math"
	"slices"
)

// Marks of a sound, to know one that comes again. A mark is a similarity hash
// (random hyperplanes) of how the powers of 15 pairs of neighbouring bands change
// against each other, every 200 ms for 2.4 s: after the sign hashes of Haitsma and
// Kalker (ISMIR 2002), over so long that it holds two digits and the pause between
// them, which nobody says twice alike. What was said, when and how decides; nothing
// asks by whom. Level, a loudspeaker's colour, compression and some noise make
// little difference: powers are compared with themselves, above a floor.
const (
	markBands  = 16
	markLow    = 2   // mel band; each of ours is two of them: 140 Hz to 5.3 kHz
	markHop    = 2   // rows of 10 ms between two marks
	markSmooth = 8   // rows: a copy is not cut at the same sample
	markStep   = 20  // rows between the powers that are compared
	markSteps  = 12  //
	markFloor  = .06 // of the loud rows of a band, 12 dB below: quieter is as good as noise
	markLoud   = .98 // quantile
	minMarked  = .35 // nepers, root mean square of the changes: with less, a mark is one of noise
)

const markDims = markSteps * (markBands - 1)

// markPlanes are ±1, fixed: what is stored is under a key, not under a secret
// direction.
var markPlanes = func() (p [markDims]uint64) {
	state := uint64(0xd1b54a32d192ed03)
	for i := range p { // splitmix64
		state += 0x9e3779b97f4a7c15
		z := state
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		p[i] = z ^ z>>31
	}
	return p
}()

// Marks gives the marks of what was heard, one every 20 ms where enough changes,
// none twice, of the first MaxSeconds. They are no voiceprint: the same person's
// next reading shares fewer than a copy does, see docs/evaluation.md.
func Marks(s Sound) []uint64 {
	s.Samples = s.Samples[:min(len(s.Samples), MaxSeconds*Rate)]
	levels := markLevels(s.Float())
	var out []uint64
	seen := map[uint64]bool{}
	var change [markDims]float32
	for t := 0; t+markSteps*markStep/markHop < len(levels); t++ {
		var energy float32
		k := 0
		for i := range markSteps {
			a, b := &levels[t+i*markStep/markHop], &levels[t+(i+1)*markStep/markHop]
			for m := range markBands - 1 {
				d := b[m] - b[m+1] - a[m] + a[m+1]
				change[k] = d
				energy += d * d
				k++
			}
		}
		if energy < minMarked*minMarked*markDims {
			continue
		}
		var sum [64]float32
		for k, d := range change {
			bits := markPlanes[k]
			for j := range sum { // the sign from a bit, without a branch
				sum[j] += math.Float32frombits(math.Float32bits(d) ^ uint32(bits>>j&1)<<31)
			}
		}
		var h uint64
		for j, v := range sum {
			if v > 0 {
				h |= 1 << j
			}
		}
		if !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	return out
}

// markLevels gives the logarithms of smoothed powers, a row every 20 ms.
func markLevels(x []float32) [][markBands]float32 {
	rows := logMel(x)
	if len(rows) < markSmooth {
		return nil
	}
	powers := make([][markBands]float64, len(rows))
	for t := range rows {
		for m := range powers[t] {
			powers[t][m] = math.Exp(rows[t][markLow+2*m]) + math.Exp(rows[t][markLow+2*m+1])
		}
	}
	smooth := make([][markBands]float64, 0, len(rows)/markHop)
	var sum [markBands]float64
	for t := range powers {
		for m := range sum {
			sum[m] += powers[t][m]
			if t >= markSmooth {
				sum[m] -= powers[t-markSmooth][m]
			}
		}
		if t >= markSmooth-1 && t%markHop == 0 {
			smooth = append(smooth, sum)
		}
	}
	var floor [markBands]float64
	level := make([]float64, len(smooth))
	for m := range floor {
		for t := range smooth {
			level[t] = smooth[t][m]
		}
		slices.Sort(level)
		floor[m] = markFloor * level[int(markLoud*float64(len(level)))]
	}
	out := make([][markBands]float32, len(smooth))
	for t := range smooth {
		for m, p := range smooth[t] {
			out[t][m] = float32(math.Log(max(p, 0) + floor[m])) // the running sum may be a hair below 0
		}
	}
	return out
}
