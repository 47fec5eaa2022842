package aloud

import (
	"context"
	"math"

	"faceproof"
	"faceproof/internal/digits"
)

// ear is the product's hearing: its features, its recogniser, its scoring, its
// check of sound, and the part of its policy that is about words.
type ear struct {
	rec     digits.Recogniser
	info    digits.Info
	policy  faceproof.DigitsPolicy
	classes digits.Classes            // of the language that fits better, as the product scores
	own     map[string]digits.Classes // of one language, by its name
}

func newEar(rec digits.Recogniser, p faceproof.DigitsPolicy) (*ear, error) {
	e := &ear{rec: rec, info: rec.Info(), policy: p}
	var err error
	if e.classes, err = digits.NewClasses(e.info.Classes, digits.OneLanguage); err != nil {
		return nil, err
	}
	e.own = map[string]digits.Classes{}
	for _, l := range languages {
		// A recogniser without this language hears it as it hears all.
		if e.own[l.id], err = digits.NewClasses(e.info.Classes, digits.Language(l.id)); err != nil {
			e.own[l.id] = e.classes
		}
	}
	return e, nil
}

// likeliest is the digit that a sound of one digit is most probably.
func likeliest(logp [][]float32, classes digits.Classes) (said byte) {
	best := math.Inf(-1)
	for d, a := range digits.Likelihoods(logp, classes, tenDigits) {
		if a > best {
			best, said = a, byte('0'+d)
		}
	}
	return said
}

// listen gives the recogniser's rows.
func (e *ear) listen(ctx context.Context, samples []int16) ([][]float32, error) {
	return e.rec.LogProbs(ctx, digits.LogMel(digits.Sound{Samples: samples}.Float()))
}

// fault is what the product would say about the sound itself.
func (e *ear) fault(samples []int16) faceproof.AudioFault {
	s := digits.Sound{Samples: samples}
	return digits.CheckSound(s, s.DurationMS()).Fault
}

// bound is the least score for n digits; ok is false where nothing may pass.
func (e *ear) bound(n int) (a, far float64, ok bool) {
	a, far, ok = e.info.MinA(n)
	return a, far, ok && far > 0 && far <= e.policy.MaxDigitsFAR
}

// words says whether n digits pass by the words alone: the rule of the default
// policy (faceproof.Decide) without times, lips and light.
func (e *ear) words(n int, a float64, better, heard int) bool {
	least, _, ok := e.bound(n)
	return ok && a >= least && heard >= n-e.policy.FewerHeard && heard <= n+e.policy.MoreHeard &&
		(e.policy.MaxBeaten < 0 || better >= n-e.policy.MaxBeaten)
}

// judged is what one sound gave.
type judged struct {
	voice     string
	n         int
	fault     faceproof.AudioFault
	a         float64
	better    int
	heard     int
	inTime    int       // digits
	lags      []float64 // ms, of each digit's onset
	impostors []float64 // A of random other strings
	passed    int       // … of them that pass by the words
	near      int       // strings with one other digit that do
}

// scoreBeforeMS is how much sound before the first prompt the product scores.
const scoreBeforeMS = 300

// judge hears a string in one room.
func (e *ear) judge(ctx context.Context, s *spoken, samples []int16, rivals, alike []string) (judged, error) {
	whole := digits.Sound{Samples: samples}
	read := whole
	if len(s.prompts) > 0 {
		read = whole.From(s.prompts[0] - scoreBeforeMS)
	}
	logp, err := e.listen(ctx, read.Samples)
	if err != nil {
		return judged{}, err
	}
	j := judged{voice: s.voice.id, n: len(s.expect), fault: e.fault(samples)}
	var rows []int
	j.a, j.better, j.heard, rows = digits.Score(logp, e.classes, s.expect)
	onsets := digits.Times(rows, read, e.info)
	for i, at := range onsets {
		j.lags = append(j.lags, at-s.onsets[i])
	}
	j.inTime = digits.InTime(onsets, s.prompts)
	j.impostors = digits.Likelihoods(logp, e.classes, rivals)
	j.passed = e.pass(logp, rivals, j.impostors, j.heard)
	j.near = e.pass(logp, alike, digits.Likelihoods(logp, e.classes, alike), j.heard)
	return j, nil
}

// pass counts the strings that the words let through.
func (e *ear) pass(logp [][]float32, tried []string, a []float64, heard int) (n int) {
	for i, s := range tried {
		if least, _, ok := e.bound(len(s)); ok && a[i] >= least && e.words(len(s), a[i], e.better(logp, s), heard) {
			n++
		}
	}
	return n
}

// noise is what a sound without digits gave.
type noise struct {
	fault faceproof.AudioFault
	heard int
	score int // strings that reach the least score
	rule  int // … and pass by the whole rule, the check of the sound included
}

// nothing tries strings, all of one length, on a sound that holds no digits.
func (e *ear) nothing(ctx context.Context, samples []int16, tried []string) (noise, error) {
	samples = samples[:min(len(samples), digits.MaxSeconds*rate)]
	logp, err := e.listen(ctx, samples)
	if err != nil {
		return noise{}, err
	}
	n := len(tried[0])
	o := noise{fault: e.fault(samples)}
	_, _, o.heard, _ = digits.Score(logp, e.classes, tried[0])
	a := digits.Likelihoods(logp, e.classes, tried)
	least, _, ok := e.bound(n)
	for _, v := range a {
		if ok && v >= least {
			o.score++
		}
	}
	if o.fault == faceproof.AudioNone {
		o.rule = e.pass(logp, tried, a, o.heard)
	}
	return o, nil
}

// better is Score's, where the policy looks at it.
func (e *ear) better(logp [][]float32, s string) (n int) {
	if e.policy.MaxBeaten >= 0 {
		_, n, _, _ = digits.Score(logp, e.classes, s)
	}
	return n
}
