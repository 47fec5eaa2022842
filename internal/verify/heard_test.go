package verify

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/score"
)

// utterance is sound in the making, 1 is full scale.
type utterance []float64

func (u utterance) sound() digits.Sound {
	s := digits.Sound{Samples: make([]int16, len(u))}
	for i, v := range u {
		s.Samples[i] = int16(max(-32768, min(32767, 32768*v)))
	}
	return s
}

// string6 lays six digits, in the order in which they are prompted, over the noise
// of a room: each .4 s or so after its prompt, prompts .9 to 1.6 s apart.
func string6(r *rand.Rand, said [6]utterance) utterance {
	at, end := 1.6, 0
	var out utterance
	for _, d := range said {
		start := max(int(at*digits.Rate), end+800)
		end = start + len(d)
		out = append(out, make(utterance, max(0, end-len(out)))...)
		for i, v := range d {
			out[start+i] += v / 2
		}
		at += .9 + .7*r.Float64()
	}
	out = append(out, make(utterance, digits.Rate/2)...)
	for i := range out {
		out[i] += .002 * r.NormFloat64()
	}
	return out
}

// noisy adds noise that falls with the frequency, so many dB below the speech,
// which is taken to last 40 % of the time.
func (u utterance) noisy(r *rand.Rand, snr float64) utterance {
	noise, low := make(utterance, len(u)), 0.
	var signal, power float64
	for i := range noise {
		w := r.NormFloat64()
		low += .05 * (w - low)
		noise[i] = w/3 + 4*low
		signal, power = signal+u[i]*u[i], power+noise[i]*noise[i]
	}
	k := math.Sqrt(2.5 * signal / power * math.Pow(10, -snr/10))
	for i := range noise {
		noise[i] = u[i] + k*noise[i]
	}
	return noise
}

// loudspeaker is the sound as a room gives it back: 300 Hz to 4.5 kHz, echoes for
// .35 s, and a clock that is 300 parts in a million faster. Simulated.
func (u utterance) loudspeaker(r *rand.Rand) utterance {
	dry := slices.Clone(u)
	for range 2 {
		var low, high float64
		for i, v := range dry {
			low += .83 * (v - low)
			high += .111 * (low - high)
			dry[i] = low - high
		}
	}
	wet := slices.Clone(dry)
	for range 60 {
		late := r.Float64() * .35
		n, gain := int(late*digits.Rate), .25*math.Pow(10, -3*late/.35)*r.NormFloat64()
		for i := n; i < len(dry); i++ {
			wet[i] += gain * dry[i-n]
		}
	}
	var out utterance
	for i := 0; ; i++ {
		at := float64(i) * 1.0003
		if int(at)+1 >= len(wet) {
			return out
		}
		f := at - math.Floor(at)
		out = append(out, (1-f)*wet[int(at)]+f*wet[int(at)+1])
	}
}

// opus goes through the codec and back; ok is false without ffmpeg.
func (u utterance) opus(t *testing.T) (out utterance, ok bool) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		return nil, false
	}
	dir := t.TempDir()
	raw, packed := filepath.Join(dir, "a.raw"), filepath.Join(dir, "a.opus")
	var pcm []byte
	for _, v := range u.sound().Samples {
		pcm = append(pcm, byte(v), byte(v>>8))
	}
	pipe := []string{"-v", "error", "-f", "s16le", "-ar", "16000", "-ac", "1"}
	if err := os.WriteFile(raw, pcm, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "ffmpeg", append(slices.Clone(pipe), "-i", raw, "-c:a", "libopus", "-b:a", "16k", packed)...).Run(); err != nil {
		return nil, false // without the codec
	}
	pcm, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", packed, "-f", "s16le", "-ar", "16000", "-ac", "1", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(pcm); i += 2 {
		out = append(out, float64(int16(uint16(pcm[i])|uint16(pcm[i+1])<<8))/32768)
	}
	return out, true
}

// listener tells copies as the service does: its marks, its bands, its decision.
type listener struct{ s *Service }

func (l listener) bands(u utterance) map[string]bool {
	m := map[string]bool{}
	for _, b := range l.s.bandMarks("trace.heard", []byte("one"), digits.Marks(u.sound()), soundBits) {
		m[string(b)] = true
	}
	return m
}

func shared(a, b map[string]bool) (n int) {
	for k := range a {
		if b[k] {
			n++
		}
	}
	return n
}

// replayed is what Decide says of so many marks.
func replayed(n int) bool {
	e := readEvidence()
	e.Method, e.Provenance = faceproof.MethodDigits, &faceproof.ProvenanceEvidence{Heard: n}
	return faceproof.Decide(faceproof.DefaultPolicy(), e).Reasons[0] == faceproof.ReasonReplayed
}

// tally counts pairs that are taken for copies.
type tally struct {
	n, copies int
	shared    []int
}

func (c *tally) add(n int) {
	c.n++
	c.shared = append(c.shared, n)
	if replayed(n) {
		c.copies++
	}
}

func (c *tally) log(t *testing.T, name string) {
	slices.Sort(c.shared)
	p := score.Proportion(c.copies, c.n)
	t.Logf("%-44s %5d pairs, %4d taken for copies: %.2f %% (%.2f to %.2f), marks shared: least %d, median %d, most %d",
		name, c.n, c.copies, 100*p.Rate, 100*p.Low, 100*p.High, c.shared[0], c.shared[c.n/2], c.shared[c.n-1])
}

// talker says invented digits: harmonics of a pitch under three formants that
// glide. Its tract and pitch are its own, what glides where is the digit's, and
// each time differs a little. Simulated.
func talker(r *rand.Rand, who, digit uint64) utterance {
	voice, word := rand.New(rand.NewPCG(who, 1)), rand.New(rand.NewPCG(digit, 2))
	pitch, tract := 100+120*voice.Float64(), .85+.3*voice.Float64()
	var from, to [3]float64
	for i, low := range []float64{300, 900, 2200} {
		from[i], to[i] = low*(1+.9*word.Float64()), low*(1+.9*word.Float64())
	}
	seconds := (.3 + .2*word.Float64()) * (1 + .15*r.NormFloat64()*.5)
	pitch *= 1 + .05*r.NormFloat64()
	var off [3]float64
	for i := range off {
		off[i] = tract * (1 + .04*r.NormFloat64())
	}
	out := make(utterance, int(max(.15, seconds)*digits.Rate))
	var amp [40]float64
	for i := range out {
		u := float64(i) / float64(len(out))
		if i%160 == 0 {
			for h := range amp {
				f := pitch * float64(h+1)
				amp[h] = 0
				for k := range from {
					d := (f/off[k] - from[k] - u*(to[k]-from[k])) / (90 + 40*float64(k))
					amp[h] += math.Exp(-d*d/2) / float64(k+1)
				}
			}
		}
		for h, a := range amp {
			if f := pitch * float64(h+1); a > .02 && f < 6000 {
				out[i] += .25 * a * math.Sin(2*math.Pi*f*float64(i)/digits.Rate) * math.Sqrt(math.Sin(math.Pi*u))
			}
		}
	}
	return out
}

// A copy is known, cut, quieter, noisier or through a loudspeaker; the same voice
// that reads again, even the same digits, is not, no more than another's: marks of
// sound are no voiceprint.
func TestHeardBefore(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: one call after another")
	}
	l := listener{&Service{cfg: Config{Keys: fakeKeys{}}}}
	r := rand.New(rand.NewPCG(1, 6))
	read := func(who uint64, number [6]uint64) utterance {
		var said [6]utterance
		for i, d := range number {
			said[i] = talker(r, who, d)
		}
		return string6(r, said)
	}
	number := func() (d [6]uint64) {
		for i := range d {
			d[i] = r.Uint64N(10)
		}
		return d
	}
	var copies, same, again, other tally
	for range 6 {
		who, n := r.Uint64(), number()
		first := read(who, n)
		bands := l.bands(first)
		if n := len(bands); n < 100 || n > 512 { // 512 is what the store takes of an attempt
			t.Errorf("%d bands", n)
		}
		later := first[1234+r.IntN(800):]
		quiet := make(utterance, len(later))
		for i, v := range later {
			quiet[i] = .4 * v
		}
		for _, u := range []utterance{first, quiet, later.noisy(r, 20), later.loudspeaker(r).noisy(r, 25)} {
			copies.add(shared(bands, l.bands(u)))
		}
		same.add(shared(bands, l.bands(read(who, number()))))
		again.add(shared(bands, l.bands(read(who, n))))
		other.add(shared(bands, l.bands(read(r.Uint64(), n))))
	}
	copies.log(t, "copies")
	same.log(t, "the same voice, other digits")
	again.log(t, "the same voice, the same digits")
	other.log(t, "another voice, the same digits")
	if copies.copies != copies.n || same.copies+again.copies+other.copies > 0 {
		t.Error("a copy was not known, or a reading was taken for one")
	}
}

// TestMeasureHeard does the same with real voices: FACEPROOF_MEASURE, and the
// digits of the shared data. docs/evaluation.md has the numbers.
func TestMeasureHeard(t *testing.T) {
	if os.Getenv("FACEPROOF_MEASURE") == "" {
		t.Skip("FACEPROOF_MEASURE is not set")
	}
	files, err := filepath.Glob(filepath.Join(os.Getenv("FACEPROOF_SHARED"), "data", "14-digits", "*", "*", "[0-9oy]_*.wav"))
	if err != nil || len(files) == 0 {
		t.Skip("no recordings")
	}
	voices := map[string]map[byte][]utterance{}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := digits.ParseWAV(data, digits.MaxSeconds*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var u utterance
		for _, v := range s.Samples {
			u = append(u, float64(v)/32768)
		}
		who, d := filepath.Base(filepath.Dir(name)), filepath.Base(name)[0]
		if voices[who] == nil {
			voices[who] = map[byte][]utterance{}
		}
		voices[who][d] = append(voices[who][d], u)
	}
	l := listener{&Service{cfg: Config{Keys: fakeKeys{}}}}
	r := rand.New(rand.NewPCG(2, 6))
	type reading struct {
		who   string
		bands map[string]bool
	}
	var fresh, alike []reading
	var rows []int
	copies := map[string]*tally{"cut, 40 % of the level": {}, "noise at 20 dB": {}, "noise at 10 dB": {}, "loudspeaker, noise at 20 dB": {}, "loudspeaker, noise at 15 dB": {}, "opus, 16 kbit/s": {}}
	var who []string
	for name := range voices {
		who = append(who, name)
	}
	slices.Sort(who)
	for _, name := range who {
		v := voices[name]
		takes := 14
		for d := byte('1'); d <= '9'; d++ {
			takes = min(takes, len(v[d]))
		}
		if takes < 2 { // each string must be of recordings of its own
			continue
		}
		t.Logf("%s: %d strings", name, takes)
		for take := range takes {
			said := func(number string) (out [6]utterance) {
				for i := range out {
					out[i] = v[number[i]][take]
				}
				return out
			}
			number := make([]byte, 6)
			for i := range number {
				number[i] = byte('1' + r.IntN(9)) // not every voice has a zero
			}
			u := string6(r, said(string(number)))
			bands := l.bands(u)
			fresh = append(fresh, reading{name, bands})
			rows = append(rows, len(bands))
			alike = append(alike, reading{name, l.bands(string6(r, said("385162")))})
			if take >= 8 {
				continue
			}
			later := u[1234+r.IntN(800):]
			quiet := make(utterance, len(later))
			for i, x := range later {
				quiet[i] = .4 * x
			}
			for kind, c := range map[string]utterance{"cut, 40 % of the level": quiet, "noise at 20 dB": later.noisy(r, 20), "noise at 10 dB": later.noisy(r, 10),
				"loudspeaker, noise at 20 dB": later.loudspeaker(r).noisy(r, 20), "loudspeaker, noise at 15 dB": later.loudspeaker(r).noisy(r, 15)} {
				copies[kind].add(shared(bands, l.bands(c)))
			}
			if take < 2 {
				if c, ok := later.opus(t); ok {
					copies["opus, 16 kbit/s"].add(shared(bands, l.bands(c)))
				}
			}
		}
	}
	slices.Sort(rows)
	t.Logf("%d strings, rows in the index: least %d, median %d, most %d", len(rows), rows[0], rows[len(rows)/2], rows[len(rows)-1])
	for kind, c := range copies {
		if c.n > 0 {
			c.log(t, kind)
		}
	}
	for _, set := range []struct {
		name string
		of   []reading
	}{{"other digits", fresh}, {"the same digits", alike}} {
		var same, other tally
		for i, a := range set.of {
			for _, b := range set.of[:i] {
				n := shared(a.bands, b.bands)
				if a.who == b.who {
					same.add(n)
				} else {
					other.add(n)
				}
			}
		}
		same.log(t, "the same voice, "+set.name)
		other.log(t, "another voice, "+set.name)
	}
}
