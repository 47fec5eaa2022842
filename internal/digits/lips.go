package digits

import (
	"math"

	"faceproof"
	"faceproof/internal/signal"
)

// How the opening of the mouth is compared with the sound. Times in ms.
const (
	lipsGrid    = 20.
	lipsLag     = 160 / lipsGrid // steps
	rivalFrom   = 300 / lipsGrid
	rivalTo     = 1000 / lipsGrid
	lipsTrend   = 1200. // width of the moving average that is taken off
	lipsSmooth  = 90.   // of the sound
	lipsFloor   = 6.5   // nepers of power under the loudest
	lipsNulls   = 13    // circular shifts
	lipsSpread  = .03   // least spread of the null
	lipsFrames  = 24    // fewest
	lipsLeastMS = 2000.
	onsetBefore = 150. // the mouth opens for a digit from … to … after its onset
	onsetAfter  = 250.
	onsetShare  = .25 // of the range, over the pauses
	maxOpening  = 10. // no mouth
)

// Lips compares the opening of the mouth, in distances between the eyes, at the
// times at (ms, client clock, ascending), with the sound of the same time:
// Pearson's correlation of the opening and the loudness from 150 to 2,700 Hz,
// without their slow parts, the highest within ±160 ms. Null says by how many
// standard deviations that exceeds what circular shifts of this very sound give, Rival
// how well the sound fits at another time: dubbing that is late or early fits there.
// onsets (ms, client clock; nil: not known) are those of the digits. NaN stands
// for a frame without a mouth. Too little of either leaves Sync at 0.
func Lips(opening, at []float64, s Sound, onsets []float64) faceproof.LipsEvidence {
	var e faceproof.LipsEvidence
	end := s.T0 + s.DurationMS()
	var o, t []float64
	for i, v := range opening[:min(len(opening), len(at))] {
		ok := math.Abs(v) < maxOpening && signal.Finite(at[i]) && at[i] >= s.T0 && at[i] <= end
		if ok && (len(t) == 0 || at[i] > t[len(t)-1]) {
			o, t = append(o, v), append(t, at[i])
		}
	}
	e.Frames = len(o)
	e.Range = quantile(o, .95) - quantile(o, .05)
	if len(o) < lipsFrames || t[len(t)-1]-t[0] < lipsLeastMS {
		return e
	}
	loud := loudness(s)
	n := 1 + int((t[len(t)-1]-t[0])/lipsGrid)
	mouth, voice, level := make([]float64, n), make([]float64, n), make([]float64, n)
	for i, j := 0, 0; i < n; i++ {
		now := t[0] + lipsGrid*float64(i)
		for j+2 < len(t) && t[j+1] < now {
			j++
		}
		share := min(1, (now-t[j])/(t[j+1]-t[j]))
		mouth[i] = o[j] + share*(o[j+1]-o[j])
		level[i] = between(loud, (now-s.T0-windowMS/2)/MelMS)
		voice[i] = level[i]
	}
	e.Onsets = openings(mouth, level, t[0], e.Range, onsets)
	detrend(mouth)
	detrend(voice)
	var lag int
	e.Sync, lag = sync160(mouth, voice, 0)
	e.LagMS = lipsGrid * float64(lag)
	var sum, square float64
	for k := 1; k <= lipsNulls; k++ {
		v, _ := sync160(mouth, voice, k*n/(lipsNulls+1))
		sum, square = sum+v, square+v*v
	}
	for l := int(rivalFrom); l <= rivalTo; l++ {
		e.Rival = max(e.Rival, correlation(mouth, voice, l, 0), correlation(mouth, voice, -l, 0))
	}
	mean := sum / lipsNulls
	e.Null = (e.Sync - mean) / (math.Sqrt(max(0, square/lipsNulls-mean*mean)) + lipsSpread)
	return e
}

// loudness is the smoothed logarithm of the power from 150 to 2,700 Hz, every
// 10 ms.
func loudness(s Sound) []float64 {
	rows := logMel(s.Float())
	raw := make([]float64, len(rows))
	for t := range rows {
		var sum float64
		for _, v := range rows[t][lipsLow:lipsHigh] {
			sum += math.Exp(v)
		}
		raw[t] = math.Log(sum)
	}
	out := smooth(raw, int(lipsSmooth/MelMS)/2)
	top := math.Inf(-1)
	for _, v := range out {
		top = max(top, v)
	}
	for i := range out {
		out[i] = max(out[i], top-lipsFloor)
	}
	return out
}

// smooth is a moving average with a Hann window of 2·half+1 values; at the ends
// of what there is.
func smooth(x []float64, half int) []float64 {
	w := make([]float64, half+1)
	for i := range w {
		w[i] = .5 + .5*math.Cos(math.Pi*float64(i)/float64(half+1))
	}
	out := make([]float64, len(x))
	for i := range x {
		var sum, weight float64
		for k := max(0, i-half); k <= min(len(x)-1, i+half); k++ {
			v := w[max(k-i, i-k)]
			sum, weight = sum+v*x[k], weight+v
		}
		out[i] = sum / weight
	}
	return out
}

// detrend takes the slow part off.
func detrend(x []float64) {
	for i, v := range smooth(x, int(lipsTrend/lipsGrid)/2) {
		x[i] -= v
	}
}

// between gives x at a place between two values, held at the ends.
func between(x []float64, at float64) float64 {
	if len(x) == 0 {
		return 0
	}
	at = max(0, min(at, float64(len(x)-1)))
	i := min(int(at), max(len(x)-2, 0))
	if i+1 == len(x) {
		return x[i]
	}
	return x[i] + (at-float64(i))*(x[i+1]-x[i])
}

// sync160 is the highest correlation of the mouth with the voice turned by some
// steps, and its lag in steps: positive when the mouth is later.
func sync160(mouth, voice []float64, turn int) (best float64, lag int) {
	best = -1
	for l := -int(lipsLag); l <= int(lipsLag); l++ {
		if r := correlation(mouth, voice, l, turn); r > best || r == best && max(l, -l) < max(lag, -lag) {
			best, lag = r, l
		}
	}
	return best, lag
}

// correlation is Pearson's, of the mouth l steps later with the voice turned by
// some steps; 0 where one of them is constant.
func correlation(mouth, voice []float64, l, turn int) float64 {
	n := len(mouth)
	var sm, sv, mm, vv, mv, count float64
	for i := max(0, -l); i < min(n, n-l); i++ {
		m, v := mouth[i+l], voice[(i+turn)%n]
		sm, sv, mm, vv, mv = sm+m, sv+v, mm+m*m, vv+v*v, mv+m*v
		count++
	}
	a, b := mm-sm*sm/count, vv-sv*sv/count
	if !(a > 1e-12*count && b > 1e-12*count) {
		return 0
	}
	return (mv - sm*sv/count) / math.Sqrt(a*b)
}

// openings counts the onsets at which the mouth is open wider than in the pauses
// of the sound.
func openings(mouth, level []float64, start, span float64, onsets []float64) (n int) {
	half := (quantile(level, .1) + quantile(level, .9)) / 2
	var pause []float64
	for i, v := range level {
		if v < half {
			pause = append(pause, mouth[i])
		}
	}
	if len(pause) == 0 || !(span > 0) {
		return 0
	}
	least := signal.Median(pause) + onsetShare*span
	for _, at := range onsets {
		from, to := int((at-onsetBefore-start)/lipsGrid), int((at+onsetAfter-start)/lipsGrid)
		for i := max(0, from); i <= min(to, len(mouth)-1); i++ {
			if mouth[i] > least {
				n++
				break
			}
		}
	}
	return n
}
