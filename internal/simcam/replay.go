package simcam

import (
	"math"
	"math/rand/v2"
	"slices"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/flash"
)

// words is a reader of a generator's bytes, for challenges.
type words struct{ r *rand.Rand }

func (w words) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	return len(b), nil
}

// usual is the plan of a challenge, or of what one may grow to when it is short or
// an opening alone.
func usual(ch faceproof.FlashChallenge) faceproof.Plan {
	p := faceproof.PlanUsual
	p.Segments = max(p.Segments, len(ch.Segments))
	return p
}

// otherChallenge draws a challenge that is not ch, with its timing.
func otherChallenge(ch faceproof.FlashChallenge, r *rand.Rand) (faceproof.FlashChallenge, error) {
	for {
		other, err := flash.New(words{r}, usual(ch))
		if err != nil {
			return ch, err
		}
		same := ch
		same.Segments, same.Nonce = other.Segments[:len(ch.Segments)], other.Nonce
		if len(ch.Segments) == 0 || !slices.Equal(same.Segments, ch.Segments) {
			return same, nil
		}
	}
}

// replay feeds the client the frames of a genuine session under another
// challenge, in step, compressed once more.
func (s *Scene) replay(ch faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	r := rand.New(rand.NewPCG(seed, 0x4e91a7))
	other, err := otherChallenge(ch, r)
	if err != nil {
		return capture.Recording{}, err
	}
	rec, err := s.whole().film(ch, other, seed)
	if err != nil {
		return rec, err
	}
	var shots []shot
	for _, f := range rec.Frames {
		shots = append(shots, shot{stamp: f.T})
	}
	portraits(shots, rec.Meta.Transcript.Display)
	e := newEncoder(&s.p)
	for i := range rec.Frames {
		if rec.Frames[i].JPEG, err = e.again(rec.Frames[i].JPEG, shots[i].full); err != nil {
			return rec, err
		}
	}
	rec.Meta.Transcript.Bytes = size(rec.Frames)
	return rec, nil
}

// whole is the scene before a camera whose pictures are all taken in full: what
// an attacker has.
func (s *Scene) whole() *Scene {
	w := *s
	w.p.Shrink = 1
	return &w
}

func size(frames []capture.Frame) (n int) {
	for _, f := range frames {
		n += len(f.JPEG)
	}
	return n
}

// librarySegments is how many clips the attacker of a splice has.
const librarySegments = 14

// library draws a session with every colour in it.
func library(ch faceproof.FlashChallenge, r *rand.Rand) (faceproof.FlashChallenge, error) {
	wants := map[faceproof.RGB]bool{}
	for _, g := range ch.Segments {
		wants[g.Color] = true
	}
	for {
		a, err := flash.New(words{r}, faceproof.PlanUsual)
		if err != nil {
			return ch, err
		}
		b, err := flash.New(words{r}, faceproof.PlanUsual)
		if err != nil {
			return ch, err
		}
		lib := ch
		lib.Segments = append(slices.Clone(a.Segments), b.Segments...)[:librarySegments]
		has := map[faceproof.RGB]bool{}
		for _, g := range lib.Segments {
			has[g.Color] = true
		}
		missing := false
		for c := range wants {
			missing = missing || !has[c]
		}
		if !missing && a.Segments[len(a.Segments)-1].Color != b.Segments[0].Color {
			return lib, nil
		}
	}
}

// splice cuts a library of genuine clips of the same scene and lays them in the
// order of the challenge, without holding the face still between them.
func (s *Scene) splice(ch faceproof.FlashChallenge, seed uint64) (capture.Recording, error) {
	r := rand.New(rand.NewPCG(seed, 0x5911ce))
	known, err := library(ch, r)
	if err != nil {
		return capture.Recording{}, err
	}
	lib, err := s.whole().film(known, known, seed)
	if err != nil {
		return lib, err
	}
	begin := 3000 + 9000*r.Float64()
	d := draws{r, rand.New(rand.NewPCG(seed, s.p.Seed^0x10e6e4))}
	events, usually, end := schedule(ch, begin, d)
	shots := s.p.shutter(begin, usually, end, d)
	portraits(shots, events)
	e := newEncoder(&s.p)
	var frames []capture.Frame
	for i, sh := range shots {
		from, to := clip(ch, events, known, lib.Meta.Transcript.Display, sh.at-s.p.LatencyMS)
		j := nearest(lib.Frames, sh.at-from+to)
		data, err := e.again(lib.Frames[j].JPEG, sh.full)
		if err != nil {
			return lib, err
		}
		frames = append(frames, capture.Frame{Attempt: 1, Seq: uint32(i), T: sh.stamp, JPEG: data})
	}
	return s.recording(ch, events, frames, len(shots), end, r), nil
}

// clip finds the clip for the moment t: the times at which its segment begins
// in the session and in the library. Colour counts most, then the colour
// before, then the direction.
func clip(ch faceproof.FlashChallenge, events []capture.DisplayEvent, known faceproof.FlashChallenge, have []capture.DisplayEvent, t float64) (from, to float64) {
	k := len(events) - 1
	for k > 0 && t < events[k].T {
		k--
	}
	e := events[k]
	if e.Event != capture.DisplaySegment {
		for _, h := range have {
			if h.Event == e.Event {
				return e.T, h.T
			}
		}
	}
	before := func(c faceproof.FlashChallenge, i int) faceproof.RGB {
		if i == 0 {
			return c.Neutral
		}
		return c.Segments[i-1].Color
	}
	best, at := -1, 0
	for i, g := range known.Segments {
		if g.Color != ch.Segments[e.Index].Color {
			continue
		}
		score := 0
		if before(known, i) == before(ch, e.Index) {
			score += 2
		}
		if g.Forward == ch.Segments[e.Index].Forward {
			score++
		}
		if score > best {
			best, at = score, i
		}
	}
	return e.T, begins(have, at)
}

// begins is when a segment does.
func begins(events []capture.DisplayEvent, segment int) float64 {
	i := slices.IndexFunc(events, func(e capture.DisplayEvent) bool { return e.Event == capture.DisplaySegment && e.Index == segment })
	return events[i].T
}

// nearest is the frame whose time is closest.
func nearest(frames []capture.Frame, t float64) (best int) {
	for i, f := range frames {
		if math.Abs(f.T-t) < math.Abs(frames[best].T-t) {
			best = i
		}
	}
	return best
}
