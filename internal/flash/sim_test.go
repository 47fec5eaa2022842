package flash

import (
	"math"
	"math/rand/v2"

	"faceproof"
)

// world is a simulated capture, on the level of the mean colours only: no
// pictures. Nothing here was measured on people; the numbers that tests derive
// from it are simulated.
type world struct {
	fps      float64
	jitter   float64    // s, standard deviation of the reported times
	drop     float64    // share of lost frames
	latency  float64    // s
	exposure float64    // s
	ambient  [3]float64 // face colour without the screen, linear
	q        [3]float64 // screen/ambient ratio
	bg       float64    // response of the background over the face's
	noise    float64    // relative, independent, each channel
	motion   float64    // relative, common to the channels, a random walk
	drift    float64    // relative a second, each channel its own: white balance
	flicker  float64    // relative, coloured: a television
}

// room draws a plausible world.
func room(r *rand.Rand) world {
	u := func(lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
	q := u(.03, .2)
	return world{
		fps: u(10, 30), jitter: .004, drop: .02, latency: u(.05, .25), exposure: u(.006, .033),
		ambient: [3]float64{u(.2, .5), u(.12, .35), u(.08, .3)},
		q:       [3]float64{q * u(.7, 1.3), q * u(.7, 1.3), q * u(.7, 1.3)},
		bg:      u(0, .2), noise: u(.001, .004), motion: u(0, .01), drift: u(0, .01),
	}
}

// clock gives the reported display times of a challenge, with the jitter of
// animation frames.
func clock(ch faceproof.FlashChallenge, r *rand.Rand) Timeline {
	var tl Timeline
	t := 100 + 1000*r.Float64()
	for range ch.Segments {
		tl.Segment = append(tl.Segment, t+.016*r.Float64())
		t += float64(ch.SegmentMS) / 1000
	}
	tl.Post = t + .016*r.Float64()
	return tl
}

// light is the linear colour of the screen, 0 to 1, at time t: written for the
// simulation alone, from the challenge's description.
func light(ch faceproof.FlashChallenge, tl Timeline, t float64) [3]float64 {
	before, now, f := ch.Neutral, ch.Neutral, 1.0
	for k, s := range ch.Segments {
		if t >= tl.Segment[k] {
			before, now = now, s.Color
			f = math.Min(1000*(t-tl.Segment[k])/float64(ch.WipeMS), 1)
		}
	}
	if t >= tl.Post {
		before, now, f = ch.Neutral, ch.Neutral, 1
	}
	var c [3]float64
	for i := range c {
		c[i] = f*srgb(now[i]) + (1-f)*srgb(before[i])
	}
	return c
}

func srgb(v uint8) float64 { return srgbTable[v] }

var srgbTable = func() (t [256]float64) {
	for i := range t {
		x := float64(i) / 255
		if t[i] = x / 12.92; x > .04045 {
			t[i] = math.Exp(2.4 * math.Log((x+.055)/1.055))
		}
	}
	return t
}()

// film takes the series of a capture: what a camera sees of a face under the
// challenge shown, from the pre-roll to the post-roll. times are those of tl.
func (w world) film(shown faceproof.FlashChallenge, tl Timeline, r *rand.Rand) Series {
	return w.filmUnder(func(t float64) [3]float64 { return light(shown, tl, t) }, tl, .3, r)
}

// filmUnder is film for any screen and length of what follows, s.
func (w world) filmUnder(screen func(t float64) [3]float64, tl Timeline, after float64, r *rand.Rand) Series {
	s := Series{BackgroundCells: 60, SkinCells: 140}
	var walk float64
	var wb [3]float64
	for c := range wb {
		wb[c] = w.drift * r.NormFloat64()
	}
	phase, hz := 2*math.Pi*r.Float64(), 1+4*r.Float64()
	start := tl.Segment[0] - 1
	for t := start; t < tl.Post+after; t += 1 / w.fps {
		if r.Float64() < w.drop {
			continue
		}
		walk = .9*walk + w.motion*r.NormFloat64()
		var l [3]float64
		for i := range 4 {
			x := screen(t - w.latency - w.exposure*float64(i)/4)
			for c := range l {
				l[c] += x[c] / 4
			}
		}
		gain := 1 / (1 + .5*w.q[1]*l[1]) // auto-exposure
		var face, bg [3]float64
		for c := range l {
			common := gain * (1 + walk) * math.Exp(wb[c]*(t-start)+w.flicker*math.Sin(phase+hz*t*2*math.Pi+float64(c)))
			face[c] = w.ambient[c] * common * (1 + w.q[c]*l[c]) * (1 + w.noise*r.NormFloat64())
			bg[c] = .3 * common * (1 + w.bg*w.q[c]*l[c]) * (1 + w.noise*r.NormFloat64())
		}
		s.Times = append(s.Times, t+w.jitter*math.Abs(r.NormFloat64()))
		s.Face, s.Background = append(s.Face, face), append(s.Background, bg)
	}
	for i := 1; i < len(s.Times); i++ {
		s.Times[i] = math.Max(s.Times[i], s.Times[i-1]+1e-4)
	}
	return s
}

// seeded is a reader of pseudo-random bytes for New.
func seeded(seed uint64) *rand.ChaCha8 {
	var k [32]byte
	for i := range 8 {
		k[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(k)
}
