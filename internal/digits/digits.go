// Package digits makes the challenge of digits to read aloud and checks the
// answer, together so that they cannot drift apart.
//
// The person reads random digits that appear one by one. Four things are
// measured: whether the sound can be judged at all; how probable a small
// recogniser holds the expected digits (exact connectionist temporal
// classification, not a transcript); whether each digit is heard when a person
// who has just seen it would say it; and whether the mouth opens with the sound.
//
// What it cannot see: a synthesised voice with a face animated by it, or a voice
// that is not this person's. The measures are estimates with error rates; the
// thresholds of the recogniser come from its calibration file. Policy is
// elsewhere (faceproof.Decide).
package digits

import "context"

// Rate is the sampling rate of all sound here, in samples a second, one channel.
const Rate = 16_000

// MaxSeconds bounds the sound of one attempt.
const MaxSeconds = 20

// Sound is what was heard in one attempt.
type Sound struct {
	Samples []int16 // at Rate
	T0      float64 // ms, client clock, of the first sample
	Gaps    float64 // share that did not arrive and is zeros in Samples
}

// DurationMS is the length.
func (s Sound) DurationMS() float64 { return 1000 * float64(len(s.Samples)) / Rate }

// Float gives the samples from −1 to 1.
func (s Sound) Float() []float32 {
	out := make([]float32, len(s.Samples))
	for i, v := range s.Samples {
		out[i] = float32(v) / 32768
	}
	return out
}

// From gives what was heard from t on (ms, client clock).
func (s Sound) From(t float64) Sound {
	n := int(max(0, min((t-s.T0)*Rate/1000, float64(len(s.Samples)))))
	return Sound{Samples: s.Samples[n:], T0: s.T0 + float64(n)*1000/Rate, Gaps: s.Gaps}
}

// Mels is how many bands LogMel gives.
const Mels = 40

// Recogniser turns features into log-probabilities of classes; internal/digits/asr
// is the one with a network. It is safe for concurrent use.
type Recogniser interface {
	// LogProbs gives one row of len(Info().Classes) natural logarithms for every
	// Info().FrameMS. Errors: CodeInvalid, field "sound", for more than MaxSeconds.
	LogProbs(ctx context.Context, mel [][Mels]float32) ([][]float32, error)
	Info() Info
}

// Info describes a recogniser.
type Info struct {
	Model   string   // stable id
	Classes []string // of a row; see NewClasses
	FrameMS float64  // between rows
	// MinA gives the calibrated score for n digits and the rate at which random
	// other digits reach it. ok is false where there is no calibration: then the
	// score must not count as a pass.
	MinA func(n int) (a, far float64, ok bool) `json:"-"`
}
