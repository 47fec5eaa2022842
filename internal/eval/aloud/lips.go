package aloud

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/score"
)

// Film is a video of a talking face as the product's face engine saw it.
type Film struct {
	Name    string
	At      []float64 // ms, of each frame, ascending
	Opening []float64 // of the mouth, in distances between the eyes; NaN: not seen
	Still   []float64 // the same where the first frame is repeated under noise
	Sound   []int16   // from 0 ms on
}

// pieceMS is the length of what is joined.
const pieceMS = 3000

// shiftMS is how far sound is moved against its own mouth.
const shiftMS = 700

// fpss and lengths are what is tried: frames a second, pieces in a row.
var (
	fpss    = []float64{8, 12, 25}
	lengths = []int{1, 2, 3}
)

// piece is three seconds of a film.
type piece struct {
	film        int
	at          []float64 // from 0
	mouth, dead []float64 // less their film's rest
	sound       []int16
}

// pieces cuts the films at a rate of frames. The mouth at rest differs between
// persons; it is taken off, so that a seam is no movement.
func pieces(films []Film, fps float64) (out []piece) {
	for i, f := range films {
		for from := 0.; ; from += pieceMS {
			last := int((from + pieceMS) * rate / 1000)
			if len(f.At) == 0 || f.At[len(f.At)-1] < from+pieceMS-100 || len(f.Sound) < last-rate/10 {
				break
			}
			p := piece{film: i, sound: make([]int16, pieceMS*rate/1000)}
			copy(p.sound, f.Sound[int(from*rate/1000):min(last, len(f.Sound))])
			rest, still := low(f.Opening), low(f.Still)
			picked := -1
			for t := from; t < from+pieceMS-1; t += 1000 / fps {
				j := nearest(f.At, t)
				if j == picked || f.At[j] < from || f.At[j] >= from+pieceMS {
					continue
				}
				picked = j
				p.at = append(p.at, f.At[j]-from)
				p.mouth, p.dead = append(p.mouth, f.Opening[j]-rest), append(p.dead, f.Still[j]-still)
			}
			out = append(out, p)
		}
	}
	return out
}

// low is the 5 % quantile of what is finite.
func low(v []float64) float64 {
	v = slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return math.IsNaN(x) })
	return score.Quantiles(v, .05)[0].Value
}

// nearest is the index of the time next to t.
func nearest(at []float64, t float64) int {
	i, _ := slices.BinarySearch(at, t)
	if i == len(at) || i > 0 && t-at[i-1] <= at[i]-t {
		i--
	}
	return i
}

// row joins pieces: the mouth of one list, the sound of another.
func row(mouths, sounds []piece, still bool) (opening, at []float64, s digits.Sound) {
	for i, p := range mouths {
		m := p.mouth
		if still {
			m = p.dead
		}
		opening = append(opening, m...)
		for _, t := range p.at {
			at = append(at, t+float64(i)*pieceMS)
		}
		s.Samples = append(s.Samples, sounds[i].sound...)
	}
	return opening, at, s
}

// turned moves a sound, what leaves at one end comes in at the other.
func turned(s digits.Sound, ms float64) digits.Sound {
	n := len(s.Samples)
	k := (int(ms*rate/1000)%n + n) % n
	s.Samples = slices.Concat(s.Samples[n-k:], s.Samples[:n-k])
	return s
}

// The pairs of mouth and sound.
const (
	pairMatched = "matched"
	pairOther   = "other"   // another film's sound
	pairShifted = "shifted" // its own sound, too early or too late
	pairStill   = "still"   // a still picture and the sound
)

var pairs = []string{pairMatched, pairOther, pairShifted, pairStill}

// joined is one row of pieces, judged.
type joined struct {
	films []int // of the mouths
	ev    faceproof.LipsEvidence
}

// LipsConfig of a measurement of lips.
type LipsConfig struct {
	Films    []Film
	Policy   faceproof.DigitsPolicy
	Seed     uint64
	Joins    int // rows of each length; 0: 60; never more than there are
	Progress func(done, total int)
}

// MeasureLips compares mouths with sounds that are theirs and that are not.
// Errors: CodeInvalid, field "root", with fewer than two films of three seconds.
func MeasureLips(c LipsConfig) (*Lips, error) {
	if c.Joins <= 0 {
		c.Joins = 60
	}
	out := &Lips{Seed: c.Seed, Policy: c.Policy}
	done := 0
	for _, fps := range fpss {
		cut := pieces(c.Films, fps)
		films := map[int]bool{}
		for _, p := range cut {
			films[p.film] = true
		}
		if len(films) < 2 {
			return nil, faceproof.Errorf(faceproof.CodeInvalid, "root", "needs at least two films with a face and sound for three seconds")
		}
		for _, k := range lengths {
			if done++; c.Progress != nil {
				c.Progress(done, len(fpss)*len(lengths))
			}
			if k > len(films) {
				continue
			}
			r := stream(c.Seed, "lips", string(rune('0'+k))) // the same rows at each rate
			got := map[string][]joined{}
			for _, m := range joins(r, cut, k, c.Joins) {
				var other []piece
				for _, p := range m {
					other = append(other, elsewhere(r, cut, p.film))
				}
				shift := shiftMS * float64(1-2*r.IntN(2))
				var who []int
				for _, p := range m {
					who = append(who, p.film)
				}
				for _, pair := range pairs {
					sounds := m
					if pair == pairOther {
						sounds = other
					}
					opening, at, s := row(m, sounds, pair == pairStill)
					if pair == pairShifted {
						s = turned(s, shift)
					}
					got[pair] = append(got[pair], joined{who, digits.Lips(opening, at, s, nil)})
				}
			}
			out.Cells = append(out.Cells, lipsCell(stream(c.Seed, "lips bootstrap", ""), c.Policy, LipsCell{FPS: fps, Seconds: 3 * k, Films: len(films), Pieces: len(cut)}, got))
		}
	}
	for _, f := range c.Films {
		ev := digits.Lips(f.Opening, f.At, digits.Sound{Samples: f.Sound}, nil)
		still := digits.Lips(f.Still, f.At, digits.Sound{Samples: f.Sound}, nil)
		out.Films = append(out.Films, FilmRow{Name: f.Name, Seconds: round(f.At[len(f.At)-1] / 1000), Frames: len(f.At), Seen: ev.Frames,
			Range: round(ev.Range), Sync: round(ev.Sync), LagMS: ev.LagMS, Null: round(ev.Null), Rival: round(ev.Rival), StillRange: round(still.Range)})
	}
	return out, nil
}

// joins draws rows of k pieces of different films, each row once.
func joins(r *rand.Rand, cut []piece, k, count int) (rows [][]piece) {
	var films [][]int // pieces of each film
	at := map[int]int{}
	for i, p := range cut {
		j, ok := at[p.film]
		if !ok {
			j = len(films)
			at[p.film], films = j, append(films, nil)
		}
		films[j] = append(films[j], i)
	}
	if k == 1 {
		for _, p := range cut {
			rows = append(rows, []piece{p})
		}
		return rows
	}
	met := map[string]bool{}
	for try := 0; len(rows) < count && try < 20*count; try++ {
		var m []piece
		var key strings.Builder
		for _, j := range r.Perm(len(films))[:k] {
			i := films[j][r.IntN(len(films[j]))]
			m = append(m, cut[i])
			key.WriteRune(rune(i))
		}
		if !met[key.String()] {
			met[key.String()] = true
			rows = append(rows, m)
		}
	}
	return rows
}

// elsewhere is a piece of another film.
func elsewhere(r *rand.Rand, cut []piece, film int) piece {
	for {
		if p := cut[r.IntN(len(cut))]; p.film != film {
			return p
		}
	}
}

// passes is decideLips of the policy: pass, and whether it accuses.
func passes(p faceproof.DigitsPolicy, l faceproof.LipsEvidence) (pass, accused bool) {
	switch {
	case l.Frames < p.MinLipFrames:
		return false, false
	case l.Range < p.SpoofMouth || l.Sync < p.SpoofSync:
		return false, true
	}
	return l.Range >= p.MinMouthRange && l.Sync >= p.MinSync && math.Abs(l.LagMS) <= p.MaxLipLagMS && l.Rival <= l.Sync+p.MaxRival, false
}

// Estimate is a number with an interval from drawing whole films again.
type Estimate struct {
	Value float64 `json:"value"`
	Span
}

// again computes f with every row once, then with films drawn again.
func again(r *rand.Rand, films int, rows []joined, f func(weight func(i int) float64) float64) Estimate {
	e := Estimate{Value: round(f(func(int) float64 { return 1 }))}
	var values []float64
	for range resamples / 4 {
		times := make([]float64, films)
		for range films {
			times[r.IntN(films)]++
		}
		v := f(func(i int) float64 {
			w := 1.
			for _, film := range rows[i].films {
				w *= times[film]
			}
			return w
		})
		if !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	e.Span = *span(values)
	return e
}

// lipsCell counts what rows gave.
func lipsCell(r *rand.Rand, p faceproof.DigitsPolicy, c LipsCell, got map[string][]joined) LipsCell {
	matched := got[pairMatched]
	c.Joins = len(matched)
	films := 0
	for _, j := range matched {
		films = max(films, slices.Max(j.films)+1)
	}
	sync := func(rows []joined, weight func(int) float64) []weighed {
		out := make([]weighed, len(rows))
		for i, j := range rows {
			out[i] = weighed{j.ev.Sync, weight(i)}
		}
		return out
	}
	for _, name := range pairs {
		rows := got[name]
		pair := Pair{Name: name}
		var s, span []float64
		for _, j := range rows {
			s, span = append(s, j.ev.Sync), append(span, j.ev.Range)
		}
		q, w := score.Quantiles(s, .05, .5, .95), score.Quantiles(span, 0, .5, 1)
		pair.Sync = [3]float64{round(q[0].Value), round(q[1].Value), round(q[2].Value)}
		pair.Range = [3]float64{round(w[0].Value), round(w[1].Value), round(w[2].Value)}
		rate := func(hit func(joined) bool) Estimate {
			return again(r, films, rows, func(weight func(int) float64) float64 {
				k, n := 0., 0.
				for i, j := range rows {
					v := weight(i)
					if n += v; hit(j) {
						k += v
					}
				}
				return k / n
			})
		}
		pair.Passed = rate(func(j joined) bool { ok, _ := passes(p, j.ev); return ok })
		pair.Accused = rate(func(j joined) bool { _, bad := passes(p, j.ev); return bad })
		pair.InSync = rate(func(j joined) bool { return j.ev.Sync >= p.MinSync })
		if name == pairOther || name == pairShifted {
			a := again(r, films, rows, func(w func(int) float64) float64 { return auc(sync(matched, w), sync(rows, w)) })
			e := again(r, films, rows, func(w func(int) float64) float64 {
				a, b := sync(matched, w), sync(rows, w)
				if math.IsNaN(above(a, 0)) {
					return math.NaN()
				}
				return eer(a, b)
			})
			pair.AUC, pair.EER = &a, &e
		}
		c.Pairs = append(c.Pairs, pair)
	}
	return c
}
