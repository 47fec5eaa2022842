package digits

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"faceproof"
)

// wav writes a file with any header; the chunk sizes can lie.
type wav struct {
	code, channels, rate, align, bits int
	byteRate                          int // 0: what fits
	data                              []byte
	size                              uint32 // of data; 0: what fits
	before                            []byte // chunks before fmt
}

func (w wav) bytes() []byte {
	var f []byte
	f = binary.LittleEndian.AppendUint16(f, uint16(w.code))
	f = binary.LittleEndian.AppendUint16(f, uint16(w.channels))
	f = binary.LittleEndian.AppendUint32(f, uint32(w.rate))
	if w.align == 0 {
		w.align = w.channels * w.bits / 8
	}
	if w.byteRate == 0 {
		w.byteRate = w.rate * w.align
	}
	f = binary.LittleEndian.AppendUint32(f, uint32(w.byteRate))
	f = binary.LittleEndian.AppendUint16(f, uint16(w.align))
	f = binary.LittleEndian.AppendUint16(f, uint16(w.bits))
	if w.size == 0 {
		w.size = uint32(len(w.data))
	}
	body := append([]byte("WAVE"), w.before...)
	body = append(body, "fmt "...)
	body = binary.LittleEndian.AppendUint32(body, uint32(len(f)))
	body = append(append(body, f...), "data"...)
	body = append(binary.LittleEndian.AppendUint32(body, w.size), w.data...)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// encode gives samples from −1 to 1 in a format.
func encode(x []float64, code, bits int) (out []byte) {
	for _, v := range x {
		switch {
		case code == wavFloat:
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(v)))
		case bits == 16:
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(v*32767)))
		case bits == 24:
			u := uint32(int32(v * (1<<23 - 1)))
			out = append(out, byte(u), byte(u>>8), byte(u>>16))
		default:
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(v*(1<<31-1))))
		}
	}
	return out
}

// Every format, rate and number of channels gives the same sound.
func TestWAVFormats(t *testing.T) {
	const hz = 440
	for _, f := range []struct{ code, bits int }{{wavPCM, 16}, {wavPCM, 24}, {wavPCM, 32}, {wavFloat, 32}} {
		for _, rate := range wavRates {
			for _, channels := range []int{1, 2, 8} {
				var x []float64
				for i := range rate / 2 {
					for range channels {
						x = append(x, .5*math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
					}
				}
				s, err := ParseWAV(wav{code: f.code, channels: channels, rate: rate, bits: f.bits, data: encode(x, f.code, f.bits)}.bytes(), time.Second)
				if err != nil {
					t.Fatalf("%+v, %d Hz, %d channels: %v", f, rate, channels, err)
				}
				if d := len(s.Samples) - Rate/2; d < -1 || d > 1 {
					t.Fatalf("%d Hz: %d samples", rate, len(s.Samples))
				}
				for i := 300; i < len(s.Samples)-300; i++ {
					if want := 16384 * math.Sin(2*math.Pi*hz*float64(i)/Rate); math.Abs(float64(s.Samples[i])-want) > 40 {
						t.Fatalf("%+v, %d Hz, %d channels: sample %d is %d, want %.0f", f, rate, channels, i, s.Samples[i], want)
					}
				}
			}
		}
	}
}

// Files that lie or that nobody needs are CodeInvalid, field "wav".
func TestHostileWAV(t *testing.T) {
	second := encode(make([]float64, Rate), wavPCM, 16)
	good := wav{code: wavPCM, channels: 1, rate: Rate, bits: 16, data: second}
	with := func(f func(*wav)) []byte {
		w := good
		f(&w)
		return w.bytes()
	}
	float := func(v float32) []byte {
		return with(func(w *wav) {
			w.code, w.bits, w.data = wavFloat, 32, binary.LittleEndian.AppendUint32(make([]byte, 4000), math.Float32bits(v))
		})
	}
	var chunks []byte
	for range maxWAVChunks {
		chunks = append(chunks, "junk\x00\x00\x00\x00"...)
	}
	whole := good.bytes()
	for name, data := range map[string][]byte{
		"nothing":             nil,
		"no RIFF":             []byte("OggS and some more bytes"),
		"big-endian":          append([]byte("RIFX"), whole[4:]...),
		"64-bit sizes":        append([]byte("RF64"), whole[4:]...),
		"only a header":       whole[:12],
		"no data":             whole[:36],
		"cut short":           whole[:len(whole)-100],
		"data before format":  []byte("RIFF\x0c\x00\x00\x00WAVEdata\x00\x00\x00\x00"),
		"zero length":         with(func(w *wav) { w.data = nil }),
		"half a sample":       with(func(w *wav) { w.data = second[:1001] }),
		"data beyond the end": with(func(w *wav) { w.size = 1 << 30 }),
		"endless data":        with(func(w *wav) { w.size = math.MaxUint32 }),
		"too many chunks":     with(func(w *wav) { w.before = chunks }),
		"no channel":          with(func(w *wav) { w.channels, w.align = 0, 2 }),
		"nine channels":       with(func(w *wav) { w.channels, w.data = 9, second[:18*500] }),
		"65,535 channels":     with(func(w *wav) { w.channels = 65535 }),
		"zero hertz":          with(func(w *wav) { w.rate = 0 }),
		"7,999 hertz":         with(func(w *wav) { w.rate = 7999 }),
		"96 kHz":              with(func(w *wav) { w.rate = 96000 }),
		"4 GHz":               with(func(w *wav) { w.rate, w.byteRate = math.MaxUint32, 1 }),
		"8 bits":              with(func(w *wav) { w.bits = 8 }),
		"no bits":             with(func(w *wav) { w.bits, w.align = 0, 2 }),
		"64 bits":             with(func(w *wav) { w.bits = 64 }),
		"half floats":         with(func(w *wav) { w.code = wavFloat }),
		"µ-law":               with(func(w *wav) { w.code = 7 }),
		"no format":           with(func(w *wav) { w.code = 0 }),
		"another align":       with(func(w *wav) { w.align = 4 }),
		"another byte rate":   with(func(w *wav) { w.byteRate = 7 }),
		"NaN":                 float(float32(math.NaN())),
		"infinite":            float(float32(math.Inf(-1))),
		"enormous":            float(1e30),
		"ten minutes": with(func(w *wav) {
			w.rate, w.data = 8000, make([]byte, 600*16000)
		}),
		"over-large": make([]byte, maxWAVBytes+1),
	} {
		_, err := ParseWAV(data, MaxSeconds*time.Second)
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "wav") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := ParseWAV(whole, time.Second); err != nil || len(s.Samples) != Rate {
		t.Errorf("the good one: %v", err)
	}
	if _, err := ParseWAV(whole, time.Second-time.Millisecond); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
		t.Errorf("a little too long: %v", err)
	}
}

// hostileWAV is what ParseWAV says of the files of the shared data that are called
// sound; of all others it says that they are no RIFF WAVE file.
var hostileWAV = map[string]string{
	"mutagen/silence-2s-PCM-16000-08-ID3v23.wav":                 "must have integers",
	"mutagen/silence-2s-PCM-44100-16-ID3v23.wav":                 "", // a tag of foreign kind behind the sound
	"scipy-wav/test-44100Hz-2ch-32bit-float-le.wav":              "",
	"scipy-wav/test-44100Hz-be-1ch-4bytes.wav":                   "is no RIFF WAVE file",
	"scipy-wav/test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": "is cut short",
	"scipy-wav/test-44100Hz-le-1ch-4bytes-early-eof.wav":         "is cut short",
	"scipy-wav/test-44100Hz-le-1ch-4bytes-rf64.wav":              "is no RIFF WAVE file",
	"scipy-wav/test-48000Hz-2ch-64bit-float-le-wavex.wav":        "must have integers",
	"scipy-wav/test-8000Hz-le-1ch-1byte-ulaw.wav":                "must have integers",
	"scipy-wav/test-8000Hz-le-2ch-1byteu.wav":                    "must have integers",
	"scipy-wav/test-8000Hz-le-3ch-5S-45bit.wav":                  "must have integers",
	"scipy-wav/test-8000Hz-le-3ch-5S-64bit.wav":                  "must have integers",
	"scipy-wav/test-8000Hz-le-5ch-9S-5bit.wav":                   "must have integers",
}

// The hostile files of the shared data: each has its answer, the same one every
// time, and no more memory than its size allows.
func TestSharedHostileFiles(t *testing.T) {
	shared := os.Getenv("FACEPROOF_SHARED")
	if shared == "" {
		t.Skip("FACEPROOF_SHARED is not set")
	}
	files, err := filepath.Glob(filepath.Join(shared, "data", "09-hostile", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("no hostile files")
	}
	met := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		name := filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
		want, listed := hostileWAV[name]
		if listed {
			met++
		} else if want = "is no RIFF WAVE file"; strings.EqualFold(filepath.Ext(name), ".wav") {
			t.Errorf("%s: what is wanted of it is not written down", name)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s, err := ParseWAV(data, MaxSeconds*time.Second)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 8*uint64(len(data))+4<<20 {
			t.Errorf("%s: %d bytes for a file of %d", name, used, len(data))
		}
		switch {
		case want == "" && (err != nil || len(s.Samples) == 0):
			t.Errorf("%s: %d samples, %v", name, len(s.Samples), err)
		case want != "" && (faceproof.ErrorCode(err) != faceproof.CodeInvalid || !strings.Contains(err.Error(), "wav: "+want) || len(s.Samples) > 0):
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if met != len(hostileWAV) {
		t.Errorf("%d of the %d files that are called sound are there", met, len(hostileWAV))
	}
}

func FuzzParseWAV(f *testing.F) {
	x := make([]float64, 200)
	for i := range x {
		x[i] = math.Sin(float64(i))
	}
	for _, w := range []wav{
		{code: wavPCM, channels: 1, rate: Rate, bits: 16}, {code: wavPCM, channels: 2, rate: 44100, bits: 24},
		{code: wavFloat, channels: 8, rate: 48000, bits: 32}, {code: wavPCM, channels: 1, rate: 11025, bits: 32},
	} {
		w.data = encode(x, w.code, w.bits)
		f.Add(w.bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const longest = 2 * time.Second
		s, err := ParseWAV(data, longest)
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid || len(s.Samples) > 0 {
				t.Fatalf("%v with %d samples", err, len(s.Samples))
			}
			return
		}
		if n := len(s.Samples); n == 0 || n > 2*Rate+1 {
			t.Fatalf("%d samples", n)
		}
		again, _ := ParseWAV(bytes.Clone(data), longest)
		if !slices.Equal(s.Samples, again.Samples) {
			t.Fatal("another sound the second time")
		}
	})
}

// Pieces, however they are cut and however their clock jitters, give the sound
// back; holes become zeros of the same length and are counted.
func TestTrack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		t0 := rapid.Float64Range(0, 1e9).Draw(t, "t0")
		jitter := rapid.Float64Range(0, 50).Draw(t, "jitter")
		var track Track
		var want []int16
		missing := 0
		for i := range rapid.IntRange(1, 30).Draw(t, "pieces") {
			if rapid.IntRange(0, 9).Draw(t, "hole") == 0 && i > 0 {
				n := rapid.IntRange(3200, 8000).Draw(t, "missing")
				want, missing = append(want, make([]int16, n)...), missing+n
			}
			piece := rapid.SliceOfN(rapid.Int16Range(1, 9), 320, 4000).Draw(t, "piece")
			at := t0 + float64(len(want))*1000/Rate
			if i > 0 {
				at += jitter * rapid.Float64Range(-1, 1).Draw(t, "j")
			}
			want = append(want, piece...)
			if err := track.Add(at, piece); err != nil {
				t.Fatal(err)
			}
		}
		s := track.Sound()
		if d := len(s.Samples) - len(want); d < -Rate*missing || d > Rate/10*(1+missing) {
			t.Fatalf("%d samples, want %d", len(s.Samples), len(want))
		}
		if missing == 0 && (!slices.Equal(s.Samples, want) || s.Gaps != 0) {
			t.Fatalf("another sound; gaps %g", s.Gaps)
		}
		if math.Abs(s.T0-t0) > 51 || (missing > 0) != (s.Gaps > 0) {
			t.Fatalf("begins at %g, want %g; gaps %g with %d missing", s.T0, t0, s.Gaps, missing)
		}
		if track.Reset(); len(track.Sound().Samples) != 0 {
			t.Fatal("not forgotten")
		}
	})
}

func TestTrackRefuses(t *testing.T) {
	piece := make([]int16, Rate/2)
	for name, at := range map[string]float64{"no number": math.NaN(), "infinite": math.Inf(1), "back": -5000, "far": 1e300} {
		var track Track
		if err := track.Add(1000, piece); err != nil {
			t.Fatal(err)
		}
		if err := track.Add(at, piece); faceproof.ErrorCode(err) != faceproof.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	var track Track
	n := 0
	for ; track.Add(float64(500*n), piece) == nil; n++ {
	}
	if n != 2*MaxSeconds {
		t.Errorf("%d half seconds were taken", n)
	}
}
