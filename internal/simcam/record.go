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

// film records a client that is told a challenge while the person, or what is in
// its place, has another one before it; mostly the same.
func (s *Scene) film(told, shown faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	r := rand.New(rand.NewPCG(seed, s.p.Seed^0xf117))
	begin := 3000 + 9000*r.Float64()
	d := draws{r, rand.New(rand.NewPCG(seed, s.p.Seed^0x10e6e4))}
	events, usually, end := schedule(told, begin, d)
	screen := answer(shown, events)
	video, err := s.video(screen, told, events, r)
	if err != nil {
		return capture.Recording{}, err
	}
	shots := s.p.shutter(begin, usually, end, d)
	s.p.portraits(shots, events, told.FadeMS)
	frames, err := s.expose(shots, screen, video, begin, r)
	if err != nil {
		return capture.Recording{}, err
	}
	return s.recording(told, events, frames, len(shots), end, r), nil
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

// expose films the shots: screen is what the client shows, video what lights the
// person.
func (s *Scene) expose(shots []shot, screen, video play, begin float64, r *rand.Rand) ([]capture.Frame, error) {
	b, c, e := s.buffers(), newCamera(&s.p, r), newEncoder(&s.p)
	phase := 2 * math.Pi * r.Float64()
	look := func(at float64, q pose) *moment {
		m := &moment{pose: q, tv: s.tv.at(at - begin)}
		for k, row := range [2]float64{0, 1} {
			m.screen[k] = s.p.exposed(video, at, row)
			if s.glass != nil {
				m.glass[k] = s.p.exposed(screen, at, row)
			}
			ms := at + s.p.RollingMS*row
			m.beat[k] = 1 + s.p.Beat*math.Sin(phase+2*math.Pi*(s.p.BeatHz*ms/1000+s.p.RollingMS*row/100))
		}
		return m
	}
	var q pose
	q.step(math.Inf(1), s.p.Motion, r)
	// The preview has run: exposure and balance have settled on the page's light.
	s.shine(b, look(begin-1000, q))
	c.follow(s.meter(b, c), math.Inf(1))
	last := begin - 1000/s.p.FPS
	var frames []capture.Frame
	for i, sh := range shots {
		dt := max(sh.at-last, 1) / 1000
		last = sh.at
		q.step(dt, s.p.Motion, r)
		m := look(sh.at, q)
		s.shine(b, m)
		b.place(s.w/step, q.handX)
		t := s.similarity(q)
		for y := range s.h {
			s.scan(b, y, t, m)
			c.expose(b.row, y, r)
		}
		c.started = true
		c.follow(s.meter(b, c), dt)
		data, err := e.encode(c.out, sh.full)
		if err != nil {
			return nil, err
		}
		frames = append(frames, capture.Frame{Attempt: 1, Seq: uint32(i), T: sh.stamp, JPEG: data})
	}
	return frames, nil
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
