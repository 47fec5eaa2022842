package digits

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"faceproof"
)

func TestCheckSound(t *testing.T) {
	at := sixTimes
	scaled := func(s Sound, f func(int, float64) float64) Sound {
		for i, v := range s.Samples {
			s.Samples[i] = int16(max(-32768, min(32767, f(i, float64(v)))))
		}
		return s
	}
	good := func() Sound { return voice(9, at, .2, .001, 1) }
	for _, c := range []struct {
		name  string
		s     Sound
		video float64
		want  faceproof.AudioFault
	}{
		{"a voice", good(), 9000, faceproof.AudioNone},
		{"a voice, no video", good(), 0, faceproof.AudioNone},
		{"four digits", voice(6, at[:4], .2, .001, 1), 6000, faceproof.AudioNone},
		{"a quiet voice", voice(9, at, .01, .0002, 1), 9000, faceproof.AudioNone},
		{"a voice with zeros between", voice(9, at, .2, 0, 1), 9000, faceproof.AudioNone},
		{"an offset", scaled(good(), func(_ int, v float64) float64 { return v + 3000 }), 9000, faceproof.AudioNone},
		{"nothing", Sound{}, 9000, faceproof.AudioAbsent},
		{"two seconds", voice(2, at[:1], .2, .001, 1), 0, faceproof.AudioShort},
		{"shorter than the video", good(), 9800, faceproof.AudioShort},
		{"gaps", Sound{Samples: good().Samples, Gaps: .2}, 9000, faceproof.AudioShort},
		{"digital zeros", Sound{Samples: make([]int16, 9*Rate)}, 9000, faceproof.AudioSilent},
		{"a constant", scaled(good(), func(int, float64) float64 { return 8000 }), 9000, faceproof.AudioSilent},
		{"too quiet", voice(9, at, .0008, .00002, 1), 9000, faceproof.AudioSilent},
		{"clipped", voice(9, at, 5, .001, 1), 9000, faceproof.AudioClipped},
		{"a quiet room", voice(9, nil, 0, .002, 1), 9000, faceproof.AudioNoSpeech},
		{"one sound", voice(9, at[:1], .2, .002, 1), 9000, faceproof.AudioNoSpeech},
		{"noise alone", voice(9, nil, 0, .05, 1), 9000, faceproof.AudioNoisy},
		{"a voice in noise", voice(9, at, .1, .25, 1), 9000, faceproof.AudioNoisy},
		{"a voice at 10 dB", voice(9, at, .1, .035, 1), 9000, faceproof.AudioNone},
	} {
		e := CheckSound(c.s, c.video)
		if e.Fault != c.want {
			t.Errorf("%s: %q, want %q; %+v", c.name, e.Fault, c.want, e)
		}
		if len(c.s.Samples) > 0 && len(e.Digest) != 64 {
			t.Errorf("%s: digest %q", c.name, e.Digest)
		}
	}
	e := CheckSound(good(), 0)
	if e.SNRDB < 25 || e.ActiveMS < 1500 || e.ActiveMS > 3000 || e.PeakDB < -12 || e.DurationMS != 9000 {
		t.Errorf("the voice: %+v", e)
	}
	if other := CheckSound(voice(9, at, .2, .001, 2), 0); other.Digest == e.Digest || CheckSound(good(), 0).Digest != e.Digest {
		t.Error("the digest is not that of the sound")
	}
}

// Whatever the samples are, the evidence holds numbers within their ranges.
func TestCheckSoundOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Sound{Samples: make([]int16, rapid.IntRange(0, 4*Rate).Draw(t, "n"))}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		scale := rapid.SampledFrom([]float64{0, 1, 300, 1e5}).Draw(t, "scale")
		for i := range s.Samples {
			s.Samples[i] = int16(max(-32768, min(32767, scale*r.NormFloat64())))
		}
		e := CheckSound(s, rapid.SampledFrom([]float64{0, 4000, math.NaN(), math.Inf(1)}).Draw(t, "video"))
		for _, v := range []float64{e.DurationMS, e.PeakDB, e.SNRDB, e.ActiveMS, e.Clipped, e.Zero} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%+v", e)
			}
		}
		if e.PeakDB < silenceDB || e.PeakDB > 6.1 || e.Zero < 0 || e.Zero > 1 || e.Clipped < 0 || e.Clipped > 1 {
			t.Fatalf("%+v", e)
		}
	})
}

// BenchmarkAudio is all that the sound of an attempt of 8 seconds costs, but for
// the network and the mouth's net.
func BenchmarkAudio(b *testing.B) {
	s := voice(8, sixTimes, .2, .001, 1)
	o, at := mouthOf(sixTimes, 8, 12, 0, .004, 1)
	classes := classesOf(b, AnyLanguage)
	for b.Loop() {
		CheckSound(s, 8000)
		mel := LogMel(s.Float())
		rows := make([][]float32, len(mel)/3)
		for i := range rows {
			rows[i] = mel[3*i][:23]
		}
		Score(rows, classes, "314159")
		Lips(o, at, s, plus(sixTimes, 5000))
	}
}
