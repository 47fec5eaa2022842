package flash

import (
	crand "crypto/rand"
	"io"
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/signal"
)

// candidates is N of the randomisation test where nothing else is asked for.
const candidates = 10_000

// NewRand makes the generator of a randomisation test, seeded from seed, or from
// the system when seed is nil. It need not be secret but must be independent of
// the video. The error is CodeInternal.
func NewRand(seed io.Reader) (*rand.Rand, error) {
	if seed == nil {
		seed = crand.Reader
	}
	var s [32]byte
	if _, err := io.ReadFull(seed, s[:]); err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInternal, Message: "the random source failed", Err: err}
	}
	return rand.New(rand.NewChaCha8(s)), nil
}

// test is the fit of any sequence of colours to one capture.
type test struct {
	colors  [len(palette)][3]float64 // linear light less the neutral's
	m       int                      // segments
	grams   [latenciesAll]*gram
	w       weights
	regress func(latency float64) [][]float64
}

// outcome of the test for the true sequence.
type outcome struct {
	p, z, r2 float64
	n        int     // candidates
	latency  float64 // s, of the best fit
	q        [3]float64
	x1, x2   []float64 // the fitted signal
}

// newTest prepares the fit of m colours of a palette, shown as regress has them.
func newTest(colors *[len(palette)]faceproof.RGB, neutral faceproof.RGB, m int, regress func(f frames, latency float64) [][]float64, f frames) *test {
	t := &test{m: m, w: f.weights()}
	n := linearRGB(neutral)
	for i, c := range colors {
		for k, v := range linearRGB(c) {
			t.colors[i][k] = v - n[k]
		}
	}
	t.regress = func(latency float64) [][]float64 { return regress(f, latency) }
	for i := range t.grams {
		t.grams[i] = newGram(t.regress(latencyStep*float64(i)), f.y1, f.y2)
	}
	return t
}

// load puts a sequence of palette indexes into s.
func (t *test) load(s *sequence, seq []uint8) {
	for k, i := range seq {
		s.set(k, t.colors[i])
	}
}

// score is the statistic of the test: the best explained share over the
// latencies.
func (t *test) score(s *sequence) (best float64) {
	for _, g := range t.grams[:latencies] {
		if _, r2 := g.fit(s, t.w); r2 > best {
			best = r2
		}
	}
	return best
}

// run is step S5: the rank of the true sequence among n others of the same
// generator, on the same frames with the same timing and wipes. Ties count
// against it.
func (t *test) run(actual []uint8, n int, rng *rand.Rand) outcome {
	draw := &wordBytes{rng: rng}
	return t.rank(actual, 1, func(score func(seq []uint8)) {
		seq := make([]uint8, t.m)
		for range n {
			drawColors(seq, draw.next)
			score(seq)
		}
	})
}

// rank is the rank of the true sequence among those that others scores; more of
// them do as well as it beside those.
func (t *test) rank(actual []uint8, more int, others func(score func(seq []uint8))) outcome {
	var s, c sequence
	t.load(&s, actual)
	o := outcome{r2: t.score(&s)}
	t.estimate(&s, &o)
	var sum, squares float64
	better, all := more, more
	others(func(seq []uint8) {
		t.load(&c, seq)
		r2 := t.score(&c)
		if all++; r2 >= o.r2 {
			better++
		}
		a := fisher(r2)
		sum += a
		squares += a * a
	})
	o.n = all - 1
	o.p = float64(better) / float64(all)
	n := float64(all - more)
	mean := sum / n
	if sd := math.Sqrt(max(squares/n-mean*mean, 0)); sd > 0 {
		o.z = (fisher(o.r2) - mean) / sd
	}
	return o
}

// estimate finds the latency and amplitude (steps S5, S6) of the true sequence,
// over more latencies than the test uses.
func (t *test) estimate(s *sequence, o *outcome) {
	best := -1.0
	for i, g := range t.grams {
		if q, r2 := g.fit(s, t.w); r2 > best {
			best = r2
			o.latency, o.q = latencyStep*float64(i), q
		}
	}
	o.x1, o.x2 = t.predict(s, o.q, o.latency)
}

// predict gives the log ratios that a sequence causes at strength q.
func (t *test) predict(s *sequence, q [3]float64, latency float64) (x1, x2 []float64) {
	b := t.regress(latency)
	x1, x2 = make([]float64, len(b[0])), make([]float64, len(b[0]))
	for k := range b {
		d1 := q[0]*s.r[k] - q[1]*s.g[k]
		d2 := q[2]*s.b[k] - q[1]*s.g[k]
		for i, v := range b[k] {
			x1[i] += d1 * v
			x2[i] += d2 * v
		}
	}
	return x1, x2
}

// flicker is the strength of this challenge's light that would change the log
// ratios as much as they do change, whatever the cause, beyond their noise: of a
// genuine answer it is the amplitude, of another light's its strength.
func (t *test) flicker(f frames, actual []uint8, latency float64) float64 {
	var s sequence
	t.load(&s, actual)
	x1, x2 := t.predict(&s, [3]float64{1, 1, 1}, latency)
	is := signal.Dot(f.y1, f.y1) + signal.Dot(f.y2, f.y2) - float64(len(f.times))*(f.sigma1*f.sigma1+f.sigma2*f.sigma2)
	due := signal.Dot(x1, x1) + signal.Dot(x2, x2)
	return math.Sqrt(max(is, 0) / due)
}

// fisher is atanh √R², nearly normal for a chance fit.
func fisher(r2 float64) float64 { return math.Atanh(math.Sqrt(min(r2, 1-1e-12))) }

// wordBytes hands out the bytes of a generator's words.
type wordBytes struct {
	rng  *rand.Rand
	word uint64
	left int
}

func (w *wordBytes) next() byte {
	if w.left == 0 {
		w.word, w.left = w.rng.Uint64(), 8
	}
	b := byte(w.word)
	w.word >>= 8
	w.left--
	return b
}
