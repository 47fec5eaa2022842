package capture

import (
	"encoding/binary"
	"math"

	"faceproof"
)

// The sound of a digits attempt: mono, signed 16 bits.
const (
	AudioRate       = 16000           // samples a second
	audioPerMS      = AudioRate / 1e3 //
	MinAudioSamples = 20 * AudioRate / 1000
	MaxAudioSamples = 500 * AudioRate / 1000 // of a message
)

const audioKind = 2

// Audio is one piece of sound of the client. PCM is not copied from the
// message: the caller of Handle must not reuse its buffer.
type Audio struct {
	Attempt int
	Seq     uint32
	T       float64 // ms of the first sample, client clock
	PCM     []byte  // 16-bit little-endian, mono, AudioRate
}

// Len is the number of samples.
func (a Audio) Len() int { return len(a.PCM) / 2 }

// EndT is the time at which the last sample ends.
func (a Audio) EndT() float64 { return a.T + float64(a.Len())/audioPerMS }

// AppendSamples decodes the PCM behind s.
func (a Audio) AppendSamples(s []int16) []int16 {
	for i := 0; i+1 < len(a.PCM); i += 2 {
		s = append(s, int16(binary.LittleEndian.Uint16(a.PCM[i:])))
	}
	return s
}

// AppendAudio encodes a behind b, as the client does.
func AppendAudio(b []byte, a Audio) []byte {
	b = append(b, audioKind, byte(a.Attempt), 0, 0)
	b = binary.BigEndian.AppendUint32(b, a.Seq)
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(a.T))
	return append(b, a.PCM...)
}

// ParseAudio decodes a binary message of sound; its PCM is part of data. The
// rate is not said: there is one. Errors: CodeInvalid with field "audio",
// "audio.kind", "audio.attempt", "audio.flags" or "audio.t".
func ParseAudio(data []byte) (Audio, error) {
	bad := func(field, why string) (Audio, error) {
		return Audio{}, faceproof.Errorf(faceproof.CodeInvalid, field, "%s", why)
	}
	if len(data) <= FrameHeader {
		return bad("audio", "is not longer than its header")
	}
	if data[0] != audioKind {
		return bad("audio.kind", "must be 2")
	}
	if binary.BigEndian.Uint16(data[2:]) != 0 {
		return bad("audio.flags", "has unknown bits")
	}
	a := Audio{
		Attempt: int(data[1]),
		Seq:     binary.BigEndian.Uint32(data[4:]),
		T:       math.Float64frombits(binary.BigEndian.Uint64(data[8:])),
		PCM:     data[FrameHeader:],
	}
	switch n := len(a.PCM); {
	case n%2 != 0:
		return bad("audio", "has half a sample")
	case n/2 < MinAudioSamples || n/2 > MaxAudioSamples:
		return bad("audio", "must be 20 to 500 ms of samples")
	case a.Attempt < 1:
		return bad("audio.attempt", "counts from 1")
	case !validTime(a.T):
		return bad("audio.t", "must be milliseconds from 0 to 1e12")
	}
	return a, nil
}
