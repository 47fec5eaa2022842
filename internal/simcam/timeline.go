package simcam

import (
	"math"
	"slices"

	"faceproof"
	"faceproof/internal/capture"
	"faceproof/internal/imaging"
	"faceproof/internal/radiance"
)

// bandLight is the linear light of the bands, 0 to 1 a channel; or nits.
type bandLight [radiance.Bands][3]float64

// show is a change of what the screen shows.
type show struct {
	at      float64    // ms, client clock: the animation frame that first draws it
	color   [3]float64 // linear, in the end
	lasts   float64    // ms until it is complete
	wipe    bool       // it slides in along the long axis; otherwise it fades in everywhere
	forward bool       // … from the first band
}

// play is what a screen shows, in order of time; the first show is from ever.
type play []show

// The wipe's edge is blended over edge of the long axis; a page draws with the
// animation frames of a 60 Hz display.
const (
	edge = .06
	tick = 1000. / 60
)

// page is the client before the pre-roll: white, with text and pictures.
var page = [3]float64{.5, .5, .5}

// at gives what the screen shows at t.
func (p play) at(t float64) (l bandLight) {
	k := len(p) - 1
	for k > 0 && t < p[k].at {
		k--
	}
	now := p[k]
	share := 1.
	if k > 0 && now.lasts > 0 {
		share = min(math.Floor((t-now.at)/tick)*tick/now.lasts, 1)
	}
	for b := range l {
		s := share
		if now.wipe && share < 1 {
			place := b
			if !now.forward {
				place = radiance.Bands - 1 - b
			}
			s = min(max(radiance.Bands*(share*(1+edge)-edge/2)-float64(place), 0), 1)
		}
		for c := range l[b] {
			l[b][c] = now.color[c]
			if s < 1 {
				l[b][c] = s*now.color[c] + (1-s)*p[k-1].color[c]
			}
		}
	}
	return l
}

// steady shows one colour for ever.
func steady(c [3]float64) play { return play{{at: math.Inf(-1), color: c}} }

// answer is the play of a challenge that is shown at the times of events, which
// may be another's: what counts is the order of segments.
func answer(ch faceproof.FlashChallenge, events []capture.DisplayEvent) play {
	p := steady(page)
	for _, e := range events {
		s := show{at: e.T, color: linear(ch.Neutral)}
		switch e.Event {
		case capture.DisplayLead:
			s.color, s.lasts = [3]float64{}, float64(ch.FadeMS)
		case capture.DisplayPreroll:
			s.lasts = float64(ch.FadeMS)
		case capture.DisplaySegment:
			if e.Index >= len(ch.Segments) {
				continue
			}
			seg := ch.Segments[e.Index]
			s.color, s.lasts, s.wipe, s.forward = linear(seg.Color), float64(ch.WipeMS), true, seg.Forward
		}
		p = append(p, s)
	}
	return p
}

func linear(c faceproof.RGB) (l [3]float64) {
	for i, v := range c {
		l[i] = float64(imaging.Linear(v))
	}
	return l
}

// schedule is when a client shows the challenge, from begin (ms) on, when the
// last frame would be due if it were of the usual length, and when it is. The
// colours come over the network; a segment begins with an animation frame, now
// and then with one that is late.
func schedule(ch faceproof.FlashChallenge, begin float64, d draws) (events []capture.DisplayEvent, usually, end float64) {
	t, r := begin, d.usual
	put := func(event string, index int) {
		events = append(events, capture.DisplayEvent{Event: event, Index: index, T: t})
	}
	next := func(ms float64) {
		t += math.Ceil(ms/tick-.25) * tick // may come 4 ms early
		if r.Float64() < .08 {
			t += tick
		}
		t += .6 * r.Float64()
	}
	if ch.LeadMS > 0 {
		put(capture.DisplayLead, 0)
		next(float64(ch.LeadMS))
	}
	put(capture.DisplayPreroll, 0)
	next(float64(ch.PrerollMS) + 30 + 120*r.Float64()) // the network's turn
	for i := range max(len(ch.Segments), faceproof.PlanUsual.Segments) {
		if i == len(ch.Segments) {
			put(capture.DisplayPostroll, 0)
		}
		if i < len(ch.Segments) {
			put(capture.DisplaySegment, i)
		}
		if i == faceproof.PlanUsual.Segments {
			usually, r = t+float64(ch.PostMS), d.longer
		}
		next(float64(ch.SegmentMS))
	}
	if len(ch.Segments) >= faceproof.PlanUsual.Segments {
		put(capture.DisplayPostroll, 0)
	}
	if r == d.usual {
		usually = t + float64(ch.PostMS)
	}
	return events, usually, events[len(events)-1].T + float64(ch.PostMS)
}

// shot is one frame of the camera.
type shot struct {
	at    float64 // ms, client clock: when it comes, LatencyMS after the light
	stamp float64 // as the client reports it
	full  bool    // a portrait
}

// portraits are the shots before the first colour, if there is one: they are sent
// in full.
func portraits(shots []shot, events []capture.DisplayEvent) {
	colours := slices.IndexFunc(events, func(e capture.DisplayEvent) bool { return e.Event == capture.DisplaySegment })
	for i := range shots {
		shots[i].full = colours < 0 || shots[i].stamp < events[colours].T
	}
}

// shutter gives the frames from begin to end that reach the client; usually is
// schedule's.
func (p Params) shutter(begin, usually, end float64, d draws) (shots []shot) {
	last, r := math.Inf(-1), d.usual
	for t := begin + 1000/p.FPS*r.Float64(); t <= max(usually, end); t += 1000 / p.FPS {
		if t > usually {
			r = d.longer
		}
		s := shot{at: t + p.JitterMS*r.NormFloat64()}
		s.stamp = s.at + math.Abs(p.StampMS*r.NormFloat64())
		if r.Float64() < p.Dropped || t > end {
			continue
		}
		s.stamp = max(s.stamp, last+1, begin)
		last = s.stamp
		shots = append(shots, s)
	}
	return shots
}

// exposed is the luminance of the bands in nits that a row of the frame has
// gathered. row is 0 for the first and 1 for the last; the middle one is read at
// the frame's time. The camera's frames between two that are sent still count,
// through its denoising.
func (p Params) exposed(screen play, at, row float64) (l bandLight) {
	end := at - p.LatencyMS + tick/2 + p.RollingMS*(row-.5) // an animation frame stands for a tick
	weight, total := 1., 0.
	for k := range p.between() {
		from := end - float64(k)*1000/cameraFPS
		for _, back := range [3]float64{1. / 6, .5, 5. / 6} {
			s := screen.at(from - back*p.ExposureMS)
			for b := range l {
				for c := range l[b] {
					l[b][c] += weight * s[b][c]
				}
			}
			total += weight
		}
		weight *= p.Denoise
	}
	for b := range l {
		for c := range l[b] {
			l[b][c] = p.nits(l[b][c] / total)
		}
	}
	return l
}

// cameraFPS is the camera's own rate, of which the client takes every second
// frame or every third.
const cameraFPS = 30

// between is how many of the camera's frames there are for one that is sent.
func (p Params) between() int { return max(int(math.Round(cameraFPS/p.FPS)), 1) }
