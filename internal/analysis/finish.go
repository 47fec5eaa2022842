package analysis

import (
	"cmp"
	"context"
	"time"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/digits"
	"faceproof/internal/flash"
)

// gapMS is the pause between two frames above which a change of colour may have
// been missed.
const gapMS = 200

// Finish judges the attempt whose frames have come: the evidence, and the best
// frame of the pre-roll as the JPEG that arrived (nil: none). The match is done
// with whatever template ref has, so that its state costs no time; it is told
// only when the subject was found.
func (r *Run) Finish(ctx context.Context, t capture.Transcript, ref faceproof.Reference) (faceproof.Evidence, []byte, error) {
	work, err := r.a.begin(ctx, turnFinish, StageFinish)
	if err != nil {
		return faceproof.Evidence{}, nil, err
	}
	defer work.done()
	ev := faceproof.Evidence{
		PackID: r.a.engine.Pack().ID, Method: methodOf(t), Assurance: faceproof.AssuranceWebUnattested,
		Attempt: t.Attempt, Capture: r.capture(t), Reference: ref.State,
	}
	start := time.Now()
	source := r.source.Evidence()
	source.DriftMS = t.DriftMS
	source.Weigh()
	r.a.lap(StageSource, start)
	ev.Provenance = &source
	ev.Assurance = faceproof.CaptureAssurance(ev)
	start = time.Now()
	var first float64 // ms, when the colours or the digits began
	if ev.Method == faceproof.MethodDigits {
		first, err = r.finishDigits(ctx, t, &ev)
	} else {
		first, err = r.finishFlash(t, &ev)
	}
	if err != nil {
		return faceproof.Evidence{}, nil, err
	}
	r.a.lap(StageLight, start)
	defer r.a.lap(StageMatch, time.Now())
	probe := r.probe(neutralFrom(t), first)
	ev.PAD = r.pad(first)
	ev.Face = faceproof.FaceEvidence{Analysed: r.looks.all, WithFace: r.looks.withFace, ManyFaces: r.looks.many, AwayMS: r.away.longest, Poor: probe.poor}
	var portrait []byte
	if probe.best != nil {
		ev.Face.Quality, portrait = probe.best.quality, probe.best.jpeg
	}
	if ev.Parallax, err = r.parallax(probe.Template); err != nil {
		return faceproof.Evidence{}, nil, err
	}
	if probe.Frames == 0 {
		return ev, portrait, nil
	}
	if ev.Face.Continuity, err = r.continuity(probe, first); err != nil {
		return faceproof.Evidence{}, nil, err
	}
	if ev.Match, ev.Reference, err = r.match(probe.Template, ref); err != nil {
		return faceproof.Evidence{}, nil, err
	}
	return ev, portrait, nil
}

// methodOf names the method of an attempt; recordings from before there were two
// say nothing.
func methodOf(t capture.Transcript) string {
	if t.Method == faceproof.MethodDigits {
		return faceproof.MethodDigits
	}
	return faceproof.MethodFlash
}

// finishFlash judges the light of the colours, and tells when they began.
func (r *Run) finishFlash(t capture.Transcript, ev *faceproof.Evidence) (first float64, err error) {
	rng, err := flash.NewRand(r.a.random)
	if err != nil {
		return 0, err
	}
	tl := timeline(t.Display)
	series := r.series()
	series.Surface = r.surface(t)
	fl, err := flash.Analyse(t.Challenge, tl, series, r.a.tries, rng)
	if err != nil {
		return 0, err
	}
	ev.Flash = &fl
	if len(tl.Segment) > 0 {
		first = 1000 * tl.Segment[0]
	}
	light := r.light(t, first, series)
	ev.Light = &light
	return first, nil
}

// finishDigits judges what was read aloud and the light under it, if there was
// any, and tells when that began.
func (r *Run) finishDigits(ctx context.Context, t capture.Transcript, ev *faceproof.Evidence) (first float64, err error) {
	if ev.Digits, err = r.aloud(ctx, t); err != nil {
		return 0, err
	}
	if ev.Provenance != nil && ev.Digits.Scored { // silence is always alike
		ev.Provenance.Traces.PCM = []byte(ev.Digits.Audio.Digest)
		ev.Provenance.Traces.Sounds = digits.Marks(r.sound.Sound())
	}
	prompts, _, _ := r.listened(t)
	if len(prompts) > 0 {
		first = prompts[0]
	}
	if !ev.Digits.LightOn {
		return first, nil
	}
	rng, err := flash.NewRand(r.a.random)
	if err != nil {
		return 0, err
	}
	series := r.series()
	series.Surface = r.surface(t)
	fl, err := flash.AnalyseCode(t.Digits, timeline(t.Display), series, r.a.tries, rng)
	if err != nil {
		return 0, err
	}
	ev.Flash = &fl
	return first, nil
}

// capture counts the frames.
func (r *Run) capture(t capture.Transcript) faceproof.CaptureEvidence {
	c := faceproof.CaptureEvidence{
		Captured: t.Captured, Received: t.Received, Dropped: t.Dropped, Bytes: t.Bytes, ServerMS: t.ServerMS, JPEGQ: r.jpegQ,
	}
	n := len(r.frames)
	if n < 2 {
		return c
	}
	c.DurationMS = r.frames[n-1].t - r.frames[0].t
	var gaps float64
	for i := 1; i < n; i++ {
		if d := r.frames[i].t - r.frames[i-1].t; d > gapMS {
			gaps += d
		}
	}
	if c.DurationMS > 0 {
		c.FPS = 1000 * float64(n-1) / c.DurationMS
		c.GapShare = gaps / c.DurationMS
	}
	return c
}

// timeline is the client's account in seconds.
func timeline(d []capture.DisplayEvent) flash.Timeline {
	var tl flash.Timeline
	for _, e := range d {
		switch e.Event {
		case capture.DisplaySegment, capture.DisplayPrompt:
			tl.Segment = append(tl.Segment, e.T/1000)
		case capture.DisplayPostroll:
			tl.Post = e.T / 1000
		}
	}
	return tl
}

// Target names the false match rate for which the match threshold is taken from
// the pack's calibration, until the session ends. It begins with the pack's own.
func (r *Run) Target(fmr float64) { r.fmr = fmr }

// match compares the probe with the reference.
func (r *Run) match(probe faceproof.Template, ref faceproof.Reference) (*faceproof.MatchEvidence, faceproof.ReferenceState, error) {
	e := r.a.engine
	v, err := e.Similarity(probe, ref.Template)
	switch {
	case faceproof.ErrorCode(err) == faceproof.CodeConflict && ref.State == faceproof.ReferenceFound:
		return nil, faceproof.ReferenceOtherModel, nil
	case ref.State != faceproof.ReferenceFound:
		return nil, ref.State, nil
	case err != nil:
		return nil, ref.State, err
	}
	at := e.Pack().ThresholdFor(cmp.Or(r.fmr, e.Pack().Match.FMR), probe.Frames, ref.Template.Frames)
	return &faceproof.MatchEvidence{
		ModelID: e.ModelID(), Similarity: v, Threshold: at.Threshold, FMR: at.FMR, Score: e.Pack().Score(v, probe.Frames, ref.Template.Frames),
		ProbeFrames: probe.Frames, ReferenceFrames: ref.Template.Frames,
	}, ref.State, nil
}
