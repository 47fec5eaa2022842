package analysis

import (
	"context"
	"math"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/face"
	"faceproof/internal/imaging"
)

// Sound before the first digit is not scored, but for a little: clocks differ.
// The mouth is looked at a little longer before, when it is at rest.
const (
	scoreBeforeMS = 300
	lipsBeforeMS  = 500
)

// Sound takes a piece of the sound of a digits attempt. From the first one on the
// mouth is looked for in every frame. Errors: CodeInvalid, field "sound".
func (r *Run) Sound(_ context.Context, a capture.Audio) error {
	r.listens = true
	return r.sound.Add(a.T, a.AppendSamples(nil))
}

// mouth is how far the mouth is open in a frame that was just followed; NaN when
// nobody listens, or it is not seen.
func (r *Run) mouth(ctx context.Context, m *imaging.Image) (float64, error) {
	if !r.listens || r.mesh == nil {
		return math.NaN(), nil
	}
	if r.sinceLook > 0 { // else this frame's look found it
		l, err := r.a.engine.Track(ctx, m, r.mesh)
		if err != nil {
			return 0, err
		}
		if l.Score < face.MinMeshScore {
			return math.NaN(), nil
		}
		r.mesh = r.keep(l)
	}
	return r.mesh.MouthOpening(), nil
}

// aloud judges the digits that were read aloud. Errors: CodeUnavailable, field
// "speech", without a recogniser.
func (r *Run) aloud(ctx context.Context, t capture.Transcript) (*faceproof.DigitsEvidence, error) {
	speech := r.a.speech
	if speech == nil {
		return nil, faceproof.Errorf(faceproof.CodeUnavailable, "speech", "the model pack has no recogniser of digits")
	}
	info, ch := speech.Info(), t.Digits
	ev := &faceproof.DigitsEvidence{Model: info.Model, Expect: len(ch.Digits), Paced: ch.Paced, LightOn: len(ch.Light) > 0}
	if a, far, ok := info.MinA(ev.Expect); ok {
		ev.MinA, ev.MinFAR = a, far
	}
	prompts, from, to := r.listened(t)
	s := r.sound.Sound()
	s.Gaps = max(s.Gaps, t.Audio.Gaps())
	ev.Audio = digits.CheckSound(s, to-from)
	if len(prompts) == 0 {
		return ev, nil
	}
	var onsets []float64 // ms
	if ev.Audio.Fault == faceproof.AudioNone {
		read := s.From(prompts[0] - scoreBeforeMS)
		classes, err := digits.NewClasses(info.Classes, digits.OneLanguage)
		if err != nil {
			return nil, err
		}
		if rows := digits.LogMel(read.Float()); len(rows) > 0 {
			logp, err := speech.LogProbs(ctx, rows)
			if err != nil {
				return nil, err
			}
			var at []int
			ev.Score, ev.Better, ev.Heard, at = digits.Score(logp, classes, ch.Digits)
			ev.Scored = true
			onsets = digits.Times(at, read, info)
			ev.InTime = digits.InTime(onsets, prompts)
		}
	}
	var opening, times []float64
	for _, f := range r.frames {
		if f.t >= prompts[0]-lipsBeforeMS && f.t <= to {
			opening, times = append(opening, f.mouth), append(times, f.t)
		}
	}
	ev.Lips = digits.Lips(opening, times, s, onsets)
	return ev, nil
}

// listened gives when the client showed each prompt, and the span that its sound
// must cover: from the pre-roll to the post-roll. All in ms, client clock.
func (r *Run) listened(t capture.Transcript) (prompts []float64, from, to float64) {
	if n := len(r.frames); n > 0 {
		from, to = r.frames[0].t, r.frames[n-1].t
	}
	for _, d := range t.Display {
		switch d.Event {
		case capture.DisplayPreroll:
			from = d.T
		case capture.DisplayPrompt:
			prompts = append(prompts, d.T)
		case capture.DisplayPostroll:
			to = d.T
		}
	}
	return prompts, from, to
}
