package provenance

import (
	"bytes"
	"image"
	"math"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"faceproof"
	"faceproof/internal/imaging"
)

var cache sync.Map

// recorded is a genuine capture of the same person on the day of the seed, made
// once.
func recorded(tb testing.TB, seed uint64) []shotFrame {
	f, ok := cache.Load(seed)
	if !ok {
		f, _ = cache.LoadOrStore(seed, genuineScene(seed).record(tb))
	}
	return f.([]shotFrame)
}

func evidence(tb testing.TB, frames []shotFrame) faceproof.ProvenanceEvidence {
	tb.Helper()
	m := measure(tb, frames)
	e := m.Evidence()
	e.Weigh()
	return e
}

// A camera gives no signal at all.
func TestGenuine(t *testing.T) {
	for seed := range uint64(3) {
		e := evidence(t, recorded(t, seed))
		if e.Score != 0 || e.Frames != sceneFrames || e.Repeats != 0 || e.Encodings != 1 || e.Still > .1 || e.Noise < .3 || e.Combed > .1 || e.Grid > .2 {
			t.Errorf("seed %d: %+v", seed, e)
		}
		if n := len(e.Traces.Frames); n < 5 || n > 30 {
			t.Errorf("seed %d: %d frames of %d are sampled", seed, n, e.Frames)
		}
		if len(e.Traces.Motions) < 30 {
			t.Errorf("seed %d: %d marks", seed, len(e.Traces.Motions))
		}
	}
}

// Each signal speaks for what it is made for.
func TestSignals(t *testing.T) {
	live := recorded(t, 1)
	even := func(in []shotFrame) (out []shotFrame) {
		for i, f := range in {
			out = append(out, shotFrame{500 + 1000./15*float64(i), f.jpeg})
		}
		return out
	}
	mixed := func(in []shotFrame) (out []shotFrame) {
		for i, q := range []int{60, 75, 85, 95} {
			out = append(out, again(t, in[i*15:(i+1)*15], q, same)...)
		}
		return out
	}
	doubled := func(in []shotFrame) (out []shotFrame) {
		for i := range in {
			out = append(out, shotFrame{in[i].t, in[i/4*4].jpeg})
		}
		return out
	}
	shift := window(3, 4, sceneW-8, sceneH-8, sceneW-8, sceneH-8)
	for _, c := range []struct {
		signal faceproof.Signal
		frames []shotFrame
	}{
		{faceproof.SignalRepeats, doubled(live)},
		{faceproof.SignalStill, scene{seed: 6, still: true, quality: 88}.record(t)},
		{faceproof.SignalNoNoise, scene{seed: 5, drawn: true, quality: 88}.record(t)},
		{faceproof.SignalGrid, again(t, again(t, live, 30, same), 92, shift)}, // cut out of a compressed picture
		{faceproof.SignalCombed, again(t, live, 95, same)},
		{faceproof.SignalEncodings, mixed(live)},
		{faceproof.SignalEvenTimes, even(live)},
	} {
		e := evidence(t, c.frames)
		found := false
		for _, s := range e.Signals {
			found = found || s == c.signal
		}
		if !found {
			t.Errorf("%s does not speak: %+v", c.signal, e)
		}
	}
}

// bands counts the 16-bit bands that two captures share; the index keeps a
// quarter of them.
func bands(a, b faceproof.Traces) (n int) {
	have := map[[2]uint64]bool{}
	for _, h := range a.Motions {
		for k := range uint64(4) {
			have[[2]uint64{k, h >> (16 * k) & 0xffff}] = true
		}
	}
	for _, h := range b.Motions {
		for k := range uint64(4) {
			if key := [2]uint64{k, h >> (16 * k) & 0xffff}; have[key] {
				n++
				delete(have, key)
			}
		}
	}
	return n
}

// A recording that is compressed, scaled, cut, brightened or sampled anew is
// known again; the same person in the same place on another day is not.
func TestMarks(t *testing.T) {
	const near = 4 * 8 // bands, so that the index finds 8 on average
	first := evidence(t, recorded(t, 1)).Traces
	cut := window(sceneW*.01, sceneH*.01, sceneW*.98, sceneH*.98, sceneW, sceneH)
	half := func(in []shotFrame) (out []shotFrame) { // taken 20 ms later, every seventh one lost
		for i, f := range in {
			if i%7 != 3 {
				out = append(out, shotFrame{f.t + 20, f.jpeg})
			}
		}
		return out
	}
	for name, frames := range map[string][]shotFrame{
		"quality 70":    again(t, recorded(t, 1), 70, same),
		"scaled to 0.9": again(t, recorded(t, 1), 85, window(0, 0, sceneW, sceneH, sceneW*9/10, sceneH*9/10)),
		"cut by 2 %":    again(t, recorded(t, 1), 85, cut),
		"all of it":     again(t, recorded(t, 1), 70, window(sceneW*.01, sceneH*.01, sceneW*.98, sceneH*.98, sceneW*9/10, sceneH*9/10)),
		"frames lost":   half(recorded(t, 1)),
	} {
		e := evidence(t, frames)
		n := bands(first, e.Traces)
		t.Logf("%s: %d bands", name, n)
		if n < near {
			t.Errorf("%s: %d bands, want %d", name, n, near)
		}
	}
	for seed := uint64(2); seed < 8; seed++ {
		if n := bands(first, evidence(t, recorded(t, seed)).Traces); n >= near/4 {
			t.Errorf("another day %d: %d bands", seed, n)
		}
	}
	// Someone who only sits there, in noise: nothing is marked.
	if n := len(evidence(t, scene{seed: 6, still: true, shot: 1.5, quality: 88}.record(t)).Traces.Motions); n != 0 {
		t.Errorf("%d marks of noise", n)
	}
}

// The bytes of a frame are sampled by themselves: a replay of any part is
// sampled alike.
func TestFrameTraces(t *testing.T) {
	all, part := evidence(t, recorded(t, 1)), evidence(t, recorded(t, 1)[20:40])
	have := map[string]bool{}
	for _, s := range all.Traces.Frames {
		have[string(s)] = true
	}
	for _, s := range part.Traces.Frames {
		if !have[string(s)] {
			t.Error("a frame is sampled in a part and not in the whole")
		}
	}
	if len(part.Traces.Frames) == 0 {
		t.Error("nothing is sampled")
	}
	// A covered lens gives the same picture every time and is no replay.
	var dark []shotFrame
	for i := range 40 {
		m := image.NewGray(image.Rect(0, 0, 64, 64))
		m.Pix[0] = uint8(i)
		dark = append(dark, shotFrame{float64(66 * i), encode(t, m, 88)})
	}
	if e := evidence(t, dark); len(e.Traces.Frames) != 0 {
		t.Errorf("%d dark frames are sampled", len(e.Traces.Frames))
	}
}

func finite(e faceproof.ProvenanceEvidence) bool {
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Float64 && (math.IsNaN(f.Float()) || math.IsInf(f.Float(), 0)) {
			return false
		}
	}
	return true
}

// Whatever comes, every number is one, shares are shares, and memory is bounded.
func TestNeverNaN(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	times := []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5, 5, 6}
	for round := range 200 {
		var m Meter
		for range r.IntN(12) {
			pic := imaging.New(r.IntN(50), r.IntN(50))
			if k := r.IntN(3); k > 0 {
				for i := range pic.Pix {
					pic.Pix[i] = uint8(r.Uint32() % uint32(1+254*(k-1)))
				}
			}
			m.Frame(pic, imaging.JPEGInfo{Components: r.IntN(4)}, []byte{byte(r.IntN(3))}, times[r.IntN(len(times))])
		}
		e := m.Evidence()
		if !finite(e) || e.Still < 0 || e.Still > 1 || e.Combed < 0 || e.Combed > 1 || e.EvenTimes < 0 || e.EvenTimes > 1 || e.Grid < 0 {
			t.Fatalf("round %d: %+v", round, e)
		}
		if m.Reset(); !reflect.DeepEqual(m.Evidence(), new(Meter).Evidence()) {
			t.Fatalf("round %d: Reset left %+v", round, m.Evidence())
		}
	}
	var m Meter
	pic := imaging.New(16, 16)
	for i := range 3 * maxFrames {
		m.Frame(pic, imaging.JPEGInfo{}, []byte{byte(i), byte(i >> 8)}, float64(i))
	}
	if e := m.Evidence(); e.Frames != maxFrames || len(m.grids) != maxFrames {
		t.Errorf("%d frames", e.Frames)
	}
}

// FuzzFrame feeds what the protocol lets through.
func FuzzFrame(f *testing.F) {
	noisy := image.NewRGBA(image.Rect(0, 0, 40, 24))
	for i := range noisy.Pix {
		noisy.Pix[i] = uint8(i * i * 31)
	}
	f.Add(encode(f, noisy, 50), 1.5)
	f.Add(encode(f, image.NewGray(image.Rect(0, 0, 17, 16)), 1), -1.)
	f.Fuzz(func(t *testing.T, data []byte, at float64) {
		info, err := imaging.CheckJPEG(data, imaging.FrameLimits)
		if err != nil {
			return
		}
		pic, err := imaging.Decode(data, imaging.FrameLimits)
		if err != nil {
			return
		}
		var m Meter
		for i := range 3 {
			m.Frame(pic, info, bytes.Clone(data[i:]), at*float64(i))
		}
		if e := m.Evidence(); !finite(e) || e.Frames > 3 {
			t.Errorf("%+v", e)
		}
	})
}

// BenchmarkFrame is what the meter adds to a frame of 360 × 480; the goal is
// 1 ms.
func BenchmarkFrame(b *testing.B) {
	live := recorded(b, 1)
	big := again(b, live[:8], 88, window(0, 0, sceneW, sceneH, 360, 480))
	var pics []*imaging.Image
	var infos []imaging.JPEGInfo
	for _, f := range big {
		info, _ := imaging.CheckJPEG(f.jpeg, imaging.FrameLimits)
		pic, err := imaging.Decode(f.jpeg, imaging.FrameLimits)
		if err != nil {
			b.Fatal(err)
		}
		pics, infos = append(pics, pic), append(infos, info)
	}
	var m Meter
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%80 == 0 {
			m.Reset()
		}
		m.Frame(pics[i%8], infos[i%8], big[i%8].jpeg, float64(66*i))
	}
}

// BenchmarkEvidence is what is left after the last of 60 frames.
func BenchmarkEvidence(b *testing.B) {
	m := measure(b, recorded(b, 1))
	for b.Loop() {
		m.Evidence()
	}
}
