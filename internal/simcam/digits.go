package simcam

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"

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
	if !ch.Paced {
		return capture.Recording{}, faceproof.Errorf(faceproof.CodeInvalid, "digits", "one digit at a time")
	}
	return s.RecordReading(ch, seed, Reading{})
}

// Reading is what is before the camera and the microphone while digits are asked
// for. The zero value is a face that is silent, without a microphone.
type Reading struct {
	// Earlier is the challenge that a video (Replay, OtherScreen) was filmed under,
	// played from the beginning of the pre-roll on; nil: a video of this attempt's
	// times, under other colours.
	Earlier *faceproof.DigitsChallenge
	// Perform says what moves and what is heard. told is what the client reports,
	// filmed the same of the video: told itself without an Earlier. Sound is asked
	// for from the first event of told to end (ms, client clock).
	Perform func(told, filmed []capture.DisplayEvent, end float64) Performance
}

// Performance is a mouth and a sound. Times are ms of the client's clock.
type Performance struct {
	Mouth func(t float64) float64 // how far the mouth is open, 0 to 1; nil: it stays as in the photo
	Sound []int16                 // 16 kHz, from the beginning of the pre-roll on; empty: nothing comes
}

// RecordReading films somebody who reads, or what is in that person's place. A
// challenge of digits all at once has no light. The rest is RecordDigits'.
func (s *Scene) RecordReading(ch faceproof.DigitsChallenge, seed uint64, rd Reading) (capture.Recording, error) {
	if len(ch.ShowMS) == 0 || !ch.Paced && len(ch.ShowMS) != 1 || len(ch.Light) > 0 && len(ch.Light) != len(ch.ShowMS) {
		return capture.Recording{}, faceproof.Errorf(faceproof.CodeInvalid, "digits", "one digit at a time, each with a colour or none, or all at once")
	}
	if s.p.Kind == Splice {
		return capture.Recording{}, faceproof.Errorf(faceproof.CodeInvalid, "kind", "a splice of digits cannot be filmed")
	}
	r := rand.New(rand.NewPCG(seed, s.p.Seed^0xd161))
	sc := script{begin: 3000 + 9000*r.Float64(), r: r}
	sc.events, sc.end = prompts(ch, sc.begin, r)
	sc.screen = aloud(ch, ch.Light, sc.events)
	filmed, err := s.filmed(&sc, ch, rd)
	if err != nil {
		return capture.Recording{}, err
	}
	sc.shots = s.p.shutter(sc.begin, sc.end, sc.end, draws{r, r})
	for i := range sc.shots {
		sc.shots[i].full = true // all of them: the mouth wants pixels
	}
	var p Performance
	if rd.Perform != nil {
		p = rd.Perform(sc.events, filmed, sc.end)
	}
	t := s.take(sc)
	if p.Mouth != nil {
		own := *s // others may film the same scene
		own.tex = slices.Clone(s.tex)
		lips := own.newMouth(seed)
		t.s, t.moves = &own, func(at float64) { lips.open(p.Mouth(at)) }
	}
	if err := t.film(sc, math.Inf(1)); err != nil {
		return capture.Recording{}, err
	}
	if s.p.Kind == Replay {
		for i := range t.frames {
			if t.frames[i].JPEG, err = t.e.again(t.frames[i].JPEG, true); err != nil {
				return capture.Recording{}, err
			}
		}
	}
	rec := s.recording(faceproof.FlashChallenge{}, sc.events, t.frames, len(sc.shots), sc.end, r)
	m := &rec.Meta.Transcript
	m.Method, m.Digits = faceproof.MethodDigits, ch
	m.ServerMS += float64(ch.EndMS)
	if len(p.Sound) > 0 {
		rec = rec.WithSound(pieces(p.Sound, sc.begin, rand.New(rand.NewPCG(seed, 0x50d))))
		rec.Meta.Transcript.Audio = counts(rec.Sounds)
	}
	return rec, nil
}

// filmed decides what lights the person, or the person of a video, and gives the
// events under which that happens.
func (s *Scene) filmed(sc *script, ch faceproof.DigitsChallenge, rd Reading) ([]capture.DisplayEvent, error) {
	filmed, other := sc.events, ch.Light
	if s.p.Kind == Replay || s.p.Kind == OtherScreen {
		if rd.Earlier != nil {
			filmed, _ = prompts(*rd.Earlier, sc.begin, sc.r)
			sc.video = aloud(*rd.Earlier, rd.Earlier.Light, filmed)
			return filmed, nil
		}
		if len(ch.Light) > 0 {
			var err error
			if other, err = flash.Gentle(words{sc.r}, len(ch.Light)); err != nil {
				return nil, err
			}
		}
	} else if rd.Earlier != nil {
		filmed, _ = prompts(*rd.Earlier, sc.begin, sc.r)
	}
	switch s.p.Kind {
	case PlainScreen:
		sc.video = steady(linear(ch.Neutral))
	case OtherScreen, Replay:
		sc.video = aloud(ch, other, sc.events)
	default:
		sc.video = sc.screen
	}
	return filmed, nil
}

// pieces cuts sound as a client sends it: 100 ms each, stamped a little late.
func pieces(samples []int16, begin float64, r *rand.Rand) (all []capture.Audio) {
	const piece, late = capture.AudioRate / 10, 10.
	for at := 0; at+capture.MinAudioSamples <= len(samples); at += piece {
		a := capture.Audio{Attempt: 1, Seq: uint32(len(all)), T: begin + 1000*float64(at)/capture.AudioRate + late*r.Float64()}
		for _, v := range samples[at:min(at+piece, len(samples))] {
			a.PCM = binary.LittleEndian.AppendUint16(a.PCM, uint16(v))
		}
		all = append(all, a)
	}
	return all
}

func counts(sounds []capture.Audio) (c capture.AudioCounts) {
	for _, a := range sounds {
		c.Messages, c.Samples = c.Messages+1, c.Samples+a.Len()
	}
	if n := len(sounds); n > 0 {
		c.T0, c.EndT = sounds[0].T, sounds[n-1].EndT()
	}
	return c
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
