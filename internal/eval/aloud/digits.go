package aloud

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"faceproof"
	"faceproof/internal/digits"
	"faceproof/internal/eval/score"
)

// Config of a measurement of digits.
type Config struct {
	Recogniser digits.Recogniser
	Policy     faceproof.DigitsPolicy
	Clips      []Clip
	Others     []Other  // sounds without digits; drawn noise comes on top
	Trained    []string // voices that the recogniser has heard in training: listed, never counted
	Seed       uint64
	Strings    int // of each language, length and style; 0: 120
	Impostors  int // other strings for each; 0: 300
	Drawn      int // sounds of noise of each kind; 0: 20
	Jobs       int // at once; 0: as many as there are processors
	Progress   func(done, total int)
}

// The strings that are put together.
var styles = []struct {
	style string
	n     int
}{{styleRun, 4}, {styleRun, 6}, {stylePaced, 6}}

// The noise that they are heard in.
var rooms = []struct {
	noise string
	snr   float64
}{{"clean", 0}, {"pink", 20}, {"pink", 10}, {"pink", 5}, {"babble", 20}, {"babble", 10}, {"babble", 5}}

// fars are the rates at which a threshold is set on the strings themselves.
var fars = []float64{1e-2, 1e-3, 1e-4}

// nears is how many strings that differ in one digit are tried.
const nears = 20

// Measure judges single digits, strings, connected recordings and what is no
// digits at all.
func Measure(ctx context.Context, c Config) (*Digits, error) {
	if c.Strings <= 0 {
		c.Strings = 120
	}
	if c.Impostors <= 0 {
		c.Impostors = 300
	}
	if c.Drawn <= 0 {
		c.Drawn = 20
	}
	e, err := newEar(c.Recogniser, c.Policy)
	if err != nil {
		return nil, err
	}
	w := &work{ctx: ctx, jobs: c.Jobs, progress: c.Progress}
	all := voices(c.Clips, c.Trained)
	finish := []func(*Digits){c.single(w, e, all), c.connected(w, e, all), c.strung(w, e, all), c.garbage(w, e)}
	if err := w.run(); err != nil {
		return nil, err
	}
	d := &Digits{Model: e.info.Model, Seed: c.Seed, Strings: c.Strings, Impostors: c.Impostors, FrameMS: e.info.FrameMS}
	for _, s := range styles {
		d.rule(e, s.n)
	}
	for _, f := range finish {
		f(d)
	}
	return d, nil
}

// rule says by what n digits are accepted.
func (d *Digits) rule(e *ear, n int) {
	if slices.ContainsFunc(d.Rules, func(r Rule) bool { return r.N == n }) {
		return
	}
	r := Rule{N: n, LeastHeard: n - e.policy.FewerHeard, MostHeard: n + e.policy.MoreHeard}
	r.MinA, r.FAR, r.Set = e.bound(n)
	d.Rules = append(d.Rules, r)
}

// work is what has to be done, several at a time; each job writes into its own
// place, so that the order does not matter.
type work struct {
	ctx      context.Context
	jobs     int
	todo     []func(context.Context) error
	progress func(done, total int)
}

func (w *work) add(f func(context.Context) error) { w.todo = append(w.todo, f) }

func (w *work) run() error {
	if w.jobs <= 0 {
		w.jobs = runtime.NumCPU()
	}
	ctx, cancel := context.WithCancelCause(w.ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	next, done := 0, 0
	for range w.jobs {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(w.todo) {
					return
				}
				if err := w.todo[i](ctx); err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				if done++; w.progress != nil {
					w.progress(done, len(w.todo))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

var tenDigits = strings.Split("0123456789", "")

// single names every single digit: the likeliest of ten.
func (c *Config) single(w *work, e *ear, all []*voice) func(*Digits) {
	var clips []*Clip
	for _, v := range all {
		for _, d := range v.digits() {
			clips = append(clips, v.digit[d]...)
		}
	}
	said, known := make([]byte, len(clips)), make([]byte, len(clips)) // known: by the classes of the clip's language alone
	for i, clip := range clips {
		w.add(func(ctx context.Context) error {
			r := stream(c.Seed, "single", clip.Path)
			n := len(clip.Sound) + 6*rate/10
			s := white(r, n)
			for i := range s {
				s[i] *= room
			}
			s.add(toWave(clip.Sound), 3*rate/10, .5)
			logp, err := e.listen(ctx, s.samples())
			if err != nil {
				return fmt.Errorf("%s: %w", clip.Path, err)
			}
			said[i], known[i] = likeliest(logp, e.classes), likeliest(logp, e.own[clip.Lang])
			return nil
		})
	}
	return func(out *Digits) {
		for _, v := range all {
			row := Voice{Lang: v.lang, Voice: v.id, Trained: v.trained}
			wrong := map[[2]string]int{}
			for i, clip := range clips {
				if clip.Lang != v.lang || clip.Voice != v.id {
					continue
				}
				if known[i] != clip.Expect()[0] {
					row.Known++
				}
				if row.Clips++; said[i] != clip.Expect()[0] {
					row.Wrong++
					wrong[[2]string{clip.Label, string(said[i])}]++
				}
			}
			if row.Clips == 0 {
				continue
			}
			row.Error, row.ErrorKnown = score.Proportion(row.Wrong, row.Clips), score.Proportion(row.Known, row.Clips)
			row.Confused = confusions(wrong)
			out.Voices = append(out.Voices, row)
		}
		out.pool(c.Seed)
	}
}

// connected judges each recording of more than one digit.
func (c *Config) connected(w *work, e *ear, all []*voice) func(*Digits) {
	var rows []*Connected
	for _, v := range all {
		for _, clip := range v.clips {
			if len(clip.Label) == 1 {
				continue
			}
			row := &Connected{Lang: v.lang, Voice: v.id, Label: clip.Label, Trained: v.trained}
			rows = append(rows, row)
			w.add(func(ctx context.Context) error {
				logp, err := e.listen(ctx, clip.Sound)
				if err != nil {
					return fmt.Errorf("%s: %w", clip.Path, err)
				}
				a, better, heard, _ := digits.Score(logp, e.classes, clip.Expect())
				row.Digits, row.A, row.Better, row.Heard = len(clip.Label), round(a), better, heard
				above := 0
				for _, o := range digits.Likelihoods(logp, e.classes, others(stream(c.Seed, "connected", clip.Path), clip.Expect(), c.Impostors)) {
					if o >= a {
						above++
					}
				}
				row.Above = score.Proportion(above, c.Impostors)
				return nil
			})
		}
	}
	return func(out *Digits) {
		for _, r := range rows {
			out.Connected = append(out.Connected, *r)
		}
	}
}

// strung puts strings together, and hears each in every room.
func (c *Config) strung(w *work, e *ear, all []*voice) func(*Digits) {
	type cell struct {
		lang, style, noise string
		n                  int
		snr                float64
		got                []judged
	}
	var cells []*cell
	for _, l := range languages {
		var able []*voice
		for _, v := range all {
			if v.lang == l.id && !v.trained && len(v.digits()) >= leastDigits {
				able = append(able, v)
			}
		}
		if len(able) == 0 {
			continue
		}
		for _, st := range styles {
			row := make([]*cell, len(rooms))
			for k, room := range rooms {
				row[k] = &cell{l.id, st.style, room.noise, st.n, room.snr, make([]judged, c.Strings)}
			}
			cells = append(cells, row...)
			for i := range c.Strings {
				v := able[i%len(able)]
				pool := without(all, v)
				w.add(func(ctx context.Context) error {
					name := fmt.Sprint(v.lang, "/", v.id, "/", st.style, "/", st.n, "/", i)
					r := stream(c.Seed, "string", name)
					s := say(r, v, st.n, st.style)
					rivals, alike := others(r, s.expect, c.Impostors), near(r, s.expect, nears)
					for k, room := range rooms {
						var noise wave
						switch r := stream(c.Seed, room.noise, name); room.noise {
						case "pink":
							noise = pink(r, len(s.sound))
						case "babble":
							noise = babble(r, len(s.sound), pool)
						}
						j, err := e.judge(ctx, &s, s.in(noise, room.snr), rivals, alike)
						if err != nil {
							return fmt.Errorf("%s: %w", name, err)
						}
						row[k].got[i] = j
					}
					return nil
				})
			}
		}
	}
	return func(out *Digits) {
		for _, x := range cells {
			r := stream(c.Seed, "bootstrap", fmt.Sprint(x.lang, x.style, x.n, x.noise, x.snr))
			out.Cells = append(out.Cells, e.cell(r, Cell{Lang: x.lang, Style: x.style, N: x.n, Noise: x.noise, SNR: x.snr}, x.got))
		}
	}
}

// garbage tries random strings of digits on sounds that hold none.
func (c *Config) garbage(w *work, e *ear) func(*Digits) {
	const seconds = 8
	sounds := slices.Clone(c.Others)
	for i := range c.Drawn {
		for _, kind := range []string{"white", "pink", "music", "silence", "zeros"} {
			name := strconv.Itoa(i)
			r := stream(c.Seed, "other", kind+name)
			var s wave
			level := math.Pow(10, -(15+20*r.Float64())/20)
			switch kind {
			case "white":
				s = white(r, seconds*rate)
			case "pink":
				s = pink(r, seconds*rate)
			case "music":
				s = music(r, seconds*rate)
			case "silence":
				s, level = white(r, seconds*rate), level/100
			case "zeros":
				s = make(wave, seconds*rate)
			}
			for i := range s {
				s[i] *= level
			}
			sounds = append(sounds, Other{Kind: kind, Name: name, Sound: s.samples()})
		}
	}
	const n = 6
	got := make([]noise, len(sounds))
	for i, o := range sounds {
		w.add(func(ctx context.Context) (err error) {
			got[i], err = e.nothing(ctx, o.Sound, draws(stream(c.Seed, "garbage", o.Kind+o.Name), n, c.Impostors))
			return err
		})
	}
	return func(out *Digits) {
		var kinds []string
		rows := map[string]*Garbage{}
		sums := map[string]*[3]int{}
		for i, o := range sounds {
			row := rows[o.Kind]
			if row == nil {
				row = &Garbage{Kind: o.Kind, Drawn: i >= len(c.Others)}
				rows[o.Kind], sums[o.Kind], kinds = row, &[3]int{}, append(kinds, o.Kind)
			}
			r, sum := got[i], sums[o.Kind]
			row.Sounds++
			if r.fault != "" {
				row.Refused++
			}
			row.MostHeard = max(row.MostHeard, r.heard)
			sum[0], sum[1], sum[2] = sum[0]+c.Impostors, sum[1]+r.score, sum[2]+r.rule
			if r.rule > 0 {
				row.Through++
			}
		}
		for _, k := range kinds {
			row, sum := rows[k], sums[k]
			row.Score, row.Rule = score.Proportion(sum[1], sum[0]), score.Proportion(sum[2], sum[0])
			out.Garbage = append(out.Garbage, *row)
		}
	}
}
