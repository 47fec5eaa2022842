package simcam

import (
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/flash"
)

// RecordDigits films one attempt at reading digits aloud, from the first frame of
// the pre-roll to the last after the neutral light has come back. The screen shows
// the light of the challenge, if there is one, and a plate with the digit, whose
// light Params.Fill leaves out. There is no sound, and nobody's mouth moves: this
// is for the light alone. seed decides motion, noise and times. The challenge must
// be one digit at a time; Splice has no clips of it. Errors are those of encoding,
// and CodeInvalid.
func (s *Scene) RecordDigits(ch faceproof.DigitsChallenge, seed uint64) (capture.Recording, error) {
	if !ch.Paced || len(ch.ShowMS) == 0 || len(ch.Light) > 0 && len(ch.Light) != len(ch.ShowMS) {
		return capture.Recording{}, faceproof.Errorf(faceproof.CodeInvalid, "digits", "one digit at a time, each with a colour or none")
	}
	if s.p.Kind == Splice {
		return capture.Recording{}, faceproof.Errorf(faceproof.CodeInvalid, "kind", "a splice of digits cannot be filmed")
	}
	r := rand.New(rand.NewPCG(seed, s.p.Seed^0xd161))
	sc := script{begin: 3000 + 9000*r.Float64(), r: r}
	sc.events, sc.end = prompts(ch, sc.begin, r)
	sc.screen = aloud(ch, ch.Light, sc.events)
	other := ch.Light
	if len(ch.Light) > 0 && (s.p.Kind == Replay || s.p.Kind == OtherScreen) {
		var err error
		if other, err = flash.Gentle(words{r}, len(ch.Light)); err != nil {
			return capture.Recording{}, err
		}
	}
	switch s.p.Kind {
	case PlainScreen:
		sc.video = steady(linear(ch.Neutral))
	case OtherScreen, Replay:
		sc.video = aloud(ch, other, sc.events)
	default:
		sc.video = sc.screen
	}
	sc.shots = s.p.shutter(sc.begin, sc.end, sc.end, draws{r, r})
	for i := range sc.shots {
		sc.shots[i].full = true // all of them: the mouth wants pixels
	}
	t := s.take(sc)
	if err := t.film(sc, math.Inf(1)); err != nil {
		return capture.Recording{}, err
	}
	if s.p.Kind == Replay {
		for i := range t.frames {
			var err error
			if t.frames[i].JPEG, err = t.e.again(t.frames[i].JPEG, true); err != nil {
				return capture.Recording{}, err
			}
		}
	}
	rec := s.recording(faceproof.FlashChallenge{}, sc.events, t.frames, len(sc.shots), sc.end, r)
	m := &rec.Meta.Transcript
	m.Method, m.Digits = faceproof.MethodDigits, ch
	m.ServerMS += float64(ch.EndMS)
	return rec, nil
}

// prompts is when a client shows a challenge, from begin (ms) on, and when the last
// frame is due. Each prompt takes a way through the network and waits for an
// animation frame.
func prompts(ch faceproof.DigitsChallenge, begin float64, r *rand.Rand) (events []capture.DisplayEvent, end float64) {
	start := begin + float64(ch.PrerollMS) + 120*r.Float64() // of the server's clock
	put := func(event string, index int, due float64) {
		t := start + due + 15 + 60*r.Float64()
		t = begin + math.Ceil((t-begin)/tick)*tick + .6*r.Float64()
		events = append(events, capture.DisplayEvent{Event: event, Index: index, T: t})
	}
	events = []capture.DisplayEvent{{Event: capture.DisplayPreroll, T: begin}}
	for i, ms := range ch.ShowMS {
		put(capture.DisplayPrompt, i, float64(ms))
	}
	put(capture.DisplayPostroll, 0, float64(ch.EndMS))
	return events, events[len(events)-1].T + float64(ch.FadeMS) + afterDigitsMS
}

// afterDigitsMS is how long the neutral light stays in the end.
const afterDigitsMS = 300

// aloud is the play of these colours; neutral light where there are none.
func aloud(ch faceproof.DigitsChallenge, light []faceproof.RGB, events []capture.DisplayEvent) play {
	p := steady(page)
	for _, e := range events {
		c := ch.Neutral
		if e.Event == capture.DisplayPrompt && e.Index < len(light) {
			c = light[e.Index]
		}
		p = append(p, show{at: e.T, color: linear(c), lasts: float64(ch.FadeMS)})
	}
	return p
}
