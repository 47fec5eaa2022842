package digits

import (
	"encoding/binary"
	"math"
	"slices"
	"sync"
	"time"

	"faceproof"
	"faceproof/internal/signal"
)

// Limits of a WAV file.
const (
	maxWAVBytes    = 20 << 20
	maxWAVChannels = 8
	maxWAVChunks   = 64
)

// wavRates are those that a file may have: their ratios to Rate are of small
// numbers.
var wavRates = []int{8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

var resamplers = sync.OnceValue(func() map[int]*signal.Resampler {
	all := map[int]*signal.Resampler{}
	for _, rate := range wavRates {
		all[rate] = signal.NewResampler(rate, Rate)
	}
	return all
})

// The formats of samples (RFC 2361).
const (
	wavPCM        = 1
	wavFloat      = 3
	wavExtensible = 0xfffe
)

// wavGUID is behind the format code in the sub-format of an extensible header.
var wavGUID = []byte{0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71}

type wavFormat struct {
	code, channels, rate, bytes int // bytes of one sample
}

// ParseWAV reads a WAV file for evaluation and comparison: RIFF, little-endian,
// 8 to 48 kHz, 1 to 8 channels of 16, 24 or 32-bit integers or 32-bit floats;
// the mean of the channels, at Rate. Nothing that a header says is believed: its
// sizes must fit the file. Errors: CodeInvalid, field "wav"; the file's sound is
// never longer than longest.
func ParseWAV(data []byte, longest time.Duration) (Sound, error) {
	bad := func(why string) (Sound, error) { return Sound{}, badWAV(why) }
	if len(data) > maxWAVBytes {
		return bad("is over-large")
	}
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return bad("is no RIFF WAVE file")
	}
	// The size of RIFF says nothing that the chunks do not; it must not reach
	// beyond the file.
	if int64(binary.LittleEndian.Uint32(data[4:]))+8 > int64(len(data)) {
		return bad("is cut short")
	}
	var f wavFormat
	rest := data[12:]
	for range maxWAVChunks {
		if len(rest) < 8 {
			return bad("has no sound")
		}
		id, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		if size > int64(len(rest)-8) {
			return bad("has a chunk that reaches beyond its end")
		}
		chunk := rest[8 : 8+size]
		switch id {
		case "fmt ":
			var err error
			if f, err = parseFormat(chunk); err != nil {
				return Sound{}, err
			}
		case "data":
			if f.code == 0 {
				return bad("has its sound before its format")
			}
			return f.sound(chunk, longest)
		}
		rest = rest[8+size:]
		if size%2 == 1 && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	return bad("has too many chunks")
}

func badWAV(why string) error { return faceproof.Errorf(faceproof.CodeInvalid, "wav", "%s", why) }

func parseFormat(b []byte) (wavFormat, error) {
	bad := func(why string) (wavFormat, error) { return wavFormat{}, badWAV(why) }
	if len(b) < 16 {
		return bad("has a short format")
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(b[at:])) }
	f := wavFormat{code: u16(0), channels: u16(2), rate: int(binary.LittleEndian.Uint32(b[4:]))}
	align, width := u16(12), u16(14)
	if f.code == wavExtensible {
		if len(b) < 40 || u16(16) < 22 || !slices.Equal(b[26:40], wavGUID) || u16(18) != width {
			return bad("has an extensible format that is not understood")
		}
		f.code = u16(24)
	}
	f.bytes = width / 8
	switch {
	case f.channels < 1 || f.channels > maxWAVChannels:
		return bad("must have 1 to 8 channels")
	case !slices.Contains(wavRates, f.rate):
		return bad("must have one of the usual rates of 8 to 48 kHz")
	case f.code == wavPCM && (width == 16 || width == 24 || width == 32), f.code == wavFloat && width == 32:
	default:
		return bad("must have integers of 16, 24 or 32 bits or floats of 32")
	}
	if align != f.channels*f.bytes || int64(binary.LittleEndian.Uint32(b[8:])) != int64(f.rate*align) {
		return bad("has a format that contradicts itself")
	}
	return f, nil
}

// sound reads the samples.
func (f wavFormat) sound(b []byte, longest time.Duration) (Sound, error) {
	align := f.channels * f.bytes
	n := len(b) / align
	switch {
	case n == 0:
		return Sound{}, badWAV("has no sound")
	case len(b)%align != 0:
		return Sound{}, badWAV("ends in the middle of a sample")
	case float64(n) > longest.Seconds()*float64(f.rate):
		return Sound{}, badWAV("is too long")
	}
	mono := make([]float32, n)
	for i := range mono {
		var sum float64
		for c := range f.channels {
			v := f.sample(b[i*align+c*f.bytes:])
			if !signal.Finite(v) || math.Abs(v) > 16 { // far beyond full scale: no sound
				return Sound{}, badWAV("has samples that are no sound")
			}
			sum += v
		}
		mono[i] = float32(sum / float64(f.channels))
	}
	if f.rate != Rate {
		mono = resamplers()[f.rate].Apply(mono)
	}
	s := Sound{Samples: make([]int16, len(mono))}
	for i, v := range mono {
		s.Samples[i] = int16(max(-32768, min(32767, math.Round(float64(v)*32768))))
	}
	return s, nil
}

// sample reads one, from −1 to 1.
func (f wavFormat) sample(b []byte) float64 {
	switch {
	case f.code == wavFloat:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case f.bytes == 2:
		return float64(int16(binary.LittleEndian.Uint16(b))) / (1 << 15)
	case f.bytes == 3:
		return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)>>8) / (1 << 23)
	}
	return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
}
