package digits

import (
	"faceproof"
	"faceproof/internal/signal"
)

// gapMS is how much later than its place in the row of samples a piece may be
// before something is missing in between.
const gapMS = 100

// Track puts the pieces of one attempt together as they arrive. The zero value
// is ready; it is not for concurrent use.
type Track struct {
	samples []int16
	missing int       // samples of zeros that stand for what did not come
	offsets []float64 // ms of each piece's first sample, less its place
	next    float64   // ms at which the next piece belongs; NaN-free once there is a piece
}

// Add takes a piece whose first sample was heard at t (ms, client clock). A
// hole of more than 100 ms is filled with zeros and counted, so that what comes
// behind it keeps its time; smaller ones are the clock's jitter. Errors:
// CodeInvalid, field "sound", for more than MaxSeconds, and for a time that is
// no number or goes back by more than a piece could.
func (a *Track) Add(t float64, samples []int16) error {
	if !signal.Finite(t) || len(a.samples) > 0 && t < a.next-1000 {
		return faceproof.Errorf(faceproof.CodeInvalid, "sound", "the times of the pieces are not in order")
	}
	hole := 0
	if late := t - a.next; len(a.samples) > 0 && late > gapMS {
		if late > 1000*MaxSeconds {
			return tooLong()
		}
		hole = int(late * Rate / 1000)
	}
	if len(a.samples)+hole+len(samples) > MaxSeconds*Rate {
		return tooLong()
	}
	if len(samples) == 0 {
		return nil
	}
	a.samples = append(append(a.samples, make([]int16, hole)...), samples...)
	a.missing += hole
	start := float64(len(a.samples)-len(samples)) * 1000 / Rate
	a.offsets = append(a.offsets, t-start)
	if hole > 0 || len(a.offsets) == 1 {
		a.next = t
	}
	a.next += float64(len(samples)) * 1000 / Rate
	return nil
}

func tooLong() error {
	return faceproof.Errorf(faceproof.CodeInvalid, "sound", "is longer than %d seconds", MaxSeconds)
}

// Sound gives what has come. T0 is the median over the pieces: one late one does
// not move it.
func (a *Track) Sound() Sound {
	if len(a.samples) == 0 {
		return Sound{}
	}
	return Sound{Samples: a.samples, T0: signal.Median(a.offsets), Gaps: float64(a.missing) / float64(len(a.samples))}
}

// Reset forgets everything and keeps the memory.
func (a *Track) Reset() {
	clear(a.samples) // a voice
	*a = Track{samples: a.samples[:0], offsets: a.offsets[:0]}
}
