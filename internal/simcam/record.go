package simcam

import (
	"math"
	"math/rand/v2"

	"faceproof"
	"faceproof/internal/capture"
)

// SDK is how recordings of this camera name their client.
const SDK = "simcam"

// Record films one attempt at a challenge, from the first frame of the pre-roll
// to the last of the post-roll. seed decides motion, noise and times. Errors are
// those of encoding, and of challenges that an attack draws for itself.
func (s *Scene) Record(ch faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	switch s.p.Kind {
	case Replay:
		return s.replay(ch, seed)
	case Splice:
		return s.splice(ch, seed)
	}
	return s.film(ch, ch, seed)
}

// draws are the generators of a session. What a challenge has beyond the usual
// length takes from the second, so that what comes before the colours is the
// same whatever their number, and the same for none.
type draws struct{ usual, longer *rand.Rand }

// RecordChosen is Record of the challenge that choose gives when it has seen the
// opening: what comes before the colours of ch, whose segments do not count.
// Replay and Splice film that part twice.
func (s *Scene) RecordChosen(ch faceproof.FlashChallenge, seed uint64, choose func(opening capture.Recording) (faceproof.FlashChallenge, error)) (capture.Recording, error) {
	ch.Segments = nil
	if s.p.Kind == Replay || s.p.Kind == Splice {
		whole, err := s.Record(ch, seed)
		if err != nil {
			return whole, err
		}
		if ch, err = choose(opening(whole)); err != nil {
			return capture.Recording{}, err
		}
		return s.Record(ch, seed)
	}
	sc, err := s.script(ch, ch, seed)
	if err != nil {
		return capture.Recording{}, err
	}
	t := s.take(sc)
	if err := t.film(sc, sc.events[len(sc.events)-1].T); err != nil {
		return capture.Recording{}, err
	}
	unused := rand.New(rand.NewPCG(seed, 0)) // t goes on with its own
	if ch, err = choose(opening(s.recording(ch, sc.events, t.frames, len(t.frames), sc.end, unused))); err != nil {
		return capture.Recording{}, err
	}
	if sc, err = s.script(ch, ch, seed); err != nil {
		return capture.Recording{}, err
	}
	return t.finish(sc)
}

// opening is what a recording without colours has before its post-roll.
func opening(rec capture.Recording) capture.Recording {
	t := rec.Transcript()
	last := len(t.Display) - 1
	n := 0
	for n < len(rec.Frames) && rec.Frames[n].T < t.Display[last].T {
		n++
	}
	rec.Frames, rec.Meta.Frames = rec.Frames[:n], rec.Meta.Frames[:n]
	rec.Meta.Transcript.Display = t.Display[:last]
	return rec
}

// script is who shows what when, and when the camera looks.
type script struct {
	told   faceproof.FlashChallenge
	events []capture.DisplayEvent
	screen play // what the client shows
	video  play // what lights the person
	shots  []shot
	begin  float64 // ms, client clock
	end    float64
	r      *rand.Rand // for what is left to be drawn
}

// script draws it for a client that is told a challenge while the person, or what
// is in its place, has another one before it; mostly the same.
func (s *Scene) script(told, shown faceproof.FlashChallenge, seed uint64) (script, error) {
	r := rand.New(rand.NewPCG(seed, s.p.Seed^0xf117))
	sc := script{told: told, begin: 3000 + 9000*r.Float64(), r: r}
	d := draws{r, rand.New(rand.NewPCG(seed, s.p.Seed^0x10e6e4))}
	var usually float64
	sc.events, usually, sc.end = schedule(told, sc.begin, d)
	sc.screen = answer(shown, sc.events)
	var err error
	sc.video, err = s.video(sc.screen, told, sc.events, r)
	sc.shots = s.p.shutter(sc.begin, usually, sc.end, d)
	portraits(sc.shots, sc.events)
	return sc, err
}

// film records a client that is told a challenge while another one is shown.
func (s *Scene) film(told, shown faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	sc, err := s.script(told, shown, seed)
	if err != nil {
		return capture.Recording{}, err
	}
	return s.take(sc).finish(sc)
}

// video is the light in a video that another screen shows; the screen's own for
// all other kinds.
func (s *Scene) video(screen play, told faceproof.FlashChallenge, events []capture.DisplayEvent, r *rand.Rand) (play, error) {
	switch s.p.Kind {
	case PlainScreen:
		return steady(linear(told.Neutral)), nil
	case OtherScreen:
		other, err := otherChallenge(told, r)
		return answer(other, events), err
	}
	return screen, nil
}

// take is a camera that runs.
type take struct {
	s      *Scene
	b      *buffers
	c      *camera
	e      *encoder
	r      *rand.Rand
	pose   pose
	phase  float64 // of the room's flicker
	last   float64 // ms, when the last frame came
	frames []capture.Frame
	moves  func(at float64) // puts the person as it was at a time (ms); nil: nothing of the face moves
}

// take begins to film a script: the preview has run, so that exposure and balance
// have settled on the page's light.
func (s *Scene) take(sc script) *take {
	t := &take{s: s, b: s.buffers(), c: newCamera(&s.p, sc.r), e: newEncoder(&s.p), r: sc.r, last: sc.begin - 1000/s.p.FPS}
	t.phase = 2 * math.Pi * t.r.Float64()
	t.pose.step(math.Inf(1), s.p.Motion, t.r)
	s.shine(t.b, t.look(sc, sc.begin-1000))
	t.c.follow(s.meter(t.b, t.c), math.Inf(1))
	return t
}

// look is what the frame that comes at a time sees.
func (t *take) look(sc script, at float64) *moment {
	p := &t.s.p
	m := &moment{pose: t.pose, tv: t.s.tv.at(at - sc.begin)}
	for k, row := range [2]float64{0, 1} {
		m.screen[k] = p.exposed(sc.video, at, row)
		if t.s.glass != nil {
			m.glass[k] = p.exposed(sc.screen, at, row)
		}
		ms := at + p.RollingMS*row
		m.beat[k] = 1 + p.Beat*math.Sin(t.phase+2*math.Pi*(p.BeatHz*ms/1000+p.RollingMS*row/100))
	}
	return m
}

// film takes the shots that are stamped before a time and were not taken yet.
func (t *take) film(sc script, before float64) error {
	s, b, c := t.s, t.b, t.c
	for _, sh := range sc.shots[len(t.frames):] {
		if sh.stamp >= before {
			return nil
		}
		dt := max(sh.at-t.last, 1) / 1000
		t.last = sh.at
		t.pose.step(dt, s.p.Motion, t.r)
		m := t.look(sc, sh.at)
		if t.moves != nil {
			t.moves(sh.at - s.p.LatencyMS)
		}
		s.shine(b, m)
		b.place(s.w/step, t.pose.handX)
		place := s.similarity(t.pose)
		for y := range s.h {
			s.scan(b, y, place, m)
			c.expose(b.row, y, t.r)
		}
		c.started = true
		c.follow(s.meter(b, c), dt)
		data, err := t.e.encode(c.out, sh.full)
		if err != nil {
			return err
		}
		t.frames = append(t.frames, capture.Frame{Attempt: 1, Seq: uint32(len(t.frames)), T: sh.stamp, JPEG: data})
	}
	return nil
}

// finish films to the end of the script.
func (t *take) finish(sc script) (capture.Recording, error) {
	if err := t.film(sc, math.Inf(1)); err != nil {
		return capture.Recording{}, err
	}
	return t.s.recording(sc.told, sc.events, t.frames, len(sc.shots), sc.end, t.r), nil
}

// recording adds the client's account and what the server saw of it.
func (s *Scene) recording(ch faceproof.FlashChallenge, events []capture.DisplayEvent, frames []capture.Frame, captured int, end float64, r *rand.Rand) capture.Recording {
	t := capture.Transcript{Attempt: 1, Challenge: ch, Display: events, Captured: captured, Sent: len(frames), Received: len(frames)}
	for _, f := range frames {
		t.Bytes += len(f.JPEG)
	}
	first := end
	for _, e := range events {
		if e.Event == capture.DisplaySegment {
			first = e.T
			break
		}
	}
	// The challenge was sent a little before its first colour, and the end came a
	// little after the last frame.
	t.ServerMS = end - first + 60 + 120*r.Float64()
	h := capture.ClientHello{SDK: SDK, Lang: "en", Camera: capture.Camera{Width: 480, Height: 640, FPS: cameraFPS}, Screen: capture.Screen{Width: 390, Height: 832, DPR: 3}}
	if s.p.Screen == ScreenLaptop {
		h.Camera.Width, h.Camera.Height = 640, 480
		h.Screen = capture.Screen{Width: 1440, Height: 813, DPR: 2}
	}
	return capture.NewRecording(h, t, frames)
}
