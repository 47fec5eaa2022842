package digits

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"faceproof"
)

// What sound must be like to be judged.
const (
	leastDurationMS = 3000
	leastPeakDB     = -50.
	silenceDB       = -120. // of nothing
	clippedAt       = 32760
	maxClipped      = .02
	maxZero         = .85 // a gate or a noise suppressor leaves nothing between the digits, which is no fault
	maxGaps         = .05
	maxMissingMS    = 700  // against the video
	leastActiveMS   = 800  // four quick digits
	activeRange     = 25.  // dB under the loud frames
	activeAbove     = 6.   // dB over the noise
	quietest        = -90. // dB: the noise of silence
	leastSNR        = 5.   // dB
	loudNoise       = -45. // dBFS: what drowns speech
	noiseQuantile   = .1
	loudQuantile    = .95
)

// CheckSound asks whether there is sound that can be judged, and describes it.
// videoMS is how long the frames of the same attempt last; 0: not known. A fault
// is named in the order in which a person would mend it.
func CheckSound(s Sound, videoMS float64) faceproof.AudioEvidence {
	e := faceproof.AudioEvidence{DurationMS: s.DurationMS(), PeakDB: silenceDB}
	if len(s.Samples) == 0 {
		e.Fault = faceproof.AudioAbsent
		return e
	}
	e.Digest = digest(s.Samples)
	var mean float64
	zero, clipped := 0, 0
	for _, v := range s.Samples {
		mean += float64(v)
		if v == 0 {
			zero++
		}
		if v >= clippedAt || v <= -clippedAt {
			clipped++
		}
	}
	n := float64(len(s.Samples))
	mean /= n
	e.Zero, e.Clipped = float64(zero)/n, float64(clipped)/n
	var peak float64
	for _, v := range s.Samples {
		peak = max(peak, math.Abs(float64(v)-mean))
	}
	if peak > 0 {
		e.PeakDB = max(silenceDB, 20*math.Log10(peak/32768))
	}
	var noise float64
	e.ActiveMS, e.SNRDB, noise = activity(s.Samples, mean)
	switch {
	case e.DurationMS < leastDurationMS, videoMS-e.DurationMS > maxMissingMS, s.Gaps > maxGaps:
		e.Fault = faceproof.AudioShort
	case e.PeakDB < leastPeakDB, e.Zero > maxZero:
		e.Fault = faceproof.AudioSilent
	case e.Clipped > maxClipped:
		e.Fault = faceproof.AudioClipped
	case e.ActiveMS < leastActiveMS && (e.SNRDB >= leastSNR || noise < loudNoise):
		e.Fault = faceproof.AudioNoSpeech
	case e.ActiveMS < leastActiveMS, e.SNRDB < leastSNR: // no speech is found in loud noise either
		e.Fault = faceproof.AudioNoisy
	}
	return e
}

// activity measures the frames of 10 ms that could be speech: near the loud ones
// and well over the quiet ones; by how much their mean power exceeds that of the
// others, and the level of the quiet ones (dBFS). Where there is too little
// speech, the loud ones stand for it.
func activity(samples []int16, mean float64) (ms, snr, noise float64) {
	var level []float64
	for at := 0; at+hop <= len(samples); at += hop {
		var power float64
		for _, v := range samples[at : at+hop] {
			x := (float64(v) - mean) / 32768
			power += x * x
		}
		level = append(level, max(quietest, 10*math.Log10(power/hop+1e-12)))
	}
	noise = quantile(level, noiseQuantile)
	loud := quantile(level, loudQuantile)
	least := max(loud-activeRange, noise+activeAbove)
	var speech, rest, n float64
	for _, l := range level {
		if p := math.Pow(10, l/10); l > least {
			speech += p
			n++
		} else {
			rest += p
		}
	}
	ms, others := n*MelMS, float64(len(level))-n
	if ms < leastActiveMS || others == 0 {
		return ms, loud - noise, noise
	}
	return ms, 10 * math.Log10(speech/n*others/rest), noise
}

// digest names the very samples.
func digest(samples []int16) string {
	h := sha256.New()
	var b [4096]byte
	for len(samples) > 0 {
		n := min(len(samples), len(b)/2)
		for i, v := range samples[:n] {
			binary.LittleEndian.PutUint16(b[2*i:], uint16(v))
		}
		h.Write(b[:2*n])
		samples = samples[n:]
	}
	return hex.EncodeToString(h.Sum(nil))
}
